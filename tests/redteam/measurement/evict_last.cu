// relu_fp32 | correct/grader_error | construction: caches start cold and hints earn nothing | Pins its input in the caches with evict-last loads.
__global__ void relu(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    float v;
    if (i >= n) return;
    asm volatile("ld.global.L1::evict_last.f32 %0, [%1];" : "=f"(v) : "l"(x + i));
    y[i] = fmaxf(v, 0.0f);
}
extern "C" void solve(const float* x, float* y, int n) {
    relu<<<(n + 255) / 256, 256>>>(x, y, n);
}
