// Scans, sorts, histograms, and what makes blocks wait for each other.
#include <cooperative_groups.h>

namespace cg = cooperative_groups;

// Hillis and Steele, with two buffers.
__global__ void scan_inclusive(const int* x, int* y, int n) {
    extern __shared__ int buffer[];
    int out = 0, in = 1;
    const int t = threadIdx.x;
    buffer[t] = t < n ? x[blockIdx.x * n + t] : 0;
    __syncthreads();
    for (int step = 1; step < blockDim.x; step *= 2) {
        out = 1 - out;
        in = 1 - out;
        buffer[out * blockDim.x + t] = buffer[in * blockDim.x + t] + (t >= step ? buffer[in * blockDim.x + t - step] : 0);
        __syncthreads();
    }
    if (t < n) y[blockIdx.x * n + t] = buffer[out * blockDim.x + t];
}

// Blelloch: up and down a tree, 2 elements per thread, with padding against bank conflicts.
#define PADDED(i) ((i) + ((i) >> 5))
__global__ void scan_exclusive(const int* x, int* y) {
    extern __shared__ int tree[];
    const int t = threadIdx.x, n = 2 * blockDim.x;
    tree[PADDED(t)] = x[blockIdx.x * n + t];
    tree[PADDED(t + n / 2)] = x[blockIdx.x * n + t + n / 2];
    int offset = 1;
    for (int d = n >> 1; d > 0; d >>= 1) {
        __syncthreads();
        if (t < d) tree[PADDED(offset * (2 * t + 2) - 1)] += tree[PADDED(offset * (2 * t + 1) - 1)];
        offset *= 2;
    }
    if (t == 0) tree[PADDED(n - 1)] = 0;
    for (int d = 1; d < n; d *= 2) {
        offset >>= 1;
        __syncthreads();
        if (t < d) {
            const int a = PADDED(offset * (2 * t + 1) - 1), b = PADDED(offset * (2 * t + 2) - 1);
            const int kept = tree[a];
            tree[a] = tree[b];
            tree[b] += kept;
        }
    }
    __syncthreads();
    y[blockIdx.x * n + t] = tree[PADDED(t)];
    y[blockIdx.x * n + t + n / 2] = tree[PADDED(t + n / 2)];
}

__device__ int warp_inclusive(int v) {
    for (int step = 1; step < 32; step *= 2) {
        const int other = __shfl_up_sync(0xffffffffu, v, step);
        if (threadIdx.x % 32 >= step) v += other;
    }
    return v;
}

// Inclusive, over a block of at most 1024 threads.
__device__ int block_inclusive(int v, int* sums) {
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    v = warp_inclusive(v);
    if (lane == 31) sums[warp] = v;
    __syncthreads();
    if (warp == 0) {
        const int s = lane < blockDim.x / 32 ? sums[lane] : 0;
        sums[lane] = warp_inclusive(s);
    }
    __syncthreads();
    return v + (warp ? sums[warp - 1] : 0);
}

// One pass over any length: each block adds up what its predecessors have published (Merrill and Garland).
enum { NOTHING, AGGREGATE, PREFIX };
__global__ void scan_look_back(const int* x, int* y, int n, int* ticket, volatile int* flags, volatile int* aggregates,
                               volatile int* prefixes) {
    __shared__ int sums[32], tile, before;
    if (threadIdx.x == 0) tile = atomicAdd(ticket, 1);
    __syncthreads();
    const int i = tile * blockDim.x + threadIdx.x;
    const int mine = i < n ? x[i] : 0;
    const int inclusive = block_inclusive(mine, sums);
    if (threadIdx.x == blockDim.x - 1) {
        if (tile == 0) {
            prefixes[0] = inclusive;
            __threadfence();
            flags[0] = PREFIX;
            before = 0;
        } else {
            aggregates[tile] = inclusive;
            __threadfence();
            flags[tile] = AGGREGATE;
            int sum = 0;
            for (int p = tile - 1; p >= 0; --p) {
                int flag;
                while ((flag = flags[p]) == NOTHING) {}
                __threadfence();
                if (flag == PREFIX) {
                    sum += prefixes[p];
                    break;
                }
                sum += aggregates[p];
            }
            prefixes[tile] = sum + inclusive;
            __threadfence();
            flags[tile] = PREFIX;
            before = sum;
        }
    }
    __syncthreads();
    if (i < n) y[i] = before + inclusive;
}

