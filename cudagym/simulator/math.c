/* Instructions that work on each lane alone and are too long, or too rare, to be written out in every kernel.

   Each takes arrays of n lanes (32, or 1 when all operands are the same for the warp). Approximate functions are
   computed in double precision and rounded once, so they are at least as exact as the device's and the same on every
   host. */
#include "runtime.h"

#include <fenv.h>
#include <math.h>

#define EACH(i) for (uint32_t i = 0; i < n; i++)

/* ---- integers ---- */

/* Division by zero gives all ones, and the dividend as the remainder; the hardware traps on neither. */
#define DIVIDE(suffix, type, wide)                                                                                   \
    INLINE type quotient_##suffix(type a, type b) {                                                                  \
        if ((type)-1 < 0 && b == (type)-1) return (type)(0 - (uint64_t)a);                                           \
        return b ? (type)(int64_t)((wide)a / (wide)b) : (type)-1;                                                    \
    }                                                                                                                \
    void cg_div_##suffix(type *out, const type *a, const type *b, uint32_t n) {                                      \
        EACH(i) out[i] = quotient_##suffix(a[i], b[i]);                                                              \
    }                                                                                                                \
    void cg_rem_##suffix(type *out, const type *a, const type *b, uint32_t n) {                                      \
        EACH(i) {                                                                                                    \
            const uint64_t taken = (uint64_t)quotient_##suffix(a[i], b[i]) * (uint64_t)b[i];                         \
            out[i] = b[i] ? (type)((uint64_t)a[i] - taken) : a[i];                                                   \
        }                                                                                                            \
    }
/* A quotient of 32-bit integers, truncated, is exact in double precision. */
DIVIDE(s16, int16_t, float)
DIVIDE(u16, uint16_t, float)
DIVIDE(s32, int32_t, double)
DIVIDE(u32, uint32_t, double)
DIVIDE(s64, int64_t, int64_t)
DIVIDE(u64, uint64_t, uint64_t)

void cg_mulhi_u64(uint64_t *out, const uint64_t *a, const uint64_t *b, uint32_t n) {
    EACH(i) out[i] = (uint64_t)((unsigned __int128)a[i] * b[i] >> 64);
}
void cg_mulhi_s64(int64_t *out, const int64_t *a, const int64_t *b, uint32_t n) {
    EACH(i) out[i] = (int64_t)((__int128)a[i] * b[i] >> 64);
}

/* The position of the |step|-th set bit of `mask` from `base` on, upwards or downwards; all ones when there is none. */
static uint32_t find_nth_set(uint32_t mask, uint32_t base, int32_t step) {
    if (!step) return base < 32 && mask >> base & 1 ? base : ~0u;
    uint32_t left = step < 0 ? 0u - (uint32_t)step : (uint32_t)step;
    for (uint32_t at = base; at < 32; at += step < 0 ? ~0u : 1)
        if (mask >> at & 1 && !--left) return at;
    return ~0u;
}

void cg_fns(uint32_t *out, const uint32_t *a, const uint32_t *b, const uint32_t *c, uint32_t n) {
    EACH(i) out[i] = find_nth_set(a[i], b[i], (int32_t)c[i]);
}

void cg_lop3(uint32_t *out, const uint32_t *a, const uint32_t *b, const uint32_t *c, uint32_t n, uint32_t table) {
    uint32_t term[8];
    for (int k = 0; k < 8; k++) term[k] = table >> k & 1 ? FULL : 0;
    EACH(i) {
        const uint32_t x = a[i], y = b[i], z = c[i];
        out[i] = (~x & ((~y & ((~z & term[0]) | (z & term[1]))) | (y & ((~z & term[2]) | (z & term[3]))))) |
                 (x & ((~y & ((~z & term[4]) | (z & term[5]))) | (y & ((~z & term[6]) | (z & term[7])))));
    }
}

