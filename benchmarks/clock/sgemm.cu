// C = alpha A B + beta C in single precision, row-major, A m by k and B k by n: a ladder.
//
// Each rung says in a sentence what it changes against the one before. RUNG names one of them with its tile sizes:
// a block makes BM by BN of C, BK of the inner dimension at a time, and a thread TM by TN of it. Types of indices,
// loops that are left to the compiler to unroll and pointers that may alias are part of what is timed.

#ifndef BOUNDS
#define BOUNDS  // __launch_bounds__ or __maxnreg__, where a rung has them
#endif
#ifndef RESTRICT
#define RESTRICT  // __restrict__: C is neither A nor B, so that they may be read as constants
#endif
#ifndef SCALED
#define SCALED 1  // 0: the product alone, without alpha, beta and the old C
#endif
#ifndef UNROLLED
#define UNROLLED  // _Pragma("unroll"), where the compiler is told how far to unroll the loop over the inner dimension
#endif
#define PROBLEM int m, int n, int k, float alpha, const float *a, const float *b, float beta, float *c

// Where the index-th of a row-major field of that width lies.
struct Place {
    unsigned row, column;
};

__device__ Place place(unsigned index, unsigned width) { return {index / width, index % width}; }

__device__ float4 load4(const float *from) { return *reinterpret_cast<const float4 *>(from); }

__device__ void store4(float *to, float4 values) { *reinterpret_cast<float4 *>(to) = values; }

__device__ void finish(float *c, float sum, float alpha, float beta) { *c = SCALED ? alpha * sum + beta * *c : sum; }

__device__ void finish4(float *c, const float *sums, float alpha, float beta) {
    float4 out = make_float4(sums[0], sums[1], sums[2], sums[3]);
    if (SCALED) {
        const float4 old = load4(c);
        out = make_float4(alpha * out.x + beta * old.x, alpha * out.y + beta * old.y, alpha * out.z + beta * old.z,
                          alpha * out.w + beta * old.w);
    }
    store4(c, out);
}

template <int TM, int TN>
__device__ void outer_product(float (&sums)[TM][TN], const float (&down)[TM], const float (&across)[TN]) {
    for (unsigned i = 0; i < TM; ++i)
        for (unsigned j = 0; j < TN; ++j) sums[i][j] += down[i] * across[j];
}

// A thread makes one element; the lanes of a warp lie down a column of C, so that each access is to 32 rows.
__device__ void down_columns(PROBLEM) {
    const unsigned row = blockIdx.x * blockDim.x + threadIdx.x, column = blockIdx.y * blockDim.y + threadIdx.y;
    if (row >= m || column >= n) return;
    float sum = 0;
    for (int i = 0; i < k; ++i) sum += a[row * k + i] * b[i * n + column];
    finish(&c[row * n + column], sum, alpha, beta);
}

// The lanes of a warp lie along a row of C instead: they share the element of A and read B in one piece.
template <int TILE>
__device__ void along_rows(PROBLEM) {
    const int row = blockIdx.x * TILE + threadIdx.x / TILE, column = blockIdx.y * TILE + threadIdx.x % TILE;
    if (row >= m || column >= n) return;
    float sum = 0;
    for (int i = 0; i < k; ++i) sum += a[row * k + i] * b[i * n + column];
    finish(&c[row * n + column], sum, alpha, beta);
}

// The same in a block of two dimensions, whose neighbours in the grid lie along a row of C.
template <bool GUARDED>
__device__ void along_rows_2d(PROBLEM) {
    const int row = blockIdx.y * blockDim.y + threadIdx.y, column = blockIdx.x * blockDim.x + threadIdx.x;
    if (GUARDED && (row >= m || column >= n)) return;
    float sum = 0;
    UNROLLED
    for (int i = 0; i < k; ++i) sum += a[row * k + i] * b[i * n + column];
    finish(&c[row * n + column], sum, alpha, beta);
}

