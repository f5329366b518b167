%% from "pieces.cu" import head, operation with context
${head()}
${operation()}
__global__ void kernel(${parameters}) {
    long long count = ${count};
    long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (i < count) {
        ${y}[i] = op(${loads("i")});
    }
}

extern "C" void solve(${parameters}) {
    long long count = ${count};
    long long blocks = (count - 1) / ${block} + 1;
    kernel<<<blocks, ${block}>>>(${arguments});
}
