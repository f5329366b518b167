/* Streams, events, launches and graphs: what is queued, and when it runs.

One queue holds everything in the order of issue. An entry runs when somebody waits for it, or asks for it twice, after
those that it must follow: of its own stream, and, between the legacy default stream and blocking ones, of each other.
The device has a clock of its own: work adds what it would have taken, and waiting lasts until the host's clock is as
far, so that no event reports more time than has passed. Queueing takes no time on it, unless the fault `slow_host` says
how much: then a device with nothing to do waits for the host. With the fault `wall_clock` work takes as long as the
server took. */

#define _GNU_SOURCE
#include "standin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static struct entry {
    struct entry *next;
    uint64_t number, issued_ns;
    const struct stream *stream; /* NULL: the legacy default stream */
    struct work work;
} *first;
static uint64_t issued, device_ns, queueing_ns; /* the host's place on the device's clock */
static bool hung, wall_clock;

static uint64_t host_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000ull + now.tv_nsec;
}

/* -- running -- */

/* What the server says of a launch: whether the card can hold it (`check`), how many of its blocks an SM can
   (`occupancy`), or how it went (`launch`). */
static CUresult ask(const struct work *work, const char *question, char **reply) {
    char *text = NULL;
    size_t length;
    FILE *file = open_memstream(&text, &length);
    fprintf(file, "%s %u %s", question, work->function->module->number, work->function->name);
    for (int k = 0; k < 3; k++) fprintf(file, " %u", work->grid[k]);
    for (int k = 0; k < 3; k++) fprintf(file, " %u", work->block[k]);
    fprintf(file, " %u %d x", work->dynamic_shared, work->cooperative);
    for (unsigned k = 0; k < work->function->parameter_bytes; k++) fprintf(file, "%02x", work->arguments[k]);
    char *mappings = mappings_text();
    fprintf(file, " |%s", mappings);
    fclose(file);
    CUresult result = wire_ask(text, NULL, 0, -1, reply);
    free(mappings);
    free(text);
    return result;
}

static CUresult launch(const struct work *work) {
    char *reply;
    CUresult result = ask(work, "launch", &reply);
    if (result != CUDA_SUCCESS) return break_context(result);
    hung = strstr(reply, "hang");
    device_ns += strtoull(reply, NULL, 10);
    return CUDA_SUCCESS;
}

/* Bytes that pass the memory in a nanosecond. */
static double bandwidth(void) {
    return 2e-6 / 8 * attribute(CU_DEVICE_ATTRIBUTE_MEMORY_CLOCK_RATE) *
           attribute(CU_DEVICE_ATTRIBUTE_GLOBAL_MEMORY_BUS_WIDTH);
}

static void move(const struct work *work) {
    enum { START_NS = 1500 };
    unsigned char *to = device_bytes(work->to, work->size, true);
    if (work->what == COPY)
        memmove(to, device_bytes(work->from, work->size, false), work->size);
    else if (work->width == 1)
        memset(to, work->value, work->size);
    else
        for (size_t at = 0; at < work->size; at += work->width) memcpy(to + at, &work->value, work->width);
    device_ns += START_NS + (uint64_t)((work->what == COPY ? 2 : 1) * work->size / bandwidth());
}

static CUresult perform(const struct work *work, uint64_t number) {
    if (hung) return CUDA_SUCCESS;
    switch (work->what) {
    case KERNEL: TRY(launch(work)); break;
    case FILL:
    case COPY: move(work); break;
    case RECORD:
        if (work->event->recorded == number) work->event->done_ns = device_ns;
        break;
    case RUN_GRAPH:
        for (size_t k = 0; k < work->exec->graph.n_works && !hung; k++)
            TRY(perform(&work->exec->graph.works[k], number));
    }
    if (wall_clock && device_ns < host_ns()) device_ns = host_ns();
    return CUDA_SUCCESS;
}

static bool precedes(const struct entry *one, const struct entry *other) {
    const struct stream *a = one->stream, *b = other->stream;
    return a == b || (!a && b->blocking) || (!b && a->blocking);
}

static void end_work(struct work *work) {
    free(work->arguments);
    work->arguments = NULL;
}

static void unlink_entry(struct entry *entry) {
    struct entry **link = &first;
    while (*link != entry) link = &(*link)->next;
    *link = entry->next;
    end_work(&entry->work);
    free(entry);
}

