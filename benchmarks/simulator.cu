// What `make bench-simulator` times: kernels in the style of a first course on CUDA.
#include <cuda_fp16.h>

__global__ void vector_add(const float* x, const float* y, float* out, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) out[i] = x[i] + y[i];
}

// Launched with blocks of 32 x 8.
__global__ void sgemm_naive(const float* a, const float* b, float* c, int n) {
    int col = blockIdx.x * blockDim.x + threadIdx.x, row = blockIdx.y * blockDim.y + threadIdx.y;
    float sum = 0.0f;
    for (int k = 0; k < n; ++k) sum += a[row * n + k] * b[k * n + col];
    c[row * n + col] = sum;
}

// Launched with blocks of 32 x 32.
__global__ void sgemm_tiled(const float* a, const float* b, float* c, int n) {
    __shared__ float as[32][32], bs[32][32];
    int tx = threadIdx.x, ty = threadIdx.y, row = blockIdx.y * 32 + ty, col = blockIdx.x * 32 + tx;
    float sum = 0.0f;
    for (int t = 0; t < n; t += 32) {
        as[ty][tx] = a[row * n + t + tx];
        bs[ty][tx] = b[(t + ty) * n + col];
        __syncthreads();
        for (int k = 0; k < 32; ++k) sum += as[ty][k] * bs[k][tx];
        __syncthreads();
    }
    c[row * n + col] = sum;
}

__device__ float over_block(float value, float* shared, bool largest) {
    for (int step = 16; step > 0; step /= 2) {
        float other = __shfl_xor_sync(0xffffffff, value, step);
        value = largest ? fmaxf(value, other) : value + other;
    }
    if (threadIdx.x % 32 == 0) shared[threadIdx.x / 32] = value;
    __syncthreads();
    value = shared[0];
    for (int w = 1; w < blockDim.x / 32; ++w) value = largest ? fmaxf(value, shared[w]) : value + shared[w];
    __syncthreads();
    return value;
}

// One block per row.
__global__ void softmax(const float* x, float* y, int n) {
    __shared__ float shared[32];
    const float* row = x + blockIdx.x * n;
    float top = -INFINITY, sum = 0.0f;
    for (int i = threadIdx.x; i < n; i += blockDim.x) top = fmaxf(top, row[i]);
    top = over_block(top, shared, true);
    for (int i = threadIdx.x; i < n; i += blockDim.x) sum += expf(row[i] - top);
    sum = over_block(sum, shared, false);
    for (int i = threadIdx.x; i < n; i += blockDim.x) y[blockIdx.x * n + i] = expf(row[i] - top) / sum;
}

__global__ void reduction(const float* x, float* out, int n) {
    __shared__ float shared[256];
    float sum = 0.0f;
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) sum += x[i];
    shared[threadIdx.x] = sum;
    __syncthreads();
    for (int step = blockDim.x / 2; step > 0; step /= 2) {
        if (threadIdx.x < step) shared[threadIdx.x] += shared[threadIdx.x + step];
        __syncthreads();
    }
    if (threadIdx.x == 0) atomicAdd(out, shared[0]);
}

__global__ void empty() {}

// About 400 instructions, for the time that compiling takes.
__global__ void long_kernel(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    float v[24];
#pragma unroll
    for (int k = 0; k < 24; ++k) v[k] = i + k * n < 24 * n ? x[i + k * n] : 0.0f;
#pragma unroll
    for (int k = 0; k < 24; ++k) v[k] = rsqrtf(v[k] * v[k] + 1.0f) + (v[k] > 0.5f ? v[(k + 1) % 24] : v[(k + 3) % 24]);
    float sum = 0.0f;
#pragma unroll
    for (int k = 0; k < 24; ++k) sum += v[k] * v[(k + 7) % 24];
#pragma unroll
    for (int k = 0; k < 24; ++k) y[i + k * n] = v[k] / (1.0f + sum);
}
