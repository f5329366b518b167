/* Stands in for NVIDIA's driver: the CUDA driver API (CUDA Driver API Reference Manual 13.0) on a simulated GPU.

It has the functions that cudagym calls. Every argument is held against what the manual asks for. What the manual calls
undefined (reading results that nobody waited for, unmapping memory that queued work uses) is an error here, too, and
each refusal is explained in the file `misuse` of the folder that the library was loaded from. Queued work runs as late
as the manual allows: only when somebody waits for it or asks how it goes. Device memory lies in memfds that the server,
a Python process beside this one, maps as well. */

#ifndef STANDIN_H
#define STANDIN_H

#include <cuda.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Device addresses, as the simulated GPU lays them out: slots of 16 GiB from 16 TiB up, at most one mapping in each.
   The last ones are the simulated GPU's own. */
#define FIRST_ADDRESS (1ull << 44)
#define SLOT_BYTES (1ull << 34)
#define GRANULE (2ull << 20)
enum { SLOTS = 1000 };

enum kind { CONTEXT, MODULE, FUNCTION, STREAM, EVENT, GRAPH, EXEC, MEMORY };

/* What a handle stands for. Dead objects stay, so that using them after their end is noticed. */
struct object {
    enum kind kind;
    bool alive;
    struct object *next;
};

struct variable {
    char *name;
    CUdeviceptr address;
    size_t size;
};

struct function {
    struct object object;
    struct module *module;
    char *name;
    unsigned registers, static_shared, local, max_threads, most_dynamic, parameter_bytes, n_parameters;
    struct {
        unsigned offset, size;
    } *parameters;
};

struct module {
    struct object object;
    unsigned number; /* by which the server knows it */
    unsigned n_functions, n_variables;
    struct function **functions;
    struct variable *variables;
};

struct event {
    struct object object;
    bool timed;
    uint64_t recorded; /* the operation that recorded it last; 0: none did */
    uint64_t done_ns;  /* on the device's clock; 0: not yet */
};

/* Something for the device to do: queued on a stream, or captured in a graph. */
struct work {
    enum { KERNEL, FILL, COPY, RECORD, RUN_GRAPH } what;
    struct function *function;
    unsigned grid[3], block[3], dynamic_shared;
    bool cooperative;
    unsigned char *arguments;
    CUdeviceptr to, from;
    size_t size; /* bytes, of FILL and COPY */
    unsigned value, width;
    struct event *event;
    struct exec *exec;
};

struct graph {
    struct object object;
    struct work *works;
    size_t n_works;
};

struct exec { /* of a graph; its works are a copy */
    struct object object;
    struct graph graph;
};

struct stream {
    struct object object;
    bool blocking; /* takes turns with the legacy default stream */
    bool broken_capture;
    struct graph *capture;
};

/* driver.c */
enum need { NOTHING_YET, INITIALISED, IN_CONTEXT };
CUresult enter(const char *name, enum need need);
void leave(const char **name);
/* Opens a function of the API: one runs at a time, and none before what it needs is there. */
#define CALL(need)                                                                    \
    CUresult entered = enter(__func__, need);                                         \
    if (entered != CUDA_SUCCESS) return entered;                                      \
    __attribute__((cleanup(leave), unused)) const char *call = __func__
#define TRY(expression)                                                               \
    do {                                                                              \
        CUresult tried = (expression);                                                \
        if (tried != CUDA_SUCCESS) return tried;                                      \
    } while (0)
#define REQUIRE(condition, error, ...)                                                \
    do {                                                                              \
        if (!(condition)) return refuse(error, __VA_ARGS__);                          \
    } while (0)
/* Notes why a call is refused; returns `error`. */
CUresult refuse(CUresult error, const char *why, ...) __attribute__((format(printf, 2, 3)));
/* From now on every call of this process fails with `error`, as after a fault on the card. */
CUresult break_context(CUresult error);
/* Whether an injected fault happens now. See faults.py. */
bool fault_fires(const char *name);
/* How much of it was asked for; 0 when it was not. */
double fault_value(const char *name);
void *make(enum kind kind, size_t size);
bool is_live(const void *handle, enum kind kind);
int attribute(CUdevice_attribute which);
size_t card_memory(void);
const char *folder(void);
void wait_without_lock(uint64_t nanoseconds);

/* wire.c */
bool wire_connect(void);
/* Asks the server. Its `reply`, or what was wrong, lives until the next question. */
CUresult wire_ask(const char *text, const void *data, size_t bytes, int fd, char **reply);

/* memory.c */
/* The host's view of device memory, NULL where the range is not mapped as one and accessible. */
unsigned char *device_bytes(CUdeviceptr start, size_t size, bool to_write);
CUresult map_variable(size_t size, CUdeviceptr *start);
void unmap_variable(CUdeviceptr start);
CUresult check_range(CUdeviceptr start, size_t size, bool to_write, const char *what);
char *mappings_text(void);
void forget_memory(void);

/* work.c */
/* Runs the work that the legacy default stream waits for. */
CUresult run_blocking_streams(void);
CUresult wait_for_all(void);
/* Whether queued work may use the mapping at `start`. */
bool is_pending(CUdeviceptr start);
bool is_module_pending(const struct module *module);
void drop_pending(void);
#endif
