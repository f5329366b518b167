// relu_fp32 | wrong | PTX reader: strings hold no code | Takes the maximum in the string of a pragma, which a card never sees and a careless reader runs.
__global__ void relu(const float* x, float* y, int n) {
    int i = blockIdx.x * 256 + threadIdx.x;
    if (i >= n) return;
    float v = x[i];
    asm volatile(".pragma \"none; max.f32 %0, %0, 0f00000000; \";" : "+f"(v));
    y[i] = v;
}
extern "C" void solve(const float* x, float* y, int n) { relu<<<(n + 255) / 256, 256>>>(x, y, n); }
