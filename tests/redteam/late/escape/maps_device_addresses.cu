// relu_fp32 | violation/rejected/wrong/correct | executor: inputs are elsewhere | Maps memory where device addresses lie and reads zeros from it.
#include <sys/mman.h>
#include <stdio.h>
__global__ void relu(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = fmaxf(x[i], 0.0f);
}
extern "C" void solve(const float* x, float* y, int n) {
    mmap((void*)x, 1 << 16, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    volatile float first = x[0];
    printf("%f", first);
    relu<<<(n + 255) / 256, 256>>>(x, y, n);
}
