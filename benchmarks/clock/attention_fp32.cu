// Attention without storing scores, with sums in fp32: O = softmax(Q K^T / sqrt(HEAD)) V, a block for ROWS rows of Q,
// the rows shared out among its warps. Matrices lie as [batch][row][head][column].
//
// A ladder: the macros are its steps, in this order.

#include <cstdint>
#include <cuda_fp16.h>

#ifndef ROWS
#define ROWS 64
#define KEYS 64  // rows of K and V at a time
#endif
#ifndef SWIZZLED  // chunks of a row change places with the row, so that eight rows lie in different banks
#define SWIZZLED 0
#endif
#ifndef EAGER  // V is copied while scores are computed, and the next K while V is used
#define EAGER 0
#endif
#ifndef ALL_Q  // 1: all fragments of the matrix in registers before it is used; 0: those of 16 along the sum at a time
#define ALL_Q 1
#define ALL_K 1
#define ALL_V 1
#endif
#ifndef DOUBLE  // the next 16 are read before these are multiplied
#define DOUBLE 0
#endif
#ifndef FUSED_SCALE  // scores are scaled by the multiply-add before the power of two
#define FUSED_SCALE 0
#endif
#ifndef HALVES  // 64 columns of all rows, then the rest: lanes' addresses then differ between steps by an xor
#define HALVES 0
#endif
#ifndef PAIRED  // ldmatrix leaves the two registers that an mma takes of K beside each other; mma reuses V and K first
#define PAIRED 0
#endif
#ifndef FIRST_APART  // the first tile has no sums to correct
#define FIRST_APART 0
#endif
#ifndef BACKWARDS  // last tile first
#define BACKWARDS 0
#endif
#ifndef HEADS  // 0: how many is an argument
#define HEADS 0
#endif

constexpr int HEAD = 128, WARPS = 4, THREADS = 32 * WARPS, PITCH = HEAD * 2;
constexpr int ROW_TILES = ROWS / WARPS / 16, KEY_TILES = KEYS / 8, HEAD_TILES = HEAD / 8;
constexpr int AT_K = ROWS * PITCH, AT_V = AT_K + KEYS * PITCH;

extern __shared__ __align__(1024) unsigned char dynamic_shared[];

// ---- instructions ----

__device__ inline void multiply(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
                 "{%0, %1, %2, %3};"
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

__device__ inline void ldmatrix(uint32_t& r0, uint32_t& r1, uint32_t& r2, uint32_t& r3, uint32_t shared) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r0), "=r"(r1), "=r"(r2), "=r"(r3)
                 : "r"(shared));
}

__device__ inline void ldmatrix_transposed(uint32_t& r0, uint32_t& r1, uint32_t& r2, uint32_t& r3, uint32_t shared) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r0), "=r"(r1), "=r"(r2), "=r"(r3)
                 : "r"(shared));
}

__device__ inline void close_group() { asm volatile("cp.async.commit_group;"); }

template <int pending> __device__ inline void wait_for_group() {
    asm volatile("cp.async.wait_group %0;" ::"n"(pending));
}

__device__ inline float power_of_two(float x) {
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(x) : "f"(x));
    return x;
}

__device__ inline uint32_t pack(float x, float y) {
    half2 pair = __floats2half2_rn(x, y);
    return reinterpret_cast<uint32_t&>(pair);
}

// ---- shared memory ----

__device__ inline uint32_t address(int offset) { return __cvta_generic_to_shared(dynamic_shared) + offset; }

