// axpy_fp32 | The factor in constant memory.
__constant__ float factor;
__global__ void axpy(const float* x, float* y, int n) {
    int i = threadIdx.x + blockIdx.x * blockDim.x;
    if (i < n) y[i] = fmaf(factor, x[i], y[i]);
}
extern "C" void solve(float alpha, const float* x, float* y, int n) {
    cudaMemcpyToSymbol(factor, &alpha, sizeof alpha);
    axpy<<<(n + 319) / 320, 320>>>(x, y, n);
}