/* mode: 0 generic, 1 f4e, 2 b4e, 3 rc8, 4 ecl, 5 ecr, 6 rc16 (PTX ISA, prmt) */
void cg_prmt(uint32_t *out, const uint32_t *a, const uint32_t *b, const uint32_t *c, uint32_t n, uint32_t mode) {
    EACH(i) {
        const uint64_t bytes = (uint64_t)b[i] << 32 | a[i];
        const uint32_t s = c[i] & 3;
        uint32_t result = 0;
        for (uint32_t k = 0; k < 4; k++) {
            uint32_t pick = c[i] >> 4 * k & 15;
            if (mode == 1) pick = s + k;
            if (mode == 2) pick = (s - k) & 7;
            if (mode == 3) pick = s;
            if (mode == 4) pick = k > s ? k : s;
            if (mode == 5) pick = k < s ? k : s;
            if (mode == 6) pick = 2 * (s & 1) + (k & 1);
            uint32_t byte = bytes >> 8 * (pick & 7) & 255;
            if (mode == 0 && pick & 8) byte = byte & 128 ? 255 : 0;
            result |= byte << 8 * k;
        }
        out[i] = result;
    }
}

#define FIELDS(suffix, type, stype, bits)                                                                            \
    void cg_bfe_##suffix(type *out, const type *a, const uint32_t *b, const uint32_t *c, uint32_t n,                 \
                         uint32_t is_signed) {                                                                       \
        EACH(i) {                                                                                                    \
            const uint32_t at = b[i] & 255, length = c[i] & 255, end = at + length > bits ? bits : at + length;      \
            const type sign = is_signed && length ? a[i] >> ((end ? end : 1) - 1) & 1 : 0;                           \
            const uint32_t kept = at >= bits || !length ? 0 : end - at;                                              \
            const type low = kept ? a[i] >> at & (type)((type)~(type)0 >> (bits - kept)) : 0;                        \
            const type high = kept >= bits ? 0 : (type)((type)~(type)0 << kept);                                     \
            out[i] = sign ? low | high : low;                                                                        \
        }                                                                                                            \
    }                                                                                                                \
    void cg_bfi_##suffix(type *out, const type *a, const type *b, const uint32_t *c, const uint32_t *d,              \
                         uint32_t n) {                                                                               \
        EACH(i) {                                                                                                    \
            const uint32_t at = c[i] & 255, length = d[i] & 255;                                                     \
            const type ones = length >= bits ? (type)~(type)0 : (type)(((type)1 << length) - 1);                     \
            const type field = at >= bits ? 0 : (type)(ones << at);                                                  \
            out[i] = (b[i] & ~field) | ((at >= bits ? 0 : (type)(a[i] << at)) & field);                              \
        }                                                                                                            \
    }                                                                                                                \
    void cg_bfind_##suffix(uint32_t *out, const type *a, uint32_t n, uint32_t is_signed, uint32_t shift) {           \
        EACH(i) {                                                                                                    \
            const type x = is_signed && (stype)a[i] < 0 ? ~a[i] : a[i];                                              \
            const uint32_t top = x ? 63 - (uint32_t)__builtin_clzll(x) : FULL;                                       \
            out[i] = shift && top != FULL ? bits - 1 - top : top;                                                    \
        }                                                                                                            \
    }
FIELDS(b32, uint32_t, int32_t, 32)
FIELDS(b64, uint64_t, int64_t, 64)

/* Sum of products of 4 bytes, or of 2 halves with 2 of 4 bytes (`high`: the upper two). */
void cg_dp4a(uint32_t *out, const uint32_t *a, const uint32_t *b, const uint32_t *c, uint32_t n, uint32_t a_signed,
             uint32_t b_signed) {
    EACH(i) {
        uint32_t sum = c[i];
        for (int k = 0; k < 32; k += 8) {
            const int32_t x = a_signed ? (int8_t)(a[i] >> k) : (uint8_t)(a[i] >> k);
            const int32_t y = b_signed ? (int8_t)(b[i] >> k) : (uint8_t)(b[i] >> k);
            sum += (uint32_t)(x * y);
        }
        out[i] = sum;
    }
}
void cg_dp2a(uint32_t *out, const uint32_t *a, const uint32_t *b, const uint32_t *c, uint32_t n, uint32_t a_signed,
             uint32_t b_signed, uint32_t high) {
    EACH(i) {
        uint32_t sum = c[i];
        for (int k = 0; k < 2; k++) {
            const uint32_t byte = b[i] >> (high ? 16 : 0) >> 8 * k;
            const int32_t x = a_signed ? (int16_t)(a[i] >> 16 * k) : (uint16_t)(a[i] >> 16 * k);
            const int32_t y = b_signed ? (int8_t)byte : (uint8_t)byte;
            sum += (uint32_t)(x * y);
        }
        out[i] = sum;
    }
}

