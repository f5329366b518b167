// gelu_fp32 | The normal distribution function.
static __device__ inline float one(float v) { return v * normcdff(v); }
__global__ void gelu(const float* x, float* y, int n) {
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += blockDim.x * gridDim.x) y[i] = one(x[i]);
}
extern "C" void solve(const float* x, float* y, int n) {
    gelu<<<1320, 256>>>(x, y, n);
}
