// relu_fp32 | build_failed/correct | compiler's box | A loop to be unrolled 10^8 times.
__global__ void unrolled(float* y) {
    float v = y[0];
#pragma unroll 100000000
    for (int i = 0; i < 100000000; i++) v = v * v + y[i & 1023];
    y[0] = v;
}
__global__ void relu(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = fmaxf(x[i], 0.0f);
}
extern "C" void solve(const float* x, float* y, int n) {
    relu<<<(n + 255) / 256, 256>>>(x, y, n);
}
