// Matrix products on tensor cores: C[m][n] = sum over k of A[m][k] B[k][n], A and C by rows.
//
// A ladder. Each macro below is one step of it; a case sets those of its rung and calls one of the functions:
//
//   naive, tiled     no tensor cores: operands from global memory; from tiles of 32 by 32 in shared memory
//   elements         mma on fragments picked from shared memory one element at a time
//   fragments        mma on fragments that ldmatrix reads, 16 bytes per row; all the macros are its choices
//   opaque           the same by nvcuda::wmma, which hides how fragments lie in registers

#include <cstdint>
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <mma.h>

enum { PLAIN, PADDED, SWIZZLED };
enum { ELEMENTS, CHUNKS, ASYNC };
enum { PER_PRODUCT, PER_ROW, PER_STEP, PER_SLAB };
enum { ANEW, XORED, XORED_ONCE };

#ifndef IN
#define IN half  // elements of A and B for ldmatrix; bf16 and int8_t go too
#endif
#ifndef OPERAND  // elements of A and B in global memory
#define OPERAND IN
#endif
#ifndef OUT
#define OUT float
#endif
#ifndef BLOCK_M  // what a block computes, and how deep a slab of A and B it holds in shared memory
#define BLOCK_M 64
#define BLOCK_N 64
#define BLOCK_K 32
#endif
#ifndef WARPS_M  // how warps share the block's tile
#define WARPS_M 2
#define WARPS_N 4
#endif
#ifndef B_BY_K  // 1: B lies as [k][n] and ldmatrix transposes it; 0: as [n][k]
#define B_BY_K 0
#endif
#ifndef COPY  // to shared memory: element by element, 16 bytes through registers, or cp.async past them
#define COPY CHUNKS
#endif
#ifndef L2_HINT  // ".L2::128B": cp.async asks for whole lines
#define L2_HINT ""
#endif
#ifndef LAYOUT  // of a slab: PADDED adds 16 bytes to each row, SWIZZLED permutes a row's chunks; both spread banks
#define LAYOUT PLAIN
#endif
#ifndef ADDRESSES  // of fragments: computed for each; or once, and xored with the step along k for each or each step
#define ADDRESSES XORED_ONCE
#endif
#ifndef B_TILES  // tiles of B per ldmatrix: .x2 or .x4
#define B_TILES 2
#endif
#ifndef LOADS  // how long fragments stay in registers: from one product to all those of a slab
#define LOADS PER_STEP
#endif
#ifndef K_INNERMOST  // 1: all steps along k of one tile of C, then the next; 0: all tiles, then the next step
#define K_INNERMOST 0
#endif
#ifndef STAGES  // slabs in shared memory: with more than one, later ones arrive while one is multiplied
#define STAGES 1
#endif
#ifndef STAGE_TABLE  // 1: their addresses lie in an array, thus in local memory and unknown to be shared; 0: computed
#define STAGE_TABLE 0
#endif
#ifndef GUARDED  // 1: copies check that they are inside the matrix and else store zeros, though tiles fit
#define GUARDED 0
#endif
#ifndef BARRIERS  // per slab; with one, a copy starts only when the fragments of this slab are in registers
#define BARRIERS 2
#endif
#ifndef GROUP  // blocks in order go down GROUP tiles of C before one to the right, to share B in the L2; 0: by rows
#define GROUP 0
#endif

using bf16 = __nv_bfloat16;
constexpr int THREADS = 32 * WARPS_M * WARPS_N;

// ---- instructions ----

template <typename T> struct Sum { using type = float; };
template <> struct Sum<int8_t> { using type = int; };

