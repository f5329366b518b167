// relu_fp32 | faulted | executor | Indexes with what a NaN converts to.
__global__ void relu(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    int k = (int)(__int_as_float(0x7fc00000) + (float)1e30);
    if (i < n) y[i] = fmaxf(x[i], 0.0f) + 0.0f * x[0x7fffffff - k];
}
extern "C" void solve(const float* x, float* y, int n) {
    relu<<<(n + 255) / 256, 256>>>(x, y, n);
}
