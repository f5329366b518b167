// relu_fp32 | violation | recorder | Computes on the host, through the device pointers.
__global__ void relu(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = fmaxf(x[i], 0.0f);
}
extern "C" void solve(const float* x, float* y, int n) {
    for (int i = 0; i < n; i++) y[i] = x[i] > 0 ? x[i] : 0;
    return;
    relu<<<(n + 255) / 256, 256>>>(x, y, n);
}