/* ---- directed rounding: mode 1 toward zero, 2 down, 3 up ---- */

static void set_rounding(uint32_t mode) {
    static const int modes[] = {FE_TONEAREST, FE_TOWARDZERO, FE_DOWNWARD, FE_UPWARD};
    fesetround(modes[mode & 3]);
}

#define DIRECTED(name, type, params, expression)                                                                     \
    static __attribute__((noinline)) void rounded_##name params { EACH(i) out[i] = (type)(expression); }
#define DIRECTED1(name, type, from, expression)                                                                      \
    DIRECTED(name, type, (type *out, const from *a, uint32_t n), expression)                                         \
    void cg_##name(type *out, const from *a, uint32_t n, uint32_t mode) {                                            \
        set_rounding(mode);                                                                                          \
        rounded_##name(out, a, n);                                                                                   \
        fesetround(FE_TONEAREST);                                                                                    \
    }
#define DIRECTED2(name, type, expression)                                                                            \
    DIRECTED(name, type, (type *out, const type *a, const type *b, uint32_t n), expression)                          \
    void cg_##name(type *out, const type *a, const type *b, uint32_t n, uint32_t mode) {                             \
        set_rounding(mode);                                                                                          \
        rounded_##name(out, a, b, n);                                                                                \
        fesetround(FE_TONEAREST);                                                                                    \
    }
#define DIRECTED3(name, type, expression)                                                                            \
    DIRECTED(name, type, (type *out, const type *a, const type *b, const type *c, uint32_t n), expression)           \
    void cg_##name(type *out, const type *a, const type *b, const type *c, uint32_t n, uint32_t mode) {              \
        set_rounding(mode);                                                                                          \
        rounded_##name(out, a, b, c, n);                                                                             \
        fesetround(FE_TONEAREST);                                                                                    \
    }
DIRECTED2(add_f32, float, a[i] + b[i])
DIRECTED2(sub_f32, float, a[i] - b[i])
DIRECTED2(mul_f32, float, a[i] * b[i])
DIRECTED2(div_f32, float, a[i] / b[i])
DIRECTED3(fma_f32, float, __builtin_fmaf(a[i], b[i], c[i]))
DIRECTED1(sqrt_f32, float, float, __builtin_sqrtf(a[i]))
DIRECTED1(rcp_f32, float, float, 1.0f / a[i])
DIRECTED2(add_f64, double, a[i] + b[i])
DIRECTED2(sub_f64, double, a[i] - b[i])
DIRECTED2(mul_f64, double, a[i] * b[i])
DIRECTED2(div_f64, double, a[i] / b[i])
DIRECTED3(fma_f64, double, __builtin_fma(a[i], b[i], c[i]))
DIRECTED1(sqrt_f64, double, double, __builtin_sqrt(a[i]))
DIRECTED1(rcp_f64, double, double, 1.0 / a[i])
DIRECTED1(cvt_f32_f64, float, double, a[i])
DIRECTED1(cvt_f32_s32, float, int32_t, a[i])
DIRECTED1(cvt_f32_u32, float, uint32_t, a[i])
DIRECTED1(cvt_f32_s64, float, int64_t, a[i])
DIRECTED1(cvt_f32_u64, float, uint64_t, a[i])
DIRECTED1(cvt_f64_s64, double, int64_t, a[i])
DIRECTED1(cvt_f64_u64, double, uint64_t, a[i])

/* ---- half precision ---- */

/* The 24-bit float next to x toward zero or away, whose last bit says whether x was inexact: rounding it once more,
   to 16 bits, gives what rounding x directly would. */
static float round_to_odd(double x) {
    float f = (float)x;
    if (f != f || (double)f == x) return f;
    uint32_t bits;
    memcpy(&bits, &f, 4);
    if (__builtin_fabs((double)f) > __builtin_fabs(x)) bits--;
    bits |= 1;
    memcpy(&f, &bits, 4);
    return f;
}

