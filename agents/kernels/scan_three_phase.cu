%% from "pieces.cu" import head, block_scan, scan_totals with context
${head()}
${block_scan()}
__global__ void kernel(${declare(inputs)}, ${declare([output])}, ${type}* totals, ${declare(scalars)}) {
    long long count = ${count};
    long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    ${type} v = i < count ? ${x}[i] : 0;
    ${type} total;
    ${type} sum = block_scan(v, &total);
    if (i < count) {
        ${y}[i] = ${"sum - v" if exclusive else "sum"};
    }
    if (threadIdx.x == 0) {
        totals[blockIdx.x] = total;
    }
}

${scan_totals()}
__global__ void add(${declare([output])}, const ${type}* totals, ${declare(scalars)}) {
    long long count = ${count};
    long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (i < count) {
        ${y}[i] += totals[blockIdx.x];
    }
}

extern "C" void solve(${parameters}) {
    long long count = ${count};
    long long blocks = (count - 1) / ${block} + 1;
    ${type}* totals;
    cudaMalloc(&totals, blocks * sizeof(${type}));
    kernel<<<blocks, ${block}>>>(${x}, ${y}, totals, ${names(scalars)});
    offsets<<<1, ${block}>>>(totals, blocks);
    add<<<blocks, ${block}>>>(${y}, totals, ${names(scalars)});
    cudaFree(totals);
}
