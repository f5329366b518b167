/* Loads, stores and atomics of a warp. Every address is checked against its buffer, window and alignment. */
#include "runtime.h"

__attribute__((noreturn)) void fault_at(Warp *w, int kind, uint32_t site, int space, uint32_t lane, uint64_t address,
                                        uint32_t width, int write) {
    Fault *f = &w->machine->fault;
    memset(f, 0, sizeof *f);
    f->kind = kind;
    f->site = (int32_t)site;
    f->space = space;
    f->lane = (int32_t)lane;
    f->warp = (int32_t)w->index;
    f->block = w->block->id;
    f->address = address;
    f->width = (int32_t)width;
    f->write = write;
    f->other_thread = -1;
    longjmp(w->machine->escape, 1);
}

uint8_t *locate(Warp *w, int space, uint64_t address, uint32_t bytes, int write, uint32_t lane, uint32_t site) {
    Machine *m = w->machine;
    uint64_t offset, size;
    uint8_t *host;
    if (address & (bytes - 1)) fault_at(w, MISALIGNED, site, space, lane, address, bytes, write);
    if (space == SHARED || (space == GENERIC && address - SHARED_WINDOW < WINDOW_BYTES)) {
        offset = space == SHARED ? address : address - SHARED_WINDOW;
        host = w->block->shared;
        size = m->shared_bytes;
    } else if (!write && (space == GENERIC || space == PARAM) && address - PARAM_WINDOW < WINDOW_BYTES) {
        offset = address - PARAM_WINDOW;
        host = (uint8_t *)m->params;
        size = m->param_bytes;
    } else {
        uint64_t index = (address - FIRST_ADDRESS) >> SLOT_BITS;
        if (index >= MAX_SLOTS) fault_at(w, OUT_OF_BOUNDS, site, space, lane, address, bytes, write);
        Slot *slot = &m->slots[index];
        offset = (address - FIRST_ADDRESS) & ((1ull << SLOT_BITS) - 1);
        host = slot->host;
        size = slot->size;
        if (write && offset < size && slot->flags & READ_ONLY)
            fault_at(w, INPUT_MODIFIED, site, space, lane, address, bytes, write);
    }
    if (size < bytes || offset > size - bytes) fault_at(w, OUT_OF_BOUNDS, site, space, lane, address, bytes, write);
    return host + offset;
}

/* Local memory is interleaved as on the device: the 4-byte words of the 32 lanes lie side by side. */
INLINE uint8_t *local_byte(Warp *w, uint32_t lane, uint64_t offset) {
    return w->local + (offset >> 2) * (4 * LANES) + lane * 4 + (offset & 3);
}

static int is_local(int space, uint64_t address, uint64_t *offset) {
    *offset = space == LOCAL ? address : address - LOCAL_WINDOW;
    return space == LOCAL || (space == GENERIC && *offset < WINDOW_BYTES);
}

static void check_local(Warp *w, int space, uint64_t address, uint64_t offset, uint32_t bytes, int write, uint32_t lane,
                        uint32_t site) {
    uint64_t size = w->machine->local_bytes;
    if (offset & (bytes - 1)) fault_at(w, MISALIGNED, site, space, lane, address, bytes, write);
    if (size < bytes || offset > size - bytes) fault_at(w, OUT_OF_BOUNDS, site, space, lane, address, bytes, write);
}

/* One lane's access, in any space: the slow and general path. */
static void lane_access(Warp *w, int space, uint64_t address, uint8_t *data, uint32_t bytes, int write, uint32_t lane,
                        uint32_t site) {
    uint64_t offset;
    if (is_local(space, address, &offset)) {
        check_local(w, space, address, offset, bytes, write, lane, site);
        uint32_t step = bytes < 4 ? bytes : 4;
        for (uint32_t k = 0; k < bytes; k += step) {
            uint8_t *at = local_byte(w, lane, offset + k);
            if (write) memcpy(at, data + k, step);
            else memcpy(data + k, at, step);
        }
        return;
    }
    uint8_t *at = locate(w, space, address, bytes, write, lane, site);
    if (write) memcpy(at, data, bytes);
    else memcpy(data, at, bytes);
}