float cg_half_to_float(uint16_t h) {
    const uint32_t sign = (uint32_t)(h & 0x8000) << 16, rest = h & 0x7fff;
    uint32_t bits;
    float f;
    if (rest >= 0x7c00) bits = sign | 0x7f800000 | (rest & 0x3ff) << 13;
    else if (rest >= 0x400) bits = sign | ((rest << 13) + 0x38000000);
    else {
        f = (float)rest * 0x1p-24f;
        memcpy(&bits, &f, 4);
        bits |= sign;
    }
    memcpy(&f, &bits, 4);
    return f;
}

static uint16_t to_half(float f, uint32_t mode) {
    uint32_t bits;
    memcpy(&bits, &f, 4);
    const uint32_t sign = bits >> 16 & 0x8000, rest = bits & 0x7fffffff;
    if (rest > 0x7f800000) return 0x7fff;
    const int up = mode == 3 ? !sign : mode == 2 ? sign != 0 : 0;
    uint32_t half, lost, tie;
    if (rest >= 0x38800000) {
        half = (rest >> 13) - 0x1c000;
        lost = rest & 0x1fff;
        tie = 0x1000;
    } else {
        const uint32_t shift = 126 - (rest >> 23) < 31 ? 126 - (rest >> 23) : 31;
        const uint32_t mantissa = (rest & 0x7fffff) | 0x800000;
        half = rest < 0x800000 ? 0 : mantissa >> shift;
        lost = rest < 0x800000 ? rest != 0 : mantissa & ((1u << shift) - 1);
        tie = rest < 0x800000 ? 2 : 1u << (shift - 1);
    }
    if (half >= 0x7c00) {
        const int to_max = rest < 0x7f800000 && (mode == 1 || (mode >= 2 && !up));
        return (uint16_t)(sign | (to_max ? 0x7bff : 0x7c00));
    }
    if (mode == 0 ? lost > tie || (lost == tie && half & 1) : up && lost) half++;
    return (uint16_t)(sign | half);
}

static uint16_t to_bfloat(float f, uint32_t mode) {
    uint32_t bits;
    memcpy(&bits, &f, 4);
    if ((bits & 0x7fffffff) > 0x7f800000) return 0x7fff;
    if (mode == 0) bits += 0x7fff + (bits >> 16 & 1);
    else if (mode == 3 ? !(bits >> 31) : mode == 2 ? bits >> 31 : 0) bits += 0xffff;
    return (uint16_t)(bits >> 16);
}

uint16_t cg_float_to_half(float f) { return to_half(f, 0); }
uint16_t cg_float_to_bfloat(float f) { return to_bfloat(f, 0); }

void cg_cvt_f16_f32(uint16_t *out, const float *a, uint32_t n, uint32_t mode) {
    EACH(i) out[i] = to_half(a[i], mode);
}
void cg_cvt_bf16_f32(uint16_t *out, const float *a, uint32_t n, uint32_t mode) {
    EACH(i) out[i] = to_bfloat(a[i], mode);
}
void cg_cvt_f16_f64(uint16_t *out, const double *a, uint32_t n, uint32_t mode) {
    EACH(i) out[i] = to_half(round_to_odd(a[i]), mode);
}
void cg_cvt_bf16_f64(uint16_t *out, const double *a, uint32_t n, uint32_t mode) {
    EACH(i) out[i] = to_bfloat(round_to_odd(a[i]), mode);
}

/* Eight bits, rounded to nearest even; what is too large becomes the largest number, NaN 0x7f. `digits` counts the
   hidden bit, `least` is the exponent of the smallest normal number, `largest` the bits of the largest. */
INLINE uint8_t to_eight(float f, int digits, int least, uint32_t largest) {
    uint32_t bits;
    memcpy(&bits, &f, 4);
    const uint32_t sign = bits >> 24 & 0x80, rest = bits & 0x7fffffff;
    if (rest > 0x7f800000) return 0x7f;
    if (rest >= 0x48000000) return (uint8_t)(sign | largest); /* 2^17 and more */
    const int own = (int)(rest >> 23) - 127, exponent = own < least ? least : own;
    const uint32_t scale_bits = (uint32_t)(127 + digits - 1 - exponent) << 23;
    float scale;
    memcpy(&scale, &scale_bits, 4);
    const uint32_t code = ((uint32_t)(exponent - least) << (digits - 1)) + (uint32_t)__builtin_rintf(fabsf(f) * scale);
    return (uint8_t)(sign | (code < largest ? code : largest));
}

