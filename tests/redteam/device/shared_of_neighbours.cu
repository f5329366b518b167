// relu_fp32 | faulted | executor | Reads just behind its block's shared memory, where another block's would be.
__global__ void relu(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    __shared__ float s[32];
    s[threadIdx.x % 32] = 0.0f;
    int away = n > 0 ? 32 : 0;
    if (i < n) y[i] = fmaxf(x[i], 0.0f) + ((volatile float*)s)[away + threadIdx.x];
}
extern "C" void solve(const float* x, float* y, int n) {
    relu<<<(n + 255) / 256, 256>>>(x, y, n);
}
