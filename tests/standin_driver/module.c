/* Modules from cubins, their functions and variables. The server knows them by the hash of the cubin. */

#define _GNU_SOURCE
#include "standin.h"

#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEFAULT_SHARED = 48 << 10 };

/* How long an ELF file in memory is: up to the end of whatever lies last. */
static size_t elf_size(const unsigned char *image) {
    const Elf64_Ehdr *head = (const void *)image;
    size_t end = head->e_shoff + (size_t)head->e_shnum * head->e_shentsize;
    size_t programs = head->e_phoff + (size_t)head->e_phnum * head->e_phentsize;
    if (programs > end) end = programs;
    for (unsigned k = 0; k < head->e_shnum; k++) {
        const Elf64_Shdr *section = (const void *)(image + head->e_shoff + (size_t)k * head->e_shentsize);
        size_t last = section->sh_offset + (section->sh_type == SHT_NOBITS ? 0 : section->sh_size);
        if (last > end) end = last;
    }
    return end;
}

static void *grow(void *array, unsigned count, size_t size) {
    void *grown = realloc(array, (count + 1) * size);
    if (!grown) abort();
    return grown;
}

static void add_function(struct module *module, const char *line) {
    struct function *function = make(FUNCTION, sizeof *function);
    int at = 0;
    sscanf(line, "kernel %ms %u %u %u %u %u %u%n", &function->name, &function->parameter_bytes, &function->registers,
           &function->static_shared, &function->local, &function->max_threads, &function->n_parameters, &at);
    function->module = module;
    function->most_dynamic = DEFAULT_SHARED - function->static_shared;
    function->parameters = calloc(function->n_parameters + 1, sizeof *function->parameters);
    if (!function->name || !function->parameters) abort();
    for (unsigned k = 0; k < function->n_parameters; k++) {
        int step = 0;
        sscanf(line + at, "%u:%u%n", &function->parameters[k].offset, &function->parameters[k].size, &step);
        at += step;
    }
    module->functions = grow(module->functions, module->n_functions, sizeof *module->functions);
    module->functions[module->n_functions++] = function;
}

static void add_variable(struct module *module, const char *line) {
    struct variable variable = {0};
    sscanf(line, "variable %ms %zu", &variable.name, &variable.size);
    module->variables = grow(module->variables, module->n_variables, sizeof variable);
    module->variables[module->n_variables++] = variable;
}

/* Gives the variables addresses and lets the server fill them from the image. */
static CUresult place_variables(struct module *module) {
    char *text = NULL;
    size_t length;
    FILE *file = open_memstream(&text, &length);
    fprintf(file, "place %u", module->number);
    for (unsigned k = 0; k < module->n_variables; k++) {
        TRY(map_variable(module->variables[k].size, &module->variables[k].address));
        fprintf(file, " %llu", module->variables[k].address);
    }
    char *mappings = mappings_text();
    fprintf(file, " |%s", mappings);
    fclose(file);
    CUresult result = wire_ask(text, NULL, 0, -1, NULL);
    free(mappings);
    free(text);
    return result;
}

CUresult cuModuleLoadData(CUmodule *handle, const void *image) {
    CALL(IN_CONTEXT);
    REQUIRE(handle && image, CUDA_ERROR_INVALID_VALUE, "no image");
    REQUIRE(!memcmp(image, ELFMAG, SELFMAG) && ((const unsigned char *)image)[EI_CLASS] == ELFCLASS64,
            CUDA_ERROR_INVALID_IMAGE, "the image is no cubin (PTX is not compiled here)");
    char *reply, *line;
    CUresult error = wire_ask("module", image, elf_size(image), -1, &reply);
    REQUIRE(error == CUDA_SUCCESS, error, "%s", reply);
    struct module *module = make(MODULE, sizeof *module);
    sscanf(reply, "%u", &module->number);
    strtok_r(reply, "\n", &reply);
    while ((line = strtok_r(NULL, "\n", &reply))) {
        if (*line == 'k') add_function(module, line);
        if (*line == 'v') add_variable(module, line);
    }
    TRY(place_variables(module));
    *handle = (CUmodule)module;
    return CUDA_SUCCESS;
}

