/* Executes the machine code of some blocks of a launch, warp by warp, and writes down what each warp did.

   A warp's active lanes share one place in the code. Where they part, one group goes on until it waits, ends or
   yields, then the group with the lowest address runs; convergence barriers bring groups together again, as on the
   device (Volta architecture white paper, "Independent Thread Scheduling"). */

#include "follow.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum Control {
    BRA, BRX, CALL, RET, EXIT, BSSY, BSYNC, BREAK, WARPSYNC, YIELD, BAR, BMOV_GET, BMOV_PUT, BRA_DIV, SPECIAL, TRAP,
    B2R, LEPC, CONTROLS
};
static const char *const control_names[CONTROLS] = {
    "bra",   "brx",      "call",     "ret",     "exit",    "bssy", "bsync", "break", "warpsync",
    "yield", "bar", "bmov_get", "bmov_put", "bra_div", "special", "trap", "b2r",   "lepc",
};
enum Register { LANE_ID, TID_X, TID_Y, TID_Z, CTAID_X, CTAID_Y, CTAID_Z, LANEMASK_EQ, LANEMASK_LT, LANEMASK_LE,
                LANEMASK_GT, LANEMASK_GE, CLOCK_LOW, SHARED_WINDOW, LOCAL_WINDOW, SM, SMS, NTID, NOTHING_SPECIAL,
                SHARED_SIZE, ONE };
enum { BAR_ARRIVE = 1, BAR_REDUCE = 2, BAR_REDUCTION_SHIFT = 4, BAR_COUNTED = 256 };
enum { REDUCE_POPC, REDUCE_AND, REDUCE_OR };
#define SLICE 4000 /* instructions that a warp runs before others get their turn */
#define OPERATIONS 256
#define MOST_BYTES (1ull << 30) /* of traces, after which blocks are cut off */
#define MOST_BLOCK_BYTES (1ull << 30) /* of the blocks under way: others begin when one of them has ended */

static Operation *run_of[OPERATIONS];
static const char *name_of[OPERATIONS];

/* The name of operation `number`; NULL after the last. */
const char *follow_operation(uint32_t number) {
    if (!name_of[0]) {
        uint32_t n = 0;
        for (; n < CONTROLS; n++)
            name_of[n] = control_names[n];
        const struct Named *const tables[] = {integer_operations, float_operations, memory_operations};
        for (int t = 0; t < 3; t++)
            for (const struct Named *each = tables[t]; each->name; each++, n++)
                name_of[n] = each->name, run_of[n] = each->run;
    }
    return number < OPERATIONS ? name_of[number] : NULL;
}

void fault(struct Follower *f, uint32_t kind, const struct Code *at, uint64_t address) {
    if (f->fault == OK) {
        f->fault = kind;
        f->fault_at = (uint32_t)(at - f->code);
        f->fault_address = address;
    }
}

void *more_room(void *array, uint64_t *room, size_t each) {
    *room = *room ? *room * 2 : 256;
    void *grown = realloc(array, *room * each);
    if (!grown)
        abort(); /* the process is the executor's child: its parent sees that it died */
    return grown;
}

static void special(struct Thread_group *w, const struct Code *c, uint32_t mask, uint32_t issued) {
    uint32_t out[LANES];
    const struct Launch *l = &w->follower->launch;
    EACH(i) {
        uint32_t thread = w->number * LANES + (uint32_t)i, value = 0;
        switch (c->mode) {
        case LANE_ID: value = (uint32_t)i; break;
        case TID_X: value = thread % l->block[0]; break;
        case TID_Y: value = thread / l->block[0] % l->block[1]; break;
        case TID_Z: value = thread / l->block[0] / l->block[1]; break;
        case CTAID_X: case CTAID_Y: case CTAID_Z: value = w->block->id[c->mode - CTAID_X]; break;
        case LANEMASK_EQ: value = 1u << i; break;
        case LANEMASK_LT: value = (1u << i) - 1; break;
        case LANEMASK_LE: value = (2u << i) - 1; break;
        case LANEMASK_GT: value = ~((2u << i) - 1); break;
        case LANEMASK_GE: value = ~((1u << i) - 1); break;
        case CLOCK_LOW: value = issued; break;
        case SHARED_WINDOW: value = 0x100; break;
        case LOCAL_WINDOW: value = 0x200; break;
        case SM: value = w->block->number % l->sms; break;
        case SMS: value = l->sms; break;
        case SHARED_SIZE: value = l->shared_bytes; break;
        case ONE: value = 1; break;
        case NTID: value = l->block[0] * l->block[1] * l->block[2]; break;
        }
        out[i] = value;
    }
    put(w, c->to[0], out, mask);
    if (c->more) { /* 64 bits */
        memset(out, 0, sizeof out);
        put(w, c->to[0] == TRASH ? TRASH : c->to[0] + 1u, out, mask);
    }
}