// The block reads its rows of A and columns of B once, a square at a time, into shared memory.
template <int TILE, bool GRID_DOWN>
__device__ void in_shared(PROBLEM) {
    __shared__ float a_tile[TILE][TILE], b_tile[TILE][TILE];
    const unsigned block_row = GRID_DOWN ? blockIdx.x : blockIdx.y, block_column = GRID_DOWN ? blockIdx.y : blockIdx.x;
    const auto [row, column] = place(threadIdx.x, TILE);
    a += block_row * TILE * k;
    b += block_column * TILE;
    c += block_row * TILE * n + block_column * TILE;
    float sum = 0;
    for (int step = 0; step < k; step += TILE) {
        a_tile[row][column] = a[row * k + column];
        b_tile[row][column] = b[row * n + column];
        __syncthreads();
        a += TILE;
        b += TILE * n;
        for (int i = 0; i < TILE; ++i) sum += a_tile[row][i] * b_tile[i][column];
        __syncthreads();
    }
    finish(&c[row * n + column], sum, alpha, beta);
}

// A thread makes TM elements of a column, so that what it reads of B serves TM times.
template <int BM, int BN, int BK, int TM>
__device__ void strips(PROBLEM) {
    __shared__ float a_tile[BM][BK], b_tile[BK][BN];
    const auto [row, column] = place(threadIdx.x, BN);
    const Place of_a = place(threadIdx.x, BK), of_b = place(threadIdx.x, BN);
    a += blockIdx.y * BM * k;
    b += blockIdx.x * BN;
    c += blockIdx.y * BM * n + blockIdx.x * BN;
    float sums[TM] = {};
    for (unsigned step = 0; step < k; step += BK) {
        a_tile[of_a.row][of_a.column] = a[of_a.row * k + of_a.column];
        b_tile[of_b.row][of_b.column] = b[of_b.row * n + of_b.column];
        __syncthreads();
        a += BK;
        b += BK * n;
        UNROLLED
        for (unsigned dot = 0; dot < BK; ++dot) {
            const float across = b_tile[dot][column];
            for (unsigned i = 0; i < TM; ++i) sums[i] += a_tile[row * TM + i][dot] * across;
        }
        __syncthreads();
    }
    for (unsigned i = 0; i < TM; ++i) finish(&c[(row * TM + i) * n + column], sums[i], alpha, beta);
}

// A thread makes a square, so that what it reads of A serves TN times as well. (ptxas reads flat arrays with some more
// instructions than arrays of two dimensions; the row's are flat.)
template <int BM, int BN, int BK, int TM, int TN>
__device__ void squares(PROBLEM) {
    constexpr unsigned THREADS = BM * BN / (TM * TN);
    __shared__ float a_tile[BM * BK], b_tile[BK * BN];
    const auto [row, column] = place(threadIdx.x, BN / TN);
    const Place of_a = place(threadIdx.x, BK), of_b = place(threadIdx.x, BN);
    a += blockIdx.y * BM * k;
    b += blockIdx.x * BN;
    c += blockIdx.y * BM * n + blockIdx.x * BN;
    float sums[TM][TN] = {}, down[TM], across[TN];
    for (unsigned step = 0; step < k; step += BK) {
        for (unsigned more = 0; more < BM; more += THREADS / BK)
            a_tile[(of_a.row + more) * BK + of_a.column] = a[(of_a.row + more) * k + of_a.column];
        for (unsigned more = 0; more < BK; more += THREADS / BN)
            b_tile[(of_b.row + more) * BN + of_b.column] = b[(of_b.row + more) * n + of_b.column];
        __syncthreads();
        a += BK;
        b += BK * n;
        UNROLLED
        for (unsigned dot = 0; dot < BK; ++dot) {
            for (unsigned i = 0; i < TM; ++i) down[i] = a_tile[(row * TM + i) * BK + dot];
            for (unsigned j = 0; j < TN; ++j) across[j] = b_tile[dot * BN + column * TN + j];
            outer_product(sums, down, across);
        }
        __syncthreads();
    }
    for (unsigned i = 0; i < TM; ++i)
        for (unsigned j = 0; j < TN; ++j)
            finish(&c[(row * TM + i) * n + column * TN + j], sums[i][j], alpha, beta);
}

