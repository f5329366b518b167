/* Observers: counters of memory traffic, races, reads of what nothing wrote. */
#include "banks.h"
#include "runtime.h"

#include <stdlib.h>

#define SECTOR 32
#define LINE 128

/* ---- global memory: sectors and lines ---- */

static int insert(uint64_t *table, uint64_t room, uint64_t key) {
    uint64_t at = (key * 0x9e3779b97f4a7c15ull >> 20) & (room - 1);
    while (table[at] && table[at] != key + 1) at = (at + 1) & (room - 1);
    const int is_new = !table[at];
    table[at] = key + 1;
    return is_new;
}

static void remember_sector(Machine *m, int set, uint64_t sector) {
    if (2 * m->sector_count[set] >= m->sector_room[set]) {
        const uint64_t room = m->sector_room[set] ? 2 * m->sector_room[set] : 1024;
        uint64_t *table = calloc(room, sizeof *table);
        if (!table) return; /* the count stays a lower bound */
        for (uint64_t i = 0; i < m->sector_room[set]; i++)
            if (m->sectors[set][i]) insert(table, room, m->sectors[set][i] - 1);
        free(m->sectors[set]);
        m->sectors[set] = table;
        m->sector_room[set] = room;
    }
    m->sector_count[set] += (uint64_t)insert(m->sectors[set], m->sector_room[set], sector);
}

/* The distinct values of address / unit over the bytes of all lanes, in `found`. */
static uint32_t distinct(uint32_t mask, const uint64_t *address, uint32_t bytes, uint64_t unit, uint64_t *found) {
    uint32_t count = 0;
    uint64_t largest = 0;
    EACH_SET(i, mask) {
        for (uint64_t key = address[i] / unit; key <= (address[i] + bytes - 1) / unit; key++) {
            uint32_t k = count;
            if (count && key <= largest)
                while (k > 0 && found[k - 1] != key) k--;
            else k = 0;
            if (k) continue;
            found[count++] = key;
            if (key > largest) largest = key;
        }
    }
    return count;
}

static Tally *tally_of(const Warp *w) { return &w->machine->tally[w->watched - EARLY]; }

static void count_global(const Warp *w, uint32_t mask, const uint64_t *address, uint32_t bytes, int write) {
    uint64_t found[LANES * 4];
    const uint32_t lines = distinct(mask, address, bytes, LINE, found);
    const uint32_t sectors = distinct(mask, address, bytes, SECTOR, found);
    Tally *t = tally_of(w);
    *(write ? &t->store_lines : &t->load_lines) += lines;
    *(write ? &t->store_sectors : &t->load_sectors) += sectors;
    for (uint32_t k = 0; k < sectors; k++) remember_sector(w->machine, write ? STORES : LOADS, found[k]);
}

/* ---- reads of what nothing wrote: noted, and a fault only where a result proves to depend on them ---- */

static void note_unwritten(Warp *w, uint32_t lane, uint64_t address, uint32_t bytes, int space, uint32_t site) {
    Machine *m = w->machine;
    for (uint32_t k = 0; k < m->unwritten_count; k++) {
        const Fault *f = &m->unwritten[k];
        if (f->site == (int32_t)site && f->other_site == (int32_t)m->launch) return;
    }
    if (m->unwritten_count == MAX_UNWRITTEN) return;
    m->unwritten[m->unwritten_count++] =
        (Fault){.kind = UNINITIALISED, .site = (int32_t)site, .space = space, .lane = (int32_t)lane,
                .warp = (int32_t)w->index, .block = w->block->id, .address = address, .width = (int32_t)bytes,
                .other_site = (int32_t)m->launch, .other_thread = -1};
}

static Slot *slot_of(Machine *m, uint64_t address) { return &m->slots[(address - FIRST_ADDRESS) >> SLOT_BITS]; }
static uint64_t offset_of(uint64_t address) { return (address - FIRST_ADDRESS) & ((1ull << SLOT_BITS) - 1); }

