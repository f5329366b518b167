// layernorm_fp32 | Welford's updates, merged across a warp by Chan's formula.
struct Moments {
    float count, mean, m2;
};
__device__ Moments merge(Moments a, Moments b) {
    float count = a.count + b.count;
    if (count == 0.0f) return a;
    float delta = b.mean - a.mean, share = b.count / count;
    return {count, a.mean + delta * share, a.m2 + b.m2 + delta * delta * a.count * share};
}
__global__ void layernorm(const float* x, const float* weight, const float* bias, float* y, int rows, int cols, float eps) {
    int r = blockIdx.x * blockDim.y + threadIdx.y;
    if (r >= rows) return;
    const float* in = x + (long long)r * cols;
    Moments m = {0, 0, 0};
    for (int c = threadIdx.x; c < cols; c += 32) {
        m.count += 1.0f;
        float delta = in[c] - m.mean;
        m.mean += delta / m.count;
        m.m2 += delta * (in[c] - m.mean);
    }
    for (int d = 1; d < 32; d <<= 1) {
        Moments o = {__shfl_xor_sync(~0u, m.count, d), __shfl_xor_sync(~0u, m.mean, d), __shfl_xor_sync(~0u, m.m2, d)};
        m = threadIdx.x & d ? merge(o, m) : merge(m, o);
    }
    float scale = rsqrtf(m.m2 / cols + eps);
    for (int c = threadIdx.x; c < cols; c += 32) y[(long long)r * cols + c] = (in[c] - m.mean) * scale * weight[c] + bias[c];
}
extern "C" void solve(const float* x, const float* weight, const float* bias, float* y, int rows, int cols, float eps) {
    layernorm<<<(rows + 3) / 4, dim3(32, 4)>>>(x, weight, bias, y, rows, cols, eps);
}