#define MMA(T, SHAPE_AND_TYPES, SUM, CONSTRAINT)                                                                \
    __device__ inline void multiply(T, SUM (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {          \
        asm volatile("mma.sync.aligned." SHAPE_AND_TYPES " {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "     \
                     "{%0, %1, %2, %3};"                                                                       \
                     : CONSTRAINT(d[0]), CONSTRAINT(d[1]), CONSTRAINT(d[2]), CONSTRAINT(d[3])                  \
                     : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));                      \
    }
MMA(half, "m16n8k16.row.col.f32.f16.f16.f32", float, "+f")
MMA(bf16, "m16n8k16.row.col.f32.bf16.bf16.f32", float, "+f")
MMA(int8_t, "m16n8k32.row.col.s32.s8.s8.s32", int, "+r")

__device__ inline void ldmatrix(uint32_t (&r)[4], uint32_t shared) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(shared));
}

__device__ inline void ldmatrix(uint32_t (&r)[2], uint32_t shared) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0, %1}, [%2];" : "=r"(r[0]), "=r"(r[1]) : "r"(shared));
}

__device__ inline void ldmatrix_transposed(uint32_t (&r)[4], uint32_t shared) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(shared));
}

__device__ inline void copy_async(uint32_t shared, const void* global) {
    asm volatile("cp.async.cg.shared.global" L2_HINT " [%0], [%1], 16;" ::"r"(shared), "l"(global));
}

__device__ inline void close_group() { asm volatile("cp.async.commit_group;"); }

// Waits until at most `pending` groups of copies are under way.
template <int pending> __device__ inline void wait_for_group() {
    asm volatile("cp.async.wait_group %0;" ::"n"(pending));
}

__device__ inline void store_pair(float* to, float x, float y) { *reinterpret_cast<float2*>(to) = {x, y}; }
__device__ inline void store_pair(int* to, int x, int y) { *reinterpret_cast<int2*>(to) = {x, y}; }
__device__ inline void store_pair(bf16* to, float x, float y) {
    *reinterpret_cast<__nv_bfloat162*>(to) = __float22bfloat162_rn({x, y});
}

// ---- shared memory ----

extern __shared__ __align__(128) unsigned char dynamic_shared[];

// A stage of the pipeline is known by its byte offset in dynamic shared memory, or by its generic address.
__device__ inline unsigned char* pointer(uint32_t stage, uint32_t offset) { return dynamic_shared + (stage + offset); }
__device__ inline unsigned char* pointer(unsigned char* stage, uint32_t offset) { return stage + offset; }
__device__ inline uint32_t address(uint32_t stage, uint32_t offset) {
    return __cvta_generic_to_shared(dynamic_shared) + stage + offset;
}
__device__ inline uint32_t address(unsigned char* stage, uint32_t offset) {
    return __cvta_generic_to_shared(stage + offset);
}

