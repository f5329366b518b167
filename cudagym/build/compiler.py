"""Compiles candidates: each alone in a box and a private folder, a group of them as one ninja graph.

One run per source makes the PTX, the cubin and the host library, so the three belong together. It calls nvcc's stages
(`stages.py`) or, where they do not get through, nvcc, which is the definition of what compiles and what is said about
a source that does not. What comes out, a refusal included, is kept in the cache under everything it depends on.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
from collections.abc import Sequence
from contextlib import suppress
from math import ceil
from pathlib import Path
from typing import Literal

import ninja

from cudagym.build.cache import Store, key_of
from cudagym.build.stages import FILE, STAGES_DONE, Stages, identity, stages_of
from cudagym.build.toolchain import Toolchain
from cudagym.errors import BuildFailed, CandidateError, Disturbed, GraderError, InfrastructureError
from cudagym.record import Record
from cudagym.sandbox import BoxLimits, box_command, hand_over, private_folder, read_report, run_boxed

MAX_SOURCE_BYTES = 256 << 10
SCRIPT = "stages.sh"
_FILE_MIB = 32
LIMITS = BoxLimits(wall_seconds=60.0, cpu_seconds=20, memory_bytes=4 << 30, file_bytes=_FILE_MIB << 20, open_files=256)
_LOG_BYTES = 1 << 20
_MESSAGE_CHARACTERS = 6000
_CACHE_VERSION = "4"
Via = Literal["stages", "nvcc"]
"""How to compile: nvcc's stages, with nvcc where they fail, or nvcc alone."""
_TRIES = 3
_ROOM_BYTES = 64 << 20
"""What a compiler may need for its files."""
_TROUBLE = re.compile(r"No space left on device|unsupported GNU version|cannot execute")
"""What a compiler says when the machine is at fault, or a candidate that wants it to look so."""
_KILLED = re.compile(
    r"^(?:\S*g(?:cc|\+\+)\S*: fatal error: Killed signal terminated program"
    r"|nvcc error +: '[^']*' died due to signal 9|collect2: fatal error: \S+ terminated with signal 9)",
    re.MULTILINE,
)
"""What drivers say when something killed the compiler that they had started."""
_KILLED_CODE = 128 + signal.SIGKILL
"""How shells, and nvcc at times, end then."""
_HEADERS = {"__half": "cuda_fp16.h", "__nv_bfloat16": "cuda_bf16.h", "__nv_fp8": "cuda_fp8.h"}
"""By the types that a prototype may name."""


class Unit(Record):
    """One source to compile, and the C prototype of the function that it must define."""

    source: str
    prototype: str


class Compiled(Record):
    """What one run made. `library` is the host code as a shared object, without a CUDA runtime."""

    ptx: str
    cubin: bytes
    library: bytes
    log: str
    """The compiler's messages, with ptxas's resource usage."""
    via: Via
    """What made it in the end."""


