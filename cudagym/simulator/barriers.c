/* mbarrier objects: arrivals and bytes that a phase still waits for, in 8 bytes of shared memory.

   PTX keeps the layout opaque; ours is: bits 0-19 the arrivals that each phase expects, 20-39 those this phase still
   waits for, 40-60 the bytes of asynchronous copies that it still waits for (two's complement), bit 61 the parity of
   the phase, bits 62-63 the mark 2 of an object that has been initialised. What an arrival returns is the object as it
   was before. */
#include "runtime.h"

#define COUNT_BITS 20
#define MOST ((1u << COUNT_BITS) - 1)
#define MARK 2

/* In the order of OPERATIONS in isa/barriers.py. */
enum { INIT, INVAL, ARRIVE, ARRIVE_DROP, EXPECT_TX, COMPLETE_TX, ARRIVE_EXPECT_TX, DROP_EXPECT_TX, TEST, TEST_PARITY };

typedef struct Barrier {
    uint32_t expected, pending, parity;
    int32_t bytes;
} Barrier;

static Barrier unpacked(uint64_t bits) {
    return (Barrier){bits & MOST, bits >> COUNT_BITS & MOST, bits >> 61 & 1, (int32_t)(bits >> 40 << 11) >> 11};
}

static uint64_t packed(Barrier b) {
    return b.expected | (uint64_t)b.pending << COUNT_BITS | ((uint64_t)(uint32_t)b.bytes & 0x1fffff) << 40 |
           (uint64_t)b.parity << 61 | (uint64_t)MARK << 62;
}

static uint8_t *barrier_at(Warp *w, uint32_t lane, uint64_t address, int space, uint32_t site) {
    if (space == GENERIC) address -= SHARED_WINDOW;
    else address = (uint32_t)address;
    return locate(w, SHARED, address, 8, 1, lane, site);
}

/* Every thread of the block that waits for an mbarrier looks again. */
static void wake(Warp *w) {
    for (uint32_t i = 0; i < w->block->warps; i++) {
        Warp *other = warp_of(w->machine, w->block, i);
        other->synced &= ~other->parked;
        other->parked = other->expired = 0;
    }
}

static Barrier arrive(Warp *w, Barrier b, uint32_t count, uint32_t lane, uint64_t address, uint32_t site) {
    if (count < 1 || count > b.pending) fault_at(w, BAD_MBARRIER, site, SHARED, lane, address, b.pending, 1);
    b.pending -= count;
    return b;
}

static uint64_t updated(Warp *w, int op, uint64_t bits, uint64_t value, uint32_t lane, uint64_t address,
                        uint32_t site) {
    const uint32_t count = (uint32_t)value;
    Barrier b = unpacked(bits);
    switch (op) {
    case INIT:
        if (count < 1 || count > MOST) fault_at(w, BAD_MBARRIER, site, SHARED, lane, address, count, 1);
        return packed((Barrier){count, count, 0, 0});
    case INVAL: return 0;
    case EXPECT_TX: b.bytes += (int32_t)count; break;
    case COMPLETE_TX: b.bytes -= (int32_t)count; break;
    case ARRIVE: b = arrive(w, b, count, lane, address, site); break;
    case ARRIVE_DROP:
        b = arrive(w, b, count, lane, address, site);
        b.expected -= count;
        break;
    default: /* with expect_tx: one arrival, and `count` bytes */
        b.bytes += (int32_t)count;
        b = arrive(w, b, 1, lane, address, site);
        b.expected -= op == DROP_EXPECT_TX;
    }
    if (!b.pending && !b.bytes) {
        b = (Barrier){b.expected, b.expected, !b.parity, 0};
        wake(w);
        w->block->epoch = ++w->machine->time;
    }
    return packed(b);
}

/* Lanes take turns in ascending order. `code`: operation, space << 8. `b` is a count, a number of bytes, a state or a
   parity; `out` the object before, or whether the phase is over. */
void cg_mbarrier(Warp *w, uint32_t mask, const uint64_t *a, int64_t offset, uint32_t code, uint32_t site,
                 const uint64_t *b, uint64_t *out) {
    const int op = (int)(code & 255), space = (int)(code >> 8);
    uint64_t address[LANES];
    uint8_t *at[LANES];
    if (!mask) return;
    w->accesses++;
    EACH_SET(i, mask) {
        address[i] = a[i] + (uint64_t)offset;
        at[i] = barrier_at(w, i, address[i], space, site);
        address[i] = (uint64_t)(at[i] - w->block->shared);
    }
    if (UNLIKELY(w->watched && w->machine->checked)) watch_atomic(w, mask, address, 8, SHARED, site);
    EACH_SET(i, mask) {
        uint64_t bits;
        memcpy(&bits, at[i], 8);
        if (op != INIT && bits >> 62 != MARK) fault_at(w, BAD_MBARRIER, site, SHARED, i, address[i], MOST + 1, 0);
        if (op == TEST || op == TEST_PARITY) {
            out[i] = (bits >> 61 & 1) != (op == TEST ? b[i] >> 61 & 1 : b[i] & 1);
            continue;
        }
        out[i] = bits;
        bits = updated(w, op, bits, b[i], i, address[i], site);
        memcpy(at[i], &bits, 8);
    }
}

/* Before a try_wait: whether to go on. When no lane's phase is over they are set aside until some phase of the block
   is, or until nothing else in the block can run: then the wait's time is up. */
int32_t cg_mbarrier_wait(Warp *w, uint32_t mask, const uint64_t *a, int64_t offset, uint32_t code, uint32_t site,
                         const uint64_t *b) {
    uint64_t over[LANES];
    uint32_t go = w->expired & mask;
    w->expired &= ~mask;
    cg_mbarrier(w, mask, a, offset, code, site, b, over);
    EACH_SET(i, mask) go |= (uint32_t)over[i] << i;
    if (!go) w->parked |= mask;
    return go != 0;
}