// How a tile of B lies in shared memory: as in B; ...
template <int BK, int BN>
struct Plain {
    float data[BK][BN];
    __device__ void put(unsigned row, unsigned column, float4 values) { store4(&data[row][column], values); }
    __device__ float get(unsigned dot, unsigned column) const { return data[dot][column]; }
};

// ... every eighth element side by side, so that lanes that read eight each read neighbouring banks; ...
template <int BK, int BN>
struct Interleaved {
    float data[BK * 8][BN / 8];
    __device__ void put(unsigned row, unsigned column, float4 values) {
        float *to = &data[row * 8 + column % 8][column / 8];
        to[0] = values.x;
        to[BN / 8] = values.y;
        to[2 * BN / 8] = values.z;
        to[3 * BN / 8] = values.w;
    }
    __device__ float get(unsigned dot, unsigned column) const { return data[dot * 8 + column % 8][column / 8]; }
};

// ... or in rows that are five longer than they need be, so that they start in different banks.
template <int BK, int BN>
struct Padded {
    float data[BK][BN + 5];
    __device__ void put(unsigned row, unsigned column, float4 values) {
        data[row][column] = values.x;
        data[row][column + 1] = values.y;
        data[row][column + 2] = values.z;
        data[row][column + 3] = values.w;
    }
    __device__ float get(unsigned dot, unsigned column) const { return data[dot][column]; }
};

// Four elements of a row of A become four rows of its tile.
template <int BM>
__device__ void put_transposed(float (*a_tile)[BM], unsigned row, unsigned column, float4 values) {
    a_tile[column][row] = values.x;
    a_tile[column + 1][row] = values.y;
    a_tile[column + 2][row] = values.z;
    a_tile[column + 3][row] = values.w;
}

// Copies a tile of A, transposed, and one of B into shared memory.
template <int BM, int BN, int BK, int THREADS, class B>
__device__ void fill(float (*a_tile)[BM], B &b_tile, const float *a, const float *b, int n, int k, unsigned thread) {
    const Place of_a = place(thread, BK / 4), of_b = place(thread, BN / 4);
    for (unsigned more = 0; more + THREADS * 4 / BK <= BM; more += THREADS * 4 / BK)
        put_transposed<BM>(a_tile, of_a.row + more, of_a.column * 4,
                           load4(&a[(of_a.row + more) * k + of_a.column * 4]));
    for (unsigned more = 0; more + THREADS * 4 / BN <= BK; more += THREADS * 4 / BN)
        b_tile.put(of_b.row + more, of_b.column * 4, load4(&b[(of_b.row + more) * n + of_b.column * 4]));
}

// Memory is read and written 16 bytes at a time, and A lies transposed, so that shared memory is read so too. FIRST:
// the barrier that guards the last tile stands before the copy of the next.
template <int BM, int BN, int BK, int TM, int TN, template <int, int> class Layout = Plain, bool FIRST = false>
__device__ void transposed(PROBLEM) {
    __shared__ alignas(16) float a_tile[BK][BM];
    __shared__ alignas(16) Layout<BK, BN> b_tile;
    const auto [row, column] = place(threadIdx.x, BN / TN);
    a += blockIdx.y * BM * k;
    b += blockIdx.x * BN;
    c += blockIdx.y * BM * n + blockIdx.x * BN;
    float sums[TM][TN] = {}, down[TM], across[TN];
    for (unsigned step = 0; step < k; step += BK) {
        if (FIRST && step != 0) __syncthreads();
        fill<BM, BN, BK, BM * BN / (TM * TN)>(a_tile, b_tile, a, b, n, k, threadIdx.x);
        __syncthreads();
        a += BK;
        b += BK * n;
        UNROLLED
        for (unsigned dot = 0; dot < BK; ++dot) {
            for (unsigned i = 0; i < TM; ++i) down[i] = a_tile[dot][row * TM + i];
            for (unsigned j = 0; j < TN; ++j) across[j] = b_tile.get(dot, column * TN + j);
            outer_product(sums, down, across);
        }
        if (!FIRST) __syncthreads();
    }
    for (unsigned i = 0; i < TM; ++i)
        for (unsigned j = 0; j < TN; j += 4)
            finish4(&c[(row * TM + i) * n + column * TN + j], &sums[i][j], alpha, beta);
}