// ROWS rows of COLUMNS elements of a matrix, in a stage from byte START on.
template <int START, int ROWS, int COLUMNS> struct Slab {
    static constexpr int ELEMENTS_PER_CHUNK = 16 / sizeof(IN), CHUNKS_PER_ROW = COLUMNS / ELEMENTS_PER_CHUNK;
    static constexpr int ALL_CHUNKS = ROWS * CHUNKS_PER_ROW;
    static constexpr int PITCH = COLUMNS * sizeof(IN) + (LAYOUT == PADDED ? 16 : 0);
    static constexpr int END = START + ROWS * PITCH;

    // Where a row's 16-byte chunk lies. Swizzled, eight chunks above each other lie in different banks.
    static __device__ uint32_t place(uint32_t row, uint32_t chunk) {
        constexpr uint32_t rows_per_line = CHUNKS_PER_ROW < 8 ? 8 / CHUNKS_PER_ROW : 1;
        constexpr uint32_t columns = CHUNKS_PER_ROW < 8 ? CHUNKS_PER_ROW : 8;
        if (LAYOUT == SWIZZLED) chunk ^= row / rows_per_line % columns;
        return START + row * PITCH + chunk * 16;
    }

    // Rows below `rows` and columns below `columns` are the matrix's.
    template <typename Stage>
    static __device__ void copy(Stage stage, const IN* global, int pitch, int rows, int columns) {
        if constexpr (COPY == ELEMENTS) {
#pragma unroll 1
            for (int i = threadIdx.x; i < ROWS * COLUMNS; i += THREADS) {
                const int row = i / COLUMNS, column = i % COLUMNS, byte = column * sizeof(IN);
                IN* to = reinterpret_cast<IN*>(pointer(stage, place(row, byte / 16) + byte % 16));
                *to = !GUARDED || (row < rows && column < columns) ? global[row * pitch + column] : IN(0);
            }
        } else {
#pragma unroll
            for (int i = 0; i < (ALL_CHUNKS + THREADS - 1) / THREADS; i++) {
                const int index = i * THREADS + threadIdx.x, row = index / CHUNKS_PER_ROW;
                const int chunk = index % CHUNKS_PER_ROW, column = chunk * ELEMENTS_PER_CHUNK;
                const IN* from = global + (row * pitch + column);
                uint4* to = reinterpret_cast<uint4*>(pointer(stage, place(row, chunk)));
                if (ALL_CHUNKS % THREADS && index >= ALL_CHUNKS) break;
                if (GUARDED && (row >= rows || column >= columns))
                    *to = {};
                else if constexpr (COPY == ASYNC)
                    copy_async(address(stage, place(row, chunk)), from);
                else
                    *to = *reinterpret_cast<const uint4*>(from);
            }
        }
    }
};

using SlabA = Slab<0, BLOCK_M, BLOCK_K>;
using SlabB = Slab<SlabA::END, B_BY_K ? BLOCK_K : BLOCK_N, B_BY_K ? BLOCK_N : BLOCK_K>;

// The address of a lane's chunk `step` steps of two chunks further along k: swizzling commutes with xor.
__device__ inline uint32_t xored(uint32_t stage, uint32_t lane, uint32_t tile, uint32_t step) {
    const uint32_t along_k = step * 32;
    return ADDRESSES == XORED ? address(stage, lane + tile) ^ along_k : (address(lane, 0) ^ along_k) + stage + tile;
}
__device__ inline uint32_t xored(unsigned char* stage, uint32_t lane, uint32_t tile, uint32_t step) {
    return address(stage, lane + tile) ^ (step * 32);
}

// The block's tile of C: its first row and column.
__device__ inline int2 tile(int m, int n) {
    const int rows = m / BLOCK_M, columns = n / BLOCK_N, block = blockIdx.x;
    if (GROUP == 0) return {block / columns * BLOCK_M, block % columns * BLOCK_N};
    const int above = block / (GROUP * columns) * GROUP, height = min(rows - above, GROUP);
    const int inside = block % (GROUP * columns);
    return {(above + inside % height) * BLOCK_M, inside / height * BLOCK_N};
}

// Calls multiply_slab(stage, copy) for each slab along k while copies of later ones are under way. It calls `copy`
// when it has read what it needs: with one barrier per slab the next copy starts there.
template <typename Multiply>
__device__ inline void walk_slabs(const IN* a, const IN* b, int m, int n, int k, Multiply multiply_slab) {
    const int slabs = k / BLOCK_K;
    const int2 corner = tile(m, n);
    a += corner.x * k, b += B_BY_K ? corner.y : corner.y * k;
#if STAGE_TABLE
    unsigned char* table[STAGES];
#pragma unroll
    for (int i = 0; i < STAGES; i++) table[i] = dynamic_shared + i * SlabB::END;
    auto stage_of = [&](int slab) { return table[slab % STAGES]; };
#else
    auto stage_of = [](int slab) { return uint32_t(slab % STAGES * SlabB::END); };
#endif
    auto copy = [&](int slab) {
        SlabA::copy(stage_of(slab), a, k, m - corner.x, k);
        SlabB::copy(stage_of(slab), b, B_BY_K ? n : k, B_BY_K ? k : n - corner.y, B_BY_K ? n - corner.y : k);
        a += BLOCK_K, b += B_BY_K ? BLOCK_K * n : BLOCK_K;
        if (COPY == ASYNC) close_group();
    };
    auto wait = [&] {
        if (COPY == ASYNC) wait_for_group<STAGES + BARRIERS - 3>();
        __syncthreads();
    };
#pragma unroll
    for (int slab = 0; slab < STAGES - 1; slab++) copy(slab);
    int slab = 0;
    for (; slab < slabs - (STAGES - 1); slab++) {
        if (BARRIERS == 2) copy(slab + STAGES - 1);
        wait();
        multiply_slab(stage_of(slab), [&] {
            if (BARRIERS == 1) copy(slab + STAGES - 1);
        });
        if (BARRIERS == 2) __syncthreads();
    }
#pragma unroll
    for (int rest = 0; rest < STAGES - 1; rest++, slab++) {  // no more to copy; empty groups keep the count
        if (BARRIERS == 2) close_group();
        wait();
        multiply_slab(stage_of(slab), [] {
            if (BARRIERS == 1) close_group();
        });
    }
}