// HEIGHT rows of a matrix in shared memory from byte START on, HEAD columns each, in chunks of 16 bytes.
template <int START, int HEIGHT> struct Tile {
    static __device__ int place(int row, int chunk) {
        const int moved = SWIZZLED ? chunk ^ row % 8 : chunk;
        return START + (HALVES ? (moved / 8 * HEIGHT + row) * 128 + moved % 8 * 16 : row * PITCH + moved * 16);
    }

    // The address of chunk `chunk + 2 * step` of a row.
    static __device__ uint32_t at(int row, int chunk, int step) {
        return HALVES ? (address(place(row, chunk)) ^ (step % 4 * 32)) + step / 4 * HEIGHT * 128
                      : address(place(row, chunk + 2 * step));
    }

    // Calls op(byte offset, row, chunk) for this thread's chunks: warps have rows each, or, with HALVES, all go down
    // one half and then the other.
    template <typename Op> static __device__ void each(Op op) {
        const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
#pragma unroll
        for (int i = 0; i < HEIGHT * 16 / THREADS; i++) {
            constexpr int per_half = HEIGHT * 8 / THREADS;
            const int row = HALVES ? i % per_half * (THREADS / 8) + threadIdx.x / 8
                                   : warp * (HEIGHT / WARPS) + i / 2 * 4 + lane / 8;
            const int chunk = (HALVES ? i / per_half : i % 2) * 8 + lane % 8;
            op(place(row, chunk), row, chunk);
        }
    }

    static __device__ void copy(const half* matrix, int64_t pitch) {
        each([&](int offset, int row, int chunk) {
            asm volatile("cp.async.cg.shared.global.L2::128B [%0], [%1], 16;" ::"r"(address(offset)),
                         "l"(matrix + row * pitch + chunk * 8));
        });
        close_group();
    }
};

using TileQ = Tile<0, ROWS>;
using TileK = Tile<AT_K, KEYS>;
using TileV = Tile<AT_V, KEYS>;

// ---- one warp's rows ----

// Where fragments of a step are kept.
template <bool ALL> __device__ constexpr int slot(int step) { return ALL ? step : step % (1 + DOUBLE); }

// Multiplies step after step along the sum, reading the fragments that are not in registers already.
template <int STEPS, bool ALL_A, bool ALL_B, typename LoadA, typename LoadB, typename Multiply>
__device__ inline void walk_steps(LoadA load_a, LoadB load_b, Multiply multiply_step) {
    if (DOUBLE && !ALL_A) load_a(0);
    if (DOUBLE && !ALL_B) load_b(0);
#pragma unroll
    for (int step = 0; step < STEPS; step++) {
        if (!ALL_A && step + DOUBLE < STEPS) load_a(step + DOUBLE);
        if (!ALL_B && step + DOUBLE < STEPS) load_b(step + DOUBLE);
        multiply_step(step);
    }
}

template <int COLUMNS>
__device__ inline void multiply_tiles(float (&d)[ROW_TILES][COLUMNS][4], const uint32_t (&a)[ROW_TILES][4],
                                      const uint32_t (&b)[COLUMNS][2]) {
    if constexpr (PAIRED) {
#pragma unroll
        for (int j = 0; j < COLUMNS; j++)
#pragma unroll
            for (int i = 0; i < ROW_TILES; i++) {
                const int row = j % 2 ? ROW_TILES - 1 - i : i;
                multiply(d[row][j], a[row], b[j]);
            }
    } else {
#pragma unroll
        for (int i = 0; i < ROW_TILES; i++)
#pragma unroll
            for (int j = 0; j < COLUMNS; j++) multiply(d[i][j], a[i], b[j]);
    }
}

template <int COLUMNS> __device__ inline void clear(float (&d)[ROW_TILES][COLUMNS][4]) {
#pragma unroll
    for (int i = 0; i < ROW_TILES * COLUMNS * 4; i++) d[i / (COLUMNS * 4)][i / 4 % COLUMNS][i % 4] = 0;
}

// A lane's part of its rows, lane / 4 and that plus 8 of each tile of 16; sums are of its own columns until the end.
struct Softmax {
    float highest[ROW_TILES][2], sum[ROW_TILES][2];

