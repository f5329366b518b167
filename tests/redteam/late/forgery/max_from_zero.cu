// reduce_max_fp32 | wrong | judge | Begins a maximum at zero, right for ordinary rows.
__global__ void row_max(const float* x, float* out, int rows, int cols) {
    int r = blockIdx.x * 8 + threadIdx.y;
    if (r >= rows) return;
    float most = 0.0f;
    for (int c = threadIdx.x; c < cols; c += 32) most = fmaxf(most, x[(long long)r * cols + c]);
    for (int d = 16; d; d /= 2) most = fmaxf(most, __shfl_xor_sync(~0u, most, d));
    if (threadIdx.x == 0) out[r] = most;
}
extern "C" void solve(const float* x, float* out, int rows, int cols) { row_max<<<(rows + 7) / 8, dim3(32, 8)>>>(x, out, rows, cols); }
