/* Instructions that touch memory. What they store goes to copies of the pages that they write, never to the program's
   memory. Each notes one Access. */

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "banks.h"
#include "follow.h"

/* Of `mode`: how an address is put together, and what comes after it. */
enum { BASE_WIDE = 1, UNIFORM_WIDE = 2, GENERIC = 4, SCALE_SHIFT = 4, SCALE_MASK = 15, SIGNED = 256, KIND_SHIFT = 9 };
enum { SHARED_HIGH = 0x100, LOCAL_HIGH = 0x200 }; /* upper words of the generic windows */
#define LOCAL_LINES (1ull << 56) /* addresses of local memory, as the lines of an Access name them */

#define OPERATION(name) static void name(struct Thread_group *w, const struct Code *c, uint32_t mask)

static void addresses(const struct Thread_group *w, const struct Code *c, int k, uint64_t *out) {
    const uint32_t *base = vector(w, c->from[k]), *uniform = vector(w, c->from[k + 1]);
    uint32_t scale = c->mode >> SCALE_SHIFT & SCALE_MASK;
    uint64_t first = (uint64_t)(int64_t)c->offset + uniform[0];
    if (c->mode & UNIFORM_WIDE)
        first += (uint64_t)uniform[LANES] << 32;
    if (c->mode & BASE_WIDE)
        EACH(i) out[i] = ((uint64_t)base[LANES + i] << 32 | base[i]) + first;
    else if (c->mode & (UNIFORM_WIDE | GENERIC))
        EACH(i) out[i] = ((uint64_t)base[i] << scale) + first;
    else
        EACH(i) out[i] = (uint32_t)((base[i] << scale) + first);
}

static uint8_t *copy_page(struct Follower *f, struct Slot *slot, uint64_t offset) {
    uint64_t page = offset / PAGE, count = (slot->size + PAGE - 1) / PAGE;
    if (!slot->pages && !(slot->pages = calloc(count, sizeof *slot->pages)))
        return NULL;
    if (!slot->pages[page]) {
        uint64_t start = page * PAGE, bytes = slot->size - start < PAGE ? slot->size - start : PAGE;
        if (!(slot->pages[page] = malloc(PAGE)))
            return NULL;
        memcpy(slot->pages[page], slot->host + start, bytes);
    }
    return slot->pages[page];
}

/* Where an aligned access lies on the host; NULL after noting a fault. */
static uint8_t *global_place(struct Thread_group *w, const struct Code *c, uint64_t address, uint32_t bytes, int write) {
    struct Follower *f = w->follower;
    uint64_t from = address - f->launch.first_address, number = from >> f->launch.slot_bits;
    uint64_t offset = from & ((1ull << f->launch.slot_bits) - 1);
    struct Slot *slot = number < SLOTS ? &f->slot[number] : NULL;
    if (!slot || !slot->host || offset + bytes > slot->size || address & (bytes - 1)) {
        fault(f, BAD_ADDRESS, c, address);
        return NULL;
    }
    if (write && !(slot->pages && slot->pages[offset / PAGE]) && !copy_page(f, slot, offset)) {
        fault(f, NO_MEMORY, c, address);
        return NULL;
    }
    uint8_t *page = slot->pages ? slot->pages[offset / PAGE] : NULL;
    return page ? page + offset % PAGE : slot->host + offset;
}

static uint8_t *shared_place(struct Thread_group *w, const struct Code *c, uint64_t address, uint32_t bytes) {
    uint32_t at = (uint32_t)address & 0xffffff; /* above stands the block's number in its cluster */
    if (at + bytes > w->follower->launch.shared_bytes || at & (bytes - 1)) {
        fault(w->follower, BAD_ADDRESS, c, address);
        return NULL;
    }
    return w->block->shared + at;
}

static uint8_t *local_place(struct Thread_group *w, const struct Code *c, uint64_t address, uint32_t bytes, int lane) {
    uint32_t size = w->follower->launch.local_bytes, at = (uint32_t)address;
    if (at > size || bytes > size - at || at & (bytes - 1)) {
        fault(w->follower, BAD_ADDRESS, c, address);
        return NULL;
    }
    return w->local + (size_t)lane * size + at;
}

