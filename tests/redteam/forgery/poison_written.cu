// relu_fp32 | wrong | judge | Writes one NaN among right values, to poison norms and sums.
__global__ void relu(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = i == n / 2 ? __int_as_float(0x7fffffff) : fmaxf(x[i], 0.0f);
}
extern "C" void solve(const float* x, float* y, int n) {
    relu<<<(n + 255) / 256, 256>>>(x, y, n);
}