/* Tells the observers about an access whose lanes may lie in several spaces. */
static void watch_lanes(Warp *w, uint32_t mask, const uint64_t *address, uint32_t bytes, int space, int write,
                        int strong, uint32_t site, const uint8_t *values, uint32_t width) {
    uint64_t plain[LANES];
    uint32_t shared = 0, global = 0;
    EACH_SET(i, mask) {
        plain[i] = address[i];
        if (space == SHARED) shared |= 1u << i;
        else if (address[i] >= FIRST_ADDRESS) global |= 1u << i;
        else if (space == GENERIC && address[i] - SHARED_WINDOW < WINDOW_BYTES) {
            plain[i] -= SHARED_WINDOW;
            shared |= 1u << i;
        }
    }
    if (shared) watch_access(w, shared, plain, bytes, SHARED, write, strong, site, values, width);
    if (global) watch_access(w, global, plain, bytes, GLOBAL, write, strong, site, values, width);
}

static int alters(const Warp *w) { return w->watched && w->machine->alteration >= 0; }

static void alter_lane(Warp *w, int space, uint64_t address, uint8_t *data, uint32_t bytes, uint32_t site) {
    if (space == SHARED) watch_alter(w, data, bytes, address, SHARED, site);
    else if (address >= FIRST_ADDRESS) watch_alter(w, data, bytes, address, GLOBAL, site);
    else if (space == GENERIC && address - SHARED_WINDOW < WINDOW_BYTES)
        watch_alter(w, data, bytes, address - SHARED_WINDOW, SHARED, site);
}

/* Element k of lane i lies at element[k * 256 + i * width]; in memory a lane's elements are adjacent. */
static void move_lanes(Warp *w, uint32_t mask, const uint64_t *a, int space, int strong, uint32_t site,
                       uint8_t *elements, uint32_t width, uint32_t count, int write) {
    const uint32_t bytes = width * count;
    uint8_t lane_data[64];
    /* Check all lanes first: an access that faults changes nothing. */
    EACH_SET(i, mask) {
        uint64_t offset;
        if (is_local(space, a[i], &offset)) check_local(w, space, a[i], offset, bytes, write, i, site);
        else locate(w, space, a[i], bytes, write, i, site);
    }
    if (UNLIKELY(w->watched)) watch_lanes(w, mask, a, bytes, space, write, strong, site, elements, width);
    EACH_SET(i, mask) {
        uint8_t *element = elements + i * width;
        if (write)
            for (uint32_t k = 0; k < count; k++) memcpy(lane_data + k * width, element + k * 256, width);
        lane_access(w, space, a[i], lane_data, bytes, write, i, site);
        if (UNLIKELY(alters(w)) && !write) alter_lane(w, space, a[i], lane_data, bytes, site);
        if (!write)
            for (uint32_t k = 0; k < count; k++) memcpy(element + k * 256, lane_data + k * width, width);
    }
}

static __attribute__((noinline)) void move_slowly(Warp *w, uint32_t mask, const uint64_t *a, int64_t offset, int space,
                                                  int strong, uint32_t site, uint8_t *elements, int width, int count,
                                                  int write) {
    uint64_t address[LANES];
    EACH_LANE(i) address[i] = a[i] + (uint64_t)offset;
    move_lanes(w, mask, address, space, strong, site, elements, (uint32_t)width, (uint32_t)count, write);
}

/* Interleaves between registers (one vector per element) and memory (a lane's elements side by side). */
INLINE void copy_contiguous(uint8_t *memory, uint8_t *elements, const int width, const int count, const int write) {
    if (count == 1) {
        if (write) memcpy(memory, elements, (size_t)(LANES * width));
        else memcpy(elements, memory, (size_t)(LANES * width));
        return;
    }
    EACH_LANE(i) for (int k = 0; k < count; k++) {
        uint8_t *at = memory + (i * count + k) * width, *element = elements + k * 256 + i * width;
        if (write) memcpy(at, element, (size_t)width);
        else memcpy(element, at, (size_t)width);
    }
}

INLINE void copy_scattered(uint8_t *base, const uint64_t *offsets, uint32_t mask, uint8_t *elements, const int width,
                           const int count, const int write) {
    if (!write || mask == FULL) {
        EACH_LANE(i) for (int k = 0; k < count; k++) {
            uint8_t *at = base + offsets[i] + k * width, *element = elements + k * 256 + i * width;
            if (write) memcpy(at, element, (size_t)width);
            else memcpy(element, at, (size_t)width);
        }
        return;
    }
    EACH_SET(i, mask) for (int k = 0; k < count; k++)
        memcpy(base + offsets[i] + k * width, elements + k * 256 + i * (uint32_t)width, (size_t)width);
}

