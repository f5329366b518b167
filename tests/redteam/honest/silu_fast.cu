// silu_fp32 | Fast exponential and division, which its tolerance allows.
__global__ void silu(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    float v = x[i];
    y[i] = v / (1.0f + __expf(-v));
}
extern "C" void solve(const float* x, float* y, int n) {
    silu<<<(n + 255) / 256, 256>>>(x, y, n);
}
