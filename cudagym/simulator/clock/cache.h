/* A sectored cache with least-recently-used replacement: 128-byte lines of four 32-byte sectors. */

#pragma once
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define WAYS 16
#define SECTORS 4

struct Line {
    uint64_t number; /* + 1; 0: empty */
    uint64_t used;
    uint8_t present, dirty; /* masks of sectors */
};

struct Cache {
    struct Line *lines;
    uint32_t sets;
    uint64_t now;
    uint64_t written_back; /* dirty sectors evicted */
};

static inline int cache_open(struct Cache *cache, uint64_t bytes)
{
    uint64_t sets = bytes / (128 * WAYS);
    memset(cache, 0, sizeof *cache);
    cache->sets = sets ? (uint32_t)sets : 1;
    cache->lines = calloc((size_t)cache->sets * WAYS, sizeof *cache->lines);
    return cache->lines != NULL;
}

static inline void cache_close(struct Cache *cache)
{
    free(cache->lines);
}

/* Sets are chosen by a hash, as in hardware, so that strides by powers of two do not crowd a few of them. */
static inline struct Line *cache_set(struct Cache *cache, uint64_t number)
{
    uint64_t hash = number * 0x9E3779B97F4A7C15u;
    return cache->lines + (size_t)((hash >> 32) * cache->sets >> 32) * WAYS;
}

/* The line's place, taken from the least recently used line when it has none. */
static inline struct Line *cache_line(struct Cache *cache, uint64_t number)
{
    struct Line *set = cache_set(cache, number), *victim = set;
    cache->now++;
    for (int way = 0; way < WAYS; way++) {
        if (set[way].number == number + 1) {
            set[way].used = cache->now;
            return set + way;
        }
        if (set[way].used < victim->used)
            victim = set + way;
    }
    cache->written_back += (uint64_t)__builtin_popcount(victim->dirty);
    *victim = (struct Line){.number = number + 1, .used = cache->now};
    return victim;
}

/* The line's place if it has one. Does not count as use. */
static inline struct Line *cache_find(struct Cache *cache, uint64_t number)
{
    struct Line *set = cache_set(cache, number);
    for (int way = 0; way < WAYS; way++)
        if (set[way].number == number + 1)
            return set + way;
    return NULL;
}

/* Reads sectors; returns the mask of those that were not there, which are now. */
static inline uint8_t cache_read(struct Cache *cache, uint64_t number, uint8_t sectors)
{
    struct Line *line = cache_line(cache, number);
    uint8_t missing = sectors & (uint8_t)~line->present;
    line->present |= sectors;
    return missing;
}

/* Writes sectors, without fetching them; returns the mask of those that were not written before. */
static inline uint8_t cache_write(struct Cache *cache, uint64_t number, uint8_t sectors)
{
    struct Line *line = cache_line(cache, number);
    uint8_t fresh = sectors & (uint8_t)~line->dirty;
    line->present |= sectors;
    line->dirty |= sectors;
    return fresh;
}
