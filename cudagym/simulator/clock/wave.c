/* What SMs share: the L2 under the blocks of one or more waves.

   Blocks that are resident together take turns, a few instructions at a time, so that their accesses mix as on the
   chip. Each SM's L1 stands before the L2. What is counted, per instruction: the sectors that reach the L2, and those
   that the L2 must fetch. Only every `sampling`-th line is looked at, in caches as much smaller. */

#include <stdint.h>
#include <stdlib.h>
#include "cache.h"
#include "trace.h"

enum { TURN = 32 };

/* Of each instruction. */
struct Traffic {
    uint64_t asked, written; /* sectors read from the L2, written to it */
    uint64_t fetched;        /* of these, what comes from DRAM, or goes there in the end */
    uint64_t atomics, contention;     /* instructions with active lanes; lanes on their most wanted words */
};

struct Wave {
    uint64_t l1_bytes, l2_bytes;
    uint32_t sms, resident; /* blocks b and b + sms share an SM while they are resident */
    uint32_t sampling;
    uint64_t written_back; /* sectors that went from the L2 to DRAM */
};

struct Kinds { /* of an instruction, as replay.c's struct Op has them */
    uint8_t space, stores, past_l1, atomic;
};

struct Cursor {
    const struct Run *run, *last;
    const struct Access *access;
    uint32_t pc, left;
};

static void touch(const struct Kinds *kind, struct Traffic *traffic, const struct Trace *trace, const struct Access *a,
                  struct Cache *l1, struct Cache *l2, uint32_t sampling)
{
    for (uint32_t k = 0; k < a->lines; k++) {
        uint64_t entry = trace->lines[a->first + k], number = entry >> 4;
        uint8_t sectors = entry & 15;
        if (sampling > 1 && (number * 0xD6E8FEB86659FD93u >> 40) % sampling)
            continue;
        if (kind->atomic) /* works in the L2 on what must come there first */
            traffic->fetched += (uint64_t)__builtin_popcount(cache_read(l2, number, sectors));
        if (kind->stores || kind->atomic) {
            traffic->written += (uint64_t)__builtin_popcount(sectors);
            traffic->fetched += (uint64_t)__builtin_popcount(cache_write(l2, number, sectors));
            continue;
        }
        if (!kind->past_l1)
            sectors = cache_read(l1, number, sectors);
        if (!sectors)
            continue;
        traffic->asked += (uint64_t)__builtin_popcount(sectors);
        traffic->fetched += (uint64_t)__builtin_popcount(cache_read(l2, number, sectors));
    }
}

/* Advances one warp by a turn. Returns 0 when it has ended. */
static int turn(const struct Kinds *kinds, struct Traffic *traffic, const struct Trace *trace, struct Cursor *c,
                struct Cache *l1, struct Cache *l2, uint32_t sampling)
{
    for (int n = 0; n < TURN && c->run != c->last; n++) {
        const struct Kinds *kind = &kinds[c->pc];
        if (kind->space != NO_SPACE) {
            const struct Access *a = c->access++;
            if (kind->space == GLOBAL && a->lanes) {
                touch(kind, &traffic[c->pc], trace, a, l1, l2, sampling);
                if (kind->atomic) {
                    traffic[c->pc].atomics++;
                    traffic[c->pc].contention += a->contention;
                }
            }
        }
        if (!--c->left && ++c->run != c->last) {
            c->pc = c->run->start;
            c->left = c->run->length;
        } else {
            c->pc++;
        }
    }
    return c->run != c->last;
}

/* Plays `count` blocks, given in the order of launch, `sms * resident` at a time. `traffic` has one entry per
   instruction and counts from the `counted_from`-th block on. Returns 1, or 0 without memory. */
int clock_wave(const struct Kinds *kinds, struct Traffic *traffic, struct Traffic *warming, struct Wave *wave,
               const struct Trace *const *blocks, uint32_t count, uint32_t counted_from)
{
    uint32_t together = wave->sms * wave->resident, used = count < wave->sms ? count : wave->sms, ready = 1;
    struct Cache l2, *l1 = calloc(used ? used : 1, sizeof *l1);
    ready &= cache_open(&l2, wave->l2_bytes / wave->sampling) && l1;
    for (uint32_t s = 0; l1 && s < used; s++)
        ready &= cache_open(&l1[s], wave->l1_bytes / wave->sampling);
    uint64_t back = 0;
    for (uint32_t from = 0; ready && from < count; from += together) {
        uint32_t to = from + together < count ? from + together : count, cursors = 0, live;
        for (uint32_t b = from; b < to; b++)
            cursors += blocks[b]->warps;
        struct Cursor *cursor = calloc(cursors ? cursors : 1, sizeof *cursor), *c = cursor;
        if (!cursor) {
            ready = 0;
            break;
        }
        for (uint32_t b = from; b < to; b++)
            for (uint32_t w = 0; w < blocks[b]->warps; w++, c++) {
                const struct Warp *warp = &blocks[b]->warp[w];
                c->run = blocks[b]->runs + warp->first_run;
                c->last = c->run + warp->runs;
                c->access = blocks[b]->accesses + warp->first_access;
                c->pc = warp->runs ? c->run->start : 0;
                c->left = warp->runs ? c->run->length : 0;
            }
        if (from <= counted_from)
            back = l2.written_back;
        do {
            live = 0;
            c = cursor;
            for (uint32_t b = from; b < to; b++)
                for (uint32_t w = 0; w < blocks[b]->warps; w++, c++)
                    if (c->run != c->last)
                        live |= (uint32_t)turn(kinds, b < counted_from ? warming : traffic, blocks[b], c,
                                               &l1[(b - from) % used], &l2, wave->sampling);
        } while (live);
        free(cursor);
    }
    wave->written_back = (l2.written_back - back) * wave->sampling;
    for (uint32_t s = 0; l1 && s < used; s++)
        cache_close(&l1[s]);
    free(l1);
    cache_close(&l2);
    return (int)ready;
}
