/* Initialisation, errors, devices, the primary context, and how functions are found. */

#define _GNU_SOURCE
#include "standin.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MOST_ATTRIBUTES = 256 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pid_t initialised_by;
static CUresult broken; /* what every call answers until the process ends */
static struct object *objects;
static const char *current_call = "";
static char card_name[128], card_uuid[33];
static size_t memory_bytes;
static int attributes[MOST_ATTRIBUTES];
static struct object *primary;
static unsigned retained;
static __thread struct object *current;

/* -- the folder: what the tests ask for -- */

const char *folder(void) {
    static char path[PATH_MAX];
    Dl_info info;
    if (!path[0] && dladdr((void *)folder, &info)) {
        char own[PATH_MAX];
        snprintf(own, sizeof own, "%s", info.dli_fname);
        snprintf(path, sizeof path, "%s", dirname(own));
    }
    return path;
}

static FILE *open_in_folder(const char *name, const char *mode) {
    char path[PATH_MAX + 64];
    snprintf(path, sizeof path, "%s/%s", folder(), name);
    return fopen(path, mode);
}

/* As Faults.fires in faults.py. */
bool fault_fires(const char *name) {
    char path[PATH_MAX + 64], word[16] = "";
    snprintf(path, sizeof path, "%s/faults/%s", folder(), name);
    FILE *file = fopen(path, "r+");
    if (!file) return false;
    bool read = fscanf(file, "%15s", word) == 1;
    int left = atoi(word);
    if (left > 0) {
        rewind(file);
        fprintf(file, "%d%s  ", left - 1, strchr(word, '+') ? "+" : "");
    }
    fclose(file);
    if (read && left <= 0 && !strchr(word, '+')) unlink(path);
    return left <= 0;
}

double fault_value(const char *name) {
    char path[64];
    double value = 0;
    snprintf(path, sizeof path, "faults/%s", name);
    FILE *file = open_in_folder(path, "r");
    if (!file) return 0;
    if (fscanf(file, "%*s %lf", &value) != 1) value = 0;
    fclose(file);
    return value;
}

static bool read_card(void) {
    FILE *file = open_in_folder("card", "r");
    if (!file) return false;
    char key[32], value[160];
    while (fscanf(file, "%31s %159[^\n]", key, value) == 2) {
        int number, setting;
        if (!strcmp(key, "name")) snprintf(card_name, sizeof card_name, "%.127s", value);
        if (!strcmp(key, "uuid")) snprintf(card_uuid, sizeof card_uuid, "%.32s", value);
        if (!strcmp(key, "memory")) memory_bytes = strtoull(value, NULL, 10);
        if (!strcmp(key, "attribute") && sscanf(value, "%d %d", &number, &setting) == 2 && number < MOST_ATTRIBUTES)
            attributes[number] = setting;
    }
    fclose(file);
    return true;
}

int attribute(CUdevice_attribute which) { return attributes[which]; }

size_t card_memory(void) { return memory_bytes; }

/* -- every call -- */

CUresult enter(const char *name, enum need need) {
    pthread_mutex_lock(&lock);
    current_call = name;
    CUresult error = CUDA_SUCCESS;
    if (need != NOTHING_YET && initialised_by != getpid())
        error = refuse(CUDA_ERROR_NOT_INITIALIZED, "cuInit comes first, in this very process");
    else if (need != NOTHING_YET && !broken && fault_fires("lost_device"))
        error = break_context(CUDA_ERROR_UNKNOWN);
    else if (need == IN_CONTEXT && broken)
        error = broken;
    else if (need == IN_CONTEXT && !current)
        error = refuse(CUDA_ERROR_INVALID_CONTEXT, "no context is current in this thread");
    else if (need == IN_CONTEXT && !current->alive)
        error = refuse(CUDA_ERROR_CONTEXT_IS_DESTROYED, "the current context was reset or released");
    if (error) pthread_mutex_unlock(&lock);
    return error;
}

void leave(const char **name) {
    (void)name;
    pthread_mutex_unlock(&lock);
}

