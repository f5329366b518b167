/* Floating-point instructions and conversions. Halves are computed in single precision and rounded once. */

#include <fenv.h>
#include <math.h>
#include <string.h>
#ifdef __F16C__
#include <immintrin.h>
#endif

#include "follow.h"

#define OPERATION(name) static void name(struct Thread_group *w, const struct Code *c, uint32_t mask)
#define ROUNDED __attribute__((noinline, optimize("rounding-math")))

enum { FTZ = 1, SATURATE = 2, ROUND_SHIFT = 2, ROUND_MASK = 3 }; /* of mode, in this file */
static const int rounding[4] = {FE_TONEAREST, FE_DOWNWARD, FE_UPWARD, FE_TOWARDZERO};

static inline float of_bits(uint32_t bits) {
    float value;
    memcpy(&value, &bits, 4);
    return value;
}

static inline uint32_t bits_of(float value) {
    uint32_t bits;
    memcpy(&bits, &value, 4);
    return bits;
}

/* Source k as floats with their signs. */
static inline void single(const struct Thread_group *w, const struct Code *c, int k, float *out) {
    const uint32_t *v = vector(w, c->from[k]);
    uint32_t keep = c->how[k] & ABSOLUTE ? 0x7fffffff : FULL, flip = c->how[k] & NEGATED ? 1u << 31 : 0;
    EACH(i) out[i] = of_bits((v[i] & keep) ^ flip);
    if (c->mode & FTZ)
        EACH(i) if (fabsf(out[i]) < 0x1p-126f) out[i] = copysignf(0, out[i]);
}

static inline void both(const struct Thread_group *w, const struct Code *c, int k, double *out) {
    const uint32_t *low = vector(w, c->from[k]), *high = low + LANES;
    uint32_t keep = c->how[k] & ABSOLUTE ? 0x7fffffff : FULL, flip = c->how[k] & NEGATED ? 1u << 31 : 0;
    EACH(i) {
        uint64_t bits = (uint64_t)((high[i] & keep) ^ flip) << 32 | low[i];
        memcpy(&out[i], &bits, 8);
    }
}

static inline void put_single(struct Thread_group *w, const struct Code *c, float *value, uint32_t mask) {
    uint32_t out[LANES];
    if (c->mode & SATURATE)
        EACH(i) value[i] = value[i] > 0 ? value[i] < 1 ? value[i] : 1 : 0;
    if (c->mode & FTZ)
        EACH(i) if (fabsf(value[i]) < 0x1p-126f) value[i] = copysignf(0, value[i]);
    EACH(i) out[i] = value[i] != value[i] ? 0x7fffffff : bits_of(value[i]);
    put(w, c->to[0], out, mask);
}

static inline void put_double(struct Thread_group *w, const struct Code *c, const double *value, uint32_t mask) {
    uint64_t out[LANES];
    memcpy(out, value, sizeof out);
    put_wide(w, c->to[0], out, mask);
}

static inline uint32_t way(const struct Code *c) {
    return c->mode >> ROUND_SHIFT & ROUND_MASK;
}

enum { SUM, PRODUCT, FUSED };

ROUNDED static void rounded_single(float *out, const float *a, const float *b, const float *s, int what, uint32_t how) {
    fesetround(rounding[how]);
    EACH(i) {
        volatile float x = a[i], y = b[i];
        out[i] = what == SUM ? x + y : what == PRODUCT ? x * y : fmaf(x, y, s[i]);
    }
    fesetround(FE_TONEAREST);
}

ROUNDED static void rounded_double(double *out, const double *a, const double *b, const double *s, int what,
                                   uint32_t how) {
    fesetround(rounding[how]);
    EACH(i) {
        volatile double x = a[i], y = b[i];
        out[i] = what == SUM ? x + y : what == PRODUCT ? x * y : fma(x, y, s[i]);
    }
    fesetround(FE_TONEAREST);
}

#define SINGLES(name, sources, what, value)                          \
    OPERATION(name) {                                                \
        float in[3][LANES], out[LANES], *a = in[0], *b = in[1], *s = in[2]; \
        for (int k = 0; k < sources; k++)                            \
            single(w, c, k, in[k]);                                  \
        (void)s;                                                     \
        if (way(c))                                                  \
            rounded_single(out, a, b, s, what, way(c));              \
        else                                                         \
            EACH(i) out[i] = value;                                  \
        put_single(w, c, out, mask);                                 \
    }
