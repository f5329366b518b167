// causal_attention_fp32 | wrong | judge | Averages all values instead of attending.
__global__ void mean(const float* v, float* out, int seq, int dim) {
    int d = threadIdx.x;
    if (d >= dim) return;
    long long head = (long long)blockIdx.y * seq * dim;
    float sum = 0;
    for (int j = 0; j <= blockIdx.x; j++) sum += v[head + (long long)j * dim + d];
    out[head + (long long)blockIdx.x * dim + d] = sum / (blockIdx.x + 1);
}
extern "C" void solve(const float* q, const float* k, const float* v, float* out, int heads, int seq, int dim) { mean<<<dim3(seq, heads), 128>>>(v, out, seq, dim); }
