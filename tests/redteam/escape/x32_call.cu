// relu_fp32 | violation | recorder | Makes a system call with a number of the x32 interface.
__global__ void relu(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = fmaxf(x[i], 0.0f);
}
extern "C" void solve(const float* x, float* y, int n) {
    long result;
    asm volatile("syscall" : "=a"(result) : "a"(0x40000000l + 57) : "rcx", "r11", "memory");
    relu<<<(n + 255) / 256, 256>>>(x, y, n);
}