static void track_written(Warp *w, uint32_t mask, const uint64_t *address, uint32_t bytes, int write, uint32_t site) {
    EACH_SET(i, mask) {
        const Slot *slot = slot_of(w->machine, address[i]);
        if (!(slot->flags & TRACKED)) continue;
        uint8_t *at = slot->written + offset_of(address[i]);
        if (write) memset(at, 1, bytes);
        else if (UNLIKELY(memchr(at, 0, bytes) != NULL)) note_unwritten(w, i, address[i], bytes, GLOBAL, site);
    }
}

static int is_written(Warp *w, uint64_t address, int space) {
    if (space == SHARED) return w->block->shadow[address / 4].written >> (address & 3) & 1;
    const Slot *slot = slot_of(w->machine, address);
    return !(slot->flags & TRACKED) || slot->written[offset_of(address)];
}

void watch_alter(Warp *w, uint8_t *data, uint32_t bytes, uint64_t address, int space, uint32_t site) {
    const Machine *m = w->machine;
    if (m->alteration < 0 || (m->altered_launch != ALL && (m->altered_launch != m->launch || m->altered_site != site)))
        return;
    for (uint32_t k = 0; k < bytes; k++)
        if (!is_written(w, address + k, space)) data[k] = (uint8_t)m->alteration;
}

/* ---- shared memory: races ----
   Two threads of different warps conflict when nothing separates them in time: no barrier, fence or lock. A conflict
   is a fault only where a value may depend on it: a read of what another thread writes, or a read of a byte that two
   threads wrote differently. Writes that change nothing never conflict, and strong accesses (volatile, relaxed,
   acquire, release) neither. */

__attribute__((noreturn)) static void report_race(Warp *w, int space, uint32_t lane, uint64_t address, uint32_t bytes,
                                                  int write, uint32_t site, const Access *other) {
    Machine *m = w->machine;
    m->fault = (Fault){.kind = RACE, .site = (int32_t)site, .space = space, .lane = (int32_t)lane,
                       .warp = (int32_t)w->index, .block = w->block->id, .address = address, .width = (int32_t)bytes,
                       .write = write, .other_thread = other->thread, .other_site = (int32_t)other->site,
                       .other_block = other->block};
    longjmp(m->escape, 1);
}

__attribute__((noreturn)) static void race(Warp *w, uint32_t lane, uint64_t address, uint32_t bytes, int write,
                                           uint32_t site, int thread, uint32_t other_site) {
    const Access other = {.block = w->block->id, .site = other_site, .thread = (uint16_t)thread};
    report_race(w, SHARED, lane, address, bytes, write, site, &other);
}

static int foreign(const Warp *w, int thread) { return thread >= 0 && (uint32_t)thread / LANES != w->index; }

/* `bytes` is a set of bytes of the word. */
static void read_word(Warp *w, uint32_t lane, SharedWord *s, uint32_t bytes, uint64_t address, uint32_t width,
                      int strong, uint32_t site) {
    const uint32_t epoch = w->block->epoch;
    if (UNLIKELY(bytes & ~s->written)) note_unwritten(w, lane, address, width, SHARED, site);
    if (strong) return;
    if (UNLIKELY(s->write_epoch == epoch && s->write_bytes & bytes && foreign(w, s->writer)))
        race(w, lane, address, width, 0, site, s->writer, s->write_site);
    if (UNLIKELY(s->contended & bytes)) race(w, lane, address, width, 0, site, s->writer, s->write_site);
    if (s->read_epoch != epoch) s->read_bytes = s->many_readers = 0;
    else if (foreign(w, s->reader)) s->many_readers = 1;
    s->read_bytes |= bytes;
    s->reader = (int16_t)thread_of(w, lane);
    s->read_epoch = epoch;
    s->read_site = (uint16_t)site;
}

