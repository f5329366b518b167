%% from "pieces.cu" import head, warp_scan, warps_scan, scan_totals with context
${head()}
${warp_scan()}
${warps_scan()}
__global__ void sums(${declare(inputs)}, ${type}* totals, ${declare(scalars)}) {
    long long count = ${count};
    long long start = (long long)blockIdx.x * ${items * block};
    ${type} v = 0;
    for (int k = 0; k < ${items}; k++) {
        long long i = start + k * ${block} + threadIdx.x;
        v += i < count ? ${x}[i] : 0;
    }
    ${type} total;
    block_scan(v, &total);
    if (threadIdx.x == 0) {
        totals[blockIdx.x] = total;
    }
}

${scan_totals()}
__global__ void kernel(${declare(inputs)}, ${declare([output])}, const ${type}* totals, ${declare(scalars)}) {
    long long count = ${count};
    long long start = (long long)blockIdx.x * ${items * block};
    ${type} carry = totals[blockIdx.x];
    for (int k = 0; k < ${items}; k++) {
        long long i = start + k * ${block} + threadIdx.x;
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
    long long count = ${count};
    long long blocks = (count - 1) / ${items * block} + 1;
    ${type}* totals;
    cudaMalloc(&totals, blocks * sizeof(${type}));
    sums<<<blocks, ${block}>>>(${x}, totals, ${names(scalars)});
    offsets<<<1, ${block}>>>(totals, blocks);
    kernel<<<blocks, ${block}>>>(${x}, ${y}, totals, ${names(scalars)});
    cudaFree(totals);
}