static uint32_t space_of(const struct Code *c, uint64_t address) {
    if (c->mode & GENERIC)
        return address >> 32 == SHARED_HIGH ? SHARED : address >> 32 == LOCAL_HIGH ? LOCAL : GLOBAL;
    return c->space;
}

static uint8_t *place(struct Thread_group *w, const struct Code *c, uint64_t address, uint32_t bytes, int lane, int write) {
    switch (space_of(c, address)) {
    case SHARED: return shared_place(w, c, address, bytes);
    case LOCAL: return local_place(w, c, address, bytes, lane);
    default: return global_place(w, c, address, bytes, write);
    }
}

/* Notes the lines that one lane's bytes lie in. */
static void touch(struct Thread_group *w, uint64_t first, uint64_t address, uint32_t bytes) {
    for (uint64_t at = address & ~31ull; at < address + bytes; at += 32) {
        uint64_t line = at >> 7, sector = 1ull << (at >> 5 & 3);
        uint64_t k = w->line_count;
        while (k > first && w->lines[k - 1] >> 4 != line)
            k--;
        if (k > first)
            w->lines[k - 1] |= sector;
        else
            PUSH(w->lines, w->line_count, w->line_room, line << 4 | sector);
    }
}

/* Notes the lines that the lanes touch, each of which lies within one line. Neighbours often share a sector. */
static void touch_all(struct Thread_group *w, uint64_t first, const uint64_t *address, uint32_t mask) {
    uint8_t known[64] = {0}; /* where a line stands among this access's, plus 1, by its low bits or behind */
    uint64_t last = UINT64_MAX;
    for (uint32_t rest = mask; rest; rest &= rest - 1) {
        uint64_t sector = address[first_of(rest)] >> 5, line = sector >> 2;
        if (sector == last)
            continue;
        last = sector;
        uint32_t at = (uint32_t)(line ^ line >> 6) & 63;
        while (known[at] && w->lines[first + known[at] - 1] >> 4 != line)
            at = (at + 1) & 63;
        if (!known[at]) {
            PUSH(w->lines, w->line_count, w->line_room, line << 4);
            known[at] = (uint8_t)(w->line_count - first);
        }
        w->lines[first + known[at] - 1] |= 1ull << (sector & 3);
    }
}

static uint32_t contention(const uint64_t *address, uint32_t mask) {
    uint32_t most = 0;
    for (uint32_t rest = mask; rest; rest &= rest - 1) {
        uint64_t word = address[first_of(rest)] >> 2;
        uint32_t same = 0;
        for (uint32_t k = rest; k; k &= k - 1)
            same += address[first_of(k)] >> 2 == word;
        most = same > most ? same : most;
    }
    return most;
}

/* The bytes of one warp's local memory lie so that the same word of all lanes makes a line. */
static uint64_t local_line(const struct Thread_group *w, uint64_t address, int lane) {
    const struct Launch *l = &w->follower->launch;
    uint64_t warp = (uint64_t)w->block->number * w->block->warps + w->number;
    return LOCAL_LINES + warp * l->local_bytes * LANES + (address & ~3ull) % (1ull << 32) * LANES + 4u * (uint32_t)lane;
}

/* The passes of lanes that keep to shared memory, or else 0 and the lines that they touch, which go to the warp's.
   `which` of the instruction's two patterns. */
