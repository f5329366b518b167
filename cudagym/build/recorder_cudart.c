/* The recording CUDA runtime. What it implements it writes down or answers from the device's figures; every other
 * function the real runtime exports is a generated stub that ends the recording by name (see recorder.py).
 *
 * Streams and events are accepted and ignored: issue order is one order in which the work may run. Memory is never
 * touched; an address names its buffer, as program.py lays them out.
 */
#define _GNU_SOURCE
#include "recorder.h"

#include <cuda_occupancy.h>
#include <cuda_runtime_api.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define MAX_LAUNCHES 1000
#define MAX_ALLOCATION ((uint64_t)15 << 30) /* leaves a guard zone in the slot */

typedef cudaError_t E;

static E last_error;

static E done(E error) {
  if (error) last_error = error;
  return error;
}

/* Device work counts only inside of `solve`: a launch from a constructor has no arguments to work on. */
static void work(const char *function) {
  if (!recording) finish(EARLY, function);
}

static int on_device(const void *pointer) {
  uint64_t address = (uint64_t)pointer;
  return address >= FIRST_ADDRESS && (address - FIRST_ADDRESS) >> SLOT_BITS < MAX_SLOTS;
}

/* ---- Registration: called by the library's constructors ---- */

void **__cudaRegisterFatBinary(void *binary) {
  static void *handle;
  (void)binary;
  return &handle;
}
void __cudaRegisterFatBinaryEnd(void **handle) { (void)handle; }
void __cudaUnregisterFatBinary(void **handle) { (void)handle; }
char __cudaInitModule(void **handle) {
  (void)handle;
  return 1;
}

void __cudaRegisterFunction(void **handle, const char *stub, char *function, const char *name, int limit, void *tid,
                            void *bid, void *block, void *grid, int *warp) {
  for (struct kernel *k = kernels; k < kernels + kernel_count; k++)
    if (!strcmp(k->name, name)) k->stub = stub;
}

void __cudaRegisterVar(void **handle, char *shadow, char *address, const char *name, int external, size_t size,
                       int constant, int global) {
  for (struct variable *v = variables; v < variables + variable_count; v++)
    if (!strcmp(v->name, name)) v->shadow = shadow;
}

/* ---- Launches ---- */

static struct {
  dim3 grid, block;
  size_t shared;
  cudaStream_t stream;
} configurations[16]; /* a stack: the arguments of a launch may launch */
static int configured;

unsigned __cudaPushCallConfiguration(dim3 grid, dim3 block, size_t shared, struct CUstream_st *stream) {
  if (configured == 16) finish(TOO_MUCH, "launches nested in each other's arguments");
  configurations[configured].grid = grid;
  configurations[configured].block = block;
  configurations[configured].shared = shared;
  configurations[configured++].stream = stream;
  return 0;
}

E __cudaPopCallConfiguration(dim3 *grid, dim3 *block, size_t *shared, void *stream) {
  if (!configured) return done(cudaErrorMissingConfiguration);
  *grid = configurations[--configured].grid;
  *block = configurations[configured].block;
  *shared = configurations[configured].shared;
  *(cudaStream_t *)stream = configurations[configured].stream;
  return cudaSuccess;
}

/* A kernel by its host stub or by its handle, which is its place in our table. */
static struct kernel *kernel_of(const void *function) {
  for (struct kernel *k = kernels; k < kernels + kernel_count; k++)
    if (function == k || (function && function == k->stub)) return k;
  return NULL;
}

E __cudaGetKernel(cudaKernel_t *handle, const void *stub) {
  *handle = (cudaKernel_t)kernel_of(stub);
  return *handle ? cudaSuccess : done(cudaErrorInvalidDeviceFunction);
}
E cudaGetKernel(cudaKernel_t *handle, const void *stub) { return __cudaGetKernel(handle, stub); }

static int resident_blocks(const struct kernel *k, int threads, size_t dynamic);

