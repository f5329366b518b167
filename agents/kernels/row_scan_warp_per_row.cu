%% from "pieces.cu" import head, warp_scan with context
${head()}
${warp_scan()}
__global__ void kernel(${parameters}) {
    long long row = (long long)blockIdx.x * ${block // 32} + threadIdx.x / 32;
    if (row >= ${rows}) return;
    const ${element}* from = ${x} + row * ${cols};
    ${output.dtype.c}* to = ${y} + row * ${cols};
    int lane = threadIdx.x % 32;
    ${type} carry = 0;
    for (int c0 = 0; c0 < ${cols}; c0 += 32) {
        int c = c0 + lane;
        ${type} v = c < ${cols} ? from[c] : 0;
        ${type} sum = carry + warp_scan(v);
        if (c < ${cols}) {
            to[c] = ${"sum - v" if exclusive else "sum"};
        }
        carry = __shfl_sync(0xffffffff, sum, 31);
    }
}

extern "C" void solve(${parameters}) {
    long long blocks = (${rows} - 1) / ${block // 32} + 1;
    kernel<<<blocks, ${block}>>>(${arguments});
}
