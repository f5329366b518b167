// relu_fp32 | wrong | judge | Drops the lowest bit of every result.
__global__ void relu(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = __uint_as_float(__float_as_uint(fmaxf(x[i], 0.0f)) & ~1u);
}
extern "C" void solve(const float* x, float* y, int n) {
    relu<<<(n + 255) / 256, 256>>>(x, y, n);
}
