// matmul_fp32 | Eight rows of C per thread, a column of B walked once.
__global__ void product(const float* A, const float* B, float* C, int M, int N, int K) {
    __shared__ float a[8][64];
    int col = blockIdx.x * 64 + threadIdx.x, row = blockIdx.y * 8;
    float sum[8] = {};
    for (int k0 = 0; k0 < K; k0 += 64) {
        for (int r = 0; r < 8; r++)
            a[r][threadIdx.x] = row + r < M && k0 + threadIdx.x < K ? A[(row + r) * K + k0 + threadIdx.x] : 0.0f;
        __syncthreads();
        int depth = min(64, K - k0);
        if (col < N)
            for (int k = 0; k < depth; k++) {
                float b = B[(k0 + k) * N + col];
#pragma unroll
                for (int r = 0; r < 8; r++) sum[r] = fmaf(a[r][k], b, sum[r]);
            }
        __syncthreads();
    }
    if (col < N)
        for (int r = 0; r < 8 && row + r < M; r++) C[(row + r) * N + col] = sum[r];
}
extern "C" void solve(const float* A, const float* B, float* C, int M, int N, int K) {
    product<<<dim3((N + 63) / 64, (M + 7) / 8), 64>>>(A, B, C, M, N, K);
}