/* Other threads may call meanwhile, as while the real driver waits. */
void wait_without_lock(uint64_t nanoseconds) {
    struct timespec span = {nanoseconds / 1000000000, nanoseconds % 1000000000};
    pthread_mutex_unlock(&lock);
    nanosleep(&span, NULL);
    pthread_mutex_lock(&lock);
}

CUresult refuse(CUresult error, const char *why, ...) {
    FILE *file = open_in_folder("misuse", "a");
    if (file) {
        va_list values;
        va_start(values, why);
        fprintf(file, "%s: ", current_call);
        vfprintf(file, why, values);
        fputc('\n', file);
        va_end(values);
        fclose(file);
    }
    return error;
}

CUresult break_context(CUresult error) {
    if (!broken) broken = error;
    drop_pending();
    return broken;
}

void *make(enum kind kind, size_t size) {
    struct object *object = calloc(1, size);
    if (!object) abort();
    *object = (struct object){kind, true, objects};
    return objects = object;
}

bool is_live(const void *handle, enum kind kind) {
    for (struct object *each = objects; each; each = each->next)
        if (each == handle) return each->kind == kind && each->alive;
    return false;
}

/* -- initialisation and errors -- */

CUresult cuInit(unsigned flags) {
    CALL(NOTHING_YET);
    REQUIRE(flags == 0, CUDA_ERROR_INVALID_VALUE, "the flags must be 0");
    if (initialised_by == getpid()) return CUDA_SUCCESS;
    REQUIRE(!initialised_by, CUDA_ERROR_NOT_INITIALIZED, "a process forked after cuInit cannot use CUDA");
    if (fault_fires("no_device") || fault_fires("lost_device") || !read_card() || !wire_connect())
        return CUDA_ERROR_NO_DEVICE;
    initialised_by = getpid();
    return CUDA_SUCCESS;
}

CUresult cuDriverGetVersion(int *version) {
    CALL(NOTHING_YET);
    REQUIRE(version, CUDA_ERROR_INVALID_VALUE, "nowhere to put the version");
    FILE *file = open_in_folder("driver_version", "r");
    *version = CUDA_VERSION;
    if (file) {
        if (fscanf(file, "%d", version) != 1) *version = 0;
        fclose(file);
    }
    return CUDA_SUCCESS;
}

static const struct {
    CUresult error;
    const char *name, *text;
} errors[] = {
#define ERROR(name, text) {name, #name, text}
    ERROR(CUDA_SUCCESS, "no error"),
    ERROR(CUDA_ERROR_INVALID_VALUE, "invalid argument"),
    ERROR(CUDA_ERROR_OUT_OF_MEMORY, "out of memory"),
    ERROR(CUDA_ERROR_NOT_INITIALIZED, "initialization error"),
    ERROR(CUDA_ERROR_DEINITIALIZED, "driver shutting down"),
    ERROR(CUDA_ERROR_NO_DEVICE, "no CUDA-capable device is detected"),
    ERROR(CUDA_ERROR_INVALID_DEVICE, "invalid device ordinal"),
    ERROR(CUDA_ERROR_INVALID_IMAGE, "device kernel image is invalid"),
    ERROR(CUDA_ERROR_INVALID_CONTEXT, "invalid device context"),
    ERROR(CUDA_ERROR_NO_BINARY_FOR_GPU, "no kernel image is available for execution on the device"),
    ERROR(CUDA_ERROR_ILLEGAL_STATE, "the operation cannot be performed in the present state"),
    ERROR(CUDA_ERROR_INVALID_HANDLE, "invalid resource handle"),
    ERROR(CUDA_ERROR_NOT_FOUND, "named symbol not found"),
    ERROR(CUDA_ERROR_NOT_READY, "device not ready"),
    ERROR(CUDA_ERROR_ILLEGAL_ADDRESS, "an illegal memory access was encountered"),
    ERROR(CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES, "too many resources requested for launch"),
    ERROR(CUDA_ERROR_LAUNCH_TIMEOUT, "the launch timed out and was terminated"),
    ERROR(CUDA_ERROR_PRIMARY_CONTEXT_ACTIVE, "cannot set while device is active in this process"),
    ERROR(CUDA_ERROR_CONTEXT_IS_DESTROYED, "context is destroyed"),
    ERROR(CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED, "part or all of the requested memory range is already mapped"),
    ERROR(CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED, "pointer does not correspond to a registered memory region"),
    ERROR(CUDA_ERROR_ILLEGAL_INSTRUCTION, "an illegal instruction was encountered"),
    ERROR(CUDA_ERROR_MISALIGNED_ADDRESS, "misaligned address"),
    ERROR(CUDA_ERROR_LAUNCH_FAILED, "unspecified launch failure"),
    ERROR(CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE, "too many blocks in cooperative launch"),
    ERROR(CUDA_ERROR_NOT_PERMITTED, "operation not permitted"),
    ERROR(CUDA_ERROR_NOT_SUPPORTED, "operation not supported"),
    ERROR(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, "operation not permitted when stream is capturing"),
    ERROR(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, "operation failed due to a previous error during capture"),
    ERROR(CUDA_ERROR_STREAM_CAPTURE_UNMATCHED, "capture was not initiated in this stream"),
    ERROR(CUDA_ERROR_STREAM_CAPTURE_UNJOINED, "capturing stream has unjoined work"),
    ERROR(CUDA_ERROR_STREAM_CAPTURE_ISOLATION, "dependency created on uncaptured work in another stream"),
    ERROR(CUDA_ERROR_UNKNOWN, "unknown error"),
};

