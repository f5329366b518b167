// relu_fp32 | launch_failed | plan reader | Launches a grid without blocks.
__global__ void relu(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = fmaxf(x[i], 0.0f);
}
extern "C" void solve(const float* x, float* y, int n) {
    relu<<<0, 256>>>(x, y, n);
}