static uint32_t spread(struct Thread_group *w, const struct Code *c, int which, uint32_t space, uint32_t mask,
                       const uint64_t *address) {
    if (!mask)
        return 0;
    struct Pattern *p = &w->follower->patterns[2 * (c - w->follower->code) + which];
    uint64_t base = address[first_of(mask)], first = w->line_count, far = 0;
    uint32_t apart[LANES], other = 0, residue = (uint32_t)base & (space == SHARED ? 3 : 127);
    EACH(i) {
        uint64_t d = mask >> i & 1 ? address[i] - base : 0;
        apart[i] = (uint32_t)d;
        far |= (d + (1ull << 31)) >> 32;
        other |= apart[i] ^ p->apart[i];
    }
    if (other || far || p->mask != mask || p->residue != residue) {
        if (space == SHARED)
            p->wavefronts = wavefronts(address, mask, c->bytes);
        else
            touch_all(w, first, address, mask);
        uint64_t lines = w->line_count - first;
        p->mask = far || lines > LANES ? 0 : mask;
        p->residue = residue;
        p->lines = (uint32_t)lines;
        memcpy(p->apart, apart, sizeof apart);
        for (uint64_t k = 0; k < lines && p->mask; k++)
            p->line[k] = w->lines[first + k] - (base >> 7 << 4);
    } else
        for (uint32_t k = 0; k < p->lines; k++)
            PUSH(w->lines, w->line_count, w->line_room, p->line[k] + (base >> 7 << 4));
    return space == SHARED ? p->wavefronts : 0;
}

static void note(struct Thread_group *w, const struct Code *c, uint32_t mask, const uint64_t *address, int atomic) {
    struct Access access = {.first = (uint32_t)w->line_count,
                            .lanes = (uint8_t)__builtin_popcount(mask),
                            .bytes = c->bytes};
    uint64_t first = w->line_count;
    if (!(c->mode & GENERIC) && c->space != LOCAL)
        access.wavefronts = (uint16_t)spread(w, c, 0, c->space, mask, address);
    else {
        uint32_t shared = 0;
        for (uint32_t rest = mask; rest; rest &= rest - 1) {
            int i = first_of(rest);
            switch (space_of(c, address[i])) {
            case SHARED: shared |= 1u << i; break;
            case LOCAL:
                for (uint32_t k = 0; k < c->bytes; k += 4)
                    touch(w, first, local_line(w, address[i] + k, i), 4);
                break;
            default: touch(w, first, address[i], c->bytes);
            }
        }
        access.wavefronts = shared ? (uint16_t)wavefronts(address, shared, c->bytes) : 0;
    }
    access.lines = (uint16_t)(w->line_count - first);
    access.contention = atomic ? (uint16_t)contention(address, mask) : 0;
    PUSH(w->accesses, w->access_count, w->access_room, access);
}

static void put_bytes(struct Thread_group *w, const struct Code *c, int lane, const uint8_t *from) {
    uint32_t (*r)[LANES] = &w->r[c->to[0]];
    if (c->to[0] == TRASH)
        return;
    switch (c->bytes) {
    case 1: r[0][lane] = c->mode & SIGNED ? (uint32_t)(int8_t)*from : *from; break;
    case 2: {
        uint16_t half;
        memcpy(&half, from, 2);
        r[0][lane] = c->mode & SIGNED ? (uint32_t)(int16_t)half : half;
        break;
    }
    default:
        for (uint32_t k = 0; k < c->bytes / 4u && k < 4; k++)
            memcpy(&r[k][lane], from + 4 * k, 4);
        for (uint32_t k = 4; k < c->bytes / 4u && c->to[1] != TRASH; k++)
            memcpy(&w->r[c->to[1] + k - 4][lane], from + 4 * k, 4);
    }
}

/* Where byte 0 lies of a piece of memory that holds all that the lanes want, aligned and as the program has it, and how
   far into it they go; NULL where that is not so simple. */
