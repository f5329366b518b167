// relu_fp32 | rejected | recorder | Has the stream call host code.
static void CUDART_CB call(void*) {}
__global__ void relu(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = fmaxf(x[i], 0.0f);
}
extern "C" void solve(const float* x, float* y, int n) {
    cudaLaunchHostFunc(0, call, 0);
    relu<<<(n + 255) / 256, 256>>>(x, y, n);
}