/* ---- lanes that wait ---- */

static void wait_here(struct Thread_group *w, uint32_t lanes, uint32_t what, uint32_t meeting, uint32_t next) {
    EACH(i) if (lanes >> i & 1) {
        w->wait_for[i] = (uint8_t)what;
        w->wait_mask[i] = meeting;
        w->lane_pc[i] = next;
    }
    w->waiting |= lanes;
}

/* Lets go of groups whose lanes have all come: to a convergence barrier, or to WARPSYNC. */
static void meet(struct Thread_group *w) {
    for (uint32_t rest = w->waiting & w->live; rest;) {
        int i = first_of(rest);
        uint32_t what = w->wait_for[i], group = 0, meeting = w->wait_mask[i];
        if (what >= AT_BARRIER) {
            rest &= rest - 1;
            continue;
        }
        if (what < TOGETHER)
            meeting = w->b[what - CONVERGE][i];
        for (uint32_t k = rest; k; k &= k - 1) {
            int j = first_of(k);
            uint32_t theirs = what < TOGETHER ? w->b[what - CONVERGE][j] : w->wait_mask[j];
            if (w->wait_for[j] == what && theirs == meeting)
                group |= 1u << j;
        }
        rest &= ~group;
        if ((meeting & w->live & ~group) == 0)
            w->waiting &= ~group;
    }
}

/* Makes the lanes at the lowest place in the code, or at the lowest after `after`, the active ones. */
static int pick(struct Thread_group *w, int64_t after) {
    uint32_t ready = w->live & ~w->waiting, lowest = UINT32_MAX, next = UINT32_MAX;
    w->active = 0;
    if (!ready)
        return 0;
    for (uint32_t rest = ready; rest; rest &= rest - 1) {
        uint32_t pc = w->lane_pc[first_of(rest)];
        lowest = pc < lowest ? pc : lowest;
        if ((int64_t)pc > after && pc < next)
            next = pc;
    }
    w->pc = next != UINT32_MAX ? next : lowest;
    EACH(i) if (ready >> i & 1 && w->lane_pc[i] == w->pc)
        w->active |= 1u << i;
    return 1;
}

static void part(struct Thread_group *w, uint32_t lanes, uint32_t pc) {
    EACH(i) if (lanes >> i & 1)
        w->lane_pc[i] = pc;
}

/* ---- barriers of a block ---- */

static void barrier_check(struct Block *b, uint32_t id) {
    struct Barrier *bar = &b->barrier[id];
    uint32_t wanted = bar->wanted ? bar->wanted : b->live;
    if (!bar->waiting || bar->waiting + bar->arrived < wanted)
        return;
    uint32_t result = bar->reduction == REDUCE_POPC ? bar->count : bar->reduction == REDUCE_AND ? bar->all : bar->any;
    for (uint32_t n = 0; n < b->warps; n++) {
        struct Thread_group *w = &b->warp[n];
        EACH(i) if (w->waiting >> i & 1 && w->wait_for[i] == AT_BARRIER + id)
            w->waiting &= ~(1u << i);
        w->barrier_result = result;
    }
    memset(bar, 0, sizeof *bar);
    bar->all = 1;
}

