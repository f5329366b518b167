%% from "pieces.cu" import head, operation with context
${head()}
${operation()}
__global__ void kernel(${parameters}) {
    long long count = ${count};
    long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    long long stride = (long long)gridDim.x * blockDim.x;
    for (; i < count; i += stride) {
        ${y}[i] = op(${loads("i")});
    }
}

extern "C" void solve(${parameters}) {
    long long count = ${count};
    long long blocks = (count - 1) / ${block} + 1;
    if (blocks > ${blocks}) blocks = ${blocks};
    kernel<<<blocks, ${block}>>>(${arguments});
}
