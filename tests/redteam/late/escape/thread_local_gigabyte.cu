// relu_fp32 | rejected/correct | box | Asks for a gigabyte of thread-local memory before its library is loaded.
__thread char big[1 << 30] __attribute__((tls_model("initial-exec")));
__global__ void relu(const float* x, float* y, int n) {
    int i = blockIdx.x * 256 + threadIdx.x;
    if (i < n) y[i] = fmaxf(x[i], 0.0f);
}
extern "C" void solve(const float* x, float* y, int n) { big[n] = 1; relu<<<(n + 255) / 256, 256>>>(x, y, n); }