static E launch(const void *function, dim3 grid, dim3 block, void **arguments, size_t shared, int cooperative) {
  static int launches;
  struct kernel *k = kernel_of(function);
  work("kernel launch");
  if (!k) return done(cudaErrorInvalidDeviceFunction);
  if (++launches > MAX_LAUNCHES) finish(TOO_MUCH, "more than 1000 kernel launches");
  uint64_t threads = (uint64_t)block.x * block.y * block.z;
  uint32_t head[8] = {k - kernels, grid.x, grid.y, grid.z, block.x, block.y, block.z, cooperative};
  int resident = cooperative && threads <= INT_MAX ? resident_blocks(k, threads, shared) * device.sms : 0;
  uint64_t tail[3] = {shared, k->max_dynamic, resident};
  char buffer[k->argument_bytes + 1];
  memset(buffer, 0, k->argument_bytes);
  for (int i = 0; i < k->parameters; i++) memcpy(buffer + k->parameter[i].offset, arguments[i], k->parameter[i].size);
  struct piece pieces[] = {{head, sizeof head}, {tail, sizeof tail}, {buffer, k->argument_bytes}};
  emit(LAUNCH, 3, pieces);
  return cudaSuccess;
}

E __cudaLaunchKernel(cudaKernel_t kernel, dim3 grid, dim3 block, void **arguments, size_t shared, cudaStream_t stream) {
  return launch(kernel, grid, block, arguments, shared, 0);
}
E cudaLaunchKernel(const void *function, dim3 grid, dim3 block, void **arguments, size_t shared, cudaStream_t stream) {
  return launch(function, grid, block, arguments, shared, 0);
}
E cudaLaunchCooperativeKernel(const void *function, dim3 grid, dim3 block, void **arguments, size_t shared,
                              cudaStream_t stream) {
  return launch(function, grid, block, arguments, shared, 1);
}
E cudaLaunchKernelExC(const cudaLaunchConfig_t *config, const void *function, void **arguments) {
  int cooperative = 0;
  for (unsigned i = 0; i < config->numAttrs; i++) {
    const cudaLaunchAttribute *a = config->attrs + i;
    if (a->id == cudaLaunchAttributeCooperative) cooperative = a->val.cooperative != 0;
    if (a->id == cudaLaunchAttributeClusterDimension &&
        a->val.clusterDim.x * a->val.clusterDim.y * a->val.clusterDim.z > 1)
      finish(REFUSED, "cudaLaunchAttributeClusterDimension");
  }
  return launch(function, config->gridDim, config->blockDim, arguments, config->dynamicSmemBytes, cooperative);
}

/* ---- Function attributes and occupancy ---- */

static int resident_blocks(const struct kernel *k, int threads, size_t dynamic) {
  struct cudaDeviceProp p;
  cudaGetDeviceProperties(&p, 0);
  cudaOccDeviceProp properties = {
      .computeMajor = p.major,
      .computeMinor = p.minor,
      .maxThreadsPerBlock = p.maxThreadsPerBlock,
      .maxThreadsPerMultiprocessor = p.maxThreadsPerMultiProcessor,
      .regsPerBlock = p.regsPerBlock,
      .regsPerMultiprocessor = p.regsPerMultiprocessor,
      .warpSize = p.warpSize,
      .sharedMemPerBlock = p.sharedMemPerBlock,
      .sharedMemPerMultiprocessor = p.sharedMemPerMultiprocessor,
      .numSms = p.multiProcessorCount,
      .sharedMemPerBlockOptin = p.sharedMemPerBlockOptin,
      .reservedSharedMemPerBlock = p.reservedSharedMemPerBlock,
  };
  cudaOccFuncAttributes attributes = {
      .maxThreadsPerBlock = k->max_threads,
      .numRegs = k->registers,
      .sharedSizeBytes = k->static_shared,
      .partitionedGCConfig = PARTITIONED_GC_OFF,
      .shmemLimitConfig = k->max_dynamic > 48 << 10 ? FUNC_SHMEM_LIMIT_OPTIN : FUNC_SHMEM_LIMIT_DEFAULT,
      .maxDynamicSharedSizeBytes = k->max_dynamic,
      .numBlockBarriers = 1,
  };
  cudaOccDeviceState state = {.carveoutConfig = SHAREDMEM_CARVEOUT_DEFAULT};
  cudaOccResult result = {0};
  cudaOccMaxActiveBlocksPerMultiprocessor(&result, &properties, &attributes, &state, threads, dynamic);
  return result.activeBlocksPerMultiprocessor;
}

E cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int *blocks, const void *function, int threads, size_t dynamic,
                                                         unsigned flags) {
  struct kernel *k = kernel_of(function);
  if (!k) return done(cudaErrorInvalidDeviceFunction);
  if (threads <= 0) return done(cudaErrorInvalidValue);
  *blocks = resident_blocks(k, threads, dynamic);
  return cudaSuccess;
}
E cudaOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, const void *function, int threads, size_t dynamic) {
  return cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(blocks, function, threads, dynamic, 0);
}

E cudaFuncGetAttributes(struct cudaFuncAttributes *a, const void *function) {
  struct kernel *k = kernel_of(function);
  if (!k) return done(cudaErrorInvalidDeviceFunction);
  int warps = device.registers_per_sm / (k->registers > 0 ? (k->registers * 32 + 255) / 256 * 256 : 256);
  int by_registers = warps / 4 * 4 * 32; /* registers are handed out to four partitions of the SM */
  memset(a, 0, sizeof *a);
  a->sharedSizeBytes = k->static_shared;
  a->localSizeBytes = k->local;
  a->maxThreadsPerBlock = k->max_threads < by_registers ? k->max_threads : by_registers;
  a->numRegs = k->registers;
  a->ptxVersion = a->binaryVersion = device.major * 10 + device.minor;
  a->maxDynamicSharedSizeBytes = k->max_dynamic - k->static_shared;
  a->preferredShmemCarveout = cudaSharedmemCarveoutDefault;
  return cudaSuccess;
}

E cudaFuncSetAttribute(const void *function, enum cudaFuncAttribute attribute, int value) {
  struct kernel *k = kernel_of(function);
  if (!k) return done(cudaErrorInvalidDeviceFunction);
  switch (attribute) {
    case cudaFuncAttributeMaxDynamicSharedMemorySize:
      if (value < 0 || value + k->static_shared > device.shared_per_block) return done(cudaErrorInvalidValue);
      k->max_dynamic = value;
      return cudaSuccess;
    case cudaFuncAttributePreferredSharedMemoryCarveout: return cudaSuccess; /* a hint */
    default: finish(REFUSED, "cudaFuncAttributeRequiredCluster");
  }
}

E cudaFuncSetCacheConfig(const void *function, enum cudaFuncCache config) { return cudaSuccess; }
E cudaDeviceSetCacheConfig(enum cudaFuncCache config) { return cudaSuccess; }

/* ---- Memory ---- */

static struct {
  uint64_t size;
  int live;
} scratch[MAX_SLOTS];
static int scratch_count;
static uint64_t scratch_bytes;

E cudaMalloc(void **pointer, size_t size) {
  work("cudaMalloc");
  if (!pointer) return done(cudaErrorInvalidValue);
  *pointer = NULL;
  if (!size) return cudaSuccess;
  if (size > MAX_ALLOCATION || scratch_bytes + size > device.memory) return done(cudaErrorMemoryAllocation);
  uint32_t slot = first_scratch_slot + scratch_count;
  if (slot >= MAX_SLOTS) finish(TOO_MUCH, "more than 1000 allocations");
  scratch[scratch_count].size = size;
  scratch[scratch_count++].live = 1;
  scratch_bytes += size;
  uint64_t wide = size;
  emit(ALLOCATE, 2, (struct piece[]){{&slot, sizeof slot}, {&wide, sizeof wide}});
  *pointer = (void *)(FIRST_ADDRESS + ((uint64_t)slot << SLOT_BITS));
  return cudaSuccess;
}
E cudaMallocAsync(void **pointer, size_t size, cudaStream_t stream) { return cudaMalloc(pointer, size); }

E cudaMallocPitch(void **pointer, size_t *pitch, size_t width, size_t height) {
  *pitch = (width + 511) / 512 * 512;
  return cudaMalloc(pointer, *pitch * height);
}

