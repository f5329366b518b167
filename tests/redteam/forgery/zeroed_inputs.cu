// relu_fp32 | wrong | executor | Zeroes its input, so that a reference computed afterwards would be zero as well.
__global__ void relu(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) ((float*)x)[i] = y[i] = 0.0f;
}
extern "C" void solve(const float* x, float* y, int n) {
    relu<<<(n + 255) / 256, 256>>>(x, y, n);
}
