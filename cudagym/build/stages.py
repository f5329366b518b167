"""nvcc's own stages, called directly on pared headers: the fast way from a source to PTX, cubin and host library.

nvcc is a driver. It preprocesses twice, for the host and for the device, splits off the host code and lowers
launches with cudafe++, compiles the device code with cicc and ptxas, and the host code with g++. Here the same
programs run with the arguments that nvcc itself prints, with these differences:

- They read, instead of whole headers, the declarations that the source can name (`headers.py`).
- Host code is compiled at -O0 and without warnings, is linked against the C library only (the recorder brings the
  others), and carries no copy of the device code, which nothing reads.
- Independent stages run side by side. For that the identity of the module, which becomes part of the names of kernels
  with internal linkage, is fixed instead of being derived from a path.

Whatever does not go through here, a wrong source included, is left to nvcc in the same box: its word counts.
"""

from __future__ import annotations

import functools
import re
import shlex
import signal
import threading
from collections.abc import Sequence
from pathlib import Path

from cudagym.build.cache import Store, key_of
from cudagym.build.declarations import words
from cudagym.build.headers import Headers
from cudagym.build.toolchain import Toolchain
from cudagym.errors import Disturbed, GraderError
from cudagym.sandbox import BoxLimits, private_folder, run_boxed
from cudagym.source import without_comments

FILE = "candidate.cu"
"""The name is the same for all, because it becomes part of the names of kernels in anonymous namespaces."""
STAGES_DONE = "stages_done"
"""A file of this name in a unit's folder says that nvcc was not needed."""

_SIDES = {"host": "candidate.cpp4.ii", "device": "candidate.cpp1.ii"}
"""The two preprocessed texts, under the names that nvcc gives them."""
_MAX_TEXT_BYTES = 12 << 20
_MAX_INCLUDES = 32
_QUICK_BYTES = 4 << 20
"""Larger sets of headers (cooperative groups, CUB) take seconds to parse: not before a process meets them again."""
_MAX_HEADERS = 12
"""How many sets of headers a process keeps in memory."""
_LIMITS = BoxLimits(wall_seconds=60.0, cpu_seconds=30, memory_bytes=4 << 30, file_bytes=64 << 20, open_files=256)
_TOKEN = re.compile(
    r"\s+|//[^\n]*|/\*(?:[^*]|\*(?!/))*\*/"
    r"|#[ \t]*include[ \t]*<(?P<name>[\w.+/-]+)>(?=[ \t\r]*(?:\n|//|/\*|\Z))",
    re.ASCII,
)
_LATER = re.compile(
    r"(?:#|%:|\?\?=)\s*(?:include|import|embed|/\*|\\)|has_include|has_embed|incbin|\.include|__COUNTER__"
    r"|diagnostic\s+error"
)
"""What looks at other files, counts, or makes errors of warnings about host code, which the stages do not ask for."""
_BINDING = re.compile(r"\bauto\b[\s&]*\[")
_HIDDEN = re.compile(r"##|%:%:|\\[uU]|\w\\[ \t\r]*\n\w")
"""Spellings of names that `words` does not see: pasted ones, universal character names, spliced lines."""
_DECLARED = re.compile(
    r"\b(?:float|double|int|long|short|char|unsigned|bool|void|auto)\s+(\w+)\s*\(|\b(\w+)\s*\([^()]*\)\s*\{"
)
"""The names of functions that are declared with a built-in type, or defined."""
_MODULE = "_00000000_12_candidate_cu_solve"
_NO_DEVICE_CODE = "static const unsigned long long __fatDeviceText[4] = {0};\n"
"""Stands in for the fatbinary, which the recorder does not read."""


