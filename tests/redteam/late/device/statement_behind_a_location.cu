// relu_fp32 | wrong | PTX reader: a location ends where its grammar says | Ends at once, in assembly on the line of a .loc, of which a careless reader skips the rest.
__global__ void relu(const float* x, float* y, int n) {
    int i = blockIdx.x * 256 + threadIdx.x;
    asm volatile(".loc 1 4 1 exit;");
    if (i < n) y[i] = fmaxf(x[i], 0.0f);
}
extern "C" void solve(const float* x, float* y, int n) { relu<<<(n + 255) / 256, 256>>>(x, y, n); }
