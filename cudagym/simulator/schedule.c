/* Blocks and warps: who runs next, barriers, progress. */
#include "runtime.h"

#include <stddef.h>
#include <stdlib.h>
#include <time.h>

#define BYTES_PER_STEP 16384 /* of a block's memory to prepare, charged to the budget like an instruction */
#define FUEL 2048 /* backward jumps between two looks at the budget */
#define SPINNING_FUEL 32 /* for a warp that only waits */
#define PATIENCE 64 /* rounds a block may only yield before others get a turn */
#define ROUNDS_UNTIL_STUCK 3
#define WINDOW 64 /* blocks whose starts a schedule may exchange */
#define CLOCK_STEPS 2000000 /* warp instructions between two looks at the clock */

enum BlockState { ENDED, SPINS, PREEMPTED };

/* What a busy machine or a stopped process waits for is not the kernel's fault: time of processors counts. */
static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static uint64_t round_up(uint64_t size, uint64_t to) { return (size + to - 1) / to * to; }

/* ---- schedules ----
   Schedule 0 starts blocks in ascending order and lets warps take their turns in that order too, each as long as it
   can. Every other number seeds a generator that shuffles both, cuts turns short, and lets blocks interleave. Lanes
   that wait for each other take turns upwards or downwards; those that have come together stay together, as programs
   without __syncwarp() expect. */

/* splitmix64 */
static uint32_t draw(Machine *m, uint32_t below) {
    uint64_t z = m->random += 0x9e3779b97f4a7c15ull;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return (uint32_t)((z ^ z >> 31) % below);
}

/* 0 to count - 1 in the schedule's order. */
static void arrange(Machine *m, uint8_t *order, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t j = m->schedule ? draw(m, i + 1) : i;
        order[i] = order[j];
        order[j] = (uint8_t)i;
    }
}

/* ---- one block's memory ---- */

static uint64_t local_stride(const Machine *m) { return round_up(m->local_bytes, 4) * LANES; }

static void free_block(Block *b) {
    free(b->warp_base);
    free(b->shared);
    free(b->local);
    free(b->shadow);
    free(b);
}

static Block *new_block(const Machine *m) {
    Block *b = calloc(1, sizeof *b);
    if (!b) return NULL;
    b->warp_base = aligned_alloc(64, round_up(m->warps * m->warp_stride, 64));
    b->shared = aligned_alloc(64, round_up(m->shared_bytes + 64, 64));
    b->local = aligned_alloc(64, round_up(m->warps * local_stride(m) + 64, 64));
    if (m->checked) b->shadow = malloc((m->shared_bytes / 4 + 1) * sizeof(SharedWord));
    if (b->warp_base && b->shared && b->local && (!m->checked || b->shadow)) return b;
    free_block(b);
    return NULL;
}

static Block *start_block(Machine *m, uint32_t id, uint32_t watched) {
    Block *b = m->pool;
    if (b) m->pool = b->next;
    else if (!(b = new_block(m))) return NULL;
    b->id = id;
    b->ctaid[0] = id % m->shape[3];
    b->ctaid[1] = id / m->shape[3] % m->shape[4];
    b->ctaid[2] = id / m->shape[3] / m->shape[4];
    b->ctaid[3] = id % m->shape[8];
    b->watched = watched;
    b->threads = m->threads;
    b->warps = m->warps;
    b->epoch = ++m->time;
    b->acquired = 0;
    b->next = NULL;
    memset(b->tokens, 0, sizeof b->tokens);
    m->steps += (m->shared_bytes + m->warps * local_stride(m)) / BYTES_PER_STEP;
    memset(b->shared, (int)m->poison, m->shared_bytes);
    memset(b->local, (int)m->poison, m->warps * local_stride(m));
    if (watched && b->shadow) {
        memset(b->shadow, 0, (m->shared_bytes / 4 + 1) * sizeof(SharedWord));
        for (uint64_t i = 0; i <= m->shared_bytes / 4; i++) b->shadow[i].writer = b->shadow[i].reader = -1;
    }
    for (uint32_t i = 0; i < m->warps; i++) {
        Warp *w = warp_of(m, b, i);
        memset(w, 0, sizeof *w);
        memset((uint8_t *)w + sizeof *w, (int)m->poison, m->register_bytes);
        const uint32_t rest = m->threads - i * LANES;
        w->live = rest >= LANES ? FULL : (1u << rest) - 1;
        w->counts = watched ? m->counts[watched - EARLY] : m->ignored_counts;
        w->tid = m->tid + i * 3 * LANES;
        w->ctaid = b->ctaid;
        w->shape = m->shape;
        w->params = m->params;
        w->local = b->local + i * local_stride(m);
        w->reach = watched ? m->no_reach : m->reach;
        w->shared = b->shared;
        w->shared_reach = watched ? 0 : m->shared_bytes;
        w->together = 1;
        w->block = b;
        w->machine = m;
        w->index = i;
        w->watched = watched;
    }
    return b;
}

