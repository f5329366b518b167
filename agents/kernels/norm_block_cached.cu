%% from "pieces.cu" import head, block_reduce with context
${head()}
${block_reduce("sum")}
__global__ void kernel(${parameters}) {
    __shared__ float cache[8192];
    long long row = blockIdx.x;
    long long base = row * ${cols};
    float ${"mean" if centred else "s"} = 0.0f;
    for (int c = threadIdx.x; c < ${cols}; c += blockDim.x) {
        float v = ${x}[base + c];
        if (c < 8192) cache[c] = v;
%% if centred
        mean += v;
    }
    mean = block_sum(mean) / ${cols};
    float s = 0.0f;
    for (int c = threadIdx.x; c < ${cols}; c += blockDim.x) {
        float v = (c < 8192 ? cache[c] : ${load(x ~ "[base + c]")}) - mean;
%% endif
        s += v * v;
    }
    s = block_sum(s);
    float scale = ${scale};
    for (int c = threadIdx.x; c < ${cols}; c += blockDim.x) {
        float v = ${"(" if centred}c < 8192 ? cache[c] : ${load(x ~ "[base + c]")}${") - mean" if centred};
        ${y}[base + c] = ${finish};
    }
}

extern "C" void solve(${parameters}) {
    long long blocks = ${rows};
    kernel<<<blocks, ${block}>>>(${arguments});
}