/* Runs an entry after those that it follows; a kernel that hangs leaves it where it is. */
static CUresult run(struct entry *entry) {
    for (struct entry *each = first; each != entry && !hung;) {
        if (precedes(each, entry)) {
            TRY(run(each));
            each = first;
        } else
            each = each->next;
    }
    if (device_ns < entry->issued_ns) device_ns = entry->issued_ns;
    TRY(perform(&entry->work, entry->number));
    if (!hung) unlink_entry(entry);
    return CUDA_SUCCESS;
}

static struct entry *last_of(const struct stream *stream) {
    struct entry *last = NULL;
    for (struct entry *each = first; each; each = each->next)
        if (each->stream == stream) last = each;
    return last;
}

static void wait_for_clock(uint64_t until) {
    while (hung) wait_without_lock(1000000);
    for (uint64_t now = host_ns(); now < until; now = host_ns()) wait_without_lock(until - now);
}

static CUresult wait_for(const struct stream *stream) {
    struct entry *last = last_of(stream);
    if (last) TRY(run(last));
    wait_for_clock(device_ns);
    return CUDA_SUCCESS;
}

CUresult wait_for_all(void) {
    while (first && !hung) TRY(run(first));
    wait_for_clock(device_ns);
    return CUDA_SUCCESS;
}

CUresult run_blocking_streams(void) {
    for (struct entry *each = first; each && !hung;) {
        if (each->stream && !each->stream->blocking) {
            each = each->next;
        } else {
            TRY(run(each));
            each = first;
        }
    }
    wait_for_clock(0);
    return CUDA_SUCCESS;
}

void drop_pending(void) {
    while (first) unlink_entry(first);
}

static bool touches(const struct work *work, CUdeviceptr start) {
    uint64_t slot = start / SLOT_BYTES, word;
    switch (work->what) {
    case KERNEL:
        for (size_t at = 0; at + sizeof word <= work->function->parameter_bytes; at += sizeof word) {
            memcpy(&word, work->arguments + at, sizeof word);
            if (word / SLOT_BYTES == slot) return true;
        }
        return false;
    case FILL: return work->to / SLOT_BYTES == slot;
    case COPY: return work->to / SLOT_BYTES == slot || work->from / SLOT_BYTES == slot;
    case RECORD: return false;
    case RUN_GRAPH:
        for (size_t k = 0; k < work->exec->graph.n_works; k++)
            if (touches(&work->exec->graph.works[k], start)) return true;
    }
    return false;
}

bool is_pending(CUdeviceptr start) {
    for (const struct entry *each = first; each; each = each->next)
        if (touches(&each->work, start)) return true;
    return false;
}

static bool runs(const struct work *work, const struct module *module) {
    if (work->what == KERNEL) return work->function->module == module;
    if (work->what == RUN_GRAPH)
        for (size_t k = 0; k < work->exec->graph.n_works; k++)
            if (runs(&work->exec->graph.works[k], module)) return true;
    return false;
}

bool is_module_pending(const struct module *module) {
    for (const struct entry *each = first; each; each = each->next)
        if (runs(&each->work, module)) return true;
    return false;
}

/* -- queueing -- */

static void add_to(struct graph *graph, const struct work *work) {
    graph->works = realloc(graph->works, (graph->n_works + 1) * sizeof *work);
    if (!graph->works) abort();
    graph->works[graph->n_works++] = *work;
}

static CUresult check_stream(CUstream handle, struct stream **stream) {
    *stream = NULL;
    if (!handle || handle == CU_STREAM_LEGACY) return CUDA_SUCCESS;
    REQUIRE(is_live(handle, STREAM), CUDA_ERROR_INVALID_HANDLE, "%p is no live stream", (void *)handle);
    *stream = (struct stream *)handle;
    return CUDA_SUCCESS;
}

/* What may not happen while a stream captures; it spoils the capture. */
static CUresult check_no_capture(struct stream *stream) {
    if (!stream || !stream->capture) return CUDA_SUCCESS;
    stream->broken_capture = true;
    return refuse(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, "the stream is capturing");
}

