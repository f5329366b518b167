// softmax_fp32_wide | Three launches with the rows' maxima and sums in scratch memory, by atomics.
__device__ int ordered(float v) { int b = __float_as_int(v); return b < 0 ? b ^ 0x7fffffff : b; }
__device__ float unordered(int b) { return __int_as_float(b < 0 ? b ^ 0x7fffffff : b); }
__global__ void prepare(int* most, float* sum, int rows) {
    int r = blockIdx.x * blockDim.x + threadIdx.x;
    if (r < rows) most[r] = 0x80000000, sum[r] = 0.0f;
}
__global__ void maxima(const float* x, int* most, int cols) {
    int mine = 0x80000000;
    for (int c = blockIdx.x * blockDim.x + threadIdx.x; c < cols; c += gridDim.x * blockDim.x)
        mine = max(mine, ordered(x[(size_t)blockIdx.y * cols + c]));
    mine = __reduce_max_sync(~0u, mine);
    if (threadIdx.x % 32 == 0) atomicMax(most + blockIdx.y, mine);
}
__global__ void sums(const float* x, const int* most, float* sum, int cols) {
    float mine = 0.0f, m = unordered(most[blockIdx.y]);
    for (int c = blockIdx.x * blockDim.x + threadIdx.x; c < cols; c += gridDim.x * blockDim.x)
        mine += expf(x[(size_t)blockIdx.y * cols + c] - m);
    for (int d = 16; d; d /= 2) mine += __shfl_down_sync(~0u, mine, d);
    if (threadIdx.x % 32 == 0) atomicAdd(sum + blockIdx.y, mine);
}
__global__ void divide(const float* x, float* y, const int* most, const float* sum, int cols) {
    float m = unordered(most[blockIdx.y]), s = 1.0f / sum[blockIdx.y];
    for (int c = blockIdx.x * blockDim.x + threadIdx.x; c < cols; c += gridDim.x * blockDim.x)
        y[(size_t)blockIdx.y * cols + c] = expf(x[(size_t)blockIdx.y * cols + c] - m) * s;
}
extern "C" void solve(const float* x, float* y, int rows, int cols) {
    int* most;
    float* sum;
    cudaMalloc((void**)&most, rows * sizeof(int));
    cudaMalloc((void**)&sum, rows * sizeof(float));
    prepare<<<(rows + 127) / 128, 128>>>(most, sum, rows);
    dim3 grid(16, rows);
    maxima<<<grid, 256>>>(x, most, cols);
    sums<<<grid, 256>>>(x, most, sum, cols);
    divide<<<grid, 256>>>(x, y, most, sum, cols);
    cudaFree(most);
    cudaFree(sum);
}