// Where a warp's part of the block's tile lies, and its parts: SUB_M by SUB_N, of TM by TN per lane.
template <int BM, int BN, int BK, int WM, int WN, int ACROSS, int TM, int TN>
struct WarpTile {
    static constexpr int DOWN = WM * WN / (32 * TM * TN * ACROSS), SUB_M = WM / DOWN, SUB_N = WN / ACROSS;
    Place warp = place(threadIdx.x / 32, BN / WN), lane = place(threadIdx.x % 32, SUB_N / TN);
    float sums[DOWN * TM][ACROSS * TN] = {};

    __device__ void multiply(const float (*a_tile)[BM], const float (*b_tile)[BN]) {
        float down[DOWN * TM], across[ACROSS * TN];
        UNROLLED
        for (unsigned dot = 0; dot < BK; ++dot) {
            for (unsigned p = 0; p < DOWN; ++p)
                for (unsigned i = 0; i < TM; ++i)
                    down[p * TM + i] = a_tile[dot][warp.row * WM + p * SUB_M + lane.row * TM + i];
            for (unsigned q = 0; q < ACROSS; ++q)
                for (unsigned j = 0; j < TN; ++j)
                    across[q * TN + j] = b_tile[dot][warp.column * WN + q * SUB_N + lane.column * TN + j];
            for (unsigned p = 0; p < DOWN; ++p)
                for (unsigned q = 0; q < ACROSS; ++q)
                    for (unsigned i = 0; i < TM; ++i)
                        for (unsigned j = 0; j < TN; ++j)
                            sums[p * TM + i][q * TN + j] += down[p * TM + i] * across[q * TN + j];
        }
    }

    __device__ void finish(float *c, int n, float alpha, float beta) {
        c += (blockIdx.y * BM + warp.row * WM) * n + blockIdx.x * BN + warp.column * WN;
        for (unsigned p = 0; p < DOWN; ++p)
            for (unsigned q = 0; q < ACROSS; ++q) {
                float *part = c + p * SUB_M * n + q * SUB_N;
                for (unsigned i = 0; i < TM; ++i)
                    for (unsigned j = 0; j < TN; j += 4)
                        finish4(&part[(lane.row * TM + i) * n + lane.column * TN + j], &sums[p * TM + i][q * TN + j],
                                alpha, beta);
            }
    }
};

// A warp has a tile of its own inside the block's, so that its lanes share more of what they read.
template <int BM, int BN, int BK, int WM, int WN, int ACROSS, int TM, int TN>
__device__ void warp_tiles(PROBLEM) {
    __shared__ alignas(16) float a_tile[BK][BM];
    __shared__ alignas(16) Plain<BK, BN> b_tile;
    WarpTile<BM, BN, BK, WM, WN, ACROSS, TM, TN> tile;
    a += blockIdx.y * BM * k;
    b += blockIdx.x * BN;
    for (unsigned step = 0; step < k; step += BK) {
        fill<BM, BN, BK, 32 * BM * BN / (WM * WN)>(a_tile, b_tile, a, b, n, k, threadIdx.x);
        __syncthreads();
        tile.multiply(a_tile, b_tile.data);
        a += BK;
        b += BK * n;
        __syncthreads();
    }
    tile.finish(c, n, alpha, beta);
}