E cudaFree(void *pointer) {
  if (!pointer) return cudaSuccess;
  work("cudaFree");
  uint64_t offset = (uint64_t)pointer - FIRST_ADDRESS;
  uint32_t slot = offset >> SLOT_BITS;
  int index = (int)slot - first_scratch_slot;
  if (!on_device(pointer) || offset != (uint64_t)slot << SLOT_BITS || index < 0 || index >= scratch_count ||
      !scratch[index].live)
    return done(cudaErrorInvalidValue);
  scratch[index].live = 0;
  scratch_bytes -= scratch[index].size;
  emit(RELEASE, 1, &(struct piece){&slot, sizeof slot});
  return cudaSuccess;
}
E cudaFreeAsync(void *pointer, cudaStream_t stream) { return cudaFree(pointer); }

E cudaMemset(void *pointer, int value, size_t count) {
  work("cudaMemset");
  if (!count) return cudaSuccess;
  if (!on_device(pointer)) return done(cudaErrorInvalidValue);
  uint64_t words[3] = {(uint64_t)pointer, value & 255, count};
  emit(FILL, 1, &(struct piece){words, sizeof words});
  return cudaSuccess;
}
E cudaMemsetAsync(void *pointer, int value, size_t count, cudaStream_t stream) {
  return cudaMemset(pointer, value, count);
}
E cudaMemset2D(void *pointer, size_t pitch, int value, size_t width, size_t height) {
  if (pitch == width) return cudaMemset(pointer, value, width * height);
  E error = cudaSuccess;
  for (size_t row = 0; row < height && !error; row++) error = cudaMemset((char *)pointer + row * pitch, value, width);
  return error;
}
E cudaMemset2DAsync(void *pointer, size_t pitch, int value, size_t width, size_t height, cudaStream_t stream) {
  return cudaMemset2D(pointer, pitch, value, width, height);
}

/* Which way a copy goes is seen from its addresses; `kind` must agree, as the real runtime demands. */
static E copy(const char *function, void *target, const void *source, size_t size, enum cudaMemcpyKind kind) {
  work(function);
  int to = on_device(target), from = on_device(source);
  enum cudaMemcpyKind seen = to ? (from ? cudaMemcpyDeviceToDevice : cudaMemcpyHostToDevice)
                                : (from ? cudaMemcpyDeviceToHost : cudaMemcpyHostToHost);
  if (seen == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToHost) finish(REFUSED, "cudaMemcpyDeviceToHost");
  if (kind != seen && kind != cudaMemcpyDefault) return done(cudaErrorInvalidValue);
  if (!size) return cudaSuccess;
  uint64_t words[3] = {(uint64_t)target, (uint64_t)source, size};
  if (seen == cudaMemcpyHostToHost)
    memmove(target, source, size);
  else if (seen == cudaMemcpyDeviceToDevice)
    emit(COPY, 1, &(struct piece){words, sizeof words});
  else {
    if (size > (64 << 20)) finish(TOO_MUCH, "more than 64 MiB copied from the host");
    volatile char probe = ((const volatile char *)source)[0] + ((const volatile char *)source)[size - 1];
    (void)probe; /* an invalid source is the candidate's crash, here and not half-way through a record */
    emit(UPLOAD, 2, (struct piece[]){{words, 8}, {source, size}});
  }
  return cudaSuccess;
}

E cudaMemcpy(void *target, const void *source, size_t size, enum cudaMemcpyKind kind) {
  return copy("cudaMemcpy", target, source, size, kind);
}
E cudaMemcpyAsync(void *target, const void *source, size_t size, enum cudaMemcpyKind kind, cudaStream_t stream) {
  return copy("cudaMemcpyAsync", target, source, size, kind);
}
E cudaMemcpy2D(void *target, size_t target_pitch, const void *source, size_t source_pitch, size_t width, size_t height,
               enum cudaMemcpyKind kind) {
  if (target_pitch == width && source_pitch == width) return copy("cudaMemcpy2D", target, source, width * height, kind);
  E error = cudaSuccess;
  for (size_t row = 0; row < height && !error; row++)
    error = copy("cudaMemcpy2D", (char *)target + row * target_pitch, (const char *)source + row * source_pitch, width,
                 kind);
  return error;
}
E cudaMemcpy2DAsync(void *target, size_t target_pitch, const void *source, size_t source_pitch, size_t width,
                    size_t height, enum cudaMemcpyKind kind, cudaStream_t stream) {
  return cudaMemcpy2D(target, target_pitch, source, source_pitch, width, height, kind);
}

