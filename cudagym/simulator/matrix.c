/* Matrix instructions: what one warp multiplies, and how matrices lie in its registers.

   A fragment is made of units. A unit is what the 32 lanes hold in one register (an accumulator's in two, unless its
   numbers have 16 bits): 8 rows of A, columns of B or rows of an accumulator, four lanes each, with E numbers per lane
   next to each other along the other axis. `pair` units that are neighbours down the rows come first, then those along
   the row (PTX ISA 9.0, "Matrix Fragments for mma"). Fragments of wmma, which PTX leaves open, are laid out the same
   way, so an accumulator's n-th element has one place whatever its type.

   Products of floats are exact (within the range of single precision). They are summed in single precision in the order
   of k, starting from zero, each step rounded to nearest; the accumulator is added to that sum, and the result rounded
   to half precision where it is an f16. Sums of doubles start from the accumulator, one fused multiply-add per step.
   Sums of integers are exact and wrap, or are clamped with .satfinite. A NaN comes out as the canonical one. */
#include "runtime.h"

/* In the order of TYPES in isa/matrix.py. */
enum Type { F16, BF16, TF32, E4M3, E5M2, S8, U8, S4, U4, B1, F64, F32, S32 };
static const uint8_t BITS[] = {16, 16, 32, 8, 8, 8, 8, 4, 4, 1, 64, 32, 32};
enum Flags { SATURATE = 1, XOR = 2, A_COLUMNS = 4, B_ROWS = 8 };

#define MOST_ROWS 32
#define MOST_K 64

/* ---- numbers ---- */

INLINE float as_float(uint32_t bits) {
    float f;
    memcpy(&f, &bits, 4);
    return f;
}
INLINE uint32_t as_bits(float f) {
    uint32_t bits;
    memcpy(&bits, &f, 4);
    return bits;
}

/* The compiler would make a branch of `?:` where one side is arithmetic on floats, and leave the loop as it is. */
INLINE uint32_t choose(int first, uint32_t a, uint32_t b) { return b ^ ((a ^ b) & (0u - (uint32_t)first)); }

/* Written without branches, for the vectoriser, and without subnormal floats on the way, which processors are slow at;
   math.c has the same one by one. */
INLINE float from_half(uint32_t h) {
    const uint32_t rest = h & 0x7fff, small = as_bits((float)(int32_t)rest * 0x1p-24f);
    const uint32_t large = (rest << 13) + (rest >= 0x7c00 ? 0x70000000 : 0x38000000);
    return as_float(choose(rest < 0x400, small, large) | (h & 0x8000) << 16);
}
INLINE uint32_t to_half(float f) {
    const uint32_t bits = as_bits(f), rest = bits & 0x7fffffff;
    const uint32_t rounded = (rest + 0xfff + (rest >> 13 & 1) - 0x38000000) >> 13;
    const uint32_t small = as_bits(as_float(rest) + 0.5f) - 0x3f000000;
    const uint32_t finite = choose(rest < 0x38800000, small, rest >= 0x477ff000 ? 0x7c00 : rounded);
    return rest > 0x7f800000 ? 0x7fff : finite | (bits >> 16 & 0x8000);
}
INLINE float from_e4m3(uint32_t b) {
    const uint32_t rest = b & 0x7f, small = as_bits((float)(int32_t)rest * 0x1p-9f);
    const uint32_t large = rest == 0x7f ? 0x7fffffff : (rest << 20) + 0x3c000000;
    return as_float(choose(rest < 8, small, large) | (b & 0x80) << 24);
}

#define WIDEN(count, from, expression)                                                                               \
    for (int i = 0; i < (count); i++) {                                                                              \
        const from x = ((const from *)unit)[i];                                                                      \
        out[i] = (expression);                                                                                       \
    }                                                                                                                \
    return;

