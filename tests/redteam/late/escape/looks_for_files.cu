// relu_fp32 | violation | recorder | Asks whether a file is there, by the form of fstat() that takes a name too.
#include <sys/stat.h>
__global__ void relu(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = fmaxf(x[i], 0.0f);
}
extern "C" void solve(const float* x, float* y, int n) {
    struct stat about;
    register long flags asm("r10") = 0x1000;
    long result;
    asm volatile("syscall" : "=a"(result) : "a"(262l), "D"(-100l), "S"("/etc/passwd"), "d"(&about), "r"(flags)
                 : "rcx", "r11", "memory");
    relu<<<(n + 255) / 256, result ? 1 : 256>>>(x, y, n);
}
