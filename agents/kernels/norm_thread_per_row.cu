%% from "pieces.cu" import head with context
${head()}
__global__ void kernel(${parameters}) {
    long long row = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (row >= ${rows}) return;
    long long base = row * ${cols};
%% if centred
    float mean = 0.0f;
    for (int c = 0; c < ${cols}; c++) {
        float v = ${x}[base + c];
        mean += v;
    }
    mean = mean / ${cols};
%% endif
    float s = 0.0f;
    for (int c = 0; c < ${cols}; c++) {
        float v = ${load(x ~ "[base + c]")}${" - mean" if centred};
        s += v * v;
    }
    float scale = ${scale};
    for (int c = 0; c < ${cols}; c++) {
        float v = ${load(x ~ "[base + c]")}${" - mean" if centred};
        ${y}[base + c] = ${finish};
    }
}

extern "C" void solve(${parameters}) {
    long long blocks = (${rows} - 1) / ${block} + 1;
    kernel<<<blocks, ${block}>>>(${arguments});
}