/* The numbers of a unit, lane by lane. */
INLINE void widen(uint32_t type, const void *unit, float *out) {
    switch (type) {
    case F16: WIDEN(64, uint16_t, from_half(x))
    case BF16: WIDEN(64, uint16_t, as_float((uint32_t)x << 16))
    case TF32: WIDEN(32, uint32_t, as_float(x & 0xffffe000))
    case E4M3: WIDEN(128, uint8_t, from_e4m3(x))
    case E5M2: WIDEN(128, uint8_t, from_half((uint32_t)x << 8))
    case S8: WIDEN(128, int8_t, x)
    case U8: WIDEN(128, uint8_t, x)
    default:
        for (int i = 0; i < 256; i++) {
            const uint8_t nibble = ((const uint8_t *)unit)[i / 2] >> 4 * (i & 1) & 15;
            out[i] = type == S4 ? (int8_t)(nibble << 4) >> 4 : nibble;
        }
    }
}

/* ---- places ---- */

typedef struct Layout {
    uint32_t pair, chunks; /* units that are neighbours down the rows; units along a row */
} Layout;

INLINE Layout layout(uint32_t rows, uint32_t columns_per_unit, uint32_t columns, int is_b) {
    return (Layout){is_b || rows < 16 ? 1 : 2, columns / columns_per_unit};
}
/* The first row, divided by 8, and the place along the row of a unit. */
INLINE uint32_t row_block(Layout l, uint32_t unit) { return unit % l.pair + l.pair * (unit / l.pair / l.chunks); }
INLINE uint32_t chunk(Layout l, uint32_t unit) { return unit / l.pair % l.chunks; }

/* Where a fragment with one number per lane and unit holds a row's `n`-th four. */
INLINE uint32_t four_of(Layout l, uint32_t row, uint32_t n) {
    const uint32_t block = row / 8, unit = block % l.pair + l.pair * (n + l.chunks * (block / l.pair));
    return unit * LANES + row % 8 * 4;
}

/* ---- products ---- */

typedef float Eight __attribute__((vector_size(32)));
typedef float Sixteen __attribute__((vector_size(64)));
typedef int32_t Picks __attribute__((vector_size(32)));

/* 8 rows of 8 numbers become columns: interleaving the upper four with the lower ones three times over does it. */
INLINE void transpose(const float *in, uint32_t in_stride, float *out, uint32_t out_stride) {
    Eight rows[8], mixed[8];
    for (int i = 0; i < 8; i++) memcpy(&rows[i], in + (uint32_t)i * in_stride, sizeof(Eight));
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 4; i++) {
            mixed[2 * i] = __builtin_shuffle(rows[i], rows[i + 4], (Picks){0, 8, 1, 9, 2, 10, 3, 11});
            mixed[2 * i + 1] = __builtin_shuffle(rows[i], rows[i + 4], (Picks){4, 12, 5, 13, 6, 14, 7, 15});
        }
        memcpy(rows, mixed, sizeof rows);
    }
    for (int i = 0; i < 8; i++) memcpy(out + (uint32_t)i * out_stride, &rows[i], sizeof(Eight));
}

/* A, with its columns side by side, of `rows` numbers each. */
INLINE void columns_of(uint32_t type, const uint8_t *a, const uint32_t rows, uint32_t k, float *out) {
    const uint32_t width = 128 / BITS[type];
    const Layout l = layout(rows, width, k, 0);
    for (uint32_t unit = 0; unit < rows / 8 * l.chunks; unit++) {
        float numbers[256];
        widen(type, a + 128 * unit, numbers);
        float *at = out + chunk(l, unit) * width * rows + row_block(l, unit) * 8;
        for (uint32_t i = 0; i + 8 <= width; i += 8) transpose(numbers + i, width, at + i * rows, rows);
        for (uint32_t i = 0; i < width && width < 8; i++)
            for (uint32_t g = 0; g < 8; g++) at[i * rows + g] = numbers[g * width + i];
    }
}

/* B, with its columns side by side, of k numbers each. */
INLINE void columns_of_b(uint32_t type, const uint8_t *b, uint32_t columns, uint32_t k, float *out) {
    const uint32_t width = 128 / BITS[type];
    const Layout l = layout(columns, width, k, 1);
    for (uint32_t unit = 0; unit < columns / 8 * l.chunks; unit++) {
        float numbers[256];
        widen(type, b + 128 * unit, numbers);
        float *at = out + row_block(l, unit) * 8 * k + chunk(l, unit) * width;
        for (uint32_t g = 0; g < 8; g++)
            for (uint32_t i = 0; i < width; i += 4) memcpy(at + g * k + i, numbers + g * width + i, 4 * sizeof(float));
    }
}

