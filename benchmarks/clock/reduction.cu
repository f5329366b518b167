// Sums, in three ladders. ELEMENT is what is summed, THREADS a block's width, PER_THREAD how many elements a thread
// takes; GUARDED says whether indices are held against n.

constexpr unsigned WARP = 32;

__device__ bool inside(unsigned i, unsigned n)
{
    return !GUARDED || i < n;
}

template <typename T>
__device__ T warp_sum(T value)
{
#pragma unroll
    for (int step = WARP / 2; step > 0; step /= 2) value += __shfl_down_sync(~0u, value, step);
    return value;
}

// The last 64 partial sums, by one warp. `volatile` keeps every step in shared memory.
template <typename T>
__device__ void fold_last_warp(T* sums, unsigned t)
{
    volatile T* part = sums;
    part[t] += part[t + 32];
    part[t] += part[t + 16];
    part[t] += part[t + 8];
    part[t] += part[t + 4];
    part[t] += part[t + 2];
    part[t] += part[t + 1];
}

// Halves the sums of a block of THREADS down to 64, with every step written out.
template <typename T>
__device__ void fold_unrolled(T* part, unsigned t)
{
#pragma unroll
    for (unsigned half = THREADS / 2; half > WARP; half /= 2) {
        if (t < half) part[t] += part[t + half];
        __syncthreads();
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// One sum per block.

// Neighbours are added, then pairs, then fours: the lanes that still work lie ever further apart, so no warp goes idle.
extern "C" __global__ void sum_neighbours(const ELEMENT* x, ELEMENT* sums, unsigned n)
{
    __shared__ ELEMENT part[THREADS];
    const unsigned t = threadIdx.x, i = blockIdx.x * blockDim.x + t;
    if (inside(i, n)) part[t] = x[i];
    __syncthreads();
    for (unsigned step = 1; step < blockDim.x; step *= 2) {
        if (t % (2 * step) == 0 && inside(i + step, n)) part[t] += part[t + step];
        __syncthreads();
    }
    if (t == 0) sums[blockIdx.x] = part[0];
}

// The same pairs are given to the first threads, so that whole warps go idle; their accesses now meet in the banks.
extern "C" __global__ void sum_strided(const ELEMENT* x, ELEMENT* sums, unsigned n)
{
    __shared__ ELEMENT part[THREADS];
    const unsigned t = threadIdx.x, i = blockIdx.x * blockDim.x + t;
    if (inside(i, n)) part[t] = x[i];
    __syncthreads();
    for (unsigned step = 1; step < blockDim.x; step *= 2) {
        const unsigned left = 2 * step * t;
        if (left < blockDim.x && inside(blockIdx.x * blockDim.x + step, n)) part[left] += part[left + step];
        __syncthreads();
    }
    if (t == 0) sums[blockIdx.x] = part[0];
}

// The upper half is added to the lower, again and again: consecutive threads, consecutive banks.
extern "C" __global__ void sum_halves(const ELEMENT* x, ELEMENT* sums, unsigned n)
{
    __shared__ ELEMENT part[THREADS];
    const unsigned t = threadIdx.x, i = blockIdx.x * blockDim.x + t;
    if (inside(i, n)) part[t] = x[i];
    __syncthreads();
    for (unsigned half = blockDim.x / 2; half > 0; half /= 2) {
        if (t < half) part[t] += part[t + half];
        __syncthreads();
    }
    if (t == 0) sums[blockIdx.x] = part[0];
}

// Each thread adds two elements while it loads, so that none is idle from the start.
extern "C" __global__ void sum_two_each(const ELEMENT* x, ELEMENT* sums, unsigned n)
{
    __shared__ ELEMENT part[THREADS];
    const unsigned t = threadIdx.x, i = blockIdx.x * blockDim.x * 2 + t;
    if (inside(i, n)) part[t] = x[i] + x[i + blockDim.x];
    __syncthreads();
    for (unsigned half = blockDim.x / 2; half > 0; half /= 2) {
        if (t < half) part[t] += part[t + half];
        __syncthreads();
    }
    if (t == 0) sums[blockIdx.x] = part[0];
}

// The last warp goes on alone, without barriers.
extern "C" __global__ void sum_last_warp(const ELEMENT* x, ELEMENT* sums, unsigned n)
{
    __shared__ ELEMENT part[THREADS];
    const unsigned t = threadIdx.x, i = blockIdx.x * blockDim.x * 2 + t;
    if (inside(i, n)) part[t] = x[i] + x[i + blockDim.x];
    __syncthreads();
    for (unsigned half = blockDim.x / 2; half > WARP; half /= 2) {
        if (t < half) part[t] += part[t + half];
        __syncthreads();
    }
    if (t < WARP) fold_last_warp(part, t);
    if (t == 0) sums[blockIdx.x] = part[0];
}

// The loop is unrolled, the block's width being known.
extern "C" __global__ void sum_unrolled(const ELEMENT* x, ELEMENT* sums, unsigned n)
{
    __shared__ ELEMENT part[THREADS];
    const unsigned t = threadIdx.x, i = blockIdx.x * blockDim.x * 2 + t;
    if (inside(i, n)) part[t] = x[i] + x[i + blockDim.x];
    __syncthreads();
    fold_unrolled(part, t);
    if (t < WARP) fold_last_warp(part, t);
    if (t == 0) sums[blockIdx.x] = part[0];
}

// Each thread adds PER_THREAD elements while it loads, so that fewer blocks pay for a reduction.
extern "C" __global__ void sum_many_each(const ELEMENT* x, ELEMENT* sums, unsigned)
{
    __shared__ ELEMENT part[THREADS];
    const unsigned t = threadIdx.x, i = blockIdx.x * blockDim.x * PER_THREAD + t;
    part[t] = 0;
#pragma unroll
    for (int k = 0; k < PER_THREAD; k++) part[t] += x[i + k * THREADS];
    __syncthreads();
    fold_unrolled(part, t);
    if (t < WARP) fold_last_warp(part, t);
    if (t == 0) sums[blockIdx.x] = part[0];
}

// A block's warps sum in registers, by shuffles, and the first warp sums what they leave.
__device__ ELEMENT block_sum(ELEMENT value)
{
    __shared__ ELEMENT of_warp[WARP];
    const unsigned lane = threadIdx.x % WARP, warp = threadIdx.x / WARP;
    value = warp_sum(value);
    if (lane == 0) of_warp[warp] = value;
    __syncthreads();
    value = threadIdx.x < blockDim.x / WARP ? of_warp[lane] : 0;
    return warp == 0 ? warp_sum(value) : value;
}

// Shuffles take the place of shared memory.
extern "C" __global__ void sum_shuffled(const ELEMENT* x, ELEMENT* sums, unsigned)
{
    const unsigned i = blockIdx.x * THREADS * PER_THREAD + threadIdx.x;
    ELEMENT sum = 0;
#pragma unroll
    for (int k = 0; k < PER_THREAD; k++) sum += x[i + k * THREADS];
    sum = block_sum(sum);
    if (threadIdx.x == 0) sums[blockIdx.x] = sum;
}

// As many blocks as fit on the GPU at once go through the array together, 16 bytes per load.
extern "C" __global__ void sum_vectors(const float4* x, float* sums, unsigned n)
{
    float4 sum = make_float4(0, 0, 0, 0);
    for (int i = blockDim.x * blockIdx.x + threadIdx.x; i < n / 4; i += blockDim.x * gridDim.x) {
        const float4 v = x[i];
        sum.x += v.x, sum.y += v.y, sum.z += v.z, sum.w += v.w;
    }
    const float total = block_sum(sum.x + sum.y + sum.z + sum.w);
    if (threadIdx.x == 0) sums[blockIdx.x] = total;
}

// ---------------------------------------------------------------------------------------------------------------------
// One sum per row of a matrix. Blocks of one row add up in memory, which starts from zero.

extern __shared__ float shared[];

// A thread per row goes along it, with a second variable for what its sum has rounded away (Kahan).
extern "C" __global__ void row_sum_serial(const float* x, float* sums, int rows, int columns)
{
    const int row = blockIdx.x * blockDim.x + threadIdx.x;
    if (row >= rows) return;
    x += row * columns;
    float sum = 0, lost = 0;
    for (int i = 0; i < columns; i++) {
        const float value = x[i] - lost, next = sum + value;
        lost = next - sum - value;
        sum = next;
    }
    sums[row] = sum;
}

// Halves the block's sums in shared memory, down to `last` of them.
__device__ void fold_block(int last)
{
    const int t = threadIdx.x, threads = blockDim.x;
    for (int half = threads / 2; half >= last; half /= 2) {
        if (t < half) shared[t] += shared[t + half];
        __syncthreads();
    }
}

// A block takes as many elements of a row as it has threads, and halves them in shared memory.
extern "C" __global__ void row_sum_halves(const float* x, float* sums, int, int columns)
{
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    x += blockIdx.y * columns;
    shared[threadIdx.x] = i < columns ? x[i] : 0;
    __syncthreads();
    fold_block(1);
    if (threadIdx.x == 0) atomicAdd(sums + blockIdx.y, shared[0]);
}

// What one thread sums of the block's tile of the row; leaves it in shared memory.
__device__ void load_tile(const float* x, int columns, int tile)
{
    x += blockIdx.y * columns + blockIdx.x * tile;
    const int left = columns - blockIdx.x * tile, threads = blockDim.x;
    float sum = 0;
    for (int i = threadIdx.x; i < tile; i += threads)
        if (i < left) sum += x[i];
    shared[threadIdx.x] = sum;
    __syncthreads();
}

// A block takes a longer tile, each thread several elements of it.
extern "C" __global__ void row_sum_tiles(const float* x, float* sums, int, int columns, int tile)
{
    load_tile(x, columns, tile);
    fold_block(1);
    if (threadIdx.x == 0) atomicAdd(sums + blockIdx.y, shared[0]);
}

// The last warp goes on alone; `volatile` makes it see what it wrote.
extern "C" __global__ void row_sum_volatile(const float* x, float* sums, int, int columns, int tile)
{
    load_tile(x, columns, tile);
    fold_block(WARP);
    if (threadIdx.x >= WARP) return;
    volatile float* part = shared;
    for (int half = WARP / 2; half > 0; half /= 2) part[threadIdx.x] += part[threadIdx.x + half];
    if (threadIdx.x == 0) atomicAdd(sums + blockIdx.y, part[0]);
}

// A barrier of the warp stands where `volatile` stood.
extern "C" __global__ void row_sum_synced(const float* x, float* sums, int, int columns, int tile)
{
    load_tile(x, columns, tile);
    fold_block(WARP);
    if (threadIdx.x >= WARP) return;
    for (int half = WARP / 2; half > 0; half /= 2) {
        shared[threadIdx.x] += shared[threadIdx.x + half];
        __syncwarp();
    }
    if (threadIdx.x == 0) atomicAdd(sums + blockIdx.y, shared[0]);
}

// The last warp sums in registers, by shuffles.
extern "C" __global__ void row_sum_shuffled(const float* x, float* sums, int, int columns, int tile)
{
    load_tile(x, columns, tile);
    fold_block(WARP);
    if (threadIdx.x >= WARP) return;
    const float sum = warp_sum(shared[threadIdx.x]);
    if (threadIdx.x == 0) atomicAdd(sums + blockIdx.y, sum);
}

// Lanes exchange their sums in a butterfly, so that all have the result, as a reduction of cooperative groups does.
extern "C" __global__ void row_sum_butterfly(const float* x, float* sums, int, int columns, int tile)
{
    load_tile(x, columns, tile);
    fold_block(WARP);
    if (threadIdx.x >= WARP) return;
    float sum = shared[threadIdx.x];
#pragma unroll
    for (int step = WARP / 2; step > 0; step /= 2) sum += __shfl_xor_sync(~0u, sum, step);
    if (threadIdx.x == 0) atomicAdd(sums + blockIdx.y, sum);
}

// Loads are 16 bytes wide.
extern "C" __global__ void row_sum_vectors(const float* x, float* sums, int, int columns, int tile)
{
    x += blockIdx.y * columns + blockIdx.x * tile;
    const int left = columns - blockIdx.x * tile, threads = blockDim.x;
    float sum = 0;
    for (int i = threadIdx.x * 4; i < tile; i += threads * 4)
        if (i < left) {
            const float4 v = *(const float4*)(x + i);
            sum += v.x + v.y + v.z + v.w;
        }
    shared[threadIdx.x] = sum;
    __syncthreads();
    fold_block(WARP);
    if (threadIdx.x >= WARP) return;
    sum = warp_sum(shared[threadIdx.x]);
    if (threadIdx.x == 0) atomicAdd(sums + blockIdx.y, sum);
}

// ---------------------------------------------------------------------------------------------------------------------
// One sum of everything, to which every block adds its own. It starts from zero.

// As above: strided loads, halves in shared memory, the last warp alone.
extern "C" __global__ void total_halves(const int* x, int* total, int n)
{
    __shared__ int part[THREADS];
    const unsigned t = threadIdx.x, i = blockIdx.x * THREADS * PER_THREAD + t;
    int sum = 0;
#pragma unroll
    for (int k = 0; k < PER_THREAD; k++)
        if (i + k * THREADS < n) sum += x[i + k * THREADS];
    part[t] = sum;
    __syncthreads();
    fold_unrolled(part, t);
    if (t < WARP) fold_last_warp(part, t);
    if (t == 0) atomicAdd(total, part[0]);
}

// What a thread of the kernels below sums: PER_THREAD vectors of four, a block's width apart.
template <bool past_l1>
__device__ int load_vectors(const int4* x, int n)
{
    const unsigned i = blockIdx.x * THREADS * PER_THREAD + threadIdx.x;
    int sum = 0;
#pragma unroll
    for (int k = 0; k < PER_THREAD; k++)
        if (i + k * THREADS < n) {
            const int4 v = past_l1 && k == 0 ? __ldcg(x + i) : x[i + k * THREADS];
            sum += v.x + v.y + v.z + v.w;
        }
    return sum;
}

// Loads are 16 bytes wide, and warps sum by shuffles.
extern "C" __global__ void total_shuffled(const int4* x, int* total, int n)
{
    __shared__ int of_warp[WARP];
    int sum = warp_sum(load_vectors<false>(x, n));
    if (threadIdx.x % WARP == 0) of_warp[threadIdx.x / WARP] = sum;
    __syncthreads();
    if (threadIdx.x < WARP) sum = warp_sum(of_warp[threadIdx.x]);
    if (threadIdx.x == 0) atomicAdd(total, sum);
}

// Adds a warp's sum to the block's in shared memory, and the block's to the total.
__device__ void add_up(int sum, int* of_block, int* total)
{
    __syncthreads();
    if (threadIdx.x % WARP == 0) atomicAdd(of_block, sum);
    __syncthreads();
    if (threadIdx.x == 0) atomicAdd(total, *of_block);
}

// The warps add to one word of shared memory.
extern "C" __global__ void total_shared(const int4* x, int* total, int n)
{
    __shared__ int of_block;
    if (threadIdx.x == 0) of_block = 0;
    add_up(warp_sum(load_vectors<false>(x, n)), &of_block, total);
}

// One instruction sums a warp, and the first load passes by the L1.
extern "C" __global__ void total_redux(const int4* x, int* total, int n)
{
    __shared__ int of_block;
    if (threadIdx.x == 0) of_block = 0;
    const int sum = load_vectors<true>(x, n);
#if __CUDA_ARCH__ >= 800
    add_up(__reduce_add_sync(~0u, sum), &of_block, total);
#else
    add_up(warp_sum(sum), &of_block, total);
#endif
}
