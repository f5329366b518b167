// Cooperative groups of every kind, and barriers in every form.
#include <cooperative_groups.h>
#include <cooperative_groups/reduce.h>
#include <cooperative_groups/scan.h>
#include <cuda/atomic>

namespace cg = cooperative_groups;

template <int size> __device__ void tile_row(const int* x, int*& out) {
    auto tile = cg::tiled_partition<size>(cg::this_thread_block());
    int v = x[threadIdx.x];
    out[0] = cg::reduce(tile, v, cg::plus<int>());
    out[256] = cg::reduce(tile, v, cg::less<int>());
    out[512] = cg::inclusive_scan(tile, v);
    out[768] = cg::exclusive_scan(tile, v, cg::bit_xor<int>());
    out[1024] = tile.shfl(v, size - 1) + 1000 * tile.shfl_xor(v, size / 2) + 1000000 * tile.thread_rank();
    out[1280] = tile.meta_group_rank() + 1000 * tile.any(v == 3) + 2000 * tile.all(v < 190) + 4000 * __popc(tile.ballot(v & 1));
    out += 6 * 256;
}
extern "C" __global__ void tiles_of_every_size(const int* x, int* out) {
    out += threadIdx.x;
    tile_row<1>(x, out), tile_row<2>(x, out), tile_row<4>(x, out), tile_row<8>(x, out), tile_row<16>(x, out), tile_row<32>(x, out);
}

extern "C" __global__ void tiles_of_several_warps(const int* x, int* out) {
    __shared__ cg::block_tile_memory<256> memory;
    auto block = cg::this_thread_block(memory);
    auto tile = cg::tiled_partition<128>(block);
    int v = x[threadIdx.x], t = threadIdx.x;
    out[t] = cg::reduce(tile, v, cg::plus<int>()) + 100000 * tile.meta_group_rank();
    tile.sync();
    out[256 + t] = cg::inclusive_scan(tile, v, cg::plus<int>());
    out[512 + t] = tile.shfl(v, 77) + 1000 * tile.any(v == 3) + 2000 * tile.all(v < 250);
    auto pair = cg::tiled_partition<64>(tile);
    out[768 + t] = cg::reduce(pair, v, cg::greater<int>()) + 1000 * pair.thread_rank();
}

extern "C" __global__ void partitions(const int* x, int* out) {
    auto warp = cg::tiled_partition<32>(cg::this_thread_block());
    int v = x[threadIdx.x], t = threadIdx.x;
    auto same = cg::labeled_partition(warp, v % 3);
    auto odd = cg::binary_partition(warp, v & 1);
    out[t] = cg::reduce(same, v, cg::plus<int>()) + 100000 * same.thread_rank();
    out[64 + t] = odd.size() + 100 * odd.thread_rank() + 10000 * odd.shfl(v, 0);
    if (v % 5 < 2) {
        auto here = cg::coalesced_threads();
        out[128 + t] = here.size() + 100 * here.thread_rank() + 10000 * here.shfl(v, 0);
        out[192 + t] = cg::reduce(here, v, cg::plus<int>()) + 10000 * cg::exclusive_scan(here, v);
        here.sync();
        out[256 + t] = here.shfl_up(v, 1) + 1000 * here.match_any(v & 3);
    }
    auto ranks = cg::tiled_partition(cg::this_thread_block(), 8);
    out[320 + t] = ranks.thread_rank() + 100 * ranks.size();
}

extern "C" __global__ void scans_that_update(const int* x, int* out) {
    __shared__ cuda::atomic<int, cuda::thread_scope_block> total;
    auto warp = cg::tiled_partition<32>(cg::this_thread_block());
    if (threadIdx.x == 0) total.store(0);
    __syncthreads();
    out[threadIdx.x] = cg::inclusive_scan_update(warp, total, x[threadIdx.x]);
}

extern "C" __global__ void split_sync(const int* x, int* out) {
    __shared__ int tile[128];
    auto block = cg::this_thread_block();
    tile[threadIdx.x] = x[threadIdx.x];
    auto token = block.barrier_arrive();
    int own = x[threadIdx.x] * 2;
    block.barrier_wait(std::move(token));
    out[threadIdx.x] = tile[127 - threadIdx.x] + own;
}

// One form of barrier per step; each hands a row of shared memory to the mirrored thread.
extern "C" __global__ void barrier_forms(const int* x, int* out) {
    __shared__ int rows[10][128];
    int t = threadIdx.x, v = x[t], n = 0, sum, odd = v & 1;
#define STEP(...) rows[n][t] = v + n; asm volatile(__VA_ARGS__); out[n * 128 + t] = rows[n][127 - t]; n++;
    STEP("bar.sync 0;" ::: "memory")
    STEP("barrier.sync 1;" ::: "memory")
    STEP("bar.cta.sync 2, 128;" ::: "memory")
    STEP("barrier.cta.sync.aligned %0, %1;" :: "r"(x[0] & 7), "r"(128) : "memory")
    STEP("barrier.cta.sync 15, 128;" ::: "memory")
    STEP("{.reg .pred p; setp.ne.s32 p, %1, 0; barrier.cta.red.popc.aligned.u32 %0, 3, p;}" : "=r"(sum) : "r"(odd) : "memory")
    out[n * 128 + t] = sum;
    STEP("{.reg .pred p; setp.ne.s32 p, %1, 0; bar.red.and.pred p, 3, 128, !p; selp.s32 %0, 1, 0, p;}" : "=r"(sum) : "r"(odd) : "memory")
    out[7 * 128 + t] = sum;
    n = 8;
    STEP("{.reg .pred p; setp.ne.s32 p, %1, 0; barrier.cta.red.or.pred p, 3, p; selp.s32 %0, 1, 0, p;}" : "=r"(sum) : "r"(odd) : "memory")
    out[9 * 128 + t] = sum;
    rows[9][t] = v;
    // The lower half only arrives; the upper half waits for both.
    if (t < 64) asm volatile("barrier.cta.arrive 4, 128;" ::: "memory");
    else {
        asm volatile("barrier.cta.sync 4, 128;" ::: "memory");
        out[10 * 128 + t] = rows[9][127 - t];
    }
}
