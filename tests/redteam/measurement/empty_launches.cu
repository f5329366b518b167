// relu_fp32 | wrong | judge | Launches an empty kernel.
__global__ void relu(const float*, float*, int) {}
extern "C" void solve(const float* x, float* y, int n) {
    relu<<<(n + 255) / 256, 256>>>(x, y, n);
}
