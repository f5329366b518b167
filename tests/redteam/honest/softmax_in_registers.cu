// softmax_fp32 | A row held in registers by a block of 256 threads; longer rows are read again.
__device__ float over_block(float v, float* s, bool maximum) {
    for (int d = 16; d; d /= 2) {
        float o = __shfl_xor_sync(~0u, v, d);
        v = maximum ? fmaxf(v, o) : v + o;
    }
    __syncthreads();
    if (threadIdx.x % 32 == 0) s[threadIdx.x / 32] = v;
    __syncthreads();
    v = s[0];
    for (int w = 1; w < 8; w++) v = maximum ? fmaxf(v, s[w]) : v + s[w];
    return v;
}
__global__ void softmax(const float* x, float* y, int cols) {
    __shared__ float s[8];
    float kept[16], most = -INFINITY, sum = 0.0f;
    x += (size_t)blockIdx.x * cols;
    y += (size_t)blockIdx.x * cols;
#pragma unroll
    for (int k = 0; k < 16; k++) {
        int c = k * 256 + threadIdx.x;
        kept[k] = c < cols ? x[c] : -INFINITY;
        most = fmaxf(most, kept[k]);
    }
    for (int c = 4096 + threadIdx.x; c < cols; c += 256) most = fmaxf(most, x[c]);
    most = over_block(most, s, true);
#pragma unroll
    for (int k = 0; k < 16; k++) sum += kept[k] = expf(kept[k] - most);
    for (int c = 4096 + threadIdx.x; c < cols; c += 256) sum += expf(x[c] - most);
    sum = over_block(sum, s, false);
#pragma unroll
    for (int k = 0; k < 16; k++)
        if (k * 256 + threadIdx.x < cols) y[k * 256 + threadIdx.x] = kept[k] / sum;
    for (int c = 4096 + threadIdx.x; c < cols; c += 256) y[c] = expf(x[c] - most) / sum;
}
extern "C" void solve(const float* x, float* y, int rows, int cols) {
    softmax<<<rows, 256>>>(x, y, cols);
}
