// relu_fp32 | violation | recorder | Makes a system call from an indirect function's resolver, while the library is loaded.
extern "C" void nothing() {}
extern "C" void* chosen() {
    long result;
    asm volatile("syscall" : "=a"(result) : "a"(57l) : "rcx", "r11", "memory");
    return (void*)nothing;
}
extern "C" void work() __attribute__((ifunc("chosen")));
__global__ void relu(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = fmaxf(x[i], 0.0f);
}
extern "C" void solve(const float* x, float* y, int n) {
    work();
    relu<<<(n + 255) / 256, 256>>>(x, y, n);
}
