// relu_fp32 | correct/faulted | executor | Half of each block leaves before the barrier that the other half waits at.
__global__ void relu(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (threadIdx.x >= 128 && i < n) y[i] = fmaxf(x[i], 0.0f);
    if (threadIdx.x >= 128) return;
    __syncthreads();
    if (i < n) y[i] = fmaxf(x[i], 0.0f);
}
extern "C" void solve(const float* x, float* y, int n) {
    relu<<<(n + 255) / 256, 256>>>(x, y, n);
}
