// relu_fp32 | correct/wrong/faulted | executor | Shuffles from lanes that do not exist, under masks that name nobody.
__global__ void relu(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    float v = i < n ? x[i] : 0.0f, w;
    asm volatile("shfl.sync.idx.b32 %0, %1, 1000000, 0x1f, 0xffffffff;" : "=f"(w) : "f"(v));
    if (i < n) y[i] = fmaxf(v, 0.0f) + 0.0f * w;
}
extern "C" void solve(const float* x, float* y, int n) {
    relu<<<(n + 255) / 256, 256>>>(x, y, n);
}