#define DOUBLES(name, sources, what, value)                          \
    OPERATION(name) {                                                \
        double in[3][LANES], out[LANES], *a = in[0], *b = in[1], *s = in[2]; \
        for (int k = 0; k < sources; k++)                            \
            both(w, c, k, in[k]);                                    \
        (void)s;                                                     \
        if (way(c))                                                  \
            rounded_double(out, a, b, s, what, way(c));              \
        else                                                         \
            EACH(i) out[i] = value;                                  \
        put_double(w, c, out, mask);                                 \
    }
SINGLES(fadd, 2, SUM, a[i] + b[i])
SINGLES(fmul, 2, PRODUCT, a[i] * b[i])
SINGLES(ffma, 3, FUSED, fmaf(a[i], b[i], s[i]))
DOUBLES(dadd, 2, SUM, a[i] + b[i])
DOUBLES(dmul, 2, PRODUCT, a[i] * b[i])
DOUBLES(dfma, 3, FUSED, fma(a[i], b[i], s[i]))

static inline float least(float a, float b) {
    if (a != a || b != b)
        return a != a ? b : a;
    return a < b || (a == b && signbit(a)) ? a : b;
}

static inline float lesser_or_greater(float a, float b, int want_least, int nan) {
    if (nan && (a != a || b != b))
        return NAN;
    return want_least ? least(a, b) : -least(-a, -b);
}

/* more: 1 NaN in, NaN out */
OPERATION(fmnmx) {
    float a[LANES], b[LANES];
    uint32_t want_least = predicate(w, c->p_from[0]);
    single(w, c, 0, a);
    single(w, c, 1, b);
    EACH(i) a[i] = lesser_or_greater(a[i], b[i], want_least >> i & 1, c->more & 1);
    put_single(w, c, a, mask);
}

OPERATION(fmnmx3) {
    float a[LANES], b[LANES], s[LANES];
    uint32_t first = predicate(w, c->p_from[0]), second = predicate(w, c->p_from[1]);
    single(w, c, 0, a);
    single(w, c, 1, b);
    single(w, c, 2, s);
    EACH(i) {
        float x = lesser_or_greater(a[i], b[i], first >> i & 1, c->more & 1);
        a[i] = lesser_or_greater(x, s[i], second >> i & 1, c->more & 1);
    }
    put_single(w, c, a, mask);
}

OPERATION(dmnmx) {
    double a[LANES], b[LANES];
    uint32_t want_least = predicate(w, c->p_from[0]);
    both(w, c, 0, a);
    both(w, c, 1, b);
    EACH(i) a[i] = want_least >> i & 1 ? fmin(a[i], b[i]) : fmax(a[i], b[i]);
    put_double(w, c, a, mask);
}

/* Comparisons as bits: 1 less, 2 equal, 4 greater, 8 unordered; from ROUND_SHIFT on in mode, and the way to join the
   result with a predicate in more: 0 AND, 1 OR, 2 XOR. */
static inline uint32_t test(double a, double b) {
    return a < b ? 1 : a == b ? 2 : a > b ? 4 : 8;
}

static void put_tests(struct Thread_group *w, const struct Code *c, uint32_t yes, uint32_t mask) {
    uint32_t p = predicate(w, c->p_from[0]), no = ~yes, how = c->more & 3;
    put_predicate(w, c->p_to[0], how == 0 ? yes & p : how == 1 ? yes | p : yes ^ p, mask);
    put_predicate(w, c->p_to[1], how == 0 ? no & p : how == 1 ? no | p : no ^ p, mask);
}

OPERATION(fsetp) {
    float a[LANES], b[LANES];
    uint32_t yes = 0, wanted = c->mode >> ROUND_SHIFT;
    single(w, c, 0, a);
    single(w, c, 1, b);
    EACH(i) yes |= (uint32_t)((test(a[i], b[i]) & wanted) != 0) << i;
    put_tests(w, c, yes, mask);
}

