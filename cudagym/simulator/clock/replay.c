/* One SM, its warps and the clock: replays the traces of the blocks that the SM would run.

   Each of the SM's partitions issues one instruction per cycle, from the warp that has been ready longest. When a warp
   is ready is what the machine code itself says: the stall count to its next instruction, and the scoreboards that
   instruction waits for. A pipe that is still taking the last instruction, a full queue in front of the load/store
   unit, a barrier: these hold it longer. What lies beyond the SM is a share of the L2's and the DRAM's rates, and for
   each load the part of its misses that the L2 misses, too (`l2.c`). Times are in cycles of the SM's clock. */

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "cache.h"
#include "trace.h"

enum { PARTITIONS = 4, SCOREBOARDS = 6, BARRIERS = 16, GROUPS = 8, MOST_WARPS = 64 };

enum Pipe { NO_PIPE, HEAVY, FP32, ALU, FP64, HALF, SPECIAL, TENSOR, UNIFORM, CONTROL, LSU, CONST, PIPES };

enum Kind { PLAIN, LOAD, STORE, ATOMIC, COPY, WAIT, ARRIVE, GROUP, GROUP_WAIT, SHUFFLE, EXIT };

/* Why a warp could not issue, one cycle each. */
enum Reason { ISSUED, FIXED, SHORT, LONG, BARRIER, BUSY, QUEUE, OTHERS, REASONS };

struct Op {
    uint8_t pipe, kind, space;
    uint8_t interval;             /* cycles that the pipe takes before its next instruction */
    uint8_t stall;                /* cycles until the warp's next instruction may issue */
    uint8_t wait;                 /* mask of scoreboards that must be clear first */
    int8_t write_board, read_board;
    uint8_t past_l1;              /* goes to the L2 whatever the L1 holds */
    uint8_t barrier, count;       /* of a barrier: its number and warps (0: all); of GROUP_WAIT: board and groups left */
    float latency;                /* of a result without memory */
    float dram;                   /* of the sectors that miss the L1: those that miss the L2 too */
    float atomic;                 /* cycles of the chip's atomic units, per access, as one SM's share */
};

struct Chip {
    uint64_t l1_bytes;
    float lsu_interval, shared_interval;    /* cycles of the load/store unit per instruction, at least */
    float l1_bytes_per_cycle;
    float port_bytes_per_cycle;             /* between an SM and the L2, each way */
    float l2_bytes_per_cycle, dram_bytes_per_cycle; /* this SM's shares */
    float shared_latency, l1_latency, l2_latency, dram_latency, constant_latency, barrier_latency;
    float queue_cycles;                     /* of work that may wait before the load/store unit */
    float store_cycles;                     /* by which stores may run ahead of the L2 and the DRAM */
    float launch_cycles;                    /* from a block's end to the first instruction of the next in its place */
    float partial_write, dram_write;        /* how much more a store of part of a sector, a write to DRAM, costs */
    uint32_t line_passes;                   /* of the tag stage per 128-byte line */
    uint32_t heavy_only;                    /* fp32 and integer products share one pipe */
};

struct Result {
    double cycles;
    uint64_t instructions;
    double busy[PIPES];                     /* cycles, summed over partitions (LSU: one unit; NO_PIPE: atomics) */
    double l2_bytes, dram_bytes, up_bytes;  /* to the SM, from DRAM or to it, from the SM */
    double l1_sectors, l1_hits;
    double held;                            /* cycles in which only pipes kept warps from issuing, over partitions */
};

struct Slot { /* a warp's place on the SM */
    const struct Run *run, *last;
    const struct Access *access;
    const struct Trace *trace;
    uint32_t pc, left;
    double since;                           /* became free to look at its next instruction */
    double board[SCOREBOARDS];
    uint8_t long_board;                     /* mask: the scoreboard's last setter went to memory */
    double group[GROUPS], copies;           /* when each group of copies, and all copies so far, have arrived */
    uint32_t groups;
    uint16_t block;
    uint8_t reason, alive, blocked, part, row; /* row: in the partition's table of warps */
};

/* What a partition's scheduler looks at, each cycle. */
struct Scheduler {
    double wake;                            /* when there may be something to issue */
    double free[PIPES];                     /* from when each pipe takes the next instruction */
    double ready[MOST_WARPS];               /* from when each warp itself could issue; infinite without a warp */
    uint8_t pipe[MOST_WARPS];               /* that the warp's next instruction needs */
    struct Slot *warp[MOST_WARPS];
    uint32_t warps;
};

