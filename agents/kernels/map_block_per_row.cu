%% from "pieces.cu" import head, operation with context
${head()}
${operation()}
__global__ void kernel(${parameters}) {
    long long row = blockIdx.x;
    long long base = row * ${cols};
    for (int c = threadIdx.x; c < ${cols}; c += blockDim.x) {
        ${y}[base + c] = op(${row_loads("c")});
    }
}

extern "C" void solve(${parameters}) {
    long long blocks = ${rows};
    kernel<<<blocks, ${block}>>>(${arguments});
}
