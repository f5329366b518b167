// The ladder that people climb to a fast matrix product: C = A B, all row-major, sizes multiples of the tiles.
#include <cuda_pipeline.h>

__global__ void sgemm_naive(int M, int N, int K, const float* A, const float* B, float* C) {
    const int row = blockIdx.x * blockDim.x + threadIdx.x;
    const int col = blockIdx.y * blockDim.y + threadIdx.y;
    if (row < M && col < N) {
        float acc = 0.0f;
        for (int k = 0; k < K; ++k) acc += A[row * K + k] * B[k * N + col];
        C[row * N + col] = acc;
    }
}

__global__ void sgemm_coalesced(int M, int N, int K, const float* A, const float* B, float* C) {
    const int row = blockIdx.y * 16 + threadIdx.x / 16;
    const int col = blockIdx.x * 16 + threadIdx.x % 16;
    if (row < M && col < N) {
        float acc = 0.0f;
        for (int k = 0; k < K; ++k) acc += A[row * K + k] * B[k * N + col];
        C[row * N + col] = acc;
    }
}

__global__ void sgemm_shared(int M, int N, int K, const float* A, const float* B, float* C) {
    constexpr int T = 16;
    __shared__ float As[T][T];
    __shared__ float Bs[T][T];
    const int tx = threadIdx.x, ty = threadIdx.y;
    const int row = blockIdx.y * T + ty, col = blockIdx.x * T + tx;
    float acc = 0.0f;
    for (int t = 0; t < (K + T - 1) / T; ++t) {
        As[ty][tx] = row < M && t * T + tx < K ? A[row * K + t * T + tx] : 0.0f;
        Bs[ty][tx] = t * T + ty < K && col < N ? B[(t * T + ty) * N + col] : 0.0f;
        __syncthreads();
#pragma unroll
        for (int k = 0; k < T; ++k) acc += As[ty][k] * Bs[k][tx];
        __syncthreads();
    }
    if (row < M && col < N) C[row * N + col] = acc;
}

// 64 x 64 per block, 8 x 1 per thread.
__global__ void sgemm_1d_tiles(int M, int N, int K, const float* A, const float* B, float* C) {
    constexpr int BM = 64, BN = 64, BK = 8, TM = 8;
    __shared__ float As[BM * BK];
    __shared__ float Bs[BK * BN];
    const int threadCol = threadIdx.x % BN, threadRow = threadIdx.x / BN;
    A += blockIdx.y * BM * K;
    B += blockIdx.x * BN;
    C += blockIdx.y * BM * N + blockIdx.x * BN;
    const int aCol = threadIdx.x % BK, aRow = threadIdx.x / BK;
    const int bCol = threadIdx.x % BN, bRow = threadIdx.x / BN;
    float results[TM] = {0.0f};
    for (int base = 0; base < K; base += BK) {
        As[aRow * BK + aCol] = A[aRow * K + aCol];
        Bs[bRow * BN + bCol] = B[bRow * N + bCol];
        __syncthreads();
        A += BK;
        B += BK * N;
        for (int k = 0; k < BK; ++k) {
            const float b = Bs[k * BN + threadCol];
            for (int i = 0; i < TM; ++i) results[i] += As[(threadRow * TM + i) * BK + k] * b;
        }
        __syncthreads();
    }
    for (int i = 0; i < TM; ++i) C[(threadRow * TM + i) * N + threadCol] = results[i];
}

