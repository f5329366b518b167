// gelu_fp32 | Two elements per access by hand.
__device__ float gelu(float v) { return 0.5f * v * (1.0f + erff(v * 0.70710678118654752f)); }
__global__ void two_each(const float* x, float* y, int n) {
    int i = 2 * (blockIdx.x * blockDim.x + threadIdx.x);
    if (i + 1 < n) {
        float2 v = *reinterpret_cast<const float2*>(x + i);
        v.x = gelu(v.x);
        v.y = gelu(v.y);
        *reinterpret_cast<float2*>(y + i) = v;
    } else if (i < n) {
        y[i] = gelu(x[i]);
    }
}
extern "C" void solve(const float* x, float* y, int n) {
    two_each<<<(n + 511) / 512, 256>>>(x, y, n);
}
