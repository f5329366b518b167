"""Calls that the driver's manual forbids, each ready to be made: `python misuse.py CUBIN` makes all and says what the
driver answered, as JSON. Each starts with everything else in order.
"""

from __future__ import annotations

import ctypes
import json
from collections.abc import Callable
from typing import Any

import numpy as np
from cuda.bindings import driver
from session import CAPTURE, EXTERNAL, FIRST, GRANULE, READ_ONLY, SLOT, Failed, Session, ok

CALLS: dict[str, tuple[str, Callable[[Session], tuple[Any, ...]]]] = {}


def refused(error: str) -> Callable[[Callable[[Session], tuple[Any, ...]]], None]:
    """Notes that the call ends with this CUresult."""

    def note(call: Callable[[Session], tuple[Any, ...]]) -> None:
        CALLS[call.__name__] = (error, call)

    return note


# Handles


@refused("INVALID_CONTEXT")
def no_context(s: Session) -> tuple[Any, ...]:
    ok(driver.cuCtxSetCurrent(driver.CUcontext(0)))
    try:
        return driver.cuStreamCreate(0)
    finally:
        ok(driver.cuCtxSetCurrent(s.context))


@refused("INVALID_CONTEXT")
def stream_for_a_context(s: Session) -> tuple[Any, ...]:
    return driver.cuCtxSetCurrent(driver.CUcontext(int(s.stream)))


@refused("INVALID_DEVICE")
def second_device(s: Session) -> tuple[Any, ...]:
    return driver.cuDeviceGet(1)


@refused("INVALID_HANDLE")
def stream_after_its_end(s: Session) -> tuple[Any, ...]:
    stream = ok(driver.cuStreamCreate(0))
    ok(driver.cuStreamDestroy(stream))
    return driver.cuStreamSynchronize(stream)


@refused("INVALID_HANDLE")
def event_for_a_stream(s: Session) -> tuple[Any, ...]:
    return driver.cuStreamSynchronize(driver.CUstream(int(ok(driver.cuEventCreate(0)))))


@refused("INVALID_HANDLE")
def function_of_an_unloaded_module(s: Session) -> tuple[Any, ...]:
    other = Session()
    function = other.function("stops")
    ok(driver.cuModuleUnload(other.module))
    return s.launch("stops", function=function)


@refused("INVALID_HANDLE")
def graph_of_an_unloaded_module(s: Session) -> tuple[Any, ...]:
    other = Session()
    ok(driver.cuStreamBeginCapture(other.stream, CAPTURE))
    ok(other.launch("stops"))
    graph = ok(driver.cuGraphInstantiate(ok(driver.cuStreamEndCapture(other.stream)), 0))
    ok(driver.cuModuleUnload(other.module))
    return driver.cuGraphLaunch(graph, s.stream)


@refused("INVALID_VALUE")
def graph_after_its_end(s: Session) -> tuple[Any, ...]:
    ok(driver.cuStreamBeginCapture(s.stream, CAPTURE))
    graph = ok(driver.cuStreamEndCapture(s.stream))
    ok(driver.cuGraphDestroy(graph))
    return driver.cuGraphInstantiate(graph, 0)


@refused("NOT_FOUND")
def unknown_kernel(s: Session) -> tuple[Any, ...]:
    return driver.cuModuleGetFunction(s.module, b"nothing")


@refused("NOT_FOUND")
def unknown_variable(s: Session) -> tuple[Any, ...]:
    return driver.cuModuleGetGlobal(s.module, b"nothing")


# Modules


@refused("INVALID_IMAGE")
def ptx_for_a_cubin(s: Session) -> tuple[Any, ...]:
    return driver.cuModuleLoadData(b".version 9.0\n.target sm_90a\n.address_size 64\n\0")


@refused("ILLEGAL_STATE")
def module_unloaded_under_work(s: Session) -> tuple[Any, ...]:
    ok(s.launch("stops"))
    return driver.cuModuleUnload(s.module)


# Memory


@refused("INVALID_VALUE")
def odd_size(s: Session) -> tuple[Any, ...]:
    return driver.cuMemCreate(GRANULE + 512, s.properties(), 0)


@refused("INVALID_DEVICE")
def memory_of_another_device(s: Session) -> tuple[Any, ...]:
    prop = s.properties()
    prop.location.id = 1
    return driver.cuMemCreate(GRANULE, prop, 0)


