// relu_fp32 | timed_out | executor | Loops without end and does something each time.
__global__ void relu(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    for (unsigned k = 0; x[0] == x[0]; k++) y[k % n] = fmaxf(x[k % n], 0.0f);
}
extern "C" void solve(const float* x, float* y, int n) {
    relu<<<(n + 255) / 256, 256>>>(x, y, n);
}
