"""Native code: the C runtime, built once per machine, and kernels compiled by LLVM, both kept on disk.

Entries are keyed by everything they depend on: the text they are made from, this package's sources, the compiler and
the processor. The cache verifies checksums, so a damaged entry is compiled again.
"""

from __future__ import annotations

import ctypes
import hashlib
import platform
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import NamedTuple

import llvmlite
import llvmlite.binding as llvm

from cudagym.build.cache import key_of
from cudagym.build.native import native
from cudagym.errors import GraderError
from cudagym.simulator.lower import Lowered
from cudagym.simulator.objects import Compiled, Objects

_HERE = Path(__file__).parent
_C_SOURCES = ("barriers.c", "heap.c", "math.c", "matrix.c", "memory.c", "parallel.c", "schedule.c", "watch.c")
_WITHOUT_EFFECT = ("enclosure.c", "enclosure.py", "executor.py", "faults.py", "gpu.py", "machine.py")
"""Modules beside this one that compiled code does not depend on."""
_LAYOUT = (
    "pc", "live", "barred", "synced", "prefer", "fuel", "steps", "since", "counts", "tid", "ctaid", "shape", "params",
    "local", "index", "barrier_value", "reach", "shared", "shared_reach", "together", "accesses", "registers",
)  # fmt: skip
"""In the order of cg_layout in schedule.c."""
_CODE_LEVEL = 1
"""Of LLVM's code generator. Higher levels take longer and gain nothing measurable here."""


class FaultRecord(ctypes.Structure):
    """struct Fault of runtime.h."""

    _fields_ = [
        *((name, ctypes.c_int32) for name in ("kind", "site", "space", "write", "lane", "warp", "width")),
        *((name, ctypes.c_int32) for name in ("other_site", "other_thread")),
        *((name, ctypes.c_uint32) for name in ("block", "other_block")),
        ("address", ctypes.c_uint64),
    ]


TALLY = (
    "blocks", "warps", "global_load_sectors", "global_store_sectors", "global_load_lines", "global_store_lines",
    "unique_load_sectors", "unique_store_sectors", "unique_atomic_sectors", "shared_wavefronts", "atomic_sectors",
    "atomic_conflicts", "dependent_steps",
)  # fmt: skip
"""The counters of struct Tally, by their names in cudagym.device.Counters."""


class TallyRecord(ctypes.Structure):
    """struct Tally of runtime.h."""

    _fields_ = [(name, ctypes.c_uint64) for name in TALLY]


class Runtime(NamedTuple):
    """The loaded C library and the offsets of its records."""

    library: ctypes.CDLL
    path: Path
    layout: dict[str, int]
    word_bytes: int
    """Of the record about 4 bytes of global memory, struct GlobalWord."""


@cache
def host_key() -> str:
    """What compiled code depends on besides its source: processor, LLVM, and this package's own sources."""
    digest = hashlib.sha256()
    for path in sorted(path for suffix in ("c", "h", "py") for path in _HERE.rglob(f"*.{suffix}")):
        if path.name not in _WITHOUT_EFFECT and path.parent.name != "clock":
            digest.update(path.read_bytes())
    features = llvm.get_host_cpu_features().flatten()
    return key_of(digest.hexdigest(), platform.machine(), llvm.get_host_cpu_name(), features, llvmlite.__version__)


@cache
def runtime() -> Runtime:
    """The C runtime, compiled when the cache has none. Raises InfrastructureError without a C compiler."""
    sources = [_HERE / name for name in (*_C_SOURCES, "banks.h", "runtime.h")]
    path = native("runtime.so", sources, _flags(), extra={"processor": host_key()})
    library = ctypes.CDLL(str(path))
    pointer, word, wide = ctypes.c_void_p, ctypes.c_uint32, ctypes.c_uint64
    library.cg_new.restype = pointer
    library.cg_start.argtypes = [pointer, wide, ctypes.c_double, word, word, wide]
    library.cg_start.restype = None
    library.cg_grant.argtypes, library.cg_grant.restype = [pointer, wide], None
    library.cg_set_slot.argtypes = [pointer, word, pointer, wide, pointer, pointer, wide]
    library.cg_alter.argtypes = [pointer, word, word, word]
    library.cg_alter.restype = None
    library.cg_set_slot.restype = None
    library.cg_begin.argtypes = [pointer, pointer, pointer, wide, wide, wide, *[pointer] * 4]
    library.cg_run.argtypes = [pointer, pointer, wide, pointer, wide, pointer, wide, word, ctypes.c_int]
    library.cg_run_parallel.argtypes = [pointer, wide, word, wide]
    library.cg_end.argtypes = [pointer]
    library.cg_end.restype = None
    library.cg_fault.argtypes = [pointer]
    library.cg_tally.argtypes = [pointer, ctypes.c_int]
    library.cg_fault.restype = ctypes.POINTER(FaultRecord)
    library.cg_tally.restype = ctypes.POINTER(TallyRecord)
    library.cg_unwritten.argtypes = [pointer, ctypes.POINTER(ctypes.POINTER(FaultRecord))]
    library.cg_steps.argtypes, library.cg_steps.restype = [pointer], wide
    offsets = (wide * len(_LAYOUT)).in_dll(library, "cg_layout")
    word_bytes = wide.in_dll(library, "cg_word_bytes").value
    return Runtime(library, path, dict(zip(_LAYOUT, offsets, strict=True)), word_bytes)


def _flags() -> tuple[str, ...]:
    tune = "-mcpu=native" if platform.machine() == "aarch64" else "-march=native"
    return ("-O3", tune, "-ffp-contract=off", "-fPIC", "-shared", "-pthread", "-lm")


_objects = Objects()


def keep_objects_in(objects: Objects) -> None:
    """Has this process keep what it compiles elsewhere, because it may open no file."""
    global _objects
    _objects = objects


class NativeKernel:
    """A compiled kernel in memory. Its code lives as long as this object."""

    def __init__(self, compiled: Compiled) -> None:
        self.register_bytes = compiled.register_bytes
        self._engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), _target_machine())
        self._engine.add_object_file(llvm.object_file.ObjectFileRef.from_data(compiled.code))
        self._engine.finalize_object()
        self.address = self._engine.get_function_address("kernel")
        if not self.address:
            raise GraderError("a compiled kernel has no code")


def native_kernel(key: str, lower: Callable[[], Lowered]) -> NativeKernel:
    """The kernel that the cache holds under `key`, else what `lower` says, compiled and kept."""
    initialise()
    full_key = key_of(key, host_key())
    compiled = _objects.get(full_key)
    if compiled is None:
        lowered = lower()
        try:
            module = llvm.parse_assembly(lowered.ir)
        except RuntimeError as error:
            what = " ".join(str(error).split())[:150]
            raise GraderError(f"the kernel's PTX has types that do not fit together: {what}") from error
        compiled = Compiled(_target_machine().emit_object(module), lowered.register_bytes)
        _objects.put(full_key, compiled)
    return NativeKernel(compiled)


@cache
def initialise() -> None:
    """Makes the runtime's functions known to the linker of compiled code. Afterwards no file is needed."""
    host_key()
    _host()
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    llvm.load_library_permanently(str(runtime().path))


@cache
def _host() -> tuple[str, str]:
    """This processor and its features, which LLVM reads from a file on some machines."""
    return llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()


def _target_machine() -> llvm.TargetMachine:
    cpu, features = _host()
    return llvm.Target.from_default_triple().create_target_machine(
        cpu=cpu,
        features=features,
        opt=_CODE_LEVEL,
        reloc="static",
        codemodel="jitdefault",
        jit=True,
    )
