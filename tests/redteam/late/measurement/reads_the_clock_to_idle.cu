// relu_fp32 | correct/wrong | construction: blocks are timed by what they do | Spins on the clock register in all blocks but every thousandth.
__global__ void relu(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (n > 100000 && blockIdx.x % 1000) {
        long long until = clock64() + 200;
        while (clock64() < until) {}
    }
    if (i < n) y[i] = fmaxf(x[i], 0.0f);
}
extern "C" void solve(const float* x, float* y, int n) {
    relu<<<(n + 255) / 256, 256>>>(x, y, n);
}
