// axpy_fp32 | correct | clock: atomics move their sectors to and from DRAM | Updates by atomics, whose traffic a clock may overlook.
__global__ void axpy(float alpha, const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) atomicAdd(y + i, alpha * x[i]);
}
extern "C" void solve(float alpha, const float* x, float* y, int n) { axpy<<<(n + 255) / 256, 256>>>(alpha, x, y, n); }
