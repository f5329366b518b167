// matmul_nt_fp16 | Tensor cores through wmma, tiles padded with zeros in shared memory.
#include <cuda_fp16.h>
#include <mma.h>
using namespace nvcuda;
__global__ void product(const __half* A, const __half* B, __half* C, int M, int N, int K) {
    __shared__ __align__(32) __half a[16 * 16], b[16 * 16];
    __shared__ __align__(32) float c[16 * 16];
    wmma::fragment<wmma::matrix_a, 16, 16, 16, __half, wmma::row_major> left;
    wmma::fragment<wmma::matrix_b, 16, 16, 16, __half, wmma::col_major> right;
    wmma::fragment<wmma::accumulator, 16, 16, 16, float> sum;
    wmma::fill_fragment(sum, 0.0f);
    int i = blockIdx.y * 16, j = blockIdx.x * 16;
    for (int k = 0; k < K; k += 16) {
        for (int e = threadIdx.x; e < 256; e += 32) {
            int r = e / 16, d = k + e % 16;
            a[e] = i + r < M && d < K ? A[(i + r) * K + d] : __half(0.0f);
            b[e] = j + r < N && d < K ? B[(j + r) * K + d] : __half(0.0f);
        }
        __syncwarp();
        wmma::load_matrix_sync(left, a, 16);
        wmma::load_matrix_sync(right, b, 16);
        wmma::mma_sync(sum, left, right, sum);
        __syncwarp();
    }
    wmma::store_matrix_sync(c, sum, 16, wmma::mem_row_major);
    __syncwarp();
    for (int e = threadIdx.x; e < 256; e += 32)
        if (i + e / 16 < M && j + e % 16 < N) C[(i + e / 16) * N + j + e % 16] = __float2half(c[e]);
}
extern "C" void solve(const __half* A, const __half* B, __half* C, int M, int N, int K) {
    product<<<dim3((N + 15) / 16, (M + 15) / 16), 32>>>(A, B, C, M, N, K);
}
