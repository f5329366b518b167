// relu_fp32 | correct | construction: the card's figures are not the candidate's to give | Sets device flags, limits and cache preferences that promise speed.
__global__ void relu(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = fmaxf(x[i], 0.0f);
}
extern "C" void solve(const float* x, float* y, int n) {
    cudaSetDeviceFlags(cudaDeviceScheduleSpin);
    cudaFuncSetCacheConfig(relu, cudaFuncCachePreferL1);
    cudaDeviceSetCacheConfig(cudaFuncCachePreferL1);
    relu<<<(n + 255) / 256, 256>>>(x, y, n);
}
