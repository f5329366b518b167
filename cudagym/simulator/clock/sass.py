"""SASS: what ptxas made of a kernel, instruction by instruction, as nvdisasm writes it (CUDA Binary Utilities 13.0).

The control codes stand in bits 105 to 125 of each 128-bit instruction word (Jia et al., "Dissecting the NVIDIA Volta
GPU Architecture via Microbenchmarking", section 2.1).
"""

from __future__ import annotations

import functools
import re
import subprocess
from dataclasses import dataclass, replace
from operator import itemgetter
from pathlib import Path

from cudagym.build.cache import Store, key_of
from cudagym.build.stages import FILE
from cudagym.build.toolchain import find_toolchain
from cudagym.errors import Disturbed, GraderError, InfrastructureError
from cudagym.sandbox import SYSTEM_FILES, BoxLimits, Reach, private_folder, run_boxed

INSTRUCTION_BYTES = 16
_OUTPUT_BYTES = 256 << 20
_LIMITS = BoxLimits(wall_seconds=60.0, cpu_seconds=30, memory_bytes=4 << 30, file_bytes=1 << 20, open_files=64)
_OPTIONS = ("-c", "-ndf", "-gi", "-hex")
"""Code alone, no data flow analysis (a fifth of the time), source lines with inlining, instruction words."""
_CACHE_VERSION = "1"

_SECTION = re.compile(r"^//-+ \.text\.(\S+) +-+$", re.MULTILINE)
_LINE = re.compile(
    r'^\t//## File "(?P<file>[^"]*)", line (?P<line>\d+)'
    r"|^(?P<label>[^\s:]+):$"
    r"|^ +/\*(?P<address>[0-9a-f]{4,})\*/ +(?:@(?P<guard>!?U?P\w+) +)?(?P<name>[A-Z][\w.]*)(?P<operands>[^;]*);"
    r" +/\* 0x(?P<low>[0-9a-f]{16}) \*/\n +/\* 0x(?P<high>[0-9a-f]{16}) \*/$",
    re.MULTILINE,
)
_TARGET = re.compile(r"`\(([^()]+)\)")


@dataclass(frozen=True, slots=True)
class Instruction:
    """One SASS instruction with its control codes."""

    index: int
    """Its place in the kernel: address / 16."""
    opcode: str
    """`LDG`."""
    modifiers: tuple[str, ...]
    """`("E", "128")`."""
    guard: str | None
    """`!P0`: the predicate that it runs under."""
    operands: tuple[str, ...]
    """As written: `("R4", "[R2.64+0x10]")`, without `.reuse`; a label as "`(.L_x_1)"."""
    target: int | None
    """Index of the instruction that its label names: of a branch, a call, a convergence barrier."""
    stall: int
    """Cycles before the warp may issue its next instruction."""
    yields: bool
    """Whether the scheduler is asked to prefer another warp."""
    write_barrier: int | None
    """Scoreboard, 0 to 5, that falls when its results are written."""
    read_barrier: int | None
    """Scoreboard that falls when its operands have been read."""
    wait_mask: int
    """Scoreboards that it waits for before it issues, one bit each."""
    reuse: int
    """Operands that stay in the reuse cache for the next instruction: bit 0 for source register a, 1 for b, 2 for c."""
    line: int | None
    """Line of the candidate's own source, of the innermost inlined function that lies in it."""

    @property
    def name(self) -> str:
        """`LDG.E.128`."""
        return ".".join((self.opcode, *self.modifiers))

    @property
    def text(self) -> str:
        guard = f"@{self.guard} " if self.guard else ""
        return f"{guard}{self.name} {', '.join(self.operands)}".strip()


@dataclass(frozen=True, eq=False)
class SassKernel:
    """The code of one kernel, or of a function that kernels call through a pointer. Equal to itself alone."""

    name: str
    """The mangled name."""
    arch: str
    """As nvdisasm spells it: `sm_90a`."""
    instructions: tuple[Instruction, ...]
    labels: dict[str, int]
    """Index of the instruction at each label, those of called functions among them."""


def disassemble(cubin: bytes, file: str = FILE) -> dict[str, SassKernel]:
    """The functions of a cubin by their mangled names. `file` names the source that `line` refers to.

    Raises InfrastructureError without nvdisasm, GraderError when it cannot read the cubin.
    """
    return read(listing(cubin), file)