static const uint8_t *one_piece(struct Thread_group *w, const struct Code *c, uint32_t mask, const uint64_t *address,
                                uint32_t *at) {
    const struct Follower *f = w->follower;
    uint64_t least = UINT64_MAX, most = 0, bits = 0;
    if (c->mode & GENERIC || c->space == LOCAL || !mask)
        return NULL;
    uint64_t any = address[first_of(mask)];
    EACH(i) {
        uint64_t a = mask >> i & 1 ? address[i] : any;
        least = a < least ? a : least;
        most = a > most ? a : most;
        bits |= a;
    }
    if (bits & (c->bytes - 1u) || most - least > 1u << 30)
        return NULL;
    if (c->space == SHARED) {
        if (most > 0xffffff || most + c->bytes > f->launch.shared_bytes)
            return NULL;
        EACH(i) at[i] = mask >> i & 1 ? (uint32_t)address[i] : (uint32_t)any;
        return w->block->shared;
    }
    uint64_t from = least - f->launch.first_address, number = from >> f->launch.slot_bits;
    uint64_t offset = from & ((1ull << f->launch.slot_bits) - 1);
    const struct Slot *slot = number < SLOTS ? &f->slot[number] : NULL;
    if (!slot || !slot->host || slot->pages || offset + (most - least) + c->bytes > slot->size)
        return NULL;
    EACH(i) at[i] = (uint32_t)((mask >> i & 1 ? address[i] : any) - least);
    return slot->host + offset;
}

OPERATION(load) {
    uint64_t address[LANES];
    uint32_t at[LANES];
    addresses(w, c, 0, address);
    note(w, c, mask, address, 0);
    const uint8_t *piece = c->bytes >= 4 && c->bytes <= 16 && !c->uniform ? one_piece(w, c, mask, address, at) : NULL;
    if (piece) {
        uint32_t out[4][LANES]; /* first all, as a load may overwrite its own address */
        for (uint32_t k = 0; k < c->bytes / 4u; k++)
            EACH(i) memcpy(&out[k][i], piece + at[i] + 4 * k, 4);
        for (uint32_t k = 0; k < c->bytes / 4u; k++)
            put(w, c->to[0] == TRASH ? TRASH : c->to[0] + k, out[k], mask);
        return;
    }
    for (uint32_t rest = mask; rest; rest &= rest - 1) {
        int i = first_of(rest);
        const uint8_t *from = place(w, c, address[i], c->bytes, i, 0);
        if (!from)
            return;
        put_bytes(w, c, i, from);
    }
    if (c->uniform && mask) /* all lanes of a uniform register are alike */
        for (uint32_t k = 0; k < (c->bytes + 3u) / 4; k++)
            EACH(i) w->r[c->to[0] + k][i] = w->r[c->to[0] + k][first_of(mask)];
}

OPERATION(store) {
    uint64_t address[LANES];
    uint32_t at[LANES];
    addresses(w, c, 0, address);
    note(w, c, mask, address, 0);
    if (c->space == SHARED && c->bytes >= 4 && c->bytes <= 16 && one_piece(w, c, mask, address, at)) {
        for (uint32_t k = 0; k < c->bytes / 4u; k++) {
            const uint32_t *v = vector(w, c->from[2] == ZERO ? ZERO : c->from[2] + k);
            EACH(i) if (mask >> i & 1) memcpy(w->block->shared + at[i] + 4 * k, &v[i], 4);
        }
        return;
    }
    for (uint32_t rest = mask; rest; rest &= rest - 1) {
        int i = first_of(rest);
        uint8_t *to = place(w, c, address[i], c->bytes, i, 1);
        if (!to)
            return;
        for (uint32_t k = 0; k < c->bytes; k += 4) {
            uint32_t from = c->from[k < 16 ? 2 : 3];
            uint32_t word = from == ZERO ? 0 : vector(w, from)[LANES * (k / 4 % 4) + (uint32_t)i];
            memcpy(to + k, &word, c->bytes < 4 ? c->bytes : 4);
        }
    }
}

