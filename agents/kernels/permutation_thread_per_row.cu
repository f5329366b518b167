%% from "pieces.cu" import head with context
${head()}
__global__ void kernel(${declare(inputs)}, ${declare([output])}, long long rows, long long cols) {
    long long row = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (row >= rows) return;
    for (long long col = 0; col < cols; col++) {
        ${y}[col * rows + row] = ${x}[row * cols + col];
    }
}

extern "C" void solve(${parameters}) {
    long long blocks = (${rows} - 1) / ${block} + 1;
    kernel<<<blocks, ${block}>>>(${x}, ${y}, ${rows}, ${cols});
}
