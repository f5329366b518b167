// relu_fp32 | faulted/timed_out/wrong/correct | executor | Takes device heap memory until there is none.
__global__ void relu(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    for (int k = 0; k < 64; k++) {
        volatile char* p = (volatile char*)malloc(1 << 16);
        p[0] = 1;
    }
    if (i < n) y[i] = fmaxf(x[i], 0.0f);
}
extern "C" void solve(const float* x, float* y, int n) {
    relu<<<(n + 255) / 256, 256>>>(x, y, n);
}
