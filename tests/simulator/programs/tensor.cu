// Matrix products on tensor cores: through wmma, and through mma.sync with ldmatrix and cp.async.
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <mma.h>

using namespace nvcuda;

// 64 x 64 per block of four warps, each 32 x 32; C = A B in fp16 with fp32 sums, row-major.
__global__ void gemm_wmma(const half* A, const half* B, float* C, int M, int N, int K) {
    __shared__ half As[64][16 + 8], Bs[16][64 + 8];
    const int warp = threadIdx.x / 32, warp_row = warp / 2 * 32, warp_col = warp % 2 * 32;
    wmma::fragment<wmma::accumulator, 16, 16, 16, float> acc[2][2];
    for (int i = 0; i < 2; ++i)
        for (int j = 0; j < 2; ++j) wmma::fill_fragment(acc[i][j], 0.0f);
    for (int base = 0; base < K; base += 16) {
        for (int i = threadIdx.x; i < 64 * 16 / 8; i += blockDim.x) {
            const int row = i / 2, col = i % 2 * 8;
            *reinterpret_cast<uint4*>(&As[row][col]) =
                *reinterpret_cast<const uint4*>(&A[(blockIdx.y * 64 + row) * K + base + col]);
        }
        for (int i = threadIdx.x; i < 16 * 64 / 8; i += blockDim.x) {
            const int row = i / 8, col = i % 8 * 8;
            *reinterpret_cast<uint4*>(&Bs[row][col]) =
                *reinterpret_cast<const uint4*>(&B[(base + row) * N + blockIdx.x * 64 + col]);
        }
        __syncthreads();
        wmma::fragment<wmma::matrix_a, 16, 16, 16, half, wmma::row_major> a[2];
        wmma::fragment<wmma::matrix_b, 16, 16, 16, half, wmma::row_major> b[2];
        for (int i = 0; i < 2; ++i) {
            wmma::load_matrix_sync(a[i], &As[warp_row + 16 * i][0], 16 + 8);
            wmma::load_matrix_sync(b[i], &Bs[0][warp_col + 16 * i], 64 + 8);
        }
        for (int i = 0; i < 2; ++i)
            for (int j = 0; j < 2; ++j) wmma::mma_sync(acc[i][j], a[i], b[j], acc[i][j]);
        __syncthreads();
    }
    for (int i = 0; i < 2; ++i)
        for (int j = 0; j < 2; ++j) {
            float* out = C + (blockIdx.y * 64 + warp_row + 16 * i) * N + blockIdx.x * 64 + warp_col + 16 * j;
            wmma::store_matrix_sync(out, acc[i][j], N, wmma::mem_row_major);
        }
}

__device__ unsigned shared_address(const void* p) { return static_cast<unsigned>(__cvta_generic_to_shared(p)); }

__device__ void copy_16(const void* to, const void* from) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16;\n" ::"r"(shared_address(to)), "l"(from));
}

__device__ void load_a(unsigned (&r)[4], const void* p) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];\n"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(shared_address(p)));
}

__device__ void load_b(unsigned (&r)[2], const void* p) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0, %1}, [%2];\n"
                 : "=r"(r[0]), "=r"(r[1]) : "r"(shared_address(p)));
}

__device__ void multiply(float (&c)[4], const unsigned (&a)[4], const unsigned (&b)[2], half) {
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
                 "{%0, %1, %2, %3};\n"
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

__device__ void multiply(float (&c)[4], const unsigned (&a)[4], const unsigned (&b)[2], __nv_bfloat16) {
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
                 "{%0, %1, %2, %3};\n"
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

// 64 x 64 per block of four warps, each 32 x 32; two stages of shared memory.
template <typename T>
__device__ void gemm(const T* A, const T* B, float* C, int M, int N, int K) {
    constexpr int BK = 32, Stages = 2;
    __shared__ __align__(16) T As[Stages][64][BK + 8];
    __shared__ __align__(16) T Bs[Stages][BK][64 + 8];
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    const int warp_row = warp / 2 * 32, warp_col = warp % 2 * 32;
    A += blockIdx.y * 64 * K;
    B += blockIdx.x * 64;
    auto fetch = [&](int stage, int base) {
        for (int i = threadIdx.x; i < 64 * BK / 8; i += 128) {
            const int row = i / (BK / 8), col = i % (BK / 8) * 8;
            copy_16(&As[stage][row][col], A + row * K + base + col);
        }
        for (int i = threadIdx.x; i < BK * 64 / 8; i += 128) {
            const int row = i / 8, col = i % 8 * 8;
            copy_16(&Bs[stage][row][col], B + (base + row) * N + col);
        }
        asm volatile("cp.async.commit_group;\n");
    };
    float acc[2][4][4] = {};
    fetch(0, 0);
    for (int base = 0, stage = 0; base < K; base += BK, stage ^= 1) {
        if (base + BK < K) {
            fetch(stage ^ 1, base + BK);
            asm volatile("cp.async.wait_group 1;\n");
        } else {
            asm volatile("cp.async.wait_group 0;\n");
        }
        __syncthreads();
#pragma unroll
        for (int k = 0; k < BK; k += 16) {
            unsigned a[2][4], b[4][2];
            for (int i = 0; i < 2; ++i) load_a(a[i], &As[stage][warp_row + 16 * i + lane % 16][k + lane / 16 * 8]);
            for (int j = 0; j < 4; ++j) load_b(b[j], &Bs[stage][k + lane % 16][warp_col + 8 * j]);
            for (int i = 0; i < 2; ++i)
                for (int j = 0; j < 4; ++j) multiply(acc[i][j], a[i], b[j], T());
        }
        __syncthreads();
    }
    for (int i = 0; i < 2; ++i)
        for (int j = 0; j < 4; ++j) {
            const int row = blockIdx.y * 64 + warp_row + 16 * i + lane / 4;
            const int col = blockIdx.x * 64 + warp_col + 8 * j + lane % 4 * 2;
            *reinterpret_cast<float2*>(&C[row * N + col]) = make_float2(acc[i][j][0], acc[i][j][1]);
            *reinterpret_cast<float2*>(&C[(row + 8) * N + col]) = make_float2(acc[i][j][2], acc[i][j][3]);
        }
}

__global__ void gemm_mma_half(const half* A, const half* B, float* C, int M, int N, int K) { gemm(A, B, C, M, N, K); }

__global__ void gemm_mma_bfloat(const __nv_bfloat16* A, const __nv_bfloat16* B, float* C, int M, int N, int K) {
    gemm(A, B, C, M, N, K);
}
