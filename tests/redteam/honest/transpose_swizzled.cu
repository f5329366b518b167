// transpose_fp32 | A square tile without padding, its columns swizzled by exclusive or.
__global__ void transpose(const float* x, float* y, int rows, int cols) {
    __shared__ float tile[32][32];
    int r = blockIdx.y * 32, c = blockIdx.x * 32 + threadIdx.x;
    for (int k = threadIdx.y; k < 32; k += 8)
        if (r + k < rows && c < cols) tile[k][threadIdx.x ^ k] = x[(long long)(r + k) * cols + c];
    __syncthreads();
    r += threadIdx.x;
    for (int k = threadIdx.y; k < 32; k += 8) {
        int target = blockIdx.x * 32 + k;
        if (target < cols && r < rows) y[(long long)target * rows + r] = tile[threadIdx.x][k ^ threadIdx.x];
    }
}
extern "C" void solve(const float* x, float* y, int rows, int cols) {
    transpose<<<dim3((cols + 31) / 32, (rows + 31) / 32), dim3(32, 8)>>>(x, y, rows, cols);
}
