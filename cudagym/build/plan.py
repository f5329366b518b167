"""Reads a recording: turns the worker's records into the steps of a plan.

The bytes come from a process that ran the candidate's code, so nothing in them is believed: what no honest
recording contains is a Violation, and work that the card would refuse is a LaunchFailed.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from enum import IntEnum

from cudagym.build.names import kernel_title
from cudagym.build.program import (
    FIRST_ADDRESS,
    MAX_SLOTS,
    SLOT_BITS,
    Allocate,
    Copy,
    Fill,
    Kernel,
    Launch,
    Module,
    Release,
    Step,
    Upload,
)
from cudagym.errors import LaunchFailed, Violation
from cudagym.hardware import GPU

MAX_LAUNCHES = 1000
MAX_STEPS = 20_000
MAX_UPLOAD_BYTES = 64 << 20


class Operation(IntEnum):
    """What a record says, as `enum operation` in recorder.h. Those from DONE on are the last of a recording."""

    LAUNCH = 1
    FILL = 2
    COPY = 3
    UPLOAD = 4
    ALLOCATE = 5
    RELEASE = 6
    READY = 7
    DONE = 32
    REFUSED = 33
    EARLY = 34
    TOO_MUCH = 35
    NOT_LOADED = 36
    SYSTEM_CALL = 37
    DEVICE_ADDRESS = 38
    CRASHED = 39


def records(channel: bytes) -> Iterator[tuple[int, bytes]]:
    """The records on the channel: operation and payload. Raises Violation when the last one is torn."""
    position = 0
    while position < len(channel):
        if position + 8 > len(channel):
            raise forged("it breaks off")
        operation, size = struct.unpack_from("<II", channel, position)
        position += 8 + size
        if position > len(channel):
            raise forged("it breaks off")
        yield operation, channel[position - size : position]


def forged(why: str) -> Violation:
    """The error for a recording that the worker did not write, or not alone."""
    return Violation(f"The recording of solve was tampered with: {why}.")


class PlanReader:
    """Turns the worker's records into steps and refuses what no honest recording contains."""

    def __init__(self, module: Module, arrays: Mapping[int, tuple[str, int]], gpu: GPU) -> None:
        self.module, self.gpu = module, gpu
        self.buffers = dict(arrays) | {v.slot: (v.name, v.size) for v in module.variables}
        self.next_slot = len(self.buffers)
        self.first_scratch = self.next_slot
        self.launches = self.uploaded = 0
        self.steps: list[Step] = []

    def step(self, operation: int, payload: bytes) -> None:
        """Adds one step. Raises Violation when it is malformed, LaunchFailed when the card would refuse it."""
        if len(self.steps) >= MAX_STEPS:
            raise forged("it has too many steps")
        match operation, len(payload):
            case (Operation.LAUNCH, size) if size >= 56:
                self.steps.append(self._launch(payload))
            case (Operation.FILL, 24):
                address, value, count = struct.unpack("<QQQ", payload)
                self._check("cudaMemset", address, count)
                self.steps.append(Fill(address=address, value=value & 255, count=count))
            case (Operation.COPY, 24):
                target, source, size = struct.unpack("<QQQ", payload)
                self._check("cudaMemcpy", target, size)
                self._check("cudaMemcpy", source, size)
                self.steps.append(Copy(target=target, source=source, size=size))
            case (Operation.UPLOAD, size) if size > 8:
                (target,) = struct.unpack_from("<Q", payload)
                self._check("cudaMemcpy", target, size - 8)
                self.uploaded += size - 8
                if self.uploaded > MAX_UPLOAD_BYTES:
                    raise forged("it uploads too much")
                self.steps.append(Upload(target=target, data=payload[8:]))
            case (Operation.ALLOCATE, 12):
                self._allocate(*struct.unpack("<IQ", payload))
            case (Operation.RELEASE, 4):
                (slot,) = struct.unpack("<I", payload)
                if slot < self.first_scratch or slot not in self.buffers:
                    raise forged(f"it frees slot {slot}")
                del self.buffers[slot]
                self.steps.append(Release(slot=slot))
            case _:
                raise forged(f"it has an operation {operation} of {len(payload)} bytes")

    def _allocate(self, slot: int, size: int) -> None:
        if slot != self.next_slot or slot >= MAX_SLOTS or not 0 < size <= 1 << SLOT_BITS:
            raise forged(f"it allocates {size} bytes in slot {slot}")
        self.next_slot += 1
        self.buffers[slot] = (f"scratch allocation {slot - self.first_scratch}", size)
        self.steps.append(Allocate(slot=slot, size=size))

    def _check(self, what: str, address: int, size: int) -> None:
        """Fill and copy must stay inside of one live buffer."""
        slot, offset = (address - FIRST_ADDRESS) >> SLOT_BITS, address & ((1 << SLOT_BITS) - 1)
        if slot not in self.buffers:
            raise LaunchFailed(f"{what} of {size} bytes uses device memory that was freed or never allocated.")
        name, extent = self.buffers[slot]
        if offset + size > extent:
            raise LaunchFailed(
                f"{what} of {size} bytes at byte {offset} of {name} leaves it: {name} has {extent} bytes."
            )

    def _launch(self, payload: bytes) -> Launch:
        index, *numbers, cooperative = struct.unpack_from("<8I", payload)
        dynamic, opted, resident = struct.unpack_from("<3Q", payload, 32)
        self.launches += 1
        if index >= len(self.module.kernels) or self.launches > MAX_LAUNCHES or cooperative > 1:
            raise forged("it has an impossible launch")
        kernel = self.module.kernels[index]
        arguments = payload[56:]
        if len(arguments) != kernel.parameter_bytes:
            raise forged(f"it launches {kernel.name} with {len(arguments)} bytes of arguments")
        launch = Launch(
            kernel=kernel.name,
            grid=(numbers[0], numbers[1], numbers[2]),
            block=(numbers[3], numbers[4], numbers[5]),
            dynamic_shared_bytes=min(dynamic, 1 << 31),
            arguments=arguments,
            cooperative=bool(cooperative),
        )
        for refusal in _refusals(launch, kernel, self.gpu, opted, resident):
            raise LaunchFailed(f"The launch of {kernel_title(kernel.name)} fails: {refusal}.")
        return launch