@refused("OUT_OF_MEMORY")
def more_than_the_card_has(s: Session) -> tuple[Any, ...]:
    return driver.cuMemCreate(1 << 40, s.properties(), 0)


@refused("INVALID_VALUE")
def released_twice(s: Session) -> tuple[Any, ...]:
    handle = s.allocate()
    ok(driver.cuMemRelease(handle))
    return driver.cuMemRelease(handle)


@refused("INVALID_VALUE")
def mapped_after_release(s: Session) -> tuple[Any, ...]:
    handle, address = s.allocate(), s.reserve(40)
    ok(driver.cuMemRelease(handle))
    return driver.cuMemMap(address, GRANULE, 0, handle, 0)


@refused("INVALID_VALUE")
def mapped_without_reservation(s: Session) -> tuple[Any, ...]:
    return driver.cuMemMap(FIRST + 77 * SLOT, GRANULE, 0, s.allocate(), 0)


@refused("INVALID_VALUE")
def mapped_twice(s: Session) -> tuple[Any, ...]:
    return driver.cuMemMap(s.buffer(41), GRANULE, 0, s.allocate(), 0)


@refused("INVALID_VALUE")
def mapped_more_than_allocated(s: Session) -> tuple[Any, ...]:
    return driver.cuMemMap(s.reserve(42, 2 * GRANULE), 2 * GRANULE, 0, s.allocate(), 0)


