/* The follower's records: decoded instructions (written by decoder.py), warps, blocks, and helpers that operations share.

   A warp holds every register as 32 lanes. Operands name a vector by its number: registers first, then zeros, a place
   for results that nobody wants, uniform registers (all lanes equal), and from POOL on the launch's constants. */

#pragma once
#include <stddef.h>
#include <stdint.h>

#include "trace.h"

#define LANES 32
#define FULL 0xffffffffu
#define EACH(i) for (int i = 0; i < LANES; i++)

enum { ZERO = 255, TRASH = 260, UNIFORM = 268, VECTORS = 528, POOL = 1024 };
enum { PT = 7, UPT = 15, NOWHERE = 16, PREDICATES = 17, INVERTED = 0x80 };
enum { NEGATED = 1, ABSOLUTE = 2, COMPLEMENT = 4, HALF_SHIFT = 4 };
enum Half { BOTH, LOW_TWICE, HIGH_TWICE, AS_SINGLE }; /* which halves of a register an operand means */
enum { BARRIERS = 16, CONVERGENCE = 16, PAGE = 4096, SLOTS = 1024 };

struct Code {
    uint16_t operation;   /* its number: see follow_operation in follow.c */
    uint16_t guard;       /* predicate, INVERTED or not */
    uint16_t to[2];       /* destination vectors; TRASH where there is none */
    uint16_t from[4];     /* source vectors */
    uint8_t how[4];       /* of each source: NEGATED, ABSOLUTE, COMPLEMENT, and its Half << HALF_SHIFT */
    uint8_t p_to[2];      /* destination predicates; NOWHERE where there is none */
    uint8_t p_from[3];    /* source predicates, INVERTED or not */
    uint8_t space, bytes; /* of memory: enum Space, bytes per lane */
    uint8_t uniform;      /* one operation per warp, all lanes of its vectors alike */
    uint32_t mode, more;  /* what the operation makes of its modifiers and of immediates */
    int32_t offset;       /* of an address */
    int32_t target;       /* index to go to */
};

struct Follower;
struct Block;

struct Thread_group { /* a warp being followed */
    uint32_t r[VECTORS][LANES] __attribute__((aligned(64)));
    uint32_t p[PREDICATES];
    uint32_t b[CONVERGENCE][LANES]; /* convergence barriers: the mask of lanes that meet there */
    uint32_t live, active, waiting; /* lanes that have not exited; that run now; that wait for others */
    uint32_t pc;
    uint32_t lane_pc[LANES];
    uint8_t wait_for[LANES]; /* of waiting lanes: enum Wait plus number */
    uint32_t wait_mask[LANES];
    uint32_t lanes;  /* that the warp started with */
    uint32_t number; /* in the block */
    uint32_t barrier_result;
    uint32_t pause; /* set by instructions that let other warps run first */
    uint64_t issued;
    struct Block *block;
    struct Follower *follower;
    uint8_t *local;
    struct Run *runs;
    uint64_t run_count, run_room;
    struct Access *accesses;
    uint64_t access_count, access_room;
    uint64_t *lines; /* of this warp; first of an Access counts from here until the block ends */
    uint64_t line_count, line_room;
};

enum Wait { NOTHING = 0, CONVERGE = 1, TOGETHER = 32, AT_BARRIER = 64 };

struct Barrier {
    uint32_t waiting, arrived, wanted; /* lanes; wanted 0: all of the block */
    uint32_t count, all, any;          /* of the predicate of BAR.RED */
    uint32_t reduction;
};

struct Block {
    uint32_t number, id[3];
    uint32_t warps, live;
    struct Thread_group *warp;
    uint8_t *shared;
    struct Barrier barrier[BARRIERS];
    uint64_t instructions;
    uint32_t done;
};

/* How an instruction last spread its lanes over memory, and what came of it: loops repeat that. */
struct Pattern {
    uint32_t mask, residue, wavefronts, lines;
    uint32_t apart[LANES]; /* bytes from the first active lane's address; 0 for lanes that are not active */
    uint64_t line[LANES];  /* as in Trace, from the first address's line on */
};