struct Place { /* a block's */
    uint16_t warps, alive;
    uint16_t arrived[BARRIERS];
};

struct Machine {
    const struct Op *ops;
    const struct Chip *chip;
    struct Slot *slots;
    uint32_t slot_count;
    struct Place *places;
    struct Cache l1;
    double *fill; /* when the sectors of each line of the L1 arrive */
    struct Scheduler schedulers[PARTITIONS];
    double lsu, constant, port_down, port_up, l2, dram, atomics;
    float *owed; /* sectors to take from DRAM, per instruction, carried over from one access to the next */
    struct Result *result;
    double *stalls; /* [instruction][REASONS], or NULL */
    int32_t ended;  /* the place of a block that has just ended, or -1 */
};

static inline double later(double a, double b)
{
    return a > b ? a : b;
}

/* Takes `bytes` from a channel of some rate; returns when the last of them has passed. */
static inline double pass(double *channel, double from, double bytes, double rate)
{
    *channel = later(*channel, from) + bytes / rate;
    return *channel;
}

/* What a slice of the L2 spends on sectors of one line: it passes two at a time. */
static inline double slice_bytes(int sectors)
{
    return 64.0 * ((sectors + 1) / 2);
}

/* The part of `sectors` that this instruction's misses take from DRAM, in whole sectors over time. */
static inline int from_dram(struct Machine *m, uint32_t pc, int sectors)
{
    float owed = m->owed[pc] + m->ops[pc].dram * (float)sectors;
    int whole = (int)owed;
    m->owed[pc] = owed - (float)whole;
    return whole;
}

static double read_lines(struct Machine *m, const struct Slot *s, const struct Op *op, const struct Access *a, double from)
{
    const struct Chip *chip = m->chip;
    double done = from + chip->l1_latency;
    int missing = 0;
    for (uint32_t k = 0; k < a->lines; k++) {
        uint64_t entry = s->trace->lines[a->first + k];
        uint8_t sectors = entry & 15, absent = sectors;
        double *fill = NULL;
        m->result->l1_sectors += __builtin_popcount(sectors);
        if (!op->past_l1) {
            struct Line *line = cache_line(&m->l1, entry >> 4);
            fill = &m->fill[line - m->l1.lines];
            absent = sectors & (uint8_t)~line->present;
            if (!line->present)
                *fill = 0;
            line->present |= sectors;
            m->result->l1_hits += __builtin_popcount(sectors & (uint8_t)~absent);
            if (absent != sectors)
                done = later(done, *fill);
        }
        if (!absent)
            continue;
        int count = __builtin_popcount(absent), deep = from_dram(m, s->pc, count);
        double arrives = pass(&m->l2, from, slice_bytes(count), chip->l2_bytes_per_cycle);
        arrives = later(arrives, pass(&m->port_down, from, 32.0 * count, chip->port_bytes_per_cycle));
        arrives += chip->l2_latency;
        if (deep)
            arrives = later(arrives, pass(&m->dram, from, 32.0 * deep, chip->dram_bytes_per_cycle) + chip->dram_latency);
        if (fill)
            *fill = later(*fill, arrives);
        done = later(done, arrives);
        missing += count;
        m->result->dram_bytes += 32.0 * deep;
    }
    m->result->l2_bytes += 32.0 * missing;
    return done;
}

/* Returns by how many cycles the warp must wait before it may go on. */
static double write_lines(struct Machine *m, const struct Slot *s, const struct Access *a, double from)
{
    const struct Chip *chip = m->chip;
    int sectors = 0;
    double slices = 0;
    for (uint32_t k = 0; k < a->lines; k++) {
        int count = __builtin_popcountll(s->trace->lines[a->first + k] & 15);
        sectors += count;
        slices += slice_bytes(count);
    }
    int deep = from_dram(m, s->pc, sectors);
    double bytes = 32.0 * sectors;
    if (a->lanes * a->bytes < 32 * sectors)
        slices *= chip->partial_write; /* the slice must merge what it is given with what it has */
    double lag = pass(&m->port_up, from, bytes, chip->port_bytes_per_cycle);
    lag = later(lag, pass(&m->l2, from, slices, chip->l2_bytes_per_cycle));
    if (deep)
        lag = later(lag, pass(&m->dram, from, 32.0 * deep * chip->dram_write, chip->dram_bytes_per_cycle));
    m->result->up_bytes += bytes;
    m->result->dram_bytes += 32.0 * deep;
    return later(0, lag - from - chip->store_cycles);
}