// ---- the rungs ----

// A thread per element of C; blocks of 16 by 16.
__device__ inline void naive(const float* a, const float* b, float* c, int m, int n, int k) {
    const int row = blockIdx.y * 16 + threadIdx.y, column = blockIdx.x * 16 + threadIdx.x;
    if (row >= m || column >= n) return;
    float sum = 0;
    for (int i = 0; i < k; i++) sum += a[row * k + i] * b[i * n + column];
    c[row * n + column] = sum;
}

// A thread per element of C; blocks of 32 by 32 read tiles of A and B through shared memory.
__device__ inline void tiled(const float* a, const float* b, float* c, int m, int n, int k) {
    __shared__ float tile_a[32][32], tile_b[32][32];
    const int x = threadIdx.x, y = threadIdx.y, row = blockIdx.y * 32 + y, column = blockIdx.x * 32 + x;
    float sum = 0;
    for (int start = 0; start < k; start += 32) {
        tile_a[y][x] = row < m && start + x < k ? a[row * k + start + x] : 0;
        tile_b[y][x] = column < n && start + y < k ? b[(start + y) * n + column] : 0;
        __syncthreads();
        for (int i = 0; i < 32; i++) sum += tile_a[y][i] * tile_b[i][x];
        __syncthreads();
    }
    if (row < m && column < n) c[row * n + column] = sum;
}

// mma on fragments gathered by element, B by [k][n]: a block of 16 by 16 threads, 2 by 4 warps, computes TILES
// by TILES squares of 32, one mma of each per warp.
template <int TILES> __device__ void elements(const half* a, const half* b, float* c, int m, int n, int k) {
    __shared__ half slab_a[TILES * 32][16], slab_b[16][TILES * 32];
    const int x = threadIdx.x, y = threadIdx.y, thread = y * 16 + x, warp = thread / 32, lane = thread % 32;
    const int top = TILES * 32 * blockIdx.y, left = TILES * 32 * blockIdx.x;
    const int row = warp / 4 * 16 + lane / 4, column = warp % 4 * 8, pair = lane % 4 * 2;
    float sum[TILES][TILES][4] = {};
    for (int start = 0; start < k; start += 16) {
#pragma unroll
        for (int i = 0; i < 2 * TILES; i++) {
            slab_a[16 * i + y][x] = a[(top + 16 * i + y) * k + start + x];
            slab_b[y][16 * i + x] = b[(start + y) * n + left + 16 * i + x];
        }
        __syncthreads();
#pragma unroll
        for (int i = 0; i < TILES; i++) {
            half of_a[8], of_b[4];
#pragma unroll
            for (int e = 0; e < 8; e++) of_a[e] = slab_a[32 * i + row + e / 2 % 2 * 8][pair + e % 2 + e / 4 * 8];
#pragma unroll
            for (int j = 0; j < TILES; j++) {
#pragma unroll
                for (int e = 0; e < 4; e++) of_b[e] = slab_b[pair + e % 2 + e / 2 * 8][32 * j + column + lane / 4];
                multiply(half(), sum[i][j], reinterpret_cast<uint32_t(&)[4]>(of_a),
                         reinterpret_cast<uint32_t(&)[2]>(of_b));
            }
        }
        __syncthreads();
    }
#pragma unroll
    for (int i = 0; i < TILES; i++)
#pragma unroll
        for (int j = 0; j < TILES; j++)
#pragma unroll
            for (int e = 0; e < 4; e++)
                c[(top + 32 * i + row + e / 2 * 8) * n + left + 32 * j + column + pair + e % 2] = sum[i][j][e];
}

