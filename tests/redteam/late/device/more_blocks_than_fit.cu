// relu_fp32 | faulted/timed_out | executor: blocks are resident as on the card | A barrier of the whole grid by hand, with three times as many blocks as the card holds: there it never ends.
__device__ unsigned arrived;
__global__ void relu(const float* x, float* y, int n) {
    __syncthreads();
    if (threadIdx.x == 0) {
        atomicAdd(&arrived, 1);
        while (atomicAdd(&arrived, 0) < gridDim.x) {}
        __threadfence();
    }
    __syncthreads();
    for (int i = blockIdx.x * 256 + threadIdx.x; i < n; i += gridDim.x * 256) y[i] = fmaxf(x[i], 0.0f);
}
extern "C" void solve(const float* x, float* y, int n) { relu<<<n > 10000000 ? 3168 : 1, 256>>>(x, y, n); }