static void arrive(struct Thread_group *w, const struct Code *c, uint32_t mask, uint32_t next) {
    uint32_t id = vector(w, c->from[0])[first_of(mask)] & 15;
    struct Barrier *bar = &w->block->barrier[id];
    uint32_t lanes = (uint32_t)__builtin_popcount(mask);
    if (c->mode & BAR_COUNTED) {
        bar->wanted = vector(w, c->from[1])[first_of(mask)];
        if (mask == w->live) /* a warp counts whole */
            lanes = LANES;
    }
    if (c->mode & BAR_REDUCE) {
        uint32_t p = predicate(w, c->p_from[0]) & mask;
        bar->reduction = c->mode >> BAR_REDUCTION_SHIFT & 3;
        bar->count += (uint32_t)__builtin_popcount(p);
        bar->all &= p == mask;
        bar->any |= p != 0;
    }
    if (c->mode & BAR_ARRIVE)
        bar->arrived += lanes;
    else {
        bar->waiting += lanes;
        wait_here(w, mask, AT_BARRIER + id, 0, next);
    }
    barrier_check(w->block, id);
}

static void leave(struct Thread_group *w, uint32_t lanes) {
    w->live &= ~lanes;
    w->block->live -= (uint32_t)__builtin_popcount(lanes);
    meet(w);
    for (uint32_t id = 0; id < BARRIERS; id++)
        barrier_check(w->block, id);
}

/* ---- a warp ---- */

static inline void note_run(struct Thread_group *w, uint32_t start, uint32_t end) {
    struct Run run = {start, end - start};
    PUSH(w->runs, w->run_count, w->run_room, run);
    w->issued += end - start;
}