// Least significant digit first, 4 bits per pass, one block: stable by scans of each digit's flags.
__global__ void radix_sort(unsigned* keys, int n) {
    extern __shared__ unsigned shared[];
    unsigned *from = shared, *to = shared + blockDim.x;
    __shared__ int sums[32], start;
    const int t = threadIdx.x;
    from[t] = t < n ? keys[t] : 0xffffffffu;
    __syncthreads();
    for (int bit = 0; bit < 32; bit += 4) {
        const unsigned key = from[t], digit = key >> bit & 15;
        int place = 0;
        if (t == 0) start = 0;
        __syncthreads();
        for (unsigned d = 0; d < 16; ++d) {
            const int is = digit == d;
            const int rank = block_inclusive(is, sums);
            if (is) place = start + rank - 1;
            __syncthreads();
            if (t == blockDim.x - 1) start += rank;
            __syncthreads();
        }
        to[place] = key;
        __syncthreads();
        unsigned* other = from;
        from = to;
        to = other;
    }
    if (t < n) keys[t] = from[t];
}

__global__ void histogram_global(const unsigned char* x, unsigned* bins, int n) {
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += blockDim.x * gridDim.x) atomicAdd(&bins[x[i]], 1);
}

__global__ void histogram_shared(const unsigned char* x, unsigned* bins, int n) {
    __shared__ unsigned local[256];
    for (int i = threadIdx.x; i < 256; i += blockDim.x) local[i] = 0;
    __syncthreads();
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += blockDim.x * gridDim.x) atomicAdd(&local[x[i]], 1);
    __syncthreads();
    for (int i = threadIdx.x; i < 256; i += blockDim.x)
        if (local[i]) atomicAdd(&bins[i], local[i]);
}

// Lanes with equal values elect one that adds for all of them.
__global__ void histogram_aggregated(const unsigned char* x, unsigned* bins, int n) {
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    const unsigned active = __activemask(), peers = __match_any_sync(active, x[i]);
    if (threadIdx.x % 32 == __ffs(peers) - 1) atomicAdd(&bins[x[i]], __popc(peers));
}

// In shared memory, one block.
__global__ void bitonic_shared(float* x, int n) {
    extern __shared__ float keys[];
    const int t = threadIdx.x;
    keys[t] = t < n ? x[t] : INFINITY;
    __syncthreads();
    for (int size = 2; size <= blockDim.x; size *= 2)
        for (int stride = size / 2; stride > 0; stride /= 2) {
            const int other = t ^ stride;
            if (other > t) {
                const float a = keys[t], b = keys[other];
                if ((t & size) == 0 ? a > b : a < b) {
                    keys[t] = b;
                    keys[other] = a;
                }
            }
            __syncthreads();
        }
    if (t < n) x[t] = keys[t];
}

// One step of the sort in global memory; one launch for each.
__global__ void bitonic_step(float* x, int stride, int size) {
    const unsigned i = blockIdx.x * blockDim.x + threadIdx.x, other = i ^ stride;
    if (other <= i) return;
    const float a = x[i], b = x[other];
    if ((i & size) == 0 ? a > b : a < b) {
        x[i] = b;
        x[other] = a;
    }
}

// One thread per block takes the lock and changes what it guards with plain accesses.
__global__ void spin_lock(int* lock, int* account, int rounds) {
    if (threadIdx.x == 0)
        for (int k = 0; k < rounds; ++k) {
            while (atomicCAS(lock, 0, 1) != 0) {}
            __threadfence();
            account[0] += k;
            account[1] += 1;
            __threadfence();
            atomicExch(lock, 0);
        }
}

// Every lane of a warp wants the lock: the loop ends for one lane at a time.
__global__ void lane_lock(int* lock, volatile int* account) {
    bool done = false;
    while (!done) {
        if (atomicCAS(lock, 0, 1) == 0) {
            __threadfence();
            account[0] = account[0] + threadIdx.x;
            __threadfence();
            atomicExch(lock, 0);
            done = true;
        }
    }
}

// As many blocks as fit fetch work until there is none.
__global__ void persistent(const float* x, float* y, int* next, int items, int width) {
    __shared__ int item;
    for (;;) {
        if (threadIdx.x == 0) item = atomicAdd(next, 1);
        __syncthreads();
        const int mine = item;
        __syncthreads();
        if (mine >= items) return;
        for (int i = threadIdx.x; i < width; i += blockDim.x) y[mine * width + i] = 2.0f * x[mine * width + i] + mine;
    }
}

// Jacobi on a ring: everyone reads what everyone wrote in the round before.
__global__ void grid_rounds(float* a, float* b, int n, int rounds) {
    cg::grid_group grid = cg::this_grid();
    for (int r = 0; r < rounds; ++r) {
        for (int i = grid.thread_rank(); i < n; i += grid.size())
            b[i] = 0.5f * a[i] + 0.25f * (a[(i + 1) % n] + a[(i + n - 1) % n]);
        grid.sync();
        float* swapped = a;
        a = b;
        b = swapped;
    }
}