OPERATION(dsetp) {
    double a[LANES], b[LANES];
    uint32_t yes = 0, wanted = c->mode >> ROUND_SHIFT;
    both(w, c, 0, a);
    both(w, c, 1, b);
    EACH(i) yes |= (uint32_t)((test(a[i], b[i]) & wanted) != 0) << i;
    put_tests(w, c, yes, mask);
}

/* FSET: the result of a comparison as a number; more: from bit 2 on 1 as 1.0, else as all ones. */
OPERATION(fset) {
    float a[LANES], b[LANES];
    uint32_t out[LANES], wanted = c->mode >> ROUND_SHIFT, p = predicate(w, c->p_from[0]), how = c->more & 3;
    single(w, c, 0, a);
    single(w, c, 1, b);
    EACH(i) {
        uint32_t yes = (test(a[i], b[i]) & wanted) != 0, q = p >> i & 1;
        yes = how == 0 ? yes & q : how == 1 ? yes | q : yes ^ q;
        out[i] = !yes ? 0 : c->more & 4 ? bits_of(1) : FULL;
    }
    put(w, c->to[0], out, mask);
}

/* FCHK: whether the quick way to divide a by b may fail. */
OPERATION(fchk) {
    float a[LANES], b[LANES];
    uint32_t slow = 0;
    single(w, c, 0, a);
    single(w, c, 1, b);
    EACH(i) {
        int x = (int)(bits_of(a[i]) >> 23 & 255), y = (int)(bits_of(b[i]) >> 23 & 255);
        int risky = x == 255 || y == 255 || y < 2 || y > 252 || (a[i] != 0 && (x < 25 || x - y > 125 || x - y < -124));
        slow |= (uint32_t)risky << i;
    }
    put_predicate(w, c->p_to[0], slow, mask);
}

enum Function { RCP, RSQ, SQRT, EX2, LG2, SIN, COS, TANH, RCP64H, RSQ64H };

/* MUFU; more: enum Function */
OPERATION(mufu) {
    float a[LANES];
    if (c->more >= RCP64H) { /* the upper word of a double; its lower word counts as zero */
        const uint32_t *v = vector(w, c->from[0]);
        uint32_t out[LANES];
        EACH(i) {
            uint64_t bits = (uint64_t)v[i] << 32;
            double x;
            memcpy(&x, &bits, 8);
            if (c->how[0] & ABSOLUTE)
                x = fabs(x);
            if (c->how[0] & NEGATED)
                x = -x;
            x = c->more == RCP64H ? 1 / x : 1 / sqrt(x);
            memcpy(&bits, &x, 8);
            out[i] = (uint32_t)(bits >> 32);
        }
        put(w, c->to[0], out, mask);
        return;
    }
    single(w, c, 0, a);
    for (uint32_t rest = mask; rest; rest &= rest - 1) {
        int i = first_of(rest);
        float x = a[i];
        if (fabsf(x) < 0x1p-126f && c->more != EX2)
            x = copysignf(0, x); /* the unit takes denormal numbers for zero */
        switch (c->more) {
        case RCP: x = 1 / x; break;
        case RSQ: x = (float)(1 / sqrt((double)x)); break;
        case SQRT: x = sqrtf(x); break;
        case EX2: x = exp2f(x); break;
        case LG2: x = log2f(x); break;
        case SIN: x = (float)sin((double)x * 6.283185307179586); break; /* in turns, as RRO leaves it */
        case COS: x = (float)cos((double)x * 6.283185307179586); break;
        case TANH: x = tanhf(x); break;
        }
        a[i] = x;
    }
    put_single(w, c, a, mask);
}

/* ---- conversions ---- */

static inline float half_value(uint16_t bits) {
    _Float16 half;
    memcpy(&half, &bits, 2);
    return (float)half;
}

static inline uint16_t half_bits(float value) {
    _Float16 half = (_Float16)value;
    uint16_t bits;
    memcpy(&bits, &half, 2);
    return value != value ? 0x7fff : bits;
}

static inline uint16_t bfloat_bits(float value) {
    uint32_t bits = bits_of(value);
    return value != value ? 0x7fff : (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

/* 32 halves at once. */
static void half_values(const uint16_t *bits, float *out) {
#ifdef __F16C__
    for (int i = 0; i < LANES; i += 8)
        _mm256_storeu_ps(out + i, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(bits + i))));
#else
    EACH(i) out[i] = half_value(bits[i]);
#endif
}

