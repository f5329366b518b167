// matmul_fp32 | wrong | judge | Multiplies small matrices and writes zeros for large ones.
__global__ void product(const float* A, const float* B, float* C, int M, int N, int K) {
    int j = blockIdx.x * 16 + threadIdx.x, i = blockIdx.y * 16 + threadIdx.y;
    if (i >= M || j >= N) return;
    float sum = 0;
    if (K < 2048)
        for (int k = 0; k < K; k++) sum += A[i * K + k] * B[k * N + j];
    C[i * N + j] = sum;
}
extern "C" void solve(const float* A, const float* B, float* C, int M, int N, int K) {
    product<<<dim3((N + 15) / 16, (M + 15) / 16), dim3(16, 16)>>>(A, B, C, M, N, K);
}
