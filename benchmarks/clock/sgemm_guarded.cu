// C = alpha A B + beta C in single precision, for any sizes: each access is guarded, indices have 64 bits and rows of
// the matrices have lengths of their own (lda, ldb, ldc). A ladder like sgemm.cu's, where most rungs come twice: by
// element, and 16 bytes at a time (WIDE).

#define PROBLEM                                                                                                  \
    size_t m, size_t n, size_t k, float alpha, const float *a, size_t lda, const float *b, size_t ldb, float beta, \
        float *c, size_t ldc

constexpr size_t WIDTH = 4;

// A tile of A, in rows of A or transposed.
template <size_t BM, size_t BK, bool TRANSPOSED>
struct TileOfA {
    float data[TRANSPOSED ? BK : BM][TRANSPOSED ? BM : BK];
    __device__ float &at(size_t row, size_t column) { return TRANSPOSED ? data[column][row] : data[row][column]; }
};

// Copies one tile of each matrix by element; what lies outside is zero.
template <size_t BM, size_t BN, size_t BK, size_t THREADS, bool TRANSPOSED>
__device__ void fill(TileOfA<BM, BK, TRANSPOSED> &a_tile, float (*b_tile)[BN], const float *a, size_t lda,
                     const float *b, size_t ldb, size_t step, size_t thread, size_t m, size_t n, size_t k) {
#pragma unroll
    for (size_t turn = 0; turn < BM * BK / THREADS; ++turn) {
        const size_t row = (thread + turn * THREADS) / BK, column = (thread + turn * THREADS) % BK;
        const size_t in_row = blockIdx.y * BM + row, in_column = step * BK + column;
        float value = 0;
        if (in_row < m && in_column < k) value = a[in_row * lda + in_column];
        a_tile.at(row, column) = value;
    }
#pragma unroll
    for (size_t turn = 0; turn < BK * BN / THREADS; ++turn) {
        const size_t row = (thread + turn * THREADS) / BN, column = (thread + turn * THREADS) % BN;
        const size_t in_row = step * BK + row, in_column = blockIdx.x * BN + column;
        float value = 0;
        if (in_row < k && in_column < n) value = b[in_row * ldb + in_column];
        b_tile[row][column] = value;
    }
}

// Four elements of a row, those from `end` on zero. The compiler keeps them in local memory for that.
__device__ void read4(int4 &values, const float *matrix, size_t ld, size_t row, size_t column, size_t rows,
                      size_t end) {
    values = {0, 0, 0, 0};
    if (row < rows && column < end) values = *reinterpret_cast<const int4 *>(&matrix[row * ld + column]);
    if (column + WIDTH > end) {
        float *elements = reinterpret_cast<float *>(&values);
        for (size_t beyond = 0; beyond < column + WIDTH - end; ++beyond) elements[WIDTH - 1 - beyond] = 0;
    }
}

// The same 16 bytes at a time. All threads read, also those that the tiles have no place for.
template <size_t BM, size_t BN, size_t BK, size_t THREADS, bool TRANSPOSED>
__device__ void fill_wide(TileOfA<BM, BK, TRANSPOSED> &a_tile, float (*b_tile)[BN], const float *a, size_t lda,
                          const float *b, size_t ldb, size_t step, size_t thread, size_t m, size_t n, size_t k) {
    constexpr size_t A_WIDTH = BK / WIDTH, B_WIDTH = BN / WIDTH;
#pragma unroll
    for (size_t turn = 0; turn < (BM * A_WIDTH + THREADS - 1) / THREADS; ++turn) {
        const size_t row = (thread + turn * THREADS) / A_WIDTH, column = (thread + turn * THREADS) % A_WIDTH * WIDTH;
        int4 values;
        read4(values, a, lda, blockIdx.y * BM + row, step * BK + column, m, k);
        if (row < BM && column < BK) {
            if (TRANSPOSED)
                for (size_t i = 0; i < WIDTH; ++i)
                    a_tile.at(row, column + i) = reinterpret_cast<const float *>(&values)[i];
            else
                *reinterpret_cast<int4 *>(&a_tile.at(row, column)) = values;
        }
    }
#pragma unroll
    for (size_t turn = 0; turn < (BK * B_WIDTH + THREADS - 1) / THREADS; ++turn) {
        const size_t row = (thread + turn * THREADS) / B_WIDTH, column = (thread + turn * THREADS) % B_WIDTH * WIDTH;
        int4 values;
        read4(values, b, ldb, step * BK + row, blockIdx.x * BN + column, k, n);
        if (row < BK && column < BN) *reinterpret_cast<int4 *>(&b_tile[row][column]) = values;
    }
}

// A thread makes one element; DOWN: the lanes of a warp lie down a column of C.
template <bool DOWN>
__device__ void elements(PROBLEM) {
    const size_t x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
    const size_t row = DOWN ? x : y, column = DOWN ? y : x;
    if (row >= m || column >= n) return;
    float sum = 0;
    for (size_t i = 0; i < k; ++i) sum += a[row * lda + i] * b[i * ldb + column];
    c[row * ldc + column] = alpha * sum + beta * c[row * ldc + column];
}

