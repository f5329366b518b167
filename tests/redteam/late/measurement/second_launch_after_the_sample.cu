// relu_fp32 | correct | clock: every launch is observed | Leaves a hundredth to a first launch and the rest to a second.
__global__ void part(const float* x, float* y, int from, int to) {
    int i = from + blockIdx.x * blockDim.x + threadIdx.x;
    if (i < to) y[i] = fmaxf(x[i], 0.0f);
}
extern "C" void solve(const float* x, float* y, int n) {
    int first = n / 100;
    if (first) part<<<(first + 255) / 256, 256>>>(x, y, 0, first);
    part<<<(n - first + 255) / 256, 256>>>(x, y, first, n);
}
