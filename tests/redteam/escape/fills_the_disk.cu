// relu_fp32 | violation | recorder | Writes a large file into the temporary folder.
#include <stdio.h>
__global__ void relu(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = fmaxf(x[i], 0.0f);
}
extern "C" void solve(const float* x, float* y, int n) {
    FILE* file = fopen("/tmp/large", "w");
    for (int i = 0; file && i < 1 << 30; i++) fputs("full", file);
    relu<<<(n + 255) / 256, 256>>>(x, y, n);
}
