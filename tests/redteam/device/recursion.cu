// relu_fp32 | faulted/launch_failed/rejected | executor | Recurses on the device without end.
__device__ __noinline__ float deep(float v, int n) {
    volatile float here[16] = {v};
    return n == -1 ? v : deep(v + here[n & 15], n + 1) + here[0];
}
__global__ void relu(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = deep(x[i], n);
}
extern "C" void solve(const float* x, float* y, int n) {
    relu<<<(n + 255) / 256, 256>>>(x, y, n);
}
