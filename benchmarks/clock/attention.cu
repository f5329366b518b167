// Attention without storing scores: O = softmax(Q K^T / sqrt(HEAD)) V per head, a block for ROWS rows of Q, on
// tensor cores. K and V pass by in tiles of KEYS rows; the softmax of a row is corrected as higher scores appear.
//
// The macros say what a case's kernel keeps where, and what is copied while something else is computed.

#include <cstdint>
#include <cuda_fp16.h>

enum { ROWS_EACH, SPREAD };
enum { OWN, SHARED, SLICED, SLICED_V };
enum { AGAIN, KEPT };

#ifndef HEAD  // columns of Q, K, V and O
#define HEAD 64
#endif
#ifndef WARPS
#define WARPS 4
#endif
#ifndef KEYS  // rows of K and V at a time
#define KEYS 64
#endif
// How warps share a block's work. ROWS_EACH: 16 rows of Q and all keys for each. SPREAD: 2 by 4 warps over 64 rows and
// 64 keys, which must then exchange maxima, sums and probabilities through shared memory.
#ifndef SPLIT
#define SPLIT ROWS_EACH
#endif
// What shared memory holds. OWN: tiles of Q, K and V, each in a place of its own. SHARED: K and V take turns in one
// place per stage. SLICED: 16 columns of Q and K at a time, then 16 rows of V in their place; SLICED_V: 16 columns.
#ifndef BUFFERS
#define BUFFERS OWN
#endif
#ifndef STAGES  // 2: the next tile or slice is copied while this one is used
#define STAGES 1
#endif
#ifndef QUERIES  // fragments of Q: read for each tile AGAIN; or once and KEPT in registers, so that K takes Q's place
#define QUERIES AGAIN
#endif
#ifndef SUM_F32  // O between tiles: 1 in fp32, 0 in fp16
#define SUM_F32 0
#endif
#ifndef SWIZZLE_Q  // 1: slices are swizzled against bank conflicts; 0: rows are padded by 16 bytes
#define SWIZZLE_Q 0
#define SWIZZLE_K 0
#endif

constexpr int ROWS = SPLIT == SPREAD ? 64 : 16 * WARPS, THREADS = 32 * WARPS;

extern __shared__ __align__(16) unsigned char dynamic_shared[];

// ---- instructions ----

__device__ inline void multiply(uint32_t (&d)[2], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f16.f16.f16.f16 {%0, %1}, {%2, %3, %4, %5}, {%6, %7}, {%0, %1};"
                 : "+r"(d[0]), "+r"(d[1])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

__device__ inline void ldmatrix(uint32_t (&r)[4], uint32_t shared) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(shared));
}

__device__ inline void ldmatrix(uint32_t (&r)[2], uint32_t shared) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0, %1}, [%2];" : "=r"(r[0]), "=r"(r[1]) : "r"(shared));
}

__device__ inline void ldmatrix_transposed(uint32_t (&r)[2], uint32_t shared) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0, %1}, [%2];"
                 : "=r"(r[0]), "=r"(r[1])
                 : "r"(shared));
}

__device__ inline void close_group() { asm volatile("cp.async.commit_group;"); }

template <int pending> __device__ inline void wait_for_group() {
    asm volatile("cp.async.wait_group %0;" ::"n"(pending));
}

__device__ inline float2 unpack(uint32_t pair) { return __half22float2(reinterpret_cast<half2&>(pair)); }
__device__ inline uint32_t pack(float x, float y) {
    half2 pair = __floats2half2_rn(x, y);
    return reinterpret_cast<uint32_t&>(pair);
}

__device__ inline float fast_exp(float x) {
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(x) : "f"(x * 1.4426950408889634f));
    return x;
}

// Over the four lanes that share a row of a fragment.
__device__ inline float highest_of_row(float x) {
    x = fmaxf(x, __shfl_xor_sync(~0u, x, 2, 4));
    return fmaxf(x, __shfl_xor_sync(~0u, x, 1, 4));
}
__device__ inline float sum_of_row(float x) {
    x += __shfl_xor_sync(~0u, x, 2, 4);
    return x + __shfl_xor_sync(~0u, x, 1, 4);
}