// Two buffers: half of the threads fill one while the other half multiplies from the other.
template <int BM, int BN, int BK, int WM, int WN, int ACROSS, int TM, int TN>
__device__ void taking_turns(PROBLEM) {
    constexpr unsigned HALF = 16 * BM * BN / (WM * WN);
    __shared__ alignas(16) float a_tile[2][BK][BM];
    __shared__ alignas(16) Plain<BK, BN> b_tile[2];
    WarpTile<BM, BN, BK, WM, WN, ACROSS, TM, TN> tile;
    const bool second = threadIdx.x >= HALF;
    a += blockIdx.y * BM * k;
    b += blockIdx.x * BN;
    const auto copy = [&](int buffer, int ahead) {
        fill<BM, BN, BK, HALF>(a_tile[buffer], b_tile[buffer], a + ahead * BK, b + ahead * BK * n, n, k,
                               threadIdx.x % HALF);
    };
    const auto multiply = [&](int buffer) { tile.multiply(a_tile[buffer], b_tile[buffer].data); };
    if (!second) copy(0, 0);
    __syncthreads();
    for (unsigned step = 0; step < k; step += 2 * BK) {
        if (!second) {
            multiply(0);
            __syncthreads();
            if (step + BK < k) multiply(1);
            __syncthreads();
            if (step + 2 * BK < k) copy(0, 2);
        } else {
            if (step + BK < k) copy(1, 1);
            __syncthreads();
            multiply(0);
            __syncthreads();
            if (step + BK < k) multiply(1);
        }
        a += 2 * BK;
        b += 2 * BK * n;
        __syncthreads();
    }
    tile.finish(c, n, alpha, beta);
}

// From here on ladders of other authors.

// Tiles of 128 by 128 are copied 16 bytes at a time, but A is not transposed.
template <int BM, int BN, int BK, int TM, int TN>
__device__ void wide_copies(PROBLEM) {
    __shared__ alignas(16) float a_tile[BM][BK];
    __shared__ alignas(16) float b_tile[BK][BN];
    const int thread = threadIdx.y * blockDim.x + threadIdx.x;
    const int a_row = thread / (BK / 4), a_column = thread % (BK / 4) * 4, b_row = thread / (BN / 4),
              b_column = thread % (BN / 4) * 4, top = blockIdx.y * BM, left = blockIdx.x * BN;
    float sums[TM][TN] = {};
    for (int step = 0; step < (k + BK - 1) / BK; ++step) {
        store4(&a_tile[a_row][a_column], load4(&a[(top + a_row) * k + step * BK + a_column]));
        store4(&b_tile[b_row][b_column], load4(&b[(step * BK + b_row) * n + left + b_column]));
        __syncthreads();
#pragma unroll
        for (int dot = 0; dot < BK; ++dot)
#pragma unroll
            for (int i = 0; i < TM; ++i)
#pragma unroll
                for (int j = 0; j < TN; ++j)
                    sums[i][j] += a_tile[threadIdx.y * TM + i][dot] * b_tile[dot][threadIdx.x * TN + j];
        __syncthreads();
    }
#pragma unroll
    for (int i = 0; i < TM; ++i)
#pragma unroll
        for (int j = 0; j < TN; j += 4)
            finish4(&c[(top + threadIdx.y * TM + i) * n + left + threadIdx.x * TN + j], &sums[i][j], alpha, beta);
}

// The eight by eight elements of a thread in a block of 16 by 16: a four by four in each quarter of the tile, so that
// neighbouring lanes read neighbouring 16 bytes.
template <int BM, int BN, int BK>
struct Quarters {
    const int thread = threadIdx.y * blockDim.x + threadIdx.x, top = blockIdx.y * BM, left = blockIdx.x * BN;
    const int a_row = thread / (BK / 4), a_column = thread % (BK / 4) * 4, b_row = thread / (BN / 4),
              b_column = thread % (BN / 4) * 4;
    float4 from_a, from_b;
    float sums[8][8] = {};

