/* Integer, logic, shift and predicate instructions, and those that pass values between lanes. */

#include "follow.h"

#define SOURCE(name, k)             \
    uint32_t room_##name[LANES];    \
    const uint32_t *name = integer(w, c, k, room_##name)
#define OPERATION(name) static void name(struct Thread_group *w, const struct Code *c, uint32_t mask)
/* An operation of sources a, b, s (the third) on each lane i. */
#define UNARY(name, value)                  \
    OPERATION(name) {                       \
        uint32_t out[LANES];                \
        SOURCE(a, 0);                       \
        EACH(i) out[i] = (value);           \
        put(w, c->to[0], out, mask);        \
    }
#define BINARY(name, value)                 \
    OPERATION(name) {                       \
        uint32_t out[LANES];                \
        SOURCE(a, 0);                       \
        SOURCE(b, 1);                       \
        EACH(i) out[i] = (value);           \
        put(w, c->to[0], out, mask);        \
    }
#define TERNARY(name, value)                \
    OPERATION(name) {                       \
        uint32_t out[LANES];                \
        SOURCE(a, 0);                       \
        SOURCE(b, 1);                       \
        SOURCE(s, 2);                       \
        EACH(i) out[i] = (value);           \
        put(w, c->to[0], out, mask);        \
    }
#define AS_SIGNED(x) ((int64_t)(int32_t)(x))

UNARY(mov, a[i])
UNARY(popc, (uint32_t)__builtin_popcount(a[i]))
UNARY(iabs, (int32_t)a[i] < 0 ? -a[i] : a[i])
TERNARY(iadd3, a[i] + b[i] + s[i])
TERNARY(imad, a[i] * b[i] + s[i])

static uint32_t reversed(uint32_t x) {
    x = (x >> 1 & 0x55555555) | (x & 0x55555555) << 1;
    x = (x >> 2 & 0x33333333) | (x & 0x33333333) << 2;
    x = (x >> 4 & 0x0f0f0f0f) | (x & 0x0f0f0f0f) << 4;
    return __builtin_bswap32(x);
}

UNARY(brev, reversed(a[i]))

/* mode: 1 signed, 2 the shift amount that brings the leading bit to the top instead of its position */
static uint32_t leading(uint32_t x, uint32_t mode) {
    if (mode & 1 && (int32_t)x < 0)
        x = ~x;
    if (!x)
        return FULL;
    uint32_t zeros = (uint32_t)__builtin_clz(x);
    return mode & 2 ? zeros : 31 - zeros;
}

UNARY(flo, leading(a[i], c->mode))

/* mode: 1 low bits of the width modulo 32 (.W) */
static uint32_t bits_mask(uint32_t start, uint32_t width, uint32_t mode) {
    if (mode & 1)
        start &= 31, width &= 31;
    if (start > 31)
        return 0;
    return (width > 31 ? FULL : (1u << width) - 1) << start;
}

BINARY(bmsk, bits_mask(a[i], b[i], c->mode))

/* mode: 1 unsigned, 2 width modulo 32 */
static uint32_t extended(uint32_t x, uint32_t width, uint32_t mode) {
    if (mode & 2)
        width &= 31;
    if (width >= 32)
        return x;
    if (!width)
        return 0;
    return mode & 1 ? x & ((1u << width) - 1) : (uint32_t)((int32_t)(x << (32 - width)) >> (32 - width));
}

BINARY(sgxt, extended(a[i], b[i], c->mode))

/* Sources whose minus means their complement plus one, so that carries come out as of a subtraction. */
static void addend(const struct Thread_group *w, const struct Code *c, int k, uint64_t *sum) {
    const uint32_t *v = vector(w, c->from[k]);
    if (c->how[k] & NEGATED)
        EACH(i) sum[i] += (uint64_t)(uint32_t)~v[i] + 1;
    else if (c->how[k] & COMPLEMENT)
        EACH(i) sum[i] += (uint32_t)~v[i];
    else
        EACH(i) sum[i] += v[i];
}

static void finish_sum(struct Thread_group *w, const struct Code *c, const uint64_t *sum, uint32_t mask) {
    uint32_t out[LANES], one = 0, two = 0;
    EACH(i) out[i] = (uint32_t)sum[i];
    EACH(i) one |= (uint32_t)(sum[i] >> 32 > 0) << i;
    EACH(i) two |= (uint32_t)(sum[i] >> 32 > 1) << i;
    put(w, c->to[0], out, mask);
    if (c->p_to[0] == NOWHERE)
        put_predicate(w, c->p_to[1], one, mask);
    else {
        put_predicate(w, c->p_to[0], one, mask);
        put_predicate(w, c->p_to[1], two, mask);
    }
}

static void carries_in(const struct Thread_group *w, const struct Code *c, uint64_t *sum) {
    uint32_t p = predicate(w, c->p_from[0]), q = predicate(w, c->p_from[1]);
    EACH(i) sum[i] += (p >> i & 1) + (q >> i & 1);
}

/* IADD3 with carries in (none: predicates that are false) and out. */
OPERATION(iadd3_carry) {
    uint64_t sum[LANES] = {0};
    for (int k = 0; k < 3; k++)
        addend(w, c, k, sum);
    carries_in(w, c, sum);
    finish_sum(w, c, sum, mask);
}

OPERATION(iadd_wide) {
    uint64_t a[LANES], b[LANES];
    wide(w, c, 0, a);
    wide(w, c, 1, b);
    uint32_t p = predicate(w, c->p_from[0]), carry = 0;
    EACH(i) {
        uint64_t sum = a[i] + b[i], more = sum + (p >> i & 1);
        int none = c->how[1] & NEGATED && !b[i]; /* nothing to borrow */
        carry |= (uint32_t)(sum < a[i] || more < sum || none) << i;
        a[i] = more;
    }
    put_wide(w, c->to[0], a, mask);
    put_predicate(w, c->p_to[0], carry, mask);
}

/* IMAD.X and IMAD with a carry out: the product's low word. */
OPERATION(imad_carry) {
    uint64_t sum[LANES] = {0};
    SOURCE(a, 0);
    SOURCE(b, 1);
    EACH(i) sum[i] = (uint32_t)(a[i] * b[i]);
    addend(w, c, 2, sum);
    carries_in(w, c, sum);
    finish_sum(w, c, sum, mask);
}

/* a * b + s with 64 bits of s; mode: 1 unsigned, 2 only the high word is kept */
OPERATION(imad_wide) {
    uint64_t s[LANES];
    uint32_t carry = 0;
    SOURCE(a, 0);
    SOURCE(b, 1);
    wide(w, c, 2, s);
    uint32_t p = predicate(w, c->p_from[0]);
    EACH(i) {
        uint64_t product = c->mode & 1 ? (uint64_t)a[i] * b[i] : (uint64_t)(AS_SIGNED(a[i]) * AS_SIGNED(b[i]));
        uint64_t sum = product + s[i], more = sum + (p >> i & 1);
        carry |= (uint32_t)(sum < product || more < sum) << i;
        s[i] = more;
    }
    if (c->mode & 2) {
        uint32_t out[LANES];
        EACH(i) out[i] = (uint32_t)(s[i] >> 32);
        put(w, c->to[0], out, mask);
    } else
        put_wide(w, c->to[0], s, mask);
    put_predicate(w, c->p_to[0], carry, mask);
}

/* (a << more) + b; with mode 1 the high word of {s, a} << more, with mode 2 that of a with its sign, with 4 a carry in */
OPERATION(lea) {
    uint64_t sum[LANES];
    uint32_t left = c->more & 31;
    SOURCE(a, 0);
    SOURCE(s, 2);
    if (c->mode & 2)
        EACH(i) sum[i] = (uint32_t)((uint64_t)AS_SIGNED(a[i]) << left >> 32);
    else if (c->mode & 1)
        EACH(i) sum[i] = (uint32_t)(((uint64_t)s[i] << 32 | a[i]) << left >> 32);
    else
        EACH(i) sum[i] = (uint32_t)(a[i] << left);
    addend(w, c, 1, sum);
    carries_in(w, c, sum);
    finish_sum(w, c, sum, mask);
}

/* more: the truth table; mode: 1 the predicate is taken with AND, else with OR */
OPERATION(lop3) {
    uint32_t out[LANES] = {0}, any = 0;
    SOURCE(a, 0);
    SOURCE(b, 1);
    SOURCE(s, 2);
    uint32_t table = c->more;
    if (table == 0xc0)
        EACH(i) out[i] = a[i] & b[i];
    else if (table == 0xfc)
        EACH(i) out[i] = a[i] | b[i];
    else if (table == 0x3c)
        EACH(i) out[i] = a[i] ^ b[i];
    else
        for (int row = 0; row < 8; row++)
            if (table >> row & 1) {
                uint32_t x = row & 4 ? 0 : FULL, y = row & 2 ? 0 : FULL, z = row & 1 ? 0 : FULL;
                EACH(i) out[i] |= (a[i] ^ x) & (b[i] ^ y) & (s[i] ^ z);
            }
    put(w, c->to[0], out, mask);
    if (c->p_to[0] != NOWHERE) {
        EACH(i) any |= (uint32_t)(out[i] != 0) << i;
        uint32_t p = predicate(w, c->p_from[0]);
        put_predicate(w, c->p_to[0], c->mode & 1 ? any & p : any | p, mask);
    }
}

static uint32_t table_of_predicates(uint32_t table, uint32_t a, uint32_t b, uint32_t s) {
    uint32_t out = 0;
    for (int row = 0; row < 8; row++)
        if (table >> row & 1)
            out |= (row & 4 ? a : ~a) & (row & 2 ? b : ~b) & (row & 1 ? s : ~s);
    return out;
}

OPERATION(plop3) {
    uint32_t a = predicate(w, c->p_from[0]), b = predicate(w, c->p_from[1]), s = predicate(w, c->p_from[2]);
    put_predicate(w, c->p_to[0], table_of_predicates(c->mode, a, b, s), mask);
    put_predicate(w, c->p_to[1], table_of_predicates(c->more, a, b, s), mask);
}

/* A funnel shift of {s, a} by b. mode: 1 right, 2 signed, 4 64-bit amounts, 8 amounts wrap, 16 the high word */
OPERATION(shf) {
    uint32_t out[LANES], mode = c->mode, top = mode & 4 ? 64 : 32;
    SOURCE(a, 0);
    SOURCE(b, 1);
    SOURCE(s, 2);
    EACH(i) {
        uint64_t value = (uint64_t)s[i] << 32 | a[i];
        uint32_t by = mode & 8 ? b[i] & (top - 1) : b[i] < top ? b[i] : top;
        if (!(mode & 1))
            value = by < 64 ? value << by : 0;
        else if (mode & 2)
            value = (uint64_t)((int64_t)value >> (by < 64 ? by : 63));
        else
            value = by < 64 ? value >> by : 0;
        out[i] = (uint32_t)(mode & 16 ? value >> 32 : value);
    }
    put(w, c->to[0], out, mask);
}

enum Compare { NEVER, LESS, EQUAL, LESS_EQUAL, GREATER, NOT_EQUAL, GREATER_EQUAL, ALWAYS };

/* more: 0 AND, 1 OR, 2 XOR with a source predicate; the second result is that of the opposite comparison. */
static void put_comparison(struct Thread_group *w, const struct Code *c, uint32_t result, uint32_t mask) {
    uint32_t p = predicate(w, c->p_from[0]), q = ~result;
    put_predicate(w, c->p_to[0], c->more == 0 ? result & p : c->more == 1 ? result | p : result ^ p, mask);
    if (c->p_to[1] != NOWHERE)
        put_predicate(w, c->p_to[1], c->more == 0 ? q & p : c->more == 1 ? q | p : q ^ p, mask);
}

/* mode: enum Compare, 8 unsigned, 16 the high words of 64-bit numbers whose low words gave predicate 1 */
OPERATION(isetp) {
    uint32_t less = 0, equal = 0, result, kind = c->mode & 7;
    SOURCE(a, 0);
    SOURCE(b, 1);
    uint32_t flip = c->mode & 8 ? 0x80000000 : 0;
    EACH(i) less |= (uint32_t)((int32_t)(a[i] ^ flip) < (int32_t)(b[i] ^ flip)) << i;
    EACH(i) equal |= (uint32_t)(a[i] == b[i]) << i;
    if (c->mode & 16) {
        uint32_t low = predicate(w, c->p_from[1]);
        uint32_t strictly = kind == LESS || kind == LESS_EQUAL ? less : ~less & ~equal;
        result = kind == EQUAL ? equal & low : kind == NOT_EQUAL ? ~equal | low : strictly | (equal & low);
    } else
        result = (kind & LESS ? less : 0) | (kind & EQUAL ? equal : 0) | (kind & GREATER ? ~less & ~equal : 0);
    put_comparison(w, c, result, mask);
}

OPERATION(isetp_wide) {
    uint64_t a[LANES], b[LANES], flip = c->mode & 8 ? 1ull << 63 : 0;
    uint32_t less = 0, equal = 0, kind = c->mode & 7;
    wide(w, c, 0, a);
    wide(w, c, 1, b);
    EACH(i) less |= (uint32_t)((int64_t)(a[i] ^ flip) < (int64_t)(b[i] ^ flip)) << i;
    EACH(i) equal |= (uint32_t)(a[i] == b[i]) << i;
    put_comparison(
        w, c, (kind & LESS ? less : 0) | (kind & EQUAL ? equal : 0) | (kind & GREATER ? ~less & ~equal : 0), mask);
}

OPERATION(sel) {
    uint32_t out[LANES], p = predicate(w, c->p_from[0]);
    SOURCE(a, 0);
    SOURCE(b, 1);
    EACH(i) out[i] = p >> i & 1 ? a[i] : b[i];
    put(w, c->to[0], out, mask);
}

/* FSEL: the signs are a float's. */
OPERATION(fsel) {
    uint32_t out[LANES], p = predicate(w, c->p_from[0]);
    const uint32_t *a = vector(w, c->from[0]), *b = vector(w, c->from[1]);
    uint32_t keep_a = c->how[0] & ABSOLUTE ? 0x7fffffff : FULL, keep_b = c->how[1] & ABSOLUTE ? 0x7fffffff : FULL;
    uint32_t flip_a = c->how[0] & NEGATED ? 1u << 31 : 0, flip_b = c->how[1] & NEGATED ? 1u << 31 : 0;
    EACH(i) out[i] = p >> i & 1 ? (a[i] & keep_a) ^ flip_a : (b[i] & keep_b) ^ flip_b;
    put(w, c->to[0], out, mask);
}

OPERATION(imnmx) {
    uint32_t out[LANES], least = predicate(w, c->p_from[0]), flip = c->mode & 1 ? 1u << 31 : 0;
    SOURCE(a, 0);
    SOURCE(b, 1);
    EACH(i) {
        int less = (int32_t)(a[i] ^ flip) < (int32_t)(b[i] ^ flip);
        out[i] = less == (int)(least >> i & 1) ? a[i] : b[i];
    }
    put(w, c->to[0], out, mask);
}

/* VIMNMX3 and VIADDMNMX. mode: 1 unsigned, 2 the first two are added, 4 not below zero */
OPERATION(vimnmx3) {
    uint32_t out[LANES], first = predicate(w, c->p_from[0]), second = predicate(w, c->p_from[1]);
    uint32_t flip = c->mode & 1 ? 1u << 31 : 0;
    SOURCE(a, 0);
    SOURCE(b, 1);
    SOURCE(s, 2);
    EACH(i) {
        int less = (int32_t)(a[i] ^ flip) < (int32_t)(b[i] ^ flip);
        uint32_t x = c->mode & 2 ? a[i] + b[i] : less == (int)(first >> i & 1) ? a[i] : b[i];
        less = (int32_t)(x ^ flip) < (int32_t)(s[i] ^ flip);
        x = less == (int)((c->mode & 2 ? first : second) >> i & 1) ? x : s[i];
        out[i] = c->mode & 4 && (int32_t)x < 0 ? 0 : x;
    }
    put(w, c->to[0], out, mask);
}

/* mode: 0 by the selector's nibbles, else F4E, B4E, RC8, ECL, ECR, RC16 */
OPERATION(prmt) {
    static const uint8_t fixed[7][4][4] = {
        {{0}},
        {{0, 1, 2, 3}, {1, 2, 3, 4}, {2, 3, 4, 5}, {3, 4, 5, 6}},
        {{0, 7, 6, 5}, {1, 0, 7, 6}, {2, 1, 0, 7}, {3, 2, 1, 0}},
        {{0, 0, 0, 0}, {1, 1, 1, 1}, {2, 2, 2, 2}, {3, 3, 3, 3}},
        {{0, 1, 2, 3}, {1, 1, 2, 3}, {2, 2, 2, 3}, {3, 3, 3, 3}},
        {{0, 0, 0, 0}, {0, 1, 1, 1}, {0, 1, 2, 2}, {0, 1, 2, 3}},
        {{0, 1, 0, 1}, {2, 3, 2, 3}, {0, 1, 0, 1}, {2, 3, 2, 3}},
    };
    uint32_t out[LANES];
    SOURCE(a, 0);
    SOURCE(b, 1);
    SOURCE(s, 2);
    EACH(i) {
        uint64_t bytes = (uint64_t)s[i] << 32 | a[i];
        uint32_t value = 0;
        for (int k = 0; k < 4; k++) {
            uint32_t nibble = c->mode ? fixed[c->mode][b[i] & 3][k] : b[i] >> 4 * k & 15;
            uint32_t byte = (uint32_t)(bytes >> 8 * (nibble & 7)) & 255;
            if (nibble & 8)
                byte = byte & 128 ? 255 : 0;
            value |= byte << 8 * k;
        }
        out[i] = value;
    }
    put(w, c->to[0], out, mask);
}

/* IDP: a dot product of bytes (4A) or of two halves with two bytes (2A). mode: 1 and 2 a and b signed, 4 2A, 8 high */
OPERATION(idp) {
    uint32_t out[LANES];
    SOURCE(a, 0);
    SOURCE(b, 1);
    SOURCE(s, 2);
    EACH(i) {
        uint32_t sum = s[i];
        for (int k = 0; k < (c->mode & 4 ? 2 : 4); k++) {
            int at = c->mode & 8 ? k + 2 : k;
            int32_t x = c->mode & 4 ? (int32_t)(a[i] >> 16 * k & 0xffff) : (int32_t)(a[i] >> 8 * k & 255);
            int32_t y = (int32_t)(b[i] >> 8 * at & 255);
            if (c->mode & 1)
                x = c->mode & 4 ? (int16_t)x : (int8_t)x;
            if (c->mode & 2)
                y = (int8_t)y;
            sum += (uint32_t)(x * y);
        }
        out[i] = sum;
    }
    put(w, c->to[0], out, mask);
}

/* The sum of absolute differences. mode: 1 signed; VABSDIFF4 of bytes has 2 */
OPERATION(vabsdiff) {
    uint32_t out[LANES];
    SOURCE(a, 0);
    SOURCE(b, 1);
    SOURCE(s, 2);
    EACH(i) {
        uint32_t sum = s[i];
        for (int k = 0; k < (c->mode & 2 ? 4 : 1); k++) {
            int64_t x = a[i], y = b[i];
            if (c->mode & 2) {
                x = c->mode & 1 ? (int8_t)(a[i] >> 8 * k) : (uint8_t)(a[i] >> 8 * k);
                y = c->mode & 1 ? (int8_t)(b[i] >> 8 * k) : (uint8_t)(b[i] >> 8 * k);
            } else if (c->mode & 1)
                x = (int32_t)x, y = (int32_t)y;
            sum += (uint32_t)(x < y ? y - x : x - y);
        }
        out[i] = sum;
    }
    put(w, c->to[0], out, mask);
}

/* P2R: predicates as bits, where `more` has ones; the rest from a. mode: the byte that they go to, times 8;
   bit 8: uniform predicates */
OPERATION(p2r) {
    uint32_t out[LANES], base = c->mode & 256 ? 8 : 0, shift = c->mode & 31, bits[LANES] = {0};
    SOURCE(a, 0);
    for (uint32_t k = 0; k < 7; k++)
        EACH(i) bits[i] |= (w->p[base + k] >> i & 1) << k;
    EACH(i) out[i] = (a[i] & ~(c->more << shift)) | (bits[i] & c->more) << shift;
    put(w, c->to[0], out, mask);
}

OPERATION(r2p) {
    uint32_t base = c->mode & 256 ? 8 : 0, shift = c->mode & 31;
    SOURCE(a, 0);
    for (uint32_t k = 0; k < 7; k++)
        if (c->more >> k & 1) {
            uint32_t value = 0;
            EACH(i) value |= (a[i] >> (shift + k) & 1) << i;
            put_predicate(w, (uint8_t)(base + k), value, mask);
        }
}

/* I2I and the like: mode: bits kept; 64 signed; 128 saturating */
OPERATION(narrow) {
    uint32_t out[LANES], bits = c->mode & 63;
    int64_t low = c->mode & 64 ? -(1ll << (bits - 1)) : 0, high = (c->mode & 64 ? 1ll << (bits - 1) : 1ll << bits) - 1;
    SOURCE(a, 0);
    EACH(i) {
        int64_t x = AS_SIGNED(a[i]);
        out[i] = c->mode & 128 ? (uint32_t)(x < low ? low : x > high ? high : x) : extended(a[i], bits, !(c->mode & 64));
    }
    put(w, c->to[0], out, mask);
}

/* Between lanes: all active lanes take part. */

static void put_same(struct Thread_group *w, uint16_t to, uint32_t value, uint32_t mask) {
    uint32_t out[LANES];
    EACH(i) out[i] = value;
    put(w, to, out, to >= UNIFORM ? FULL : mask);
}

/* mode: 0 any, 1 all, 2 equal */
OPERATION(vote) {
    uint32_t p = predicate(w, c->p_from[0]) & mask;
    uint32_t result = c->mode == 0 ? p != 0 : c->mode == 1 ? p == mask : p == mask || !p;
    put_same(w, c->to[0], p, mask);
    put_predicate(w, c->p_to[0], result ? FULL : 0, c->p_to[0] >= 8 ? FULL : mask);
}

/* mode: 0 idx, 1 up, 2 down, 3 bfly */
OPERATION(shfl) {
    uint32_t out[LANES], valid = 0;
    SOURCE(a, 0);
    SOURCE(b, 1);
    SOURCE(s, 2);
    EACH(i) {
        uint32_t segment = s[i] >> 8 & 31, clamp = s[i] & 31, by = b[i] & 31;
        int32_t most = (int32_t)((i & segment) | (clamp & ~segment)), from;
        if (c->mode == 0)
            from = (int32_t)((i & segment) | (by & ~segment));
        else
            from = c->mode == 1 ? i - (int32_t)by : c->mode == 2 ? i + (int32_t)by : (int32_t)(i ^ by);
        int inside = c->mode == 1 ? from >= most : from <= most;
        out[i] = a[inside ? from & 31 : i];
        valid |= (uint32_t)inside << i;
    }
    put(w, c->to[0], out, mask);
    put_predicate(w, c->p_to[0], valid, mask);
}

/* mode: 1 of 64 bits, 2 all */
OPERATION(match) {
    uint32_t out[LANES], same = 0;
    uint64_t a[LANES];
    if (c->mode & 1)
        wide(w, c, 0, a);
    else {
        SOURCE(v, 0);
        EACH(i) a[i] = v[i];
    }
    EACH(i) {
        out[i] = 0;
        for (int k = 0; k < LANES; k++)
            out[i] |= (uint32_t)(a[k] == a[i]) << k;
        out[i] &= mask;
        same |= (uint32_t)(out[i] == mask) << i;
    }
    if (c->mode & 2) {
        int all = (same & mask) == mask;
        EACH(i) out[i] = all ? mask : 0;
        put_predicate(w, c->p_to[0], all ? FULL : 0, mask);
    }
    put(w, c->to[0], out, mask);
}

/* mode: 0 and, 1 or, 2 xor, 3 sum, 4 min, 5 max; 8 signed */
OPERATION(redux) {
    SOURCE(a, 0);
    if (!mask)
        return;
    uint32_t kind = c->mode & 7, flip = c->mode & 8 ? 1u << 31 : 0, x = a[first_of(mask)];
    for (uint32_t rest = mask & (mask - 1); rest; rest &= rest - 1) {
        uint32_t y = a[first_of(rest)];
        int less = (y ^ flip) < (x ^ flip);
        x = kind == 0 ? x & y : kind == 1 ? x | y : kind == 2 ? x ^ y : kind == 3 ? x + y : less == (kind == 4) ? y : x;
    }
    put_same(w, c->to[0], x, mask);
}

/* The value of the first active lane; its predicate says which lanes have others. mode: 1 that joins what it said */
OPERATION(r2ur) {
    SOURCE(a, 0);
    if (!mask)
        return;
    uint32_t value = a[first_of(mask)], other = 0;
    put_same(w, c->to[0], value, mask);
    EACH(i) other |= (uint32_t)(a[i] != value) << i;
    put_predicate(w, c->p_to[0], c->mode & 1 ? other | w->p[c->p_to[0]] : other, mask);
}

/* ELECT: the first active lane. */
OPERATION(elect) {
    if (!mask)
        return;
    uint32_t who = (uint32_t)first_of(mask);
    put_same(w, c->to[0], who, mask);
    put_predicate(w, c->p_to[0], 1u << who, c->p_to[0] >= 8 ? FULL : mask);
}

OPERATION(sel_wide) {
    uint64_t a[LANES], b[LANES];
    uint32_t p = predicate(w, c->p_from[0]);
    wide(w, c, 0, a);
    wide(w, c, 1, b);
    EACH(i) a[i] = p >> i & 1 ? a[i] : b[i];
    put_wide(w, c->to[0], a, mask);
}

OPERATION(imnmx_wide) {
    uint64_t a[LANES], b[LANES], flip = c->mode & 1 ? 1ull << 63 : 0;
    uint32_t least = predicate(w, c->p_from[0]);
    wide(w, c, 0, a);
    wide(w, c, 1, b);
    EACH(i) {
        int less = (int64_t)(a[i] ^ flip) < (int64_t)(b[i] ^ flip);
        a[i] = less == (int)(least >> i & 1) ? a[i] : b[i];
    }
    put_wide(w, c->to[0], a, mask);
}

/* VIMNMX of two 16-bit numbers. mode: 1 unsigned */
OPERATION(imnmx_pair) {
    uint32_t out[LANES], least = predicate(w, c->p_from[0]), flip = c->mode & 1 ? 0x8000 : 0;
    SOURCE(a, 0);
    SOURCE(b, 1);
    EACH(i) {
        out[i] = 0;
        for (int k = 0; k < 32; k += 16) {
            uint32_t x = a[i] >> k & 0xffff, y = b[i] >> k & 0xffff;
            int less = (int16_t)(x ^ flip) < (int16_t)(y ^ flip);
            out[i] |= (less == (int)(least >> i & 1) ? x : y) << k;
        }
    }
    put(w, c->to[0], out, mask);
}

OPERATION(nop) {
    (void)w, (void)c, (void)mask;
}

/* MOVM: a matrix of 8 by 8 halves, two in a row per lane, has its rows and columns exchanged. */
OPERATION(transpose) {
    uint32_t out[LANES];
    SOURCE(a, 0);
    EACH(i) {
        uint32_t first = (i & 3) * 8 + (i >> 3), shift = (i >> 2 & 1) * 16; /* column i / 4 of rows 2 (i % 4) and below */
        out[i] = (a[first] >> shift & 0xffff) | (a[first + 4] >> shift & 0xffff) << 16;
    }
    put(w, c->to[0], out, mask);
}

/* A matrix instruction: its product counts as zero, so that the result is source `from[2]`. mode: registers, 1, 2, 4.. */
OPERATION(matrix) {
    for (uint32_t k = 0; k < c->mode; k++) {
        uint32_t from = c->from[2];
        put(w, (uint32_t)(c->to[0] == TRASH ? TRASH : c->to[0] + k), from == ZERO ? w->r[ZERO] : w->r[from + k], mask);
    }
}

const struct Named integer_operations[] = {
    {"mov", mov}, {"popc", popc}, {"iabs", iabs}, {"iadd3", iadd3}, {"imad", imad},
    {"brev", brev}, {"flo", flo}, {"bmsk", bmsk},
    {"sgxt", sgxt}, {"iadd3_carry", iadd3_carry}, {"iadd_wide", iadd_wide}, {"imad_carry", imad_carry},
    {"imad_wide", imad_wide}, {"lea", lea}, {"lop3", lop3}, {"plop3", plop3}, {"shf", shf}, {"isetp", isetp},
    {"isetp_wide", isetp_wide}, {"sel", sel}, {"fsel", fsel}, {"imnmx", imnmx}, {"vimnmx3", vimnmx3}, {"prmt", prmt},
    {"idp", idp}, {"vabsdiff", vabsdiff}, {"p2r", p2r}, {"r2p", r2p}, {"narrow", narrow}, {"vote", vote},
    {"shfl", shfl}, {"match", match}, {"redux", redux}, {"r2ur", r2ur}, {"elect", elect}, {"nop", nop},
    {"transpose", transpose}, {"matrix", matrix}, {"sel_wide", sel_wide}, {"imnmx_wide", imnmx_wide},
    {"imnmx_pair", imnmx_pair}, {NULL, NULL},
};
