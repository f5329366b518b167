"""Peaks that a card reaches, beside those of its datasheet: a copy, multiplications and additions, a matrix product.

They are programs like any other, timed as any other is, once per card and driver, and kept in the cache folder.
"""

from __future__ import annotations

import json
import struct
from contextlib import ExitStack
from functools import lru_cache
from pathlib import Path

from cudagym.build.builder import device_module
from cudagym.build.cache import Store, key_of
from cudagym.build.compiler import Unit, compile_units
from cudagym.build.program import Copy, Launch, LaunchPlan, Module, Program, address_of
from cudagym.build.toolchain import find_toolchain
from cudagym.cuda.gpu import CudaGPU
from cudagym.device import Buffer, MeasuredTime
from cudagym.errors import GraderError
from cudagym.hardware import GPU
from cudagym.memory import SharedMemory
from cudagym.record import Record

_SOURCE = Path(__file__).with_name("peaks.cu")
_CHAINS, _THREADS = 8, 256
FMA_FLOPS = 2 * _CHAINS
"""Of a thread, per round."""
MMA_FLOPS = 2 * 16 * 8 * 16 * _CHAINS
"""Of a warp, per round."""
_BLOCKS_PER_SM = 8


class Peaks(Record):
    """What a card reached. Clocks rise and fall with its temperature, so by a few percent these do too."""

    copy_gb_s: float
    """Of a copy within its memory, bytes read and bytes written together, in 1e9 per second."""
    fp32_tflops: float
    """Of fused multiply-adds, each counted as two, in 1e12 per second."""
    fp16_tflops: float | None = None
    """Of products of fp16 matrices, added in fp32, by mma.sync. Hopper's wgmma and Blackwell's tcgen05 reach more.
    None on cards older than Ampere."""


class Effort(Record):
    """How much is copied and computed for one measurement."""

    copy_bytes: int = 1 << 30
    rounds: int = 4096


def peaks(device: CudaGPU, effort: Effort | None = None) -> Peaks:
    """What the card reaches, from the cache when it is there. Raises GraderError when the programs fail."""
    store = Store("peaks", max_bytes=1 << 20)
    effort = effort or Effort()
    key = key_of(device.card.model_dump_json(), effort.model_dump_json(), _SOURCE.read_text())
    found = store.read(key, lambda files: Peaks.model_validate_json(files["peaks.json"]))
    if found is None:
        found = _measured(device, effort)
        store.put(key, {"peaks.json": json.dumps(found.model_dump()).encode()})
    return found


@lru_cache(maxsize=4)
def module(arch: str) -> Module:
    """The kernels' device code."""
    unit = Unit(source=_SOURCE.read_text(), prototype="void solve()")
    (compiled,) = compile_units([unit], arch, find_toolchain())
    if isinstance(compiled, Exception):
        raise GraderError(f"{_SOURCE.name} does not compile for {arch}: {compiled}")
    return device_module(compiled, arch, arrays=1)


def _measured(device: CudaGPU, effort: Effort) -> Peaks:
    gpu = device.gpu
    size = min(effort.copy_bytes, gpu.dram_bytes // 8)
    copy = Copy(target=address_of(1), source=address_of(0), size=size)
    blocks = gpu.sms * _BLOCKS_PER_SM
    threads = blocks * _THREADS
    copied = _seconds(
        device, Program(module=module(gpu.arch), plan=LaunchPlan(steps=(copy,)), shape={}, device=""), size
    )
    fma = _seconds(device, computing(gpu, "fma_fp32", effort.rounds), 256)
    mma = None
    if gpu.tensor_per_sm("fp16") and float(gpu.sm.capability) >= 8:
        mma = (
            threads // 32 * effort.rounds * MMA_FLOPS / _seconds(device, computing(gpu, "mma_fp16", effort.rounds), 256)
        )
    return Peaks(
        copy_gb_s=2 * size / copied / 1e9,
        fp32_tflops=threads * effort.rounds * FMA_FLOPS / fma / 1e12,
        fp16_tflops=None if mma is None else mma / 1e12,
    )


def computing(gpu: GPU, kernel: str, rounds: int) -> Program:
    """A program that launches one of the kernels, with blocks for every SM."""
    launch = Launch(
        kernel=kernel,
        grid=(gpu.sms * _BLOCKS_PER_SM, 1, 1),
        block=(_THREADS, 1, 1),
        dynamic_shared_bytes=0,
        arguments=struct.pack("<Qi", address_of(0), rounds),
    )
    return Program(module=module(gpu.arch), plan=LaunchPlan(steps=(launch,)), shape={}, device="")


def _seconds(device: CudaGPU, program: Program, size: int) -> float:
    """The median time of a program over two arrays of `size` bytes."""
    with ExitStack() as stack:
        memory = [stack.enter_context(SharedMemory(f"peak{slot}", size)) for slot in range(2)]
        buffers = [
            Buffer(name=each.name, slot=slot, fd=each.fd, size=size, read_only=False, holds_input=True)
            for slot, each in enumerate(memory)
        ]
        run, time = device.time(program, buffers, seed=0)
    if not isinstance(time, MeasuredTime):
        raise GraderError(f"a peak of {device.gpu.title} could not be measured: {run.faults[0].message}")
    return time.time_us / 1e6
