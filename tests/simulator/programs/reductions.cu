// Sums of an array in the stages through which courses on CUDA take them, and CUB's.
#include <cub/block/block_reduce.cuh>

__global__ void reduce_interleaved(const float* x, float* partial, int n) {
    extern __shared__ float s[];
    unsigned tid = threadIdx.x, i = blockIdx.x * blockDim.x + threadIdx.x;
    s[tid] = i < n ? x[i] : 0.0f;
    __syncthreads();
    for (unsigned step = 1; step < blockDim.x; step *= 2) {
        if (tid % (2 * step) == 0) s[tid] += s[tid + step];
        __syncthreads();
    }
    if (tid == 0) partial[blockIdx.x] = s[0];
}

__global__ void reduce_strided(const float* x, float* partial, int n) {
    extern __shared__ float s[];
    unsigned tid = threadIdx.x, i = blockIdx.x * blockDim.x + threadIdx.x;
    s[tid] = i < n ? x[i] : 0.0f;
    __syncthreads();
    for (unsigned step = 1; step < blockDim.x; step *= 2) {
        unsigned index = 2 * step * tid;
        if (index < blockDim.x) s[index] += s[index + step];
        __syncthreads();
    }
    if (tid == 0) partial[blockIdx.x] = s[0];
}

__global__ void reduce_sequential(const float* x, float* partial, int n) {
    extern __shared__ float s[];
    unsigned tid = threadIdx.x, i = blockIdx.x * blockDim.x * 2 + threadIdx.x;
    s[tid] = (i < n ? x[i] : 0.0f) + (i + blockDim.x < n ? x[i + blockDim.x] : 0.0f);
    __syncthreads();
    for (unsigned step = blockDim.x / 2; step > 0; step >>= 1) {
        if (tid < step) s[tid] += s[tid + step];
        __syncthreads();
    }
    if (tid == 0) partial[blockIdx.x] = s[0];
}

// The last warp goes on without barriers: lanes that are together stay together.
__device__ void warp_reduce(volatile float* s, unsigned tid) {
    s[tid] += s[tid + 32];
    s[tid] += s[tid + 16];
    s[tid] += s[tid + 8];
    s[tid] += s[tid + 4];
    s[tid] += s[tid + 2];
    s[tid] += s[tid + 1];
}

__global__ void reduce_unrolled(const float* x, float* partial, int n) {
    extern __shared__ float s[];
    unsigned tid = threadIdx.x, i = blockIdx.x * blockDim.x * 2 + threadIdx.x;
    s[tid] = (i < n ? x[i] : 0.0f) + (i + blockDim.x < n ? x[i + blockDim.x] : 0.0f);
    __syncthreads();
    for (unsigned step = blockDim.x / 2; step > 32; step >>= 1) {
        if (tid < step) s[tid] += s[tid + step];
        __syncthreads();
    }
    if (tid < 32) warp_reduce(s, tid);
    if (tid == 0) partial[blockIdx.x] = s[0];
}

template <unsigned Threads>
__device__ void reduce_everything(const float* x, float* partial, int n, float* s) {
    unsigned tid = threadIdx.x, i = blockIdx.x * Threads * 2 + tid, stride = Threads * 2 * gridDim.x;
    float mine = 0.0f;
    while (i < n) {
        mine += x[i];
        if (i + Threads < n) mine += x[i + Threads];
        i += stride;
    }
    s[tid] = mine;
    __syncthreads();
    if (Threads >= 512) { if (tid < 256) s[tid] += s[tid + 256]; __syncthreads(); }
    if (Threads >= 256) { if (tid < 128) s[tid] += s[tid + 128]; __syncthreads(); }
    if (Threads >= 128) { if (tid < 64) s[tid] += s[tid + 64]; __syncthreads(); }
    if (tid < 32) warp_reduce(s, tid);
    if (tid == 0) partial[blockIdx.x] = s[0];
}

__global__ void reduce_unrolled_fully(const float* x, float* partial, int n) {
    extern __shared__ float s[];
    reduce_everything<256>(x, partial, n, s);
}

__device__ float warp_sum(float v) {
    for (int step = 16; step > 0; step >>= 1) v += __shfl_down_sync(0xffffffffu, v, step);
    return v;
}

__device__ float block_sum(float v) {
    static __shared__ float sums[32];
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    v = warp_sum(v);
    if (lane == 0) sums[warp] = v;
    __syncthreads();
    v = threadIdx.x < blockDim.x / 32 ? sums[lane] : 0.0f;
    if (warp == 0) v = warp_sum(v);
    return v;
}

__global__ void reduce_shuffle(const float* x, float* partial, int n) {
    float mine = 0.0f;
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += blockDim.x * gridDim.x) mine += x[i];
    mine = block_sum(mine);
    if (threadIdx.x == 0) partial[blockIdx.x] = mine;
}

__global__ void reduce_atomic(const float* x, float* total, int n) {
    float mine = 0.0f;
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += blockDim.x * gridDim.x) mine += x[i];
    mine = warp_sum(mine);
    if (threadIdx.x % 32 == 0) atomicAdd(total, mine);
}

__device__ unsigned int blocks_done = 0;

// The last block to finish adds up what all blocks wrote.
__global__ void reduce_last_block(const float* x, volatile float* partial, float* total, int n) {
    __shared__ bool is_last;
    float mine = 0.0f;
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += blockDim.x * gridDim.x) mine += x[i];
    mine = block_sum(mine);
    if (threadIdx.x == 0) {
        partial[blockIdx.x] = mine;
        __threadfence();
        const unsigned ticket = atomicInc(&blocks_done, gridDim.x);
        is_last = ticket == gridDim.x - 1;
    }
    __syncthreads();
    if (is_last) {
        mine = 0.0f;
        for (int i = threadIdx.x; i < gridDim.x; i += blockDim.x) mine += partial[i];
        mine = block_sum(mine);
        if (threadIdx.x == 0) {
            *total = mine;
            blocks_done = 0;
        }
    }
}

__global__ void reduce_cub(const float* x, float* partial, int n) {
    using Reduce = cub::BlockReduce<float, 128>;
    __shared__ typename Reduce::TempStorage storage;
    const int i = (blockIdx.x * 128 + threadIdx.x) * 4;
    float items[4];
    for (int k = 0; k < 4; ++k) items[k] = i + k < n ? x[i + k] : 0.0f;
    const float sum = Reduce(storage).Sum(items);
    if (threadIdx.x == 0) partial[blockIdx.x] = sum;
}
