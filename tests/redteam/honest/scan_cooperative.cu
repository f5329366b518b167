// exclusive_scan_i32 | One cooperative launch: sums of stripes, a barrier of the grid, then the stripes.
#include <cooperative_groups.h>
namespace cg = cooperative_groups;
__device__ long long block_sum(long long v, long long* s) {
    for (int d = 16; d; d >>= 1) v += __shfl_xor_sync(~0u, v, d);
    __syncthreads();
    if (threadIdx.x % 32 == 0) s[threadIdx.x / 32] = v;
    __syncthreads();
    v = 0;
    for (int w = 0; w < 8; w++) v += s[w];
    return v;
}
__global__ void scan(const int* x, long long* y, long long* sums, int n, int stripe) {
    __shared__ long long s[8];
    const int from = blockIdx.x * stripe, to = min(n, from + stripe);
    long long mine = 0;
    for (int i = from + threadIdx.x; i < to; i += 256) mine += x[i];
    mine = block_sum(mine, s);
    if (threadIdx.x == 0) sums[blockIdx.x] = mine;
    cg::this_grid().sync();
    long long carry = 0;
    for (int b = threadIdx.x; b < blockIdx.x; b += 256) carry += sums[b];
    carry = block_sum(carry, s);
    for (int i = from; i < to; i += 256) {
        long long v = i + threadIdx.x < to ? x[i + threadIdx.x] : 0, upto = v;
        for (int d = 1; d < 32; d *= 2) {
            long long o = __shfl_up_sync(~0u, upto, d);
            if (threadIdx.x % 32 >= d) upto += o;
        }
        __syncthreads();
        if (threadIdx.x % 32 == 31) s[threadIdx.x / 32] = upto;
        __syncthreads();
        for (int w = 0; w < threadIdx.x / 32; w++) upto += s[w];
        if (i + threadIdx.x < to) y[i + threadIdx.x] = carry + upto - v;
        for (int w = 0; w < 8; w++) carry += s[w];
    }
}
extern "C" void solve(const int* x, long long* y, int n) {
    int blocks = 132, stripe = (n + blocks - 1) / blocks;
    long long* sums;
    cudaMalloc(&sums, blocks * sizeof *sums);
    void* arguments[] = {&x, &y, &sums, &n, &stripe};
    cudaLaunchCooperativeKernel((const void*)scan, dim3(blocks), dim3(256), arguments, 0, nullptr);
    cudaFree(sums);
}
