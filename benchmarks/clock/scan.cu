// Running sums of integers within each block's elements. N elements, blocks of THREADS.

constexpr int WARP = 32;

// Each thread adds the sum that ends 1, 2, 4, ... elements before its own, in global memory.
extern "C" __global__ void scan_global(const int* in, int* out)
{
    const int t = threadIdx.x, i = blockIdx.x * THREADS + t;
    out[i] = in[i];
    __syncthreads();
#pragma unroll
    for (int step = 1; step <= THREADS / 2; step *= 2) {
        int before;
        if (t >= step) before = out[i - step];
        __syncthreads();
        if (t >= step && i < N) out[i] += before;
        __syncthreads();
    }
}

// The same in shared memory.
extern "C" __global__ void scan_shared(const int* in, int* out)
{
    __shared__ int sums[THREADS];
    const int t = threadIdx.x, i = blockIdx.x * THREADS + t;
    sums[t] = in[i];
    __syncthreads();
#pragma unroll
    for (int step = 1; step <= THREADS / 2; step *= 2) {
        int before;
        if (t >= step) before = sums[t - step];
        __syncthreads();
        if (t >= step && i < N) sums[t] += before;
        __syncthreads();
    }
    if (i < N) out[i] = sums[t];
}

// A second array takes the results of a step, which saves one of two barriers.
extern "C" __global__ void scan_two_arrays(const int* in, int* out)
{
    __shared__ int first[THREADS], second[THREADS];
    int *from = first, *to = second;
    const int t = threadIdx.x, i = blockIdx.x * THREADS + t;
    from[t] = in[i];
    __syncthreads();
#pragma unroll
    for (int step = 1; step <= THREADS / 2; step *= 2) {
        to[t] = t >= step ? from[t] + from[t - step] : from[t];
        __syncthreads();
        int* const other = from;
        from = to;
        to = other;
    }
    if (i < N) out[i] = from[t];
}

// The sum of the lanes before this one.
__device__ int warp_scan(int value)
{
    int sum = value;
#pragma unroll
    for (int step = 1; step < WARP; step *= 2) {
        const int before = __shfl_up_sync(~0u, sum, step);
        if (threadIdx.x % WARP >= step) sum += before;
    }
    return sum - value;
}

// The sum of the threads before this one.
__device__ int block_scan(int value)
{
    __shared__ int of_warp[WARP];
    const int before = warp_scan(value);
    if (threadIdx.x % WARP == WARP - 1) of_warp[threadIdx.x / WARP] = before + value;
    __syncthreads();
    if (threadIdx.x < WARP) of_warp[threadIdx.x] = warp_scan(of_warp[threadIdx.x]);
    __syncthreads();
    return before + of_warp[threadIdx.x / WARP];
}

// Warps scan in registers, by shuffles, and one warp scans what they sum to.
extern "C" __global__ void scan_shuffled(const int* in, int* out)
{
    const int i = threadIdx.x + blockIdx.x * blockDim.x;
    const int value = in[i], before = block_scan(value);
    if (i < N) out[i] = before + value;
}

// Each thread first scans four elements of its own.
extern "C" __global__ void scan_four_each(const int* in, int* out)
{
    const int first = (threadIdx.x + blockIdx.x * blockDim.x) * 4;
    int sums[4], sum = 0;
#pragma unroll
    for (int k = 0; k < 4; k++)
        if (first + k < N) sums[k] = sum += in[first + k];
    const int before = block_scan(sum);
#pragma unroll
    for (int k = 0; k < 4; k++)
        if (first + k < N) out[first + k] = before + sums[k];
}
