// relu_fp32 | faulted/correct | construction: barriers are numbered modulo 16 | Waits at a barrier with a number that no SM has.
__global__ void relu(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    asm volatile("{ .reg .u32 b; mov.u32 b, 99; bar.sync b; }");
    if (i < n) y[i] = fmaxf(x[i], 0.0f);
}
extern "C" void solve(const float* x, float* y, int n) {
    relu<<<(n + 255) / 256, 256>>>(x, y, n);
}
