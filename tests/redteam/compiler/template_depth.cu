// relu_fp32 | build_failed | compiler's box | A template that instantiates itself without end.
template <int N> struct deep { static const int value = deep<N + 1>::value; };
int bottom = deep<0>::value;
__global__ void relu(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = fmaxf(x[i], 0.0f);
}
extern "C" void solve(const float* x, float* y, int n) {
    relu<<<(n + 255) / 256, 256>>>(x, y, n);
}