    __device__ void read(const float *a, const float *b, int n, int k, int step) {
        from_a = load4(&a[(top + a_row) * k + step * BK + a_column]);
        from_b = load4(&b[(step * BK + b_row) * n + left + b_column]);
    }

    __device__ void write(float (*a_tile)[BM], float (*b_tile)[BN]) {
        put_transposed<BM>(a_tile, a_row, a_column, from_a);
        store4(&b_tile[b_row][b_column], from_b);
    }

    __device__ void multiply(const float (*a_tile)[BM], const float (*b_tile)[BN]) {
        float down[8], across[8];
#pragma unroll
        for (int dot = 0; dot < BK; ++dot) {
            store4(&down[0], load4(&a_tile[dot][threadIdx.y * 4]));
            store4(&down[4], load4(&a_tile[dot][threadIdx.y * 4 + BM / 2]));
            store4(&across[0], load4(&b_tile[dot][threadIdx.x * 4]));
            store4(&across[4], load4(&b_tile[dot][threadIdx.x * 4 + BN / 2]));
            outer_product(sums, down, across);
        }
    }

    __device__ void finish(float *c, int n, float alpha, float beta) {
#pragma unroll
        for (int i = 0; i < 8; ++i) {
            const int row = top + i / 4 * (BM / 2) + threadIdx.y * 4 + i % 4, column = left + threadIdx.x * 4;
            finish4(&c[row * n + column], &sums[i][0], alpha, beta);
            finish4(&c[row * n + column + BN / 2], &sums[i][4], alpha, beta);
        }
    }
};

template <int BM, int BN, int BK>
__device__ void quarters(PROBLEM) {
    __shared__ alignas(16) float a_tile[BK][BM];
    __shared__ alignas(16) float b_tile[BK][BN];
    Quarters<BM, BN, BK> part;
    for (int step = 0; step < (k + BK - 1) / BK; ++step) {
        part.read(a, b, n, k, step);
        part.write(a_tile, b_tile);
        __syncthreads();
        part.multiply(a_tile, b_tile);
        __syncthreads();
    }
    part.finish(c, n, alpha, beta);
}

// The next tile is on its way to registers while this one is multiplied, and goes to a second buffer: one barrier less.
template <int BM, int BN, int BK>
__device__ void quarters_ahead(PROBLEM) {
    __shared__ alignas(16) float a_tile[2][BK][BM];
    __shared__ alignas(16) float b_tile[2][BK][BN];
    Quarters<BM, BN, BK> part;
    part.read(a, b, n, k, 0);
    part.write(a_tile[0], b_tile[0]);
    __syncthreads();
    int last = 0;
    for (int step = 1; step < (k + BK - 1) / BK; ++step) {
        last = step & 1;
        part.read(a, b, n, k, step);
        part.multiply(a_tile[last ^ 1], b_tile[last ^ 1]);
        part.write(a_tile[last], b_tile[last]);
        __syncthreads();
    }
    part.multiply(a_tile[last], b_tile[last]);
    part.finish(c, n, alpha, beta);
}