/* Four columns of the product at a time. Sums of 8-bit products fit a float: 32 * 255 * 255 < 2^24. */
#define MULTIPLY(name, Rows)                                                                                          \
    INLINE void name(const float *a, const float *b, float *out, const uint32_t rows, uint32_t columns, uint32_t k) { \
        const uint32_t at_once = sizeof(Rows) / sizeof(float);                                                       \
        for (uint32_t n = 0; n < columns; n += 4)                                                                    \
            for (uint32_t row = 0; row < rows; row += at_once) {                                                     \
                Rows sum0 = {0}, sum1 = {0}, sum2 = {0}, sum3 = {0}, left;                                           \
                for (uint32_t i = 0; i < k; i++) {                                                                   \
                    const float *right = b + n * k + i;                                                              \
                    memcpy(&left, a + i * rows + row, sizeof left);                                                  \
                    sum0 += left * right[0];                                                                         \
                    sum1 += left * right[k];                                                                         \
                    sum2 += left * right[2 * k];                                                                     \
                    sum3 += left * right[3 * k];                                                                     \
                }                                                                                                    \
                memcpy(out + n * rows + row, &sum0, sizeof sum0);                                                    \
                memcpy(out + (n + 1) * rows + row, &sum1, sizeof sum1);                                              \
                memcpy(out + (n + 2) * rows + row, &sum2, sizeof sum2);                                              \
                memcpy(out + (n + 3) * rows + row, &sum3, sizeof sum3);                                              \
            }                                                                                                        \
    }
MULTIPLY(multiply8, Eight)
MULTIPLY(multiply16, Sixteen)

/* d = c + sum for one unit of an accumulator: two numbers per lane. */
INLINE void accumulate(uint32_t from, uint32_t to, const uint8_t *c, uint8_t *d, uint32_t unit, float sum[2][LANES],
                       int saturate) {
    const uint32_t *old = (const uint32_t *)c + (from == F16 ? unit : 2 * unit) * LANES;
    uint32_t *new = (uint32_t *)d + (to == F16 ? unit : 2 * unit) * LANES;
    if (to == S32) {
        for (int e = 0; e < 2; e++) EACH_LANE(i) {
            const int64_t exact = (int64_t)(int32_t)old[e * LANES + i] + (int32_t)sum[e][i];
            const int64_t clamped = exact > INT32_MAX ? INT32_MAX : exact < INT32_MIN ? INT32_MIN : exact;
            new[e * LANES + i] = (uint32_t)(saturate ? clamped : exact);
        }
        return;
    }
    for (int e = 0; e < 2; e++) EACH_LANE(i)
        sum[e][i] += from == F16 ? from_half(old[i] >> 16 * e & 0xffff) : as_float(old[e * LANES + i]);
    if (to == F16) EACH_LANE(i) new[i] = to_half(sum[0][i]) | to_half(sum[1][i]) << 16;
    else
        for (int e = 0; e < 2; e++) EACH_LANE(i)
            new[e * LANES + i] = sum[e][i] == sum[e][i] ? as_bits(sum[e][i]) : 0x7fffffff;
}

typedef struct Shape {
    uint32_t m, n, k, a, b, c, d; /* extents, then types */
} Shape;

INLINE Shape shape_of(uint32_t extents, uint32_t types) {
    return (Shape){extents & 255, extents >> 8 & 255, extents >> 16, types & 15, types >> 4 & 15, types >> 8 & 15,
                   types >> 12 & 15};
}

INLINE void multiply_numbers(const Shape s, const uint32_t m, const uint8_t *a, const uint8_t *b, const uint8_t *c,
                             uint8_t *d, uint32_t flags) {
    float left[MOST_K * MOST_ROWS], right[MOST_K * MOST_ROWS], product[MOST_ROWS * MOST_ROWS], sum[2][LANES];
    columns_of(s.a, a, m, s.k, left);
    columns_of_b(s.b, b, s.n, s.k, right);
    (m == 8 ? multiply8 : multiply16)(left, right, product, m, s.n, s.k);
    const Layout l = layout(m, 8, s.n, 0);
    for (uint32_t unit = 0; unit < m * s.n / 64; unit++) {
        float rows[2 * LANES];
        transpose(product + chunk(l, unit) * 8 * m + row_block(l, unit) * 8, m, rows, 8);
        EACH_LANE(i) for (int e = 0; e < 2; e++) sum[e][i] = rows[2 * i + e];
        accumulate(s.c, s.d, c, d, unit, sum, (int)(flags & SATURATE));
    }
}