def compile_units(
    units: Sequence[Unit], arch: str, toolchain: Toolchain, *, jobs: int | None = None, via: Via = "stages"
) -> list[Compiled | BuildFailed | Disturbed]:
    """Compiles every unit for `arch` (as nvcc spells it: `sm_90a`), at most `jobs` at a time.

    One result per unit, in order; a source that does not build does not stop the others, and equal units are
    built once. Those whose compilers were killed are tried again. Raises InfrastructureError or GraderError when a
    compiler cannot do its work at all.
    """
    flags, jobs = _flags(arch), jobs or len(os.sched_getaffinity(0))
    maker = identity() if via == "stages" else "nvcc"
    store = Store("builds")
    results: dict[str, Compiled | BuildFailed | Disturbed] = {}
    missing: dict[str, Unit] = {}
    keys = []
    for unit in units:
        key = key_of(_CACHE_VERSION, maker, toolchain.version, *flags, unit.prototype, unit.source)
        keys.append(key)
        if key in results or key in missing:
            continue
        if refusal := unfit(unit.source, unit.prototype):
            results[key] = BuildFailed(refusal)
        elif (kept := store.read(key, _from_files)) is not None:
            results[key] = kept
        else:
            missing[key] = unit
    for _ in range(_TRIES):
        if not missing:
            break
        with private_folder() as folder:
            with suppress(Disturbed):  # what did not run left no report
                _run_graph(list(missing.values()), flags, toolchain, folder, jobs, via)
            _require_room(folder)
            for index, (key, unit) in enumerate(missing.items()):
                try:
                    result, lasting = _collect(unit, folder / str(index), toolchain)
                except Disturbed as error:
                    results[key] = error
                    continue
                results[key] = result
                if lasting:
                    store.put(key, _to_files(result))
        missing = {key: unit for key, unit in missing.items() if _is_doubtful(results[key])}
    if any(isinstance(results[key], BuildFailed) for key in missing):
        _require_working(flags, toolchain)
    return [results[key] for key in keys]


def _is_doubtful(result: Compiled | BuildFailed | Disturbed) -> bool:
    return isinstance(result, Disturbed) or (isinstance(result, BuildFailed) and bool(_TROUBLE.search(str(result))))


def _require_room(folder: Path) -> None:
    """Raises InfrastructureError when the disk is so full that what came of compilers is not to be believed."""
    if (free := shutil.disk_usage(folder).free) < _ROOM_BYTES:
        raise InfrastructureError(
            f"only {free >> 20} MiB are free in {folder.parent}, too few to compile: free some space or set TMPDIR"
        )


def _require_working(flags: list[str], toolchain: Toolchain) -> None:
    """Raises InfrastructureError when not even a trivial source compiles."""
    trivial = Unit(source='extern "C" void solve() {}', prototype="void solve()")
    with suppress(Disturbed), private_folder() as folder:
        _run_graph([trivial], flags, toolchain, folder, 1, "nvcc")
        _require_room(folder)
        result, _ = _collect(trivial, folder / "0", toolchain)
        if isinstance(result, BuildFailed):
            raise InfrastructureError(f"nvcc does not work on this machine:\n{result}")


def _flags(arch: str) -> list[str]:
    """nvcc's options. Naming the real architecture through -gencode avoids the second PTX,
    and a third of the time, that -arch=sm_90a costs."""
    code = f"arch={arch.replace('sm_', 'compute_')},code={arch}"
    host = "-fPIC,-fmax-errors=20,-fmax-include-depth=64"
    # A helper that has the name of one of libc's functions stays the candidate's own.
    linker = "--require-defined=solve,-Bsymbolic"
    return shlex.split(
        f"-gencode {code} -O3 -std=c++17 --expt-relaxed-constexpr -lineinfo -Xptxas -v "
        "-shared -cudart none --keep "
        f"-Xcompiler {host} -Xlinker {linker} -include prototype.h -o candidate.so {FILE}"
    )


def unfit(source: str, prototype: str) -> str | None:
    """Why this text is not worth a compiler run, in a sentence; None when it may be compiled."""
    asked = f'Send one CUDA C++ source file that defines extern "C" {prototype}.'
    if not source.strip():
        return f"The source is empty. {asked}"
    try:
        size = len(source.encode())
    except UnicodeEncodeError as error:
        return f"The source is not valid Unicode text (a lone surrogate at character {error.start}). {asked}"
    if size > MAX_SOURCE_BYTES:
        return f"The source has {size} bytes; at most {MAX_SOURCE_BYTES} are accepted. {asked}"
    if odd := re.search(r"[\x00-\x08\x0e-\x1f\x7f\ufffd]", source):
        line = source.count("\n", 0, odd.start()) + 1
        return f"The source is not plain text: line {line} has the character {odd[0]!a}. {asked}"
    return None


