// relu_fp32 | correct | executor | Shifts by more than a word has bits.
__global__ void relu(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    unsigned v = 1, far = 200 + n % 2;
    asm volatile("shl.b32 %0, %0, %1; shr.u32 %0, %0, %1; bfe.u32 %0, %0, %1, %1; bfi.b32 %0, %0, %0, %1, %1;" : "+r"(v) : "r"(far));
    if (i < n) y[i] = fmaxf(x[i], 0.0f) + 0.0f * v;
}
extern "C" void solve(const float* x, float* y, int n) {
    relu<<<(n + 255) / 256, 256>>>(x, y, n);
}