static void multiply_doubles(const Shape s, const double *a, const double *b, const double *c, double *d) {
    const Layout left = layout(s.m, 4, s.k, 0), right = layout(s.n, 4, s.k, 1), l = layout(s.m, 8, s.n, 0);
    for (uint32_t unit = 0; unit < s.m * s.n / 64; unit++)
        for (uint32_t e = 0; e < 2; e++) EACH_LANE(i) {
            const uint32_t at = (2 * unit + e) * LANES + (uint32_t)i, row = row_block(l, unit) * 8 + (uint32_t)i / 4;
            const uint32_t column = chunk(l, unit) * 8 + (uint32_t)i % 4 * 2 + e;
            double sum = c[at];
            for (uint32_t n = 0; n < left.chunks; n++) {
                const double *x = a + four_of(left, row, n), *y = b + four_of(right, column, n);
                for (int k = 0; k < 4; k++) sum = __builtin_fma(x[k], y[k], sum);
            }
            d[at] = sum == sum ? sum : __builtin_nan("");
        }
}

static void multiply_bits(const Shape s, const uint32_t *a, const uint32_t *b, const uint32_t *c, uint32_t *d,
                          int exclusive) {
    const uint32_t words = s.k / 32;
    const Layout left = layout(s.m, 4, words, 0), right = layout(s.n, 4, words, 1), l = layout(s.m, 8, s.n, 0);
    for (uint32_t unit = 0; unit < s.m * s.n / 64; unit++)
        for (uint32_t e = 0; e < 2; e++) EACH_LANE(i) {
            const uint32_t at = (2 * unit + e) * LANES + (uint32_t)i, row = row_block(l, unit) * 8 + (uint32_t)i / 4;
            const uint32_t column = chunk(l, unit) * 8 + (uint32_t)i % 4 * 2 + e;
            uint32_t sum = c[at];
            for (uint32_t n = 0; n < left.chunks; n++) {
                const uint32_t *x = a + four_of(left, row, n), *y = b + four_of(right, column, n);
                for (int k = 0; k < 4; k++)
                    sum += (uint32_t)__builtin_popcount(exclusive ? x[k] ^ y[k] : x[k] & y[k]);
            }
            d[at] = sum;
        }
}

/* mma.m8n8k4 of f16 makes four products at once, one for each group of eight lanes: four, and the four 16 behind.
   Row and column of number i of thread t of such a group, in A or B, and in an accumulator. */
INLINE void quad_operand(uint32_t t, uint32_t i, int crosswise, uint32_t *row, uint32_t *k) {
    *row = crosswise ? i + (t & 4) : t;
    *k = crosswise ? t & 3 : i;
}
INLINE void quad_accumulator(uint32_t type, uint32_t t, uint32_t i, uint32_t *row, uint32_t *column) {
    *row = type == F16 ? t : (t & 5) | (i & 2);
    *column = type == F16 ? i : (i & 5) | (t & 2);
}

static void multiply_quads(const Shape s, const uint16_t *a, const uint16_t *b, const uint8_t *c, uint8_t *d,
                           uint32_t flags) {
    float left[4][8][4], right[4][8][4], old[4][8][8], sum[2][LANES];
    uint32_t row, column;
    EACH_LANE(lane) {
        const uint32_t quad = (uint32_t)lane / 4 % 4, t = ((uint32_t)lane & 3) | (uint32_t)lane / 16 * 4;
        for (uint32_t i = 0; i < 4; i++) {
            const uint32_t at = i / 2 * 64 + (uint32_t)lane * 2 + i % 2;
            quad_operand(t, i, (int)(flags & A_COLUMNS), &row, &column);
            left[quad][row][column] = from_half(a[at]);
            quad_operand(t, i, (int)(flags & B_ROWS), &row, &column);
            right[quad][row][column] = from_half(b[at]);
        }
        for (uint32_t i = 0; i < 8; i++) {
            quad_accumulator(s.c, t, i, &row, &column);
            const uint16_t half = ((const uint16_t *)c)[i / 2 * 64 + (uint32_t)lane * 2 + i % 2];
            old[quad][row][column] = s.c == F16 ? from_half(half) : ((const float *)c)[i * LANES + (uint32_t)lane];
        }
    }
    static const uint8_t zeros[1024];
    for (uint32_t unit = 0; unit < 4; unit++) {
        EACH_LANE(lane) for (uint32_t e = 0; e < 2; e++) {
            const uint32_t quad = (uint32_t)lane / 4 % 4, t = ((uint32_t)lane & 3) | (uint32_t)lane / 16 * 4;
            float total = 0;
            quad_accumulator(s.d, t, 2 * unit + e, &row, &column);
            for (int k = 0; k < 4; k++) total = __builtin_fmaf(left[quad][row][k], right[quad][column][k], total);
            sum[e][lane] = total + old[quad][row][column];
        }
        accumulate(F32, s.d, zeros, d, unit, sum, 0);
    }
}