/* `changed` are the bytes that get another value than they had. */
static void write_word(Warp *w, uint32_t lane, SharedWord *s, uint32_t bytes, uint32_t changed, uint64_t address,
                       uint32_t width, int strong, uint32_t site) {
    const uint32_t epoch = w->block->epoch;
    changed |= bytes & ~s->written;
    s->written |= bytes;
    if (s->write_epoch != epoch) {
        s->contended &= ~bytes;
        s->write_bytes = 0;
    }
    if (strong || !changed) return;
    /* Of several readers only their union is known: one byte, read by a single warp, names a sure conflict. */
    if (s->read_epoch == epoch && s->read_bytes & changed && (s->read_bytes == bytes || !s->many_readers) &&
        (s->many_readers || foreign(w, s->reader)))
        race(w, lane, address, width, 1, site, s->reader, s->read_site);
    if (s->write_epoch == epoch && foreign(w, s->writer)) {
        s->contended |= s->write_bytes & changed;
        s->write_bytes = 0;
    }
    s->write_bytes |= changed;
    s->writer = (int16_t)thread_of(w, lane);
    s->write_epoch = epoch;
    s->write_site = (uint16_t)site;
}

static uint32_t bytes_in_word(uint64_t address, uint32_t width) {
    return width >= 4 ? 15 : ((1u << width) - 1) << (address & 3);
}

/* Lanes of one store that write different values to one byte leave it undefined. */
static void lanes_collide(Warp *w, uint32_t mask, const uint64_t *address, uint32_t bytes, const uint8_t *values,
                          uint32_t width, uint32_t site) {
    uint64_t end = 0; /* above all addresses so far, of which the lowest may be 0 */
    EACH_SET(i, mask) {
        if (address[i] >= end) {
            end = address[i] + 1;
            continue;
        }
        for (uint32_t j = 0; j < i; j++) {
            if (!(mask >> j & 1) || address[j] != address[i]) continue;
            for (uint32_t k = 0; k < bytes; k++) {
                const uint8_t *element = values + k / width * 256 + k % width;
                if (element[i * width] == element[j * width]) continue;
                SharedWord *s = w->block->shadow + (address[i] + k) / 4;
                s->contended |= 1u << ((address[i] + k) & 3);
                s->write_site = (uint16_t)site;
            }
        }
    }
}

static int is_uniform(uint32_t mask, const uint64_t *address) {
    const uint64_t first = address[__builtin_ctz(mask)];
    uint64_t differences = 0;
    EACH_SET(i, mask) differences |= address[i] ^ first;
    return !differences;
}

static void check_shared(Warp *w, uint32_t mask, const uint64_t *address, uint32_t bytes, int write, int strong,
                         uint32_t site, const uint8_t *values, uint32_t width) {
    if (!write && is_uniform(mask, address)) mask &= -mask;
    EACH_SET(i, mask) {
        for (uint32_t k = 0; k < bytes; k += 4) {
            SharedWord *s = w->block->shadow + (address[i] + k) / 4;
            const uint32_t touched = bytes_in_word(address[i], bytes);
            if (!write) {
                read_word(w, i, s, touched, address[i], bytes, strong, site);
                continue;
            }
            uint32_t changed = 0;
            const uint8_t *old = w->block->shared + address[i] + k;
            for (uint32_t n = 0; n < 4 && k + n < bytes; n++) {
                const uint8_t value = values[(k + n) / width * 256 + i * width + (k + n) % width];
                changed |= (uint32_t)(value != old[n]) << ((address[i] + n) & 3);
            }
            write_word(w, i, s, touched, changed, address[i], bytes, strong, site);
        }
    }
    if (write && !strong) lanes_collide(w, mask, address, bytes, values, width, site);
}

/* ---- global memory: races ----
   Warps of one block conflict as in shared memory. Accesses of two blocks are in order when, since the earlier one, its
   block has released (a fence, or an atomic or store that orders) and the other has acquired (a fence, any atomic or
   strong load); whether the two met at one flag is not asked, so that some races pass, and none is invented. Two writes
   of different values are a fault at once: what stays in global memory is what the launch is for. */

