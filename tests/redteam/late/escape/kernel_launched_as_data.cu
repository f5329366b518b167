// relu_fp32 | correct/wrong/rejected | recorder | Launches through a pointer that is no kernel.
__global__ void relu(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = fmaxf(x[i], 0.0f);
}
extern "C" void solve(const float* x, float* y, int n) {
    void* arguments[] = {&x, &y, &n};
    cudaLaunchKernel((const void*)0x1234, dim3(1), dim3(1), arguments, 0, 0);
    relu<<<(n + 255) / 256, 256>>>(x, y, n);
}
