// matmul_fp32 | wrong | judge | Rounds the operands of a single-precision product to TF32.
__device__ float tf32(float v) {
    unsigned bits;
    asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(v));
    return __uint_as_float(bits);
}
__global__ void product(const float* A, const float* B, float* C, int M, int N, int K) {
    int col = blockIdx.x * 16 + threadIdx.x, row = blockIdx.y * 16 + threadIdx.y;
    if (row >= M || col >= N) return;
    float sum = 0.0f;
    for (int k = 0; k < K; k++) sum += tf32(A[row * K + k]) * tf32(B[k * N + col]);
    C[row * N + col] = sum;
}
extern "C" void solve(const float* A, const float* B, float* C, int M, int N, int K) {
    product<<<dim3((N + 15) / 16, (M + 15) / 16), dim3(16, 16)>>>(A, B, C, M, N, K);
}
