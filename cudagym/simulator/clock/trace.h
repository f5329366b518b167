/* What `follow.c` writes down of a thread block and `replay.c` and `l2.c` read: one Trace per block.

   A warp's way through the kernel is a list of runs: `length` instructions from index `start` on, each issued once.
   Instructions are numbered by their place in the kernel (address / 16). Every issued instruction counts, also one
   whose guard switches all lanes off, as it takes its issue slot all the same. Each issued instruction that may touch
   memory (struct Instruction: `space` is not NO_SPACE) has one Access, in the order of issue, whether lanes are active
   or not. */

#pragma once
#include <stdint.h>

enum Space { NO_SPACE, GLOBAL, SHARED, LOCAL, CONSTANT };

struct Run {
    uint32_t start, length;
};

struct Access {
    uint32_t first;     /* of its lines, in Trace.lines */
    uint16_t lines;     /* distinct 128-byte lines of global or local memory that the active lanes touch */
    uint16_t wavefronts; /* passes through the banks of shared memory, or distinct words of constant memory */
    uint16_t contention; /* of an atomic: the most lanes that want one word; else 0 */
    uint8_t lanes;      /* active ones */
    uint8_t bytes;      /* per lane */
};

struct Warp {
    uint64_t first_run, runs;         /* in Trace.runs */
    uint64_t first_access, accesses;  /* in Trace.accesses */
    uint64_t instructions;            /* issued, summed over its runs */
};

struct Trace {
    uint32_t block; /* linear index in the grid */
    uint32_t warps;
    struct Warp *warp;
    struct Run *runs;
    struct Access *accesses;
    uint64_t *lines; /* line number (address / 128) << 4 | mask of its four 32-byte sectors */
    uint32_t whole;  /* 1 when the block ran to its end, 0 when it was cut off at the limit of instructions */
};