static CUresult describe(CUresult error, const char **name, const char **text) {
    for (size_t k = 0; k < sizeof errors / sizeof *errors; k++) {
        if (errors[k].error != error) continue;
        if (name) *name = errors[k].name;
        if (text) *text = errors[k].text;
        return CUDA_SUCCESS;
    }
    if (name) *name = NULL;
    if (text) *text = NULL;
    return CUDA_ERROR_INVALID_VALUE;
}

CUresult cuGetErrorName(CUresult error, const char **name) { return describe(error, name, NULL); }

CUresult cuGetErrorString(CUresult error, const char **text) { return describe(error, NULL, text); }

/* -- devices -- */

static CUresult check_device(CUdevice device) {
    REQUIRE(device == 0, CUDA_ERROR_INVALID_DEVICE, "device %d does not exist: there is one", device);
    return CUDA_SUCCESS;
}

CUresult cuDeviceGetCount(int *count) {
    CALL(INITIALISED);
    REQUIRE(count, CUDA_ERROR_INVALID_VALUE, "nowhere to put the count");
    *count = 1;
    return CUDA_SUCCESS;
}

CUresult cuDeviceGet(CUdevice *device, int ordinal) {
    CALL(INITIALISED);
    REQUIRE(device, CUDA_ERROR_INVALID_VALUE, "nowhere to put the device");
    TRY(check_device(ordinal));
    *device = ordinal;
    return CUDA_SUCCESS;
}

CUresult cuDeviceGetName(char *name, int length, CUdevice device) {
    CALL(INITIALISED);
    TRY(check_device(device));
    REQUIRE(name && length > 0, CUDA_ERROR_INVALID_VALUE, "nowhere to put the name");
    snprintf(name, length, "%s", card_name);
    return CUDA_SUCCESS;
}

CUresult cuDeviceGetUuid(CUuuid *uuid, CUdevice device) {
    CALL(INITIALISED);
    TRY(check_device(device));
    REQUIRE(uuid, CUDA_ERROR_INVALID_VALUE, "nowhere to put the UUID");
    for (int k = 0; k < 16; k++) {
        unsigned byte = 0;
        sscanf(card_uuid + 2 * k, "%2x", &byte);
        uuid->bytes[k] = (char)byte;
    }
    return CUDA_SUCCESS;
}

CUresult cuDeviceGetPCIBusId(char *id, int length, CUdevice device) {
    CALL(INITIALISED);
    TRY(check_device(device));
    REQUIRE(id && length >= 13, CUDA_ERROR_INVALID_VALUE, "an id needs 13 bytes, here are %d", length);
    strcpy(id, "0000:01:00.0");
    return CUDA_SUCCESS;
}

CUresult cuDeviceTotalMem(size_t *bytes, CUdevice device) {
    CALL(INITIALISED);
    TRY(check_device(device));
    REQUIRE(bytes, CUDA_ERROR_INVALID_VALUE, "nowhere to put the size");
    *bytes = memory_bytes;
    return CUDA_SUCCESS;
}

