%% from "pieces.cu" import head, block_reduce with context
${head()}
${block_reduce("max")}
${block_reduce("sum")}
__global__ void kernel(${parameters}) {
    long long row = blockIdx.x;
    const ${element}* from = ${x} + row * ${cols};
    ${output.dtype.c}* to = ${y} + row * ${cols};
    float m = -INFINITY;
    for (int c = threadIdx.x; c < ${cols}; c += blockDim.x) {
        float v = from[c];
        m = fmaxf(m, v);
    }
    m = block_max(m);
    float s = 0.0f;
    for (int c = threadIdx.x; c < ${cols}; c += blockDim.x) {
        float v = from[c];
        s += expf(v - m);
    }
    s = block_sum(s);
    for (int c = threadIdx.x; c < ${cols}; c += blockDim.x) {
        float v = from[c];
        to[c] = ${finish};
    }
}

extern "C" void solve(${parameters}) {
    long long blocks = ${rows};
    kernel<<<blocks, ${block}>>>(${arguments});
}
