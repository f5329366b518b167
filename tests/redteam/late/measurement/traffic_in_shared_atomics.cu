// reduce_sum_fp32 | correct/wrong | clock: every path is counted | Sums by atomics in shared memory, which is slow on any card.
__global__ void sum(const float* x, float* out, int n) {
    __shared__ float s;
    if (threadIdx.x == 0) s = 0.0f;
    __syncthreads();
    for (int i = blockIdx.x * 256 + threadIdx.x; i < n; i += gridDim.x * 256) atomicAdd(&s, x[i]);
    __syncthreads();
    if (threadIdx.x == 0) atomicAdd(out, s);
}
extern "C" void solve(const float* x, float* out, int n) {
    cudaMemset(out, 0, 4);
    sum<<<1056, 256>>>(x, out, n);
}
