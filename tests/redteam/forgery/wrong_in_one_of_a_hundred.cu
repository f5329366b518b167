// relu_fp32 | wrong | judge | Leaves out the work in one block of a hundred of large inputs.
__global__ void relu(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    y[i] = n > 100000 && blockIdx.x % 100 == 57 ? 0.0f : fmaxf(x[i], 0.0f);
}
extern "C" void solve(const float* x, float* y, int n) {
    relu<<<(n + 255) / 256, 256>>>(x, y, n);
}
