// Pairs of kernels that do the same work and differ in one cause. The slower comes first in each.

__device__ float warp_sum(float value) {
    for (int apart = 16; apart > 0; apart /= 2) value += __shfl_xor_sync(~0u, value, apart);
    return value;
}

__device__ long global_thread() { return long(blockIdx.x) * blockDim.x + threadIdx.x; }

__device__ unsigned scattered(unsigned number) { return number * 2654435761u; }

// Coalescing: lanes read and write down a column, or along a row.
extern "C" __global__ void copy_down_columns(const float *x, float *y, int n) {
    const long row = blockIdx.x * 32 + threadIdx.x, column = blockIdx.y * 32 + threadIdx.y;
    y[row * n + column] = x[row * n + column];
}

extern "C" __global__ void copy_along_rows(const float *x, float *y, int n) {
    const long row = blockIdx.x * 32 + threadIdx.y, column = blockIdx.y * 32 + threadIdx.x;
    y[row * n + column] = x[row * n + column];
}

// Layout: one of eight fields, of an array of structures or of a structure of arrays.
extern "C" __global__ void field_of_structures(const float *x, float *y) {
    y[global_thread()] = x[8 * global_thread()];
}

extern "C" __global__ void field_of_arrays(const float *x, float *y) { y[global_thread()] = x[global_thread()]; }

// Bank conflicts: lanes read down a column of shared memory with rows of 32 or 33 words.
template <int ROW>
__device__ void column_sums(const float *x, float *y, int turns) {
    __shared__ float tile[32 * ROW];
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    for (int row = warp; row < 32; row += blockDim.x / 32) tile[row * ROW + lane] = x[row * 32 + lane];
    __syncthreads();
    float sum = 0;
    for (int turn = 0; turn < turns; ++turn) sum += tile[lane * ROW + (turn + warp) % 32];
    y[global_thread()] = sum;
}

extern "C" __global__ void conflicting_columns(const float *x, float *y, int turns) { column_sums<32>(x, y, turns); }

extern "C" __global__ void padded_columns(const float *x, float *y, int turns) { column_sums<33>(x, y, turns); }

// Tiling: a product of matrices from global memory, or from tiles in shared memory; then several elements a thread.
extern "C" __global__ void product_from_memory(const float *a, const float *b, float *c, int n) {
    const int row = blockIdx.y * 32 + threadIdx.y, column = blockIdx.x * 32 + threadIdx.x;
    float sum = 0;
    for (int i = 0; i < n; ++i) sum += a[row * n + i] * b[i * n + column];
    c[row * n + column] = sum;
}

extern "C" __global__ void product_from_tiles(const float *a, const float *b, float *c, int n) {
    __shared__ float a_tile[32][32], b_tile[32][32];
    const int row = blockIdx.y * 32 + threadIdx.y, column = blockIdx.x * 32 + threadIdx.x;
    float sum = 0;
    for (int step = 0; step < n; step += 32) {
        a_tile[threadIdx.y][threadIdx.x] = a[row * n + step + threadIdx.x];
        b_tile[threadIdx.y][threadIdx.x] = b[(step + threadIdx.y) * n + column];
        __syncthreads();
        for (int i = 0; i < 32; ++i) sum += a_tile[threadIdx.y][i] * b_tile[i][threadIdx.x];
        __syncthreads();
    }
    c[row * n + column] = sum;
}

extern "C" __global__ void product_in_registers(const float *a, const float *b, float *c, int n) {
    __shared__ float a_tile[64][16], b_tile[16][64];
    const int top = blockIdx.y * 64, left = blockIdx.x * 64, across = threadIdx.x % 16, down = threadIdx.x / 16;
    float sums[4][4] = {};
    for (int step = 0; step < n; step += 16) {
        for (int turn = 0; turn < 4; ++turn) {
            const int i = turn * 256 + threadIdx.x;
            a_tile[i / 16][i % 16] = a[(top + i / 16) * n + step + i % 16];
            b_tile[i / 64][i % 64] = b[(step + i / 64) * n + left + i % 64];
        }
        __syncthreads();
#pragma unroll
        for (int dot = 0; dot < 16; ++dot)
            for (int i = 0; i < 4; ++i)
                for (int j = 0; j < 4; ++j) sums[i][j] += a_tile[down * 4 + i][dot] * b_tile[dot][across + 16 * j];
        __syncthreads();
    }
    for (int i = 0; i < 4; ++i)
        for (int j = 0; j < 4; ++j) c[(top + down * 4 + i) * n + left + across + 16 * j] = sums[i][j];
}

