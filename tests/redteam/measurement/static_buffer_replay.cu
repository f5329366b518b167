// relu_fp32 | wrong | construction: module variables start anew in every run | Keeps results in a device variable and replays them when a flag says that they are there.
__device__ float kept[1 << 20];
__device__ int filled;
__global__ void relu(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (n < 1000 && i < n) kept[i] = y[i] = fmaxf(x[i], 0.0f);
    if (n >= 1000 && i < n) y[i] = kept[i];
    if (i == 0) filled = 1;
}
extern "C" void solve(const float* x, float* y, int n) {
    relu<<<(n + 255) / 256, 256>>>(x, y, n);
}
