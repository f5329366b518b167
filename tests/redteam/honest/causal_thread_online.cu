// causal_attention_fp32 | A thread per query with the softmax online, its sums in local memory.
__global__ void attend(const float* q, const float* k, const float* v, float* out, int seq, int dim, float scale) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= seq) return;
    size_t head = size_t(blockIdx.y) * seq * dim;
    const float* mine = q + head + size_t(i) * dim;
    float acc[128], most = -INFINITY, sum = 0.0f;
    for (int d = 0; d < dim; d++) acc[d] = 0.0f;
    for (int j = 0; j <= i; j++) {
        float dot = 0.0f;
        for (int d = 0; d < dim; d++) dot = fmaf(mine[d], k[head + size_t(j) * dim + d], dot);
        dot *= scale;
        float next = fmaxf(most, dot), keep = expf(most - next), add = expf(dot - next);
        for (int d = 0; d < dim; d++) acc[d] = acc[d] * keep + add * v[head + size_t(j) * dim + d];
        sum = sum * keep + add;
        most = next;
    }
    for (int d = 0; d < dim; d++) out[head + size_t(i) * dim + d] = acc[d] / sum;
}
extern "C" void solve(const float* q, const float* k, const float* v, float* out, int heads, int seq, int dim) {
    attend<<<dim3((seq + 63) / 64, heads), 64>>>(q, k, v, out, seq, dim, 1.0f / sqrtf(dim));
}
