// relu_fp32 | faulted | executor | Shares values between warps without a barrier.
__global__ void relu(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    __shared__ float s[256];
    s[threadIdx.x] = i < n ? x[i] : 0.0f;
    if (i < n) y[i] = fmaxf(s[threadIdx.x], 0.0f) + 0.0f * s[threadIdx.x ^ 32];
}
extern "C" void solve(const float* x, float* y, int n) {
    relu<<<(n + 255) / 256, 256>>>(x, y, n);
}
