%% from "pieces.cu" import head, block_reduce with context
${head()}
${block_reduce("sum")}
__global__ void kernel(${parameters}) {
    long long row = blockIdx.x;
    const ${element}* from = ${x} + row * ${cols};
    ${output.dtype.c}* to = ${y} + row * ${cols};
%% if centred
    float mean = 0.0f;
    for (int c = threadIdx.x; c < ${cols}; c += blockDim.x) {
        float v = from[c];
        mean += v;
    }
    mean = block_sum(mean) / ${cols};
%% endif
    float s = 0.0f;
    for (int c = threadIdx.x; c < ${cols}; c += blockDim.x) {
        float v = ${load("from[c]")}${" - mean" if centred};
        s += v * v;
    }
    s = block_sum(s);
    float scale = ${scale};
    for (int c = threadIdx.x; c < ${cols}; c += blockDim.x) {
        float v = ${load("from[c]")}${" - mean" if centred};
        to[c] = ${finish};
    }
}

extern "C" void solve(${parameters}) {
    long long blocks = ${rows};
    kernel<<<blocks, ${block}>>>(${arguments});
}
