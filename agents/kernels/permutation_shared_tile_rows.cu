%% from "pieces.cu" import head with context
${head()}
__global__ void kernel(${declare(inputs)}, ${declare([output])}, long long rows, long long cols) {
    __shared__ ${element} tile[32][33];
    unsigned tiles = (cols - 1) / 32 + 1;
    long long row0 = (long long)(blockIdx.x / tiles) * 32;
    long long col0 = blockIdx.x % tiles * 32;
    int tx = threadIdx.x % 32;
    int ty = threadIdx.x / 32;
    #pragma unroll
    for (int r = ty; r < 32; r += ${block // 32}) {
        if (row0 + r < rows && col0 + tx < cols) {
            tile[r][tx] = ${x}[(row0 + r) * cols + col0 + tx];
        }
    }
    __syncthreads();
    #pragma unroll
    for (int r = ty; r < 32; r += ${block // 32}) {
        if (row0 + tx < rows && col0 + r < cols) {
            ${y}[(col0 + r) * rows + row0 + tx] = tile[tx][r];
        }
    }
}

extern "C" void solve(${parameters}) {
    unsigned tiles = (${cols} - 1) / 32 + 1;
    long long blocks = ((${rows} - 1) / 32 + 1) * (long long)tiles;
    kernel<<<blocks, ${block}>>>(${x}, ${y}, ${rows}, ${cols});
}
