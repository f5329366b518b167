"""Compute Sanitizer: how its tools are asked, and what their reports say as Faults.

The text of a report is what its manual documents ("Compute Sanitizer", v2026.4: "Understanding Memcheck Errors",
"Understanding Racecheck Hazard Reports", "Understanding Initcheck Reports", "Understanding Synccheck Reports", and the
outputs in "Compute Sanitizer Tool Examples"); of the XML form only one record of an API error is. Lines of any other
kind are passed over: what is not understood is not claimed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from cudagym.build.names import kernel_title
from cudagym.build.program import Program, address_of
from cudagym.device import Buffer, Fault, FaultKind

Check = Literal["memcheck", "racecheck", "initcheck", "synccheck"]
CHECKS: tuple[Check, ...] = ("memcheck", "racecheck", "initcheck", "synccheck")
SOURCE = "candidate.cu"
"""What the build calls the candidate's source in line information."""
PADDING = 4096
"""Bytes behind each allocation that are nobody's ("Padding"). What reaches further may hit the next one unseen."""
_ARGUMENTS: dict[Check, tuple[str, ...]] = {
    "memcheck": ("--padding", str(PADDING), "--report-api-errors", "no"),
    "racecheck": ("--racecheck-report", "hazard"),  # with threads, which analysis reports have not
    "initcheck": ("--check-api-memory-access", "no"),
    "synccheck": (),
}

_INDEX = r"\((\d{1,10}), ?(\d{1,10}), ?(\d{1,10})\)"
_PLACE = r"(?P<kernel>[^\s(+]+)(?:\(.*?\))?[+:]0x[0-9a-fA-F]+(?: in (?P<file>\S.*?):(?P<line>\d{1,9}))?(?=\s|$)"
_ACCESS = re.compile(r"Invalid (?P<space>__\w+__) (?P<act>read|write|atomic)\w* of size (?P<size>\d[\d,]{0,12})")
_UNWRITTEN = re.compile(r"Uninitialized (?P<space>__\w+__) memory read of size (?P<size>\d[\d,]{0,12})")
_BARRIER = re.compile(r"Barrier error detected\. (?P<text>Divergent.*|Invalid arg.*)")
_HAZARD = re.compile(
    r"(?i:error|warning): .*?Potential (?P<type>RAW|WAR|WAW) hazard detected at (?P<space>__\w+__)"
    rf" 0x(?P<address>[0-9a-fA-F]{{1,16}}) in block {_INDEX}"
)
_WHO = re.compile(rf"by thread {_INDEX} in block {_INDEX}")
_WHERE = re.compile(rf"(?:Device Frame: *(?:at )?|at ){_PLACE}")
_WHY = re.compile(
    r"(?:Address|Access (?:to|at)) 0x(?P<address>[0-9a-fA-F]{1,16})(?: is (?P<why>out of bounds|misaligned))?"
)
_PARTY = re.compile(rf"(?P<act>Read|Write) Thread {_INDEX} at {_PLACE}")


class Slot(NamedTuple):
    """A buffer as the watched process had it: what the plan calls it, and where it lay."""

    slot: int
    name: str
    address: int
    size: int


def arguments(check: Check, report: Path) -> list[str]:
    """How the tool is asked ("Command Line Options"). Names stay mangled, as everywhere in a plan."""
    return [
        *("--tool", check),
        *("--log-file", str(report)),
        *("--demangle", "no"),
        *("--show-backtrace", "device"),
        *("--print-limit", "100"),
        *("--target-processes", "application-only"),
        *("--launch-timeout", "60"),
        *_ARGUMENTS[check],
    ]


def is_whole(report: str) -> bool:
    """Whether the tool came to its end ("ERROR SUMMARY", "RACECHECK SUMMARY")."""
    return re.search(r"(?m)^=+ (?:ERROR|RACECHECK) SUMMARY: ", report) is not None


