"""replay: lets the warps of one SM, and the SMs over their L2, compete for what they share. See replay.c and wave.c."""

from __future__ import annotations

import ctypes
import platform
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cudagym.build.native import native
from cudagym.errors import InfrastructureError
from cudagym.simulator.clock.pipes import PIPES, Op
from cudagym.simulator.clock.trace import Traces

REASONS = ("issued", "fixed", "short", "long", "barrier", "busy", "queue", "others")
"""In the order of enum Reason in replay.c."""

_HERE = Path(__file__).parent


class Chip(ctypes.Structure):
    """struct Chip of replay.c."""

    _fields_ = [
        ("l1_bytes", ctypes.c_uint64),
        *(
            (name, ctypes.c_float)
            for name in (
                "lsu_interval", "shared_interval", "l1_bytes_per_cycle", "port_bytes_per_cycle", "l2_bytes_per_cycle",
                "dram_bytes_per_cycle", "shared_latency", "l1_latency", "l2_latency", "dram_latency",
                "constant_latency", "barrier_latency", "queue_cycles", "store_cycles", "launch_cycles",
                "partial_write", "dram_write",
            )
        ),
        *((name, ctypes.c_uint32) for name in ("line_passes", "heavy_only")),
    ]  # fmt: skip


class _Result(ctypes.Structure):
    """struct Result of replay.c."""

    _fields_ = [
        ("cycles", ctypes.c_double),
        ("instructions", ctypes.c_uint64),
        ("busy", ctypes.c_double * len(PIPES)),
        *((name, ctypes.c_double) for name in ("l2_bytes", "dram_bytes", "up_bytes", "l1_sectors", "l1_hits")),
        ("held", ctypes.c_double),
    ]


class _Wave(ctypes.Structure):
    """struct Wave of wave.c."""

    _fields_ = [
        ("l1_bytes", ctypes.c_uint64),
        ("l2_bytes", ctypes.c_uint64),
        *((name, ctypes.c_uint32) for name in ("sms", "resident", "sampling")),
        ("written_back", ctypes.c_uint64),
    ]


class _Kinds(ctypes.Structure):
    """struct Kinds of wave.c."""

    _fields_ = [(name, ctypes.c_uint8) for name in ("space", "stores", "past_l1", "atomic")]


class Replay(NamedTuple):
    """What one SM did. Busy cycles of a pipe are summed over the partitions; the load/store unit is one."""

    cycles: float
    instructions: int
    busy: dict[str, float]
    l2_bytes: float
    dram_bytes: float
    up_bytes: float
    l1_sectors: float
    l1_hits: float
    held: float
    """Cycles in which only pipes kept warps from issuing, summed over partitions."""
    ends: NDArray[np.float64]
    """When each block ended, in that order."""
    stalls: NDArray[np.float64]
    """Cycles per instruction of the kernel and reason, summed over warps."""


TRAFFIC = ("asked", "written", "fetched", "atomics", "contention")
"""Columns of what `wave` counts, per instruction of the kernel; struct Traffic of wave.c."""


class Asked(NamedTuple):
    """What the blocks of a wave asked of the L2."""

    counts: NDArray[np.uint64]
    """One row per instruction, columns as in TRAFFIC; sectors of 32 bytes."""
    blocks: int

    def column(self, name: str) -> NDArray[np.float64]:
        return self.counts[:, TRAFFIC.index(name)].astype(np.float64)


def replay(ops: ctypes.Array[Op], chip: Chip, traces: Traces, blocks: Sequence[int], resident: int) -> Replay:
    """Replays the traces with the numbers `blocks` in this order, `resident` of them at a time."""
    result, ends = _Result(), np.zeros(len(blocks))
    stalls = np.zeros((len(ops), len(REASONS)))
    ready = replayer().clock_replay(
        ops,
        len(ops),
        ctypes.byref(chip),
        _pointers(traces, blocks),
        len(blocks),
        resident,
        ctypes.byref(result),
        ends.ctypes.data_as(ctypes.c_void_p),
        stalls.ctypes.data_as(ctypes.c_void_p),
    )
    if not ready:
        raise InfrastructureError("no memory to replay a launch")
    return Replay(
        cycles=result.cycles,
        instructions=result.instructions,
        busy=dict(zip(PIPES, result.busy, strict=True)),
        l2_bytes=result.l2_bytes,
        dram_bytes=result.dram_bytes,
        up_bytes=result.up_bytes,
        l1_sectors=result.l1_sectors,
        l1_hits=result.l1_hits,
        held=result.held,
        ends=ends,
        stalls=stalls,
    )


def wave(
    ops: ctypes.Array[Op],
    traces: Traces,
    *,
    sms: int,
    resident: int,
    l1_bytes: int,
    l2_bytes: int,
    sampling: int,
    counted_from: int,
) -> Asked:
    """Plays all traces in their order over the L2, `sms * resident` at a time. Counting starts with the trace
    `counted_from`; those before it only fill the L2. Only one line in `sampling` is looked at."""
    kinds = (_Kinds * len(ops))()
    for kind, op in zip(kinds, ops, strict=True):
        kind.space, kind.past_l1 = op.space, op.past_l1
        kind.stores, kind.atomic = op.kind == _STORE, op.kind == _ATOMIC
    counts, warming = (np.zeros((len(ops), len(TRAFFIC)), np.uint64) for _ in range(2))
    state = _Wave(l1_bytes=l1_bytes, l2_bytes=l2_bytes, sms=sms, resident=resident, sampling=sampling)
    ready = replayer().clock_wave(
        kinds,
        counts.ctypes.data_as(ctypes.c_void_p),
        warming.ctypes.data_as(ctypes.c_void_p),
        ctypes.byref(state),
        _pointers(traces, range(len(traces))),
        len(traces),
        counted_from,
    )
    if not ready:
        raise InfrastructureError("no memory to play a wave of blocks")
    return Asked(counts, len(traces) - counted_from)


_STORE, _ATOMIC = 2, 3  # KINDS of pipes.py


def _pointers(traces: Traces, blocks: Sequence[int]) -> ctypes.Array[ctypes.c_void_p]:
    return (ctypes.c_void_p * len(blocks))(*(ctypes.addressof(traces.records[block]) for block in blocks))


@cache
def replayer() -> ctypes.CDLL:
    tune = "-mcpu=native" if platform.machine() == "aarch64" else "-march=native"
    sources = [_HERE / name for name in ("replay.c", "wave.c", "cache.h", "trace.h")]
    path = native("clock.so", sources, ("-O3", tune, "-fPIC", "-shared", "-lm"), {"processor": platform.processor()})
    library = ctypes.CDLL(str(path))
    word, pointer = ctypes.c_uint32, ctypes.c_void_p
    library.clock_replay.argtypes = [pointer, word, pointer, pointer, word, word, pointer, pointer, pointer]
    library.clock_wave.argtypes = [pointer, pointer, pointer, pointer, pointer, word, word]
    return library
