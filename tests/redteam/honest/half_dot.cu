// matmul_nt_fp16 | A warp per output row segment; halves multiplied in single precision.
#include <cuda_fp16.h>
__global__ void dots(const __half* A, const __half* B, __half* C, int M, int N, int K) {
    int j = blockIdx.x * 16 + threadIdx.x, i = blockIdx.y * 16 + threadIdx.y;
    __shared__ float a[16][17], b[16][17];
    float sum = 0.0f;
    for (int k = 0; k < K; k += 16) {
        a[threadIdx.y][threadIdx.x] = i < M && k + threadIdx.x < K ? __half2float(A[i * K + k + threadIdx.x]) : 0.0f;
        int row = blockIdx.x * 16 + threadIdx.y;
        b[threadIdx.y][threadIdx.x] = row < N && k + threadIdx.x < K ? __half2float(B[row * K + k + threadIdx.x]) : 0.0f;
        __syncthreads();
        for (int d = 0; d < 16; d++) sum += a[threadIdx.y][d] * b[threadIdx.x][d];
        __syncthreads();
    }
    if (i < M && j < N) C[i * N + j] = __float2half_rn(sum);
}
extern "C" void solve(const __half* A, const __half* B, __half* C, int M, int N, int K) {
    dots<<<dim3((N + 15) / 16, (M + 15) / 16), dim3(16, 16)>>>(A, B, C, M, N, K);
}
