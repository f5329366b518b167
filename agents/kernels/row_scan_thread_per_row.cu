%% from "pieces.cu" import head with context
${head()}
__global__ void kernel(${parameters}) {
    long long row = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (row >= ${rows}) return;
    const ${element}* from = ${x} + row * ${cols};
    ${output.dtype.c}* to = ${y} + row * ${cols};
    ${type} carry = 0;
    for (int c = 0; c < ${cols}; c++) {
        ${type} v = from[c];
        carry += v;
        to[c] = ${"carry - v" if exclusive else "carry"};
    }
}

extern "C" void solve(${parameters}) {
    long long blocks = (${rows} - 1) / ${block} + 1;
    kernel<<<blocks, ${block}>>>(${arguments});
}
