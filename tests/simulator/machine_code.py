"""Kernels built once by the real compiler, and programs made of them by hand."""

from __future__ import annotations

import struct
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cudagym.build.program import (
    Kernel,
    KernelParameter,
    Launch,
    LaunchPlan,
    Module,
    Program,
    Step,
    Variable,
    address_of,
)
from cudagym.build.toolchain import find_toolchain
from cudagym.device import Fault, LaunchRun, Limits, Run
from cudagym.simulator import ptx
from cudagym.simulator.machine import Machine, Memory

KERNELS = Path(__file__).parent / "kernels"
PROGRAMS = Path(__file__).parent / "programs"
VARIABLE_SLOTS = 100
SCRATCH_SLOTS = 300


class Code:
    """A module of kernels, and the simulated GPU that runs them."""

    def __init__(self, text: str, machine: Machine) -> None:
        self.machine = machine
        scanned = ptx.parse(text)
        kernels = tuple(
            Kernel(
                name=entry.name,
                parameters=tuple(KernelParameter(offset=p.offset, size=p.size) for p in entry.parameters),
                registers=32,
                static_shared_bytes=sum(v.size for v in entry.variables if v.space == "shared"),
                local_bytes=0,
                spill_bytes=0,
                max_threads=entry.max_threads,
            )
            for entry in scanned.entries
        )
        variables = tuple(
            Variable(name=v.name, space=v.space, size=v.size, slot=VARIABLE_SLOTS + i)
            for i, v in enumerate(scanned.variables)
        )
        self.module = Module(arch=scanned.target, ptx=text, cubin=b"", kernels=kernels, variables=variables)

    def kernel(self, name: str) -> Kernel:
        """The kernel whose plain or mangled name this is."""
        marked = f"{len(name)}{name}"
        (found,) = [k for k in self.module.kernels if k.name == name or k.name.startswith(f"_Z{marked}")]
        return found

    def variable(self, name: str) -> int:
        """A module variable's device address."""
        (found,) = [v for v in self.module.variables if v.name == name]
        return address_of(found.slot)

    def launch(
        self, name: str, grid: int | Sequence[int], block: int | Sequence[int], *arguments: Any, shared: int = 0
    ) -> Launch:
        """A launch; ints, floats and bytes fill the kernel's parameters in order."""
        kernel = self.kernel(name)
        assert len(arguments) == len(kernel.parameters)
        buffer = bytearray(kernel.parameter_bytes)
        for parameter, value in zip(kernel.parameters, arguments, strict=True):
            if isinstance(value, float):
                data = struct.pack("<f" if parameter.size == 4 else "<d", value)
            elif isinstance(value, bytes):
                data = value.ljust(parameter.size, b"\0")
            else:
                data = int(value).to_bytes(parameter.size, "little", signed=value < 0)
            buffer[parameter.offset : parameter.offset + parameter.size] = data
        return Launch(
            kernel=kernel.name,
            grid=_three(grid),
            block=_three(block),
            dynamic_shared_bytes=shared,
            arguments=bytes(buffer),
        )

    def program(self, *steps: Step) -> Program:
        return Program(module=self.module, plan=LaunchPlan(steps=steps), shape={}, device="sim:h100")

    def execute(self, steps: Sequence[Step], *arrays: NDArray[Any], checked: bool = False, **limits: Any) -> Run:
        """Runs steps on arrays in slots 0, 1, ...; read-only arrays become read-only memory."""
        return self.machine.execute(self.program(*steps), memory_of(*arrays), checked=checked, limits=Limits(**limits))

    def run(
        self,
        name: str,
        grid: int | Sequence[int],
        block: int | Sequence[int],
        *arguments: Any,
        shared: int = 0,
        **limits: Any,
    ) -> LaunchRun:
        """One launch, checked; arrays among the arguments are passed by address. Fails on any fault."""
        run = self.try_run(name, grid, block, *arguments, shared=shared, **limits)
        assert not run.faults, run.faults[0].message
        return run.launches[0]

    def fault(
        self, name: str, grid: int | Sequence[int], block: int | Sequence[int], *arguments: Any, **options: Any
    ) -> Fault:
        """The fault that one checked launch ends with."""
        run = self.try_run(name, grid, block, *arguments, **options)
        assert len(run.faults) == 1, "no fault"
        return run.faults[0]

    def try_run(
        self,
        name: str,
        grid: int | Sequence[int],
        block: int | Sequence[int],
        *arguments: Any,
        shared: int = 0,
        **limits: Any,
    ) -> Run:
        arrays = [a for a in arguments if isinstance(a, np.ndarray)]
        slots = iter(range(len(arrays)))
        values = [address_of(next(slots)) if isinstance(a, np.ndarray) else a for a in arguments]
        checked = limits.pop("checked", True)
        launch = self.launch(name, grid, block, *values, shared=shared)
        return self.execute([launch], *arrays, checked=checked, **limits)


def _three(size: int | Sequence[int]) -> tuple[int, int, int]:
    x, y, z = (*((size,) if isinstance(size, int) else size), 1, 1)[:3]
    return x, y, z


def memory_of(*arrays: NDArray[Any]) -> dict[int, Memory]:
    """Slots 0, 1, ..., named a, b, ..."""
    memory = {}
    for slot, array in enumerate(arrays):
        data = array.view(np.uint8).reshape(-1)
        read_only = not data.flags.writeable
        memory[slot] = Memory(data.copy() if read_only else data, chr(ord("a") + slot), read_only)
    return memory


class Builds:
    """Compiles the files of `kernels/` and `programs/` on demand, each once."""

    def __init__(self, folder: Path, machine: Machine) -> None:
        self.folder, self.machine = folder, machine
        self.known: dict[str, Code] = {}

    def __getitem__(self, name: str) -> Code:
        if name not in self.known:
            (path,) = [path for folder in (KERNELS, PROGRAMS) for path in folder.glob(f"{name}.cu")]
            self.known[name] = Code(self.compile(path.read_text(), name), self.machine)
        return self.known[name]

    def compile(self, source: str, name: str, *flags: str) -> str:
        """PTX of a source."""
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        (folder / "candidate.cu").write_text(source)
        tools = find_toolchain()
        subprocess.run(
            [tools.nvcc, "-ptx", "-w", "-lineinfo", "-arch=sm_90a", *flags, "-o", "candidate.ptx", "candidate.cu"],
            cwd=folder,
            check=True,
        )
        return (folder / "candidate.ptx").read_text()
