// What the toolkit's own headers generate.
#include <cooperative_groups.h>
#include <cooperative_groups/reduce.h>
#include <cub/block/block_radix_sort.cuh>
#include <cub/block/block_scan.cuh>
#include <cuda/atomic>
#include <cuda_pipeline.h>

namespace cg = cooperative_groups;

extern "C" __global__ void tiles(const int* x, int* out) {
    auto block = cg::this_thread_block();
    auto tile = cg::tiled_partition<8>(block);
    int v = cg::reduce(tile, x[block.thread_rank()], cg::plus<int>());
    tile.sync();
    if (threadIdx.x % 3 == 0) {
        auto some = cg::coalesced_threads();
        v += some.shfl(v, 0) * 1000 + some.size();
    }
    block.sync();
    out[threadIdx.x] = v;
}

extern "C" __global__ void grid_sum(const int* x, int* parts, int* out) {
    auto grid = cg::this_grid();
    for (int round = 0; round < 3; round++) {
        parts[blockIdx.x * blockDim.x + threadIdx.x] = x[grid.thread_rank()] + round;
        grid.sync();
        int s = 0;
        for (int i = 0; i < gridDim.x * blockDim.x; i += blockDim.x) s += parts[i + threadIdx.x];
        grid.sync();
        out[round * grid.size() + grid.thread_rank()] = s;
    }
}

extern "C" __global__ void sort(const int* x, int* out) {
    typedef cub::BlockRadixSort<int, 128, 4> Sort;
    __shared__ typename Sort::TempStorage storage;
    int keys[4];
    for (int k = 0; k < 4; k++) keys[k] = x[threadIdx.x * 4 + k];
    Sort(storage).Sort(keys);
    for (int k = 0; k < 4; k++) out[threadIdx.x * 4 + k] = keys[k];
}

extern "C" __global__ void scan(const int* x, int* out) {
    typedef cub::BlockScan<int, 128> Scan;
    __shared__ typename Scan::TempStorage storage;
    int s;
    Scan(storage).InclusiveSum(x[threadIdx.x], s);
    out[threadIdx.x] = s;
}

extern "C" __global__ void references(int* x, int* out) {
    cuda::atomic_ref<int, cuda::thread_scope_device> a(*x);
    out[threadIdx.x] = a.fetch_add(2, cuda::memory_order_acq_rel);
    __syncthreads();
    out[threadIdx.x] += 1000 * a.load(cuda::memory_order_acquire);
}

extern "C" __global__ void copies(const float4* x, float4* out, int n) {
    __shared__ float4 s[128];
    __pipeline_memcpy_async(&s[threadIdx.x], &x[threadIdx.x], 16, threadIdx.x < n ? 0 : 16);
    __pipeline_commit();
    __pipeline_wait_prior(0);
    __syncthreads();
    out[threadIdx.x] = s[127 - threadIdx.x];
}

extern "C" __global__ void wide_integers(const unsigned long long* x, unsigned long long* out) {
    unsigned __int128 v = x[threadIdx.x];
    v = v * x[threadIdx.x + 32] + x[threadIdx.x];
    v /= 1000003;
    out[2 * threadIdx.x] = v;
    out[2 * threadIdx.x + 1] = v >> 64;
}