def slots_of(program: Program, buffers: Sequence[Buffer], places: Mapping[int, tuple[int, int]]) -> tuple[Slot, ...]:
    """The program's memory under its names; `places` has addresses and sizes by slot."""
    names = {buffer.slot: buffer.name for buffer in buffers}
    names |= {variable.slot: variable.name for variable in program.module.variables}
    return tuple(
        Slot(slot, names.get(slot, "scratch memory"), address, size) for slot, (address, size) in places.items()
    )


def faults(report: str, program: Program, slots: Sequence[Slot]) -> tuple[Fault, ...]:
    """The first of each kind in each kernel that a report tells of. Never raises, whatever the text."""
    known = {launch.kernel for launch in program.plan.launches}
    found: dict[tuple[FaultKind, str], Fault] = {}
    for record in _records(report):
        fault = _fault(record, known, slots)
        if fault is not None:
            found.setdefault((fault.kind, fault.kernel), fault)
    return tuple(found.values())


def _records(report: str) -> Iterator[list[str]]:
    """The lines of each record, without the prefix. A record ends where the next begins, or at an empty line."""
    lines: list[str] = []
    for raw in report.splitlines():
        if not raw.startswith("====="):
            continue  # of the watched process
        line = raw.lstrip("=").strip()
        begins = any(form.match(line) for form in (_ACCESS, _UNWRITTEN, _BARRIER, _HAZARD))
        if lines and (begins or not line):
            yield lines
            lines = []
        if begins or (lines and line):
            lines.append(line)
    if lines:
        yield lines


class _Seen(NamedTuple):
    """What the lines of a record agree on."""

    kernel: str
    line: int | None
    thread: tuple[int, int, int] | None
    block: tuple[int, int, int] | None


def _fault(record: Sequence[str], known: Iterable[str], slots: Sequence[Slot]) -> Fault | None:
    head, rest = record[0], record[1:]
    if hazard := _HAZARD.match(head):
        return _race(hazard, rest, known)
    seen = _seen(rest, known)
    if seen is None:
        return None
    if barrier := _BARRIER.match(head):
        text = (
            f"barrier divergence: {_who(seen)} waits at a barrier{_at(seen.line)} that not every thread of its"
            f" {'block' if 'block' in barrier['text'] else 'warp'} reaches; move it out of the branch or loop that only"
            " some threads take"
        )
        return _made("barrier_divergence", seen, text)
    why = next((found for line in rest if (found := _WHY.match(line))), None)
    address = int(why["address"], 16) if why else None
    if unwritten := _UNWRITTEN.match(head):
        place = _place(unwritten["space"], address, _number(unwritten["size"]), slots)
        text = (
            f"uninitialised: {_who(seen)} reads {place.text}{_at(seen.line)}, which nothing has written; write it"
            " first, or wait for who does"
        )
        return _made("uninitialised", seen, text, place)
    access = _ACCESS.match(head)
    if access is None or why is None or not why["why"]:
        return None  # an access that is forbidden for a reason that is not documented
    size = _number(access["size"])
    place = _place(access["space"], address, size, slots)
    verb = {"read": "reads", "write": "writes"}.get(access["act"], "updates")
    act = f"{_who(seen)} {verb} {size} bytes at {place.text}{_at(seen.line)}"
    if why["why"] == "misaligned":
        text = f"misaligned: {act}, which is not a multiple of {size}; align the address or use a narrower access"
        return _made("misaligned", seen, text, place)
    return _made("out_of_bounds", seen, f"out of bounds: {act}{place.outside}", place)


def _race(hazard: re.Match[str], rest: Sequence[str], known: Iterable[str]) -> Fault | None:
    parties = [found for line in rest if (found := _PARTY.match(line))]
    if len(parties) < 2:
        return None
    first, second = parties[:2]
    kernel = next((name for name in known if name == second["kernel"]), None) or _only(known)
    if kernel is None:
        return None
    block = _three(hazard.groups()[-3:])
    seen = _Seen(kernel, _line(second), _three(second.groups()[1:4]), block)
    verb, other = ("writes" if party["act"] == "Write" else "reads" for party in (second, first))
    offset = int(hazard["address"], 16)
    text = (
        f"race: {_who(seen)} {verb} shared memory at byte {offset}{_at(seen.line)}, which thread"
        f" {_index(_three(first.groups()[1:4]))}{_at(_line(first))} also {other} with no barrier between them; put a"
        " __syncthreads() between the two"
    )
    return _made("race", seen, text, _Place(text="", address=offset))


