// relu_fp32 | faulted | executor | Writes to non-canonical and kernel addresses.
__global__ void relu(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    *(float*)(0xffffffff80000000 + 8ll * i) = 1.0f;
    if (i < n) y[i] = fmaxf(x[i], 0.0f);
}
extern "C" void solve(const float* x, float* y, int n) {
    relu<<<(n + 255) / 256, 256>>>(x, y, n);
}