static inline int sectors_of(const struct Slot *s, const struct Access *a)
{
    int sectors = 0;
    for (uint32_t k = 0; k < a->lines; k++)
        sectors += __builtin_popcountll(s->trace->lines[a->first + k] & 15);
    return sectors;
}

/* One instruction through the load/store unit. Returns when its result is there. */
static double access_memory(struct Machine *m, struct Slot *s, const struct Op *op, double now, double *taken)
{
    const struct Chip *chip = m->chip;
    const struct Access *a = s->access;
    double start = later(m->lsu, now), passes, done;
    *taken = start + 1;
    if (!a->lanes) {
        m->lsu = start + 1;
        return start + 1;
    }
    if (op->space == SHARED) {
        passes = a->wavefronts;
        if (op->kind == ATOMIC)
            passes += a->contention;
    } else {
        passes = later((double)a->lines * chip->line_passes, 32.0 * sectors_of(s, a) / chip->l1_bytes_per_cycle);
        if (op->kind == COPY)
            passes = later(passes, a->wavefronts);
    }
    passes = later(passes, op->space == SHARED ? chip->shared_interval : chip->lsu_interval);
    m->lsu = start + passes;
    m->result->busy[LSU] += passes;
    *taken = m->lsu;
    if (op->space == SHARED)
        return m->lsu + chip->shared_latency;
    switch (op->kind) {
    case STORE:
        if (op->space == LOCAL) {
            for (uint32_t k = 0; k < a->lines; k++) {
                struct Line *line = cache_line(&m->l1, s->trace->lines[a->first + k] >> 4);
                if (!line->present)
                    m->fill[line - m->l1.lines] = 0;
                line->present |= s->trace->lines[a->first + k] & 15;
            }
            return m->lsu;
        }
        *taken += write_lines(m, s, a, m->lsu);
        return m->lsu;
    case ATOMIC:
        done = write_lines(m, s, a, m->lsu);
        m->atomics = later(m->atomics, m->lsu) + op->atomic;
        m->result->busy[NO_PIPE] += op->atomic;
        *taken += later(0, m->atomics - m->lsu - chip->store_cycles) + done;
        return m->atomics + chip->l2_latency;
    default:
        return read_lines(m, s, op, a, m->lsu);
    }
}

/* From when the warp's next instruction may issue, as far as the warp itself is concerned. */
static inline void look_ahead(struct Machine *m, struct Slot *s, double from, uint8_t reason)
{
    const struct Op *op = &m->ops[s->pc];
    struct Scheduler *scheduler = &m->schedulers[s->part];
    s->reason = reason;
    for (uint8_t wait = op->wait; wait; wait &= (uint8_t)(wait - 1)) {
        int board = __builtin_ctz(wait);
        if (s->board[board] > from) {
            from = s->board[board];
            s->reason = s->long_board >> board & 1 ? LONG : SHORT;
        }
    }
    if (op->kind == GROUP_WAIT && s->groups > op->count && op->count < GROUPS) {
        double arrived = s->group[(s->groups - 1 - op->count) % GROUPS];
        if (arrived > from) {
            from = arrived;
            s->reason = LONG;
        }
    }
    scheduler->ready[s->row] = from;
    scheduler->pipe[s->row] = op->pipe;
    if (from < scheduler->wake)
        scheduler->wake = from;
}

/* Returns whether the block has anything to do. */
static int next_block(struct Machine *m, uint32_t place, const struct Trace *trace, double from)
{
    struct Place *p = &m->places[place];
    memset(p, 0, sizeof *p);
    p->warps = p->alive = (uint16_t)trace->warps;
    for (uint32_t w = 0; w < trace->warps; w++) {
        uint32_t index = place * trace->warps + w;
        const struct Warp *warp = &trace->warp[w];
        struct Slot *s = &m->slots[index];
        *s = (struct Slot){
            .run = trace->runs + warp->first_run,
            .last = trace->runs + warp->first_run + warp->runs,
            .access = trace->accesses + warp->first_access,
            .trace = trace,
            .since = from,
            .block = (uint16_t)place,
            .alive = 1,
            .part = index % PARTITIONS,
            .row = (uint8_t)(index / PARTITIONS),
        };
        m->schedulers[s->part].warp[s->row] = s;
        if (!warp->runs) { /* cut off before its first instruction */
            s->alive = 0;
            p->alive--;
            continue;
        }
        s->pc = s->run->start;
        s->left = s->run->length;
        look_ahead(m, s, from, FIXED);
    }
    return p->alive > 0;
}

