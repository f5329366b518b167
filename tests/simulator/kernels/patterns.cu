// Kernels whose memory traffic is known exactly.
extern "C" __global__ void stride_copy(const float* x, float* y, int stride) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    y[i] = x[i * stride];
}
extern "C" __global__ void wide_copy(const float4* x, float4* y) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    y[i] = x[i];
}
extern "C" __global__ void same_element(const float* x, float* y) {
    y[blockIdx.x * blockDim.x + threadIdx.x] = x[blockIdx.x] + x[blockIdx.x + 1];
}
extern "C" __global__ void banks(float* y, int stride) {
    __shared__ float s[32 * 33];
    s[threadIdx.x * stride] = threadIdx.x;
    __syncthreads();
    y[threadIdx.x] = s[0];
}
extern "C" __global__ void wide_banks(float4* y, int stride) {
    __shared__ float4 s[32 * 9];
    s[threadIdx.x * stride] = make_float4(1, 2, 3, threadIdx.x);
    __syncthreads();
    y[threadIdx.x] = s[threadIdx.x * stride];
}
extern "C" __global__ void counting(int* bins, const int* x) {
    atomicAdd(&bins[x[blockIdx.x * blockDim.x + threadIdx.x]], 1);
}
extern "C" __global__ void half_active(const float* x, float* y) {
    if (threadIdx.x % 2) y[threadIdx.x] = x[threadIdx.x] * 2 + 1;
}
extern "C" __global__ void classes(const float* x, double* y, int* z) {
    int t = threadIdx.x;
    float v = x[t];
    y[t] = (double)(v * 3.0f + 1.0f) * 2.5;
    z[t] = __shfl_xor_sync(~0u, (int)rsqrtf(v), 1) ^ t;
    __syncthreads();
}
extern "C" __global__ void uneven(int* y) {
    int s = 0;
    for (int i = 0; i < (threadIdx.x / 32) * 100; i++) s = s * 7 + (s ^ i);
    y[blockIdx.x * blockDim.x + threadIdx.x] = s;
}
extern "C" __global__ void costly(const int* x, int* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x, s = x[i];
    for (int k = 0; k < n; k++) s = s * 7 + (s ^ k);
    y[i] = s;
}
extern "C" __global__ void chain(int* flags) {
    // Block b waits for block b - 1.
    if (blockIdx.x > 0)
        while (*(volatile int*)&flags[blockIdx.x - 1] == 0) {}
    __threadfence();
    *(volatile int*)&flags[blockIdx.x] = blockIdx.x + 1;
}

// Copies 16 bytes per thread into shared memory and out again, of the last thread only what there is.
extern "C" __global__ void copied(const float* x, float* y, int n) {
    __shared__ float4 kept[32];
    int i = threadIdx.x * 4, size = i + 4 <= n ? 16 : i < n ? (n - i) * 4 : 0;
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;"
                 :: "r"((unsigned)__cvta_generic_to_shared(kept + threadIdx.x)), "l"(x + i), "r"(size) : "memory");
    asm volatile("cp.async.wait_all;" ::: "memory");
    ((float4*)y)[threadIdx.x] = kept[threadIdx.x];
}
