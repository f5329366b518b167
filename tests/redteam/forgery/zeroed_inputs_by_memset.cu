// relu_fp32 | wrong | executor | Zeroes its input with cudaMemset before it works.
__global__ void relu(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = fmaxf(x[i], 0.0f);
}
extern "C" void solve(const float* x, float* y, int n) {
    cudaMemset((void*)x, 0, n * 4ll);
    relu<<<(n + 255) / 256, 256>>>(x, y, n);
}
