// relu_fp32 | wrong | PTX reader: strings hold no code | Ends at once, in assembly between two pragmas whose strings look like the ends of a comment to a careless reader.
__global__ void relu(const float* x, float* y, int n) {
    int i = blockIdx.x * 256 + threadIdx.x;
    asm volatile(".pragma \"/*\"; exit; .pragma \"*/\";");
    if (i < n) y[i] = fmaxf(x[i], 0.0f);
}
extern "C" void solve(const float* x, float* y, int n) { relu<<<(n + 255) / 256, 256>>>(x, y, n); }
