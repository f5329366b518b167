// Kernels for programs that use the driver themselves: one that works, and one of each way to end badly.

__device__ int launches = 3;
__constant__ float factor = 2.5f;

extern "C" __global__ void scale(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = x[i] * factor;
    if (i == 0) launches++;
}

extern "C" __global__ void wild(float* y) { y[1ull << 30] = 1; }

extern "C" __global__ void crooked(char* y) { *reinterpret_cast<float*>(y + 1) = 1; }

extern "C" __global__ void stops() { __trap(); }

extern "C" __global__ void endless(volatile int* y) {
    while (y[0] != 1) y[1] = y[1] + 1;
}

extern "C" __global__ void __launch_bounds__(128) roomy(float* y) {
    extern __shared__ float kept[];
    kept[threadIdx.x] = y[threadIdx.x];
    __syncthreads();
    y[threadIdx.x] = kept[127 - threadIdx.x];
}

extern "C" void solve() {}