void cg_cvt_e4m3_f32(uint8_t *out, const float *a, uint32_t n) { EACH(i) out[i] = to_eight(a[i], 4, -6, 0x7e); }
void cg_cvt_e5m2_f32(uint8_t *out, const float *a, uint32_t n) { EACH(i) out[i] = to_eight(a[i], 3, -14, 0x7b); }

/* ---- transcendental functions ---- */

INLINE double exp2_of(double x) {
    x = x < -1100 ? -1100 : x > 1100 ? 1100 : x;
    const double whole = (x + 0x1.8p52) - 0x1.8p52, t = (x - whole) * 0x1.62e42fefa39efp-1;
    double p = 1.0 / 3628800;
    p = p * t + 1.0 / 362880;
    p = p * t + 1.0 / 40320;
    p = p * t + 1.0 / 5040;
    p = p * t + 1.0 / 720;
    p = p * t + 1.0 / 120;
    p = p * t + 1.0 / 24;
    p = p * t + 1.0 / 6;
    p = p * t + 0.5;
    p = p * t + 1;
    p = p * t + 1;
    /* 2^whole in two factors, so that neither over- nor underflows; the sum's low bits hold the integer. */
    const double half = (whole * 0.5 + 0x1.8p52) - 0x1.8p52, rest = whole - half;
    const double shifted = half + 0x1.8p52 + 1023, shifted_rest = rest + 0x1.8p52 + 1023;
    uint64_t bits, bits_rest;
    memcpy(&bits, &shifted, 8);
    memcpy(&bits_rest, &shifted_rest, 8);
    bits <<= 52;
    bits_rest <<= 52;
    double scale, scale_rest;
    memcpy(&scale, &bits, 8);
    memcpy(&scale_rest, &bits_rest, 8);
    return p * scale * scale_rest;
}

INLINE double log2_of(double x) {
    const double y = x > 0 ? x : 1;
    uint64_t bits;
    memcpy(&bits, &y, 8);
    /* y = 2^e * m with m in [sqrt(1/2), sqrt(2)) */
    const uint64_t moved = bits + (0x3ff0000000000000ull - 0x3fe6a09e667f3bcdull);
    const double e = (double)(int32_t)(moved >> 52) - 1023;
    bits = (moved & 0xfffffffffffffull) + 0x3fe6a09e667f3bcdull;
    double m;
    memcpy(&m, &bits, 8);
    const double s = (m - 1) / (m + 1), z = s * s;
    double p = 1.0 / 19;
    p = p * z + 1.0 / 17;
    p = p * z + 1.0 / 15;
    p = p * z + 1.0 / 13;
    p = p * z + 1.0 / 11;
    p = p * z + 1.0 / 9;
    p = p * z + 1.0 / 7;
    p = p * z + 1.0 / 5;
    p = p * z + 1.0 / 3;
    p = p * z + 1;
    const double result = e + 2 * s * p * 0x1.71547652b82fep0;
    return x > 0 ? (x > 1.7e308 ? x : result) : x == 0 ? -INFINITY : NAN;
}

INLINE double sin_of(double x, double quarter) {
    const double q = (x * 0x1.45f306dc9c883p-1 + 0x1.8p52) - 0x1.8p52;
    const double r = (x - q * 0x1.921fb54400000p0) - q * 0x1.0b4611a626331p-34, z = r * r;
    double s = -1.0 / 1307674368000.0, c = 1.0 / 20922789888000.0;
    s = s * z + 1.0 / 6227020800.0;
    s = s * z - 1.0 / 39916800;
    s = s * z + 1.0 / 362880;
    s = s * z - 1.0 / 5040;
    s = s * z + 1.0 / 120;
    s = s * z - 1.0 / 6;
    s = s * z * r + r;
    c = c * z - 1.0 / 87178291200.0;
    c = c * z + 1.0 / 479001600;
    c = c * z - 1.0 / 3628800;
    c = c * z + 1.0 / 40320;
    c = c * z - 1.0 / 720;
    c = c * z + 1.0 / 24;
    c = c * z - 0.5;
    c = c * z + 1;
    const double turn = q + quarter + 0x1.8p52;
    uint64_t bits;
    memcpy(&bits, &turn, 8);
    const double value = bits & 1 ? c : s;
    return bits & 2 ? -value : value;
}

