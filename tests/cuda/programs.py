"""Programs that use a card as the manual allows: `python programs.py CUBIN NAME` runs one and prints what it saw."""

from __future__ import annotations

import ctypes
import json
import statistics
import sys
import time
from typing import Any

import numpy as np
import pynvml
from cuda.bindings import driver
from session import CAPTURE, EXTERNAL, FIRST, GRANULE, READ_ONLY, SLOT, Failed, Session, ok

NOT_READY = 600
LONG = 64 << 20
"""Bytes whose filling takes the card 20 microseconds."""


def right_numbers() -> Any:
    """A launch between two copies."""
    s = Session()
    x, y = s.buffer(0), s.buffer(1)
    values = np.arange(1000, dtype=np.float32)
    s.write(x, values)
    s.scale(x, y)
    s.wait()
    return [x == FIRST, y == FIRST + SLOT, bool((s.read(y, 1000) == 2.5 * values).all())]


def variables() -> Any:
    """What a kernel leaves in a variable stays for the next; a module loaded anew starts from its image."""
    s = Session()
    x = s.buffer(0)
    counted = []
    for session in (s, s, Session()):
        session.scale(x, x)
        session.wait()
        address, size = ok(driver.cuModuleGetGlobal(session.module, b"launches"))
        counted.append([int(s.read(address, 1, np.int32)[0]), size])
    factor, _ = ok(driver.cuModuleGetGlobal(s.module, b"factor"))
    s.write(factor, np.array([3], np.float32))
    s.write(x, np.array([2], np.float32))
    s.scale(x, x)
    s.wait()
    return [counted, float(s.read(x, 1)[0])]


def graphs() -> Any:
    """A graph repeats what was captured, with the arguments of then, and outlives what it was made from."""
    s = Session()
    x, y, z = (s.buffer(slot) for slot in range(3))
    ok(driver.cuStreamBeginCapture(s.stream, CAPTURE))
    ok(driver.cuMemsetD16Async(x, 0, 1, s.stream))
    ok(driver.cuMemsetD16Async(x + 2, 0x3F80, 1, s.stream))
    ok(driver.cuMemcpyDtoDAsync(x + 4, y, 4, s.stream))
    s.scale(x, z, 2)
    graph = ok(driver.cuStreamEndCapture(s.stream))
    exec_ = ok(driver.cuGraphInstantiate(graph, 0))
    ok(driver.cuGraphDestroy(graph))
    ok(driver.cuGraphUpload(exec_, s.stream))
    seen = []
    for value in (1, 2):
        s.write(y, np.array([value], np.float32))
        ok(driver.cuGraphLaunch(exec_, s.stream))
        s.wait()
        seen.append(s.read(z, 2).tolist())
    ok(driver.cuGraphExecDestroy(exec_))
    return seen


def events_in_a_graph() -> Any:
    """What events that a graph records say of the launch, and of the two, between them, each time it runs."""
    s = Session()
    x, y = s.buffer(0), s.buffer(1)
    ok(driver.cuMemsetD32Async(x, 0, 1000, s.stream))
    events = [ok(driver.cuEventCreate(0)) for _ in range(3)]
    ok(driver.cuStreamBeginCapture(s.stream, CAPTURE))
    for event, launches in zip(events, (1, 2, 0), strict=True):
        ok(driver.cuEventRecordWithFlags(event, s.stream, EXTERNAL))
        for _ in range(launches):
            s.scale(x, y)
    exec_ = ok(driver.cuGraphInstantiate(ok(driver.cuStreamEndCapture(s.stream)), 0))
    taken = []
    for _ in range(2):
        ok(driver.cuGraphLaunch(exec_, s.stream))
        taken.append(int(driver.cuEventElapsedTime(*events[:2])[0]))
        s.wait()
        taken += [1000 * ok(driver.cuEventElapsedTime(*pair)) for pair in (events[:2], events[1:])]
    return taken


def residents() -> Any:
    """How many blocks of some sizes an SM holds, without and with dynamic shared memory."""
    s = Session()
    name = driver.cuOccupancyMaxActiveBlocksPerMultiprocessor
    return [int(ok(name(s.function("scale"), *figures))) for figures in ((1024, 0), (32, 0), (256, 40_000))]


def as_late_as_allowed() -> Any:
    """Nothing runs before somebody waits or asks, but blocking streams run before a copy on the default stream."""
    s = Session()
    x = s.buffer(0)
    s.write(x, np.zeros(1, np.float32))
    blocking = ok(driver.cuStreamCreate(0))
    ok(driver.cuMemsetD32Async(x, 1, 1, blocking))
    after_copy = int(s.read(x, 1, np.int32)[0])
    answers = []
    for _ in range(2):
        ok(driver.cuMemsetD32Async(x, 2, 1, s.stream))
    while not answers or answers[-1]:
        answers.append(int(driver.cuStreamQuery(s.stream)[0]))
    return [after_copy, answers[:2], answers[-1], int(s.read(x, 1, np.int32)[0])]