/* d = a * b + c. Registers follow each other, 32 lanes each; `extents` is m, n and k, from the lowest byte up, `types`
   those of a, b, c and d, 4 bits each. */
void cg_mma(uint8_t *d, const uint8_t *a, const uint8_t *b, const uint8_t *c, uint32_t extents, uint32_t types,
            uint32_t flags) {
    const Shape s = shape_of(extents, types);
    if (s.a == F64) multiply_doubles(s, (const double *)a, (const double *)b, (const double *)c, (double *)d);
    else if (s.a == B1)
        multiply_bits(s, (const uint32_t *)a, (const uint32_t *)b, (const uint32_t *)c, (uint32_t *)d, flags & XOR);
    else if (s.k == 4 && s.a == F16) multiply_quads(s, (const uint16_t *)a, (const uint16_t *)b, c, d, flags);
    else if (s.m == 8) multiply_numbers(s, 8, a, b, c, d, flags);
    else if (s.m == 32) multiply_numbers(s, 32, a, b, c, d, flags);
    else multiply_numbers(s, 16, a, b, c, d, flags);
}

/* ---- matrices of 8 by 8 numbers of 16 bits ---- */

/* movmatrix: one register. */
void cg_transpose(uint16_t *out, const uint16_t *in) {
    for (int i = 0; i < 8; i++)
        for (int j = 0; j < 8; j++) out[i * 8 + j] = in[j * 8 + i];
}

/* ldmatrix and stmatrix: between registers and rows. Word k of the row that lane i names lies at rows[k * 64 + i]; rows
   of lanes that are not in `mask` are zero. */
void cg_rows_to_matrices(uint32_t *matrices, const uint32_t *rows, uint32_t mask, uint32_t count, uint32_t transposed) {
    for (uint32_t m = 0; m < count; m++, matrices += LANES) {
        uint32_t straight[LANES];
        EACH_LANE(i) {
            const uint32_t lane = 8 * m + (uint32_t)i / 4;
            straight[i] = mask >> lane & 1 ? rows[(uint32_t)i % 4 * 64 + lane] : 0;
        }
        if (transposed) cg_transpose((uint16_t *)matrices, (const uint16_t *)straight);
        else memcpy(matrices, straight, sizeof straight);
    }
}
void cg_matrices_to_rows(uint32_t *rows, const uint32_t *matrices, uint32_t count, uint32_t transposed) {
    for (uint32_t m = 0; m < count; m++, matrices += LANES) {
        uint32_t straight[LANES];
        if (transposed) cg_transpose((uint16_t *)straight, (const uint16_t *)matrices);
        else memcpy(straight, matrices, sizeof straight);
        EACH_LANE(i) rows[(uint32_t)i % 4 * 64 + 8 * m + (uint32_t)i / 4] = straight[i];
    }
}

/* ---- wmma.load and wmma.store ---- */

#define MOVER(width, count)                                                                                          \
    void cg_load_global_##width##x##count(Warp *, uint32_t, const uint64_t *, int64_t, uint32_t, uint32_t,            \
                                          uint8_t *);                                                                \
    void cg_store_global_##width##x##count(Warp *, uint32_t, const uint64_t *, int64_t, uint32_t, uint32_t,           \
                                           uint8_t *);                                                               \
    void cg_load_shared_##width##x##count(Warp *, uint32_t, const uint32_t *, int64_t, uint32_t, uint32_t,            \
                                          uint8_t *);                                                                \
    void cg_store_shared_##width##x##count(Warp *, uint32_t, const uint32_t *, int64_t, uint32_t, uint32_t,           \
                                           uint8_t *);
