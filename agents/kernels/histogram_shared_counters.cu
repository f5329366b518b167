%% from "pieces.cu" import head with context
${head()}
__global__ void kernel(${parameters}) {
    __shared__ int own[${bins}];
    for (int b = threadIdx.x; b < ${bins}; b += blockDim.x) {
        own[b] = 0;
    }
    __syncthreads();
    long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    long long stride = (long long)gridDim.x * blockDim.x;
    long long packs = n / 4;
    for (long long p = i; p < packs; p += stride) {
        uchar4 four = reinterpret_cast<const uchar4*>(${x})[p];
        atomicAdd(&own[four.x], 1);
        atomicAdd(&own[four.y], 1);
        atomicAdd(&own[four.z], 1);
        atomicAdd(&own[four.w], 1);
    }
    if (packs * 4 + i < n) {
        atomicAdd(&own[${x}[packs * 4 + i]], 1);
    }
    __syncthreads();
    for (int b = threadIdx.x; b < ${bins}; b += blockDim.x) {
        if (own[b]) atomicAdd(&${y}[b], own[b]);
    }
}

extern "C" void solve(${parameters}) {
    long long blocks = n / 4 / ${block} + 1;
    if (blocks > ${blocks}) blocks = ${blocks};
    cudaMemset(${y}, 0, ${bins} * sizeof(int));
    kernel<<<blocks, ${block}>>>(${arguments});
}