CUresult cuDeviceGetAttribute(int *value, CUdevice_attribute which, CUdevice device) {
    CALL(INITIALISED);
    TRY(check_device(device));
    REQUIRE(value && which > 0 && which < CU_DEVICE_ATTRIBUTE_MAX, CUDA_ERROR_INVALID_VALUE,
            "attribute %d does not exist", which);
    *value = attributes[which];
    return CUDA_SUCCESS;
}

/* -- the primary context -- */

CUresult cuDevicePrimaryCtxRetain(CUcontext *context, CUdevice device) {
    CALL(INITIALISED);
    TRY(check_device(device));
    REQUIRE(context, CUDA_ERROR_INVALID_VALUE, "nowhere to put the context");
    if (broken) return broken;
    if (!primary || !primary->alive) primary = make(CONTEXT, sizeof *primary);
    retained++;
    *context = (CUcontext)primary;
    return CUDA_SUCCESS;
}

static CUresult end_primary(void) {
    for (struct object *each = objects; each; each = each->next) each->alive = false;
    drop_pending();
    forget_memory();
    retained = 0;
    return CUDA_SUCCESS;
}

CUresult cuDevicePrimaryCtxRelease(CUdevice device) {
    CALL(INITIALISED);
    TRY(check_device(device));
    REQUIRE(retained, CUDA_ERROR_INVALID_CONTEXT, "the primary context is not retained");
    return --retained ? CUDA_SUCCESS : end_primary();
}

CUresult cuDevicePrimaryCtxReset(CUdevice device) {
    CALL(INITIALISED);
    TRY(check_device(device));
    return broken ? broken : end_primary();
}

CUresult cuCtxSetCurrent(CUcontext context) {
    CALL(INITIALISED);
    REQUIRE(!context || is_live(context, CONTEXT), CUDA_ERROR_INVALID_CONTEXT, "%p is no live context", (void *)context);
    current = (struct object *)context;
    return CUDA_SUCCESS;
}

CUresult cuCtxGetCurrent(CUcontext *context) {
    CALL(INITIALISED);
    REQUIRE(context, CUDA_ERROR_INVALID_VALUE, "nowhere to put the context");
    *context = (CUcontext)current;
    return CUDA_SUCCESS;
}

CUresult cuCtxGetDevice(CUdevice *device) {
    CALL(IN_CONTEXT);
    REQUIRE(device, CUDA_ERROR_INVALID_VALUE, "nowhere to put the device");
    *device = 0;
    return CUDA_SUCCESS;
}

CUresult cuCtxSynchronize(void) {
    CALL(IN_CONTEXT);
    return wait_for_all();
}

CUresult cuCtxResetPersistingL2Cache(void) {
    CALL(IN_CONTEXT);
    return CUDA_SUCCESS;
}

/* -- how functions are found -- */

static const struct entry {
    const char *name;
    int since; /* the version of CUDA that brought this form */
    void *function;
} entries[] = {
#define ENTRY(name, since) {#name, since, (void *)name}
#include "entries.h"
};

CUresult cuGetProcAddress(const char *name, void **function, int version, cuuint64_t flags,
                          CUdriverProcAddressQueryResult *status) {
    const struct entry *best = NULL;
    bool known = false;
    if (!name || !function || flags > CU_GET_PROC_ADDRESS_PER_THREAD_DEFAULT_STREAM) return CUDA_ERROR_INVALID_VALUE;
    for (size_t k = 0; k < sizeof entries / sizeof *entries; k++) {
        const struct entry *entry = &entries[k];
        if (strcmp(entry->name, name)) continue;
        known = true;
        if (entry->since <= version && (!best || best->since < entry->since)) best = entry;
    }
    *function = best ? best->function : NULL;
    if (status)
        *status = *function ? CU_GET_PROC_ADDRESS_SUCCESS
                  : known   ? CU_GET_PROC_ADDRESS_VERSION_NOT_SUFFICIENT
                            : CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND;
    return *function ? CUDA_SUCCESS : CUDA_ERROR_NOT_FOUND;
}