// `transposed` with two buffers in shared memory, filled by way of registers, and two in registers.
template <int BM, int BN, int BK, int TM, int TN>
__device__ void ahead(PROBLEM) {
    __shared__ alignas(16) float a_tile[2][BK][BM];
    __shared__ alignas(16) float b_tile[2][BK][BN];
    const int row = threadIdx.x / (BN / TN) * TM, column = threadIdx.x % (BN / TN) * TN;
    const int a_row = threadIdx.x / (BK / 4), a_column = threadIdx.x % (BK / 4) * 4, b_row = threadIdx.x / (BN / 4),
              b_column = threadIdx.x % (BN / 4) * 4;
    a += blockIdx.y * BM * k;
    b += blockIdx.x * BN;
    c += blockIdx.y * BM * n + blockIdx.x * BN;
    float4 from_a, from_b;
    float sums[TM][TN] = {}, down[2][TM], across[2][TN];
    const auto read = [&](int step) {
        from_a = load4(&a[a_row * k + step + a_column]);
        from_b = load4(&b[(step + b_row) * n + b_column]);
    };
    const auto write = [&](int buffer) {
        put_transposed<BM>(a_tile[buffer], a_row, a_column, from_a);
        store4(&b_tile[buffer][b_row][b_column], from_b);
    };
    const auto take = [&](int buffer, int dot) {
#pragma unroll
        for (int i = 0; i < TM; i += 4) store4(&down[dot % 2][i], load4(&a_tile[buffer][dot][row + i]));
#pragma unroll
        for (int j = 0; j < TN; j += 4) store4(&across[dot % 2][j], load4(&b_tile[buffer][dot][column + j]));
    };
    read(0);
    write(0);
    __syncthreads();
    take(0, 0);
    int next = 1, step = 0;
    do {
        step += BK;
        if (step < k) read(step);
        const int buffer = next ^ 1;
#pragma unroll
        for (int dot = 0; dot < BK - 1; ++dot) {
            take(buffer, dot + 1);
            outer_product(sums, down[dot % 2], across[dot % 2]);
        }
        if (step < k) {
            write(next);
            __syncthreads();
            take(next, 0);
            next ^= 1;
        }
        outer_product(sums, down[(BK - 1) % 2], across[(BK - 1) % 2]);
    } while (step < k);
#pragma unroll
    for (int i = 0; i < TM; ++i)
#pragma unroll
        for (int j = 0; j < TN; j += 4) finish4(&c[(row + i) * n + column + j], &sums[i][j], alpha, beta);
}

// As many sums as a block of 512 has registers for, in strides that coalesce nothing. The public kernel wants 16 rows
// by 8 columns of each thread and declares 64 sums, so that its compiler leaves out the second eight rows: nor are they
// made here, where they end as beta C.
template <int BK>
__device__ void half_of_the_rows(PROBLEM) {
    constexpr int ROWS = 16, MADE = 8, COLUMNS = 8;
    __shared__ alignas(16) float a_tile[ROWS][16][BK];
    __shared__ alignas(16) float b_tile[COLUMNS][BK][32];
    const int row = ROWS * (blockIdx.y * blockDim.y + threadIdx.y);
    const int column = COLUMNS * (blockIdx.x * blockDim.x + threadIdx.x);
    float sums[MADE][COLUMNS] = {};
    for (int step = 0; step < k; step += BK) {
#pragma unroll
        for (int i = 0; i < ROWS; ++i)
            a_tile[i][threadIdx.y][threadIdx.x >> 1] = a[(row + i) * k + step + (threadIdx.x >> 1)];
#pragma unroll
        for (int j = 0; j < COLUMNS; ++j)
            b_tile[j][threadIdx.y][threadIdx.x] = b[(step + threadIdx.y) * n + column + j];
        __syncthreads();
#pragma unroll
        for (int i = 0; i < MADE; ++i)
            for (int j = 0; j < COLUMNS; ++j)
                for (int dot = 0; dot < BK; ++dot)
                    sums[i][j] += a_tile[i][threadIdx.y][dot] * b_tile[j][dot][threadIdx.x];
        __syncthreads();
    }
#pragma unroll
    for (int i = 0; i < ROWS; ++i)
#pragma unroll
        for (int j = 0; j < COLUMNS; ++j)
            finish(&c[(row + i) * n + column + j], i < MADE ? sums[i][j] : 0, alpha, beta);
}

extern "C" __global__ void BOUNDS sgemm(int m, int n, int k, float alpha, const float *RESTRICT a,
                                        const float *RESTRICT b, float beta, float *RESTRICT c) {
    RUNG(m, n, k, alpha, a, b, beta, c);
}
