"""Replay: one program on one card, from its module and its memory to its steps on the stream.

The machine code is the judge's own, of the compiler run that it made. The driver compiles nothing here: what is no
cubin is refused before it is asked, and CUDA_DISABLE_PTX_JIT stands in the executor's environment.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cudagym.build.names import kernel_title
from cudagym.build.program import (
    Allocate,
    Copy,
    Fill,
    Launch,
    Program,
    Release,
    Step,
    Upload,
    address_of,
)
from cudagym.cuda.context import Context, Hung
from cudagym.cuda.driver import FAULTS, REFUSALS, DriverError
from cudagym.cuda.memory import GUARD, Places, Region
from cudagym.device import Buffer, Fault, LaunchRun, Limits
from cudagym.errors import GraderError, LaunchFailed

POISON = 0xFF
"""Fills scratch memory before each run: as a float it is NaN, so that depending on it shows."""
_ALIGNMENT = 256
"""Of staged uploads, as of what cudaMalloc gives."""

Contents = Sequence[NDArray[np.uint8]]
"""What the host holds for each buffer, in their order."""


class Replay:
    """A program on a card. Its memory is mapped, and holds nothing that means anything until `fill`.

    Raises LaunchFailed for more scratch memory than is allowed, DriverError for all that the driver does not do.
    """

    def __init__(
        self, context: Context, program: Program, buffers: Sequence[Buffer], limits: Limits, hang_seconds: float
    ) -> None:
        """`hang_seconds`: how long the card may take for one thing that is waited for."""
        if not program.module.cubin.startswith(b"\x7fELF"):
            raise GraderError("the module has no machine code: the driver would have to compile it")
        self.context, self.driver, self.program, self.buffers = context, context.driver, program, buffers
        self.steps, self.limits = program.plan.steps, limits
        self._end, self._hang_seconds = time.monotonic() + limits.wall_seconds, hang_seconds
        self.places = Places()
        self.arrays = {buffer.slot: self._place(buffer.slot, buffer.size) for buffer in buffers}
        self.scratch: dict[int, Region] = {}
        self.module = self.driver("cuModuleLoadData", program.module.cubin)
        self.variables = self._find_variables()
        self._functions = {name: self._function(name) for name in {launch.kernel for launch in program.plan.launches}}
        self._uploads = [step for step in self.steps if isinstance(step, Upload)]
        sizes = [_rounded(len(step.data)) for step in self._uploads]
        self.staging = context.memory.map(sum(sizes))
        starts = accumulate(sizes, initial=self.staging.address)
        self._staged_at = {id(step): start for step, start in zip(self._uploads, starts, strict=False)}
        self.staged = np.zeros(0, np.uint8)

    @property
    def deadline(self) -> float:
        """When the card must be done with what it has been brought by now (time.monotonic)."""
        return min(self._end, time.monotonic() + self._hang_seconds)

    def allocate(self) -> None:
        """Map all the scratch memory that the plan ever has. What it frees stays mapped."""
        for step in self.steps:
            if isinstance(step, Allocate):
                self._allocate(step)

    def fill(self, contents: Contents) -> None:
        """Put the buffers' contents, uploads and guards where they belong. The card must be idle."""
        for buffer, data in zip(self.buffers, contents, strict=True):
            if buffer.holds_input or self.context.memory.poisons:
                self.context.memory.write(self.arrays[buffer.slot].address, data)
        self._stage()
        for region in (*self.arrays.values(), *self.scratch.values()):
            self._guard(region)
        self.context.wait(self.deadline)

    def run(self) -> tuple[Fault, ...]:
        """Every step, each waited for, so that a fault has its launch. Afterwards the context may be lost."""
        for step in self.steps:
            try:
                if isinstance(step, Allocate):
                    self._guard(self._allocate(step))
                elif isinstance(step, Release):
                    self._release(step)
                else:
                    self.enqueue(step)
                self.context.wait(self.deadline)
            except (Hung, DriverError) as error:
                return (fault_of(error, _title(step)),)
        return ()

    def enqueue(self, step: Step) -> None:
        """Put one step on the stream, or into the graph that is being captured. Scratch memory is there already."""
        driver, stream, place = self.driver, self.context.stream, self.places.address
        match step:
            case Launch():
                self._launch(step)
            case Fill(address=address, value=value, width=width, count=count):
                driver(f"cuMemsetD{8 * width}Async", place(address), value & (1 << 8 * width) - 1, count, stream)
            case Copy(target=target, source=source, size=size):
                driver("cuMemcpyDtoDAsync", place(target), place(source), size, stream)
            case Upload(target=target, data=data):
                # From device memory: the host's memory and the bus are not what is to be timed.
                driver("cuMemcpyDtoDAsync", place(target), self._staged_at[id(step)], len(data), stream)

    def trespasses(self, contents: Contents) -> tuple[Fault, ...]:
        """What was changed that no step may change: inputs, and the bytes behind buffers. The card must be idle."""
        kernel = ", ".join(dict.fromkeys(kernel_title(launch.kernel) for launch in self.program.plan.launches))
        for buffer, data in zip(self.buffers, contents, strict=True):
            if buffer.read_only and (changed := first_change(self.context, self.arrays[buffer.slot], data)) is not None:
                text = f"input modified: byte {changed} of {buffer.name}, which is read-only, was written by {kernel}"
                return (Fault(kind="input_modified", kernel=kernel, message=text, buffer=buffer.name),)
        names = {buffer.slot: buffer.name for buffer in self.buffers}
        for slot, region in (self.arrays | self.scratch).items():
            rest = region.model_copy(
                update={"address": region.address + region.size, "size": region.mapped - region.size}
            )
            changed = first_change(self.context, rest, np.full(rest.size, GUARD, np.uint8))
            if changed is not None:
                name = names.get(slot, "scratch memory")
                text = f"out of bounds: byte {region.size + changed} of {name}, which has {region.size}, was written"
                return (Fault(kind="out_of_bounds", kernel=kernel, message=f"{text} by {kernel}", buffer=name),)
        return ()

    def launch_runs(self) -> tuple[LaunchRun, ...]:
        """That every block of every launch ran; a card does not count what else happened."""
        return tuple(
            LaunchRun(kernel=launch.kernel, blocks=launch.blocks, complete=True, instructions=0, global_accesses=0)
            for launch in self.program.plan.launches
        )

    def occupancy(self, launch: Launch) -> tuple[float, float]:
        """Resident warps over the most that an SM holds, and how many times the card must be filled for the grid."""
        driver, device = self.driver, self.context.device
        name, function = "cuOccupancyMaxActiveBlocksPerMultiprocessor", self._functions[launch.kernel]
        lanes, most, sms = (
            driver.attribute(device, of)
            for of in ("WARP_SIZE", "MAX_THREADS_PER_MULTIPROCESSOR", "MULTIPROCESSOR_COUNT")
        )
        fitting = max(1, driver(name, function, launch.threads, launch.dynamic_shared_bytes))
        blocks = min(fitting, -(-launch.blocks // sms))
        return blocks * -(-launch.threads // lanes) * lanes / most, launch.blocks / (blocks * sms)

    def close(self) -> None:
        """Give back module and memory. Only in a sound context."""
        self.driver("cuModuleUnload", self.module)
        self.context.memory.clear()

    def poison(self) -> None:
        """Make scratch memory worthless."""
        for region in self.scratch.values():
            self.driver("cuMemsetD8Async", region.address, POISON, region.size, self.context.stream)

    def _place(self, slot: int, size: int) -> Region:
        region = self.context.memory.map(size, at=address_of(slot))
        self.places.put(slot, region.address, size)
        return region

    def _allocate(self, step: Allocate) -> Region:
        size = sum(region.size for region in self.scratch.values()) + step.size
        if size > self.limits.scratch_bytes:
            raise LaunchFailed(
                f"cudaMalloc of {step.size} bytes: together with what is allocated already that exceeds the "
                f"{self.limits.scratch_bytes >> 20} MiB of scratch memory allowed"
            )
        region = self.scratch[step.slot] = self._place(step.slot, step.size)
        if self.context.memory.poisons:
            self.driver("cuMemsetD8Async", region.address, POISON, region.size, self.context.stream)
        return region

    def _release(self, step: Release) -> None:
        if region := self.scratch.pop(step.slot, None):
            self.places.drop(step.slot)
            self.context.memory.unmap(region)

    def _guard(self, region: Region) -> None:
        if rest := region.mapped - region.size:
            self.driver("cuMemsetD8Async", region.address + region.size, GUARD, rest, self.context.stream)

    def _stage(self) -> None:
        data = b"".join(
            self.places.in_words(step.data, step.target).ljust(_rounded(len(step.data)), b"\0")
            for step in self._uploads
        )
        self.staged = np.frombuffer(data, np.uint8)
        self.context.memory.write(self.staging.address, self.staged)

    def _find_variables(self) -> Mapping[str, tuple[int, int]]:
        """Address and size of the module's variables. One that nothing uses may be missing from the machine code."""
        found = {}
        for variable in self.program.module.variables:
            try:
                address, size = self.driver("cuModuleGetGlobal", self.module, variable.name.encode())
            except DriverError as error:
                if error.name != "CUDA_ERROR_NOT_FOUND":
                    raise
                continue
            found[variable.name] = int(address), int(size)
            self.places.put(variable.slot, int(address), int(size))
        return found

    def _function(self, name: str) -> Any:
        function = self.driver("cuModuleGetFunction", self.module, name.encode())
        dynamic = max(step.dynamic_shared_bytes for step in self.program.plan.launches if step.kernel == name)
        if dynamic:
            attribute = self.driver.api.CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
            try:
                self.driver("cuFuncSetAttribute", function, attribute, dynamic)
            except DriverError as error:
                raise _refused(name, error) from None
        return function

    def _launch(self, launch: Launch) -> None:
        api = self.driver.api
        kernel = self.program.module.kernel(launch.kernel)
        data = self.places.in_arguments(launch.arguments, kernel.parameters)
        held = ctypes.create_string_buffer(data, max(len(data), 1))
        base = ctypes.addressof(held)
        pointers = (ctypes.c_void_p * max(len(kernel.parameters), 1))(*(base + p.offset for p in kernel.parameters))
        config = api.CUlaunchConfig()
        config.gridDimX, config.gridDimY, config.gridDimZ = launch.grid
        config.blockDimX, config.blockDimY, config.blockDimZ = launch.block
        config.sharedMemBytes, config.hStream = launch.dynamic_shared_bytes, self.context.stream
        if launch.cooperative:
            attribute = api.CUlaunchAttribute()
            attribute.id = api.CUlaunchAttributeID.CU_LAUNCH_ATTRIBUTE_COOPERATIVE
            attribute.value.cooperative = 1
            config.attrs, config.numAttrs = [attribute], 1
        try:
            self.driver("cuLaunchKernelEx", config, self._functions[launch.kernel], ctypes.addressof(pointers), 0)
        except DriverError as error:
            if error.name in REFUSALS or error.name == "CUDA_ERROR_OUT_OF_MEMORY":
                raise _refused(launch.kernel, error) from None
            raise


def fault_of(error: Hung | DriverError, kernel: str) -> Fault:
    """What a candidate's kernel did. Raises InfrastructureError for an error that is none of its doing."""
    if isinstance(error, Hung):
        text = f"timed out: {kernel} did not end; it was killed with its process"
        return Fault(kind="timed_out", kernel=kernel, message=text)
    if not error.is_fault:
        raise error.as_infrastructure() from None
    kind, text = FAULTS[error.name]
    title = {"timed_out": "timed out", "out_of_bounds": "out of bounds"}.get(kind, kind)
    hint = "the simulated GPU says where" if kind != "timed_out" else "launch less work"
    return Fault(kind=kind, kernel=kernel, message=f"{title}: {text}, in {kernel} ({error.name}); {hint}")


def first_change(context: Context, region: Region, wanted: NDArray[np.uint8]) -> int | None:
    """The first byte of a region that is not what was wanted."""
    found = np.empty(region.size, np.uint8)
    context.memory.read(region.address, found)
    return None if np.array_equal(found, wanted) else int(np.argmax(found != wanted))


def _refused(kernel: str, error: DriverError) -> LaunchFailed:
    return LaunchFailed(f"The launch of {kernel_title(kernel)} fails: the driver answers {error.name}, {error.text}.")


def _title(step: Step) -> str:
    return kernel_title(step.kernel) if isinstance(step, Launch) else step.op


def _rounded(size: int) -> int:
    return -(-size // _ALIGNMENT) * _ALIGNMENT