/* Takes `work` over. */
static CUresult submit(CUstream handle, struct work work) {
    struct stream *stream;
    TRY(check_stream(handle, &stream));
    if (stream && stream->capture) {
        REQUIRE(!stream->broken_capture, CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, "an earlier error ended the capture");
        add_to(stream->capture, &work);
        return CUDA_SUCCESS;
    }
    wall_clock = fault_value("wall_clock");
    if (!first) {
        if (device_ns < host_ns()) device_ns = host_ns();
        queueing_ns = device_ns;
    }
    queueing_ns += (uint64_t)(1000 * fault_value("slow_host"));
    struct entry *entry = calloc(1, sizeof *entry), **link = &first;
    if (!entry) abort();
    *entry = (struct entry){NULL, ++issued, queueing_ns, stream, work};
    while (*link) link = &(*link)->next;
    *link = entry;
    return CUDA_SUCCESS;
}

static CUresult check_launch(const struct work *work) {
    const struct function *function = work->function;
    const unsigned *grid = work->grid, *block = work->block;
    uint64_t threads = (uint64_t)block[0] * block[1] * block[2];
    for (int k = 0; k < 3; k++) {
        unsigned most_blocks = attribute(CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_X + k);
        unsigned most_threads = attribute(CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_X + k);
        REQUIRE(grid[k] && grid[k] <= most_blocks, CUDA_ERROR_INVALID_VALUE, "a grid of %u blocks along axis %d", grid[k], k);
        REQUIRE(block[k] && block[k] <= most_threads, CUDA_ERROR_INVALID_VALUE, "a block of %u threads along axis %d",
                block[k], k);
    }
    REQUIRE(threads <= (unsigned)attribute(CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK), CUDA_ERROR_INVALID_VALUE,
            "%llu threads in a block", (unsigned long long)threads);
    REQUIRE(work->dynamic_shared <= function->most_dynamic, CUDA_ERROR_INVALID_VALUE,
            "%u bytes of dynamic shared memory, the function's attribute allows %u", work->dynamic_shared,
            function->most_dynamic);
    return ask(work, "check", NULL);
}

CUresult cuLaunchKernelEx(const CUlaunchConfig *config, CUfunction handle, void **parameters, void **extra) {
    CALL(IN_CONTEXT);
    struct function *function = (struct function *)handle;
    REQUIRE(is_live(function, FUNCTION), CUDA_ERROR_INVALID_HANDLE, "%p is no live function", (void *)handle);
    REQUIRE(config && !extra, CUDA_ERROR_INVALID_VALUE, "the arguments go through kernelParams");
    REQUIRE(parameters || !function->n_parameters, CUDA_ERROR_INVALID_VALUE, "%s has parameters", function->name);
    struct work work = {
        .what = KERNEL,
        .function = function,
        .grid = {config->gridDimX, config->gridDimY, config->gridDimZ},
        .block = {config->blockDimX, config->blockDimY, config->blockDimZ},
        .dynamic_shared = config->sharedMemBytes,
    };
    for (unsigned k = 0; k < config->numAttrs; k++) {
        REQUIRE(config->attrs[k].id == CU_LAUNCH_ATTRIBUTE_COOPERATIVE, CUDA_ERROR_NOT_SUPPORTED,
                "launch attribute %d is not served", config->attrs[k].id);
        work.cooperative = config->attrs[k].value.cooperative;
    }
    work.arguments = calloc(1, function->parameter_bytes + 1);
    if (!work.arguments) abort();
    for (unsigned k = 0; k < function->n_parameters; k++)
        memcpy(work.arguments + function->parameters[k].offset, parameters[k], function->parameters[k].size);
    CUresult result = check_launch(&work);
    if (result == CUDA_SUCCESS) result = submit(config->hStream, work);
    if (result != CUDA_SUCCESS) end_work(&work);
    return result;
}

CUresult cuOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, CUfunction handle, int threads, size_t dynamic_shared) {
    CALL(IN_CONTEXT);
    struct function *function = (struct function *)handle;
    REQUIRE(is_live(function, FUNCTION), CUDA_ERROR_INVALID_HANDLE, "%p is no live function", (void *)handle);
    REQUIRE(blocks && threads > 0, CUDA_ERROR_INVALID_VALUE, "%d threads in a block", threads);
    struct work work = {.function = function, .grid = {1, 1, 1}, .block = {threads, 1, 1}, .dynamic_shared = dynamic_shared};
    work.arguments = calloc(1, function->parameter_bytes + 1);
    if (!work.arguments) abort();
    char *reply;
    CUresult result = ask(&work, "occupancy", &reply);
    if (result == CUDA_SUCCESS) *blocks = atoi(reply);
    end_work(&work);
    return result;
}

