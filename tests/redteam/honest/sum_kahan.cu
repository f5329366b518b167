// reduce_sum_fp32_odd | Compensated sums per thread.
__global__ void kahan(const float* x, float* out, int n) {
    float sum = 0, lost = 0;
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) {
        float v = __fsub_rn(x[i], lost), t = __fadd_rn(sum, v);
        lost = __fsub_rn(__fsub_rn(t, sum), v);
        sum = t;
    }
    for (int lane = 16; lane; lane /= 2) sum += __shfl_xor_sync(~0u, sum, lane);
    if (!(threadIdx.x & 31)) atomicAdd(out, sum);
}
extern "C" void solve(const float* x, float* out, int n) {
    cudaMemset(out, 0, 4);
    kahan<<<264, 256>>>(x, out, n);
}