static void end_block(Machine *m, Block *b) {
    if (b->watched) {
        uint64_t longest = 0;
        for (uint32_t i = 0; i < m->warps; i++) {
            const uint64_t steps = warp_of(m, b, i)->steps;
            if (steps > longest) longest = steps;
        }
        Tally *t = &m->tally[b->watched - EARLY];
        t->blocks++;
        t->warps += m->warps;
        t->dependent_steps += longest;
        watch_block_end(m, t);
    }
    b->next = m->pool;
    m->pool = b;
}

/* ---- barriers ---- */

/* mode: 0 wait, 1 arrive only, 2 popc, 3 and, 4 or; bit 8: lanes of a warp may come from different places. */
void cg_barrier(Warp *w, uint32_t mask, uint32_t id, uint32_t count, uint32_t mode, uint32_t site, uint32_t values) {
    id &= 15;
    if (mode == 1) {
        w->block->tokens[id] += (uint32_t)__builtin_popcount(mask) + (uint32_t)__builtin_popcount(~w->live);
        return;
    }
    w->barred |= mask;
    EACH_LANE(i) { /* without branches: it becomes vector code */
        const int comes = mask >> i & 1;
        w->barrier[i] = comes ? id | mode << 8 : w->barrier[i];
        w->barrier_site[i] = comes ? site : w->barrier_site[i];
        w->barrier_count[i] = comes ? count : w->barrier_count[i];
        w->barrier_value[i] = comes ? values >> i & 1 : w->barrier_value[i];
    }
}

static uint32_t waiting_lanes(const Warp *w, uint32_t id) {
    uint32_t mask = 0;
    EACH_LANE(i) mask |= (uint32_t)((w->barrier[i] & 15) == id) << i;
    return mask & w->barred;
}

static uint32_t reduced(uint32_t mode, uint32_t all, uint32_t ones) {
    return mode == 2 ? ones : mode == 3 ? ones == all : ones != 0;
}

static void release(Machine *m, Block *b, uint32_t id, uint32_t waiting, uint32_t ones) {
    for (uint32_t i = 0; i < b->warps; i++) {
        Warp *w = warp_of(m, b, i);
        const uint32_t mask = waiting_lanes(w, id);
        if (!mask) continue;
        const uint32_t first = (uint32_t)__builtin_ctz(mask);
        uint32_t elsewhere = 0;
        EACH_LANE(i) {
            const int differs = w->barrier_site[i] != w->barrier_site[first] && !(w->barrier[i] & 1u << 16);
            elsewhere |= (uint32_t)differs << i;
        }
        if (UNLIKELY(elsewhere & mask)) {
            const int k = __builtin_ctz(elsewhere & mask);
            m->fault = (Fault){.kind = BARRIER_DIVERGENCE, .site = (int32_t)w->barrier_site[first],
                               .lane = (int32_t)first, .warp = (int32_t)i, .block = b->id,
                               .other_site = (int32_t)w->barrier_site[k], .other_thread = (int32_t)thread_of(w, k)};
            longjmp(m->escape, 1);
        }
        EACH_LANE(i) {
            const uint32_t value = reduced(w->barrier[i] >> 8 & 255, waiting, ones);
            w->barrier_value[i] = mask >> i & 1 ? value : w->barrier_value[i];
        }
        w->barred &= ~mask;
        w->idle = 0;
    }
    b->tokens[id] = 0;
    b->epoch = ++m->time;
}