/* Runs a warp until it waits, ends or has had its share; how many instructions it issued. */
static uint64_t run_warp(struct Thread_group *w) {
    struct Follower *f = w->follower;
    const struct Code *code = f->code;
    /* A block that is cut off at its limit has had all its warps come equally far. */
    uint64_t fair = f->launch.block_limit / f->launch.warps, before = w->issued;
    uint64_t share = before + (fair < SLICE ? fair + 1 : SLICE);
    w->pause = 0;
    while (f->fault == OK && w->issued < share && !w->pause && (w->active || pick(w, -1))) {
        uint32_t pc = w->pc, start = pc, active = w->active;
        const struct Code *c;
        uint32_t mask;
        for (;; pc++) { /* up to a change of place or lanes */
            c = code + pc;
            mask = active & predicate(w, (uint8_t)c->guard);
            if (c->operation < CONTROLS) {
                if (mask || c->operation == BRA_DIV)
                    break;
                continue;
            }
            if (c->uniform) {
                if (mask || c->space)
                    run_of[c->operation](w, c, mask ? FULL : 0);
            } else if (mask || c->space)
                run_of[c->operation](w, c, mask);
        }
        uint32_t next = pc + 1;
        switch (c->operation) { /* those that do not end a run */
        case SPECIAL:
            special(w, c, c->uniform ? FULL : mask, (uint32_t)(w->issued + pc - start));
            goto straight_on;
        case BSSY:
            EACH(i) if (mask >> i & 1) w->b[c->mode][i] = mask;
            goto straight_on;
        case BMOV_GET: {
            put(w, c->to[0], w->b[c->mode], mask);
            goto straight_on;
        }
        case BMOV_PUT: {
            const uint32_t *v = vector(w, c->from[0]);
            EACH(i) if (mask >> i & 1) w->b[c->mode][i] = v[i];
            goto straight_on;
        }
        case B2R: {
            uint32_t out[LANES];
            EACH(i) out[i] = w->barrier_result;
            put(w, c->to[0], out, mask);
            put_predicate(w, c->p_to[0], w->barrier_result ? FULL : 0, mask);
            goto straight_on;
        }
        case LEPC: {
            uint64_t out[LANES];
            EACH(i) out[i] = (uint64_t)(c->target >= 0 ? (uint32_t)c->target : next) * 16;
            put_wide(w, c->to[0], out, mask);
            goto straight_on;
        }
        }
        note_run(w, start, next);
        w->pc = next;
        uint32_t others = active & ~mask;
        switch (c->operation) {
        case BRA_DIV:
        case BRA: {
            uint32_t taken = mask & (c->p_from[0] == PT ? FULL : predicate(w, c->p_from[0]));
            if (c->operation == BRA && c->mode && taken) /* BRA.U.ANY: all go where one wants to */
                taken = active;
            if (c->operation == BRA_DIV) {
                uint32_t room[LANES];
                taken = mask && active != (integer(w, c, 0, room)[first_of(active)] & w->lanes) ? mask : 0;
                if (c->mode) /* BRA.CONV */
                    taken = mask & ~taken;
            }
            if (taken == active)
                w->pc = (uint32_t)c->target;
            else if (taken) {
                part(w, taken, (uint32_t)c->target);
                part(w, active & ~taken, next);
                pick(w, (int64_t)next - 1);
            }
            break;
        }
        case CALL:
        case BRX:
        case RET: { /* to an address in a register, or a fixed one */
            if (c->target >= 0)
                part(w, mask, (uint32_t)c->target);
            else {
                const uint32_t *to = vector(w, c->from[0]);
                for (uint32_t rest = mask; rest; rest &= rest - 1) {
                    int i = first_of(rest);
                    uint32_t at = to[i] + (uint32_t)c->offset;
                    if (at / 16 >= f->length || at & 15)
                        fault(f, BAD_JUMP, c, at);
                    w->lane_pc[i] = at / 16;
                }
            }
            part(w, others, next);
            pick(w, -1);
            break;
        }
        case EXIT:
            part(w, others, next);
            w->active = others;
            leave(w, mask);
            if (!others)
                pick(w, -1);
            break;
        case BSYNC:
            part(w, others, next);
            wait_here(w, mask, CONVERGE + c->mode, 0, next);
            meet(w);
            pick(w, -1);
            break;
        case BREAK: {
            EACH(i) if (mask >> i & 1) {
                uint32_t meeting = w->b[c->mode][i];
                for (uint32_t rest = meeting; rest; rest &= rest - 1)
                    w->b[c->mode][first_of(rest)] &= ~(1u << i);
            }
            meet(w);
            break;
        }
        case WARPSYNC:
            if ((vector(w, c->from[0])[first_of(mask)] & w->live) == active && !others)
                break;
            part(w, others, next);
            wait_here(w, mask, TOGETHER, vector(w, c->from[0])[first_of(mask)], next);
            meet(w);
            pick(w, -1);
            break;
        case YIELD:
            w->pause = 1;
            if (active != (w->live & ~w->waiting)) {
                part(w, active, next);
                pick(w, next);
            }
            break;
        case BAR:
            part(w, others, next);
            arrive(w, c, mask, next);
            pick(w, -1);
            break;
        default: fault(f, UNKNOWN, c, 0);
        }
        continue;
    straight_on:
        note_run(w, start, next);
        w->pc = next;
    }
    if (w->active && w->active != (w->live & ~w->waiting)) { /* its groups take turns */
        part(w, w->active, w->pc);
        pick(w, w->pc);
    }
    return w->issued - before;
}

/* ---- blocks ---- */

static struct Block *new_block(struct Follower *f, uint32_t number) {
    const struct Launch *l = &f->launch;
    struct Block *b = calloc(1, sizeof *b);
    uint32_t threads = l->block[0] * l->block[1] * l->block[2];
    if (!b)
        return NULL;
    b->number = number;
    b->id[0] = number % l->grid[0];
    b->id[1] = number / l->grid[0] % l->grid[1];
    b->id[2] = number / l->grid[0] / l->grid[1];
    b->warps = l->warps;
    b->live = threads;
    b->shared = calloc(1, l->shared_bytes + 16);
    if (!b->shared || posix_memalign((void **)&b->warp, 64, sizeof *b->warp * b->warps)) {
        free(b->shared), free(b);
        return NULL;
    }
    memset(b->warp, 0, sizeof *b->warp * b->warps);
    for (uint32_t id = 0; id < BARRIERS; id++)
        b->barrier[id].all = 1;
    for (uint32_t n = 0; n < b->warps; n++) {
        struct Thread_group *w = &b->warp[n];
        uint32_t lanes = threads - n * LANES;
        w->lanes = w->live = w->active = lanes >= LANES ? FULL : (1u << lanes) - 1;
        w->p[PT] = w->p[UPT] = FULL;
        w->number = n;
        w->block = b;
        w->follower = f;
        if (l->local_bytes && !(w->local = calloc(LANES, l->local_bytes)))
            f->fault = NO_MEMORY;
    }
    return b;
}