// mma on fragments by ldmatrix; everything else is as the macros say.
__device__ inline void fragments(const IN* a, const IN* b, OUT* c, int m, int n, int k) {
    constexpr int ROWS = BLOCK_M / WARPS_M / 16, COLUMNS = BLOCK_N / WARPS_N / 8;  // in tiles of an mma, per warp
    constexpr int STEPS = BLOCK_K * sizeof(IN) / 32;                               // an mma is 32 bytes deep
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    const int top = warp / WARPS_N * (BLOCK_M / WARPS_M), left = warp % WARPS_N * (BLOCK_N / WARPS_N);
    const int2 corner = tile(m, n);

    // The row and chunk whose address this lane gives to ldmatrix.
    const int row_a = top + lane % 16, chunk_a = lane / 16;
    const int row_b = B_BY_K ? lane % 16 : left + lane % 8 + (B_TILES == 2 ? lane / 16 * 8 : 0);
    const int chunk_b = B_BY_K ? left / 8 + lane / 16 : lane / 8 % 2;
    const uint32_t lane_a = SlabA::place(row_a, chunk_a), lane_b = SlabB::place(row_b, chunk_b);

    uint32_t of_a[STEPS][ROWS][4], of_b[STEPS][COLUMNS][2];
    typename Sum<IN>::type sum[ROWS][COLUMNS][4] = {};

    walk_slabs(a, b, m, n, k, [&](auto stage, auto copy_next) {
        auto load_a = [&](int i, int step) {
            ldmatrix(of_a[step][i], ADDRESSES == ANEW
                                        ? address(stage, SlabA::place(row_a + i * 16, chunk_a + step * 2))
                                        : xored(stage, lane_a, i * 16 * SlabA::PITCH, step));
        };
        auto load_b = [&](int j, int step) {
            if constexpr (B_BY_K)
                ldmatrix_transposed(reinterpret_cast<uint32_t(&)[4]>(of_b[step][j]),
                                    address(stage, SlabB::place(row_b + step * 16, chunk_b + j)));
            else
                ldmatrix(reinterpret_cast<uint32_t(&)[2 * B_TILES]>(of_b[step][j]),
                         ADDRESSES == ANEW ? address(stage, SlabB::place(row_b + j * 8, chunk_b + step * 2))
                                           : xored(stage, lane_b, j * 8 * SlabB::PITCH, step));
        };
        if constexpr (LOADS == PER_SLAB) {
#pragma unroll
            for (int step = 0; step < STEPS; step++) {
#pragma unroll
                for (int i = 0; i < ROWS; i++) load_a(i, step);
#pragma unroll
                for (int j = 0; j < COLUMNS; j += B_TILES) load_b(j, step);
            }
        }
        copy_next();
        if constexpr (K_INNERMOST) {
#pragma unroll
            for (int i = 0; i < ROWS; i++) {
#pragma unroll
                for (int step = 0; LOADS == PER_ROW && step < STEPS; step++) load_a(i, step);
#pragma unroll
                for (int j = 0; j < COLUMNS; j++)
#pragma unroll
                    for (int step = 0; step < STEPS; step++) {
                        if (LOADS == PER_PRODUCT) load_a(i, step);
                        if (LOADS <= PER_ROW) load_b(j, step);
                        multiply(IN(), sum[i][j], of_a[step][i], of_b[step][j]);
                    }
            }
        } else {
#pragma unroll
            for (int step = 0; step < STEPS; step++) {
#pragma unroll
                for (int j = 0; LOADS == PER_STEP && j < COLUMNS; j += B_TILES) load_b(j, step);
#pragma unroll
                for (int i = 0; i < ROWS; i++) {
                    if (LOADS == PER_STEP) load_a(i, step);
#pragma unroll
                    for (int j = 0; j < COLUMNS; j++) multiply(IN(), sum[i][j], of_a[step][i], of_b[step][j]);
                }
            }
        }
    });

    c += (corner.x + top + lane / 4) * n + corner.y + left + lane % 4 * 2;
#pragma unroll
    for (int i = 0; i < ROWS; i++)
#pragma unroll
        for (int j = 0; j < COLUMNS; j++) {
            store_pair(c + i * 16 * n + j * 8, sum[i][j][0], sum[i][j][1]);
            store_pair(c + (i * 16 + 8) * n + j * 8, sum[i][j][2], sum[i][j][3]);
        }
}

