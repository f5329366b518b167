// relu_fp32 | rejected | recorder | Recurses on the host without end.
static int deep(volatile int* p) { volatile int here[64] = {*p}; return deep(here) + here[1]; }
__global__ void relu(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = fmaxf(x[i], 0.0f);
}
extern "C" void solve(const float* x, float* y, int n) {
    volatile int zero = 0;
    deep(&zero);
    relu<<<(n + 255) / 256, 256>>>(x, y, n);
}