def _refusals(launch: Launch, kernel: Kernel, gpu: GPU, opted: int, resident: int) -> Iterator[str]:
    """Why the card would refuse this launch. Limits on dimensions hold for every compute capability since 3.0
    (CUDA C++ Programming Guide 13.0, "Technical Specifications per Compute Capability").
    """
    grid, block = launch.grid, launch.block
    if min(grid) < 1 or min(block) < 1:
        yield f"grid {grid} and block {block} must have at least 1 in every dimension"
    if grid[0] >= 1 << 31 or max(grid[1:]) > 65535:
        yield f"grid {grid} is larger than (2147483647, 65535, 65535)"
    if launch.threads > gpu.max_threads_per_block or block[2] > 64:
        yield f"block {block} has more than {gpu.max_threads_per_block} threads, or more than 64 along z"
    if launch.threads > kernel.max_threads:
        yield f"block {block} has more threads than the {kernel.max_threads} of its __launch_bounds__"
    registers = -(-kernel.registers * 32 // 256) * 256 * -(-launch.threads // 32)
    if registers > gpu.registers_per_sm:
        yield (
            f"{launch.threads} threads with {kernel.registers} registers each need more than the "
            f"{gpu.registers_per_sm} registers of an SM; use fewer threads or __launch_bounds__"
        )
    shared = launch.dynamic_shared_bytes + kernel.static_shared_bytes
    if shared > gpu.shared_bytes_per_block:
        yield f"{shared} bytes of shared memory per block exceed the {gpu.shared_bytes_per_block} of {gpu.title}"
    elif shared > 48 << 10 and launch.dynamic_shared_bytes > opted:
        yield (
            f"{shared} bytes of shared memory per block exceed 49152; opt in with cudaFuncSetAttribute("
            "kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes)"
        )
    if launch.cooperative and launch.blocks > resident:
        yield f"a cooperative grid of {launch.blocks} blocks does not fit: {resident} can be resident at once"