/* `space` packs the state space and, in bit 8, whether the access is strong (volatile, relaxed, acquire, release). */
INLINE void move_global(Warp *w, uint32_t mask, const uint64_t *a, int64_t offset, uint32_t space, uint32_t site,
                        uint8_t *elements, const int width, const int count, const int write) {
    const uint64_t bytes = (uint64_t)(width * count);
    if (!mask) return;
    w->accesses++;
    uint64_t filled[LANES], o[LANES];
    if (mask != FULL) {
        const uint64_t first = a[__builtin_ctz(mask)];
        EACH_LANE(i) filled[i] = mask >> i & 1 ? a[i] : first;
        a = filled;
    }
    const uint64_t index = (a[0] + (uint64_t)offset - FIRST_ADDRESS) >> SLOT_BITS;
    if (index < MAX_SLOTS) {
        const Slot *slot = &w->machine->slots[index];
        const uint64_t base = FIRST_ADDRESS + (index << SLOT_BITS) - (uint64_t)offset;
        if (slot->size >= bytes && !(write && slot->flags & READ_ONLY) && !UNLIKELY(alters(w))) {
            const uint64_t last = slot->size - bytes;
            uint64_t gaps = 0, bad = 0;
            EACH_LANE(i) {
                o[i] = a[i] - base;
                gaps |= o[i] ^ (a[0] - base + (uint64_t)i * bytes);
                bad |= (uint64_t)(o[i] > last) | (o[i] & (bytes - 1));
            }
            if (!bad) {
                if (UNLIKELY(w->watched)) {
                    uint64_t address[LANES];
                    EACH_LANE(i) address[i] = a[i] + (uint64_t)offset;
                    watch_access(w, mask, address, (uint32_t)bytes, GLOBAL, write, (int)(space >> 8), site, elements,
                                 (uint32_t)width);
                }
                if (!gaps) copy_contiguous(slot->host + o[0], elements, width, count, write);
                else copy_scattered(slot->host, o, mask, elements, width, count, write);
                return;
            }
        }
    }
    move_slowly(w, mask, a, offset, (int)(space & 255), (int)(space >> 8), site, elements, width, count, write);
}

INLINE void move_shared(Warp *w, uint32_t mask, const uint32_t *a, int64_t offset, uint32_t space, uint32_t site,
                        uint8_t *elements, const int width, const int count, const int write) {
    const uint32_t bytes = (uint32_t)(width * count);
    if (!mask) return;
    w->accesses++;
    uint64_t wide[LANES], o[LANES];
    uint32_t filled[LANES];
    if (mask != FULL) {
        const uint32_t first = a[__builtin_ctz(mask)];
        EACH_LANE(i) filled[i] = mask >> i & 1 ? a[i] : first;
        a = filled;
    }
    const uint64_t size = w->machine->shared_bytes;
    if (size >= bytes && !UNLIKELY(alters(w))) {
        const uint32_t last = (uint32_t)size - bytes, first = a[0] + (uint32_t)offset;
        uint32_t gaps = 0, spread = 0, bad = 0;
        EACH_LANE(i) {
            const uint32_t at = a[i] + (uint32_t)offset;
            gaps |= at ^ (first + (uint32_t)i * bytes);
            spread |= at ^ first;
            bad |= (uint32_t)(at > last) | (at & (bytes - 1));
            o[i] = at;
        }
        if (!bad) {
            if (UNLIKELY(w->watched))
                watch_access(w, mask, o, bytes, SHARED, write, (int)(space >> 8), site, elements, (uint32_t)width);
            if (!gaps) copy_contiguous(w->block->shared + first, elements, width, count, write);
            else if (!write && !spread) {
                EACH_LANE(i) for (int k = 0; k < count; k++)
                    memcpy(elements + k * 256 + i * width, w->block->shared + first + k * width, (size_t)width);
            } else copy_scattered(w->block->shared, o, mask, elements, width, count, write);
            return;
        }
    }
    EACH_LANE(i) wide[i] = (uint32_t)(a[i] + (uint32_t)offset);
    move_slowly(w, mask, wide, 0, SHARED, (int)(space >> 8), site, elements, width, count, write);
}

INLINE void move_local(Warp *w, uint32_t mask, const uint64_t *a, int64_t offset, uint32_t space, uint32_t site,
                       uint8_t *elements, const int width, const int count, const int write) {
    if (!mask) return;
    w->accesses++;
    move_slowly(w, mask, a, offset, LOCAL, (int)(space >> 8), site, elements, width, count, write);
}

