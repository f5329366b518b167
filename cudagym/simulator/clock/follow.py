"""Follow: executes the machine code of a sample of a launch's blocks, and says what each of their warps did.

It reads the program's memory and never writes it: what the code stores goes to copies that end with the Traces. The
product of matrix instructions counts as zero, as addresses and branches do not depend on it.
"""

from __future__ import annotations

import ctypes
import functools
import platform
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cudagym.build.names import kernel_title
from cudagym.build.native import native
from cudagym.build.program import FIRST_ADDRESS, MAX_SLOTS, SLOT_BITS, Launch, Variable, address_of
from cudagym.errors import InfrastructureError
from cudagym.simulator.clock.decode import POOL, Decoded, Unfollowable, decode
from cudagym.simulator.clock.image import Image
from cudagym.simulator.clock.sass import SassKernel
from cudagym.simulator.clock.trace import Trace
from cudagym.simulator.emit import GRID_WORKSPACE_SLOT

_HERE = Path(__file__).parent
_SOURCES = ("follow.c", "follow.h", "sass_integer.c", "sass_float.c", "sass_memory.c", "trace.h", "../banks.h")
_SHARED_RESERVED = 1024
"""Bytes at the start of a block's shared memory that the system has from compute capability 8.0 on."""
_STACK_SLACK = 1024
_BANKS = 8
"""As in struct Follower."""
SHARED_WINDOW_HIGH, LOCAL_WINDOW_HIGH = 0x100, 0x200
"""Upper words of generic addresses of shared and local memory, as in sass_memory.c."""
_WARP = 32
Words = NDArray[np.uint32]


class FollowLimits(NamedTuple):
    """When to stop."""

    block_instructions: int = 50_000_000
    """Warp instructions of one block, after which its trace is cut off."""
    instructions: int = 500_000_000
    """Warp instructions of all blocks, after which every trace is cut off."""
    seconds: float = 30.0


class _Launch(ctypes.Structure):
    """struct Launch of follow.h."""

    _fields_ = [
        ("block", ctypes.c_uint32 * 3),
        ("grid", ctypes.c_uint32 * 3),
        *((name, ctypes.c_uint32) for name in ("shared_bytes", "local_bytes", "sms", "warps")),
        *((name, ctypes.c_uint64) for name in ("block_limit", "total_limit")),
        ("seconds", ctypes.c_double),
        *((name, ctypes.c_uint64) for name in ("first_address", "slot_bits")),
    ]


RUN = np.dtype([("start", np.uint32), ("length", np.uint32)])
ACCESS = np.dtype(
    [
        ("first", np.uint32),
        *((name, np.uint16) for name in ("lines", "wavefronts", "contention")),
        *((name, np.uint8) for name in ("lanes", "bytes")),
    ]
)


class WarpTrace(NamedTuple):
    """What one warp did."""

    runs: NDArray[Any]
    accesses: NDArray[Any]
    lines: NDArray[np.uint64]
    """Of the whole block; `first` of an access counts from its start."""
    instructions: int


class Traces:
    """The traces of followed blocks, in the order asked for. They and their memory go with this object."""

    def __init__(self, library: ctypes.CDLL, handle: int, count: int, keep: object) -> None:
        self._library, self._handle, self._keep = library, handle, keep
        self.records = ctypes.cast(library.follow_traces(handle), ctypes.POINTER(Trace * count)).contents
        """`count` of struct Trace: `ctypes.addressof` is what replay.c takes."""

    def __del__(self) -> None:
        self._library.follow_free(self._handle)

    def __len__(self) -> int:
        return len(self.records)

    @property
    def whole(self) -> bool:
        """Whether every block ran to its end."""
        return all(record.whole for record in self.records)

    @property
    def instructions(self) -> int:
        """Issued warp instructions of all blocks."""
        return sum(record.warp[n].instructions for record in self.records for n in range(record.warps))

    def warps(self, trace: int) -> Iterator[WarpTrace]:
        """The warps of trace number `trace`."""
        record = self.records[trace]
        warps = [record.warp[n] for n in range(record.warps)]
        accesses = _array(record.accesses, ACCESS, sum(w.accesses for w in warps))
        runs = _array(record.runs, RUN, sum(w.runs for w in warps))
        last = int((accesses["first"].astype(np.int64) + accesses["lines"]).max(initial=0))
        lines = _array(record.lines, np.dtype(np.uint64), last)
        for w in warps:
            yield WarpTrace(
                runs[w.first_run : w.first_run + w.runs],
                accesses[w.first_access : w.first_access + w.accesses],
                lines,
                w.instructions,
            )

    def memory(self, slot: int, size: int) -> NDArray[np.uint8]:
        """What a slot of `size` bytes would hold after the followed blocks."""
        out = np.empty(size, np.uint8)
        self._library.follow_read(self._handle, slot, out.ctypes.data)
        return out


