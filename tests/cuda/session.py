"""A program's dealings with a card, through NVIDIA's bindings: for tests that call the driver themselves."""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path
from typing import Any

import numpy as np
from cuda.bindings import driver

GRANULE = 2 << 20
FIRST, SLOT = 1 << 44, 1 << 34
NON_BLOCKING = driver.CUstream_flags.CU_STREAM_NON_BLOCKING
CAPTURE = driver.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL
EXTERNAL = driver.CUevent_record_flags.CU_EVENT_RECORD_EXTERNAL
READ_ONLY = driver.CUmemAccess_flags.CU_MEM_ACCESS_FLAGS_PROT_READ
READ_WRITE = driver.CUmemAccess_flags.CU_MEM_ACCESS_FLAGS_PROT_READWRITE


class Failed(Exception):
    """A call that did not succeed; its CUresult."""


def ok(result: tuple[Any, ...]) -> Any:
    """What the call gives beside CUDA_SUCCESS."""
    error, *values = result
    if int(error):
        raise Failed(int(error))
    return values[0] if len(values) == 1 else tuple(values)


class Session:
    """The primary context, a stream, and the kernels of kernels.cu."""

    def __init__(self, cubin: str = sys.argv[1]) -> None:
        ok(driver.cuInit(0))
        self.device = ok(driver.cuDeviceGet(0))
        self.context = ok(driver.cuDevicePrimaryCtxRetain(self.device))
        ok(driver.cuCtxSetCurrent(self.context))
        self.module = ok(driver.cuModuleLoadData(Path(cubin).read_bytes()))
        self.stream = ok(driver.cuStreamCreate(NON_BLOCKING))

    def properties(self) -> driver.CUmemAllocationProp:
        prop = driver.CUmemAllocationProp()
        prop.type = driver.CUmemAllocationType.CU_MEM_ALLOCATION_TYPE_PINNED
        prop.location.type = driver.CUmemLocationType.CU_MEM_LOCATION_TYPE_DEVICE
        return prop

    def allocate(self, size: int = GRANULE) -> Any:
        return ok(driver.cuMemCreate(size, self.properties(), 0))

    def reserve(self, slot: int, size: int = GRANULE) -> int:
        return int(ok(driver.cuMemAddressReserve(size, 0, FIRST + slot * SLOT, 0)))

    def give_access(self, address: int, flags: Any = READ_WRITE, size: int = GRANULE) -> tuple[Any, ...]:
        access = driver.CUmemAccessDesc()
        access.location = self.properties().location
        access.flags = flags
        return driver.cuMemSetAccess(address, size, [access], 1)

    def buffer(self, slot: int, flags: Any = READ_WRITE, size: int = GRANULE) -> int:
        """Memory at a slot; it goes with the context."""
        handle, address = self.allocate(size), self.reserve(slot, size)
        ok(driver.cuMemMap(address, size, 0, handle, 0))
        ok(self.give_access(address, flags, size))
        ok(driver.cuMemRelease(handle))
        return address

    def free(self, address: int) -> None:
        ok(driver.cuMemUnmap(address, GRANULE))
        ok(driver.cuMemAddressFree(address, GRANULE))

    def write(self, address: int, values: np.ndarray) -> None:
        ok(driver.cuMemcpyHtoD(address, values.ctypes.data, values.nbytes))

    def read(self, address: int, count: int, dtype: Any = np.float32) -> np.ndarray:
        values = np.empty(count, dtype)
        ok(driver.cuMemcpyDtoH(values.ctypes.data, address, values.nbytes))
        return values

    def function(self, name: str) -> Any:
        return ok(driver.cuModuleGetFunction(self.module, name.encode()))

    def launch(
        self, name: str, *arguments: Any, grid: int = 4, block: int = 256, shared: int = 0, function: Any = None
    ) -> tuple[Any, ...]:
        """Arguments are ctypes values, device addresses plain integers."""
        values = [ctypes.c_uint64(value) if isinstance(value, int) else value for value in arguments]
        pointers = (ctypes.c_void_p * max(1, len(values)))(*map(ctypes.addressof, values))
        config = driver.CUlaunchConfig()
        config.gridDimX, config.gridDimY, config.gridDimZ = grid, 1, 1
        config.blockDimX, config.blockDimY, config.blockDimZ = block, 1, 1
        config.sharedMemBytes, config.hStream = shared, self.stream
        return driver.cuLaunchKernelEx(config, function or self.function(name), ctypes.addressof(pointers), 0)

    def scale(self, x: int, y: int, count: int = 1000) -> None:
        ok(self.launch("scale", x, y, ctypes.c_int(count)))

    def wait(self) -> None:
        ok(driver.cuStreamSynchronize(self.stream))
