// wmma through the toolkit's own header; ldmatrix, stmatrix and movmatrix as people write them.
#include <cuda_fp16.h>
#include <mma.h>

using namespace nvcuda::wmma;

// One warp: d = a * b + c, matrices with rows or columns padded to the strides.
template <int M, int N, int K, typename T, typename LA, typename LB, typename C, typename D, typename S>
__device__ void product(const S* a, const S* b, const C* c, D* d, int lda, int ldb, int ldc, layout_t layout) {
    fragment<matrix_a, M, N, K, T, LA> left;
    fragment<matrix_b, M, N, K, T, LB> right;
    fragment<accumulator, M, N, K, C> old;
    fragment<accumulator, M, N, K, D> sum;
    load_matrix_sync(left, a, lda);
    load_matrix_sync(right, b, ldb);
    load_matrix_sync(old, c, ldc, layout);
    mma_sync(sum, left, right, old);
    store_matrix_sync(d, sum, ldc, layout);
}

#define LAYOUTS(name, M, N, K, T, C, D, S)                                                                            \
    WMMA(name##_row_col, M, N, K, T, row_major, col_major, C, D, S)                                                   \
    WMMA(name##_row_row, M, N, K, T, row_major, row_major, C, D, S)                                                   \
    WMMA(name##_col_col, M, N, K, T, col_major, col_major, C, D, S)                                                   \
    WMMA(name##_col_row, M, N, K, T, col_major, row_major, C, D, S)
#define WMMA(name, M, N, K, T, LA, LB, C, D, S)                                                                       \
    extern "C" __global__ void name(const S* a, const S* b, const C* c, D* d, int lda, int ldb, int ldc, int rows) {  \
        product<M, N, K, T, LA, LB>(a, b, c, d, lda, ldb, ldc, rows ? mem_row_major : mem_col_major);                 \
    }
#define SHAPES(name, T, C, D, S)                                                                                      \
    LAYOUTS(name##_m16n16k16, 16, 16, 16, T, C, D, S)                                                                 \
    LAYOUTS(name##_m32n8k16, 32, 8, 16, T, C, D, S)                                                                   \
    LAYOUTS(name##_m8n32k16, 8, 32, 16, T, C, D, S)

SHAPES(f16_f32_f32, half, float, float, half)
SHAPES(f16_f16_f16, half, half, half, half)
SHAPES(f16_f32_f16, half, float, half, half)
SHAPES(f16_f16_f32, half, half, float, half)
SHAPES(bf16_f32_f32, __nv_bfloat16, float, float, __nv_bfloat16)
SHAPES(s8_s32_s32, signed char, int, int, signed char)
SHAPES(u8_s32_s32, unsigned char, int, int, unsigned char)
LAYOUTS(tf32_f32_f32_m16n16k8, 16, 16, 8, precision::tf32, float, float, float)
LAYOUTS(f64_f64_f64_m8n8k4, 8, 8, 4, double, double, double, double)
WMMA(s4_s32_s32_m8n8k32_row_col, 8, 8, 32, experimental::precision::s4, row_major, col_major, int, int, int)
WMMA(u4_s32_s32_m8n8k32_row_col, 8, 8, 32, experimental::precision::u4, row_major, col_major, int, int, unsigned)

extern "C" __global__ void bits(const unsigned* a, const unsigned* b, const int* c, int* both, int* differ) {
    fragment<matrix_a, 8, 8, 128, experimental::precision::b1, row_major> left;
    fragment<matrix_b, 8, 8, 128, experimental::precision::b1, col_major> right;
    fragment<accumulator, 8, 8, 128, int> old, sum;
    load_matrix_sync(left, a, 128);
    load_matrix_sync(right, b, 128);
    load_matrix_sync(old, c, 8, mem_row_major);
    bmma_sync(sum, left, right, old, experimental::bmmaBitOpAND);
    store_matrix_sync(both, sum, 8, mem_row_major);
    bmma_sync(sum, left, right, old, experimental::bmmaBitOpXOR);
    store_matrix_sync(differ, sum, 8, mem_row_major);
}

extern "C" __global__ void saturated(const signed char* a, const signed char* b, const int* c, int* d) {
    fragment<matrix_a, 16, 16, 16, signed char, row_major> left;
    fragment<matrix_b, 16, 16, 16, signed char, col_major> right;
    fragment<accumulator, 16, 16, 16, int> sum;
    load_matrix_sync(left, a, 16);
    load_matrix_sync(right, b, 16);
    load_matrix_sync(sum, c, 16, mem_row_major);
    mma_sync(sum, left, right, sum, true);
    store_matrix_sync(d, sum, 16, mem_row_major);
}

// Rows of 8 become columns of 32; each stride is that of a matrix without gaps.
extern "C" __global__ void without_stride(const float* c, float* d) {
    float x[8];
    asm volatile("wmma.load.c.sync.aligned.row.m32n8k16.global.f32 {%0,%1,%2,%3,%4,%5,%6,%7}, [%8];"
                 : "=f"(x[0]), "=f"(x[1]), "=f"(x[2]), "=f"(x[3]), "=f"(x[4]), "=f"(x[5]), "=f"(x[6]), "=f"(x[7])
                 : "l"(c));
    asm volatile("wmma.store.d.sync.aligned.col.m32n8k16.global.f32 [%8], {%0,%1,%2,%3,%4,%5,%6,%7};"
                 :: "f"(x[0]), "f"(x[1]), "f"(x[2]), "f"(x[3]), "f"(x[4]), "f"(x[5]), "f"(x[6]), "f"(x[7]), "l"(d));
}

// Fragments through their elements: scaled, blended with another, narrowed.
template <int M, int N>
__device__ void elementwise(const half* a, const half* b, const float* c, float alpha, float beta, half* d) {
    fragment<matrix_a, M, N, 16, half, row_major> left;
    fragment<matrix_b, M, N, 16, half, row_major> right;
    fragment<accumulator, M, N, 16, float> old, sum;
    fragment<accumulator, M, N, 16, half> narrow;
    fill_fragment(sum, 0.0f);
    load_matrix_sync(left, a, 16);
    load_matrix_sync(right, b, N);
    load_matrix_sync(old, c, N, mem_row_major);
    for (int i = 0; i < left.num_elements; ++i) left.x[i] = left.x[i] + __float2half(1.0f);
    mma_sync(sum, left, right, sum);
    for (int i = 0; i < sum.num_elements; ++i) narrow.x[i] = __float2half(alpha * sum.x[i] + beta * old.x[i]);
    store_matrix_sync(d, narrow, N, mem_row_major);
}
#define ELEMENTWISE(M, N)                                                                                             \
    extern "C" __global__ void elements_m##M##n##N(const half* a, const half* b, const float* c, float alpha,         \
                                                   float beta, half* d) {                                             \
        elementwise<M, N>(a, b, c, alpha, beta, d);                                                                   \
    }
ELEMENTWISE(16, 16)
ELEMENTWISE(32, 8)
ELEMENTWISE(8, 32)

__device__ unsigned shared_address(const void* p) { return (unsigned)__cvta_generic_to_shared(p); }

#define OUT4 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(row)
#define IN4 :: "r"(row), "r"(r[0]), "r"(r[1]), "r"(r[2]), "r"(r[3])

// Matrix i of x lies in rows 8 i to 8 i + 7 of shared memory, 8 numbers and a gap of 8 each.
template <int Count, bool Trans>
__device__ void load_matrices(const unsigned short* x, unsigned* out) {
    __shared__ __align__(16) unsigned short rows[32][16];
    for (int j = 0; j < 8; ++j) rows[threadIdx.x][j] = x[threadIdx.x * 8 + j];
    __syncwarp();
    unsigned r[4] = {};
    const unsigned row = shared_address(rows[threadIdx.x % (8 * Count)]);
    if (Count == 1 && !Trans) asm volatile("ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%0}, [%4];" OUT4);
    if (Count == 1 && Trans) asm volatile("ldmatrix.sync.aligned.m8n8.x1.trans.shared.b16 {%0}, [%4];" OUT4);
    if (Count == 2 && !Trans) asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0, %1}, [%4];" OUT4);
    if (Count == 2 && Trans) asm volatile("ldmatrix.sync.aligned.x2.trans.m8n8.shared.b16 {%0, %1}, [%4];" OUT4);
    if (Count == 4 && !Trans)
        asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared::cta.b16 {%0, %1, %2, %3}, [%4];" OUT4);
    if (Count == 4 && Trans)
        asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];" OUT4);
    for (int i = 0; i < Count; ++i) out[i * 32 + threadIdx.x] = r[i];
}

template <int Count, bool Trans>
__device__ void store_matrices(const unsigned* in, unsigned short* x) {
    __shared__ __align__(16) unsigned short rows[32][16];
    const unsigned r[4] = {in[threadIdx.x], in[32 + threadIdx.x], in[64 + threadIdx.x], in[96 + threadIdx.x]};
    for (int j = 0; j < 16; ++j) rows[threadIdx.x][j] = 0;
    __syncwarp();
    const unsigned row = shared_address(rows[threadIdx.x % (8 * Count)]);
    if (Count == 1 && !Trans) asm volatile("stmatrix.sync.aligned.m8n8.x1.shared.b16 [%0], {%1};" IN4);
    if (Count == 1 && Trans) asm volatile("stmatrix.sync.aligned.m8n8.x1.trans.shared.b16 [%0], {%1};" IN4);
    if (Count == 2 && !Trans) asm volatile("stmatrix.sync.aligned.m8n8.x2.shared.b16 [%0], {%1, %2};" IN4);
    if (Count == 2 && Trans) asm volatile("stmatrix.sync.aligned.m8n8.x2.trans.shared.b16 [%0], {%1, %2};" IN4);
    if (Count == 4 && !Trans)
        asm volatile("stmatrix.sync.aligned.m8n8.x4.shared.b16 [%0], {%1, %2, %3, %4};" IN4);
    if (Count == 4 && Trans)
        asm volatile("stmatrix.sync.aligned.m8n8.x4.trans.shared::cta.b16 [%0], {%1, %2, %3, %4};" IN4);
    __syncwarp();
    for (int j = 0; j < 16; ++j) x[threadIdx.x * 16 + j] = rows[threadIdx.x][j];
}

#define MATRICES(count, name, trans)                                                                                  \
    extern "C" __global__ void load_x##count##name(const unsigned short* x, unsigned* out) {                          \
        load_matrices<count, trans>(x, out);                                                                   \
    }                                                                                                                 \
    extern "C" __global__ void store_x##count##name(const unsigned* in, unsigned short* x) {                          \
        store_matrices<count, trans>(in, x);                                                                          \
    }
MATRICES(1, , false)
MATRICES(2, , false)
MATRICES(4, , false)
MATRICES(1, _trans, true)
MATRICES(2, _trans, true)
MATRICES(4, _trans, true)
extern "C" __global__ void load_x4_generic(const unsigned short* x, unsigned* out) {
    __shared__ __align__(16) unsigned short rows[32][8];
    for (int j = 0; j < 8; ++j) rows[threadIdx.x][j] = x[threadIdx.x * 8 + j];
    __syncwarp();
    unsigned r[4];
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "l"(rows[threadIdx.x]));
    for (int i = 0; i < 4; ++i) out[i * 32 + threadIdx.x] = r[i];
}
extern "C" __global__ void transposed(const unsigned* in, unsigned* out) {
    unsigned r;
    asm volatile("movmatrix.sync.aligned.m8n8.trans.b16 %0, %1;" : "=r"(r) : "r"(in[threadIdx.x]));
    out[threadIdx.x] = r;
}

#define MULTIPLY_ADD(sum, left, right)                                                                                \
    asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5}, {%6}, {%0,%1,%2,%3};"      \
                 : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3]) : "r"(left[0]), "r"(left[1]), "r"(right))