// One lane of the four that share a row of a fragment collects its 16 bytes and stores them.
__device__ inline void store_row(void* to, uint32_t pair) {
    const int lane = threadIdx.x % 32;
    uint4 row = {pair};
    row.y = __shfl_sync(~0u, pair, lane + 1, 4);
    row.z = __shfl_sync(~0u, pair, lane + 2, 4);
    row.w = __shfl_sync(~0u, pair, lane + 3, 4);
    if (lane % 4 == 0) *reinterpret_cast<uint4*>(to) = row;
}

// ---- shared memory ----

__device__ inline uint32_t address(int offset) { return __cvta_generic_to_shared(dynamic_shared) + offset; }

// A tile of HEIGHT rows of WIDTH elements in dynamic shared memory.
template <int HEIGHT, int WIDTH, bool SWIZZLED = false> struct Tile {
    static constexpr int PITCH = WIDTH + (SWIZZLED ? 0 : 8), BYTES = HEIGHT * PITCH * 2;

    static __device__ int place(int row, int column) {
        return (row * PITCH + (SWIZZLED ? column ^ row / 4 % 2 * 8 : column)) * 2;
    }

    // A thread copies neighbouring chunks of one row. `first`: element of the matrix that the tile begins with.
    static __device__ void copy(int offset, const half* matrix, int first) {
        constexpr int per_row = THREADS / HEIGHT, share = WIDTH / per_row;
        const int row = threadIdx.x / per_row, column = threadIdx.x % per_row * share;
#pragma unroll
        for (int i = 0; i < share; i += 8)
            asm volatile("cp.async.cg.shared.global.L2::128B [%0], [%1], 16;" ::"r"(
                             address(offset + place(row, column)) + i * 2),
                         "l"(matrix + (first + row * HEAD + column + i)));
        close_group();
    }
};

// ---- one warp's 16 rows ----

// Scores, then probabilities: of rows lane / 4 and that plus 8, two columns of each tile of 8 keys.
using Scores = uint32_t[KEYS / 8][2];

struct Softmax {
    float highest[2] = {-INFINITY, -INFINITY}, sum[2] = {};
    float new_highest[2], new_sum[2];
    float correction[2];  // what sums of earlier tiles are multiplied with

    // Turns scores into exp(score - highest so far).
    __device__ void exponentiate(Scores& s) {
        const float scale = rsqrtf(HEAD);
#pragma unroll
        for (int r = 0; r < 2; r++) {
            new_highest[r] = -INFINITY;
#pragma unroll
            for (int j = 0; j < KEYS / 8; j++) {
                half2 pair = reinterpret_cast<half2&>(s[j][r]);
                const float2 x = unpack(s[j][r]);
                const float higher = BUFFERS == OWN ? fmaxf(x.x, x.y) : __half2float(__hmax(pair.x, pair.y));
                new_highest[r] = fmaxf(new_highest[r], higher * scale);
            }
            new_highest[r] = fmaxf(highest[r], highest_of_row(new_highest[r]));
        }
        if (BUFFERS == OWN) __syncthreads();
#pragma unroll
        for (int r = 0; r < 2; r++) {
            new_sum[r] = 0;
#pragma unroll
            for (int j = 0; j < KEYS / 8; j++) {
                const float2 x = unpack(s[j][r]);
                const float p0 = fast_exp(__fmaf_rn(x.x, scale, -new_highest[r]));
                const float p1 = fast_exp(__fmaf_rn(x.y, scale, -new_highest[r]));
                new_sum[r] += p0 + p1;
                s[j][r] = pack(p0, p1);
            }
            new_sum[r] = sum_of_row(new_sum[r]);
        }
        if (BUFFERS == OWN) __syncthreads();
    }

    // Takes the new tile in.
    __device__ void update() {
#pragma unroll
        for (int r = 0; r < 2; r++) {
            correction[r] = fast_exp(sum[r] == 0 ? 0 : highest[r] - new_highest[r]);
            sum[r] = __fmaf_rn(correction[r], sum[r], new_sum[r]);
            highest[r] = new_highest[r];
        }
    }
};