def _array(address: int, dtype: np.dtype[Any], count: int) -> NDArray[Any]:
    if not count:
        return np.empty(0, dtype)
    raw = (ctypes.c_char * (count * dtype.itemsize)).from_address(address)
    data: NDArray[Any] = np.frombuffer(bytes(raw), dtype)
    return data


def follow(
    kernel: SassKernel,
    image: Image,
    launch: Launch,
    blocks: Sequence[int],
    memory: Mapping[int, NDArray[np.uint8]],
    variables: Sequence[Variable] = (),
    *,
    limits: FollowLimits | None = None,
    sms: int = 1,
) -> Traces:
    """Follows `blocks` (linear indices) of a launch of `kernel`, whose cubin `image` describes.

    `memory` holds the bytes of every slot as they are before the launch; they must not move while the Traces live.
    Blocks see what those before them stored. Raises Unfollowable for an unknown instruction, a wrong address, or
    blocks that wait for what never comes.
    """
    library, operations = follower()
    limits = limits or FollowLimits()
    decoded = decode(kernel, operations)
    banks = _banks(kernel, image, launch, memory, variables)
    record = _Launch(
        block=launch.block,
        grid=launch.grid,
        shared_bytes=image.shared_bytes.get(kernel.name, 0) + launch.dynamic_shared_bytes + _SHARED_RESERVED,
        local_bytes=_local_bytes(kernel, image),
        sms=sms,
        warps=-(-launch.threads // _WARP),
        block_limit=limits.block_instructions,
        total_limit=limits.instructions,
        seconds=limits.seconds,
        first_address=FIRST_ADDRESS,
        slot_bits=SLOT_BITS,
    )
    pool = _pool(kernel, decoded, banks)
    handle = library.follow_new(
        ctypes.byref(record), decoded.codes, decoded.length, pool.ctypes.data, min(pool.size, 65536 - POOL)
    )
    if not handle:
        raise InfrastructureError("no memory to follow a launch")
    buffers = {number: np.frombuffer(data, np.uint8) for number, data in banks.items()}
    for number, data in buffers.items():
        if number < _BANKS:
            library.follow_bank(handle, number, data.ctypes.data, data.size)
    for slot, data in memory.items():
        if 0 <= slot < MAX_SLOTS and data.size:
            library.follow_slot(handle, slot, data.ctypes.data, data.size)
    ids = np.array(blocks, np.uint32)
    outcome = library.follow_run(handle, ids.ctypes.data, ids.size)
    if outcome:
        at, address = ctypes.c_uint32(), ctypes.c_uint64()
        library.follow_fault(handle, ctypes.byref(at), ctypes.byref(address))
        library.follow_free(handle)
        raise _refusal(kernel, outcome, at.value, address.value)
    return Traces(library, handle, ids.size, (buffers, memory))


def _refusal(kernel: SassKernel, outcome: int, at: int, address: int) -> Exception:
    """The exception for an outcome of enum Fault."""
    if outcome == 4:
        return InfrastructureError("no memory to follow a launch")
    instruction = kernel.instructions[min(at, len(kernel.instructions) - 1)]
    what = {
        1: f"uses address {address:#x}, which is not there or not aligned",
        2: f"goes to {address:#x}, where {kernel_title(kernel.name)} has no code",
        3: "waits for what the followed blocks never do",
    }.get(outcome, "stops the kernel")
    where = f" at line {instruction.line}" if instruction.line else ""
    return Unfollowable(f"the clock cannot follow {kernel_title(kernel.name)}: `{instruction.text}`{where} {what}")


def _local_bytes(kernel: SassKernel, image: Image) -> int:
    uses = any(i.opcode in ("LDL", "STL", "LD", "ST", "CALL") for i in kernel.instructions)
    return -(-image.stack_bytes.get(kernel.name, 0) // 16) * 16 + _STACK_SLACK if uses else 0


def _banks(
    kernel: SassKernel,
    image: Image,
    launch: Launch,
    memory: Mapping[int, NDArray[np.uint8]],
    variables: Sequence[Variable],
) -> dict[int, bytes]:
    """The constant banks as the launch finds them."""
    banks = {
        number: bytearray(data) for name in ("", kernel.name) for number, data in image.banks.get(name, {}).items()
    }
    slots = {variable.name: variable.slot for variable in variables}
    for symbol in image.constants:
        if symbol.name in slots and slots[symbol.name] in memory and 3 in banks:
            banks[3][symbol.value : symbol.value + symbol.size] = memory[slots[symbol.name]][: symbol.size].tobytes()
    for bank, offset, name in image.relocations:
        value = int.from_bytes(banks[bank][offset : offset + 8], "little")
        value += address_of(slots[name]) if name in slots else image.functions.get(name, 0)
        banks[bank][offset : offset + 8] = (value & (1 << 64) - 1).to_bytes(8, "little")
    first = image.parameters.get(kernel.name, 0)
    system = banks.setdefault(0, bytearray())
    if len(system) < first + len(launch.arguments):
        system += bytes(first + len(launch.arguments) - len(system))
    system[first : first + len(launch.arguments)] = launch.arguments
    for offset, value in _system_words(kernel.arch, image, kernel, launch):
        system[offset : offset + 4] = value.to_bytes(4, "little")
    return {number: bytes(data) for number, data in banks.items()}


def _system_words(arch: str, image: Image, kernel: SassKernel, launch: Launch) -> Iterator[tuple[int, int]]:
    """What the driver puts into bank 0 below the parameters: offsets and words."""
    capability = int("".join(c for c in arch if c.isdigit()))
    stack = _local_bytes(kernel, image)
    workspace = address_of(GRID_WORKSPACE_SLOT) if launch.cooperative else 0
    if capability >= 100:
        block, grid, top = 0x360, 0x370, 0x37C
    else:
        block, grid, top = 0x0, 0xC, 0x28
        high, low = (0x44, 0x48) if capability >= 90 else (0x8C, 0x90)
        yield from ((0x1C, SHARED_WINDOW_HIGH), (0x24, LOCAL_WINDOW_HIGH))
        yield from ((high, workspace >> 32), (low, workspace & 0xFFFFFFFF))
    for axis in range(3):
        yield block + 4 * axis, launch.block[axis]
        yield grid + 4 * axis, launch.grid[axis]
    yield top, stack


def _pool(kernel: SassKernel, decoded: Decoded, banks: Mapping[int, bytes]) -> Words:
    values = np.zeros(len(decoded.pool) + 1, np.uint32)
    if len(decoded.pool) > 65536 - POOL:
        raise Unfollowable(f"the clock cannot follow {kernel_title(kernel.name)}: it has too many constants")
    for k, (bank, value) in enumerate(decoded.pool):
        if bank is None:
            values[k] = value
        else:
            values[k] = int.from_bytes(banks.get(bank, b"")[value : value + 4], "little")
    return values


@functools.cache
def follower() -> tuple[ctypes.CDLL, tuple[str, ...]]:
    """The C library and the names of its operations."""
    tune = "-mcpu=native" if platform.machine() == "aarch64" else "-march=native"
    flags = ("-O3", tune, "-ffp-contract=off", "-fPIC", "-shared", "-lm")
    path = native("follow.so", [_HERE / name for name in _SOURCES], flags, extra={"processor": _processor()})
    library = ctypes.CDLL(str(path))
    pointer, word, wide = ctypes.c_void_p, ctypes.c_uint32, ctypes.c_uint64
    library.follow_operation.argtypes, library.follow_operation.restype = [word], ctypes.c_char_p
    library.follow_new.argtypes, library.follow_new.restype = [pointer, pointer, word, pointer, word], pointer
    library.follow_bank.argtypes, library.follow_bank.restype = [pointer, word, pointer, word], None
    library.follow_slot.argtypes, library.follow_slot.restype = [pointer, word, pointer, wide], None
    library.follow_run.argtypes, library.follow_run.restype = [pointer, pointer, word], word
    library.follow_fault.argtypes, library.follow_fault.restype = [pointer, pointer, pointer], None
    library.follow_traces.argtypes, library.follow_traces.restype = [pointer], pointer
    library.follow_read.argtypes, library.follow_read.restype = [pointer, word, pointer], None
    library.follow_free.argtypes, library.follow_free.restype = [pointer], None
    names: list[str] = []
    while name := library.follow_operation(len(names)):
        names.append(name.decode())
    return library, tuple(names)


def _processor() -> str:
    """What `-march=native` means here."""
    import llvmlite.binding as llvm

    return f"{llvm.get_host_cpu_name()} {llvm.get_host_cpu_features().flatten()}"
