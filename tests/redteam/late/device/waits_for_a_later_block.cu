// relu_fp32 | faulted/timed_out/correct | executor | Block 0 waits for a block that a card starts last.
__global__ void relu(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    __shared__ int unused;
    volatile float* last = y + n - 1;
    if (i < n && i) y[i] = fmaxf(x[i], 0.0f) + 1e30f;
    if (i == 0) while (*last != -1.0f) {}
}
extern "C" void solve(const float* x, float* y, int n) {
    relu<<<(n + 255) / 256, 256>>>(x, y, n);
}
