/* The part of the simulated GPU that compiled kernels call into, and that drives them.

   A kernel is compiled to one function, kernel(warp): it runs the lanes of one warp until all of them have exited or
   wait, or until its fuel is spent, and can then be called again. Everything it knows lies in its Warp, followed by
   its registers. All device memory is reached through the functions here, which check every address; a fault leaves
   the compiled code by longjmp. The layout constants at the end of schedule.c tell Python where the fields are. */
#ifndef CUDAGYM_RUNTIME_H
#define CUDAGYM_RUNTIME_H

#include <setjmp.h>
#include <stdint.h>
#include <string.h>

#define LANES 32
#define MAX_WARPS 32 /* of a block */
#define FULL 0xffffffffu
#define INLINE static inline __attribute__((always_inline))
#define UNLIKELY(x) __builtin_expect(!!(x), 0)
#define EACH_LANE(i) for (int i = 0; i < LANES; i++)
#define EACH_SET(i, mask) for (uint32_t m_ = (mask), i; m_ && (i = (uint32_t)__builtin_ctz(m_), 1); m_ &= m_ - 1)

/* Device addresses: FIRST_ADDRESS and SLOT_BITS as in cudagym.build.program. The windows lie below the slots. */
#define FIRST_ADDRESS (1ull << 44)
#define SLOT_BITS 34
#define MAX_SLOTS 1024
#define HEAP_SLOT (MAX_SLOTS - 2) /* as in emit.py */
#define HEAP_BYTES (8u << 20)
#define SHARED_WINDOW (1ull << 40)
#define LOCAL_WINDOW (1ull << 41)
#define PARAM_WINDOW (1ull << 42)
#define WINDOW_BYTES (1ull << 32)
#define MAX_UNWRITTEN 4
#define MAX_RELEASES (1u << 20)
#define ALL 0xffffffffu

enum Space { GLOBAL, GENERIC, LOCAL, SHARED, PARAM };
enum SlotFlags { READ_ONLY = 1, RELEASED = 2, TRACKED = 4 };
enum FaultKind { NO_FAULT, OUT_OF_BOUNDS, MISALIGNED, INPUT_MODIFIED, RACE, BARRIER_DIVERGENCE, DEADLOCK, OVER_BUDGET,
                 OVER_TIME, TRAP, ENDLESS, NO_MEMORY, UNINITIALISED, BAD_MBARRIER, BAD_FREE };
enum Outcome { DONE, FAULTED, STUCK };

/* An access to a word of global memory: by whom, and at which time of its block. */
typedef struct Access {
    uint32_t time, block, site;
    uint16_t thread;
    uint8_t bytes; /* set of bytes of the word */
} Access;

/* What is known of one 4-byte word of global memory: who wrote it last, and two warps that read it. */
typedef struct GlobalWord {
    Access write, reads[2];
} GlobalWord;

typedef struct Slot {
    uint8_t *host;
    uint64_t size;
    uint8_t *written; /* one byte per byte, nonzero once written; only for TRACKED slots */
    GlobalWord *words; /* NULL: not watched for races */
    uint64_t flags;
} Slot;

/* A slot as compiled code reads it: how many bytes it may load from and store to without asking. */
typedef struct Reach {
    uint8_t *host;
    uint64_t loads, stores, unused;
} Reach;

typedef struct Fault {
    int32_t kind, site, space, write, lane, warp, width, other_site, other_thread;
    uint32_t block, other_block;
    uint64_t address;
} Fault;

/* What the watched blocks of a launch did; in the order of OBSERVED in machine.py. */
typedef struct Tally {
    uint64_t blocks, warps, load_sectors, store_sectors, load_lines, store_lines, unique_load_sectors,
        unique_store_sectors, unique_atomic_sectors, wavefronts, atomic_sectors, atomic_conflicts, dependent_steps;
} Tally;

/* Watched blocks are told apart by when they run: those that `watched` names, and those that are met in passing. */
enum { EARLY = 1, LATE = 2, GROUPS = 2 };
enum { LOADS, STORES, ATOMICS, SETS };

/* What is known of one 4-byte word of shared memory: who last wrote and read which of its bytes, and when. */
typedef struct SharedWord {
    uint32_t write_epoch, read_epoch;
    int16_t writer, reader; /* threads; -1: none */
    uint16_t write_site, read_site;
    uint8_t write_bytes, read_bytes, many_readers, written, contended; /* sets of bytes, but for many_readers */
} SharedWord;

typedef struct Machine Machine;
typedef struct Block Block;
typedef struct Heap Heap;

