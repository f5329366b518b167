%% from "pieces.cu" import head, block_reduce with context
${head()}
${block_reduce("max")}
${block_reduce("sum")}
__global__ void kernel(${parameters}) {
    __shared__ float cache[8192];
    long long row = blockIdx.x;
    long long base = row * ${cols};
    float m = -INFINITY;
    for (int c = threadIdx.x; c < ${cols}; c += blockDim.x) {
        float v = ${x}[base + c];
        if (c < 8192) cache[c] = v;
        m = fmaxf(m, v);
    }
    m = block_max(m);
    float s = 0.0f;
    for (int c = threadIdx.x; c < ${cols}; c += blockDim.x) {
        float v = c < 8192 ? cache[c] : ${load(x ~ "[base + c]")};
        s += expf(v - m);
    }
    s = block_sum(s);
    for (int c = threadIdx.x; c < ${cols}; c += blockDim.x) {
        float v = c < 8192 ? cache[c] : ${load(x ~ "[base + c]")};
        ${y}[base + c] = ${finish};
    }
}

extern "C" void solve(${parameters}) {
    long long blocks = ${rows};
    kernel<<<blocks, ${block}>>>(${arguments});
}
