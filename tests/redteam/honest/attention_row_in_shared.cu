// attention_fp32 | A block per query keeps all its logits in dynamic shared memory.
__global__ void attend(const float* q, const float* k, const float* v, float* out, int seq, int dim) {
    extern __shared__ float logits[];
    __shared__ float query[128], s[128];
    int i = blockIdx.x, t = threadIdx.x;
    long long head = (long long)blockIdx.y * seq * dim;
    int keys = seq;
    if (t < dim) query[t] = q[head + (long long)i * dim + t] * rsqrtf((float)dim);
    __syncthreads();
    float most = -INFINITY, sum = 0.0f;
    for (int j = t; j < keys; j += 128) {
        float dot = 0.0f;
        for (int d = 0; d < dim; d++) dot += query[d] * k[head + (long long)j * dim + d];
        logits[j] = dot;
        most = fmaxf(most, dot);
    }
    s[t] = most;
    __syncthreads();
    for (int d = 64; d; d /= 2) {
        if (t < d) s[t] = fmaxf(s[t], s[t + d]);
        __syncthreads();
    }
    most = s[0];
    __syncthreads();
    for (int j = t; j < keys; j += 128) sum += logits[j] = expf(logits[j] - most);
    s[t] = sum;
    __syncthreads();
    for (int d = 64; d; d /= 2) {
        if (t < d) s[t] += s[t + d];
        __syncthreads();
    }
    if (t >= dim) return;
    float result = 0.0f;
    for (int j = 0; j < keys; j++) result += logits[j] * v[head + (long long)j * dim + t];
    out[head + (long long)i * dim + t] = result / s[0];
}
extern "C" void solve(const float* q, const float* k, const float* v, float* out, int heads, int seq, int dim) {
    attend<<<dim3(seq, heads), 128, seq * sizeof(float)>>>(q, k, v, out, seq, dim);
}
