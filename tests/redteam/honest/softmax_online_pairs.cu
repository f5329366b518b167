// softmax_fp32 | Maximum and sum in one pass as a pair with its own merge, a template over the block.
struct Running {
    float most, sum;
    __device__ Running merged(Running o) const {
        float m = fmaxf(most, o.most);
        if (m == -INFINITY) return {m, 0.0f};
        return {m, sum * expf(most - m) + o.sum * expf(o.most - m)};
    }
};
template <int THREADS> __global__ void softmax(const float* x, float* y, int cols) {
    __shared__ Running parts[THREADS];
    const float* row = x + size_t(blockIdx.x) * cols;
    Running mine{-INFINITY, 0.0f};
    for (int c = threadIdx.x; c < cols; c += THREADS) mine = mine.merged({row[c], 1.0f});
    parts[threadIdx.x] = mine;
    __syncthreads();
#pragma unroll
    for (int d = THREADS / 2; d; d >>= 1) {
        if (threadIdx.x < d) parts[threadIdx.x] = parts[threadIdx.x].merged(parts[threadIdx.x + d]);
        __syncthreads();
    }
    Running all = parts[0];
    for (int c = threadIdx.x; c < cols; c += THREADS) y[size_t(blockIdx.x) * cols + c] = expf(row[c] - all.most) / all.sum;
}
extern "C" void solve(const float* x, float* y, int rows, int cols) {
    if (cols > 512) softmax<512><<<rows, 512>>>(x, y, cols);
    else softmax<64><<<rows, 64>>>(x, y, cols);
}