class Stages:
    """The stages for one architecture and one set of nvcc options."""

    def __init__(self, toolchain: Toolchain, flags: Sequence[str]) -> None:
        """`flags` are nvcc's, without the compilers' paths. Raises GraderError when nvcc lists no stages."""
        self._toolchain = toolchain
        self._flags = tuple(flags)
        self._commands, self._libdevice = _listed(toolchain, self._flags)
        self._headers: dict[tuple[str, ...], dict[str, Headers] | None] = {}
        self._met: set[tuple[str, ...]] = set()
        self._lock = threading.Lock()
        crt = toolchain.include / "crt"
        self._host_names = words((crt / "host_runtime.h").read_text(errors="replace"))
        # In nvcc's way, the stub that registers kernels defines CUDA's mathematical functions for the host.
        functions = (crt / "math_functions.hpp").read_text(errors="replace")
        self._defined_by_stub = words(" ".join(re.findall(r"(\w+) ?\(", functions)))

    def prepare(self, source: str, prototype: str, folder: Path) -> bool:
        """Writes what the script needs into a unit's folder; False when nvcc has to compile this source.

        `prototype` is the text of the header with the prototype of `solve`.
        """
        found, asked = leading_includes(source), leading_includes(prototype)
        if found is None or asked is None:
            return False
        includes, rest = found
        text = without_comments(rest)
        declared = {name for pair in _DECLARED.findall(text) for name in pair}
        names = words(text)
        if _HIDDEN.search(text) or declared & self._defined_by_stub or "solve" not in names:
            return False
        names |= words(prototype)
        headers = self._headers_of(tuple(dict.fromkeys([*asked[0], *includes])))
        if headers is None or any(names & headers[side].pasting for side in _SIDES):
            return False
        if _BINDING.search(text):  # looks these up unasked, and does something else where they are not
            names |= {"tuple_size", "tuple_element", "get"}
        for side, file in _SIDES.items():
            extra = self._host_names if side == "host" else set()
            (folder / file).write_text(headers[side].pare(names | extra), encoding="utf-8")
            (folder / f"{side}.macros").write_text(headers[side].macros, encoding="utf-8")
        (folder / FILE).write_bytes(rest.encode())
        (folder / "original.cu").write_bytes(source.encode())
        (folder / "candidate.module_id").write_text(_MODULE)
        (folder / "candidate.fatbin.c").write_text(_NO_DEVICE_CODE)
        return True

    @functools.cached_property
    def script(self) -> str:
        """A shell script that runs the stages in the folder it is started in, and nvcc when one of them fails."""
        run = {name: shlex.join(command) for name, command in self._commands.items()}
        nvcc = shlex.join([str(self._toolchain.nvcc), "-ccbin", str(self._toolchain.cxx), *self._flags])
        return f"""export NVVMIR_LIBRARY_DIR={shlex.quote(self._libdevice)}
host() {{ {run["host"]} >> {_SIDES["host"]} && {run["cudafe++"]}; }}
device() {{ {run["device"]} >> {_SIDES["device"]} && {run["cicc"]}; }}
library() {{ {run["compile"]} && {run["link"]}; }}
stages() {{
  host & other=$!
  device || {{ status=$?; wait $other; return $status; }}
  wait $other || return $?
  library & other=$!
  {run["ptxas"]} > ptxas.log 2>&1 || {{ status=$?; wait $other; return $status; }}
  wait $other
}}
stages > stages.log 2>&1
status=$?
case $status in
  0) : > {STAGES_DONE}; exec cat stages.log ptxas.log ;;
  {128 + signal.SIGXCPU}) echo "CPU time limit exceeded"; exit 1 ;;
esac
mv -f original.cu {FILE}
for file in *; do case $file in {FILE}|prototype.h|log|report) ;; *) rm -f "$file" ;; esac; done
exec {nvcc}
"""

    def _headers_of(self, includes: tuple[str, ...]) -> dict[str, Headers] | None:
        """The headers `includes`, after cuda_runtime.h, for both sides. None when they are left to nvcc."""
        with self._lock:
            if includes in self._headers:
                self._headers[includes] = self._headers.pop(includes)  # to the end: the first goes when there are many
                return self._headers[includes]
            try:
                self._headers[includes] = self._load(includes)
            except (_NotNow, Disturbed):
                return None
            if len(self._headers) > _MAX_HEADERS:
                del self._headers[next(iter(self._headers))]
            return self._headers[includes]

    def _load(self, includes: tuple[str, ...]) -> dict[str, Headers] | None:
        store = Store("headers")
        key = key_of(identity(), self._toolchain.version, str(self._toolchain.root), *self._flags, "--", *includes)
        found = store.read(key, _headers)
        if found is None and (files := self._parse(includes)):
            store.put(key, files)
            found = _headers(files)
        return found

    def _parse(self, includes: tuple[str, ...]) -> dict[str, bytes]:
        """The parsed headers of both sides as files for the cache; none when they do not preprocess or split.

        Raises _NotNow when they are large and met for the first time, or when the compiler was killed. That something
        fails here is not kept: it may be due to the machine.
        """
        lines = []
        for side in _SIDES:
            command = [word for word in self._commands[side] if word != FILE]
            plain = shlex.join(_without(command, "-imacros", "-include"))
            lines += [f"{plain} -include cuda_runtime.h headers.cu > {side}.ii || exit 1"]
            lines += [f"{plain} -dM -include cuda_runtime.h headers.cu > {side}.all || exit 1"]
            lines += [f"{plain} -dM empty.cu > {side}.base || exit 1"]
        with private_folder() as folder:
            (folder / "empty.cu").touch()
            (folder / "headers.cu").write_text("".join(f"#include <{name}>\n" for name in includes))
            done = run_boxed(
                ["/bin/sh", "-c", "\n".join(lines)], cwd=folder, limits=_LIMITS, reach=self._toolchain.reach
            )
            if done.exit_code is None:
                raise _NotNow
            if done.exit_code:
                return {}
            size = max((folder / f"{side}.ii").stat().st_size for side in _SIDES)
            if size > _MAX_TEXT_BYTES:
                return {}
            if size > _QUICK_BYTES and includes not in self._met:
                self._met.add(includes)
                raise _NotNow
            texts = {file.name: file.read_text(encoding="utf-8", errors="replace") for file in folder.iterdir()}
        try:
            parsed = {
                side: Headers.parse(texts[f"{side}.ii"], _difference(texts[f"{side}.all"], texts[f"{side}.base"]))
                for side in _SIDES
            }
        except ValueError:
            return {}
        return {side: headers.to_json() for side, headers in parsed.items()}