static struct variable *variable_of(const void *symbol) {
  for (struct variable *v = variables; v < variables + variable_count; v++)
    if (v->shadow && v->shadow == symbol) return v;
  return NULL;
}

E cudaGetSymbolAddress(void **pointer, const void *symbol) {
  struct variable *v = variable_of(symbol);
  if (!v) return done(cudaErrorInvalidSymbol);
  *pointer = (void *)v->address;
  return cudaSuccess;
}
E cudaGetSymbolSize(size_t *size, const void *symbol) {
  struct variable *v = variable_of(symbol);
  if (!v) return done(cudaErrorInvalidSymbol);
  *size = v->size;
  return cudaSuccess;
}
E cudaMemcpyToSymbol(const void *symbol, const void *source, size_t size, size_t offset, enum cudaMemcpyKind kind) {
  struct variable *v = variable_of(symbol);
  if (!v) return done(cudaErrorInvalidSymbol);
  if (offset + size > v->size || offset + size < size) return done(cudaErrorInvalidValue);
  return copy("cudaMemcpyToSymbol", (void *)(v->address + offset), source, size, kind);
}
E cudaMemcpyToSymbolAsync(const void *symbol, const void *source, size_t size, size_t offset, enum cudaMemcpyKind kind,
                          cudaStream_t stream) {
  return cudaMemcpyToSymbol(symbol, source, size, offset, kind);
}
E cudaMemcpyFromSymbol(void *target, const void *symbol, size_t size, size_t offset, enum cudaMemcpyKind kind) {
  struct variable *v = variable_of(symbol);
  if (!v) return done(cudaErrorInvalidSymbol);
  if (offset + size > v->size || offset + size < size) return done(cudaErrorInvalidValue);
  return copy("cudaMemcpyFromSymbol", target, (void *)(v->address + offset), size, kind);
}
E cudaMemcpyFromSymbolAsync(void *target, const void *symbol, size_t size, size_t offset, enum cudaMemcpyKind kind,
                            cudaStream_t stream) {
  return cudaMemcpyFromSymbol(target, symbol, size, offset, kind);
}

E cudaMemGetInfo(size_t *available, size_t *total) {
  *total = device.memory;
  *available = device.memory - scratch_bytes;
  return cudaSuccess;
}
E cudaPointerGetAttributes(struct cudaPointerAttributes *a, const void *pointer) {
  memset(a, 0, sizeof *a);
  a->type = on_device(pointer) ? cudaMemoryTypeDevice : cudaMemoryTypeUnregistered;
  a->devicePointer = on_device(pointer) ? (void *)pointer : NULL;
  a->hostPointer = on_device(pointer) ? NULL : (void *)pointer;
  return cudaSuccess;
}

/* ---- Streams and events: issue order ---- */