static void halves_bits(const float *value, uint16_t *out) {
#ifdef __F16C__
    for (int i = 0; i < LANES; i += 8)
        _mm_storeu_si128((__m128i *)(out + i), _mm256_cvtps_ph(_mm256_loadu_ps(value + i), 0));
    EACH(i) out[i] = value[i] != value[i] ? 0x7fff : out[i];
#else
    EACH(i) out[i] = half_bits(value[i]);
#endif
}

enum Format { SINGLE, DOUBLE, HALF, BFLOAT, FORMATS };

/* `bits` of a number in a narrow format, rounded as `how` says. */
ROUNDED static uint16_t narrowed(float value, uint32_t format, uint32_t how) {
    uint32_t bits = bits_of(value);
    if (how == 0)
        return format == HALF ? half_bits(value) : bfloat_bits(value);
    if (format == BFLOAT || value != value) {
        uint32_t up = how == 3 ? 0 : (how == 2) != (bits >> 31 != 0) && (bits & 0xffff);
        return (uint16_t)(value != value ? 0x7fff : (bits >> 16) + up);
    }
    uint16_t near = half_bits(value);
    float got = half_value(near);
    int too_low = got < value, too_high = got > value;
    int down = how == 1 || (how == 3 && value > 0), up = how == 2 || (how == 3 && value < 0);
    if (too_high && down)
        return (uint16_t)(near & 0x8000 ? near + 1 : near - 1);
    if (too_low && up)
        return (uint16_t)(near & 0x8000 ? near - 1 : near + 1);
    return near;
}

/* F2F: more: the format of the result, 4 that of the source; 64 the source's upper half; 128 rounding to integers */
OPERATION(f2f) {
    double x[LANES];
    uint32_t to = c->more & 3, from = c->more >> 2 & 3;
    if (from == DOUBLE)
        both(w, c, 0, x);
    else if (from == SINGLE) {
        float a[LANES];
        single(w, c, 0, a);
        EACH(i) x[i] = a[i];
    } else {
        const uint32_t *v = vector(w, c->from[0]);
        EACH(i) {
            uint16_t bits = (uint16_t)(c->more & 64 ? v[i] >> 16 : v[i]);
            float value = from == HALF ? half_value(bits) : of_bits((uint32_t)bits << 16);
            value = c->how[0] & ABSOLUTE ? fabsf(value) : value;
            x[i] = c->how[0] & NEGATED ? -value : value;
        }
    }
    if (c->more & 128)
        EACH(i) x[i] = way(c) == 0 ? nearbyint(x[i]) : way(c) == 1 ? floor(x[i]) : way(c) == 2 ? ceil(x[i]) : trunc(x[i]);
    if (to == DOUBLE) {
        put_double(w, c, x, mask);
        return;
    }
    float out[LANES];
    fesetround(c->more & 128 ? FE_TONEAREST : rounding[way(c)]);
    EACH(i) {
        volatile double value = x[i];
        out[i] = (float)value;
    }
    fesetround(FE_TONEAREST);
    if (to == SINGLE) {
        put_single(w, c, out, mask);
        return;
    }
    uint32_t bits[LANES];
    EACH(i) bits[i] = narrowed(out[i], to, c->more & 128 ? 0 : way(c));
    put(w, c->to[0], bits, mask);
}

/* F2FP.PACK_AB: a goes into the upper half, b into the lower. more: the format; 16 not below zero (RELU) */
OPERATION(pack) {
    float a[LANES], b[LANES];
    uint32_t out[LANES];
    single(w, c, 0, a);
    single(w, c, 1, b);
    if (c->more == HALF && !way(c)) {
        uint16_t low[LANES], high[LANES];
        halves_bits(b, low);
        halves_bits(a, high);
        EACH(i) out[i] = (uint32_t)high[i] << 16 | low[i];
    } else
        EACH(i) {
            float x = c->more & 16 && a[i] < 0 ? 0 : a[i], y = c->more & 16 && b[i] < 0 ? 0 : b[i];
            out[i] = (uint32_t)narrowed(x, c->more & 3, way(c)) << 16 | narrowed(y, c->more & 3, way(c));
        }
    put(w, c->to[0], out, mask);
}