def _headers(files: dict[str, bytes]) -> dict[str, Headers]:
    return {side: Headers.from_json(files[side]) for side in _SIDES}


class _NotNow(Exception):
    """These headers are left to nvcc this time."""


@functools.cache
def identity() -> str:
    """What tells versions of the stages apart, for the keys of what they made."""
    files = ("stages.py", "headers.py", "declarations.py")
    return key_of(*(Path(__file__).with_name(name).read_bytes() for name in files))


@functools.lru_cache(maxsize=8)
def stages_of(toolchain: Toolchain, flags: tuple[str, ...]) -> Stages:
    """The stages for these flags, shared by all who ask."""
    return Stages(toolchain, flags)


def leading_includes(source: str) -> tuple[tuple[str, ...], str] | None:
    """The headers that a source includes as `<...>` before anything but comments, and the source without those lines.

    Lines keep their numbers. None when it may include more later, or names files by paths.
    """
    names: list[str] = []
    head: list[str] = []
    end = 0
    while token := _TOKEN.match(source, end):
        end = token.end()
        head.append("" if token["name"] else token[0])
        names += [token["name"]] if token["name"] else []
    rest = source[end:]
    odd = any(re.search(r"^/|//|(?:^|/)\.{1,2}(?:/|$)", name) for name in names)
    if odd or len(names) > _MAX_INCLUDES or "\\" in "".join(head) or _LATER.search(rest):
        return None
    return tuple(dict.fromkeys(names)), "".join(head) + rest


def _difference(after: str, before: str) -> str:
    """The directives that lead from the macros `before`, which the compiler defines, to those `after` the headers."""
    old, new = set(before.splitlines()), set(after.splitlines())
    gone = [f"#undef {line.split()[1].partition('(')[0]}" for line in sorted(old - new)]
    return "\n".join([*gone, *sorted(new - old), ""])


def _without(command: Sequence[str], *options: str) -> list[str]:
    """The command without these options and their arguments."""
    kept: list[str] = []
    skip = False
    for word in command:
        if not skip and word not in options:
            kept.append(word)
        skip = word in options and not skip
    return kept


def _listed(toolchain: Toolchain, flags: Sequence[str]) -> tuple[dict[str, list[str]], str]:
    """The stages that nvcc lists for `flags`, by name and as changed for use here, and libdevice's folder."""
    with private_folder() as folder:
        (folder / FILE).touch()
        dry: list[str | Path] = [toolchain.nvcc, "-ccbin", toolchain.cxx, *flags, "--dryrun"]
        done = run_boxed(dry, cwd=folder, limits=_LIMITS, reach=toolchain.reach)
    if done.was_killed:
        raise Disturbed("nvcc was killed")
    text = done.output.decode(errors="replace")
    lines = [line.removeprefix("#$ ") for line in text.splitlines() if line.startswith("#$ ")]
    variables = dict(line.split("=", 1) for line in lines if re.match(r"\w+=", line))
    commands: dict[str, list[str]] = {}
    for line in lines:
        if not re.match(r"\w+=|rm ", line):
            spelled = re.sub(r"\$(\w+)", lambda found: variables.get(found[1], found[0]), line)
            commands |= _adapted(shlex.split(spelled), toolchain)
    missing = {"host", "device", "cudafe++", "cicc", "ptxas", "compile", "link"} - commands.keys()
    if missing or "NVVMIR_LIBRARY_DIR" not in variables:
        lacking = ", ".join(sorted(missing)) or "its libraries"
        raise GraderError(f"nvcc --dryrun does not list {lacking}:\n{text[:2000]}")
    return commands, variables["NVVMIR_LIBRARY_DIR"]


def _adapted(command: list[str], toolchain: Toolchain) -> dict[str, list[str]]:
    """One of nvcc's commands under the name of its stage, as it is called here; nothing for what is not needed."""
    program = Path(command[0]).name
    if program in ("cudafe++", "ptxas"):
        path = str(toolchain.root / "bin" / program)
        return {program: [path, *(word for word in command[1:] if word != "--gen_module_id_file")]}
    if program == "cicc":
        return {program: command}
    if program != Path(toolchain.cxx).name:
        return {}
    quick = ["-O0" if word == "-O3" else word for word in command]
    if "-E" in command:
        side = "device" if any(word.startswith("-D__CUDA_ARCH__=") for word in command) else "host"
        at = command.index("-include")  # of cuda_runtime.h, which the pared text stands for
        return {side: [*_without([*command[:at], *command[at + 2 :]], "-o"), "-imacros", f"{side}.macros"]}
    if "-c" in command:
        # The stub that registers kernels includes this one for what the pared text has already.
        return {"compile": [*quick, "-w", "-D__COMMON_FUNCTIONS_H__"]}
    return {"link": [*quick, "-nodefaultlibs", "-lgcc", "-lc"]}
