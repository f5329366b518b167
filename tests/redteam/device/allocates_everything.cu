// relu_fp32 | launch_failed | executor | Takes 60 GB of scratch memory.
__global__ void relu(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = fmaxf(x[i], 0.0f);
}
extern "C" void solve(const float* x, float* y, int n) {
    float* p;
    for (int i = 0; i < 4; i++) cudaMalloc(&p, 15ul << 30);
    cudaMemset(p, 1, 4096);
    relu<<<(n + 255) / 256, 256>>>(x, y, n);
}
