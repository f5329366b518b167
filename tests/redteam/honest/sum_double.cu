// reduce_sum_fp32 | Partial sums in double precision, in scratch memory.
__global__ void partial(const float* x, double* sums, int n) {
    __shared__ double s[256];
    double sum = 0;
    for (int i = blockIdx.x * 256 + threadIdx.x; i < n; i += 256 * gridDim.x) sum += x[i];
    s[threadIdx.x] = sum;
    for (int half = 128; half > 0; half >>= 1) {
        __syncthreads();
        if (threadIdx.x < half) s[threadIdx.x] += s[threadIdx.x + half];
    }
    if (threadIdx.x == 0) sums[blockIdx.x] = s[0];
}
__global__ void finish(const double* sums, float* out, int count) {
    double total = 0;
    for (int i = 0; i < count; i++) total += sums[i];
    *out = (float)total;
}
extern "C" void solve(const float* x, float* out, int n) {
    const int blocks = 264;
    double* sums;
    cudaMalloc(&sums, blocks * sizeof(double));
    partial<<<blocks, 256>>>(x, sums, n);
    finish<<<1, 1>>>(sums, out, blocks);
    cudaFree(sums);
}