static CUresult fill(CUdeviceptr to, unsigned value, unsigned width, size_t count, CUstream stream) {
    REQUIRE(to % width == 0, CUDA_ERROR_INVALID_VALUE, "%llx is not aligned to %u bytes", to, width);
    TRY(check_range(to, width * count, true, "target"));
    return submit(stream, (struct work){.what = FILL, .to = to, .size = width * count, .value = value, .width = width});
}

CUresult cuMemsetD8Async(CUdeviceptr to, unsigned char value, size_t count, CUstream stream) {
    CALL(IN_CONTEXT);
    return fill(to, value, 1, count, stream);
}

CUresult cuMemsetD16Async(CUdeviceptr to, unsigned short value, size_t count, CUstream stream) {
    CALL(IN_CONTEXT);
    return fill(to, value, 2, count, stream);
}

CUresult cuMemsetD32Async(CUdeviceptr to, unsigned value, size_t count, CUstream stream) {
    CALL(IN_CONTEXT);
    return fill(to, value, 4, count, stream);
}

CUresult cuMemcpyDtoDAsync(CUdeviceptr to, CUdeviceptr from, size_t size, CUstream stream) {
    CALL(IN_CONTEXT);
    TRY(check_range(to, size, true, "target"));
    TRY(check_range(from, size, false, "source"));
    return submit(stream, (struct work){.what = COPY, .to = to, .from = from, .size = size});
}

/* -- streams -- */

CUresult cuStreamCreate(CUstream *handle, unsigned flags) {
    CALL(IN_CONTEXT);
    REQUIRE(handle && flags <= CU_STREAM_NON_BLOCKING, CUDA_ERROR_INVALID_VALUE, "flags %x do not exist", flags);
    struct stream *stream = make(STREAM, sizeof *stream);
    stream->blocking = flags != CU_STREAM_NON_BLOCKING;
    *handle = (CUstream)stream;
    return CUDA_SUCCESS;
}

CUresult cuStreamDestroy(CUstream handle) {
    CALL(IN_CONTEXT);
    struct stream *stream;
    TRY(check_stream(handle, &stream));
    REQUIRE(stream, CUDA_ERROR_INVALID_HANDLE, "the default stream stays");
    TRY(check_no_capture(stream));
    while (last_of(stream) && !hung) TRY(run(last_of(stream)));
    stream->object.alive = false;
    return CUDA_SUCCESS;
}

CUresult cuStreamSynchronize(CUstream handle) {
    CALL(IN_CONTEXT);
    struct stream *stream;
    TRY(check_stream(handle, &stream));
    TRY(check_no_capture(stream));
    return wait_for(stream);
}

/* Whoever asks gives the device time for one step. */
static CUresult step_towards(struct entry *entry) {
    struct entry *next = first;
    if (hung) return CUDA_ERROR_NOT_READY;
    while (!precedes(next, entry)) next = next->next;
    TRY(run(next));
    return CUDA_ERROR_NOT_READY;
}

CUresult cuStreamQuery(CUstream handle) {
    CALL(IN_CONTEXT);
    struct stream *stream;
    TRY(check_stream(handle, &stream));
    TRY(check_no_capture(stream));
    struct entry *last = last_of(stream);
    if (last) return step_towards(last);
    return host_ns() < device_ns ? CUDA_ERROR_NOT_READY : CUDA_SUCCESS;
}

/* -- events -- */

CUresult cuEventCreate(CUevent *handle, unsigned flags) {
    CALL(IN_CONTEXT);
    REQUIRE(handle && flags <= (CU_EVENT_BLOCKING_SYNC | CU_EVENT_DISABLE_TIMING), CUDA_ERROR_INVALID_VALUE,
            "flags %x are not served", flags);
    struct event *event = make(EVENT, sizeof *event);
    event->timed = !(flags & CU_EVENT_DISABLE_TIMING);
    *handle = (CUevent)event;
    return CUDA_SUCCESS;
}

static CUresult check_event(CUevent handle, struct event **event) {
    *event = (struct event *)handle;
    REQUIRE(is_live(handle, EVENT), CUDA_ERROR_INVALID_HANDLE, "%p is no live event", (void *)handle);
    return CUDA_SUCCESS;
}

