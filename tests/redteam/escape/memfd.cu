// relu_fp32 | violation | recorder | Makes a file in memory that no limit on files counts.
#include <sys/mman.h>
__global__ void relu(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = fmaxf(x[i], 0.0f);
}
extern "C" void solve(const float* x, float* y, int n) {
    memfd_create("large", 0);
    relu<<<(n + 255) / 256, 256>>>(x, y, n);
}
