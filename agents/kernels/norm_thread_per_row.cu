%% from "pieces.cu" import head with context
${head()}
__global__ void kernel(${parameters}) {
    long long row = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (row >= ${rows}) return;
    const ${element}* from = ${x} + row * ${cols};
    ${output.dtype.c}* to = ${y} + row * ${cols};
%% if centred
    float mean = 0.0f;
    for (int c = 0; c < ${cols}; c++) {
        float v = from[c];
        mean += v;
    }
    mean = mean / ${cols};
%% endif
    float s = 0.0f;
    for (int c = 0; c < ${cols}; c++) {
        float v = ${load("from[c]")}${" - mean" if centred};
        s += v * v;
    }
    float scale = ${scale};
    for (int c = 0; c < ${cols}; c++) {
        float v = ${load("from[c]")}${" - mean" if centred};
        to[c] = ${finish};
    }
}

extern "C" void solve(${parameters}) {
    long long blocks = (${rows} - 1) / ${block} + 1;
    kernel<<<blocks, ${block}>>>(${arguments});
}