CUresult cuEventDestroy(CUevent handle) {
    CALL(IN_CONTEXT);
    struct event *event;
    TRY(check_event(handle, &event));
    event->object.alive = false;
    return CUDA_SUCCESS;
}

/* From now on the event is that of the operation issued last. */
static void expect(struct event *event) {
    event->recorded = issued;
    event->done_ns = 0;
}

static CUresult record(CUevent handle, CUstream stream_handle, bool in_graph) {
    struct event *event;
    struct stream *stream;
    TRY(check_event(handle, &event));
    TRY(check_stream(stream_handle, &stream));
    if (in_graph)
        REQUIRE(stream && stream->capture, CUDA_ERROR_INVALID_VALUE, "an external event outside of a capture");
    else
        TRY(check_no_capture(stream));
    TRY(submit(stream_handle, (struct work){.what = RECORD, .event = event}));
    if (!in_graph) expect(event);
    return CUDA_SUCCESS;
}

CUresult cuEventRecord(CUevent handle, CUstream stream) {
    CALL(IN_CONTEXT);
    return record(handle, stream, false);
}

CUresult cuEventRecordWithFlags(CUevent handle, CUstream stream, unsigned flags) {
    CALL(IN_CONTEXT);
    REQUIRE(flags <= CU_EVENT_RECORD_EXTERNAL, CUDA_ERROR_INVALID_VALUE, "flags %x do not exist", flags);
    return record(handle, stream, flags == CU_EVENT_RECORD_EXTERNAL);
}

static struct entry *recording(const struct event *event) {
    for (struct entry *each = first; each; each = each->next)
        if (each->number == event->recorded) return each;
    return NULL;
}

CUresult cuEventQuery(CUevent handle) {
    CALL(IN_CONTEXT);
    struct event *event;
    TRY(check_event(handle, &event));
    struct entry *entry = recording(event);
    if (entry) return step_towards(entry);
    return host_ns() < event->done_ns ? CUDA_ERROR_NOT_READY : CUDA_SUCCESS;
}

CUresult cuEventSynchronize(CUevent handle) {
    CALL(IN_CONTEXT);
    struct event *event;
    TRY(check_event(handle, &event));
    struct entry *entry = recording(event);
    if (entry) TRY(run(entry));
    wait_for_clock(event->done_ns);
    return CUDA_SUCCESS;
}

CUresult cuEventElapsedTime(float *milliseconds, CUevent start_handle, CUevent end_handle) {
    CALL(IN_CONTEXT);
    struct event *start, *end;
    TRY(check_event(start_handle, &start));
    TRY(check_event(end_handle, &end));
    REQUIRE(milliseconds, CUDA_ERROR_INVALID_VALUE, "nowhere to put the time");
    REQUIRE(start->timed && end->timed, CUDA_ERROR_INVALID_HANDLE, "an event was created without timing");
    REQUIRE(start->recorded && end->recorded, CUDA_ERROR_INVALID_HANDLE, "an event was never recorded");
    if (recording(start) || recording(end) || host_ns() < end->done_ns) return CUDA_ERROR_NOT_READY;
    *milliseconds = (float)(((double)end->done_ns - (double)start->done_ns) * 1e-6);
    return CUDA_SUCCESS;
}

/* -- graphs -- */

CUresult cuStreamBeginCapture(CUstream handle, CUstreamCaptureMode mode) {
    CALL(IN_CONTEXT);
    struct stream *stream;
    TRY(check_stream(handle, &stream));
    REQUIRE(stream, CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, "the default stream cannot capture");
    REQUIRE(mode <= CU_STREAM_CAPTURE_MODE_RELAXED, CUDA_ERROR_INVALID_VALUE, "mode %d does not exist", mode);
    REQUIRE(!stream->capture, CUDA_ERROR_ILLEGAL_STATE, "the stream captures already");
    stream->capture = make(GRAPH, sizeof *stream->capture);
    stream->broken_capture = false;
    return CUDA_SUCCESS;
}

static void end_graph(struct graph *graph) {
    for (size_t k = 0; k < graph->n_works; k++) end_work(&graph->works[k]);
    free(graph->works);
    *graph = (struct graph){.object = {graph->object.kind, false, graph->object.next}};
}