#define MOVES(space, type, width, count)                                                                             \
    void cg_load_##space##_##width##x##count(Warp *w, uint32_t mask, const type *a, int64_t offset, uint32_t code,    \
                                             uint32_t site, uint8_t *out) {                                          \
        move_##space(w, mask, a, offset, code, site, out, width, count, 0);                                          \
    }                                                                                                                \
    void cg_store_##space##_##width##x##count(Warp *w, uint32_t mask, const type *a, int64_t offset, uint32_t code,   \
                                              uint32_t site, uint8_t *in) {                                          \
        move_##space(w, mask, a, offset, code, site, in, width, count, 1);                                           \
    }
#define EVERY_WIDTH(space, type)                                                                                     \
    MOVES(space, type, 1, 1) MOVES(space, type, 1, 2) MOVES(space, type, 1, 4) MOVES(space, type, 2, 1)               \
    MOVES(space, type, 2, 2) MOVES(space, type, 2, 4) MOVES(space, type, 4, 1) MOVES(space, type, 4, 2)               \
    MOVES(space, type, 4, 4) MOVES(space, type, 4, 8) MOVES(space, type, 8, 1) MOVES(space, type, 8, 2)              \
    MOVES(space, type, 8, 4)
EVERY_WIDTH(global, uint64_t)
EVERY_WIDTH(shared, uint32_t)
EVERY_WIDTH(local, uint64_t)

/* All active lanes load from one address; `shape` is width and, in bits 8 up, count. Elements are 8 bytes apart. */
void cg_load_uniform(Warp *w, uint32_t mask, uint64_t address, uint32_t code, uint32_t shape, uint32_t site,
                     uint8_t *out) {
    const uint32_t width = shape & 255, count = shape >> 8, space = code & 255;
    uint8_t data[32];
    if (!mask) return;
    w->accesses++;
    const uint32_t lane = (uint32_t)__builtin_ctz(mask);
    lane_access(w, (int)space, address, data, width * count, 0, lane, site);
    if (UNLIKELY(w->watched)) {
        uint64_t all[LANES];
        EACH_LANE(i) all[i] = address;
        watch_lanes(w, mask, all, width * count, (int)space, 0, (int)(code >> 8), site, 0, width);
        if (alters(w)) alter_lane(w, (int)space, address, data, width * count, site);
    }
    for (uint32_t k = 0; k < count; k++) memcpy(out + 8 * k, data + k * width, width);
}

/* ---- atomics: in the order of ATOMIC_OPS and ATOMIC_TYPES in isa.py ---- */
enum { A_ADD, A_MIN, A_MAX, A_AND, A_OR, A_XOR, A_EXCH, A_CAS, A_INC, A_DEC };
enum { T_B32, T_B64, T_U32, T_S32, T_U64, T_S64, T_F32, T_F64, T_F16, T_F16X2, T_BF16, T_BF16X2, T_B16, T_B128 };

float cg_half_to_float(uint16_t);
uint16_t cg_float_to_half(float);
uint16_t cg_float_to_bfloat(float);

static float bfloat_to_float(uint16_t h) {
    uint32_t bits = (uint32_t)h << 16;
    float f;
    memcpy(&f, &bits, 4);
    return f;
}

static uint16_t add16(uint16_t a, uint16_t b, int brain) {
    return brain ? cg_float_to_bfloat(bfloat_to_float(a) + bfloat_to_float(b))
                 : cg_float_to_half(cg_half_to_float(a) + cg_half_to_float(b));
}

static uint16_t pick16(uint16_t a, uint16_t b, int brain, int largest) {
    float x = brain ? bfloat_to_float(a) : cg_half_to_float(a), y = brain ? bfloat_to_float(b) : cg_half_to_float(b);
    if (x != x) return b;
    if (y != y) return a;
    return (x < y) == !largest ? a : b;
}

static uint64_t combine_float(int op, int type, uint64_t old, uint64_t b) {
    if (type == T_F32) {
        float x, y;
        memcpy(&x, &old, 4);
        memcpy(&y, &b, 4);
        x = op == A_ADD ? x + y : op == A_MIN ? __builtin_fminf(x, y) : __builtin_fmaxf(x, y);
        uint32_t bits;
        memcpy(&bits, &x, 4);
        return bits;
    }
    if (type == T_F64) {
        double x, y;
        memcpy(&x, &old, 8);
        memcpy(&y, &b, 8);
        x = op == A_ADD ? x + y : op == A_MIN ? __builtin_fmin(x, y) : __builtin_fmax(x, y);
        memcpy(&old, &x, 8);
        return old;
    }
    const int brain = type == T_BF16 || type == T_BF16X2;
    uint64_t result = 0;
    for (int shift = 0; shift < (type == T_F16 || type == T_BF16 ? 16 : 32); shift += 16) {
        uint16_t x = (uint16_t)(old >> shift), y = (uint16_t)(b >> shift);
        result |= (uint64_t)(op == A_ADD ? add16(x, y, brain) : pick16(x, y, brain, op == A_MAX)) << shift;
    }
    return result;
}