static E handle(void **pointer) {
  static uintptr_t handles;
  if (!pointer) return done(cudaErrorInvalidValue);
  *pointer = (void *)(0x1000 + 16 * ++handles);
  return cudaSuccess;
}
E cudaStreamCreate(cudaStream_t *stream) { return handle((void **)stream); }
E cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned flags) { return handle((void **)stream); }
E cudaStreamCreateWithPriority(cudaStream_t *stream, unsigned flags, int priority) { return handle((void **)stream); }
E cudaStreamDestroy(cudaStream_t stream) { return cudaSuccess; }
E cudaStreamSynchronize(cudaStream_t stream) { return cudaSuccess; }
E cudaStreamQuery(cudaStream_t stream) { return cudaSuccess; }
E cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned flags) { return cudaSuccess; }
E cudaStreamIsCapturing(cudaStream_t stream, enum cudaStreamCaptureStatus *status) {
  *status = cudaStreamCaptureStatusNone;
  return cudaSuccess;
}
E cudaStreamSetAttribute(cudaStream_t stream, cudaStreamAttrID id, const cudaStreamAttrValue *value) {
  return cudaSuccess; /* hints about caching and priority */
}
E cudaDeviceGetStreamPriorityRange(int *least, int *greatest) {
  *least = *greatest = 0;
  return cudaSuccess;
}
E cudaEventCreate(cudaEvent_t *event) { return handle((void **)event); }
E cudaEventCreateWithFlags(cudaEvent_t *event, unsigned flags) { return handle((void **)event); }
E cudaEventDestroy(cudaEvent_t event) { return cudaSuccess; }
E cudaEventRecord(cudaEvent_t event, cudaStream_t stream) { return cudaSuccess; }
E cudaEventRecordWithFlags(cudaEvent_t event, cudaStream_t stream, unsigned flags) { return cudaSuccess; }
E cudaEventSynchronize(cudaEvent_t event) { return cudaSuccess; }
E cudaEventQuery(cudaEvent_t event) { return cudaSuccess; }
E cudaDeviceSynchronize(void) { return cudaSuccess; }

/* ---- Errors ---- */

static const struct {
  E error;
  const char *name, *text;
} errors[] = {
    {cudaSuccess, "cudaSuccess", "no error"},
    {cudaErrorInvalidValue, "cudaErrorInvalidValue", "invalid argument"},
    {cudaErrorMemoryAllocation, "cudaErrorMemoryAllocation", "out of memory"},
    {cudaErrorInvalidSymbol, "cudaErrorInvalidSymbol", "invalid device symbol"},
    {cudaErrorMissingConfiguration, "cudaErrorMissingConfiguration", "missing launch configuration"},
    {cudaErrorInvalidDeviceFunction, "cudaErrorInvalidDeviceFunction", "invalid device function"},
    {cudaErrorInvalidDevice, "cudaErrorInvalidDevice", "invalid device ordinal"},
};

const char *cudaGetErrorName(E error) {
  for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
    if (errors[i].error == error) return errors[i].name;
  return "unrecognized error code";
}
const char *cudaGetErrorString(E error) {
  for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
    if (errors[i].error == error) return errors[i].text;
  return "unrecognized error code";
}
E cudaPeekAtLastError(void) { return last_error; }
E cudaGetLastError(void) {
  E error = last_error;
  last_error = cudaSuccess;
  return error;
}

/* ---- The device ---- */

E cudaGetDeviceCount(int *count) {
  *count = 1;
  return cudaSuccess;
}
E cudaGetDevice(int *number) {
  *number = 0;
  return cudaSuccess;
}
E cudaSetDevice(int number) { return number ? done(cudaErrorInvalidDevice) : cudaSuccess; }
E cudaSetDeviceFlags(unsigned flags) { return cudaSuccess; }
E cudaInitDevice(int number, unsigned device_flags, unsigned flags) { return cudaSetDevice(number); }
E cudaDriverGetVersion(int *version) {
  *version = CUDART_VERSION;
  return cudaSuccess;
}
E cudaRuntimeGetVersion(int *version) { return cudaDriverGetVersion(version); }