/* Lets go of every barrier that all who must have reached. Exited lanes count as arrived. */
static int release_barriers(Machine *m, Block *b) {
    uint32_t live = 0, waiting[16] = {0}, ones[16] = {0}, arrived[16] = {0}, wanted[16] = {0}, ids = 0;
    for (uint32_t i = 0; i < b->warps; i++) {
        const Warp *w = warp_of(m, b, i);
        live += (uint32_t)__builtin_popcount(w->live);
        for (uint32_t rest = w->barred; rest;) {
            const uint32_t id = w->barrier[__builtin_ctz(rest)] & 15, mask = waiting_lanes(w, id);
            uint32_t set = 0, most = wanted[id];
            EACH_LANE(k) {
                const uint32_t value = mask >> k & 1 ? w->barrier_value[k] : 0;
                const uint32_t count = mask >> k & 1 ? w->barrier_count[k] : 0;
                set += value;
                most = count > most ? count : most;
            }
            wanted[id] = most;
            ids |= 1u << id;
            waiting[id] += (uint32_t)__builtin_popcount(mask);
            arrived[id] += (uint32_t)__builtin_popcount(mask) + (uint32_t)__builtin_popcount(~w->live);
            ones[id] += set;
            rest &= ~mask;
        }
    }
    int released = 0;
    EACH_SET(id, ids) {
        const int complete = wanted[id] ? arrived[id] + b->tokens[id] >= wanted[id] : waiting[id] == live;
        if (complete) release(m, b, id, waiting[id], ones[id]);
        released |= complete;
    }
    return released;
}

__attribute__((noreturn)) static void deadlock(Machine *m, Block *b) {
    Fault f = {.kind = DEADLOCK, .site = -1, .other_site = -1, .other_thread = -1, .block = b->id};
    for (uint32_t i = 0; i < b->warps; i++) {
        const Warp *w = warp_of(m, b, i);
        EACH_SET(k, w->live) {
            if (w->barred >> k & 1 && f.site < 0) {
                f.site = (int32_t)w->barrier_site[k];
                f.warp = (int32_t)i;
                f.lane = (int32_t)k;
            } else if ((!(w->barred >> k & 1) || (int32_t)w->barrier_site[k] != f.site) && f.other_thread < 0) {
                f.other_thread = (int32_t)thread_of(w, k);
                f.other_site = w->barred >> k & 1 ? (int32_t)w->barrier_site[k] : -2 - (int32_t)w->pc[k];
            }
        }
    }
    if (f.site < 0) {
        f.site = f.other_site;
        f.warp = f.other_thread / LANES;
        f.lane = f.other_thread % LANES;
        f.other_thread = -1;
    }
    m->fault = f;
    longjmp(m->escape, 1);
}

/* ---- running ---- */

static void check_budget(Machine *m, const Warp *w) {
    int kind = NO_FAULT;
    if (m->steps > m->budget) kind = OVER_BUDGET;
    if (m->steps >= m->next_look) {
        m->next_look = m->steps + CLOCK_STEPS;
        if (now() > m->deadline) kind = OVER_TIME;
    }
    if (!kind) return;
    const int lane = w->live ? __builtin_ctz(w->live) : 0;
    m->fault = (Fault){.kind = kind, .site = -2 - (int32_t)w->pc[lane], .lane = lane, .warp = (int32_t)w->index,
                       .block = w->block->id, .other_thread = -1};
    longjmp(m->escape, 1);
}

static uint64_t hash_state(const Machine *m, const Warp *w) {
    const uint64_t *at = (const uint64_t *)(w + 1);
    uint64_t hash = (uint64_t)w->live << 32 ^ w->barred;
    for (uint64_t i = 0; i < m->register_bytes / 8; i++) hash = (hash ^ at[i]) * 0x9e3779b97f4a7c15ull;
    at = (const uint64_t *)w->pc;
    for (int i = 0; i < LANES / 4; i++) hash = (hash ^ at[i]) * 0x9e3779b97f4a7c15ull;
    return hash | 1;
}

