%% from "pieces.cu" import head with context
${head()}
__global__ void kernel(${parameters}) {
    long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    long long stride = (long long)gridDim.x * blockDim.x;
    unsigned lane = threadIdx.x % 32;
    for (; i - lane < n; i += stride) {
        int v = i < n ? ${x}[i] : -1;
        unsigned same = __match_any_sync(0xffffffff, v);
        if (i < n && lane == __ffs(same) - 1) {
            atomicAdd(&${y}[v], __popc(same));
        }
    }
}

extern "C" void solve(${parameters}) {
    long long blocks = (n - 1) / ${block} + 1;
    if (blocks > ${blocks}) blocks = ${blocks};
    cudaMemset(${y}, 0, (long long)${bins} * sizeof(int));
    kernel<<<blocks, ${block}>>>(${arguments});
}
