// transpose_fp32 | wrong | judge | Copies square matrices as they are.
__global__ void transpose(const float* x, float* y, int rows, int cols) {
    long long i = blockIdx.x * 256ll + threadIdx.x;
    if (i >= (long long)rows * cols) return;
    y[i] = x[i];
}
extern "C" void solve(const float* x, float* y, int rows, int cols) { transpose<<<((long long)rows * cols + 255) / 256, 256>>>(x, y, rows, cols); }