static int is_unordered(const Warp *w, const Access *a) {
    const Block *b = w->block;
    if (a->time < w->machine->began) return 0;
    if (a->block == b->id) return a->time == b->epoch && a->thread / LANES != w->index;
    return w->machine->released[a->block % w->machine->releases] <= a->time || b->acquired <= a->time;
}

static int is_same_warp(const Warp *w, const Access *a) {
    return a->time >= w->machine->began && a->block == w->block->id && a->thread / LANES == w->index;
}

/* Adds bytes to what is known of this warp's access, or begins anew. */
static void note_access(const Warp *w, Access *a, uint32_t lane, uint32_t bytes, uint32_t site) {
    const uint32_t known = is_same_warp(w, a) && a->time == w->block->epoch ? a->bytes : 0;
    *a = (Access){.time = w->block->epoch, .block = w->block->id, .site = site, .thread = (uint16_t)thread_of(w, lane),
                  .bytes = (uint8_t)(known | bytes)};
}

/* `changed` as for write_word; 0 for a read. */
static void check_word(Warp *w, uint32_t lane, GlobalWord *g, uint32_t bytes, uint32_t changed, uint64_t address,
                       uint32_t width, int write, uint32_t site) {
    if (write && !changed) return;
    const uint32_t touched = write ? changed : bytes;
    if (UNLIKELY(g->write.bytes & touched) && is_unordered(w, &g->write))
        report_race(w, GLOBAL, lane, address, width, write, site, &g->write);
    if (!write) {
        note_access(w, &g->reads[!is_same_warp(w, &g->reads[0]) && g->reads[0].time >= w->machine->began], lane, bytes,
                    site);
        return;
    }
    for (int k = 0; k < 2; k++)
        if (UNLIKELY(g->reads[k].bytes & touched) && is_unordered(w, &g->reads[k]))
            report_race(w, GLOBAL, lane, address, width, write, site, &g->reads[k]);
    note_access(w, &g->write, lane, changed, site);
}

/* Lanes of one store that write different values to one place. */
static void lanes_differ(Warp *w, uint32_t mask, const uint64_t *address, uint32_t bytes, const uint8_t *values,
                         uint32_t width, uint32_t site) {
    uint64_t highest = 0;
    EACH_SET(i, mask) {
        const int ascending = address[i] > highest;
        if (ascending) {
            highest = address[i];
            continue;
        }
        for (uint32_t j = 0; j < i; j++) {
            if (!(mask >> j & 1) || address[j] != address[i]) continue;
            for (uint32_t k = 0; k < bytes; k += width) {
                const uint8_t *element = values + k / width * 256;
                if (!memcmp(element + i * width, element + j * width, width)) continue;
                const Access other = {.block = w->block->id, .site = site, .thread = (uint16_t)thread_of(w, j)};
                report_race(w, GLOBAL, i, address[i], bytes, 1, site, &other);
            }
        }
    }
}

static void check_global(Warp *w, uint32_t mask, const uint64_t *address, uint32_t bytes, int write, uint32_t site,
                         const uint8_t *values, uint32_t width) {
    uint32_t checked = 0;
    if (!write && is_uniform(mask, address)) mask &= -mask;
    EACH_SET(i, mask) {
        const Slot *slot = slot_of(w->machine, address[i]);
        if (!slot->words) continue;
        checked |= 1u << i;
        const uint64_t offset = offset_of(address[i]);
        for (uint32_t k = 0; k < bytes; k += 4) {
            uint32_t changed = 0;
            for (uint32_t n = 0; write && n < 4 && k + n < bytes; n++) {
                const uint8_t value = values[(k + n) / width * 256 + i * width + (k + n) % width];
                changed |= (uint32_t)(value != slot->host[offset + k + n]) << ((offset + n) & 3);
            }
            check_word(w, i, &slot->words[(offset + k) / 4], bytes_in_word(offset, bytes), changed, address[i], bytes,
                       write, site);
        }
    }
    if (write) lanes_differ(w, checked, address, bytes, values, width, site);
}

