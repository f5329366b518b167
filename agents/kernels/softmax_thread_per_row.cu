%% from "pieces.cu" import head with context
${head()}
__global__ void kernel(${parameters}) {
    long long row = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (row >= ${rows}) return;
    const ${element}* from = ${x} + row * ${cols};
    ${output.dtype.c}* to = ${y} + row * ${cols};
    float m = -INFINITY;
    for (int c = 0; c < ${cols}; c++) {
        float v = from[c];
        m = fmaxf(m, v);
    }
    float s = 0.0f;
    for (int c = 0; c < ${cols}; c++) {
        float v = from[c];
        s += expf(v - m);
    }
    for (int c = 0; c < ${cols}; c++) {
        float v = from[c];
        to[c] = ${finish};
    }
}

extern "C" void solve(${parameters}) {
    long long blocks = (${rows} - 1) / ${block} + 1;
    kernel<<<blocks, ${block}>>>(${arguments});
}