/* F2FP.UNPACK_B: two 8-bit numbers as halves. more: 1 E5M2, which is a half's upper byte, else E4M3; 2 the upper pair */
OPERATION(unpack) {
    const uint32_t *v = vector(w, c->from[0]);
    uint32_t out[LANES];
    EACH(i) {
        out[i] = 0;
        for (int k = 0; k < 2; k++) {
            uint32_t x = v[i] >> (c->more & 2 ? 16 : 0) >> 8 * k & 255, exponent = x >> 3 & 15;
            float value = ldexpf((float)(exponent ? 8 + (x & 7) : x & 7), (int)(exponent ? exponent : 1) - 10);
            uint32_t half = (x & 127) == 127 ? 0x7fff : half_bits(value) | (x >> 7) << 15;
            out[i] |= (c->more & 1 ? x << 8 : half) << 16 * k;
        }
    }
    put(w, c->to[0], out, mask);
}

/* An 8-bit number, rounded to the nearest; beyond the largest, the largest. */
static uint32_t octet(float value, int fraction, int bias, float largest) {
    uint32_t sign = bits_of(value) >> 31 << 7;
    if (value != value)
        return 0x7f;
    float size = fminf(fabsf(value), largest);
    int exponent = size ? ilogbf(size) : -126;
    exponent = exponent < 1 - bias ? 1 - bias : exponent;
    uint32_t steps = (uint32_t)nearbyintf(ldexpf(size, fraction - exponent));
    /* The leading one of a normal number counts as a step of its exponent, and so does one that rounding carries. */
    return sign | (steps + ((uint32_t)(exponent + bias - 1) << fraction));
}

/* F2FP.PACK_AB_MERGE_C of 8-bit numbers: a above b in the lower half. more: 1 E5M2, else E4M3 */
OPERATION(pack8) {
    float a[LANES], b[LANES];
    uint32_t out[LANES];
    int fraction = c->more & 1 ? 2 : 3, bias = c->more & 1 ? 15 : 7;
    float largest = c->more & 1 ? 57344 : 448;
    single(w, c, 0, a);
    single(w, c, 1, b);
    EACH(i) out[i] = octet(a[i], fraction, bias, largest) << 8 | octet(b[i], fraction, bias, largest);
    put(w, c->to[0], out, mask);
}

/* F2I; more: bits of the result; 256 signed; the source's format from bit 10 on; 4096 its upper half */
OPERATION(f2i) {
    double x[LANES];
    uint32_t bits = c->more & 127, is_signed = c->more & 256, from = c->more >> 10 & 3;
    if (from == DOUBLE)
        both(w, c, 0, x);
    else if (from == SINGLE) {
        float a[LANES];
        single(w, c, 0, a);
        EACH(i) x[i] = a[i];
    } else {
        const uint32_t *v = vector(w, c->from[0]);
        EACH(i) {
            uint16_t half = (uint16_t)(c->more & 4096 ? v[i] >> 16 : v[i]);
            float value = from == HALF ? half_value(half) : of_bits((uint32_t)half << 16);
            value = c->how[0] & ABSOLUTE ? fabsf(value) : value;
            x[i] = c->how[0] & NEGATED ? -value : value;
        }
    }
    uint64_t out[LANES];
    double top = ldexp(1, (int)bits - (is_signed ? 1 : 0)), bottom = is_signed ? -top : 0;
    EACH(i) {
        double v = way(c) == 0 ? nearbyint(x[i]) : way(c) == 1 ? floor(x[i]) : way(c) == 2 ? ceil(x[i]) : trunc(x[i]);
        if (v != v)
            out[i] = bits == 64 ? 1ull << 63 : from == DOUBLE ? 1ull << 31 : 0;
        else if (v >= top)
            out[i] = is_signed ? (1ull << (bits - 1)) - 1 : bits == 64 ? UINT64_MAX : (1ull << bits) - 1;
        else if (v <= bottom)
            out[i] = is_signed ? -(1ull << (bits - 1)) : 0;
        else
            out[i] = is_signed ? (uint64_t)(int64_t)v : (uint64_t)v;
    }
    if (bits == 64)
        put_wide(w, c->to[0], out, mask);
    else {
        uint32_t low[LANES];
        EACH(i) low[i] = (uint32_t)out[i];
        put(w, c->to[0], low, mask);
    }
}