// Each lane takes its own time to fetch the next fragment, and still they multiply together.
extern "C" __global__ void late(const volatile unsigned* a, const unsigned* b, const int* trips, float* d) {
    float sum[4] = {};
    unsigned left[2] = {a[threadIdx.x], a[32 + threadIdx.x]}, right = b[threadIdx.x];
    for (int round = 0; round < 2; ++round) {
        MULTIPLY_ADD(sum, left, right);
        for (int i = 0; i < trips[threadIdx.x]; ++i)
            left[0] = a[64 + threadIdx.x], left[1] = a[96 + threadIdx.x];
    }
    for (int i = 0; i < 4; ++i) d[i * 32 + threadIdx.x] = sum[i];
}

// All elements that a fragment of a matrix names.
extern "C" __global__ void named(const half* a, half* out) {
    fragment<matrix_a, 16, 16, 16, half, row_major> left;
    load_matrix_sync(left, a, 16);
    for (int i = 0; i < left.num_elements; ++i) out[i * 32 + threadIdx.x] = left.x[i];
}

// ---- faults, and what they should have been ----

extern "C" __global__ void rows_of(const half* x, unsigned* out, int bytes, int ready) {
    __shared__ __align__(16) half tile[32 * 8];
    for (int j = 0; j < 4; ++j) tile[threadIdx.x * 4 + j] = x[threadIdx.x * 4 + j];
    if (ready) __syncthreads();
    unsigned r[4];
    if (threadIdx.x >= 32) return;
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(shared_address(tile) + threadIdx.x * 16 + bytes));
    for (int i = 0; i < 4; ++i) out[i * 32 + threadIdx.x] = r[i];
}

