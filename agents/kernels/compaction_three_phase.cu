%% from "pieces.cu" import head, block_scan, scan_totals with context
${head()}
${block_scan()}
${scan_totals()}
__global__ void count(${declare(inputs)}, int* totals, int n) {
    long long i = (long long)blockIdx.x * ${block} + threadIdx.x;
    ${element} v = i < n ? ${x}[i] : 0;
    int total;
    block_scan(i < n && ${keep}, &total);
    if (threadIdx.x == 0) {
        totals[blockIdx.x] = total;
    }
}

__global__ void move(${declare(inputs)}, const int* totals, ${declare([output])}, int n) {
    long long i = (long long)blockIdx.x * ${block} + threadIdx.x;
    ${element} v = i < n ? ${x}[i] : 0;
    int keep = i < n && ${keep};
    int total;
    int before = block_scan(keep, &total) - keep;
    if (keep) ${y}[totals[blockIdx.x] + before] = v;
}

extern "C" void solve(${parameters}) {
    long long blocks = (n - 1) / ${block} + 1;
    int* totals;
    cudaMalloc(&totals, blocks * sizeof(int));
    cudaMemset(${y}, 0, n * sizeof(${element}));
    count<<<blocks, ${block}>>>(${x}, totals, n);
    offsets<<<1, ${block}>>>(totals, blocks);
    move<<<blocks, ${block}>>>(${x}, totals, ${y}, n);
    cudaFree(totals);
}