void cg_ex2_f32(float *out, const float *a, uint32_t n) { EACH(i) out[i] = (float)exp2_of(a[i]); }
void cg_lg2_f32(float *out, const float *a, uint32_t n) { EACH(i) out[i] = (float)log2_of(a[i]); }

static void repair_large(float *out, const float *a, uint32_t n, double (*exact)(double)) {
    EACH(i) if (!(fabsf(a[i]) < 1e6f)) out[i] = (float)exact(a[i]);
}
void cg_sin_f32(float *out, const float *a, uint32_t n) {
    EACH(i) out[i] = a[i] == 0 ? a[i] : (float)sin_of(a[i], 0);
    repair_large(out, a, n, sin);
}
void cg_cos_f32(float *out, const float *a, uint32_t n) {
    EACH(i) out[i] = (float)sin_of(a[i], 1);
    repair_large(out, a, n, cos);
}
void cg_tanh_f32(float *out, const float *a, uint32_t n) {
    EACH(i) {
        const double x = a[i], e = exp2_of(x * 0x1.71547652b82fep1);
        out[i] = (float)(fabs(x) < 1e-3 ? x * (1 - x * x / 3) : 1 - 2 / (e + 1));
    }
}

/* ---- across lanes ---- */

/* mode: 0 up, 1 down, 2 bfly, 3 idx (PTX ISA, shfl.sync). `found`: whether the source lane is in the segment. */
void cg_shuffle(uint32_t *out, uint32_t *found, const uint32_t *a, const uint32_t *b, const uint32_t *c,
                uint32_t mode) {
    EACH_LANE(i) {
        const int step = (int)(b[i] & 31), clamp = (int)(c[i] & 31), segment = (int)(c[i] >> 8 & 31);
        const int last = (i & segment) | (clamp & ~segment), first = i & segment;
        int from, inside;
        if (mode == 0) from = i - step, inside = from >= last;
        else if (mode == 1) from = i + step, inside = from <= last;
        else if (mode == 2) from = i ^ step, inside = from <= last;
        else from = first | (step & ~segment), inside = from <= last;
        out[i] = a[inside ? from & 31 : i];
        found[i] = (uint32_t)inside;
    }
}

/* For each lane, the lanes of its group that hold the same value (all = 0), or all of them or none (all = 1). */
void cg_match(uint32_t *out, const uint64_t *a, const uint32_t *members, uint32_t active, uint32_t all) {
    EACH_LANE(i) {
        uint32_t same = 0;
        EACH_SET(k, members[i] & active) same |= (uint32_t)(a[k] == a[i]) << k;
        out[i] = all && same != (members[i] & active) ? 0 : same;
    }
}

/* op: 0 add, 1 min, 2 max, 3 and, 4 or, 5 xor; over the lanes of each lane's group. */
void cg_redux(uint32_t *out, const uint32_t *a, const uint32_t *members, uint32_t active, uint32_t op,
              uint32_t is_signed) {
    const uint32_t flip = is_signed ? 0x80000000u : 0;
    EACH_LANE(i) {
        if (i && members[i] == members[i - 1]) {
            out[i] = out[i - 1];
            continue;
        }
        const uint32_t group = members[i] & active;
        uint32_t sum = group ? a[__builtin_ctz(group)] : 0;
        EACH_SET(k, group & (group - 1)) {
            const uint32_t x = a[k];
            const int less = (x ^ flip) < (sum ^ flip);
            sum = op == 0 ? sum + x : op == 1 ? (less ? x : sum) : op == 2 ? (less ? sum : x)
                : op == 3 ? sum & x : op == 4 ? sum | x : sum ^ x;
        }
        out[i] = sum;
    }
}
