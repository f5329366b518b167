/* The heap that kernels allocate from: blocks of 16 bytes times a power of two, in a slot of its own. What is known of
   them lies outside of device memory, where no kernel can reach it. */
#include "runtime.h"

#include <stdlib.h>

#define UNIT 16
#define UNITS (HEAP_BYTES / UNIT)
#define CLASSES 20

struct Heap {
    uint32_t end;           /* units from here on were never allocated */
    uint32_t free[CLASSES]; /* per class, 1 + the first unit of the block that was freed last */
    uint32_t next[UNITS];   /* the one freed before it */
    uint8_t class[UNITS];   /* 1 + the class of an allocated block, at its first unit */
};

/* What a block's former owner did is in order with what its next owner does. */
static void forget_accesses(const Slot *slot, uint64_t offset, uint64_t bytes) {
    if (slot->words) memset(slot->words + offset / 4, 0, bytes / 4 * sizeof *slot->words);
}

static uint64_t allocate(Heap *heap, const Slot *slot, uint64_t size) {
    uint32_t class = 0, unit;
    if (!size || size > HEAP_BYTES) return 0;
    while ((uint64_t)UNIT << class < size) class++;
    if (heap->free[class]) {
        unit = heap->free[class] - 1;
        heap->free[class] = heap->next[unit];
    } else {
        if (UNITS - heap->end < 1u << class) return 0;
        unit = heap->end;
        heap->end += 1u << class;
    }
    heap->class[unit] = (uint8_t)(class + 1);
    forget_accesses(slot, (uint64_t)unit * UNIT, (uint64_t)UNIT << class);
    return FIRST_ADDRESS + ((uint64_t)HEAP_SLOT << SLOT_BITS) + (uint64_t)unit * UNIT;
}

/* An address per lane, or 0 where the heap is full. */
void cg_malloc(Warp *w, uint32_t mask, const uint64_t *sizes, uint64_t *out) {
    Machine *m = w->machine;
    if (!m->heap) m->heap = calloc(1, sizeof(Heap));
    w->accesses++;
    EACH_SET(i, mask) out[i] = m->heap ? allocate(m->heap, &m->slots[HEAP_SLOT], sizes[i]) : 0;
}

void cg_free(Warp *w, uint32_t mask, const uint64_t *addresses, uint32_t site) {
    Heap *heap = w->machine->heap;
    w->accesses++;
    EACH_SET(i, mask) {
        if (!addresses[i]) continue;
        const uint64_t offset = addresses[i] - FIRST_ADDRESS - ((uint64_t)HEAP_SLOT << SLOT_BITS), unit = offset / UNIT;
        if (!heap || offset % UNIT || unit >= UNITS || !heap->class[unit])
            fault_at(w, BAD_FREE, site, GLOBAL, i, addresses[i], 0, 1);
        const uint32_t class = heap->class[unit] - 1u;
        heap->class[unit] = 0;
        heap->next[unit] = heap->free[class];
        heap->free[class] = (uint32_t)unit + 1;
    }
}

void heap_reset(Machine *m) {
    free(m->heap);
    m->heap = NULL;
}