extern "C" __global__ void fragment_of(const half* x, float* y, int at, int stride) {
    fragment<matrix_a, 16, 16, 16, half, row_major> left;
    fragment<accumulator, 16, 16, 16, float> sum;
    fill_fragment(sum, 1.0f);
    load_matrix_sync(left, x + at, stride);
    store_matrix_sync(y + at, sum, stride, mem_row_major);
}

extern "C" __global__ void half_a_warp(const unsigned* a, float* d, int lanes) {
    float sum[4] = {};
    unsigned left[2] = {a[threadIdx.x], a[32 + threadIdx.x]};
    if (threadIdx.x < lanes) MULTIPLY_ADD(sum, left, left[0]);
    __syncthreads();
    d[threadIdx.x] = sum[0];
}

extern "C" __global__ void tile_race(const float* x, float* y, int ready) {
    __shared__ float tile[256];
    tile[threadIdx.x] = x[threadIdx.x];
    if (ready) __syncthreads();
    if (threadIdx.x < 32) {
        fragment<accumulator, 16, 16, 16, float> sum;
        load_matrix_sync(sum, tile, 16, mem_row_major);
        store_matrix_sync(y, sum, 16, mem_col_major);
    }
}

// Without and with the swizzle that spreads the rows of a matrix over the banks.
extern "C" __global__ void columns_of(const unsigned short* x, unsigned* out, int swizzle) {
    __shared__ __align__(128) unsigned short tile[32][64];
    for (int i = threadIdx.x; i < 256; i += 32) {
        const int row = i / 8, part = i % 8;
        for (int j = 0; j < 8; ++j) tile[row][(swizzle ? part ^ row % 8 : part) * 8 + j] = x[row * 64 + part * 8 + j];
    }
    __syncwarp();
    unsigned r[4], total[4] = {};
    for (int part = 0; part < 8; ++part) {
        const unsigned row = shared_address(&tile[threadIdx.x][(swizzle ? part ^ threadIdx.x % 8 : part) * 8]);
        asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                     : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(row));
        for (int i = 0; i < 4; ++i) total[i] += r[i];
    }
    for (int i = 0; i < 4; ++i) out[i * 32 + threadIdx.x] = total[i];
}