@functools.lru_cache(maxsize=64)
def read(text: str, file: str = FILE) -> dict[str, SassKernel]:
    """The functions in what `nvdisasm -c -gi -hex` wrote."""
    found = re.search(r"^\t\.target\t(\w+)", text, re.MULTILINE)
    arch = found[1] if found else ""
    parts = _SECTION.split(text)[1:]
    return {name: _kernel(name, arch, body, file) for name, body in zip(parts[::2], parts[1::2], strict=True)}


def _kernel(name: str, arch: str, body: str, file: str) -> SassKernel:
    labels: dict[str, int] = {}
    instructions: list[Instruction] = []
    line: int | None = None
    inlining = False  # whether the last thing read was a place: more of them are its callers
    for found in _LINE.finditer(body):
        if found["file"] is not None:
            own = int(found["line"]) if found["file"].rpartition("/")[2] == file else None
            line = line if inlining and line is not None else own
            inlining = True
        elif found["label"] is not None:
            labels[found["label"]] = len(instructions)
        else:
            inlining = False
            instructions.append(_instruction(found, line))
            if instructions[-1].index != len(instructions) - 1:
                raise GraderError(f"nvdisasm left out code of {name} before address {found['address']}")
    resolved = tuple(
        replace(i, target=labels.get(label[1])) if (label := _TARGET.search(" ".join(i.operands))) else i
        for i in instructions
    )
    return SassKernel(name, arch, resolved, labels)


def _instruction(found: re.Match[str], line: int | None) -> Instruction:
    opcode, *modifiers = found["name"].split(".")
    control = int(found["high"], 16) >> 41
    write, read_ = control >> 5 & 7, control >> 8 & 7
    operands = found["operands"].replace(".reuse", "").strip()
    return Instruction(
        index=int(found["address"], 16) // INSTRUCTION_BYTES,
        opcode=opcode,
        modifiers=tuple(modifiers),
        guard=found["guard"],
        operands=tuple(re.split(r"\s*,\s*", operands)) if operands else (),
        target=None,
        stall=control & 15,
        yields=not control >> 4 & 1,
        write_barrier=None if write == 7 else write,
        read_barrier=None if read_ == 7 else read_,
        wait_mask=control >> 11 & 63,
        reuse=control >> 17 & 15,
        line=line,
    )


def listing(cubin: bytes) -> str:
    """nvdisasm's output, kept in the cache. It runs in a box, since the code it reads is a candidate's."""
    program, version = _nvdisasm()
    store = Store("sass")
    key = key_of(_CACHE_VERSION, version, *_OPTIONS, cubin)
    text = store.read(key, itemgetter("text"))
    if text is None:
        with private_folder() as folder:
            (folder / "candidate.cubin").write_bytes(cubin)
            done = run_boxed(
                [program, *_OPTIONS, "candidate.cubin"],
                cwd=folder,
                limits=_LIMITS,
                reach=Reach(files=(*SYSTEM_FILES, program), compiler=True),
                output_bytes=_OUTPUT_BYTES,
            )
        if done.was_killed:
            raise Disturbed("nvdisasm was killed")
        if done.exit_code or done.timed_out or not done.output:
            what = "ran past its limits" if done.timed_out or done.over_cpu else done.output.decode(errors="replace")
            raise GraderError(f"nvdisasm cannot read the cubin: {what[-300:].strip() or 'it says nothing'}")
        text = done.output
        store.put(key, {"text": text})
    return text.decode(errors="replace")


@functools.cache
def _nvdisasm() -> tuple[Path, str]:
    """The disassembler beside nvcc, and its version."""
    program = find_toolchain().root / "bin" / "nvdisasm"
    try:
        done = subprocess.run([program, "--version"], capture_output=True, text=True, check=True, timeout=60)
    except (OSError, subprocess.SubprocessError) as error:
        raise InfrastructureError(
            f"{program} does not run ({error}); install it with pip install 'nvidia-cuda-nvdisasm>=13.2'"
        ) from error
    found = re.search(r"V(\d+\.\d+\.\d+)", done.stdout)
    return program, found[1] if found else done.stdout