// 16 rows of O, 8 columns per tile.
template <int COLUMNS> struct Output {
#if SUM_F32
    float tile[COLUMNS / 8][4] = {};
    __device__ float2 get(int j, int r) const { return {tile[j][2 * r], tile[j][2 * r + 1]}; }
    __device__ void set(int j, int r, float x, float y) { tile[j][2 * r] = x, tile[j][2 * r + 1] = y; }
#else
    uint32_t tile[COLUMNS / 8][2] = {};
    __device__ float2 get(int j, int r) const { return unpack(tile[j][r]); }
    __device__ void set(int j, int r, float x, float y) { tile[j][r] = pack(x, y); }
#endif

    // tile j = correction * tile j + the product of this tile of keys
    __device__ void add(int j, const uint32_t (&product)[2], const float (&correction)[2]) {
#pragma unroll
        for (int r = 0; r < 2; r++) {
            const float2 old = get(j, r), now = unpack(product[r]);
            set(j, r, __fmaf_rn(correction[r], old.x, now.x), __fmaf_rn(correction[r], old.y, now.y));
        }
    }

    // Divided by the sums.
    __device__ void store(half* rows, const float (&sum)[2]) const {
        const int lane = threadIdx.x % 32;
        const float factor[2] = {__frcp_rn(sum[0]), __frcp_rn(sum[1])};
#pragma unroll
        for (int j = 0; j < COLUMNS / 8; j++)
#pragma unroll
            for (int r = 0; r < 2; r++) {
                const float2 x = get(j, r);
                store_row(rows + (lane / 4 + r * 8) * HEAD + j * 8, pack(x.x * factor[r], x.y * factor[r]));
            }
    }
};

__device__ inline void clear(Scores& s) {
#pragma unroll
    for (int j = 0; j < KEYS / 8; j++) s[j][0] = s[j][1] = 0;
}

__device__ inline void multiply_probabilities(uint32_t (&d)[2], const Scores& p, int step, const uint32_t (&v)[2]) {
    const uint32_t a[4] = {p[2 * step][0], p[2 * step][1], p[2 * step + 1][0], p[2 * step + 1][1]};
    multiply(d, a, v);
}

// ---- kernels ----

using TileQ = Tile<ROWS, HEAD>;
using TileK = Tile<KEYS, HEAD>;
constexpr int AT_K = QUERIES == KEPT ? 0 : TileQ::BYTES;
constexpr int AT_V = AT_K + (BUFFERS == OWN ? STAGES : STAGES - 1) * TileK::BYTES;
constexpr int AT_P = AT_V + TileK::BYTES;

// Whole tiles of K and V in shared memory: calls score(offset of K), soften() and accumulate() for each. `head`:
// element that the block's head begins with.
template <typename Score, typename Soften, typename Accumulate>
__device__ inline void walk_tiles(const half* k, const half* v, int head, int length, Score score, Soften soften,
                                  Accumulate accumulate) {
    const int tiles = length / KEYS;
    auto at_k = [](int t) { return AT_K + (BUFFERS == OWN ? t % STAGES * TileK::BYTES : 0); };
    auto copy_k = [&](int t) { TileK::copy(at_k(t), k, head + t * KEYS * HEAD); };
    auto copy_v = [&](int t) { TileK::copy(AT_V, v, head + t * KEYS * HEAD); };
    if (STAGES == 2) {
        copy_k(0);
        wait_for_group<0>();
        __syncthreads();
    }
#pragma unroll 1
    for (int t = 0; t < tiles; t++) {
        const bool more = t + 1 < tiles;
        if (STAGES == 1) copy_k(t);
        if (STAGES == 2 || BUFFERS == OWN) copy_v(t);
        if (STAGES == 2 && BUFFERS == OWN && more) copy_k(t + 1);
        if (STAGES == 1) {
            wait_for_group<BUFFERS == OWN ? 1 : 0>();
            __syncthreads();
        }
        score(at_k(t));
        __syncthreads();
        if (BUFFERS == SHARED && STAGES == 1) copy_v(t);
        if (BUFFERS == SHARED && STAGES == 2 && more) copy_k(t + 1);
        soften();
        if (STAGES == 2 && more)
            wait_for_group<1>();
        else
            wait_for_group<0>();
        __syncthreads();
        accumulate();
        if (STAGES == 2) {
            wait_for_group<0>();
            __syncthreads();
        }
    }
}

