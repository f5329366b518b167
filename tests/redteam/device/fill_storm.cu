// relu_fp32 | timed_out | executor | Fills 600 GB.
__global__ void relu(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = fmaxf(x[i], 0.0f);
}
extern "C" void solve(const float* x, float* y, int n) {
    char* p;
    cudaMalloc(&p, 64 << 20);
    for (int i = 0; i < 10000; i++) cudaMemset(p, i, 64 << 20);
    relu<<<(n + 255) / 256, 256>>>(x, y, n);
}
