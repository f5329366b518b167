%% from "pieces.cu" import head, operation with context
${head()}
${operation()}
__global__ void kernel(${parameters}) {
    long long count = ${count};
    long long start = ((long long)blockIdx.x * blockDim.x + threadIdx.x) * ${items};
    for (long long i = start; i < start + ${items} && i < count; i++) {
        ${y}[i] = op(${loads("i")});
    }
}

extern "C" void solve(${parameters}) {
    long long count = ${count};
    long long blocks = (count - 1) / ${block * items} + 1;
    kernel<<<blocks, ${block}>>>(${arguments});
}
