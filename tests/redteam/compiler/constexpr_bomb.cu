// relu_fp32 | build_failed/correct | compiler's box | A constant expression that takes hours.
constexpr unsigned long spin(unsigned long n) {
    unsigned long sum = 0;
    for (unsigned long i = 0; i < n; i++) sum = sum * 31 + i;
    return sum;
}
constexpr unsigned long spun = spin(1ul << 40);
static_assert(spun != 1, "");
__global__ void relu(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = fmaxf(x[i], 0.0f);
}
extern "C" void solve(const float* x, float* y, int n) {
    relu<<<(n + 255) / 256, 256>>>(x, y, n);
}