// 64 x 64 per block, 4 x 4 per thread.
__global__ void __launch_bounds__(256) sgemm_2d_tiles(int M, int N, int K, const float* A, const float* B, float* C) {
    constexpr int BM = 64, BN = 64, BK = 8, TM = 4, TN = 4;
    __shared__ float As[BM * BK];
    __shared__ float Bs[BK * BN];
    const int threadCol = threadIdx.x % (BN / TN), threadRow = threadIdx.x / (BN / TN);
    A += blockIdx.y * BM * K;
    B += blockIdx.x * BN;
    C += blockIdx.y * BM * N + blockIdx.x * BN;
    float acc[TM * TN] = {0.0f}, regM[TM], regN[TN];
    for (int base = 0; base < K; base += BK) {
        for (int i = threadIdx.x; i < BM * BK; i += blockDim.x) As[i] = A[i / BK * K + i % BK];
        for (int i = threadIdx.x; i < BK * BN; i += blockDim.x) Bs[i] = B[i / BN * N + i % BN];
        __syncthreads();
        A += BK;
        B += BK * N;
        for (int k = 0; k < BK; ++k) {
            for (int i = 0; i < TM; ++i) regM[i] = As[(threadRow * TM + i) * BK + k];
            for (int j = 0; j < TN; ++j) regN[j] = Bs[k * BN + threadCol * TN + j];
            for (int i = 0; i < TM; ++i)
                for (int j = 0; j < TN; ++j) acc[i * TN + j] += regM[i] * regN[j];
        }
        __syncthreads();
    }
    for (int i = 0; i < TM; ++i)
        for (int j = 0; j < TN; ++j) C[(threadRow * TM + i) * N + threadCol * TN + j] = acc[i * TN + j];
}

// 64 x 64 per block, 8 x 8 per thread; float4 everywhere, A transposed on its way to shared memory.
__global__ void sgemm_vectorised(int M, int N, int K, const float* A, const float* B, float* C) {
    constexpr int BM = 64, BN = 64, BK = 8, TM = 8, TN = 8;
    __shared__ float As[BK * BM];
    __shared__ float Bs[BK * BN];
    const int threadCol = threadIdx.x % (BN / TN), threadRow = threadIdx.x / (BN / TN);
    A += blockIdx.y * BM * K;
    B += blockIdx.x * BN;
    C += blockIdx.y * BM * N + blockIdx.x * BN;
    float acc[TM][TN] = {};
    for (int base = 0; base < K; base += BK) {
        for (int i = threadIdx.x; i < BM * BK / 4; i += blockDim.x) {
            const int row = i / (BK / 4), col = i % (BK / 4) * 4;
            const float4 v = *reinterpret_cast<const float4*>(&A[row * K + col]);
            As[(col + 0) * BM + row] = v.x;
            As[(col + 1) * BM + row] = v.y;
            As[(col + 2) * BM + row] = v.z;
            As[(col + 3) * BM + row] = v.w;
        }
        for (int i = threadIdx.x; i < BK * BN / 4; i += blockDim.x) {
            const int row = i / (BN / 4), col = i % (BN / 4) * 4;
            *reinterpret_cast<float4*>(&Bs[row * BN + col]) = *reinterpret_cast<const float4*>(&B[row * N + col]);
        }
        __syncthreads();
        A += BK;
        B += BK * N;
#pragma unroll
        for (int k = 0; k < BK; ++k) {
            float m[TM], n[TN];
            for (int i = 0; i < TM; i += 4)
                *reinterpret_cast<float4*>(m + i) = *reinterpret_cast<float4*>(&As[k * BM + threadRow * TM + i]);
            for (int j = 0; j < TN; j += 4)
                *reinterpret_cast<float4*>(n + j) = *reinterpret_cast<float4*>(&Bs[k * BN + threadCol * TN + j]);
            for (int i = 0; i < TM; ++i)
                for (int j = 0; j < TN; ++j) acc[i][j] += m[i] * n[j];
        }
        __syncthreads();
    }
    for (int i = 0; i < TM; ++i)
        for (int j = 0; j < TN; j += 4)
            *reinterpret_cast<float4*>(&C[(threadRow * TM + i) * N + threadCol * TN + j]) =
                make_float4(acc[i][j], acc[i][j + 1], acc[i][j + 2], acc[i][j + 3]);
}

