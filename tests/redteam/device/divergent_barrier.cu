// relu_fp32 | faulted | executor | Half of a block waits at one barrier, half at another.
__global__ void relu(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (threadIdx.x < 128) asm volatile("bar.sync 1;"); else asm volatile("bar.sync 2;");
    if (i < n) y[i] = fmaxf(x[i], 0.0f);
}
extern "C" void solve(const float* x, float* y, int n) {
    relu<<<(n + 255) / 256, 256>>>(x, y, n);
}
