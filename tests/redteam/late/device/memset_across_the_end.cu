// relu_fp32 | launch_failed | plan reader | Fills memory across the end of the output.
__global__ void relu(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = fmaxf(x[i], 0.0f);
}
extern "C" void solve(const float* x, float* y, int n) {
    cudaMemset(y, 0, n * 4ll + 4);
    relu<<<(n + 255) / 256, 256>>>(x, y, n);
}
