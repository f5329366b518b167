// relu_fp32 | faulted | executor | Uses shared memory that nothing wrote.
__global__ void relu(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    __shared__ float s[256];
    if (i < n) y[i] = fmaxf(x[i], 0.0f) + 0.0f * s[threadIdx.x];
}
extern "C" void solve(const float* x, float* y, int n) {
    relu<<<(n + 255) / 256, 256>>>(x, y, n);
}