def times() -> Any:
    """What events say of launches in a row: medians and spreads over 41, and whether ever more than passed."""
    s = Session()
    x, y = s.buffer(0), s.buffer(1)
    ok(driver.cuMemsetD32Async(x, 0, 1000, s.stream))
    taken, early = [], 0
    for _ in range(41):
        events = [ok(driver.cuEventCreate(0)) for _ in range(2)]
        before = time.perf_counter()
        ok(driver.cuEventRecord(events[0], s.stream))
        s.scale(x, y)
        ok(driver.cuEventRecord(events[1], s.stream))
        while int(driver.cuEventQuery(events[1])[0]) == NOT_READY:
            pass
        taken.append(1000 * ok(driver.cuEventElapsedTime(*events)))
        early += taken[-1] > 1e6 * (time.perf_counter() - before)
    return [statistics.median(taken), statistics.stdev(taken) / statistics.mean(taken), early]


def paced() -> Any:
    """What events say of a launch that the host queues for an idle device, and for one that a long fill keeps busy."""
    s = Session()
    x, y = s.buffer(0, size=LONG), s.buffer(1)
    taken = []
    for size in (4, LONG):
        events = [ok(driver.cuEventCreate(0)) for _ in range(2)]
        ok(driver.cuMemsetD32Async(x, 0, size // 4, s.stream))
        ok(driver.cuEventRecord(events[0], s.stream))
        s.scale(x, y)
        ok(driver.cuEventRecord(events[1], s.stream))
        s.wait()
        taken.append(1000 * ok(driver.cuEventElapsedTime(*events)))
    return taken


def clocks() -> Any:
    """What NVML says of the card."""
    s = Session()
    pynvml.nvmlInit()
    try:
        card = pynvml.nvmlDeviceGetHandleByPciBusId(ok(driver.cuDeviceGetPCIBusId(32, s.device)).split(b"\0")[0])
        return [
            pynvml.nvmlDeviceGetClockInfo(card, pynvml.NVML_CLOCK_SM),
            pynvml.nvmlDeviceGetTemperature(card, pynvml.NVML_TEMPERATURE_GPU),
            pynvml.nvmlDeviceGetCurrentClocksEventReasons(card),
        ]
    finally:
        pynvml.nvmlShutdown()


def moved() -> Any:
    """Where a buffer lies whose address was asked for, and whether a kernel finds it there."""
    s = Session()
    x = s.buffer(0)
    s.write(x, np.ones(4, np.float32))
    s.scale(x, x, 4)
    s.wait()
    return [x == FIRST, s.read(x, 4).tolist()]


def two_allocations() -> Any:
    """What each of two says."""
    s = Session()
    return [int(driver.cuMemCreate(GRANULE, s.properties(), 0)[0]) for _ in range(2)]


def starts() -> Any:
    """What cuInit says, and the version of the driver."""
    return [int(driver.cuInit(0)[0]), ok(driver.cuDriverGetVersion())]


def ends_badly(kernel: str) -> Any:
    """What is said of a launch when it is queued and when it is waited for, and what other calls say then."""
    s = Session()
    x, y = s.buffer(0), s.buffer(1, READ_ONLY if kernel == "scale" else driver.CUmemAccess_flags(3))
    said = [int(s.launch(kernel, *([x, y, ctypes.c_int(9)] if kernel == "scale" else [y]), block=32)[0])]
    said.append(int(driver.cuStreamSynchronize(s.stream)[0]))
    later = [
        driver.cuStreamSynchronize(s.stream),
        driver.cuMemcpyDtoH(np.empty(4).ctypes.data, x, 32),
        driver.cuMemCreate(GRANULE, s.properties(), 0),
        driver.cuMemUnmap(x, GRANULE),
        driver.cuModuleUnload(s.module),
        driver.cuDevicePrimaryCtxReset(s.device),
        driver.cuDevicePrimaryCtxRetain(s.device),
    ]
    return [*said, sorted({int(result[0]) for result in later})]


def never_ends(kernel: str) -> Any:
    """What the stream says of it, asked for a while."""
    s = Session()
    y = s.buffer(0)
    ok(driver.cuMemsetD32Async(y, 0, 2, s.stream))
    ok(s.launch(kernel, y, block=32))
    return sorted({int(driver.cuStreamQuery(s.stream)[0]) for _ in range(50)})


def is_lost() -> Any:
    """What is said by a process that was using the card."""
    try:
        s = Session()
        s.buffer(0)
    except Failed as error:
        return [error.args[0], int(driver.cuCtxSynchronize()[0])]
    return []


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[2]](*sys.argv[3:])))
