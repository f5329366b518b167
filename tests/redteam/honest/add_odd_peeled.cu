// vector_add_fp32_odd | Two floats per access, and one thread for the odd element.
__global__ void pairs(const float2* a, const float2* b, float2* out, int count) {
    int i = blockDim.x * blockIdx.x + threadIdx.x;
    if (i < count) {
        float2 p = a[i], q = b[i];
        out[i] = make_float2(p.x + q.x, p.y + q.y);
    }
}
__global__ void last(const float* a, const float* b, float* out) { *out = *a + *b; }
extern "C" void solve(const float* a, const float* b, float* out, int n) {
    if (n > 1)
        pairs<<<(n / 2 + 255) / 256, 256>>>((const float2*)a, (const float2*)b, (float2*)out, n / 2);
    if (n % 2) last<<<1, 1>>>(a + n - 1, b + n - 1, out + n - 1);
}
