"""Cases: a published row, and a kernel of ours that does what the row's kernel is described to do.

A module beside this one holds the cases of one kind of kernel and the `.cu` file beside it their sources. Kernels
are launched as the case says; there is no host code. `published.csv` holds the rows: numbers and where they are from.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field

from cudagym.build.builder import device_module
from cudagym.build.compiler import Compiled, Unit, compile_units
from cudagym.build.program import Dim3, Launch, LaunchPlan, Program, address_of
from cudagym.build.toolchain import Toolchain
from cudagym.errors import BuildFailed
from cudagym.hardware import MathMode, gpu
from cudagym.record import Record

HERE = Path(__file__).parent
Contents = Literal["random", "zeros", "iota"]


class Array(Record):
    """Device memory that a case's kernels read or write, one slot each, in the order of the case's `arrays`."""

    bytes: int
    content: Contents = "zeros"
    """`random`: floats (of the dtype below) in [-1, 1), or integers of few values; only small problems are filled.
    `iota`: 0, 1, 2, ..., which are always filled, for arrays of indices."""
    dtype: Literal["f16", "bf16", "f32", "f64", "i8", "i32"] = "f32"


class Address(Record):
    """A kernel argument: the address of `arrays[array]`, `offset` bytes in."""

    array: int
    offset: int = 0


class Call(Record):
    """One launch."""

    kernel: str
    """The name in the source, which declares kernels `extern "C"`."""
    grid: Dim3
    block: Dim3
    arguments: tuple[Address | int | float, ...]
    shared: int = 0
    """Dynamic shared memory in bytes."""


class Case(Record):
    """One row of one table."""

    table: str
    row: str
    """The row's `id` in published.csv."""
    gpu: str
    """Short name in cudagym.hardware."""
    source: str
    """File beside this one."""
    defines: dict[str, str | int] = Field(default_factory=dict)
    """Macros put before the source, for template arguments."""
    arrays: tuple[Array, ...]
    calls: tuple[Call, ...]
    flops: float
    """Operations that the problem needs, a fused multiply-add counted as two."""
    least_bytes: float
    """Each input read once and each output written once."""
    math: MathMode = "fp32"
    warm: bool
    """Whether a launch finds in the L2 what the last one left: a hot loop. Otherwise it was flushed."""
    clock_mhz: float | None = None
    """Of the SMs, where the source says it: ncu locks the base clock. None: the card's boost clock."""


def compile_cases(cases: Sequence[Case], toolchain: Toolchain, jobs: int | None = None) -> list[Program]:
    """The program of each case, for its GPU. Raises BuildFailed where a source does not compile."""
    programs: dict[int, Program] = {}
    by_arch: dict[str, list[int]] = {}
    for index, case in enumerate(cases):
        by_arch.setdefault(gpu(case.gpu).arch, []).append(index)
    for arch, indices in by_arch.items():
        units = [Unit(source=_text(cases[i]), prototype="void solve()") for i in indices]
        for i, compiled in zip(indices, compile_units(units, arch, toolchain, jobs=jobs), strict=True):
            if isinstance(compiled, BuildFailed):
                raise BuildFailed(f"{cases[i].source} for {cases[i].table} {cases[i].row}: {compiled}")
            programs[i] = _program(cases[i], compiled, arch)
    return [programs[i] for i in range(len(cases))]


def _text(case: Case) -> str:
    defines = "".join(f"#define {name} {value}\n" for name, value in case.defines.items())
    return f'{defines}#line 1 "{case.source}"\n{(HERE / case.source).read_text()}\nextern "C" void solve() {{}}\n'


def _program(case: Case, compiled: Compiled, arch: str) -> Program:
    module = device_module(compiled, arch, len(case.arrays))
    steps = []
    for call in case.calls:
        kernel = module.kernel(call.kernel)
        if len(kernel.parameters) != len(call.arguments):
            raise ValueError(f"{call.kernel} takes {len(kernel.parameters)} arguments, {case.table} {case.row} differs")
        buffer = bytearray(kernel.parameter_bytes)
        for parameter, argument in zip(kernel.parameters, call.arguments, strict=True):
            buffer[parameter.offset : parameter.offset + parameter.size] = _packed(argument, parameter.size)
        steps.append(
            Launch(
                kernel=call.kernel,
                grid=call.grid,
                block=call.block,
                dynamic_shared_bytes=call.shared,
                arguments=bytes(buffer),
            )
        )
    return Program(module=module, plan=LaunchPlan(steps=tuple(steps)), shape={}, device=f"sim:{case.gpu}")


def _packed(argument: Address | int | float, size: int) -> bytes:
    match argument:
        case Address(array=array, offset=offset):
            return (address_of(array) + offset).to_bytes(8, "little")
        case int():
            return argument.to_bytes(size, "little", signed=argument < 0)
        case float():
            return struct.pack({2: "<e", 4: "<f", 8: "<d"}[size], argument)
