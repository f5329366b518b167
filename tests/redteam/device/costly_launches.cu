// relu_fp32 | timed_out | executor: budgets count over all launches | Nine hundred launches, each just within any budget of its own.
__global__ void busy(float* y) {
    float v = y[0];
    for (int k = 0; k < 100000; k++) v = v * 0.5f + 1.0f;
    if (v == 3.0f) y[0] = v;
}
__global__ void relu(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = fmaxf(x[i], 0.0f);
}
extern "C" void solve(const float* x, float* y, int n) {
    for (int i = 0; i < 900; i++) busy<<<1, 256>>>(y);
    relu<<<(n + 255) / 256, 256>>>(x, y, n);
}