/* I2F; more: bits of the source; 256 signed; the result's format from bit 10 on; which part of the source's word from
   bit 12 on */
ROUNDED OPERATION(i2f) {
    uint64_t v[LANES];
    uint32_t bits = c->more & 127, is_signed = c->more & 256, to = c->more >> 10 & 3, part = c->more >> 12;
    if (bits == 64)
        wide(w, c, 0, v);
    else {
        uint32_t room[LANES];
        const uint32_t *a = integer(w, c, 0, room);
        EACH(i) {
            uint32_t x = a[i] >> (part * bits & 31);
            v[i] = is_signed ? (uint64_t)((int64_t)((uint64_t)x << (64 - bits)) >> (64 - bits))
                             : bits == 32 ? x : x & ((1u << bits) - 1);
        }
    }
    fesetround(rounding[way(c)]);
    double wide_out[LANES];
    float out[LANES];
    EACH(i) {
        volatile int64_t s = (int64_t)v[i];
        volatile uint64_t u = v[i];
        if (to == DOUBLE)
            wide_out[i] = is_signed ? (double)s : (double)u;
        else
            out[i] = is_signed ? (float)s : (float)u;
    }
    fesetround(FE_TONEAREST);
    if (to == DOUBLE)
        put_double(w, c, wide_out, mask);
    else if (to == SINGLE)
        put_single(w, c, out, mask);
    else {
        uint32_t half[LANES];
        EACH(i) half[i] = narrowed(out[i], to, way(c));
        put(w, c->to[0], half, mask);
    }
}

/* ---- pairs of halves ---- */

enum { IS_BFLOAT = 1, RELU = 2, TO_SINGLE = 4, JOIN_SHIFT = 4 }; /* of more */

/* The two halves of source k as floats. */
static void halves(const struct Thread_group *w, const struct Code *c, int k, float (*out)[LANES]) {
    const uint32_t *v = vector(w, c->from[k]);
    uint32_t select = c->how[k] >> HALF_SHIFT;
    for (int side = 0; side < 2; side++) {
        int upper = select == BOTH ? side : select == HIGH_TWICE;
        if (select == AS_SINGLE)
            EACH(i) out[side][i] = of_bits(v[i]);
        else if (c->more & IS_BFLOAT)
            EACH(i) out[side][i] = of_bits(upper ? v[i] & 0xffff0000 : v[i] << 16);
        else {
            uint16_t bits[LANES];
            EACH(i) bits[i] = (uint16_t)(upper ? v[i] >> 16 : v[i]);
            half_values(bits, out[side]);
        }
        if (c->how[k] & ABSOLUTE)
            EACH(i) out[side][i] = fabsf(out[side][i]);
        if (c->how[k] & NEGATED)
            EACH(i) out[side][i] = -out[side][i];
    }
}

static void put_halves(struct Thread_group *w, const struct Code *c, float (*value)[LANES], uint32_t mask) {
    uint32_t out[LANES];
    for (int side = 0; side < 2; side++) {
        if (c->mode & SATURATE)
            EACH(i) value[side][i] = value[side][i] > 0 ? value[side][i] < 1 ? value[side][i] : 1 : 0;
        if (c->more & RELU)
            EACH(i) value[side][i] = value[side][i] < 0 ? 0 : value[side][i];
    }
    if (c->more & TO_SINGLE)
        EACH(i) out[i] = bits_of(value[0][i]);
    else if (c->more & IS_BFLOAT)
        EACH(i) out[i] = (uint32_t)bfloat_bits(value[1][i]) << 16 | bfloat_bits(value[0][i]);
    else {
        uint16_t low[LANES], high[LANES];
        halves_bits(value[0], low);
        halves_bits(value[1], high);
        EACH(i) out[i] = (uint32_t)high[i] << 16 | low[i];
    }
    put(w, c->to[0], out, mask);
}

