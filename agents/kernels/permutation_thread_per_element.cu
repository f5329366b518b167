%% from "pieces.cu" import head with context
${head()}
__global__ void kernel(${declare(inputs)}, ${declare([output])}, long long rows, long long cols) {
    long long count = rows * cols;
    long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (i < count) {
        long long row = i / cols;
        long long col = i % cols;
        ${y}[col * rows + row] = ${x}[i];
    }
}

extern "C" void solve(${parameters}) {
    long long count = ${count};
    long long blocks = (count - 1) / ${block} + 1;
    kernel<<<blocks, ${block}>>>(${x}, ${y}, ${rows}, ${cols});
}