// Divergence: four ways, taken by neighbouring lanes or by whole warps.
__device__ float one_of_four_ways(int way, float v) {
    if (way == 0) {
#pragma unroll 8
        for (int i = 0; i < 512; ++i) v = v * 0.5f + 0.25f;
    } else if (way == 1) {
#pragma unroll 8
        for (int i = 0; i < 512; ++i) v = fmaxf(v * 0.5f, 0.125f);
    } else if (way == 2) {
#pragma unroll 8
        for (int i = 0; i < 512; ++i) v = v * v * 0.5f + 0.125f;
    } else {
#pragma unroll 8
        for (int i = 0; i < 512; ++i) v = fabsf(v) * 0.5f - 0.375f;
    }
    return v;
}

extern "C" __global__ void ways_of_lanes(const float *x, float *y) {
    y[global_thread()] = one_of_four_ways(threadIdx.x % 4, x[global_thread()]);
}

extern "C" __global__ void ways_of_warps(const float *x, float *y) {
    const long i = long(blockIdx.x) * 128 + threadIdx.x % 32 * 4 + threadIdx.x / 32;
    y[i] = one_of_four_ways(threadIdx.x / 32, x[i]);
}

// Uneven loops: every 32nd element takes 64 times as long; it is one lane of each warp, or all lanes of one.
__device__ float short_or_long(long i, float v) {
    const int turns = i % 32 == 0 ? 2048 : 32;
    for (int turn = 0; turn < turns; ++turn) v = v * 0.75f + 0.125f;
    return v;
}

extern "C" __global__ void long_lanes(const float *x, float *y) {
    y[global_thread()] = short_or_long(global_thread(), x[global_thread()]);
}

extern "C" __global__ void long_warps(const float *x, float *y) {
    const long i = long(blockIdx.x) * 1024 + threadIdx.x % 32 * 32 + threadIdx.x / 32;
    y[i] = short_or_long(i, x[i]);
}

// Occupancy, and a grid that is too small: one kernel, launched with and without shared memory that it does not need,
// or with few blocks and with many.
extern "C" __global__ void twice(const float *x, float *y, long n) {
#pragma unroll 1
    for (long i = global_thread(); i < n; i += long(gridDim.x) * blockDim.x) y[i] = 2 * x[i];
}

// Reading ahead: the next values are asked for after these were worked on, or before.
__device__ float long_work(float value, float sum) {
#pragma unroll 16
    for (int i = 0; i < 160; ++i) sum = sum * 0.75f + value;
    return sum;
}

extern "C" __global__ void read_in_turn(const float *x, float *y, int turns) {
    x += long(blockIdx.x) * turns * blockDim.x + threadIdx.x;
    float sum = 0;
#pragma unroll 1
    for (int turn = 0; turn < turns; ++turn) sum = long_work(x[long(turn) * blockDim.x], sum);
    y[global_thread()] = sum;
}

extern "C" __global__ void read_ahead(const float *x, float *y, int turns) {
    x += long(blockIdx.x) * turns * blockDim.x + threadIdx.x;
    float sum = 0, next = *x;
#pragma unroll 1
    for (int turn = 1; turn <= turns; ++turn) {
        const float value = next;
        if (turn < turns) next = x[long(turn) * blockDim.x];
        sum = long_work(value, sum);
    }
    y[global_thread()] = sum;
}

// Width: one byte a thread, or sixteen.
extern "C" __global__ void copy_bytes(const char *x, char *y) { y[global_thread()] = x[global_thread()]; }

extern "C" __global__ void copy_sixteen_bytes(const int4 *x, int4 *y) { y[global_thread()] = x[global_thread()]; }

// Atomics on one address: by each thread, or by one of each warp.
extern "C" __global__ void sum_by_threads(const float *x, float *sum) { atomicAdd(sum, x[global_thread()]); }

extern "C" __global__ void sum_by_warps(const float *x, float *sum) {
    const float part = warp_sum(x[global_thread()]);
    if (threadIdx.x % 32 == 0) atomicAdd(sum, part);
}

// Histograms: 256 bins in global memory, or first in shared.
extern "C" __global__ void bins_in_memory(const int *x, int *bins, int n) {
    for (int i = global_thread(); i < n; i += gridDim.x * blockDim.x) atomicAdd(&bins[scattered(x[i] + i) >> 24], x[i]);
}