    // Turns scores s into probabilities relative to the highest score so far, and corrects o and the sums.
    template <bool FIRST>
    __device__ void exponentiate(float (&s)[ROW_TILES][KEY_TILES][4], float (&o)[ROW_TILES][HEAD_TILES][4]) {
        constexpr float log2e = 1.4426950408889634f;
        const float scale = rsqrtf(HEAD) * (FUSED_SCALE ? log2e : 1);
#pragma unroll
        for (int i = 0; i < ROW_TILES; i++)
#pragma unroll
            for (int r = 0; r < 2; r++) {
                float high = FIRST ? -INFINITY : highest[i][r];
#pragma unroll
                for (int j = 0; j < KEY_TILES; j++) {
                    if (!FUSED_SCALE) s[i][j][2 * r] *= scale, s[i][j][2 * r + 1] *= scale;
                    high = fmaxf(high, fmaxf(s[i][j][2 * r], s[i][j][2 * r + 1]));
                }
                high = fmaxf(high, __shfl_xor_sync(~0u, high, 2));
                high = fmaxf(high, __shfl_xor_sync(~0u, high, 1));
                if (!FIRST) {
                    const float correction = power_of_two((highest[i][r] - high) * (FUSED_SCALE ? scale : log2e));
                    sum[i][r] *= correction;
#pragma unroll
                    for (int j = 0; j < HEAD_TILES; j++) o[i][j][2 * r] *= correction, o[i][j][2 * r + 1] *= correction;
                } else
                    sum[i][r] = 0;
                highest[i][r] = high;
                const float scaled = high * scale;
#pragma unroll
                for (int e = 0; e < 2 * KEY_TILES; e++) {
                    float& x = s[i][e / 2][2 * r + e % 2];
                    x = power_of_two(FUSED_SCALE ? x * scale - scaled : (x - high) * log2e);
                    sum[i][r] += x;
                }
            }
    }

    __device__ float whole_sum(int i, int r) {
        float x = sum[i][r];
        x += __shfl_xor_sync(~0u, x, 2);
        return x + __shfl_xor_sync(~0u, x, 1);
    }
};

