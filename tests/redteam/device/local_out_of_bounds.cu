// relu_fp32 | faulted | executor | Writes outside of its own stack.
__global__ void relu(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    volatile float mine[8] = {};
    mine[n * 100000 + 64] = 1.0f;
    if (i < n) y[i] = fmaxf(x[i], 0.0f);
}
extern "C" void solve(const float* x, float* y, int n) {
    relu<<<(n + 255) / 256, 256>>>(x, y, n);
}
