// relu_fp32 | faulted | executor | Uses scratch memory that was freed.
__global__ void use(float* p) { p[0] = 1.0f; }
__global__ void relu(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = fmaxf(x[i], 0.0f);
}
extern "C" void solve(const float* x, float* y, int n) {
    float* p;
    cudaMalloc(&p, 4);
    cudaFree(p);
    use<<<1, 1>>>(p);
    relu<<<(n + 255) / 256, 256>>>(x, y, n);
}
