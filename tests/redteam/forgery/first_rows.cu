// bias_relu_fp32 | wrong | judge | Computes the first two rows and repeats them.
__global__ void rows_repeated(const float* x, const float* bias, float* y, int rows, int cols) {
    for (int c = threadIdx.x; c < cols; c += blockDim.x)
        y[(long long)blockIdx.x * cols + c] = fmaxf(x[(blockIdx.x & 1) % rows * cols + c] + bias[c], 0.0f);
}
extern "C" void solve(const float* x, const float* bias, float* y, int rows, int cols) {
    rows_repeated<<<rows, 256>>>(x, bias, y, rows, cols);
}
