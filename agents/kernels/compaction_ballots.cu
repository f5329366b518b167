%% from "pieces.cu" import head, block_scan, scan_totals with context
${head()}
${block_scan()}
${scan_totals()}
__global__ void count(${declare(inputs)}, int* totals, int n) {
    long long warp = ((long long)blockIdx.x * ${block} + threadIdx.x) / 32;
    int lane = threadIdx.x % 32;
    int total = 0;
    for (int k = 0; k < ${items}; k++) {
        long long i = (warp * ${items} + k) * 32 + lane;
        ${element} v = i < n ? ${x}[i] : 0;
        total += __popc(__ballot_sync(0xffffffff, i < n && ${keep}));
    }
    if (lane == 0) totals[warp] = total;
}

__global__ void move(${declare(inputs)}, const int* totals, ${declare([output])}, int n) {
    long long warp = ((long long)blockIdx.x * ${block} + threadIdx.x) / 32;
    int lane = threadIdx.x % 32;
    long long place = totals[warp];
    for (int k = 0; k < ${items}; k++) {
        long long i = (warp * ${items} + k) * 32 + lane;
        ${element} v = i < n ? ${x}[i] : 0;
        bool keep = i < n && ${keep};
        unsigned kept = __ballot_sync(0xffffffff, keep);
        if (keep) ${y}[place + __popc(kept & ((1u << lane) - 1))] = v;
        place += __popc(kept);
    }
}

extern "C" void solve(${parameters}) {
    long long blocks = (n - 1) / ${block * items} + 1;
    long long warps = blocks * ${block // 32};
    int* totals;
    cudaMalloc(&totals, warps * sizeof(int));
    cudaMemset(${y}, 0, n * sizeof(${element}));
    count<<<blocks, ${block}>>>(${x}, totals, n);
    offsets<<<1, ${block}>>>(totals, warps);
    move<<<blocks, ${block}>>>(${x}, totals, ${y}, n);
    cudaFree(totals);
}