def _run_graph(
    units: Sequence[Unit], flags: list[str], toolchain: Toolchain, folder: Path, jobs: int, via: Via
) -> None:
    """Lays out a folder per unit and has ninja run one box in each, which leaves a report and a log."""
    stages = stages_of(toolchain, tuple(flags)) if via == "stages" else None
    nvcc = [str(toolchain.nvcc), "-ccbin", str(toolchain.cxx), *flags]
    lines = ["ninja_required_version = 1.5", "rule box"]
    lines += ["  command = cd $out && TMPDIR=$$PWD exec $boxed >log 2>&1 3>report"]
    reach = toolchain.reach
    if stages:
        (folder / SCRIPT).write_text(stages.script)
        reach = reach.model_copy(update={"files": (*reach.files, folder / SCRIPT)})
    for index, unit in enumerate(units):
        private = folder / str(index)
        private.mkdir(mode=0o700)
        prepared = _lay_out(unit, private, stages)
        hand_over(private)
        command = ["/bin/sh", str(folder / SCRIPT)] if prepared else nvcc
        boxed = shlex.join(box_command(command, LIMITS, reach=reach, report_fd=3)).replace("$", "$$")
        lines += [f"build {index}: box always", f"  boxed = {boxed}"]
    lines += ["build always: phony", ""]
    (folder / "build.ninja").write_text("\n".join(lines))
    wall = LIMITS.wall_seconds * ceil(len(units) / jobs) + 30
    graph = [Path(ninja.BIN_DIR) / "ninja", "-k", "0", "-j", jobs]
    done = run_boxed([str(word) for word in graph], cwd=folder, limits=BoxLimits(wall_seconds=wall))
    if done.was_killed:
        raise Disturbed("ninja was killed")
    if done.exit_code and b"FAILED: " not in done.output:
        raise GraderError(f"ninja ran no compiler: {done.output.decode(errors='replace')[-2000:]}")


def _lay_out(unit: Unit, folder: Path, stages: Stages | None) -> bool:
    """Writes the unit's files. Whether `stages` may try it; if not, it is nvcc's."""
    headers = [f"#include <{name}>\n" for word, name in _HEADERS.items() if word in unit.prototype]
    prototype = f'{"".join(headers)}extern "C" {unit.prototype};\n'
    (folder / "prototype.h").write_text(prototype)
    if stages and stages.prepare(unit.source, prototype, folder):
        return True
    (folder / FILE).write_bytes(unit.source.encode())
    return False


def _collect(unit: Unit, folder: Path, toolchain: Toolchain) -> tuple[Compiled | BuildFailed, bool]:
    """What came of one unit, and whether it would come out the same again. Raises Disturbed."""
    report = read_report((folder / "report").read_bytes() if (folder / "report").exists() else b"")
    with (folder / "log").open("rb") as file:
        said = file.read(_LOG_BYTES + 1)
    log = _clean(said.decode(errors="replace"), folder, toolchain)
    if report.out_of_memory:
        return BuildFailed(f"The compiler needed more than {(LIMITS.memory_bytes or 0) >> 30} GiB of memory."), True
    if report.was_killed or report.exit_code == _KILLED_CODE or (report.exit_code and _KILLED.search(log)):
        raise Disturbed("the compiler was killed: perhaps this machine has too little memory")
    if report.timed_out and report.cpu_seconds < LIMITS.wall_seconds / 4:
        raise Disturbed(f"the compiler got {report.cpu_seconds:.0f} s of CPU time in {LIMITS.wall_seconds:.0f} s")
    if report.timed_out:
        return BuildFailed(f"The compiler ran past its {LIMITS.wall_seconds:.0f} s limit."), False
    if report.exit_code == 0 and len(said) > _LOG_BYTES:
        return BuildFailed(f"The compiler's warnings are longer than {_LOG_BYTES >> 20} MiB."), True
    if report.exit_code == 0:
        ptx = _without_paths((folder / "candidate.ptx").read_bytes().decode(errors="replace"), folder, toolchain)
        cubin = next(folder.glob("*.cubin")).read_bytes()
        library = (folder / "candidate.so").read_bytes()
        via: Via = "stages" if (folder / STAGES_DONE).exists() else "nvcc"
        return Compiled(ptx=ptx, cubin=cubin, library=library, log=log, via=via), True
    if "signal 24" in log or "CPU time limit exceeded" in log or report.over_cpu:
        return BuildFailed(f"The compiler ran past its {LIMITS.cpu_seconds} s limit of CPU time."), True
    if "signal 25" in log or "File size limit exceeded" in log:
        return BuildFailed(f"The compiler's output is larger than {_FILE_MIB} MiB."), True
    return BuildFailed(_message(log, unit)), not _TROUBLE.search(log)