/* Runs a warp until it ends, waits or yields. Returns whether it yielded. */
static int run_warp(Machine *m, Warp *w) {
    for (;;) {
        const uint32_t live = w->live, barred = w->barred;
        const uint64_t before = w->steps;
        w->since = m->steps - before;
        w->fuel = w->idle ? SPINNING_FUEL : m->schedule ? 1 << draw(m, 9) : FUEL;
        w->spent += w->fuel;
        const int yielded = m->kernel(w);
        m->steps += w->steps - before;
        check_budget(m, w);
        if (yielded) return 1;
        /* Lanes that wait for others of their warp look again when some of those have exited or gone to a barrier. */
        if (!w->synced || (w->live == live && w->barred == barred && w->steps == before)) return 0;
        w->synced = 0;
        w->prefer = 0;
    }
}

/* After a yield: lets the warp's other lanes go first. Returns whether the warp spins: its registers are as they were
   when it was last looked at, for every group of lanes. */
static int after_yield(const Machine *m, Warp *w) {
    if (!w->idle && w->spent < FUEL) return 0;
    const uint64_t state = hash_state(m, w);
    w->idle = state == w->state ? w->idle + 1 : 0;
    w->state = state;
    w->spent = 0;
    const uint32_t running = w->live & ~w->barred & ~w->synced;
    uint32_t lowest = 0xffff, highest = 0;
    EACH_SET(i, running) {
        if (w->pc[i] < lowest) lowest = w->pc[i];
        if (w->pc[i] > highest) highest = w->pc[i];
    }
    /* The group that ran last is the first at or behind `prefer`. */
    uint32_t ran = highest + 1;
    EACH_SET(i, running) if (w->pc[i] >= w->prefer && w->pc[i] < ran) ran = w->pc[i];
    if (ran > highest) ran = lowest;
    uint32_t next = ran == highest ? lowest : ran + 1;
    if (m->schedule & 1) { /* round the other way */
        next = ran == lowest ? highest : lowest;
        EACH_SET(i, running) if (w->pc[i] < ran && w->pc[i] > next) next = w->pc[i];
    }
    w->prefer = next == lowest ? 0 : next;
    return w->idle >= (lowest == highest ? 1 : 8);
}

/* When nothing else in a block gets on, the lanes that wait for an mbarrier look once more, as after a time limit.
   Returns whether there are any. */
static int expire_waits(const Machine *m, const Block *b) {
    uint32_t any = 0;
    for (uint32_t i = 0; i < b->warps; i++) {
        Warp *w = warp_of(m, b, i);
        any |= w->parked;
        w->expired |= w->parked;
        w->synced &= ~w->parked;
        w->parked = 0;
    }
    return any != 0;
}

static int any_live(const Machine *m, const Block *b) {
    uint32_t live = 0;
    for (uint32_t i = 0; i < b->warps; i++) live |= warp_of(m, b, i)->live;
    return live != 0;
}

static int run_block(Machine *m, Block *b) {
    uint8_t order[MAX_WARPS];
    uint32_t turns = m->schedule ? 1 + draw(m, 8) : 0; /* of 0, as many as it likes */
    for (int round = 0; round < PATIENCE; round++) {
        uint32_t alive = 0, ran = 0, yielded = 0, spinning = 0;
        arrange(m, order, b->warps);
        for (uint32_t i = 0; i < b->warps; i++) {
            Warp *w = warp_of(m, b, order[i]);
            if (!w->live) continue;
            alive++;
            if (!(w->live & ~w->barred & ~w->synced)) continue;
            ran++;
            const int looks_again = w->expired != 0;
            if (run_warp(m, w)) {
                yielded++;
                spinning += (uint32_t)after_yield(m, w);
            } else if (looks_again && w->parked) {
                yielded++;
                spinning++;
            }
        }
        if (!alive) return ENDED;
        const int released = release_barriers(m, b);
        m->progress |= released || spinning < ran;
        if (released || yielded < ran) round = -1;
        if (ran == spinning && !released) {
            if (expire_waits(m, b)) continue;
            if (ran) return SPINS;
            if (any_live(m, b)) deadlock(m, b);
        }
        if (turns && !--turns) break;
    }
    return PREEMPTED;
}

__attribute__((noreturn)) static void no_progress(Machine *m, const Block *b) {
    for (uint32_t i = 0; i < b->warps; i++) {
        const Warp *w = warp_of(m, b, i);
        const uint32_t running = w->live & ~w->barred & (~w->synced | w->parked);
        if (!running) continue;
        const int lane = __builtin_ctz(running);
        m->fault = (Fault){.kind = w->accesses ? DEADLOCK : ENDLESS, .site = -2 - (int32_t)w->pc[lane], .lane = lane,
                           .warp = (int32_t)i, .block = b->id, .other_site = -1, .other_thread = -1};
        longjmp(m->escape, 1);
    }
    abort();
}

