/* Device memory: physical allocations, reserved addresses, and what is mapped where. */

#define _GNU_SOURCE
#include "standin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct memory { /* physical */
    struct object object;
    uint64_t id; /* by which the server knows it */
    size_t size;
    int uses; /* the handle and each mapping */
    unsigned char *host;
};

static struct slot {
    CUdeviceptr reservation; /* where the one that covers this slot starts; 0: none does */
    size_t reserved;         /* its size */
    struct memory *memory;
    size_t size;
    CUmemAccess_flags access;
} slots[SLOTS];
static size_t used_bytes;
static uint64_t last_id;

static CUdeviceptr start_of(size_t slot) { return FIRST_ADDRESS + slot * SLOT_BYTES; }

static struct slot *slot_of(CUdeviceptr address) {
    return address >= FIRST_ADDRESS && address < start_of(SLOTS) ? &slots[(address - FIRST_ADDRESS) / SLOT_BYTES] : NULL;
}

static size_t slots_for(size_t size) { return (size + SLOT_BYTES - 1) / SLOT_BYTES; }

/* -- physical memory -- */

static struct memory *new_memory(size_t size) {
    int fd = memfd_create("device memory", MFD_CLOEXEC);
    void *host = MAP_FAILED;
    if (fd >= 0 && !ftruncate(fd, size)) host = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (host == MAP_FAILED) abort();
    struct memory *memory = make(MEMORY, sizeof *memory);
    memory->id = ++last_id;
    memory->size = size;
    memory->uses = 1;
    memory->host = host;
    memset(host, 0x5A, size < GRANULE ? size : GRANULE); /* nobody promised zeros */
    char text[64];
    snprintf(text, sizeof text, "memory %llu %zu", (unsigned long long)memory->id, size);
    wire_ask(text, NULL, 0, fd, NULL);
    close(fd);
    used_bytes += size;
    return memory;
}

static void drop(struct memory *memory) {
    if (--memory->uses) return;
    char text[32];
    snprintf(text, sizeof text, "forget %llu", (unsigned long long)memory->id);
    wire_ask(text, NULL, 0, -1, NULL);
    munmap(memory->host, memory->size);
    used_bytes -= memory->size;
}

static CUresult check_properties(const CUmemAllocationProp *prop) {
    REQUIRE(prop, CUDA_ERROR_INVALID_VALUE, "no properties");
    REQUIRE(prop->type == CU_MEM_ALLOCATION_TYPE_PINNED, CUDA_ERROR_INVALID_VALUE, "the type must be PINNED");
    REQUIRE(prop->location.type == CU_MEM_LOCATION_TYPE_DEVICE && prop->location.id == 0, CUDA_ERROR_INVALID_DEVICE,
            "the location must be device 0");
    return CUDA_SUCCESS;
}

CUresult cuMemGetAllocationGranularity(size_t *granularity, const CUmemAllocationProp *prop,
                                       CUmemAllocationGranularity_flags option) {
    CALL(INITIALISED);
    TRY(check_properties(prop));
    REQUIRE(granularity && option <= CU_MEM_ALLOC_GRANULARITY_RECOMMENDED, CUDA_ERROR_INVALID_VALUE,
            "option %d does not exist", option);
    *granularity = GRANULE;
    return CUDA_SUCCESS;
}

CUresult cuMemCreate(CUmemGenericAllocationHandle *handle, size_t size, const CUmemAllocationProp *prop,
                     unsigned long long flags) {
    CALL(IN_CONTEXT);
    TRY(check_properties(prop));
    REQUIRE(handle && !flags, CUDA_ERROR_INVALID_VALUE, "the flags must be 0");
    REQUIRE(size && size % GRANULE == 0, CUDA_ERROR_INVALID_VALUE, "%zu bytes are no multiple of the granularity", size);
    if (fault_fires("out_of_memory") || size > card_memory() - used_bytes) return CUDA_ERROR_OUT_OF_MEMORY;
    *handle = (CUmemGenericAllocationHandle)(uintptr_t)new_memory(size);
    return CUDA_SUCCESS;
}

static struct memory *memory_of(CUmemGenericAllocationHandle handle) {
    struct memory *memory = (void *)(uintptr_t)handle;
    return is_live(memory, MEMORY) ? memory : NULL;
}

CUresult cuMemRelease(CUmemGenericAllocationHandle handle) {
    CALL(IN_CONTEXT);
    struct memory *memory = memory_of(handle);
    REQUIRE(memory, CUDA_ERROR_INVALID_VALUE, "%llx is no live allocation", handle);
    memory->object.alive = false;
    drop(memory);
    return CUDA_SUCCESS;
}

CUresult cuMemGetInfo(size_t *available, size_t *total) {
    CALL(IN_CONTEXT);
    REQUIRE(available && total, CUDA_ERROR_INVALID_VALUE, "nowhere to put the sizes");
    *available = card_memory() - used_bytes;
    *total = card_memory();
    return CUDA_SUCCESS;
}