#define HALVES(name, sources, value)                                         \
    OPERATION(name) {                                                        \
        float in[3][2][LANES], out[2][LANES];                                \
        for (int k = 0; k < sources; k++)                                    \
            halves(w, c, k, in[k]);                                          \
        for (int side = 0; side < 2; side++) {                               \
            float *a = in[0][side], *b = in[1][side], *s = in[2][side];      \
            (void)s;                                                         \
            EACH(i) out[side][i] = value;                                    \
        }                                                                    \
        put_halves(w, c, out, mask);                                         \
    }
HALVES(hadd2, 2, a[i] + b[i])
HALVES(hmul2, 2, a[i] * b[i])
HALVES(hfma2, 3, fmaf(a[i], b[i], s[i]))

OPERATION(hmnmx2) {
    float a[2][LANES], b[2][LANES];
    uint32_t want_least = predicate(w, c->p_from[0]);
    halves(w, c, 0, a);
    halves(w, c, 1, b);
    for (int side = 0; side < 2; side++)
        EACH(i) a[side][i] =
            lesser_or_greater(a[side][i], b[side][i], want_least >> i & 1, (int)(c->more >> 8 & 1));
    put_halves(w, c, a, mask);
}

static void tests_of_halves(const struct Thread_group *w, const struct Code *c, uint32_t *yes) {
    float a[2][LANES], b[2][LANES];
    uint32_t wanted = c->mode >> ROUND_SHIFT, p = predicate(w, c->p_from[0]), how = c->more >> JOIN_SHIFT & 3;
    halves(w, c, 0, a);
    halves(w, c, 1, b);
    for (int side = 0; side < 2; side++) {
        yes[side] = 0;
        EACH(i) yes[side] |= (uint32_t)((test(a[side][i], b[side][i]) & wanted) != 0) << i;
        yes[side] = how == 0 ? yes[side] & p : how == 1 ? yes[side] | p : yes[side] ^ p;
    }
}

/* HSETP2: a predicate for each half; more & 256: one for both (.H2_AND) */
OPERATION(hsetp2) {
    uint32_t yes[2];
    tests_of_halves(w, c, yes);
    if (c->more & 256)
        yes[0] &= yes[1], yes[1] = ~yes[0];
    put_predicate(w, c->p_to[0], yes[0], mask);
    put_predicate(w, c->p_to[1], yes[1], mask);
}

/* HSET2: as numbers; more & 256: 1.0, else all ones */
OPERATION(hset2) {
    uint32_t yes[2], out[LANES], one = !(c->more & 256) ? 0xffff : c->more & IS_BFLOAT ? 0x3f80 : 0x3c00;
    tests_of_halves(w, c, yes);
    EACH(i) out[i] = (yes[1] >> i & 1 ? one << 16 : 0) | (yes[0] >> i & 1 ? one : 0);
    put(w, c->to[0], out, mask);
}

/* FADD2, FMUL2, FFMA2: two floats in neighbouring registers. more: sources */
OPERATION(ffma2) {
    for (int side = 0; side < 2; side++) {
        struct Code one = *c;
        for (int k = 0; k < 3; k++)
            one.from[k] = c->from[k] == ZERO ? ZERO : (uint16_t)(c->from[k] + side);
        one.to[0] = c->to[0] == TRASH ? TRASH : (uint16_t)(c->to[0] + side);
        (c->more == SUM ? fadd : c->more == PRODUCT ? fmul : ffma)(w, &one, mask);
    }
}

const struct Named float_operations[] = {
    {"fadd", fadd}, {"fmul", fmul}, {"ffma", ffma}, {"dadd", dadd}, {"dmul", dmul}, {"dfma", dfma}, {"fmnmx", fmnmx},
    {"fmnmx3", fmnmx3}, {"dmnmx", dmnmx}, {"fsetp", fsetp}, {"dsetp", dsetp}, {"fset", fset}, {"fchk", fchk},
    {"mufu", mufu}, {"f2f", f2f}, {"pack", pack}, {"unpack", unpack}, {"pack8", pack8}, {"f2i", f2i}, {"i2f", i2f}, {"hadd2", hadd2}, {"hmul2", hmul2},
    {"hfma2", hfma2}, {"hmnmx2", hmnmx2}, {"hsetp2", hsetp2}, {"hset2", hset2}, {"ffma2", ffma2}, {NULL, NULL},
};
