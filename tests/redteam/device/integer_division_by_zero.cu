// relu_fp32 | wrong/correct | executor | Divides by zero and the least integer by -1, which kill processes.
__global__ void relu(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    volatile int zero = 0, minus = -1, least = 1 << 31;
    volatile int a = n / zero, b = least / minus, c = least % minus, d = n % zero;
    if (i < n) y[i] = fmaxf(x[i], 0.0f) + 0 * (a + b + c + d);
}
extern "C" void solve(const float* x, float* y, int n) {
    relu<<<(n + 255) / 256, 256>>>(x, y, n);
}
