/* Stands in for NVML: what the card's clocks, temperature and throttling say, from the same folder as the driver.

Its header does not come with the toolkit: the few types and constants here are those of the NVML API Reference Guide 13.0. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <libgen.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef enum {
    NVML_SUCCESS = 0,
    NVML_ERROR_UNINITIALIZED = 1,
    NVML_ERROR_INVALID_ARGUMENT = 2,
    NVML_ERROR_NOT_SUPPORTED = 3,
    NVML_ERROR_NOT_FOUND = 6,
    NVML_ERROR_GPU_IS_LOST = 15,
} nvmlReturn_t;
typedef struct nvmlDevice_st *nvmlDevice_t;
enum { CLOCK_SM = 1, CLOCK_MEM = 2 };
enum { REASON_SW_POWER_CAP = 4, TEMPERATURE_GPU = 0 };

static struct nvmlDevice_st {
    bool ready;
} device;

static bool file_exists(const char *name) {
    char path[PATH_MAX + 64], own[PATH_MAX];
    Dl_info info;
    if (!dladdr((void *)file_exists, &info)) return false;
    snprintf(own, sizeof own, "%s", info.dli_fname);
    snprintf(path, sizeof path, "%s/%s", dirname(own), name);
    return !access(path, F_OK);
}

static nvmlReturn_t check(nvmlDevice_t given) {
    if (!device.ready) return NVML_ERROR_UNINITIALIZED;
    if (given != &device) return NVML_ERROR_INVALID_ARGUMENT;
    return file_exists("faults/lost_device") ? NVML_ERROR_GPU_IS_LOST : NVML_SUCCESS;
}

nvmlReturn_t nvmlInitWithFlags(unsigned flags) {
    (void)flags;
    device.ready = true;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlInit_v2(void) { return nvmlInitWithFlags(0); }

nvmlReturn_t nvmlShutdown(void) {
    if (!device.ready) return NVML_ERROR_UNINITIALIZED;
    device.ready = false;
    return NVML_SUCCESS;
}

const char *nvmlErrorString(nvmlReturn_t result) {
    switch (result) {
    case NVML_SUCCESS: return "Success";
    case NVML_ERROR_UNINITIALIZED: return "Uninitialized";
    case NVML_ERROR_INVALID_ARGUMENT: return "Invalid Argument";
    case NVML_ERROR_NOT_SUPPORTED: return "Not Supported";
    case NVML_ERROR_NOT_FOUND: return "Not Found";
    case NVML_ERROR_GPU_IS_LOST: return "GPU is lost";
    }
    return "Unknown Error";
}

nvmlReturn_t nvmlSystemGetDriverVersion(char *version, unsigned length) {
    if (!device.ready) return NVML_ERROR_UNINITIALIZED;
    snprintf(version, length, "580.65.06");
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetHandleByPciBusId_v2(const char *id, nvmlDevice_t *handle) {
    if (!device.ready) return NVML_ERROR_UNINITIALIZED;
    if (!id || !handle) return NVML_ERROR_INVALID_ARGUMENT;
    if (strcmp(id, "0000:01:00.0") && strcmp(id, "00000000:01:00.0")) return NVML_ERROR_NOT_FOUND;
    *handle = &device;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetClockInfo(nvmlDevice_t handle, unsigned type, unsigned *mhz) {
    nvmlReturn_t result = check(handle);
    if (result != NVML_SUCCESS) return result;
    if (type != CLOCK_SM && type != CLOCK_MEM) return NVML_ERROR_NOT_SUPPORTED;
    *mhz = type == CLOCK_MEM ? 2619 : file_exists("faults/slow_clocks") ? 990 : 1980;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetTemperature(nvmlDevice_t handle, unsigned sensor, unsigned *celsius) {
    nvmlReturn_t result = check(handle);
    if (result != NVML_SUCCESS) return result;
    if (sensor != TEMPERATURE_GPU) return NVML_ERROR_INVALID_ARGUMENT;
    *celsius = 41;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetTemperatureV(nvmlDevice_t handle, void *temperature) {
    struct {
        unsigned version, sensor;
        int celsius;
    } *fields = temperature;
    return nvmlDeviceGetTemperature(handle, fields->sensor, (unsigned *)&fields->celsius);
}

nvmlReturn_t nvmlDeviceGetCurrentClocksEventReasons(nvmlDevice_t handle, unsigned long long *reasons) {
    nvmlReturn_t result = check(handle);
    if (result != NVML_SUCCESS) return result;
    *reasons = file_exists("faults/slow_clocks") ? REASON_SW_POWER_CAP : 0;
    return NVML_SUCCESS;
}