extern "C" __global__ void __launch_bounds__(THREADS)
    attention(const half* q, const half* k, const half* v, half* o, int64_t heads, int length) {
    const int lane = threadIdx.x % 32, top = threadIdx.x / 32 * (ROWS / WARPS), tiles = length / KEYS;
    const int64_t pitch = (HEADS ? HEADS : heads) * HEAD;
    const int64_t head = blockIdx.z * length * pitch + blockIdx.y * HEAD, rows = head + blockIdx.x * ROWS * pitch;
    const int64_t tile_pitch = BACKWARDS ? -KEYS * pitch : KEYS * pitch;
    k += head + (BACKWARDS ? (length - KEYS) * pitch : 0);
    v += head + (BACKWARDS ? (length - KEYS) * pitch : 0);

    uint32_t of_q[ALL_Q ? HEAD / 16 : 1 + DOUBLE][ROW_TILES][4];
    uint32_t of_k[ALL_K ? HEAD / 16 : 1 + DOUBLE][KEY_TILES][2];
    uint32_t of_v[ALL_V ? KEYS / 16 : 1 + DOUBLE][HEAD_TILES][2];
    float sum[ROW_TILES][HEAD_TILES][4];
    Softmax softmax;

    auto load_q = [&](int step) {
#pragma unroll
        for (int i = 0; i < ROW_TILES; i++) {
            auto& r = of_q[slot<ALL_Q>(step)][i];
            ldmatrix(r[0], r[1], r[2], r[3], TileQ::at(top + i * 16 + lane % 16, lane / 16, step));
        }
    };
    auto load_k = [&](int step) {
#pragma unroll
        for (int j = 0; j < KEY_TILES; j += 2) {
            auto& r = of_k[slot<ALL_K>(step)];
            if (PAIRED)
                ldmatrix(r[j][0], r[j][1], r[j + 1][0], r[j + 1][1],
                         TileK::at(j * 8 + lane % 8 + lane / 16 * 8, lane / 8 % 2, step));
            else
                ldmatrix(r[j][0], r[j + 1][0], r[j][1], r[j + 1][1], TileK::at(j * 8 + lane % 16, lane / 16, step));
        }
    };
    auto load_v = [&](int step) {
#pragma unroll
        for (int j = 0; j < HEAD_TILES; j += 2) {
            auto& r = of_v[slot<ALL_V>(step)];
            ldmatrix_transposed(r[j][0], r[j][1], r[j + 1][0], r[j + 1][1],
                                TileV::at(step * 16 + lane % 16, lane / 16, j / 2));
        }
    };
    auto copy_k = [&] { TileK::copy(k, pitch), k += tile_pitch; };
    auto copy_v = [&] { TileV::copy(v, pitch), v += tile_pitch; };
    auto wait = [] {
        wait_for_group<0>();
        __syncthreads();
    };

    auto take_tile = [&](auto first, bool more) {
        float s[ROW_TILES][KEY_TILES][4];
        if (!EAGER) copy_k();
        clear(s);
        wait();
        if (EAGER) copy_v();
#pragma unroll
        for (int step = 0; ALL_K && step < HEAD / 16; step++) load_k(step);
        walk_steps<HEAD / 16, ALL_Q, ALL_K>(load_q, load_k, [&](int step) {
            multiply_tiles(s, of_q[slot<ALL_Q>(step)], of_k[slot<ALL_K>(step)]);
        });
        wait();
        if (first) clear(sum);
        if (EAGER && more) copy_k();
        softmax.template exponentiate<first>(s, sum);
        uint32_t p[KEYS / 16][ROW_TILES][4];
#pragma unroll
        for (int step = 0; step < KEYS / 16; step++)
#pragma unroll
            for (int i = 0; i < ROW_TILES; i++)
#pragma unroll
                for (int e = 0; e < 4; e++) {
                    const float(&x)[4] = s[i][2 * step + e / 2];
                    p[step][i][e] = pack(x[e % 2 * 2], x[e % 2 * 2 + 1]);
                }
        if (!EAGER) {
            copy_v();
            wait();
        }
#pragma unroll
        for (int step = 0; ALL_V && step < KEYS / 16; step++) load_v(step);
        walk_steps<KEYS / 16, true, ALL_V>([](int) {}, load_v,
                                           [&](int step) { multiply_tiles(sum, p[step], of_v[slot<ALL_V>(step)]); });
    };

    TileQ::copy(q + rows, pitch);
    if (EAGER) copy_k();
    if (ALL_Q) {
        wait_for_group<EAGER>();
        if (HALVES)
            __syncthreads();
        else
            __syncwarp();
#pragma unroll
        for (int step = 0; step < HEAD / 16; step++) load_q(step);
    }
    struct False { __device__ constexpr operator bool() const { return false; } };
    struct True { __device__ constexpr operator bool() const { return true; } };
    if (FIRST_APART)
        take_tile(True(), tiles > 1);
    else {
        clear(sum);
#pragma unroll
        for (int i = 0; i < ROW_TILES; i++)
            softmax.highest[i][0] = softmax.highest[i][1] = -INFINITY, softmax.sum[i][0] = softmax.sum[i][1] = 0;
    }
#pragma unroll 1
    for (int t = FIRST_APART; t < tiles; t++) take_tile(False(), t + 1 < tiles);

    // Through shared memory, in the place of Q, so that stores are of whole lines.
#pragma unroll
    for (int i = 0; i < ROW_TILES; i++)
#pragma unroll
        for (int r = 0; r < 2; r++) {
            const float factor = 1 / softmax.whole_sum(i, r);
#pragma unroll
            for (int j = 0; j < HEAD_TILES; j++) {
                const int offset = TileQ::place(top + i * 16 + r * 8 + lane / 4, j) + lane % 4 * 4;
                const float(&x)[4] = sum[i][j];
                *reinterpret_cast<uint32_t*>(dynamic_shared + offset) = pack(x[2 * r] * factor, x[2 * r + 1] * factor);
            }
        }
    if (HALVES)
        __syncthreads();
    else
        __syncwarp();
    TileQ::each([&](int offset, int row, int chunk) {
        uint4* to = reinterpret_cast<uint4*>(o + rows + row * pitch + chunk * 8);
        *to = *reinterpret_cast<uint4*>(dynamic_shared + offset);
    });
}
