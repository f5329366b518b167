// matmul_fp32 | wrong | judge | Accumulates a single-precision product in half precision.
#include <cuda_fp16.h>
__global__ void product(const float* A, const float* B, float* C, int M, int N, int K) {
    int col = blockIdx.x * 16 + threadIdx.x, row = blockIdx.y * 16 + threadIdx.y;
    if (row >= M || col >= N) return;
    __half sum = __float2half(0.0f);
    for (int k = 0; k < K; k++) sum = __hfma(__float2half(A[row * K + k]), __float2half(B[k * N + col]), sum);
    C[row * N + col] = __half2float(sum);
}
extern "C" void solve(const float* A, const float* B, float* C, int M, int N, int K) {
    product<<<dim3((N + 15) / 16, (M + 15) / 16), dim3(16, 16)>>>(A, B, C, M, N, K);
}