// A warp has 16 rows of Q and all keys.
__device__ inline void whole(const half* q, const half* k, const half* v, half* o, int head, int length) {
    constexpr int STEPS = HEAD / 16;
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, rows = head + blockIdx.x * ROWS * HEAD;
    uint32_t of_q[STEPS][4];
    auto load_q = [&](int step) {
        ldmatrix(of_q[step], address(TileQ::place(warp * 16 + lane % 16, step * 16 + lane / 16 * 8)));
    };

    TileQ::copy(0, q, rows);
    if (QUERIES == KEPT) {
        wait_for_group<0>();
        __syncthreads();
#pragma unroll
        for (int step = 0; step < STEPS; step++) load_q(step);
        __syncthreads();
    }
    Softmax softmax;
    Output<HEAD> sum;
    Scores s;
    auto score = [&](int at_k) {
        clear(s);
#pragma unroll
        for (int step = 0; step < STEPS; step++) {
            if (QUERIES == AGAIN) load_q(step);
            uint32_t of_k[KEYS / 8][2];
#pragma unroll
            for (int j = 0; j < KEYS / 8; j++)
                ldmatrix(of_k[j], address(at_k + TileK::place(j * 8 + lane % 8, step * 16 + lane / 8 % 2 * 8)));
#pragma unroll
            for (int j = 0; j < KEYS / 8; j++) multiply(s[j], of_q[step], of_k[j]);
        }
    };
    auto accumulate = [&] {
        uint32_t product[HEAD / 8][2] = {};
#pragma unroll
        for (int step = 0; step < KEYS / 16; step++) {
            uint32_t of_v[HEAD / 8][2];
#pragma unroll
            for (int j = 0; j < HEAD / 8; j++)
                ldmatrix_transposed(of_v[j], address(AT_V + TileK::place(step * 16 + lane % 16, j * 8)));
#pragma unroll
            for (int j = 0; j < HEAD / 8; j++) multiply_probabilities(product[j], s, step, of_v[j]);
        }
        __syncthreads();
        softmax.update();
#pragma unroll
        for (int j = 0; j < HEAD / 8; j++) sum.add(j, product[j], softmax.correction);
    };
    walk_tiles(k, v, head, length, score, [&] { softmax.exponentiate(s); }, accumulate);
    sum.store(o + rows + warp * 16 * HEAD, softmax.sum);
}