struct Slot {
    uint8_t *host;
    uint64_t size;
    uint8_t **pages; /* copies of the pages that were written; NULL where none was */
};

struct Launch {
    uint32_t block[3], grid[3];
    uint32_t shared_bytes, local_bytes, sms, warps;
    uint64_t block_limit, total_limit; /* warp instructions */
    double seconds;
    uint64_t first_address, slot_bits;
};

enum Fault { OK, BAD_ADDRESS, BAD_JUMP, STUCK, NO_MEMORY, UNKNOWN };

struct Follower {
    struct Launch launch;
    struct Code *code;
    struct Pattern *patterns; /* two for each instruction */
    uint32_t length;
    uint32_t (*pool)[LANES];
    const uint8_t *bank[8];
    uint32_t bank_bytes[8];
    struct Slot slot[SLOTS];
    uint64_t instructions;
    uint32_t fault, fault_at;
    uint64_t fault_address;
    struct Trace *traces;
    uint64_t trace_count;
};

typedef void Operation(struct Thread_group *w, const struct Code *c, uint32_t mask);

static inline const uint32_t *vector(const struct Thread_group *w, uint32_t number) {
    return number < POOL ? w->r[number] : w->follower->pool[number - POOL];
}

/* Source k as integers, negated or complemented where it says so. */
static inline const uint32_t *integer(const struct Thread_group *w, const struct Code *c, int k, uint32_t *room) {
    const uint32_t *v = vector(w, c->from[k]);
    uint32_t how = c->how[k];
    if (!(how & (NEGATED | ABSOLUTE | COMPLEMENT)))
        return v;
    if (how & ABSOLUTE)
        EACH(i) room[i] = (int32_t)v[i] < 0 ? -v[i] : v[i];
    else
        EACH(i) room[i] = v[i];
    if (how & NEGATED)
        EACH(i) room[i] = -room[i];
    if (how & COMPLEMENT)
        EACH(i) room[i] = ~room[i];
    return room;
}

/* Source k as 64-bit integers in two neighbouring vectors. */
static inline void wide(const struct Thread_group *w, const struct Code *c, int k, uint64_t *room) {
    const uint32_t *low = vector(w, c->from[k]), *high = low + LANES;
    EACH(i) room[i] = (uint64_t)high[i] << 32 | low[i];
    if (c->how[k] & NEGATED)
        EACH(i) room[i] = -room[i];
    if (c->how[k] & COMPLEMENT)
        EACH(i) room[i] = ~room[i];
}

static inline void put(struct Thread_group *w, uint32_t number, const uint32_t *value, uint32_t mask) {
    uint32_t *v = w->r[number];
    if (mask == FULL)
        EACH(i) v[i] = value[i];
    else
        EACH(i) v[i] = mask >> i & 1 ? value[i] : v[i];
}

static inline void put_wide(struct Thread_group *w, uint32_t number, const uint64_t *value, uint32_t mask) {
    uint32_t low[LANES], high[LANES];
    EACH(i) low[i] = (uint32_t)value[i], high[i] = (uint32_t)(value[i] >> 32);
    put(w, number, low, mask);
    put(w, number == TRASH ? TRASH : number + 1, high, mask);
}

static inline uint32_t predicate(const struct Thread_group *w, uint8_t which) {
    return which & INVERTED ? ~w->p[which & ~INVERTED] : w->p[which];
}

static inline void put_predicate(struct Thread_group *w, uint8_t which, uint32_t value, uint32_t mask) {
    w->p[which] = (w->p[which] & ~mask) | (value & mask);
}

static inline int first_of(uint32_t mask) {
    return __builtin_ctz(mask);
}

void fault(struct Follower *f, uint32_t kind, const struct Code *at, uint64_t address);
void *more_room(void *array, uint64_t *room, size_t each);

struct Named {
    const char *name;
    Operation *run;
};
extern const struct Named integer_operations[], float_operations[], memory_operations[]; /* each ends with no name */

#define PUSH(array, count, room, value)                                               \
    do {                                                                              \
        if ((count) == (room))                                                        \
            (array) = more_room((array), &(room), sizeof *(array));                   \
        (array)[(count)++] = (value);                                                 \
    } while (0)
