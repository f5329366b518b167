// reduce_max_fp32 | Floats mapped to ordered integers, reduced by the warp's own instruction.
__device__ int ordered(float v) { int b = __float_as_int(v); return b >= 0 ? b : b ^ 0x7fffffff; }
__global__ void row_max(const float* x, float* out, int rows, int cols) {
    int row = blockIdx.x * 8 + threadIdx.y;
    if (row >= rows) return;
    int best = 0x80000000;
    for (int c = threadIdx.x; c < cols; c += 32) best = max(best, ordered(x[(long long)row * cols + c]));
    best = __reduce_max_sync(0xffffffff, best);
    if (threadIdx.x == 0) out[row] = __int_as_float(best >= 0 ? best : best ^ 0x7fffffff);
}
extern "C" void solve(const float* x, float* out, int rows, int cols) {
    row_max<<<(rows + 7) / 8, dim3(32, 8)>>>(x, out, rows, cols);
}
