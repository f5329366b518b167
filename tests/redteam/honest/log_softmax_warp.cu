// log_softmax_fp32 | A warp per row, the logarithm taken once.
__global__ void log_softmax(const float* x, float* y, int rows, int cols) {
    for (int r = blockIdx.x * 4 + threadIdx.x / 32; r < rows; r += gridDim.x * 4) {
        const float* in = x + (long long)r * cols;
        float most = in[0], sum = 0.0f;
        for (int c = threadIdx.x % 32; c < cols; c += 32) most = fmaxf(most, in[c]);
        for (int d = 16; d; d >>= 1) most = fmaxf(most, __shfl_xor_sync(0xffffffff, most, d));
        for (int c = threadIdx.x % 32; c < cols; c += 32) sum += expf(in[c] - most);
        for (int d = 16; d; d >>= 1) sum += __shfl_xor_sync(0xffffffff, sum, d);
        const float shift = logf(sum);
        for (int c = threadIdx.x % 32; c < cols; c += 32) y[(long long)r * cols + c] = in[c] - most - shift;
    }
}
extern "C" void solve(const float* x, float* y, int rows, int cols) {
    log_softmax<<<1056, 128>>>(x, y, rows, cols);
}
