%% from "pieces.cu" import head with context
${head()}
__global__ void kernel(${declare(inputs)}, ${declare([output])}, long long rows, long long cols) {
    __shared__ ${element} tile[${tile}][${tile + 1}];
    unsigned tiles = (cols - 1) / ${tile} + 1;
    long long row0 = (long long)(blockIdx.x / tiles) * ${tile};
    long long col0 = blockIdx.x % tiles * ${tile};
    int tx = threadIdx.x % ${tile};
    int ty = threadIdx.x / ${tile};
    if (row0 + ty < rows && col0 + tx < cols) {
        tile[ty][tx] = ${x}[(row0 + ty) * cols + col0 + tx];
    }
    __syncthreads();
    if (row0 + tx < rows && col0 + ty < cols) {
        ${y}[(col0 + ty) * rows + row0 + tx] = tile[tx][ty];
    }
}

extern "C" void solve(${parameters}) {
    unsigned tiles = (${cols} - 1) / ${tile} + 1;
    long long blocks = ((${rows} - 1) / ${tile} + 1) * (long long)tiles;
    kernel<<<blocks, ${tile * tile}>>>(${x}, ${y}, ${rows}, ${cols});
}
