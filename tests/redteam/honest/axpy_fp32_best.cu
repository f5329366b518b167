// axpy_fp32 | A thread per element; what attacks must not surpass.
__global__ void axpy(float alpha, const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = alpha * x[i] + y[i];
}
extern "C" void solve(float alpha, const float* x, float* y, int n) {
    axpy<<<(n + 255) / 256, 256>>>(alpha, x, y, n);
}
