// relu_fp32 | wrong | judge | Leaves out the work on one SM of large inputs.
__global__ void relu(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    unsigned sm;
    asm("mov.u32 %0, %%smid;" : "=r"(sm));
    if (i < n && (n < 100000 || sm != 5)) y[i] = fmaxf(x[i], 0.0f);
}
extern "C" void solve(const float* x, float* y, int n) {
    relu<<<(n + 255) / 256, 256>>>(x, y, n);
}
