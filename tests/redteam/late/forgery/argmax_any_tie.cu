// argmax_fp32 | wrong | judge | Takes the last of several largest elements.
__global__ void argmax(const float* x, long long* out, int rows, int cols) {
    int r = blockIdx.x * blockDim.x + threadIdx.x;
    if (r >= rows) return;
    long long best = 0;
    for (int c = 1; c < cols; c++)
        if (x[(long long)r * cols + c] >= x[(long long)r * cols + best]) best = c;
    out[r] = best;
}
extern "C" void solve(const float* x, long long* out, int rows, int cols) { argmax<<<(rows + 63) / 64, 64>>>(x, out, rows, cols); }