static void release(struct Machine *m, uint32_t place, uint32_t barrier, double now)
{
    struct Place *p = &m->places[place];
    p->arrived[barrier] = 0;
    for (uint32_t w = 0; w < p->warps; w++) {
        uint32_t index = place * p->warps + w;
        struct Slot *s = &m->slots[index];
        if (!s->alive || s->blocked != barrier + 1)
            continue;
        s->blocked = 0;
        look_ahead(m, s, now + m->chip->barrier_latency, BARRIER);
    }
}

/* Lets every warp go that waits at a barrier. Returns whether there was one. */
static int release_all(struct Machine *m, double now)
{
    int found = 0;
    for (uint32_t i = 0; i < m->slot_count; i++)
        if (m->slots[i].alive && m->slots[i].blocked) {
            release(m, m->slots[i].block, m->slots[i].blocked - 1u, now);
            found = 1;
        }
    return found;
}

static inline void occupy(struct Machine *m, struct Scheduler *scheduler, const struct Op *op, double now)
{
    double until = now + op->interval, *free = scheduler->free;
    m->result->busy[op->pipe] += op->interval;
    free[op->pipe] = until;
    if (op->pipe == FP32)
        free[HEAVY] = m->chip->heavy_only ? until : later(free[HEAVY], until);
    else if (op->pipe == HEAVY)
        free[FP32] = m->chip->heavy_only ? until : later(free[FP32], now + 1);
}

/* The load/store unit and the constant cache serve all partitions. */
static inline void queue_for(struct Machine *m, enum Pipe pipe, double until)
{
    for (int p = 0; p < PARTITIONS; p++)
        m->schedulers[p].free[pipe] = until - m->chip->queue_cycles;
}

/* Issues the next instruction of a slot. */
static void issue(struct Machine *m, struct Slot *s, double now)
{
    const struct Chip *chip = m->chip;
    struct Scheduler *scheduler = &m->schedulers[s->part];
    uint32_t pc = s->pc;
    const struct Op *op = &m->ops[pc];
    double done = now + op->latency, taken = now + 1, next = now + (op->stall ? op->stall : 1);
    uint8_t reason = FIXED;
    m->result->instructions++;
    if (m->stalls) {
        double *row = m->stalls + (size_t)pc * REASONS, ready = scheduler->ready[s->row];
        double own = later(0, ready - s->since), rest = now - s->since - own;
        row[ISSUED]++;
        row[s->reason] += own;
        row[rest > 0 && scheduler->free[op->pipe] > ready ? (op->pipe == LSU ? QUEUE : BUSY) : OTHERS] += rest;
    }
    scheduler->ready[s->row] = INFINITY;
    if (op->pipe != NO_PIPE && op->pipe != LSU && op->pipe != CONST)
        occupy(m, scheduler, op, now);
    if (op->space == CONSTANT) {
        const struct Access *a = s->access++;
        m->constant = later(m->constant, now) + (a->wavefronts ? a->wavefronts : 1);
        queue_for(m, CONST, m->constant);
        m->result->busy[CONST] += a->wavefronts;
        done = m->constant + chip->constant_latency;
    } else if (op->space != NO_SPACE) {
        done = access_memory(m, s, op, now, &taken);
        queue_for(m, LSU, m->lsu);
        s->access++;
        if (taken - now > chip->store_cycles) /* stores must not run ahead without end */
            next = later(next, taken - chip->store_cycles);
    } else if (op->kind == SHUFFLE) {
        m->lsu = later(m->lsu, now) + chip->shared_interval;
        queue_for(m, LSU, m->lsu);
        m->result->busy[LSU] += chip->shared_interval;
        done = m->lsu + op->latency;
    }
    if (op->write_board >= 0 && op->kind != GROUP) {
        double *board = &s->board[op->write_board];
        *board = later(*board, done);
        int far = op->space == GLOBAL || op->space == LOCAL;
        s->long_board = (uint8_t)((s->long_board & ~(1 << op->write_board)) | far << op->write_board);
    }
    if (op->read_board >= 0) {
        double *board = &s->board[op->read_board];
        *board = later(*board, taken + 2);
        s->long_board = (uint8_t)(s->long_board & ~(1 << op->read_board));
    }
    if (op->kind == COPY)
        s->copies = later(s->copies, done);
    if (op->kind == GROUP) {
        s->group[s->groups % GROUPS] = s->copies;
        s->groups++;
    }
    if (!--s->left && ++s->run != s->last) {
        s->pc = s->run->start;
        s->left = s->run->length;
    } else {
        s->pc++;
    }
    s->since = now + 1;
    struct Place *p = &m->places[s->block];
    if (s->run == s->last) {
        s->alive = 0;
        if (!--p->alive)
            m->ended = s->block;
        for (uint32_t b = 0; b < BARRIERS; b++)
            if (p->arrived[b] && p->arrived[b] >= p->alive)
                release(m, s->block, b, now);
        return;
    }
    if (op->kind == WAIT || op->kind == ARRIVE) {
        uint32_t expected = op->count ? op->count : p->alive, barrier = op->barrier;
        p->arrived[barrier]++;
        if (op->kind == WAIT)
            s->blocked = (uint8_t)(barrier + 1);
        if (p->arrived[barrier] >= expected) {
            release(m, s->block, barrier, now);
            if (op->kind == WAIT)
                return;
        } else if (op->kind == WAIT) {
            return;
        }
    }
    look_ahead(m, s, next, reason);
}

