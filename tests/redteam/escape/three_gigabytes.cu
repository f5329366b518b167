// relu_fp32 | rejected | box | Takes three gigabytes of host memory and touches them.
#include <stdlib.h>
__global__ void relu(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = fmaxf(x[i], 0.0f);
}
extern "C" void solve(const float* x, float* y, int n) {
    char* volatile large = (char*)malloc(3ul << 30);
    for (unsigned long i = 0; i < 3ul << 30; i += 4096) large[i] = 1;
    relu<<<(n + 255) / 256, 256>>>(x, y, n);
}