extern "C" __global__ void bins_in_shared(const int *x, int *bins, int n) {
    __shared__ int own[256];
    own[threadIdx.x] = 0;
    __syncthreads();
    for (int i = global_thread(); i < n; i += gridDim.x * blockDim.x) atomicAdd(&own[scattered(x[i] + i) >> 24], x[i]);
    __syncthreads();
    atomicAdd(&bins[threadIdx.x], own[threadIdx.x]);
}

// Contention in shared memory: four bins for a block, or for each lane.
template <int COPIES>
__device__ void four_bins(const int *x, int *bins, int n) {
    __shared__ int own[4 * COPIES];
    for (int i = threadIdx.x; i < 4 * COPIES; i += blockDim.x) own[i] = 0;
    __syncthreads();
    for (int i = global_thread(); i < n; i += gridDim.x * blockDim.x)
        atomicAdd(&own[(scattered(x[i] + i) >> 30) * COPIES + threadIdx.x % COPIES], x[i]);
    __syncthreads();
    for (int i = threadIdx.x; i < 4 * COPIES; i += blockDim.x) atomicAdd(&bins[i / COPIES], own[i]);
}

extern "C" __global__ void bins_of_blocks(const int *x, int *bins, int n) { four_bins<1>(x, bins, n); }

extern "C" __global__ void bins_of_lanes(const int *x, int *bins, int n) { four_bins<32>(x, bins, n); }

// Spills: 48 sums with 32 registers, or with as many as they want.
__device__ void many_sums(const float *x, float *y, int turns) {
    float sums[48], total = 0;
#pragma unroll
    for (int i = 0; i < 48; ++i) sums[i] = i;
    for (int turn = 0; turn < turns; ++turn) {
        const float value = x[turn * 32 + threadIdx.x % 32];
#pragma unroll
        for (int i = 0; i < 48; ++i) sums[i] = sums[i] * 0.5f + value;
    }
#pragma unroll
    for (int i = 0; i < 48; ++i) total += sums[i];
    y[global_thread()] = total;
}

extern "C" __global__ void __maxnreg__(32) sums_in_32_registers(const float *x, float *y, int turns) {
    many_sums(x, y, turns);
}

extern "C" __global__ void sums_in_registers(const float *x, float *y, int turns) { many_sums(x, y, turns); }

// Instruction-level parallelism: four chains one after the other, or side by side.
extern "C" __global__ void chains_in_turn(const float *x, float *y, int turns) {
#pragma unroll 1
    for (int chain = 0; chain < 4; ++chain) {
        const long i = long(blockIdx.x) * 4 * blockDim.x + chain * blockDim.x + threadIdx.x;
        float v = x[i];
#pragma unroll 8
        for (int turn = 0; turn < turns; ++turn) v = v * 0.75f + 0.125f;
        y[i] = v;
    }
}

extern "C" __global__ void chains_at_once(const float *x, float *y, int turns) {
    const long first = long(blockIdx.x) * 4 * blockDim.x + threadIdx.x;
    float v[4];
    for (int chain = 0; chain < 4; ++chain) v[chain] = x[first + chain * blockDim.x];
#pragma unroll 8
    for (int turn = 0; turn < turns; ++turn)
        for (int chain = 0; chain < 4; ++chain) v[chain] = v[chain] * 0.75f + 0.125f;
    for (int chain = 0; chain < 4; ++chain) y[first + chain * blockDim.x] = v[chain];
}

// The tail: a part of the work that takes 24 times as long is begun last (`rotation` 1), or first (0).
extern "C" __global__ void one_long_block(const float *x, float *y, int turns, int rotation) {
    const long block = blockIdx.x + rotation < gridDim.x ? blockIdx.x + rotation : 0;
    const long i = block * blockDim.x + threadIdx.x;
    float v = x[i];
    for (int turn = 0; turn < (block == 0 ? 24 * turns : turns); ++turn) v = v * 0.75f + 0.125f;
    y[i] = v;
}

// Integer division: by a number that only the launch knows, or by a shift.
extern "C" __global__ void divide(const unsigned *x, unsigned *y, unsigned by, int turns) {
    unsigned v = x[global_thread()], sum = 0;
    for (int turn = 0; turn < turns; ++turn, v = v * 1664525 + 1013904223) sum += v / by;
    y[global_thread()] = sum;
}

extern "C" __global__ void shift(const unsigned *x, unsigned *y, unsigned by, int turns) {
    unsigned v = x[global_thread()], sum = 0;
    for (int turn = 0; turn < turns; ++turn, v = v * 1664525 + 1013904223) sum += v >> by;
    y[global_thread()] = sum;
}

