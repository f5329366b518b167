// reduce_max_fp32 | A block per row, each thread a private maximum, a vote by index in shared memory.
__global__ void row_max(const float* x, float* out, int cols) {
    __shared__ float best[128];
    x += (size_t)blockIdx.x * cols;
    float mine = -INFINITY;
    for (int c = threadIdx.x; c < cols; c += 128) mine = fmaxf(mine, x[c]);
    best[threadIdx.x] = mine;
    __syncthreads();
    if (threadIdx.x < 32) {
        mine = fmaxf(fmaxf(best[threadIdx.x], best[threadIdx.x + 32]), fmaxf(best[threadIdx.x + 64], best[threadIdx.x + 96]));
        for (int d = 1; d < 32; d *= 2) mine = fmaxf(mine, __shfl_down_sync(0xffffffff, mine, d));
        if (threadIdx.x == 0) out[blockIdx.x] = mine;
    }
}
extern "C" void solve(const float* x, float* out, int rows, int cols) {
    row_max<<<rows, 128>>>(x, out, cols);
}