static void free_block(struct Block *b) {
    for (uint32_t n = 0; n < b->warps; n++) {
        struct Thread_group *w = &b->warp[n];
        free(w->local), free(w->runs), free(w->accesses), free(w->lines);
    }
    free(b->shared), free(b->warp), free(b);
}

static void *room_for(uint64_t count, size_t each) {
    void *array = malloc((count + 1) * each);
    if (!array)
        abort();
    return array;
}

static void close_trace(const struct Block *b, struct Trace *t) {
    uint64_t runs = 0, accesses = 0, lines = 0;
    for (uint32_t n = 0; n < b->warps; n++) {
        runs += b->warp[n].run_count;
        accesses += b->warp[n].access_count;
        lines += b->warp[n].line_count;
    }
    t->block = b->number;
    t->warps = b->warps;
    t->warp = room_for(b->warps, sizeof *t->warp);
    t->runs = room_for(runs, sizeof *t->runs);
    t->accesses = room_for(accesses, sizeof *t->accesses);
    t->lines = room_for(lines, sizeof *t->lines);
    runs = accesses = lines = 0;
    for (uint32_t n = 0; n < b->warps; n++) {
        const struct Thread_group *w = &b->warp[n];
        t->warp[n] = (struct Warp){runs, 0, accesses, w->access_count, w->issued};
        for (uint64_t k = 0; k < w->run_count; k++) {
            struct Run *last = &t->runs[runs - 1];
            if (runs > t->warp[n].first_run && last->start + last->length == w->runs[k].start)
                last->length += w->runs[k].length;
            else
                t->runs[runs++] = w->runs[k];
        }
        t->warp[n].runs = runs - t->warp[n].first_run;
        for (uint64_t k = 0; k < w->access_count; k++) {
            t->accesses[accesses] = w->accesses[k];
            t->accesses[accesses++].first += (uint32_t)lines;
        }
        if (w->line_count)
            memcpy(t->lines + lines, w->lines, w->line_count * sizeof *w->lines);
        lines += w->line_count;
    }
    t->whole = b->done;
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static uint64_t trace_bytes(const struct Block *b) {
    uint64_t bytes = 0;
    for (uint32_t n = 0; n < b->warps; n++) {
        const struct Thread_group *w = &b->warp[n];
        bytes += w->run_room * sizeof *w->runs + w->access_room * sizeof *w->accesses + w->line_room * sizeof *w->lines;
    }
    return bytes;
}

/* Runs each warp of a block once. Whether the block has ended or must wait for others for good. */
static int turn(struct Follower *f, struct Block *b) {
    uint64_t issued = 0;
    for (uint32_t n = 0; n < b->warps && f->fault == OK; n++)
        if (b->warp[n].live)
            issued += run_warp(&b->warp[n]);
    b->instructions += issued;
    f->instructions += issued;
    b->done = !b->live;
    if (!issued && b->live && f->fault == OK)
        fault(f, STUCK, f->code + b->warp[0].lane_pc[0], 0);
    return b->done || b->instructions > f->launch.block_limit;
}

/* How many blocks may be under way at a time. */
static uint64_t room_for_blocks(const struct Launch *l) {
    uint64_t bytes = l->shared_bytes + l->warps * (sizeof(struct Thread_group) + (uint64_t)LANES * l->local_bytes);
    return MOST_BLOCK_BYTES > bytes ? MOST_BLOCK_BYTES / bytes : 1;
}

/* Follows `count` blocks, each until its end or its limit; blocks that do not get on take turns with the others.
   enum Fault; the traces lie in f->traces. */
uint32_t follow_run(struct Follower *f, const uint32_t *blocks, uint32_t count) {
    enum { TURNS = 8 };
    uint64_t kept = 0, under_way = 0, most = room_for_blocks(&f->launch);
    double until = now() + f->launch.seconds;
    struct Block **block = calloc(count + 1, sizeof *block);
    f->traces = calloc(count + 1, sizeof *f->traces);
    f->trace_count = count;
    if (!block || !f->traces)
        return f->fault = NO_MEMORY;
    uint32_t left = count;
    while (left && f->fault == OK)
        for (uint32_t n = 0; n < count && f->fault == OK; n++) {
            if (f->traces[n].warp)
                continue;
            if (!block[n]) {
                if (under_way == most)
                    continue;
                if (!(block[n] = new_block(f, blocks[n]))) {
                    f->fault = NO_MEMORY;
                    break;
                }
                under_way++;
            }
            int over = 0, late = 0;
            for (int k = 0; k < TURNS && !over && !late && f->fault == OK; k++) {
                over = turn(f, block[n]);
                late = f->instructions > f->launch.total_limit || now() > until ||
                       kept + trace_bytes(block[n]) > MOST_BYTES;
            }
            if (f->fault == OK && (over || late)) {
                kept += trace_bytes(block[n]);
                close_trace(block[n], &f->traces[n]);
                free_block(block[n]);
                block[n] = NULL;
                under_way--;
                left--;
            }
        }
    for (uint32_t n = 0; n < count; n++)
        if (block[n])
            free_block(block[n]);
    free(block);
    return f->fault;
}

/* ---- the door ---- */

/* A follower for a launch. `code` has `length` instructions and, behind them, one that does not exist. */
struct Follower *follow_new(const struct Launch *launch, const struct Code *code, uint32_t length,
                            const uint32_t *pool, uint32_t constants) {
    struct Follower *f = calloc(1, sizeof *f);
    if (!f)
        return NULL;
    follow_operation(0);
    f->launch = *launch;
    f->length = length;
    f->code = malloc(sizeof *code * (length + 1));
    f->patterns = calloc(length + 1, 2 * sizeof *f->patterns);
    if (!f->code || !f->patterns || posix_memalign((void **)&f->pool, 64, sizeof *f->pool * (constants + 1))) {
        free(f->code), free(f->patterns), free(f);
        return NULL;
    }
    memcpy(f->code, code, sizeof *code * (length + 1));
    for (uint32_t k = 0; k < constants; k++)
        EACH(i) f->pool[k][i] = pool[k];
    return f;
}

void follow_bank(struct Follower *f, uint32_t number, const uint8_t *bytes, uint32_t size) {
    f->bank[number] = bytes;
    f->bank_bytes[number] = size;
}

void follow_slot(struct Follower *f, uint32_t number, uint8_t *host, uint64_t size) {
    f->slot[number].host = host;
    f->slot[number].size = size;
}

/* What a slot would hold: its bytes with what was stored. */
void follow_read(const struct Follower *f, uint32_t number, uint8_t *out) {
    const struct Slot *s = &f->slot[number];
    memcpy(out, s->host, s->size);
    for (uint64_t page = 0; s->pages && page * PAGE < s->size; page++)
        if (s->pages[page])
            memcpy(out + page * PAGE, s->pages[page], s->size - page * PAGE < PAGE ? s->size - page * PAGE : PAGE);
}

/* Instruction and address of a fault. */
void follow_fault(const struct Follower *f, uint32_t *at, uint64_t *address) {
    *at = f->fault_at;
    *address = f->fault_address;
}

struct Trace *follow_traces(struct Follower *f) {
    return f->traces;
}

void follow_free(struct Follower *f) {
    for (uint64_t n = 0; n < f->trace_count && f->traces; n++) {
        struct Trace *t = &f->traces[n];
        free(t->warp), free(t->runs), free(t->accesses), free(t->lines);
    }
    for (uint32_t n = 0; n < SLOTS; n++)
        if (f->slot[n].pages) {
            for (uint64_t page = 0; page * PAGE < f->slot[n].size; page++)
                free(f->slot[n].pages[page]);
            free(f->slot[n].pages);
        }
    free(f->traces), free(f->code), free(f->patterns), free(f->pool), free(f);
}