/* -- addresses -- */

static bool is_free(size_t first, size_t count) {
    if (first + count > SLOTS) return false;
    for (size_t k = first; k < first + count; k++)
        if (slots[k].reservation) return false;
    return true;
}

static void reserve(size_t first, size_t size) {
    for (size_t k = first; k < first + slots_for(size); k++) slots[k] = (struct slot){start_of(first), size, NULL, 0, 0};
}

/* Addresses that nobody asked for come from the end. */
static bool find_free(size_t size, size_t *first) {
    for (size_t k = SLOTS; k-- > 0;)
        if (is_free(k, slots_for(size))) return *first = k, true;
    return false;
}

CUresult cuMemAddressReserve(CUdeviceptr *start, size_t size, size_t alignment, CUdeviceptr hint,
                             unsigned long long flags) {
    CALL(IN_CONTEXT);
    REQUIRE(start && !flags, CUDA_ERROR_INVALID_VALUE, "the flags must be 0");
    REQUIRE(size && size % GRANULE == 0, CUDA_ERROR_INVALID_VALUE, "%zu bytes are no multiple of the granularity", size);
    REQUIRE(!(alignment & (alignment - 1)) && alignment <= SLOT_BYTES, CUDA_ERROR_INVALID_VALUE,
            "%zu is no alignment", alignment);
    REQUIRE(hint % GRANULE == 0, CUDA_ERROR_INVALID_VALUE, "the address %llx is not aligned", hint);
    size_t first = (hint - FIRST_ADDRESS) / SLOT_BYTES;
    bool granted = slot_of(hint) && hint % SLOT_BYTES == 0 && is_free(first, slots_for(size));
    if (!granted || fault_fires("fixed_addresses_refused"))
        if (!find_free(size, &first)) return CUDA_ERROR_OUT_OF_MEMORY;
    reserve(first, size);
    *start = start_of(first);
    return CUDA_SUCCESS;
}

CUresult cuMemAddressFree(CUdeviceptr start, size_t size) {
    CALL(IN_CONTEXT);
    struct slot *slot = slot_of(start);
    REQUIRE(slot && slot->reservation == start && slot->reserved == size, CUDA_ERROR_INVALID_VALUE,
            "no reservation of %zu bytes starts at %llx", size, start);
    for (size_t k = 0; k < slots_for(size); k++)
        REQUIRE(!slot[k].memory, CUDA_ERROR_INVALID_VALUE, "something is still mapped in %llx", start);
    memset(slot, 0, slots_for(size) * sizeof *slot);
    return CUDA_SUCCESS;
}

CUresult cuMemMap(CUdeviceptr start, size_t size, size_t offset, CUmemGenericAllocationHandle handle,
                  unsigned long long flags) {
    CALL(IN_CONTEXT);
    struct memory *memory = memory_of(handle);
    struct slot *slot = slot_of(start);
    REQUIRE(memory, CUDA_ERROR_INVALID_VALUE, "%llx is no live allocation", handle);
    REQUIRE(!flags && !offset, CUDA_ERROR_INVALID_VALUE, "offset and flags must be 0");
    REQUIRE(size && size % GRANULE == 0 && size <= memory->size, CUDA_ERROR_INVALID_VALUE,
            "%zu bytes of an allocation of %zu", size, memory->size);
    REQUIRE(slot && slot->reservation && start + size <= slot->reservation + slot->reserved, CUDA_ERROR_INVALID_VALUE,
            "%llx and %zu bytes from it are not reserved", start, size);
    REQUIRE(start % SLOT_BYTES == 0 && size <= SLOT_BYTES, CUDA_ERROR_NOT_SUPPORTED,
            "this driver maps at the start of a slot of 16 GiB only");
    REQUIRE(!slot->memory, CUDA_ERROR_INVALID_VALUE, "%llx is mapped already", start);
    slot->memory = memory;
    slot->size = size;
    slot->access = CU_MEM_ACCESS_FLAGS_PROT_NONE;
    memory->uses++;
    return CUDA_SUCCESS;
}

CUresult cuMemSetAccess(CUdeviceptr start, size_t size, const CUmemAccessDesc *desc, size_t count) {
    CALL(IN_CONTEXT);
    struct slot *slot = slot_of(start);
    REQUIRE(slot && slot->memory && start % SLOT_BYTES == 0 && size == slot->size, CUDA_ERROR_INVALID_VALUE,
            "no mapping of %zu bytes is at %llx", size, start);
    REQUIRE(desc && count == 1 && desc->location.type == CU_MEM_LOCATION_TYPE_DEVICE && desc->location.id == 0,
            CUDA_ERROR_INVALID_DEVICE, "access can be given to device 0 alone");
    slot->access = desc->flags;
    return CUDA_SUCCESS;
}

static void unmap(struct slot *slot) {
    drop(slot->memory);
    slot->memory = NULL;
    slot->size = 0;
}

