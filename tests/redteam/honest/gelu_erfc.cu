// gelu_fp32 | The complementary error function, accurate where erf is near -1.
__global__ void gelu(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = 0.5f * x[i] * erfcf(-0.70710678f * x[i]);
}
extern "C" void solve(const float* x, float* y, int n) {
    gelu<<<(n + 255) / 256, 256>>>(x, y, n);
}