// Precision: constants that are doubles by accident, or floats.
extern "C" __global__ void double_constants(const float *x, float *y, int turns) {
    float v = x[global_thread()];
    for (int turn = 0; turn < turns; ++turn) v = v * 0.75 + 0.125;
    y[global_thread()] = v;
}

extern "C" __global__ void float_constants(const float *x, float *y, int turns) {
    float v = x[global_thread()];
    for (int turn = 0; turn < turns; ++turn) v = v * 0.75f + 0.125f;
    y[global_thread()] = v;
}

// Slow functions: a root and a division, both rounded exactly, or the one instruction for it.
extern "C" __global__ void exact_roots(const float *x, float *y, int turns) {
    float v = fabsf(x[global_thread()]) + 1;
    for (int turn = 0; turn < turns; ++turn) v = 1 / sqrtf(v) + 0.5f;
    y[global_thread()] = v;
}

extern "C" __global__ void quick_roots(const float *x, float *y, int turns) {
    float v = fabsf(x[global_thread()]) + 1;
    for (int turn = 0; turn < turns; ++turn) v = rsqrtf(v) + 0.5f;
    y[global_thread()] = v;
}

// Barriers: sums of a block of 1024 with one barrier for each halving, or with two in all.
__device__ float sum_by_halving(float value, float *shared) {
    shared[threadIdx.x] = value;
    for (int half = 512; half > 0; half /= 2) {
        __syncthreads();
        if (threadIdx.x < half) shared[threadIdx.x] += shared[threadIdx.x + half];
    }
    __syncthreads();
    value = shared[0];
    __syncthreads();
    return value;
}

__device__ float sum_by_shuffles(float value, float *shared) {
    value = warp_sum(value);
    if (threadIdx.x % 32 == 0) shared[threadIdx.x / 32] = value;
    __syncthreads();
    value = warp_sum(shared[threadIdx.x % 32]);
    __syncthreads();
    return value;
}

extern "C" __global__ void centre_by_halving(const float *x, float *y, int turns) {
    __shared__ float shared[1024];
    float v = x[global_thread()];
    for (int turn = 0; turn < turns; ++turn) v = 0.5f * v - sum_by_halving(v, shared) / 1024;
    y[global_thread()] = v;
}

extern "C" __global__ void centre_by_shuffles(const float *x, float *y, int turns) {
    __shared__ float shared[32];
    float v = x[global_thread()];
    for (int turn = 0; turn < turns; ++turn) v = 0.5f * v - sum_by_shuffles(v, shared) / 1024;
    y[global_thread()] = v;
}

// Reuse: eight vectors times a matrix whose rows are read once for each vector, or once.
extern "C" __global__ void matrix_for_each_vector(const float *a, const float *x, float *y, int rows, int n) {
    const long row = global_thread() / 32;
    for (int v = 0; v < 8; ++v) {
        float sum = 0;
        for (int i = threadIdx.x % 32; i < n; i += 32) sum += a[row * n + i] * x[v * n + i];
        sum = warp_sum(sum);
        if (threadIdx.x % 32 == 0) y[v * rows + row] = sum;
    }
}

extern "C" __global__ void matrix_once(const float *a, const float *x, float *y, int rows, int n) {
    const long row = global_thread() / 32;
    float sums[8] = {};
    for (int i = threadIdx.x % 32; i < n; i += 32) {
        const float value = a[row * n + i];
        for (int v = 0; v < 8; ++v) sums[v] += value * x[v * n + i];
    }
    for (int v = 0; v < 8; ++v) {
        const float sum = warp_sum(sums[v]);
        if (threadIdx.x % 32 == 0) y[v * rows + row] = sum;
    }
}

// Local memory: an array indexed by the turn of a loop, or, as that is unrolled, by constants.
template <int UNROLL>
__device__ void rotate(const float *x, float *y, int turns) {
    float v[16], sum = 0;
#pragma unroll
    for (int i = 0; i < 16; ++i) v[i] = i;
    const float value = x[global_thread()];
    for (int turn = 0; turn < turns; ++turn)
#pragma unroll UNROLL
        for (int i = 0; i < 16; ++i) v[5 * i % 16] = v[5 * i % 16] * 0.5f + value;
#pragma unroll
    for (int i = 0; i < 16; ++i) sum += v[i];
    y[global_thread()] = sum;
}

extern "C" __global__ void array_in_memory(const float *x, float *y, int turns) { rotate<1>(x, y, turns); }

extern "C" __global__ void array_in_registers(const float *x, float *y, int turns) { rotate<16>(x, y, turns); }