// Of 2 by 4 warps, each has 32 rows of Q and 16 keys, then 32 rows and a quarter of the columns of O.
__device__ inline void spread(const half* q, const half* k, const half* v, half* o, int head, int length) {
    using TileP = Tile<64, 64>;
    constexpr int COLUMNS = HEAD / 4;
    __shared__ float maxima[64][5], sums[64][5];
    const int thread = threadIdx.x, lane = thread % 32, rows = head + blockIdx.x * ROWS * HEAD;
    const int top = thread / 32 % 2 * 32, quarter = thread / 64;
    const float scale = rsqrtf(HEAD);
    float highest[2][2], sum[2][2];
    uint32_t s[2][2][2];
    Output<COLUMNS> out[2];
#pragma unroll
    for (int i = 0; i < 4; i++) highest[i / 2][i % 2] = -INFINITY, sum[i / 2][i % 2] = 0;
    auto row_of = [&](int i, int r) { return top + i * 16 + r * 8 + lane / 4; };
    auto highest_now = [&](int i, int r) { return fmaxf(highest[i][r], maxima[row_of(i, r)][0]); };
    TileQ::copy(0, q, rows);

    auto score = [&](int at_k) {
#pragma unroll
        for (int i = 0; i < 4; i++) s[i / 2][i % 2][0] = s[i / 2][i % 2][1] = 0;
#pragma unroll
        for (int step = 0; step < HEAD / 16; step++) {
            uint32_t of_q[2][4], of_k[2][2];
#pragma unroll
            for (int i = 0; i < 2; i++)
                ldmatrix(of_q[i], address(TileQ::place(top + i * 16 + lane % 16, step * 16 + lane / 16 * 8)));
#pragma unroll
            for (int j = 0; j < 2; j++) {
                const int key = quarter * 16 + j * 8 + lane % 8;
                ldmatrix(of_k[j], address(at_k + TileK::place(key, step * 16 + lane / 8 % 2 * 8)));
            }
#pragma unroll
            for (int i = 0; i < 2; i++)
#pragma unroll
                for (int j = 0; j < 2; j++) multiply(s[i][j], of_q[i], of_k[j]);
        }
    };
    auto soften = [&] {
#pragma unroll
        for (int i = 0; i < 2; i++)
#pragma unroll
            for (int r = 0; r < 2; r++) {
                const float2 x = unpack(s[i][0][r]), y = unpack(s[i][1][r]);
                const float high = highest_of_row(fmaxf(fmaxf(x.x, x.y) * scale, fmaxf(y.x, y.y) * scale));
                if (lane % 4 == 0) maxima[row_of(i, r)][quarter] = high;
            }
        __syncthreads();
        maxima[thread / 4][thread % 4] = highest_of_row(maxima[thread / 4][thread % 4]);
        __syncthreads();
#pragma unroll
        for (int i = 0; i < 2; i++)
#pragma unroll
            for (int r = 0; r < 2; r++) {
                const float high = highest_now(i, r);
                float part = 0;
#pragma unroll
                for (int j = 0; j < 2; j++) {
                    const float2 x = unpack(s[i][j][r]);
                    const float p0 = fast_exp(__fmaf_rn(x.x, scale, -high));
                    const float p1 = fast_exp(__fmaf_rn(x.y, scale, -high));
                    part += p0 + p1;
                    s[i][j][r] = pack(p0, p1);
                }
                part = sum_of_row(part);
                if (lane % 4 == 0) sums[row_of(i, r)][quarter] = part;
            }
        __syncthreads();
        sums[thread / 4][thread % 4] = sum_of_row(sums[thread / 4][thread % 4]);
        __syncthreads();
#pragma unroll
        for (int i = 0; i < 2; i++)
#pragma unroll
            for (int j = 0; j < 2; j++)
#pragma unroll
                for (int r = 0; r < 2; r++)
                    store_row(dynamic_shared + AT_P + TileP::place(row_of(i, r), quarter * 16 + j * 8), s[i][j][r]);
        __syncthreads();
    };
    auto accumulate = [&] {
        uint32_t product[2][COLUMNS / 8][2] = {};
#pragma unroll
        for (int step = 0; step < KEYS / 16; step++) {
            uint32_t of_p[2][4], of_v[COLUMNS / 8][2];
#pragma unroll
            for (int i = 0; i < 2; i++) {
                const int row = top + i * 16 + lane % 16;
                ldmatrix(of_p[i], address(AT_P + TileP::place(row, step * 16 + lane / 16 * 8)));
            }
#pragma unroll
            for (int j = 0; j < COLUMNS / 8; j++)
                ldmatrix_transposed(of_v[j],
                                    address(AT_V + TileK::place(step * 16 + lane % 16, quarter * COLUMNS + j * 8)));
#pragma unroll
            for (int i = 0; i < 2; i++)
#pragma unroll
                for (int j = 0; j < COLUMNS / 8; j++) multiply(product[i][j], of_p[i], of_v[j]);
        }
        __syncthreads();
#pragma unroll
        for (int i = 0; i < 2; i++) {
            float correction[2];
#pragma unroll
            for (int r = 0; r < 2; r++) {
                const float high = highest_now(i, r);
                correction[r] = fast_exp(sum[i][r] == 0 ? 0 : highest[i][r] - high);
                sum[i][r] = __fmaf_rn(correction[r], sum[i][r], sums[row_of(i, r)][0]);
                highest[i][r] = high;
            }
#pragma unroll
            for (int j = 0; j < COLUMNS / 8; j++) out[i].add(j, product[i][j], correction);
        }
    };
    walk_tiles(k, v, head, length, score, soften, accumulate);
#pragma unroll
    for (int i = 0; i < 2; i++) out[i].store(o + rows + (top + i * 16) * HEAD + quarter * COLUMNS, sum[i]);
}