static void out_of_memory(Machine *m, uint32_t id) {
    m->fault = (Fault){.kind = NO_MEMORY, .site = -1, .block = id};
    longjmp(m->escape, 1);
}

/* One turn for every resident block. Returns whether any of them got on. */
static int run_residents(Machine *m) {
    m->progress = 0;
    for (Block **link = &m->resident; *link;) {
        Block *b = *link;
        if (run_block(m, b) != ENDED) {
            link = &b->next;
            continue;
        }
        *link = b->next;
        m->residents--;
        m->progress = 1;
        end_block(m, b);
    }
    return m->progress;
}

/* Which blocks to run: a list, or (ids is NULL) 0 to count - 1 without those in the ascending list `skip`; and of the
   latter, which to watch. */
typedef struct Queue {
    const uint32_t *ids, *skip;
    uint64_t count, skips, next;
    const uint32_t *watch;
    uint64_t watches;
    uint8_t order[WINDOW]; /* the schedule's, of the blocks from next / WINDOW * WINDOW on */
} Queue;

static int is_empty(Queue *q) {
    while (!q->ids && q->skips && q->next < q->count && *q->skip == q->next) {
        q->skip++;
        q->skips--;
        q->next++;
    }
    return q->next >= q->count;
}

/* Blocks may wait for earlier ones, so the schedule exchanges only such as can be resident together. */
static uint32_t next_block(Machine *m, Queue *q) {
    const uint64_t place = q->next++, first = place / WINDOW * WINDOW, rest = q->count - first;
    if (q->ids) return q->ids[place];
    if (!m->schedule || q->skip || m->max_resident < WINDOW) return (uint32_t)place;
    if (place == first) arrange(m, q->order, rest < WINDOW ? (uint32_t)rest : WINDOW);
    return (uint32_t)first + q->order[place - first];
}

static void start_next(Machine *m, Queue *q, uint32_t watched) {
    const uint32_t id = next_block(m, q);
    if (q->watches && *q->watch == id) {
        q->watch++;
        q->watches--;
        watched = LATE;
    }
    m->newest = start_block(m, id, watched);
    if (!m->newest) out_of_memory(m, id);
    const int state = run_block(m, m->newest);
    Block *b = m->newest;
    m->newest = NULL;
    if (state == ENDED) {
        end_block(m, b);
        return;
    }
    Block **link = &m->resident;
    while (*link) link = &(*link)->next;
    *link = b;
    m->residents++;
}

static int run_all(Machine *m, Queue *q, uint32_t watched, int more) {
    uint64_t idle = 0, since = 0;
    while (!is_empty(q) || m->resident) {
        const int has_room = m->residents < m->max_resident;
        if (!is_empty(q) && has_room) {
            start_next(m, q, watched);
            if (++since * 4 <= m->residents || !m->resident) continue; /* waiting blocks get their turn now and then */
        }
        since = 0;
        idle = run_residents(m) ? 0 : idle + 1;
        if (idle < ROUNDS_UNTIL_STUCK || (!is_empty(q) && m->residents < m->max_resident)) continue;
        if (more) return STUCK;
        no_progress(m, m->resident);
    }
    return DONE;
}

/* ---- called from compiled kernels, besides memory.c and math.c ---- */

__attribute__((noreturn)) void cg_trap(Warp *w, uint32_t mask, uint32_t site) {
    fault_at(w, TRAP, site, GLOBAL, mask ? (uint32_t)__builtin_ctz(mask) : 0, 0, 0, 0);
}

/* Where the uniform registers of a basic block lie: in every lane, and once. */
typedef struct Uniform {
    uint32_t lanes, once, bytes; /* bytes per lane; 0 for a predicate, of which the lanes take a bit each */
} Uniform;

/* The lanes that hold another value than `value`. */
#define DIFFERING(type)                                                                                              \
    INLINE uint32_t differing_##type(const type *lanes, type value) {                                                \
        uint32_t found = 0;                                                                                          \
        EACH_LANE(i) found |= (uint32_t)(lanes[i] != value) << i;                                                    \
        return found;                                                                                                \
    }