MOVER(1, 1) MOVER(2, 1) MOVER(4, 1) MOVER(4, 2) MOVER(8, 1) MOVER(8, 2)

/* One access of all lanes: `count` elements of `width` bytes each, element k of lane i at data[256 k + width i]. */
static void move(Warp *w, uint32_t mask, const uint64_t *address, uint32_t code, uint32_t site, uint8_t *data,
                 uint32_t width, uint32_t count, int write) {
    uint32_t narrow[LANES];
    const int shared = (code & 255) == SHARED;
    EACH_LANE(i) narrow[i] = (uint32_t)address[i];
#define MOVE(bytes, number)                                                                                          \
    if (width == bytes && count == number) {                                                                         \
        if (shared)                                                                                                  \
            (write ? cg_store_shared_##bytes##x##number : cg_load_shared_##bytes##x##number)(w, mask, narrow, 0,     \
                                                                                             code, site, data);      \
        else                                                                                                         \
            (write ? cg_store_global_##bytes##x##number : cg_load_global_##bytes##x##number)(w, mask, address, 0,    \
                                                                                             code, site, data);      \
    }
    MOVE(1, 1) MOVE(2, 1) MOVE(4, 1) MOVE(4, 2) MOVE(8, 1) MOVE(8, 2)
#undef MOVE
}

/* A fragment to or from memory. `extents` is rows and columns, 8 and 16 bits from the lowest, for B those of its
   transpose; `stride` counts elements between rows, or, when `along` is 0, between columns. Each access takes what a
   lane finds side by side: a unit, or one element. */
void cg_wmma_move(Warp *w, uint32_t mask, uint64_t base, uint64_t stride, uint32_t extents, uint32_t type,
                  uint32_t is_b, uint32_t is_c, uint32_t along, uint32_t code, uint32_t site, uint8_t *registers,
                  uint32_t write) {
    const uint32_t rows = extents & 255, columns = extents >> 8, bits = BITS[type];
    const uint32_t each = is_c ? 2 : bits == 64 ? 1 : 32 / bits, bytes = bits / 8;
    const Layout l = layout(rows, 4 * each, columns, (int)is_b);
    const uint32_t size = bits * each >= 32 && bits < 64 ? 4 : 8; /* of a register */
    const uint32_t registers_each = bits * each / 8 / size;
    uint8_t data[1024];
    uint64_t address[LANES];
    for (uint32_t unit = 0; unit < rows / 8 * l.chunks; unit++, registers += registers_each * size * LANES) {
        for (uint32_t e = 0; e < (along ? 1 : each); e++) {
            EACH_LANE(i) {
                const uint64_t row = row_block(l, unit) * 8 + (uint32_t)i / 4;
                const uint64_t column = chunk(l, unit) * 4 * each + (uint32_t)i % 4 * each + e;
                const uint64_t index = along ? row * stride + column : column * stride + row;
                address[i] = base + (bits == 4 ? index / 2 : bits == 1 ? index / 8 : index * bytes);
            }
            if (along) {
                for (uint32_t k = 0; write && k < registers_each; k++)
                    memcpy(data + 256 * k, registers + k * size * LANES, size * LANES);
                move(w, mask, address, code, site, data, size, registers_each, (int)write);
                for (uint32_t k = 0; !write && k < registers_each; k++)
                    memcpy(registers + k * size * LANES, data + 256 * k, size * LANES);
                continue;
            }
            /* Element e of a lane lies in register e * bytes / size, at e * bytes % size. */
            uint8_t *at = registers + e * bytes / size * size * LANES + e * bytes % size;
            if (write) EACH_LANE(i) memcpy(data + (uint32_t)i * bytes, at + (uint32_t)i * size, bytes);
            move(w, mask, address, code, site, data, bytes, 1, (int)write);
            if (!write) EACH_LANE(i) memcpy(at + (uint32_t)i * size, data + (uint32_t)i * bytes, bytes);
        }
    }
}
