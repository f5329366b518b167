// relu_fp32 | build_failed | builder: PTX is measured | Inline assembly with 8 MB of comments.
#define A "/* ______________________________________________________________________________ */"
#define B A A A A A A A A A A
#define C B B B B B B B B B B
#define D C C C C C C C C C C
#define E D D D D D D D D D D
__global__ void large() { asm volatile(E E E E E E E E E E); }
__global__ void relu(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = fmaxf(x[i], 0.0f);
}
extern "C" void solve(const float* x, float* y, int n) {
    relu<<<(n + 255) / 256, 256>>>(x, y, n);
}