DIFFERING(uint8_t) DIFFERING(uint16_t) DIFFERING(uint32_t) DIFFERING(uint64_t)

/* All live lanes have come to `block`. If each uniform register holds the same for all of them, they go on together. */
uint32_t cg_join(Warp *w, uint32_t block, const Uniform *first, const Uniform *end) {
    uint8_t *registers = (uint8_t *)(w + 1);
    const uint32_t lane = (uint32_t)__builtin_ctz(w->live);
    for (const Uniform *u = first; u < end; u++) {
        const void *lanes = registers + u->lanes;
        uint64_t value = 0;
        uint32_t others = 0;
        switch (u->bytes) {
        case 0: value = *(const uint32_t *)lanes >> lane & 1, others = *(const uint32_t *)lanes ^ (uint32_t)-value; break;
        case 1: value = ((const uint8_t *)lanes)[lane], others = differing_uint8_t(lanes, (uint8_t)value); break;
        case 2: value = ((const uint16_t *)lanes)[lane], others = differing_uint16_t(lanes, (uint16_t)value); break;
        case 4: value = ((const uint32_t *)lanes)[lane], others = differing_uint32_t(lanes, (uint32_t)value); break;
        case 8: value = ((const uint64_t *)lanes)[lane], others = differing_uint64_t(lanes, value); break;
        default: return 0;
        }
        if (others & w->live) return 0;
        memcpy(registers + u->once, &value, sizeof value);
    }
    w->together = block + 1;
    w->prefer = 0;
    return 1;
}

/* What came before happens before what follows: a fence, an acquire or a release. */
void cg_order(Warp *w) {
    if (w->watched) watch_order(w);
}

/* ---- called from Python ---- */

/* Runs blocks of the current launch in the order of the Queue these arguments make, beside those still resident.
   Of blocks in ascending order, those in the ascending list `watch` are watched, even if the others are not, and
   tallied apart.
   `more` says that the caller could add others when these only wait; then STUCK may come back, with them resident. */
int cg_run(Machine *m, const uint32_t *ids, uint64_t count, const uint32_t *skip, uint64_t skips, const uint32_t *watch,
           uint64_t watches, uint32_t watched, int more) {
    Queue queue = {ids, skip, count, skips, 0, watch, watches, {0}};
    if (setjmp(m->escape)) return FAULTED;
    return run_all(m, &queue, watched, more);
}

int run_range(Machine *m, uint64_t first, uint64_t end) {
    Queue queue = {.count = end, .next = first};
    if (setjmp(m->escape)) return FAULTED;
    return run_all(m, &queue, 0, 0);
}

/* Prepares a launch. `shape` as in Warp; `counts` two numbers per basic block. Returns 0 when there is no memory. */
int cg_begin(Machine *m, Kernel kernel, const uint8_t *params, uint64_t param_bytes, uint64_t local_bytes,
             uint64_t register_bytes, const uint32_t *shape, uint64_t *counts, uint64_t *late_counts,
             uint64_t *ignored_counts) {
    m->kernel = kernel;
    m->params = params;
    m->param_bytes = param_bytes;
    m->local_bytes = local_bytes;
    m->register_bytes = register_bytes;
    memcpy(m->shape, shape, sizeof m->shape);
    m->shared_bytes = shape[7];
    m->counts[0] = counts;
    m->counts[1] = late_counts;
    m->ignored_counts = ignored_counts;
    m->threads = m->shape[0] * m->shape[1] * m->shape[2];
    m->warps = (m->threads + LANES - 1) / LANES;
    m->warp_stride = round_up(sizeof(Warp) + m->register_bytes, 64);
    m->resident = m->newest = m->pool = NULL;
    m->residents = 0;
    memset(m->tally, 0, sizeof m->tally);
    memset(&m->fault, 0, sizeof m->fault);
    const uint64_t block_bytes = m->warps * (m->warp_stride + local_stride(m)) + m->shared_bytes + sizeof(Block);
    const uint64_t affordable = (1ull << 30) / block_bytes;
    m->max_resident = affordable < m->shape[10] ? (uint32_t)affordable : m->shape[10];
    if (!m->max_resident) m->max_resident = 1;
    m->launch++;
    m->began = ++m->time;
    const uint64_t blocks = (uint64_t)shape[3] * shape[4] * shape[5];
    m->releases = blocks < MAX_RELEASES ? (uint32_t)blocks : MAX_RELEASES;
    m->released = m->checked ? calloc(m->releases, sizeof *m->released) : NULL;
    m->tid = aligned_alloc(64, (uint64_t)m->warps * 3 * LANES * sizeof(uint32_t));
    if (!m->tid || (m->checked && !m->released)) return 0;
    for (uint32_t t = 0; t < m->warps * LANES; t++) {
        uint32_t *at = m->tid + t / LANES * 3 * LANES + t % LANES;
        at[0] = t % m->shape[0];
        at[LANES] = t / m->shape[0] % m->shape[1];
        at[2 * LANES] = t / m->shape[0] / m->shape[1];
    }
    return 1;
}