CUresult cuMemUnmap(CUdeviceptr start, size_t size) {
    CALL(IN_CONTEXT);
    struct slot *slot = slot_of(start);
    REQUIRE(slot && slot->memory && start % SLOT_BYTES == 0 && size == slot->size, CUDA_ERROR_INVALID_VALUE,
            "no mapping of %zu bytes is at %llx", size, start);
    REQUIRE(!is_pending(start), CUDA_ERROR_ILLEGAL_STATE, "queued work uses %llx", start);
    unmap(slot);
    return CUDA_SUCCESS;
}

CUresult map_variable(size_t size, CUdeviceptr *start) {
    size_t first;
    if (!find_free(size, &first)) return CUDA_ERROR_OUT_OF_MEMORY;
    reserve(first, size);
    struct memory *memory = new_memory(size);
    slots[first].memory = memory;
    slots[first].size = size;
    slots[first].access = CU_MEM_ACCESS_FLAGS_PROT_READWRITE;
    *start = start_of(first);
    return CUDA_SUCCESS;
}

void unmap_variable(CUdeviceptr start) {
    unmap(slot_of(start));
    *slot_of(start) = (struct slot){0};
}

/* Exactly as large as asked for, wherever the driver likes. */
CUresult cuMemAlloc(CUdeviceptr *start, size_t size) {
    CALL(IN_CONTEXT);
    REQUIRE(start && size && size <= SLOT_BYTES, CUDA_ERROR_INVALID_VALUE, "%zu bytes cannot be allocated", size);
    if (fault_fires("out_of_memory") || size > card_memory() - used_bytes) return CUDA_ERROR_OUT_OF_MEMORY;
    return map_variable(size, start);
}

CUresult cuMemFree(CUdeviceptr start) {
    CALL(IN_CONTEXT);
    struct slot *slot = slot_of(start);
    REQUIRE(slot && slot->memory && start % SLOT_BYTES == 0, CUDA_ERROR_INVALID_VALUE, "nothing is at %llx", start);
    REQUIRE(!is_pending(start), CUDA_ERROR_ILLEGAL_STATE, "queued work uses %llx", start);
    unmap_variable(start);
    return CUDA_SUCCESS;
}

void forget_memory(void) {
    for (struct slot *slot = slots; slot < slots + SLOTS; slot++)
        if (slot->memory) unmap(slot);
    memset(slots, 0, sizeof slots);
    used_bytes = 0;
}

/* -- use -- */

unsigned char *device_bytes(CUdeviceptr start, size_t size, bool to_write) {
    const struct slot *slot = slot_of(start);
    size_t offset = start % SLOT_BYTES;
    if (!slot || !slot->memory || offset > slot->size || size > slot->size - offset) return NULL;
    if (slot->access != CU_MEM_ACCESS_FLAGS_PROT_READWRITE && (to_write || slot->access != CU_MEM_ACCESS_FLAGS_PROT_READ))
        return NULL;
    return slot->memory->host + offset;
}

CUresult check_range(CUdeviceptr start, size_t size, bool to_write, const char *what) {
    REQUIRE(device_bytes(start, size, to_write), CUDA_ERROR_INVALID_VALUE,
            "%zu bytes of the %s at %llx are not mapped for this", size, what, start);
    return CUDA_SUCCESS;
}

/* All that a kernel can reach, as the server wants it: ` start:id:size:access` of each. */
char *mappings_text(void) {
    char *text = NULL;
    size_t length;
    FILE *file = open_memstream(&text, &length);
    for (size_t k = 0; k < SLOTS; k++)
        if (slots[k].memory && slots[k].access)
            fprintf(file, " %llu:%llu:%zu:%d", start_of(k), (unsigned long long)slots[k].memory->id, slots[k].size,
                    slots[k].access);
    fclose(file);
    return text;
}

CUresult cuMemcpyHtoD(CUdeviceptr to, const void *from, size_t size) {
    CALL(IN_CONTEXT);
    REQUIRE(from || !size, CUDA_ERROR_INVALID_VALUE, "no source");
    TRY(check_range(to, size, true, "target"));
    TRY(run_blocking_streams());
    REQUIRE(!is_pending(to), CUDA_ERROR_ILLEGAL_STATE, "queued work, which nobody waited for, uses %llx", to);
    memcpy(device_bytes(to, size, true), from, size);
    return CUDA_SUCCESS;
}

CUresult cuMemcpyDtoH(void *to, CUdeviceptr from, size_t size) {
    CALL(IN_CONTEXT);
    REQUIRE(to || !size, CUDA_ERROR_INVALID_VALUE, "no target");
    TRY(check_range(from, size, false, "source"));
    TRY(run_blocking_streams());
    REQUIRE(!is_pending(from), CUDA_ERROR_ILLEGAL_STATE, "queued work, which nobody waited for, uses %llx",
            from);
    memcpy(to, device_bytes(from, size, false), size);
    return CUDA_SUCCESS;
}
