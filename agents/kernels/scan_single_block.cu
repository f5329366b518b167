%% from "pieces.cu" import head, block_scan with context
${head()}
${block_scan()}
__global__ void kernel(${parameters}) {
    long long count = ${count};
    ${type} carry = 0;
    for (long long start = 0; start < count; start += ${block}) {
        long long i = start + threadIdx.x;
        ${type} v = i < count ? ${x}[i] : 0;
        ${type} total;
        ${type} sum = carry + block_scan(v, &total);
        if (i < count) {
            ${y}[i] = ${"sum - v" if exclusive else "sum"};
        }
        carry += total;
    }
}

extern "C" void solve(${parameters}) {
    kernel<<<1, ${block}>>>(${arguments});
}