// Nothing but products: eight independent chains of `rounds` each.
#define BUSY(name, shape, types)                                                                                      \
    extern "C" __global__ void name(unsigned* out, int rounds) {                                                      \
        unsigned sum[8][4] = {}, a = threadIdx.x, b = 2 * a;                                                          \
        for (int i = 0; i < rounds; ++i)                                                                              \
            for (int j = 0; j < 8; ++j)                                                                               \
                asm volatile("mma.sync.aligned." shape ".row.col." types                                              \
                             " {%0,%1,%2,%3}, {%4,%5,%4,%5}, {%4,%5}, {%0,%1,%2,%3};"                                 \
                             : "+r"(sum[j][0]), "+r"(sum[j][1]), "+r"(sum[j][2]), "+r"(sum[j][3])                     \
                             : "r"(a), "r"(b));                                                                       \
        for (int j = 0; j < 8; ++j) out[j * 32 + threadIdx.x % 32] = sum[j][0] + sum[j][3];                           \
    }
BUSY(busy_fp16, "m16n8k16", "f32.f16.f16.f32")
BUSY(busy_bf16, "m16n8k16", "f32.bf16.bf16.f32")
BUSY(busy_tf32, "m16n8k8", "f32.tf32.tf32.f32")
BUSY(busy_int8, "m16n8k32", "s32.s8.u8.s32")

extern "C" __global__ void sparse(const unsigned* a, float* d) {
    float sum[4] = {};
    asm volatile("mma.sp::ordered_metadata.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32"
                 " {%0,%1,%2,%3}, {%4,%4}, {%4,%4}, {%0,%1,%2,%3}, %4, 0x0;"
                 : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3]) : "r"(a[threadIdx.x]));
    d[threadIdx.x] = sum[0];
}