CUresult cuStreamEndCapture(CUstream handle, CUgraph *graph) {
    CALL(IN_CONTEXT);
    struct stream *stream;
    TRY(check_stream(handle, &stream));
    REQUIRE(graph, CUDA_ERROR_INVALID_VALUE, "nowhere to put the graph");
    REQUIRE(stream && stream->capture, CUDA_ERROR_ILLEGAL_STATE, "the stream does not capture");
    *graph = stream->broken_capture ? NULL : (CUgraph)stream->capture;
    if (stream->broken_capture) end_graph(stream->capture);
    stream->capture = NULL;
    REQUIRE(*graph, CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, "an earlier error ended the capture");
    return CUDA_SUCCESS;
}

CUresult cuGraphInstantiateWithFlags(CUgraphExec *handle, CUgraph graph_handle, unsigned long long flags) {
    CALL(IN_CONTEXT);
    const struct graph *graph = (struct graph *)graph_handle;
    REQUIRE(is_live(graph, GRAPH), CUDA_ERROR_INVALID_VALUE, "%p is no live graph", (void *)graph_handle);
    REQUIRE(handle && !flags, CUDA_ERROR_INVALID_VALUE, "flags %llx are not served", flags);
    struct exec *exec = make(EXEC, sizeof *exec);
    for (size_t k = 0; k < graph->n_works; k++) {
        struct work work = graph->works[k];
        if (work.arguments) {
            work.arguments = calloc(1, work.function->parameter_bytes + 1);
            if (!work.arguments) abort();
            memcpy(work.arguments, graph->works[k].arguments, work.function->parameter_bytes);
        }
        add_to(&exec->graph, &work);
    }
    *handle = (CUgraphExec)exec;
    return CUDA_SUCCESS;
}

static CUresult check_exec(CUgraphExec handle, struct exec **exec) {
    *exec = (struct exec *)handle;
    REQUIRE(is_live(handle, EXEC), CUDA_ERROR_INVALID_VALUE, "%p is no live executable graph", (void *)handle);
    return CUDA_SUCCESS;
}

CUresult cuGraphUpload(CUgraphExec handle, CUstream stream_handle) {
    CALL(IN_CONTEXT);
    struct exec *exec;
    struct stream *stream;
    TRY(check_exec(handle, &exec));
    TRY(check_stream(stream_handle, &stream));
    return check_no_capture(stream);
}

CUresult cuGraphLaunch(CUgraphExec handle, CUstream stream_handle) {
    CALL(IN_CONTEXT);
    struct exec *exec;
    struct stream *stream;
    TRY(check_exec(handle, &exec));
    TRY(check_stream(stream_handle, &stream));
    TRY(check_no_capture(stream));
    for (size_t k = 0; k < exec->graph.n_works; k++) {
        const struct work *work = &exec->graph.works[k];
        REQUIRE(work->what != KERNEL || is_live(work->function, FUNCTION), CUDA_ERROR_INVALID_HANDLE,
                "the graph runs a kernel of a module that was unloaded");
        if (work->what == FILL || work->what == COPY) TRY(check_range(work->to, work->size, true, "target"));
        if (work->what == COPY) TRY(check_range(work->from, work->size, false, "source"));
        REQUIRE(work->what != RECORD || is_live(work->event, EVENT), CUDA_ERROR_INVALID_HANDLE,
                "the graph records an event that was destroyed");
    }
    TRY(submit(stream_handle, (struct work){.what = RUN_GRAPH, .exec = exec}));
    for (size_t k = 0; k < exec->graph.n_works; k++)
        if (exec->graph.works[k].what == RECORD) expect(exec->graph.works[k].event);
    return CUDA_SUCCESS;
}

CUresult cuGraphDestroy(CUgraph handle) {
    CALL(IN_CONTEXT);
    REQUIRE(is_live(handle, GRAPH), CUDA_ERROR_INVALID_VALUE, "%p is no live graph", (void *)handle);
    end_graph((struct graph *)handle);
    return CUDA_SUCCESS;
}

CUresult cuGraphExecDestroy(CUgraphExec handle) {
    CALL(IN_CONTEXT);
    struct exec *exec;
    TRY(check_exec(handle, &exec));
    for (struct entry *each = first; each && !hung;) {
        if (each->work.exec == exec) {
            TRY(run(each));
            each = first;
        } else
            each = each->next;
    }
    exec->object.alive = false;
    end_graph(&exec->graph);
    return CUDA_SUCCESS;
}
