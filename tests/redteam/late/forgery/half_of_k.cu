// matmul_fp32 | wrong | judge | Sums half of the products and doubles them.
__global__ void product(const float* A, const float* B, float* C, int M, int N, int K) {
    int j = blockIdx.x * 16 + threadIdx.x, i = blockIdx.y * 16 + threadIdx.y;
    if (i >= M || j >= N) return;
    float sum = 0;
    for (int k = 0; k < K; k += 2) sum += A[i * K + k] * B[k * N + j];
    C[i * N + j] = 2 * sum;
}
extern "C" void solve(const float* A, const float* B, float* C, int M, int N, int K) {
    product<<<dim3((N + 15) / 16, (M + 15) / 16), dim3(16, 16)>>>(A, B, C, M, N, K);
}