/* LDC with a register in its address, ULDC and LDCU: `more` is the bank. */
OPERATION(load_constant) {
    struct Follower *f = w->follower;
    uint64_t address[LANES];
    uint32_t seen[LANES], words = 0;
    addresses(w, c, 0, address);
    for (uint32_t rest = mask; rest; rest &= rest - 1) {
        int i = first_of(rest);
        uint32_t at = (uint32_t)address[i], k = 0;
        while (k < words && seen[k] != at)
            k++;
        if (k == words)
            seen[words++] = at;
        if (!f->bank[c->more & 7] || at > f->bank_bytes[c->more & 7] || c->bytes > f->bank_bytes[c->more & 7] - at) {
            fault(f, BAD_ADDRESS, c, at);
            return;
        }
        put_bytes(w, c, i, f->bank[c->more & 7] + at);
    }
    if (c->uniform && mask)
        for (uint32_t k = 0; k < (c->bytes + 3u) / 4; k++)
            EACH(i) w->r[c->to[0] + k][i] = w->r[c->to[0] + k][first_of(mask)];
    struct Access access = {.first = (uint32_t)w->line_count,
                            .wavefronts = (uint16_t)words,
                            .lanes = (uint8_t)__builtin_popcount(mask),
                            .bytes = c->bytes};
    PUSH(w->accesses, w->access_count, w->access_room, access);
}

/* LDSM and STSM: `more` matrices of eight rows of 16 bytes, whose addresses eight lanes each give. mode bit KIND_SHIFT:
   transposed; the next: a store */
OPERATION(rows) {
    uint64_t address[LANES];
    uint32_t kind = c->mode >> KIND_SHIFT;
    uint32_t giving = mask ? c->more == 4 ? FULL : (1u << 8 * c->more) - 1 : 0;
    addresses(w, c, 0, address);
    struct Access access = {.first = (uint32_t)w->line_count,
                            .wavefronts = (uint16_t)spread(w, c, 0, SHARED, giving, address),
                            .lanes = (uint8_t)__builtin_popcount(giving),
                            .bytes = 16};
    PUSH(w->accesses, w->access_count, w->access_room, access);
    for (uint32_t m = 0; m < c->more && mask; m++) {
        uint32_t out[LANES], from = c->from[2] == ZERO ? ZERO : c->from[2] + m;
        uint8_t *row[8];
        for (uint32_t k = 0; k < 8; k++)
            if (!(row[k] = shared_place(w, c, address[8 * m + k], 16)))
                return;
        for (int i = 0; i < LANES; i++) {
            uint8_t *low = row[i / 4] + 4 * (i % 4), *high = low + 2;
            if (kind & 1)
                low = row[2 * (i % 4)] + 2 * (i / 4), high = row[2 * (i % 4) + 1] + 2 * (i / 4);
            if (kind & 2) {
                memcpy(low, &w->r[from][i], 2);
                memcpy(high, (uint8_t *)&w->r[from][i] + 2, 2);
            } else {
                uint16_t first, second;
                memcpy(&first, low, 2);
                memcpy(&second, high, 2);
                out[i] = (uint32_t)second << 16 | first;
            }
        }
        if (!(kind & 2))
            put(w, c->to[0] == TRASH ? TRASH : c->to[0] + m, out, mask);
    }
}

/* LDGSTS: from[0] and from[1] are the global address, from[2] the shared one, `more` its offset. Where the source
   predicate holds, zeros are stored. One Access: the lines of the load, the passes of the store. */
OPERATION(copy_async) {
    uint64_t address[LANES], to[LANES];
    uint32_t zero = predicate(w, c->p_from[0]) & mask, first = (uint32_t)w->line_count;
    addresses(w, c, 0, address);
    const uint32_t *base = vector(w, c->from[2]), *uniform = vector(w, c->from[3]);
    uint32_t scale = c->mode >> KIND_SHIFT & SCALE_MASK;
    EACH(i) to[i] = (uint32_t)((base[i] << scale) + uniform[0] + c->more);
    spread(w, c, 0, GLOBAL, mask & ~zero, address);
    for (uint32_t rest = mask; rest; rest &= rest - 1) {
        int i = first_of(rest);
        uint8_t *target = shared_place(w, c, to[i], c->bytes);
        if (!target)
            return;
        if (zero >> i & 1) {
            memset(target, 0, c->bytes);
            continue;
        }
        const uint8_t *source = global_place(w, c, address[i], c->bytes, 0);
        if (!source)
            return;
        memcpy(target, source, c->bytes);
    }
    struct Access access = {.first = first,
                            .lines = (uint16_t)(w->line_count - first),
                            .wavefronts = (uint16_t)spread(w, c, 1, SHARED, mask, to),
                            .lanes = (uint8_t)__builtin_popcount(mask),
                            .bytes = c->bytes};
    PUSH(w->accesses, w->access_count, w->access_room, access);
}

