%% from "pieces.cu" import head with context
${head()}
__global__ void kernel(${parameters}) {
    long long count = ${count};
    long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    long long stride = (long long)gridDim.x * blockDim.x;
    ${type} v = ${identity};
    for (; i < count; i += stride) {
        ${type} w = ${value("i")};
        v = ${combine(operator)};
    }
    atomicAdd(${y}, ${finish});
}

extern "C" void solve(${parameters}) {
    long long count = ${count};
    long long blocks = (count - 1) / ${block} + 1;
    if (blocks > ${blocks}) blocks = ${blocks};
    cudaMemset(${y}, 0, sizeof(float));
    kernel<<<blocks, ${block}>>>(${arguments});
}
