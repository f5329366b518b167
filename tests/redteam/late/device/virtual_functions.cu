// relu_fp32 | faulted/grader_error | executor | Calls a virtual function of an object that a forged pointer makes up.
struct Base { virtual __device__ float f(float v) { return v; } };
__global__ void relu(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    unsigned long long fake[2] = {0x1000ull * n, 7};
    if (i < n) y[i] = ((Base*)fake)->f(x[i]);
}
extern "C" void solve(const float* x, float* y, int n) {
    relu<<<(n + 255) / 256, 256>>>(x, y, n);
}