/* The next thing that a partition does at its wake-up time. */
static void step(struct Machine *m, struct Scheduler *scheduler)
{
    double now = scheduler->wake, next = INFINITY, oldest = INFINITY;
    int best = -1, held = 0;
    for (uint32_t i = 0; i < scheduler->warps; i++) {
        double ready = scheduler->ready[i], from = later(ready, scheduler->free[scheduler->pipe[i]]);
        if (from > now) {
            held = from < next ? from > ready : held;
            next = from < next ? from : next;
        } else if (ready < oldest) {
            oldest = ready;
            best = (int)i;
        }
    }
    scheduler->wake = best < 0 ? ceil(next) : now + 1;
    if (best >= 0)
        issue(m, scheduler->warp[best], now);
    else if (held)
        m->result->held += scheduler->wake - now;
}

/* Replays `count` blocks in order, `resident` at a time. `ends` receives when each block ended, in the order they
   ended. Returns 1, or 0 without memory. */
int clock_replay(const struct Op *ops, uint32_t op_count, const struct Chip *chip, const struct Trace *const *blocks,
                 uint32_t count, uint32_t resident, struct Result *result, double *ends, double *stalls)
{
    uint32_t warps = count ? blocks[0]->warps : 0, started = 0, ended = 0;
    struct Machine m = {.ops = ops, .chip = chip, .slot_count = resident * warps, .result = result, .stalls = stalls, .ended = -1};
    memset(result, 0, sizeof *result);
    m.slots = calloc(m.slot_count ? m.slot_count : 1, sizeof *m.slots);
    m.places = calloc(resident ? resident : 1, sizeof *m.places);
    m.owed = calloc(op_count ? op_count : 1, sizeof *m.owed);
    int ready = cache_open(&m.l1, chip->l1_bytes);
    m.fill = calloc((size_t)m.l1.sets * WAYS, sizeof *m.fill);
    if (ready && m.slots && m.places && m.owed && m.fill) {
        for (uint32_t p = 0; p < PARTITIONS; p++) {
            struct Scheduler *scheduler = &m.schedulers[p];
            scheduler->wake = INFINITY;
            scheduler->warps = (m.slot_count + PARTITIONS - 1 - p) / PARTITIONS;
            for (uint32_t i = 0; i < scheduler->warps; i++)
                scheduler->ready[i] = INFINITY;
        }
        for (uint32_t place = 0; place < resident; place++)
            while (started < count && !next_block(&m, place, blocks[started++], 0))
                ended++;
        double last = 0;
        while (ended < count) {
            struct Scheduler *first = m.schedulers;
            for (struct Scheduler *other = first + 1; other < m.schedulers + PARTITIONS; other++)
                if (other->wake < first->wake)
                    first = other;
            double now = first->wake;
            if (now == INFINITY) { /* the traces were cut off: those that should come to a barrier never do */
                if (!release_all(&m, last))
                    break;
                continue;
            }
            last = now;
            step(&m, first);
            if (m.ended >= 0) {
                ends[ended++] = now + 1;
                while (started < count
                       && !next_block(&m, (uint32_t)m.ended, blocks[started++], now + chip->launch_cycles))
                    ends[ended++] = now + 1;
                m.ended = -1;
            }
        }
        result->cycles = last + (count > 0);
    } else {
        ready = 0;
    }
    free(m.slots);
    free(m.places);
    free(m.owed);
    free(m.fill);
    cache_close(&m.l1);
    return ready;
}