def _seen(lines: Iterable[str], known: Iterable[str]) -> _Seen | None:
    """Frames begin with the innermost function: its line is the access's, the last one's name is the kernel's."""
    kernel, line, thread, block = _only(known), None, None, None
    for text in lines:
        if (who := _WHO.match(text)) and thread is None:
            thread, block = _three(who.groups()[:3]), _three(who.groups()[3:])
        elif where := _WHERE.match(text):
            line = line or _line(where)
            kernel = where["kernel"] if where["kernel"] in known else kernel
    return None if kernel is None else _Seen(kernel, line, thread, block)


def _only(known: Iterable[str]) -> str | None:
    """The kernel, where there is but one."""
    names = list(known)
    return names[0] if len(names) == 1 else None


def _line(where: re.Match[str]) -> int | None:
    """Of the candidate's source; lines of headers mean nothing to who reads it."""
    return int(where["line"]) if where["file"] and Path(where["file"]).name == SOURCE else None


class _Place(NamedTuple):
    """Where an access went."""

    text: str
    address: int | None = None
    """As the plan has it, not as it was on the card."""
    buffer: str | None = None
    outside: str = ""


def _place(space: str, address: int | None, size: int, slots: Sequence[Slot]) -> _Place:
    if address is None:
        return _Place(text=f"{space.strip('_')} memory")
    if space != "__global__" or not slots:
        return _Place(text=f"byte {address} of {space.strip('_')} memory", address=address)
    nearest = min(slots, key=lambda slot: max(slot.address - address, address - slot.address - slot.size + 1, 0))
    offset = address - nearest.address
    if not -_FAR < offset < nearest.size + _FAR:
        what = "a null pointer" if 0 <= address < 4096 else f"address {address:#x}, which is in no buffer"
        return _Place(text=what, address=address)
    in_elements = size in (1, 2, 4, 8) and offset % size == 0
    text = f"{nearest.name}[{offset // size}]" if in_elements else f"byte {offset} of {nearest.name}"
    of = f"{nearest.name} ({nearest.size} bytes)"
    if offset < 0:
        outside = f", {-offset} bytes before the start of {of}"
    elif offset < nearest.size:
        outside = f", across the end of {of}" if offset + size > nearest.size else ""
    else:
        outside = f", {offset - nearest.size} bytes past the end of {of}"
    return _Place(text, address_of(nearest.slot) + offset, nearest.name, outside)


_FAR = 1 << 30
"""An address this far from every buffer was not meant for one."""


def _made(kind: FaultKind, seen: _Seen, text: str, place: _Place | None = None) -> Fault:
    return Fault(
        kind=kind,
        kernel=seen.kernel,
        message=text,
        line=seen.line,
        block=seen.block,
        thread=seen.thread,
        address=place.address if place else None,
        buffer=place.buffer if place else None,
    )


def _who(seen: _Seen) -> str:
    title = kernel_title(seen.kernel)
    if seen.thread is None or seen.block is None:
        return f"a thread of {title}"
    return f"thread {_index(seen.thread)} of block {_index(seen.block)} of {title}"


def _at(line: int | None) -> str:
    return f" (line {line})" if line else ""


def _index(index: tuple[int, int, int]) -> str:
    return f"({','.join(map(str, index))})"


def _three(words: Sequence[str]) -> tuple[int, int, int]:
    x, y, z = map(int, words)
    return x, y, z


def _number(text: str) -> int:
    return int(text.replace(",", "") or 0)
