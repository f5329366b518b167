/* Blocks on several host threads, for launches whose blocks cannot tell in which order they run: each thread has a
   copy of the machine and every so-manieth part of the grid. What comes out does not depend on the threads' number. */
#include "runtime.h"

#include <pthread.h>
#include <stdlib.h>

#define MAX_WORKERS 64
#define PARTS 16 /* of the grid, for each thread; several, as the work of a grid is seldom even */

typedef struct Worker {
    Machine machine;
    uint64_t blocks, part, first, stride; /* parts of so many blocks: `first`, `first + stride`, ... */
    uint64_t *counts;
    int outcome;
    pthread_t thread;
} Worker;

static void *work(void *argument) {
    Worker *w = argument;
    for (uint64_t at = w->first * w->part; at < w->blocks && w->outcome == DONE; at += w->stride * w->part) {
        const uint64_t end = at + w->part;
        w->outcome = run_range(&w->machine, at, end < w->blocks ? end : w->blocks);
    }
    return NULL;
}

static Worker *new_worker(const Machine *m, uint64_t counters) {
    Worker *w = calloc(1, sizeof *w);
    if (!w) return NULL;
    w->machine = *m;
    w->counts = w->machine.ignored_counts = calloc(counters + 1, sizeof *w->counts);
    if (w->counts) return w;
    free(w);
    return NULL;
}

/* Adds up what a worker did and frees it. The fault that stands is that of the lowest block. */
static int join(Machine *m, Worker *w, uint64_t before, uint64_t counters, int outcome) {
    pthread_join(w->thread, NULL);
    for (uint64_t k = 0; k < counters; k++) m->ignored_counts[k] += w->counts[k];
    m->steps += w->machine.steps - before;
    if (w->outcome == FAULTED && (outcome == DONE || w->machine.fault.block < m->fault.block)) m->fault = w->machine.fault;
    w->machine.tid = w->machine.released = NULL; /* the launch's */
    cg_end(&w->machine);
    free(w->counts);
    outcome = outcome == DONE ? w->outcome : outcome;
    free(w);
    return outcome;
}

/* As cg_run for blocks 0 to count - 1, unwatched; `counters`: how many numbers ignored_counts has. */
int cg_run_parallel(Machine *m, uint64_t count, uint32_t threads, uint64_t counters) {
    Worker *workers[MAX_WORKERS];
    const uint64_t before = m->steps;
    uint32_t started = 0;
    if (threads > MAX_WORKERS) threads = MAX_WORKERS;
    for (; started < threads && (workers[started] = new_worker(m, counters)); started++) {}
    for (uint32_t k = 0; k < started; k++) {
        Worker *w = workers[k];
        w->blocks = count;
        w->part = (count + PARTS * started - 1) / (PARTS * started);
        w->first = k;
        w->stride = started;
        if (pthread_create(&w->thread, NULL, work, w)) abort();
    }
    if (!started) return run_range(m, 0, count);
    int outcome = DONE;
    for (uint32_t k = 0; k < started; k++) outcome = join(m, workers[k], before, counters, outcome);
    if (outcome == DONE && m->steps > m->budget) {
        m->fault = (Fault){.kind = OVER_BUDGET, .site = -1, .block = (uint32_t)(count - 1), .other_thread = -1};
        return FAULTED;
    }
    return outcome;
}