enum Atomic { ADD, MIN, MAX, INC, DEC, AND, OR, XOR, EXCH, CAS, CAS_FLAG, POPC_INC };
enum Kind { U32, S32, U64, S64, F32, F64, F16X2, BF16X2 };

static float half_value(uint16_t bits) {
    _Float16 half;
    memcpy(&half, &bits, 2);
    return (float)half;
}

static uint16_t half_bits(float value) {
    _Float16 half = (_Float16)value;
    uint16_t bits;
    memcpy(&bits, &half, 2);
    return bits;
}

static uint16_t bfloat_bits(float value) {
    uint32_t bits;
    memcpy(&bits, &value, 4);
    return (uint16_t)(value != value ? 0x7fff : (bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

static float bfloat_value(uint16_t half) {
    uint32_t bits = (uint32_t)half << 16;
    float value;
    memcpy(&value, &bits, 4);
    return value;
}

static float joined(float x, float y, uint32_t what) {
    return what == MIN ? fminf(x, y) : what == MAX ? fmaxf(x, y) : x + y;
}

static uint64_t combined(uint64_t old, uint64_t value, uint64_t other, uint32_t what, uint32_t kind) {
    switch (what) {
    case EXCH: return value;
    case CAS: return old == value ? other : old;
    case AND: return old & value;
    case OR: return old | value;
    case XOR: return old ^ value;
    case INC: return (uint32_t)old >= (uint32_t)value ? 0 : old + 1;
    case DEC: return !old || (uint32_t)old > (uint32_t)value ? value : old - 1;
    case POPC_INC: return old + 1;
    }
    switch (kind) {
    case F32: {
        float x, y;
        memcpy(&x, &old, 4), memcpy(&y, &value, 4);
        x = joined(x, y, what);
        uint32_t bits;
        memcpy(&bits, &x, 4);
        return bits;
    }
    case F64: {
        double x, y;
        memcpy(&x, &old, 8), memcpy(&y, &value, 8);
        x = what == MIN ? fmin(x, y) : what == MAX ? fmax(x, y) : x + y;
        memcpy(&old, &x, 8);
        return old;
    }
    case F16X2:
    case BF16X2: {
        uint64_t out = 0;
        for (int k = 0; k < 32; k += 16) {
            uint16_t x = (uint16_t)(old >> k), y = (uint16_t)(value >> k);
            uint16_t z = kind == F16X2 ? half_bits(joined(half_value(x), half_value(y), what))
                                       : bfloat_bits(joined(bfloat_value(x), bfloat_value(y), what));
            out |= (uint64_t)z << k;
        }
        return out;
    }
    }
    if (what == ADD)
        return old + value;
    int less = kind == S64   ? (int64_t)value < (int64_t)old
               : kind == S32 ? (int32_t)value < (int32_t)old
                             : value < old;
    return less == (what == MIN) ? value : old;
}

/* ATOM, ATOMG, ATOMS, RED: more is enum Atomic and, from bit 8 on, enum Kind; from[2] the operand, from[3] the second. */
OPERATION(atomic) {
    uint64_t address[LANES];
    uint32_t what = c->more & 255, kind = c->more >> 8, wide_ = c->bytes == 8, success = 0;
    const uint32_t *a = vector(w, c->from[2]), *b = vector(w, c->from[3]);
    uint32_t old_low[LANES], old_high[LANES];
    addresses(w, c, 0, address);
    note(w, c, mask, address, 1);
    for (uint32_t rest = mask; rest; rest &= rest - 1) {
        int i = first_of(rest);
        uint8_t *at = place(w, c, address[i], c->bytes, i, 1);
        if (!at)
            return;
        uint64_t old = 0, value = a[i], other = b[i];
        if (wide_) {
            value |= c->from[2] == ZERO ? 0 : (uint64_t)a[LANES + i] << 32;
            other |= c->from[3] == ZERO ? 0 : (uint64_t)b[LANES + i] << 32;
        }
        memcpy(&old, at, c->bytes);
        success |= (uint32_t)(old == value) << i;
        uint64_t new = combined(old, value, other, what == CAS_FLAG ? CAS : what, kind);
        memcpy(at, &new, c->bytes);
        old_low[i] = what == CAS_FLAG ? old == value : (uint32_t)old;
        old_high[i] = (uint32_t)(old >> 32);
    }
    put(w, c->to[0], old_low, mask);
    if (wide_ && what != CAS_FLAG)
        put(w, c->to[0] == TRASH ? TRASH : c->to[0] + 1u, old_high, mask);
    put_predicate(w, c->p_to[0], what == CAS_FLAG || what == CAS ? success : FULL, mask);
}

/* QSPC: whether a generic address lies in space `more`. */
OPERATION(query_space) {
    uint64_t address[LANES];
    uint32_t yes = 0;
    addresses(w, c, 0, address);
    EACH(i) yes |= (uint32_t)(space_of(c, address[i]) == c->more) << i;
    put_predicate(w, c->p_to[0], yes, mask);
}

/* mbarrier objects, PTX ISA 9.0, "mbarrier": from bit 1 on 20 bits that count up to zero as lanes arrive, from bit 43 on
   what they start from, in bit 63 the phase. Transaction counts are not kept. */
enum { COUNT_AT = 1, START_AT = 43, COUNT_MASK = 0xfffff };

static uint64_t arrived(uint64_t barrier, uint32_t lanes, uint32_t fewer) {
    uint64_t start = ((barrier >> START_AT) + fewer) & COUNT_MASK;
    uint64_t count = ((barrier >> COUNT_AT) + lanes) & COUNT_MASK;
    uint64_t phase = barrier >> 63;
    if (!count)
        count = start, phase ^= 1;
    return phase << 63 | start << START_AT | count << COUNT_AT;
}

enum Sync { SYNC_EXCHANGE, SYNC_ARRIVE_ONE, SYNC_ARRIVE, SYNC_CHECK, SYNC_TRY, SYNC_ARRIVE_AND_DROP };

/* SYNCS; more: enum Sync. A warp whose try fails lets others run. */
OPERATION(synchronise) {
    uint64_t address[LANES], old[LANES];
    const uint32_t *v = vector(w, c->from[2]);
    uint32_t yes = 0;
    addresses(w, c, 0, address);
    if (c->space)
        note(w, c, mask, address, 0);
    for (uint32_t rest = mask; rest; rest &= c->uniform ? 0 : rest - 1) {
        int i = first_of(rest);
        uint8_t *at = shared_place(w, c, address[i], 8);
        if (!at)
            return;
        memcpy(&old[i], at, 8);
        uint64_t new = old[i];
        switch (c->more) {
        case SYNC_EXCHANGE: new = v[i] | (c->from[2] == ZERO ? 0 : (uint64_t)v[LANES + i] << 32); break;
        case SYNC_ARRIVE_ONE: new = arrived(new, 1, 0); break;
        case SYNC_ARRIVE: new = arrived(new, v[i], 0); break;
        case SYNC_ARRIVE_AND_DROP: new = arrived(new, 1, 1); break;
        default: yes |= (uint32_t)(old[i] >> 63 != v[i] >> 31) << i;
        }
        memcpy(at, &new, 8);
    }
    if (c->more == SYNC_CHECK || c->more == SYNC_TRY) {
        put_predicate(w, c->p_to[0], yes, mask);
        w->pause |= c->more == SYNC_TRY && mask & ~yes;
    } else if (!c->uniform)
        put_wide(w, c->to[0], old, mask);
}

const struct Named memory_operations[] = {
    {"load", load}, {"store", store}, {"load_constant", load_constant}, {"rows", rows}, {"copy_async", copy_async},
    {"atomic", atomic}, {"query_space", query_space}, {"synchronise", synchronise},
    {NULL, NULL},
};