// 64 x 64 per block of four warps, each 32 x 32; lanes as 4 x 8, 8 x 4 per thread.
__global__ void __launch_bounds__(128) sgemm_warp_tiles(int M, int N, int K, const float* A, const float* B, float* C) {
    constexpr int BM = 64, BN = 64, BK = 16, WM = 32, WN = 32, TM = 8, TN = 4;
    __shared__ float As[BK][BM + 4];
    __shared__ float Bs[BK][BN];
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    const int row0 = warp / 2 * WM + lane / 8 * TM, col0 = warp % 2 * WN + lane % 8 * TN;
    A += blockIdx.y * BM * K;
    B += blockIdx.x * BN;
    C += blockIdx.y * BM * N + blockIdx.x * BN;
    float acc[TM][TN] = {};
    for (int base = 0; base < K; base += BK) {
        for (int i = threadIdx.x; i < BM * BK / 4; i += 128) {
            const int row = i / (BK / 4), col = i % (BK / 4) * 4;
            const float4 v = reinterpret_cast<const float4*>(A + row * K + base)[col / 4];
            As[col][row] = v.x, As[col + 1][row] = v.y, As[col + 2][row] = v.z, As[col + 3][row] = v.w;
        }
        for (int i = threadIdx.x; i < BK * BN / 4; i += 128) {
            const int row = i / (BN / 4), col = i % (BN / 4) * 4;
            *reinterpret_cast<float4*>(&Bs[row][col]) = *reinterpret_cast<const float4*>(B + (base + row) * N + col);
        }
        __syncthreads();
#pragma unroll 4
        for (int k = 0; k < BK; ++k) {
            float m[TM];
            for (int i = 0; i < TM; ++i) m[i] = As[k][row0 + i];
            const float4 n = *reinterpret_cast<const float4*>(&Bs[k][col0]);
            for (int i = 0; i < TM; ++i) {
                acc[i][0] = fmaf(m[i], n.x, acc[i][0]);
                acc[i][1] = fmaf(m[i], n.y, acc[i][1]);
                acc[i][2] = fmaf(m[i], n.z, acc[i][2]);
                acc[i][3] = fmaf(m[i], n.w, acc[i][3]);
            }
        }
        __syncthreads();
    }
    for (int i = 0; i < TM; ++i)
        *reinterpret_cast<float4*>(C + (row0 + i) * N + col0) =
            make_float4(acc[i][0], acc[i][1], acc[i][2], acc[i][3]);
}

// Two stages of shared memory: cp.async fills one while the other is used.
__global__ void __launch_bounds__(256) sgemm_double_buffered(int M, int N, int K, const float* A, const float* B,
                                                             float* C) {
    constexpr int BM = 64, BN = 64, BK = 16, TM = 4, TN = 4;
    extern __shared__ float4 storage[];
    float* As = reinterpret_cast<float*>(storage);
    float* Bs = As + 2 * BM * BK;
    const int tid = threadIdx.x, tr = tid / 16, tc = tid % 16;
    A += blockIdx.y * BM * K;
    B += blockIdx.x * BN;
    auto fetch = [&](int stage, int base) {
        const int ar = tid / (BK / 4), ac = tid % (BK / 4) * 4;
        __pipeline_memcpy_async(As + stage * BM * BK + ar * BK + ac, A + ar * K + base + ac, 16);
        const int br = tid / (BN / 4), bc = tid % (BN / 4) * 4;
        __pipeline_memcpy_async(Bs + stage * BK * BN + br * BN + bc, B + (base + br) * N + bc, 16);
        __pipeline_commit();
    };
    float acc[TM][TN] = {};
    fetch(0, 0);
    for (int base = 0, stage = 0; base < K; base += BK, stage ^= 1) {
        if (base + BK < K) {
            fetch(stage ^ 1, base + BK);
            __pipeline_wait_prior(1);
        } else {
            __pipeline_wait_prior(0);
        }
        __syncthreads();
        const float *a = As + stage * BM * BK, *b = Bs + stage * BK * BN;
#pragma unroll
        for (int k = 0; k < BK; ++k)
            for (int i = 0; i < TM; ++i)
                for (int j = 0; j < TN; ++j) acc[i][j] += a[(tr * TM + i) * BK + k] * b[k * BN + tc * TN + j];
        __syncthreads();
    }
    C += blockIdx.y * BM * N + blockIdx.x * BN;
    for (int i = 0; i < TM; ++i)
        for (int j = 0; j < TN; ++j) C[(tr * TM + i) * N + tc * TN + j] = acc[i][j];
}
