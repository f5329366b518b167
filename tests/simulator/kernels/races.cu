// Kernels that race in global memory unless `ok` is set, between the lines marked `here`.
#include <cooperative_groups.h>
#include <cuda/atomic>

extern "C" __global__ void within_block(const float* x, float* y, float* z, int ok) {
    int t = threadIdx.x;
    y[t] = x[t];  // here
    if (ok) __syncthreads();
    z[t] = y[63 - t];  // here
}
extern "C" __global__ void overwrites(float* x, int ok) {
    int t = threadIdx.x;
    float v = x[63 - t];  // here
    if (ok) __syncthreads();
    x[t] = 2 * v;  // here
}
// Each block moves its part down by one, in place: the last element comes from the next block's part.
extern "C" __global__ void shift(float* x, float* y, int ok) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    float v = x[i + 1];  // here
    __syncthreads();
    (ok ? y : x)[i] = v;  // here
}
extern "C" __global__ void shared_output(int* y, int ok) {
    y[threadIdx.x] = ok ? 7 : blockIdx.x;  // here
}
extern "C" __global__ void one_store(int* y, int ok) {
    y[ok ? threadIdx.x : threadIdx.x / 2] = threadIdx.x;  // here
}
extern "C" __global__ void neighbouring_bytes(unsigned char* y, int ok) {
    int i = threadIdx.x * gridDim.x + blockIdx.x;
    y[ok ? i : i / 2] = i;  // here
}
// The block that comes last adds up what all have left.
extern "C" __global__ void last_block(const float* x, float* parts, unsigned* done, float* y, int ok) {
    __shared__ bool last;
    if (threadIdx.x == 0) {
        parts[blockIdx.x] = x[blockIdx.x];  // here
        if (ok) __threadfence();
        last = atomicInc(done, gridDim.x - 1) == gridDim.x - 1;
    }
    __syncthreads();
    if (last && threadIdx.x == 0) {
        float sum = 0;
        for (int k = 0; k < gridDim.x; k++) sum += parts[k];  // here
        *y = sum;
    }
}
extern "C" __global__ void grid_sync(float* x, float* y, int steps, int ok) {
    auto grid = cooperative_groups::this_grid();
    int i = grid.thread_rank(), n = grid.size();
    for (int k = 0; k < steps; k++) {
        y[i] = (x[i] + x[(i + 1) % n]) / 2;  // here
        if (ok) grid.sync();
        float* t = x;
        x = y;
        y = t;
    }
}
extern "C" __global__ void flag(float* value, int* ready, float* y, int ok) {
    if (blockIdx.x == 0) {
        *value = 5;  // here
        cuda::atomic_ref<int, cuda::thread_scope_device> set(*ready);
        set.store(1, ok ? cuda::memory_order_release : cuda::memory_order_relaxed);
    } else {
        cuda::atomic_ref<int, cuda::thread_scope_device> seen(*ready);
        while (!seen.load(cuda::memory_order_acquire)) {}
        *y = *value;  // here
    }
}
// Accumulates with plain loads and stores under a lock.
extern "C" __global__ void locked(int* lock, int* count, int ok) {
    if (threadIdx.x % 32 == 0) {
        while (ok && atomicCAS(lock, 0, 1)) {}
        __threadfence();
        *count += 1;  // here
        if (ok) {
            __threadfence();
            atomicExch(lock, 0);
        }
    }
}
extern "C" __global__ void reset_counter(unsigned* count, int ok) {
    if (threadIdx.x == 0 && !ok) *count = 0;  // here
    atomicAdd(count, 1u);  // here
}