void watch_order(Warp *w) {
    Block *b = w->block;
    Machine *m = w->machine;
    b->epoch = b->acquired = ++m->time;
    if (m->checked) m->released[b->id % m->releases] = b->epoch;
}

void watch_access(Warp *w, uint32_t mask, const uint64_t *address, uint32_t bytes, int space, int write, int strong,
                  uint32_t site, const uint8_t *values, uint32_t width) {
    Machine *m = w->machine;
    if (space == GLOBAL) {
        count_global(w, mask, address, bytes, write);
        if (!m->checked) return;
        track_written(w, mask, address, bytes, write, site);
        if (!strong) check_global(w, mask, address, bytes, write, site, values, width);
        else if (!write) w->block->acquired = ++m->time;
        return;
    }
    tally_of(w)->wavefronts += wavefronts(address, mask, bytes);
    if (m->checked) check_shared(w, mask, address, bytes, write, strong, site, values, width);
}

void watch_atomic(Warp *w, uint32_t mask, const uint64_t *address, uint32_t bytes, int space, uint32_t site) {
    Machine *m = w->machine;
    uint64_t found[2 * LANES];
    const uint32_t sectors = distinct(mask, address, bytes, SECTOR, found);
    for (uint32_t k = 0; space == GLOBAL && k < sectors; k++) remember_sector(m, ATOMICS, found[k]);
    const uint32_t words = distinct(mask, address, 1, 4, found);
    tally_of(w)->atomic_sectors += sectors;
    tally_of(w)->atomic_conflicts += (uint32_t)__builtin_popcount(mask) - words;
    if (!m->checked) return;
    EACH_SET(i, mask) {
        uint8_t *at = space == SHARED ? w->block->shared + address[i] : slot_of(m, address[i])->host + offset_of(address[i]);
        watch_alter(w, at, bytes, address[i], space, site);
    }
    if (space == GLOBAL) {
        w->block->acquired = ++m->time;
        track_written(w, mask, address, bytes, 0, site);
        track_written(w, mask, address, bytes, 1, site);
        EACH_SET(i, mask) {
            const Slot *slot = slot_of(m, address[i]);
            const uint64_t offset = offset_of(address[i]);
            for (uint32_t k = 0; slot->words && k < bytes; k += 4) {
                const Access *write = &slot->words[(offset + k) / 4].write;
                if (write->bytes & bytes_in_word(offset, bytes) && is_unordered(w, write))
                    report_race(w, GLOBAL, i, address[i], bytes, 1, site, write);
            }
        }
        return;
    }
    EACH_SET(i, mask) {
        for (uint32_t k = 0; k < bytes; k += 4) {
            SharedWord *s = w->block->shadow + (address[i] + k) / 4;
            const uint32_t touched = bytes_in_word(address[i], bytes);
            if (touched & ~s->written) note_unwritten(w, i, address[i], bytes, SHARED, site);
            if (s->write_epoch == w->block->epoch && s->write_bytes & touched && foreign(w, s->writer))
                race(w, i, address[i], bytes, 1, site, s->writer, s->write_site);
            s->written |= touched;
        }
    }
}

void watch_block_end(Machine *m, Tally *t) {
    t->unique_load_sectors += m->sector_count[LOADS];
    t->unique_store_sectors += m->sector_count[STORES];
    t->unique_atomic_sectors += m->sector_count[ATOMICS];
    for (int k = 0; k < SETS; k++) {
        if (m->sectors[k]) memset(m->sectors[k], 0, m->sector_room[k] * sizeof(uint64_t));
        m->sector_count[k] = 0;
    }
}
