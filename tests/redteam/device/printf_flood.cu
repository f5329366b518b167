// relu_fp32 | correct/timed_out/grader_error | executor | Prints from every thread.
#include <stdio.h>
__global__ void relu(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    for (int k = 0; k < 1000; k++) printf("%d %f and no end\n", i, x[0]);
    if (i < n) y[i] = fmaxf(x[i], 0.0f);
}
extern "C" void solve(const float* x, float* y, int n) {
    relu<<<(n + 255) / 256, 256>>>(x, y, n);
}
