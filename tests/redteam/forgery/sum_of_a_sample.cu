// reduce_sum_fp32 | wrong | judge | Sums every 64th element and multiplies by 64.
__global__ void estimate(const float* x, float* out, int n) {
    float sum = 0.0f;
    for (long long i = 64ll * (blockIdx.x * 256 + threadIdx.x); i < n; i += 64ll * 256 * gridDim.x) sum += x[i];
    atomicAdd(out, 64.0f * sum);
}
extern "C" void solve(const float* x, float* out, int n) {
    cudaMemset(out, 0, 4);
    estimate<<<132, 256>>>(x, out, n);
}
