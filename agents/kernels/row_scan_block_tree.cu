%% from "pieces.cu" import head, block_scan with context
${head()}
${block_scan()}
__global__ void kernel(${parameters}) {
    long long row = blockIdx.x;
    const ${element}* from = ${x} + row * ${cols};
    ${output.dtype.c}* to = ${y} + row * ${cols};
    ${type} carry = 0;
    for (int c0 = 0; c0 < ${cols}; c0 += ${block}) {
        int c = c0 + threadIdx.x;
        ${type} v = c < ${cols} ? from[c] : 0;
        ${type} total;
        ${type} sum = carry + block_scan(v, &total);
        if (c < ${cols}) {
            to[c] = ${"sum - v" if exclusive else "sum"};
        }
        carry += total;
    }
}

extern "C" void solve(${parameters}) {
    long long blocks = ${rows};
    kernel<<<blocks, ${block}>>>(${arguments});
}
