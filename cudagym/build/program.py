"""Program: all that is needed to run a candidate without its host code.

A `Module` is the device code of one source for one architecture. A `LaunchPlan` is what `solve` did when the
recorder called it for one shape on one device: an ordered list of steps. `Program` puts the two together.
Addresses in a plan are *device addresses* in the layout of `address_of`: slot `i` starts at
`FIRST_ADDRESS + i * SLOT_BYTES`, so an address names its buffer, and the gap behind every buffer is a
guard zone. The candidate's arrays take the first slots in signature order; module variables and scratch follow.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from cudagym.record import Record, Shape

FIRST_ADDRESS = 1 << 44
SLOT_BITS = 34
SLOT_BYTES = 1 << SLOT_BITS
MAX_SLOTS = 1024
"""16 TiB of reserved addresses from 16 TiB up: canonical on x86-64 and aarch64, mapped by no allocator."""

Dim3 = tuple[int, int, int]


def address_of(slot: int) -> int:
    """The device address at which slot `slot` starts."""
    if not 0 <= slot < MAX_SLOTS:
        raise ValueError(f"slot {slot} is outside 0..{MAX_SLOTS - 1}")
    return FIRST_ADDRESS + (slot << SLOT_BITS)


def slot_of(address: int) -> int:
    """The slot that a device address lies in; negative or too large for what is no device address."""
    return (address - FIRST_ADDRESS) >> SLOT_BITS


class KernelParameter(Record):
    """Where one kernel parameter lies in the parameter buffer, in bytes."""

    offset: int
    size: int


class Kernel(Record):
    """One `__global__` function, as the PTX declares it and ptxas built it."""

    name: str
    """The mangled name."""
    parameters: tuple[KernelParameter, ...]
    registers: int
    static_shared_bytes: int
    local_bytes: int
    spill_bytes: int
    """Spill stores plus spill loads, in bytes per thread."""
    max_threads: int = 1024
    """Threads per block the kernel may be launched with (`.maxntid`, else the device's limit)."""

    @property
    def parameter_bytes(self) -> int:
        return max((p.offset + p.size for p in self.parameters), default=0)


class Variable(Record):
    """A `__device__` or `__constant__` variable. Slot numbers follow the candidate's arrays."""

    name: str
    space: Literal["global", "const"]
    size: int
    slot: int


class Module(Record):
    """Device code for one architecture. `ptx` and `cubin` come from the same compiler run."""

    arch: str
    """As nvcc spells it: `sm_90a`."""
    ptx: str
    cubin: bytes
    kernels: tuple[Kernel, ...]
    variables: tuple[Variable, ...] = ()

    def kernel(self, name: str) -> Kernel:
        """Raises KeyError when the module has no such kernel."""
        for kernel in self.kernels:
            if kernel.name == name:
                return kernel
        raise KeyError(name)


class Launch(Record):
    """A kernel launch. `arguments` is the whole parameter buffer, laid out as the PTX declares it."""

    op: Literal["launch"] = "launch"
    kernel: str
    grid: Dim3
    block: Dim3
    dynamic_shared_bytes: int
    arguments: bytes
    cooperative: bool = False

    @property
    def blocks(self) -> int:
        return self.grid[0] * self.grid[1] * self.grid[2]

    @property
    def threads(self) -> int:
        """Threads per block."""
        return self.block[0] * self.block[1] * self.block[2]


class Fill(Record):
    """cudaMemset and its kin: `count` elements of `width` bytes (1, 2 or 4) set to `value`."""

    op: Literal["fill"] = "fill"
    address: int
    value: int
    width: Literal[1, 2, 4] = 1
    count: int


class Copy(Record):
    """A device-to-device copy of `size` bytes."""

    op: Literal["copy"] = "copy"
    target: int
    source: int
    size: int


class Upload(Record):
    """Host bytes copied to the device (or to a module variable's address)."""

    op: Literal["upload"] = "upload"
    target: int
    data: bytes


class Allocate(Record):
    """Scratch memory taken with cudaMalloc or cudaMallocAsync. Its content is undefined."""

    op: Literal["allocate"] = "allocate"
    slot: int
    size: int


class Release(Record):
    """cudaFree of a scratch slot. Touching it afterwards is a fault."""

    op: Literal["release"] = "release"
    slot: int


Step = Annotated[Launch | Fill | Copy | Upload | Allocate | Release, Field(discriminator="op")]


class LaunchPlan(Record):
    """What `solve` asked of the device, in issue order."""

    steps: tuple[Step, ...]

    @property
    def launches(self) -> tuple[Launch, ...]:
        return tuple(step for step in self.steps if isinstance(step, Launch))


class Program(Record):
    """A candidate's device code and its plan for one shape on one device."""

    module: Module
    plan: LaunchPlan
    shape: Shape
    device: str
    """The device's full name, `sim:h100`."""

    @model_validator(mode="after")
    def _plan_fits_module(self) -> Self:
        known = {kernel.name: kernel for kernel in self.module.kernels}
        for launch in self.plan.launches:
            if launch.kernel not in known:
                raise ValueError(f"the plan launches {launch.kernel}, which the module does not define")
            if len(launch.arguments) != known[launch.kernel].parameter_bytes:
                raise ValueError(f"the plan launches {launch.kernel} with a wrongly sized parameter buffer")
        return self