// nvcuda::wmma on plain slabs, B by [k][n].
template <typename T> __device__ void opaque(const T* a, const T* b, float* c, int m, int n, int k) {
    using namespace nvcuda;
    constexpr int ROWS = BLOCK_M / WARPS_M / 16, COLUMNS = BLOCK_N / WARPS_N / 16;
    const int warp = threadIdx.x / 32, top = warp / WARPS_N * ROWS * 16, left = warp % WARPS_N * COLUMNS * 16;
    const int2 corner = tile(m, n);
    wmma::fragment<wmma::accumulator, 16, 16, 16, float> sum[ROWS][COLUMNS];
    wmma::fragment<wmma::matrix_a, 16, 16, 16, T, wmma::row_major> of_a[ROWS];
    wmma::fragment<wmma::matrix_b, 16, 16, 16, T, wmma::row_major> of_b[COLUMNS];
#pragma unroll
    for (int i = 0; i < ROWS; i++)
#pragma unroll
        for (int j = 0; j < COLUMNS; j++) wmma::fill_fragment(sum[i][j], 0.0f);

    walk_slabs(a, b, m, n, k, [&](auto stage, auto copy) {
        copy();
        const T* slab_a = reinterpret_cast<T*>(pointer(stage, 0));
        const T* slab_b = slab_a + BLOCK_M * BLOCK_K;
#pragma unroll
        for (int step = 0; step < BLOCK_K; step += 16) {
#pragma unroll
            for (int i = 0; i < ROWS; i++)
                wmma::load_matrix_sync(of_a[i], slab_a + (top + i * 16) * BLOCK_K + step, BLOCK_K);
#pragma unroll
            for (int j = 0; j < COLUMNS; j++)
                wmma::load_matrix_sync(of_b[j], slab_b + step * BLOCK_N + left + j * 16, BLOCK_N);
#pragma unroll
            for (int i = 0; i < ROWS; i++)
#pragma unroll
                for (int j = 0; j < COLUMNS; j++) wmma::mma_sync(sum[i][j], of_a[i], of_b[j], sum[i][j]);
        }
    });
#pragma unroll
    for (int i = 0; i < ROWS; i++)
#pragma unroll
        for (int j = 0; j < COLUMNS; j++)
            wmma::store_matrix_sync(c + (corner.x + top + i * 16) * n + corner.y + left + j * 16, sum[i][j], n,
                                    wmma::mem_row_major);
}

extern "C" __global__ void __launch_bounds__(THREADS)
    gemm(const OPERAND* a, const OPERAND* b, OUT* c, int m, int n, int k) {
    RUNG(a, b, c, m, n, k);
}
