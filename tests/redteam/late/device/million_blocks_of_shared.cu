// relu_fp32 | timed_out | executor | A million blocks with 48 KB of shared memory each, cleared at each start.
__global__ void relu(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    __shared__ float s[12288];
    if (i < 0) s[i] = 0;
    if (i < n) y[i] = fmaxf(x[i], 0.0f) + (i < 0 ? s[1] : 0);
}
extern "C" void solve(const float* x, float* y, int n) {
    relu<<<4000000, 256>>>(x, y, n);
}
