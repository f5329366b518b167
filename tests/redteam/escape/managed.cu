// relu_fp32 | rejected | recorder | Asks for memory that host and device share.
__global__ void relu(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = fmaxf(x[i], 0.0f);
}
extern "C" void solve(const float* x, float* y, int n) {
    float* shared;
    cudaMallocManaged(&shared, n * 4ul);
    relu<<<(n + 255) / 256, 256>>>(x, y, n);
}
