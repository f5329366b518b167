/* What the two halves of the recorder share: recorder.c is the process, recorder_cudart.c the CUDA runtime in it. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#define FIRST_ADDRESS ((uint64_t)1 << 44) /* as in program.py */
#define SLOT_BITS 34
#define MAX_SLOTS 1024

struct parameter {
  uint32_t offset, size;
};

struct kernel {
  char *name;
  int registers, static_shared, local, max_threads;
  int parameters, argument_bytes;
  struct parameter *parameter;
  const void *stub;     /* the host function that stands for the kernel, once registered */
  int max_dynamic;      /* dynamic shared memory opted in to; 48 KiB before */
};

struct variable {
  char *name;
  uint64_t size, address;
  const void *shadow; /* the host object that stands for the variable, once registered */
};

struct device {
  char title[256]; /* as long as cudaDeviceProp's name */
  int major, minor, sms, clock_khz, memory_khz, bus_bits, l2, shared_per_sm, shared_per_block, registers_per_sm;
  int threads_per_sm, blocks_per_sm, threads_per_block;
  uint64_t memory;
};

extern struct kernel *kernels;
extern struct variable *variables;
extern int kernel_count, variable_count, first_scratch_slot;
extern struct device device;
extern int recording; /* 1 while `solve` runs */

/* What the channel carries: a header {operation, payload bytes}, then the payload. The last record is one of those
 * from DONE on. recorder.py reads it and believes none of it. */
enum operation {
  LAUNCH = 1, FILL, COPY, UPLOAD, ALLOCATE, RELEASE,
  READY, /* the box is closed, the library comes next */
  DONE = 32,
  REFUSED, /* called a function that a recording cannot serve: its name */
  EARLY,   /* asked for device work outside of `solve`: the function's name */
  TOO_MUCH, /* what there was too much of */
  NOT_LOADED, /* the loader's message */
  SYSTEM_CALL, /* its name */
  DEVICE_ADDRESS, /* the address that host code touched: u64 */
  CRASHED, /* u64 signal, u64 address */
};

struct piece {
  const void *data;
  size_t size;
};

void emit(enum operation operation, int pieces, const struct piece *piece);
_Noreturn void finish(enum operation operation, const char *text);
