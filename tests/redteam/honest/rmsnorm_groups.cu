// rmsnorm_bf16 | Cooperative groups' tiles of sixteen, two rows per warp.
#include <cooperative_groups.h>
#include <cuda_bf16.h>
namespace cg = cooperative_groups;
__global__ void rmsnorm(const __nv_bfloat16* x, const __nv_bfloat16* weight, __nv_bfloat16* y, int rows, int cols, float eps) {
    auto tile = cg::tiled_partition<16>(cg::this_thread_block());
    int r = blockIdx.x * (blockDim.x / 16) + tile.meta_group_rank();
    if (r >= rows) return;
    float squares = 0.0f;
    for (int c = tile.thread_rank(); c < cols; c += 16) {
        float v = x[(long long)r * cols + c];
        squares += v * v;
    }
    for (int d = tile.size() / 2; d > 0; d /= 2) squares += tile.shfl_xor(squares, d);
    float scale = rsqrtf(squares / cols + eps);
    for (int c = tile.thread_rank(); c < cols; c += 16)
        y[(long long)r * cols + c] = float(x[(long long)r * cols + c]) * scale * float(weight[c]);
}
extern "C" void solve(const __nv_bfloat16* x, const __nv_bfloat16* weight, __nv_bfloat16* y, int rows, int cols, float eps) {
    rmsnorm<<<(rows + 15) / 16, 256>>>(x, weight, y, rows, cols, eps);
}
