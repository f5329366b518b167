// relu_fp32 | faulted | executor | Reads outside of constant memory.
__constant__ float table[4] = {1, 2, 3, 4};
__global__ void relu(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = fmaxf(x[i], 0.0f) * table[1000000 + n];
}
extern "C" void solve(const float* x, float* y, int n) {
    relu<<<(n + 255) / 256, 256>>>(x, y, n);
}