E cudaGetDeviceProperties(struct cudaDeviceProp *p, int number) {
  if (number) return done(cudaErrorInvalidDevice);
  memset(p, 0, sizeof *p);
  memcpy(p->name, device.title, sizeof device.title);
  p->totalGlobalMem = device.memory;
  p->sharedMemPerBlock = 48 << 10;
  p->sharedMemPerBlockOptin = device.shared_per_block;
  p->sharedMemPerMultiprocessor = device.shared_per_sm;
  p->reservedSharedMemPerBlock = device.major >= 8 ? 1 << 10 : 0;
  p->regsPerBlock = p->regsPerMultiprocessor = device.registers_per_sm;
  p->warpSize = 32;
  p->maxThreadsPerBlock = device.threads_per_block;
  p->maxThreadsPerMultiProcessor = device.threads_per_sm;
  p->maxBlocksPerMultiProcessor = device.blocks_per_sm;
  p->maxThreadsDim[0] = p->maxThreadsDim[1] = 1024;
  p->maxThreadsDim[2] = 64;
  p->maxGridSize[0] = INT_MAX;
  p->maxGridSize[1] = p->maxGridSize[2] = 65535;
  p->totalConstMem = 64 << 10;
  p->major = device.major;
  p->minor = device.minor;
  p->multiProcessorCount = device.sms;
  p->memoryBusWidth = device.bus_bits;
  p->l2CacheSize = device.l2;
  p->memPitch = INT_MAX;
  p->textureAlignment = 512;
  p->asyncEngineCount = 1;
  p->concurrentKernels = p->unifiedAddressing = p->cooperativeLaunch = p->streamPrioritiesSupported = 1;
  p->globalL1CacheSupported = p->localL1CacheSupported = p->memoryPoolsSupported = 1;
  return cudaSuccess;
}

/* Attributes not named here are features that no recording offers: 0, as on a device without them. */
E cudaDeviceGetAttribute(int *value, enum cudaDeviceAttr attribute, int number) {
  struct cudaDeviceProp p;
  if (cudaGetDeviceProperties(&p, number)) return cudaErrorInvalidDevice;
  *value = 0;
  switch (attribute) {
#define ANSWER(name, from) \
  case cudaDevAttr##name: *value = from; break;
    ANSWER(MaxThreadsPerBlock, p.maxThreadsPerBlock)
    ANSWER(MaxBlockDimX, p.maxThreadsDim[0])
    ANSWER(MaxBlockDimY, p.maxThreadsDim[1])
    ANSWER(MaxBlockDimZ, p.maxThreadsDim[2])
    ANSWER(MaxGridDimX, p.maxGridSize[0])
    ANSWER(MaxGridDimY, p.maxGridSize[1])
    ANSWER(MaxGridDimZ, p.maxGridSize[2])
    ANSWER(MaxSharedMemoryPerBlock, p.sharedMemPerBlock)
    ANSWER(MaxSharedMemoryPerBlockOptin, p.sharedMemPerBlockOptin)
    ANSWER(MaxSharedMemoryPerMultiprocessor, p.sharedMemPerMultiprocessor)
    ANSWER(ReservedSharedMemoryPerBlock, p.reservedSharedMemPerBlock)
    ANSWER(TotalConstantMemory, p.totalConstMem)
    ANSWER(WarpSize, p.warpSize)
    ANSWER(MaxPitch, p.memPitch)
    ANSWER(MaxRegistersPerBlock, p.regsPerBlock)
    ANSWER(MaxRegistersPerMultiprocessor, p.regsPerMultiprocessor)
    ANSWER(ClockRate, device.clock_khz)
    ANSWER(MemoryClockRate, device.memory_khz)
    ANSWER(TextureAlignment, p.textureAlignment)
    ANSWER(GpuOverlap, 1)
    ANSWER(AsyncEngineCount, p.asyncEngineCount)
    ANSWER(MultiProcessorCount, p.multiProcessorCount)
    ANSWER(ConcurrentKernels, 1)
    ANSWER(GlobalMemoryBusWidth, p.memoryBusWidth)
    ANSWER(L2CacheSize, p.l2CacheSize)
    ANSWER(MaxThreadsPerMultiProcessor, p.maxThreadsPerMultiProcessor)
    ANSWER(MaxBlocksPerMultiprocessor, p.maxBlocksPerMultiProcessor)
    ANSWER(UnifiedAddressing, 1)
    ANSWER(ComputeCapabilityMajor, p.major)
    ANSWER(ComputeCapabilityMinor, p.minor)
    ANSWER(StreamPrioritiesSupported, 1)
    ANSWER(GlobalL1CacheSupported, 1)
    ANSWER(LocalL1CacheSupported, 1)
    ANSWER(CooperativeLaunch, 1)
    ANSWER(MemoryPoolsSupported, 1)
    default: break;
  }
  return cudaSuccess;
}