def _without_paths(text: str, folder: Path, toolchain: Toolchain) -> str:
    """Compiler output, the same in whatever folder and on whatever machine it was made."""
    text = text.replace(f"{folder}/", "").replace(str(folder), ".")
    return text.replace(f"{toolchain.root}/bin/..//", "<cuda>/").replace(str(toolchain.root), "<cuda>")


def _clean(log: str, folder: Path, toolchain: Toolchain) -> str:
    """The log with private paths removed and locations in the form `candidate.cu:12:`."""
    log = _without_paths(log, folder, toolchain)
    log = re.sub(rf"^{re.escape(FILE)}\((\d+)\):", rf"{FILE}:\1:", log, flags=re.MULTILINE)
    # nvcc quotes lines after the preprocessor; undo its spelling of CUDA's keywords, and drop carets that then
    # point elsewhere.
    log, count = re.subn(r"__attribute__\(\((\w+)(\([^()]*\))?\)\)", r"__\1__\2", log)
    if not count:
        return log
    lines = log.split("\n")  # one by one: a pattern across long lines of underscores would take forever
    return "\n".join(
        line
        for before, line in zip(["", *lines], lines, strict=False)
        if not (re.fullmatch(r" +\^", line) and re.search(r"__\w+__", before))
    )


def _message(log: str, unit: Unit) -> str:
    """What the author needs of a failed build's log."""
    wanted = f'extern "C" {unit.prototype};'
    if "required symbol" in log and "solve" in log:
        return f"The source does not define the function that is called, or defines it with other types:\n{wanted}"
    noise = re.compile(r"ptxas info|    \d+ bytes stack frame|# --error|make: |collect2: ")
    text = "\n".join(line for line in log.splitlines() if not noise.match(line)).strip()
    if not text:
        return "The compiler failed without a message: it probably ran out of its 4 GiB of memory."
    if len(text) > _MESSAGE_CHARACTERS:
        kept = text[:_MESSAGE_CHARACTERS].rpartition("\n")[0] or text[:_MESSAGE_CHARACTERS]
        text = f"{kept}\n... and {text.count(chr(10)) - kept.count(chr(10))} more lines"
    if '"C" linkage' in text or "prototype.h" in text:
        text += f"\nThe function to define is:\n{wanted}"
    return text


def _to_files(result: Compiled | BuildFailed) -> dict[str, bytes]:
    if isinstance(result, CandidateError):
        return {"failure": str(result).encode()}
    return {
        "candidate.ptx": result.ptx.encode(),
        "candidate.cubin": result.cubin,
        "candidate.so": result.library,
        "log": result.log.encode(),
        "via": result.via.encode(),
    }


def _from_files(files: dict[str, bytes]) -> Compiled | BuildFailed:
    if "failure" in files:
        return BuildFailed(files["failure"].decode())
    return Compiled(
        ptx=files["candidate.ptx"].decode(),
        cubin=files["candidate.cubin"],
        library=files["candidate.so"],
        log=files["log"].decode(),
        via="stages" if files["via"] == b"stages" else "nvcc",
    )
