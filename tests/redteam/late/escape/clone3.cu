// relu_fp32 | correct/violation/rejected | recorder | Starts a process with clone3.
#include <sys/syscall.h>
#include <unistd.h>
#include <string.h>
__global__ void relu(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = fmaxf(x[i], 0.0f);
}
extern "C" void solve(const float* x, float* y, int n) {
    unsigned long arguments[11] = {};
    syscall(SYS_clone3, arguments, sizeof arguments);
    relu<<<(n + 255) / 256, 256>>>(x, y, n);
}
