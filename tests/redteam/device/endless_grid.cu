// relu_fp32 | timed_out | executor | Launches 2^31 - 1 blocks.
__global__ void relu(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = fmaxf(x[i], 0.0f);
}
extern "C" void solve(const float* x, float* y, int n) {
    relu<<<2147483647, 1024>>>(x, y, n);
}
