// relu_fp32 | launch_failed/build_failed | executor | Takes a stack of 1 MB per thread.
__global__ void relu(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    volatile float mine[262144];
    mine[n] = 1.0f;
    if (i < n) y[i] = fmaxf(x[i], 0.0f) + mine[n + 1] * 0.0f;
}
extern "C" void solve(const float* x, float* y, int n) {
    relu<<<(n + 255) / 256, 256>>>(x, y, n);
}
