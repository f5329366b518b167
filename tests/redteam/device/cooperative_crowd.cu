// relu_fp32 | launch_failed | plan reader | Launches a cooperative grid larger than the card.
__global__ void relu(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = fmaxf(x[i], 0.0f);
}
extern "C" void solve(const float* x, float* y, int n) {
    void* arguments[] = {&x, &y, &n};
    cudaLaunchCooperativeKernel((void*)relu, dim3(100000), dim3(256), arguments, 0, 0);
    relu<<<(n + 255) / 256, 256>>>(x, y, n);
}
