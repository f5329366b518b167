// relu_fp32 | violation | recorder | Opens a file from a constructor, before solve is called.
#include <fcntl.h>
__attribute__((constructor)) static void first() { open("/etc/passwd", O_RDONLY); }
__global__ void relu(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = fmaxf(x[i], 0.0f);
}
extern "C" void solve(const float* x, float* y, int n) {
    relu<<<(n + 255) / 256, 256>>>(x, y, n);
}
