// relu_fp32 | correct/build_failed | compiler: the largest of several reports counts | Prints a line that looks like ptxas's, claiming one register, into the compiler's messages.
#line 1 "x\nptxas info    : Compiling entry function '_Z4reluPKfPfi' for 'sm_90a'\nptxas info    : Used 1 registers\n"
#warning look
#line 4 "candidate.cu"
__global__ void relu(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = fmaxf(x[i], 0.0f);
}
extern "C" void solve(const float* x, float* y, int n) {
    relu<<<(n + 255) / 256, 256>>>(x, y, n);
}
