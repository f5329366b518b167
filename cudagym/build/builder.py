"""Builder: the door of this room. From a source to a Build, and from a Build and a shape to a Program."""

from __future__ import annotations

import functools
import re
import time
from collections import Counter
from collections.abc import Sequence

from cudagym.build.compiler import Compiled, Unit, Via, compile_units
from cudagym.build.program import Kernel, KernelParameter, Module, Program, Variable
from cudagym.build.recorder import HostFailed, record_plan
from cudagym.build.toolchain import Toolchain, find_toolchain
from cudagym.errors import BuildFailed, Disturbed, GraderError
from cudagym.hardware import GPU
from cudagym.record import Record, Shape
from cudagym.simulator import ptx
from cudagym.specs.spec import KernelSpec

MAX_PTX_BYTES = 4 << 20
"""Many times what large kernels have; reading it takes seconds, in the judge's process."""
MAX_VARIABLES = 900
"""Each has a slot of device memory to itself, of 1024."""


class Build(Record):
    """A source that compiled for one architecture, with its host library, for one spec."""

    arch: str
    arrays: int
    """How many arrays `solve` takes: module variables have the slots after theirs."""
    compiled: Compiled
    source: str
    seconds: float
    """Wall time until the build was there; for one of a group, the group's time divided by its size."""

    @property
    def library(self) -> bytes:
        """The host code, an ELF shared object that leaves the CUDA runtime undefined."""
        return self.compiled.library

    @property
    def log(self) -> str:
        return self.compiled.log

    @functools.cached_property
    def module(self) -> Module:
        """The device code. Raises GraderError when its PTX cannot be read."""
        return device_module(self.compiled, self.arch, self.arrays)


class Builder:
    """Builds and records candidates with one toolchain. May be shared between threads."""

    def __init__(self, toolchain: Toolchain | None = None, jobs: int | None = None, via: Via = "stages") -> None:
        """`jobs` compilers run at a time, one per CPU unless given, each as `via` says.

        Raises InfrastructureError when there is no CUDA compiler.
        """
        self.toolchain = toolchain or find_toolchain()
        self.jobs = jobs
        self.via: Via = via

    def build(self, spec: KernelSpec, source: str, gpu: GPU) -> Build:
        """Compiles one source for `gpu`. Raises BuildFailed with the compiler's message, or Disturbed."""
        result = self.build_many([(spec, source)], gpu)[0]
        if not isinstance(result, Build):
            raise result
        return result

    def build_many(self, items: Sequence[tuple[KernelSpec, str]], gpu: GPU) -> list[Build | BuildFailed | Disturbed]:
        """Compiles a group as one graph that keeps going when one fails. One result per item, in order: Disturbed where
        compilers were killed again and again.
        """
        start = time.perf_counter()
        units = [Unit(source=source, prototype=spec.signature) for spec, source in items]
        results = compile_units(units, gpu.arch, self.toolchain, jobs=self.jobs, via=self.via)
        seconds = (time.perf_counter() - start) / max(1, len(items))
        return [
            result
            if not isinstance(result, Compiled)
            else Build(
                arch=gpu.arch,
                arrays=len(spec.arrays),
                compiled=result,
                source=source,
                seconds=seconds,
            )
            for (spec, source), result in zip(items, results, strict=True)
        ]

    def record(self, build: Build, spec: KernelSpec, shape: Shape, gpu: GPU) -> Program:
        """Calls `solve` for `shape` in a fresh boxed process and returns what it asked of the device.

        Raises Rejected, Violation or LaunchFailed.
        """
        try:
            plan = record_plan(build.library, build.module, spec, shape, gpu, self.toolchain)
        except HostFailed:
            if build.compiled.via == "nvcc":
                raise
            # Unoptimised host code is slower and uses more stack. What nvcc makes of it counts.
            build = Builder(self.toolchain, self.jobs, via="nvcc").build(spec, build.source, gpu)
            plan = record_plan(build.library, build.module, spec, shape, gpu, self.toolchain)
        return Program(module=build.module, plan=plan, shape=shape, device=f"sim:{gpu.name}")


def device_module(compiled: Compiled, arch: str, arrays: int) -> Module:
    """The device code of one compiler run, for a host function of `arrays` arrays.

    Raises GraderError when its PTX cannot be read, BuildFailed when there is too much of it.
    """
    if len(compiled.ptx) > MAX_PTX_BYTES:
        raise BuildFailed(
            f"The device code is {len(compiled.ptx) >> 10} KiB of PTX; at most {MAX_PTX_BYTES >> 10} are accepted:"
            " unroll less, and instantiate fewer templates."
        )
    scanned = ptx.parse(compiled.ptx)
    usage = _usage(compiled.log)
    kernels = []
    for entry in scanned.entries:
        if entry.name not in usage:
            raise GraderError(f"ptxas does not say what {entry.name} uses")
        parameters = tuple(KernelParameter(offset=p.offset, size=p.size) for p in entry.parameters)
        kernels.append(
            Kernel(name=entry.name, parameters=parameters, max_threads=entry.max_threads, **usage[entry.name])
        )
    # Which constants of NVIDIA's libraries are there, unused, differs by how their headers were read.
    times = Counter(_WORD.findall(compiled.ptx)) if scanned.variables else Counter[str]()
    used = [v for v in scanned.variables if times[v.name] > 1 or not _is_of_library(v.name)]
    if len(used) > MAX_VARIABLES:
        raise BuildFailed(
            f"The source has {len(used)} variables in device memory; at most {MAX_VARIABLES} are accepted: use arrays."
        )
    variables = tuple(
        Variable(name=v.name, space="const" if v.space == "const" else "global", size=v.size, slot=slot)
        for slot, v in enumerate(used, start=arrays)
    )
    return Module(arch=arch, ptx=compiled.ptx, cubin=compiled.cubin, kernels=tuple(kernels), variables=variables)


def _is_of_library(name: str) -> bool:
    """Whether this is a mangled name with internal linkage in the namespaces cuda::std, thrust or cub."""
    _, internal, rest = name.partition("_INTERNAL_")
    _, own, rest = rest.partition("_candidate_cu_")
    return bool(internal and own) and any(namespace in rest for namespace in ("4cuda3std", "6thrust", "3cub"))


_WORD = re.compile(r"[\w$%]+")
_FIELDS = {
    "registers": re.compile(r"Used (\d+) registers"),
    "static_shared_bytes": re.compile(r"(\d+) bytes smem"),
    "local_bytes": re.compile(r"(\d+) bytes (?:stack frame|cumulative stack)"),
    "spill_bytes": re.compile(r"(\d+) bytes spill (?:stores|loads)"),
}


def _usage(log: str) -> dict[str, dict[str, int]]:
    """Resources per kernel from `ptxas -v`. Of several reports the largest figure counts: a candidate can print
    lines that look like ptxas's (`#warning`), but that must not make its kernels smaller.
    """
    usage: dict[str, dict[str, int]] = {}
    for report in re.split(r"^ptxas info    : Compiling entry function ", log, flags=re.MULTILINE)[1:]:
        name = report.split("'")[1] if report.startswith("'") else ""
        lines = report.splitlines()
        # A report ends with its "Used" line; device functions that are called and not inlined have their own.
        used = next((number for number, line in enumerate(lines) if "Used " in line), len(lines))
        text = "\n".join(lines[: used + 1])
        seen = usage.setdefault(name, dict.fromkeys(_FIELDS, 0))
        for field, pattern in _FIELDS.items():
            found = [int(number) for number in pattern.findall(text)]
            seen[field] = max(seen[field], sum(found) if field == "spill_bytes" else max(found, default=0))
    return usage