CUresult cuModuleUnload(CUmodule handle) {
    CALL(IN_CONTEXT);
    struct module *module = (struct module *)handle;
    REQUIRE(is_live(module, MODULE), CUDA_ERROR_INVALID_HANDLE, "%p is no live module", (void *)handle);
    REQUIRE(!is_module_pending(module), CUDA_ERROR_ILLEGAL_STATE, "queued work runs this module's kernels");
    module->object.alive = false;
    for (unsigned k = 0; k < module->n_functions; k++) module->functions[k]->object.alive = false;
    for (unsigned k = 0; k < module->n_variables; k++) unmap_variable(module->variables[k].address);
    return CUDA_SUCCESS;
}

CUresult cuModuleGetFunction(CUfunction *handle, CUmodule module_handle, const char *name) {
    CALL(IN_CONTEXT);
    const struct module *module = (struct module *)module_handle;
    REQUIRE(is_live(module, MODULE), CUDA_ERROR_INVALID_HANDLE, "%p is no live module", (void *)module);
    REQUIRE(handle && name, CUDA_ERROR_INVALID_VALUE, "no name");
    for (unsigned k = 0; k < module->n_functions; k++)
        if (!strcmp(module->functions[k]->name, name)) return *handle = (CUfunction)module->functions[k], CUDA_SUCCESS;
    return refuse(CUDA_ERROR_NOT_FOUND, "the module has no kernel %s", name);
}

CUresult cuModuleGetGlobal(CUdeviceptr *address, size_t *size, CUmodule module_handle, const char *name) {
    CALL(IN_CONTEXT);
    const struct module *module = (struct module *)module_handle;
    REQUIRE(is_live(module, MODULE), CUDA_ERROR_INVALID_HANDLE, "%p is no live module", (void *)module);
    REQUIRE(name, CUDA_ERROR_INVALID_VALUE, "no name");
    for (unsigned k = 0; k < module->n_variables; k++) {
        if (strcmp(module->variables[k].name, name)) continue;
        if (address) *address = module->variables[k].address;
        if (size) *size = module->variables[k].size;
        return CUDA_SUCCESS;
    }
    return refuse(CUDA_ERROR_NOT_FOUND, "the module has no variable %s", name);
}

CUresult cuFuncGetAttribute(int *value, CUfunction_attribute which, CUfunction handle) {
    CALL(IN_CONTEXT);
    const struct function *function = (struct function *)handle;
    REQUIRE(is_live(function, FUNCTION), CUDA_ERROR_INVALID_HANDLE, "%p is no live function", (void *)function);
    REQUIRE(value, CUDA_ERROR_INVALID_VALUE, "nowhere to put the value");
    switch (which) {
    case CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK: *value = function->max_threads; break;
    case CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES: *value = function->static_shared; break;
    case CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES: *value = function->local; break;
    case CU_FUNC_ATTRIBUTE_NUM_REGS: *value = function->registers; break;
    case CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES: *value = function->most_dynamic; break;
    default: return refuse(CUDA_ERROR_INVALID_VALUE, "attribute %d is not served", which);
    }
    return CUDA_SUCCESS;
}

CUresult cuFuncSetAttribute(CUfunction handle, CUfunction_attribute which, int value) {
    CALL(IN_CONTEXT);
    struct function *function = (struct function *)handle;
    REQUIRE(is_live(function, FUNCTION), CUDA_ERROR_INVALID_HANDLE, "%p is no live function", (void *)function);
    REQUIRE(which == CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, CUDA_ERROR_INVALID_VALUE,
            "attribute %d cannot be set here", which);
    int most = attribute(CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN) - (int)function->static_shared;
    REQUIRE(value >= 0 && value <= most, CUDA_ERROR_INVALID_VALUE, "%d bytes are more than the %d left", value, most);
    function->most_dynamic = value;
    return CUDA_SUCCESS;
}