typedef struct Warp {
    uint16_t pc[LANES]; /* the basic block each lane runs next */
    uint32_t live, barred, synced; /* lanes that have not exited; wait at a barrier; wait for others of the warp */
    uint32_t parked, expired; /* lanes of `synced` that wait for an mbarrier; lanes whose wait has lasted long enough */
    uint32_t prefer; /* lanes at basic blocks from here on go first; 0 means the lowest block goes first */
    int64_t fuel; /* jumps backwards left before the kernel yields */
    uint64_t steps, since; /* warp instructions; what all other warps had executed when this one last went on */
    uint64_t *counts; /* per basic block: executions, lanes */
    const uint32_t *tid; /* [3][LANES] */
    const uint32_t *ctaid;
    const uint32_t *shape; /* ntid[3], nctaid[3], dynamic and total shared bytes, SMs, warps */
    const uint8_t *params;
    uint8_t *local;
    const Reach *reach; /* per slot; of watched warps, nothing */
    uint8_t *shared;
    uint64_t shared_reach;
    Block *block;
    Machine *machine;
    uint32_t index, idle;
    uint32_t together; /* 1 + the basic block that all live lanes run next, with registers as together.py keeps them */
    int64_t spent; /* fuel since the scheduler last looked whether the warp gets on */
    uint64_t accesses, state; /* not 0 once memory was accessed; a hash of the registers at the last yield */
    uint32_t watched;
    uint32_t barrier[LANES], barrier_site[LANES], barrier_count[LANES], barrier_value[LANES];
} __attribute__((aligned(64))) Warp;

struct Block {
    uint32_t id, ctaid[4], watched, threads, warps; /* the fourth: the SM */
    uint32_t tokens[16]; /* lanes that arrived at a barrier without waiting */
    uint32_t epoch; /* when a barrier, fence or lock last put the block's accesses in order */
    uint32_t acquired; /* when the block last looked at what others may have released */
    uint8_t *shared, *local, *warp_base;
    SharedWord *shadow;
    Block *next;
};

typedef int32_t (*Kernel)(Warp *);

struct Machine {
    Slot slots[MAX_SLOTS];
    Reach reach[MAX_SLOTS], no_reach[MAX_SLOTS];
    Kernel kernel;
    const uint8_t *params;
    uint64_t param_bytes, shared_bytes, local_bytes, register_bytes, warp_stride, poison;
    uint32_t shape[11];
    uint32_t threads, warps;
    uint32_t *tid; /* [warps][3][LANES] */
    uint64_t *counts[GROUPS], *ignored_counts;
    uint64_t steps, budget, next_look;
    double deadline;
    uint64_t schedule, random; /* the seed of the order in which warps and blocks run, and the generator's state */
    uint32_t checked;
    uint32_t max_resident;
    Block *resident, *newest, *pool; /* newest: started, and not among the residents yet */
    uint32_t residents;
    Heap *heap; /* NULL until a kernel allocates */
    int progress; /* whether a block has got on since this was last cleared */
    uint32_t time; /* counts what orders accesses; the time at which the launch began */
    uint32_t began;
    uint32_t *released; /* in checked launches, when a block last made its writes known to others */
    uint32_t releases; /* entries of these; blocks share them when there are too many */
    Fault unwritten[MAX_UNWRITTEN]; /* the first reads of what nothing wrote, one for each site */
    uint32_t unwritten_count;
    uint32_t launch;
    uint32_t altered_launch, altered_site; /* where such reads get another value than `poison`; ALL: everywhere */
    int32_t alteration; /* that value, of each byte; -1: they get none */
    Tally tally[GROUPS];
    Fault fault;
    jmp_buf escape;
    uint64_t *sectors[SETS]; /* hash sets of the current watched block */
    uint64_t sector_room[SETS], sector_count[SETS];
};

INLINE Warp *warp_of(const Machine *m, const Block *b, uint32_t index) {
    return (Warp *)(b->warp_base + index * m->warp_stride);
}

INLINE uint32_t thread_of(const Warp *w, uint32_t lane) { return w->index * LANES + lane; }

__attribute__((noreturn)) void fault_at(Warp *w, int kind, uint32_t site, int space, uint32_t lane, uint64_t address,
                                        uint32_t width, int write);

/* Where `bytes` at `address` lie on the host, for all spaces but local. Faults when they lie nowhere. */
__attribute__((visibility("hidden"))) uint8_t *locate(Warp *w, int space, uint64_t address, uint32_t bytes, int write,
                                                      uint32_t lane, uint32_t site);

void heap_reset(Machine *m);

/* schedule.c: runs the blocks from `first` to before `end`, unwatched. */
__attribute__((visibility("hidden"))) int run_range(Machine *m, uint64_t first, uint64_t end);
void cg_end(Machine *m);

/* watch.c: addresses are per lane, in `space` (GLOBAL or SHARED); called before the access takes place. */
void watch_access(Warp *w, uint32_t mask, const uint64_t *address, uint32_t bytes, int space, int write, int strong,
                  uint32_t site, const uint8_t *values, uint32_t width);
void watch_atomic(Warp *w, uint32_t mask, const uint64_t *address, uint32_t bytes, int space, uint32_t site);
void watch_block_end(Machine *m, Tally *t);
void watch_order(Warp *w);
/* Changes what a lane read where nothing was written; nothing unless the machine alters such reads. */
void watch_alter(Warp *w, uint8_t *data, uint32_t bytes, uint64_t address, int space, uint32_t site);
#endif