/* Frees what a launch took. */
void cg_end(Machine *m) {
    for (int list = 0; list < 2; list++)
        for (Block *b = list ? m->pool : m->resident, *next; b; b = next) {
            next = b->next;
            free_block(b);
        }
    if (m->newest) free_block(m->newest);
    m->resident = m->newest = m->pool = NULL;
    free(m->tid);
    free(m->released);
    m->tid = m->released = NULL;
    for (int k = 0; k < SETS; k++) {
        free(m->sectors[k]);
        m->sectors[k] = NULL;
        m->sector_room[k] = m->sector_count[k] = 0;
    }
}

Machine *cg_new(void) { return calloc(1, sizeof(Machine)); }

/* Starts a run: what it may cost, what is checked, the byte that fills memory without content, and the schedule. */
void cg_start(Machine *m, uint64_t budget, double seconds, uint32_t checked, uint32_t poison, uint64_t schedule) {
    memset(m->slots, 0, sizeof m->slots);
    heap_reset(m);
    memset(m->reach, 0, sizeof m->reach);
    m->steps = m->next_look = 0;
    m->budget = budget;
    m->deadline = now() + seconds;
    m->checked = checked;
    m->poison = poison;
    m->schedule = m->random = schedule;
    m->unwritten_count = m->launch = m->time = 0;
    m->alteration = -1;
}

/* Lets a run cost so many steps more. */
void cg_grant(Machine *m, uint64_t steps) { m->budget += steps; }

/* Gives the reads at a site of a launch another value where nothing was written. To see whether results depend on it. */
void cg_alter(Machine *m, uint32_t launch, uint32_t site, uint32_t value) {
    m->altered_launch = launch;
    m->altered_site = site;
    m->alteration = (int32_t)value;
}

void cg_set_slot(Machine *m, uint32_t index, uint8_t *host, uint64_t size, uint8_t *written, GlobalWord *words,
                 uint64_t flags) {
    index &= MAX_SLOTS - 1;
    m->slots[index] = (Slot){host, size, written, words, flags};
    m->reach[index] = (Reach){host, size, flags & READ_ONLY ? 0 : size, 0};
}

const Fault *cg_fault(const Machine *m) { return &m->fault; }
/* `late`: that of the blocks that were met in passing. */
const Tally *cg_tally(const Machine *m, int late) { return &m->tally[late]; }
uint64_t cg_steps(const Machine *m) { return m->steps; }
uint32_t cg_unwritten(const Machine *m, const Fault **faults) {
    *faults = m->unwritten;
    return m->unwritten_count;
}

/* Offsets that compiled kernels and Python need, in the order of LAYOUT in native.py. */
const uint64_t cg_layout[] = {
    offsetof(Warp, pc), offsetof(Warp, live), offsetof(Warp, barred), offsetof(Warp, synced), offsetof(Warp, prefer),
    offsetof(Warp, fuel), offsetof(Warp, steps), offsetof(Warp, since), offsetof(Warp, counts), offsetof(Warp, tid),
    offsetof(Warp, ctaid), offsetof(Warp, shape), offsetof(Warp, params), offsetof(Warp, local),
    offsetof(Warp, index), offsetof(Warp, barrier_value), offsetof(Warp, reach), offsetof(Warp, shared),
    offsetof(Warp, shared_reach), offsetof(Warp, together), offsetof(Warp, accesses), sizeof(Warp),
};
const uint64_t cg_word_bytes = sizeof(GlobalWord);