static uint64_t combine(int op, int type, uint64_t old, uint64_t b, uint64_t c) {
    switch (op) {
    case A_EXCH: return b;
    case A_CAS: return old == b ? c : old;
    case A_AND: return old & b;
    case A_OR: return old | b;
    case A_XOR: return old ^ b;
    case A_INC: return old >= b ? 0 : old + 1;
    case A_DEC: return old == 0 || old > b ? b : old - 1;
    }
    switch (type) {
    case T_U32: case T_U64: case T_B32: case T_B64:
        return op == A_ADD ? old + b : (old < b) == (op == A_MIN) ? old : b;
    case T_S32:
        return op == A_ADD ? old + b : ((int32_t)old < (int32_t)b) == (op == A_MIN) ? old : b;
    case T_S64:
        return op == A_ADD ? old + b : ((int64_t)old < (int64_t)b) == (op == A_MIN) ? old : b;
    default: return combine_float(op, type, old, b);
    }
}

/* atom.add.f32 flushes subnormal numbers to zero in global memory, and keeps them in shared (PTX ISA, "atom"). */
static uint64_t flush32(uint64_t bits) { return bits & 0x7f800000 ? bits : bits & 0x80000000; }

static int is_shared(const Warp *w, const uint8_t *at) {
    return (uint64_t)(at - w->block->shared) < w->machine->shared_bytes;
}

/* exch and cas of 16 bytes, whose halves are the elements 0 and 1. */
static void exchange128(int op, uint8_t *at, const uint64_t *b, const uint64_t *c, uint64_t *out) {
    const uint64_t *next = op == A_CAS ? c : b;
    memcpy(out, at, 8);
    memcpy(out + LANES, at + 8, 8);
    if (op == A_CAS && (out[0] != b[0] || out[LANES] != b[LANES])) return;
    memcpy(at, next, 8);
    memcpy(at + 8, next + LANES, 8);
}

/* Lanes take turns in ascending order. `code`: operation, type << 8, space << 16, elements << 20, width << 24,
   whether it orders other accesses << 30. Operands and results are 8 bytes per lane; element k lies 256 bytes on. */
void cg_atomic(Warp *w, uint32_t mask, const uint64_t *a, int64_t offset, uint32_t code, uint32_t site,
               const uint64_t *b, const uint64_t *c, uint64_t *out) {
    const int op = (int)(code & 255), type = (int)(code >> 8 & 255), space = (int)(code >> 16 & 15);
    const uint32_t count = code >> 20 & 15, width = code >> 24 & 15;
    uint64_t address[LANES];
    uint8_t *at[LANES];
    if (!mask) return;
    w->accesses++;
    EACH_SET(i, mask) {
        address[i] = a[i] + (uint64_t)offset;
        if (space == SHARED) address[i] = (uint32_t)address[i];
        at[i] = locate(w, space, address[i], width * count, 1, i, site);
    }
    if (UNLIKELY(w->watched)) {
        uint32_t shared = 0;
        EACH_SET(i, mask) {
            if (space == GENERIC && address[i] - SHARED_WINDOW < WINDOW_BYTES) address[i] -= SHARED_WINDOW;
            else if (space != SHARED) continue;
            shared |= 1u << i;
        }
        if (shared) watch_atomic(w, shared, address, width * count, SHARED, site);
        if (mask & ~shared) watch_atomic(w, mask & ~shared, address, width * count, GLOBAL, site);
        if (code >> 30 & 1) watch_order(w);
    }
    if (type == T_B128) {
        EACH_SET(i, mask) exchange128(op, at[i], b + i, c + i, out + i);
        return;
    }
    EACH_SET(i, mask) for (uint32_t k = 0; k < count; k++) {
        uint64_t old = 0;
        memcpy(&old, at[i] + k * width, width);
        uint64_t next;
        if (type == T_F32 && op == A_ADD && !is_shared(w, at[i]))
            next = flush32(combine_float(op, type, flush32(old), flush32(b[k * LANES + i])));
        else next = combine(op, type, old, b[k * LANES + i], c[k * LANES + i]);
        memcpy(at[i] + k * width, &next, width);
        out[k * LANES + i] = old;
    }
}