// Tiles of A and B are read through shared memory.
template <size_t BM, size_t BN, size_t BK, bool WIDE>
__device__ void in_shared(PROBLEM) {
    __shared__ alignas(16) TileOfA<BM, BK, false> a_tile;
    __shared__ alignas(16) float b_tile[BK][BN];
    const size_t thread = threadIdx.y * blockDim.x + threadIdx.x;
    const size_t row = blockIdx.y * blockDim.y + threadIdx.y, column = blockIdx.x * blockDim.x + threadIdx.x;
    float sum = 0;
    for (size_t step = 0; step < (k + BK - 1) / BK; ++step) {
        if (WIDE)
            fill_wide<BM, BN, BK, BM * BN>(a_tile, b_tile, a, lda, b, ldb, step, thread, m, n, k);
        else
            fill<BM, BN, BK, BM * BN>(a_tile, b_tile, a, lda, b, ldb, step, thread, m, n, k);
        __syncthreads();
#pragma unroll
        for (size_t dot = 0; dot < BK; ++dot) sum += a_tile.at(threadIdx.y, dot) * b_tile[dot][threadIdx.x];
        __syncthreads();
    }
    if (row < m && column < n) c[row * ldc + column] = alpha * sum + beta * c[row * ldc + column];
}

// A thread makes TM elements of a column.
template <size_t BM, size_t BN, size_t BK, size_t TM, bool WIDE>
__device__ void strips(PROBLEM) {
    constexpr size_t THREADS = BM * BN / TM;
    __shared__ alignas(16) TileOfA<BM, BK, false> a_tile;
    __shared__ alignas(16) float b_tile[BK][BN];
    const size_t thread = threadIdx.y * blockDim.x + threadIdx.x;
    float sums[TM] = {};
    for (size_t step = 0; step < (k + BK - 1) / BK; ++step) {
        if (WIDE)
            fill_wide<BM, BN, BK, THREADS>(a_tile, b_tile, a, lda, b, ldb, step, thread, m, n, k);
        else
            fill<BM, BN, BK, THREADS>(a_tile, b_tile, a, lda, b, ldb, step, thread, m, n, k);
        __syncthreads();
#pragma unroll
        for (size_t dot = 0; dot < BK; ++dot) {
            const float across = b_tile[dot][thread % BN];
#pragma unroll
            for (size_t i = 0; i < TM; ++i) sums[i] += a_tile.at(thread / BN * TM + i, dot) * across;
        }
        __syncthreads();
    }
#pragma unroll
    for (size_t i = 0; i < TM; ++i) {
        const size_t row = blockIdx.y * BM + thread / BN * TM + i, column = blockIdx.x * BN + thread % BN;
        if (row < m && column < n) c[row * ldc + column] = alpha * sums[i] + beta * c[row * ldc + column];
    }
}

// A thread makes a square. TRANSPOSED: of A's tile, so that it is read along rows as well; WIDE_COPY: into shared
// memory, WIDE: out of it and to C. WN: the columns of a warp's own tile, which is four lanes wide; 0 for none.
template <size_t BM, size_t BN, size_t BK, size_t TM, size_t TN, bool TRANSPOSED, bool WIDE_COPY, bool WIDE,
          size_t WN = 0>
__device__ void squares(PROBLEM) {
    constexpr size_t THREADS = BM * BN / (TM * TN);
    __shared__ alignas(16) TileOfA<BM, BK, TRANSPOSED> a_tile;
    __shared__ alignas(16) float b_tile[BK][BN];
    const size_t thread = threadIdx.y * blockDim.x + threadIdx.x;
    const size_t warp = thread / 32, lane = thread % 32;
    size_t row = thread / (BN / TN) * TM, column = thread % (BN / TN) * TN;
    if constexpr (WN != 0) {
        constexpr size_t LANES = WN / TN, WM = 32 / LANES * TM;
        row = warp / (BN / WN) * WM + lane / LANES * TM;
        column = warp % (BN / WN) * WN + lane % LANES * TN;
    }
    float sums[TM][TN] = {}, down[TM], across[TN];
    for (size_t step = 0; step < (k + BK - 1) / BK; ++step) {
        if (WIDE_COPY)
            fill_wide<BM, BN, BK, THREADS>(a_tile, b_tile, a, lda, b, ldb, step, thread, m, n, k);
        else
            fill<BM, BN, BK, THREADS>(a_tile, b_tile, a, lda, b, ldb, step, thread, m, n, k);
        __syncthreads();
#pragma unroll
        for (size_t dot = 0; dot < BK; ++dot) {
#pragma unroll
            for (size_t i = 0; i < TM; ++i) down[i] = a_tile.at(row + i, dot);
#pragma unroll
            for (size_t j = 0; j < TN; ++j) across[j] = b_tile[dot][column + j];
            for (size_t i = 0; i < TM; ++i)
                for (size_t j = 0; j < TN; ++j) sums[i][j] += down[i] * across[j];
        }
        __syncthreads();
    }
    row += blockIdx.y * BM;
    column += blockIdx.x * BN;
    for (size_t i = 0; i < TM; ++i)
        for (size_t j = 0; j < TN; j += WIDE ? WIDTH : 1) {
            if (row + i >= m || column + j >= n) continue;
            float *to = &c[(row + i) * ldc + column + j];
            if (WIDE) {
                const float4 old = *reinterpret_cast<float4 *>(to);
                *reinterpret_cast<float4 *>(to) = make_float4(
                    alpha * sums[i][j] + beta * old.x, alpha * sums[i][j + 1] + beta * old.y,
                    alpha * sums[i][j + 2] + beta * old.z, alpha * sums[i][j + 3] + beta * old.w);
            } else {
                *to = alpha * sums[i][j] + beta * *to;
            }
        }
}

extern "C" __global__ void sgemm(PROBLEM) { RUNG(m, n, k, alpha, a, lda, b, ldb, beta, c, ldc); }