// Q and K 16 columns at a time, so that shared memory does not grow with HEAD.
__device__ inline void sliced(const half* q, const half* k, const half* v, half* o, int head, int length) {
    using SliceQ = Tile<ROWS, 16, SWIZZLE_Q>;
    using SliceK = Tile<KEYS, 16, SWIZZLE_K>;
    using SliceV = Tile<BUFFERS == SLICED ? 16 : KEYS, BUFFERS == SLICED ? HEAD : 16>;
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, tiles = length / KEYS;
    const int rows = head + blockIdx.x * ROWS * HEAD;
    auto wait = [] {
        wait_for_group<0>();
        __syncthreads();
    };
    Softmax softmax;
    Output<HEAD> sum;
#pragma unroll 1
    for (int t = 0; t < tiles; t++) {
        const int tile = head + t * KEYS * HEAD;
        auto copy_qk = [&](int slice) {
            SliceQ::copy(slice % STAGES * SliceQ::BYTES, q, rows + slice * 16);
            SliceK::copy(STAGES * SliceQ::BYTES + slice % STAGES * SliceK::BYTES, k, tile + slice * 16);
        };
        auto copy_v = [&](int slice) {
            SliceV::copy(slice % STAGES * SliceV::BYTES, v, tile + slice * 16 * (BUFFERS == SLICED ? HEAD : 1));
        };
        if (STAGES == 2) {
            copy_qk(0);
            wait();
        }
        Scores s;
        clear(s);
#pragma unroll
        for (int slice = 0; slice < HEAD / 16; slice++) {
            if (STAGES == 1) {
                copy_qk(slice);
                wait();
            } else if (slice + 1 < HEAD / 16)
                copy_qk(slice + 1);
            uint32_t of_q[4], of_k[KEYS / 8][2];
            const int at_q = slice % STAGES * SliceQ::BYTES;
            const int at_k = STAGES * SliceQ::BYTES + slice % STAGES * SliceK::BYTES;
            ldmatrix(of_q, address(at_q + SliceQ::place(warp * 16 + lane % 16, lane / 16 * 8)));
#pragma unroll
            for (int j = 0; j < KEYS / 8; j++)
                ldmatrix(of_k[j], address(at_k + SliceK::place(j * 8 + lane % 8, lane / 8 % 2 * 8)));
            if (STAGES == 1) __syncthreads();
#pragma unroll
            for (int j = 0; j < KEYS / 8; j++) multiply(s[j], of_q, of_k[j]);
            if (STAGES == 2) wait();
        }
        __syncthreads();
        if (STAGES == 2 && BUFFERS == SLICED) copy_v(0);
        softmax.exponentiate(s);
        if (STAGES == 2 && BUFFERS == SLICED_V) copy_v(0);
        if (STAGES == 2) wait();
        if constexpr (BUFFERS == SLICED) {
            uint32_t product[HEAD / 8][2] = {};
#pragma unroll
            for (int step = 0; step < KEYS / 16; step++) {
                if (STAGES == 1) {
                    copy_v(step);
                    wait();
                } else if (step + 1 < KEYS / 16)
                    copy_v(step + 1);
                uint32_t of_v[HEAD / 8][2];
#pragma unroll
                for (int j = 0; j < HEAD / 8; j++)
                    ldmatrix_transposed(of_v[j],
                                        address(step % STAGES * SliceV::BYTES + SliceV::place(lane % 16, j * 8)));
                if (STAGES == 1) __syncthreads();
#pragma unroll
                for (int j = 0; j < HEAD / 8; j++) multiply_probabilities(product[j], s, step, of_v[j]);
                if (STAGES == 2) wait();
            }
            __syncthreads();
            softmax.update();
#pragma unroll
            for (int j = 0; j < HEAD / 8; j++) sum.add(j, product[j], softmax.correction);
        } else {
            softmax.update();
#pragma unroll
            for (int j = 0; j < HEAD / 8; j++) {
                if (STAGES == 1 && j % 2 == 0) {
                    copy_v(j / 2);
                    wait();
                } else if (STAGES == 2 && j % 2 == 0 && j / 2 + 1 < HEAD / 16)
                    copy_v(j / 2 + 1);
                uint32_t product[2] = {}, of_v[2];
#pragma unroll
                for (int step = 0; step < KEYS / 16; step++) {
                    const int row = step * 16 + lane % 16;
                    ldmatrix_transposed(of_v,
                                        address(j / 2 % STAGES * SliceV::BYTES + SliceV::place(row, j % 2 * 8)));
                    multiply_probabilities(product, s, step, of_v);
                }
                if (STAGES == 1) __syncthreads();
                sum.add(j, product, softmax.correction);
                if (STAGES == 2) wait();
            }
        }
        __syncthreads();
    }
    sum.store(o + rows + warp * 16 * HEAD, softmax.sum);
}

extern "C" __global__ void __launch_bounds__(THREADS)
    attention(const half* q, const half* k, const half* v, half* o, int length) {
    const int head = blockIdx.y * length * HEAD;
    if constexpr (BUFFERS == SLICED || BUFFERS == SLICED_V)
        sliced(q, k, v, o, head, length);
    else if constexpr (SPLIT == SPREAD)
        spread(q, k, v, o, head, length);
    else
        whole(q, k, v, o, head, length);
}
