%% from "pieces.cu" import head with context
${head()}
__global__ void kernel(${parameters}) {
    long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    long long stride = (long long)gridDim.x * blockDim.x;
    for (; i < n; i += stride) {
        atomicAdd(&${y}[${x}[i]], 1);
    }
}

extern "C" void solve(${parameters}) {
    long long blocks = (n - 1) / ${block} + 1;
    if (blocks > ${blocks}) blocks = ${blocks};
    cudaMemset(${y}, 0, (long long)${bins} * sizeof(int));
    kernel<<<blocks, ${block}>>>(${arguments});
}