@refused("INVALID_VALUE")
def half_unmapped(s: Session) -> tuple[Any, ...]:
    return driver.cuMemUnmap(s.buffer(43), GRANULE // 2)


@refused("INVALID_VALUE")
def reservation_freed_while_mapped(s: Session) -> tuple[Any, ...]:
    return driver.cuMemAddressFree(s.buffer(44), GRANULE)


@refused("INVALID_VALUE")
def read_after_unmapping(s: Session) -> tuple[Any, ...]:
    address = s.buffer(45)
    s.free(address)
    return driver.cuMemcpyDtoH(np.empty(4).ctypes.data, address, 32)


@refused("INVALID_VALUE")
def read_without_access(s: Session) -> tuple[Any, ...]:
    address = s.reserve(46)
    ok(driver.cuMemMap(address, GRANULE, 0, s.allocate(), 0))
    return driver.cuMemcpyDtoH(np.empty(4).ctypes.data, address, 32)


@refused("INVALID_VALUE")
def write_to_read_only(s: Session) -> tuple[Any, ...]:
    return driver.cuMemcpyHtoD(s.buffer(47, READ_ONLY), np.empty(4).ctypes.data, 32)


@refused("INVALID_VALUE")
def copied_past_the_end(s: Session) -> tuple[Any, ...]:
    return driver.cuMemcpyDtoH(np.empty(4).ctypes.data, s.buffer(48) + GRANULE - 16, 32)


@refused("INVALID_VALUE")
def filled_past_the_end(s: Session) -> tuple[Any, ...]:
    return driver.cuMemsetD32Async(s.buffer(49), 0, GRANULE // 4 + 1, s.stream)


@refused("INVALID_VALUE")
def filled_off_the_beat(s: Session) -> tuple[Any, ...]:
    return driver.cuMemsetD32Async(s.buffer(50) + 2, 0, 1, s.stream)


@refused("ILLEGAL_STATE")
def results_nobody_waited_for(s: Session) -> tuple[Any, ...]:
    x, y = s.buffer(51), s.buffer(52)
    s.scale(x, y)
    return driver.cuMemcpyDtoH(np.empty(4).ctypes.data, y, 32)


@refused("ILLEGAL_STATE")
def inputs_changed_under_a_graph(s: Session) -> tuple[Any, ...]:
    x, y = s.buffer(53), s.buffer(54)
    ok(driver.cuStreamBeginCapture(s.stream, CAPTURE))
    s.scale(x, y)
    ok(driver.cuGraphLaunch(ok(driver.cuGraphInstantiate(ok(driver.cuStreamEndCapture(s.stream)), 0)), s.stream))
    return driver.cuMemcpyHtoD(x, np.empty(4).ctypes.data, 32)


@refused("ILLEGAL_STATE")
def unmapped_under_work(s: Session) -> tuple[Any, ...]:
    x, y = s.buffer(55), s.buffer(56)
    s.scale(x, y)
    return driver.cuMemUnmap(y, GRANULE)


# Launches


@refused("INVALID_VALUE")
def empty_grid(s: Session) -> tuple[Any, ...]:
    return s.launch("stops", grid=0)


@refused("INVALID_VALUE")
def block_too_large(s: Session) -> tuple[Any, ...]:
    return s.launch("stops", block=1025)


@refused("LAUNCH_OUT_OF_RESOURCES")
def more_threads_than_the_kernel_bears(s: Session) -> tuple[Any, ...]:
    return s.launch("roomy", s.buffer(57), block=256)


@refused("INVALID_VALUE")
def shared_memory_without_asking(s: Session) -> tuple[Any, ...]:
    return s.launch("roomy", s.buffer(58), block=128, shared=64 << 10)


@refused("INVALID_VALUE")
def more_shared_memory_than_there_is(s: Session) -> tuple[Any, ...]:
    most = driver.CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
    return driver.cuFuncSetAttribute(s.function("roomy"), most, 256 << 10)


# Streams, events and graphs


@refused("STREAM_CAPTURE_UNSUPPORTED")
def wait_while_capturing(s: Session) -> tuple[Any, ...]:
    ok(driver.cuStreamBeginCapture(s.stream, CAPTURE))
    return driver.cuStreamSynchronize(s.stream)


@refused("STREAM_CAPTURE_INVALIDATED")
def spoilt_capture(s: Session) -> tuple[Any, ...]:
    ok(driver.cuStreamBeginCapture(s.stream, CAPTURE))
    driver.cuStreamQuery(s.stream)
    return driver.cuStreamEndCapture(s.stream)


@refused("STREAM_CAPTURE_UNSUPPORTED")
def default_stream_captured(s: Session) -> tuple[Any, ...]:
    return driver.cuStreamBeginCapture(driver.CUstream(0), CAPTURE)


@refused("ILLEGAL_STATE")
def capture_that_never_began(s: Session) -> tuple[Any, ...]:
    return driver.cuStreamEndCapture(s.stream)


@refused("INVALID_VALUE")
def event_of_a_graph_outside_of_one(s: Session) -> tuple[Any, ...]:
    return driver.cuEventRecordWithFlags(ok(driver.cuEventCreate(0)), s.stream, EXTERNAL)


@refused("INVALID_HANDLE")
def graph_with_a_destroyed_event(s: Session) -> tuple[Any, ...]:
    event = ok(driver.cuEventCreate(0))
    ok(driver.cuStreamBeginCapture(s.stream, CAPTURE))
    ok(driver.cuEventRecordWithFlags(event, s.stream, EXTERNAL))
    graph = ok(driver.cuGraphInstantiate(ok(driver.cuStreamEndCapture(s.stream)), 0))
    ok(driver.cuEventDestroy(event))
    return driver.cuGraphLaunch(graph, s.stream)


@refused("INVALID_VALUE")
def residents_without_threads(s: Session) -> tuple[Any, ...]:
    return driver.cuOccupancyMaxActiveBlocksPerMultiprocessor(s.function("scale"), 0, 0)


@refused("INVALID_HANDLE")
def time_of_unrecorded_events(s: Session) -> tuple[Any, ...]:
    return driver.cuEventElapsedTime(ok(driver.cuEventCreate(0)), ok(driver.cuEventCreate(0)))


@refused("INVALID_HANDLE")
def time_of_events_without_timing(s: Session) -> tuple[Any, ...]:
    event = ok(driver.cuEventCreate(driver.CUevent_flags.CU_EVENT_DISABLE_TIMING))
    ok(driver.cuEventRecord(event, s.stream))
    s.wait()
    return driver.cuEventElapsedTime(event, event)


@refused("NOT_READY")
def time_of_events_to_come(s: Session) -> tuple[Any, ...]:
    event = ok(driver.cuEventCreate(0))
    ok(s.launch("roomy", s.buffer(59), block=128, shared=ctypes.sizeof(ctypes.c_float) * 128))
    ok(driver.cuEventRecord(event, s.stream))
    return driver.cuEventElapsedTime(event, event)


def answers() -> dict[str, str]:
    """What the driver says to each, with the whole context new every time."""
    said = {}
    for name, (_, call) in CALLS.items():
        session = Session()
        try:
            said[name] = driver.CUresult(call(session)[0]).name.removeprefix("CUDA_ERROR_")
        except Failed as error:
            said[name] = f"{error} too early"
        ok(driver.cuDevicePrimaryCtxReset(session.device))
    return said


if __name__ == "__main__":
    print(json.dumps(answers()))
