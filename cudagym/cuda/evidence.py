"""Evidence: what Compute Sanitizer and Nsight Compute see when a program runs once more on a card.

Each runs cudagym's own executor process (cudagym.cuda.rerun), on memory that the tool can track. They cost seconds and
judge nothing: what a tool cannot say is a note.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Event

from pydantic import TypeAdapter, ValidationError

from cudagym.build.program import Program
from cudagym.cuda import profiler, sanitizer
from cudagym.cuda.card import Card
from cudagym.cuda.executor import Request
from cudagym.cuda.queue import turn
from cudagym.cuda.rerun import PLACES, REQUEST, Place, Rerun
from cudagym.cuda.tools import SOURCES, Ran, Tool, ToolName, find_tool, run
from cudagym.device import Buffer, Evidence, Limits, Suspicion

SECONDS = 120.0
"""That one tool may take: instrumented kernels are ten to a hundred times as slow."""
CHECKS: dict[Suspicion, tuple[sanitizer.Check, ...]] = {
    "fault": ("memcheck", "synccheck"),
    "wrong": ("memcheck", "initcheck", "racecheck", "synccheck"),
    "hang": ("synccheck", "memcheck"),
    "none": ("racecheck", "initcheck"),
}
"""What is asked, in this order, until one finds something; without a suspicion, all for what did not show."""
_places = TypeAdapter(tuple[Place, ...])


class Examiner:
    """Has tools watch programs on the card cuda:`index`, when it is their turn on it."""

    def __init__(self, card: Card, stopped: Event, *, seconds: float = SECONDS) -> None:
        self._card, self._stopped, self._seconds = card, stopped, seconds

    def explain(self, program: Program, buffers: Sequence[Buffer], suspicion: Suspicion) -> Evidence:
        """What the sanitizers that look for such things say of this program on these inputs."""
        tool = find_tool("compute-sanitizer")
        if tool is None:
            return _absent("compute-sanitizer")
        found = Evidence()
        for check in CHECKS[suspicion]:
            found += self._checked(tool, check, program, buffers)
            if found.faults and suspicion != "none":
                break
        return found

    def profile(self, program: Program, buffers: Sequence[Buffer]) -> Evidence:
        """What Nsight Compute counts in each launch."""
        tool = find_tool("ncu")
        if tool is None:
            return _absent("ncu")

        def read(ran: Ran, folder: Path) -> Evidence:
            report = _text(folder / "report")
            if counted := profiler.counters(report, program):
                kernels = profiler.limits(counted, program, buffers, self._card.gpu)
                return Evidence(kernels=kernels, notes=_noted(ran.problem))
            return Evidence(notes=(ran.problem or profiler.excuse(report + ran.output),))

        return self._watched(tool, profiler.arguments, program, buffers, read)

    def _checked(self, tool: Tool, check: sanitizer.Check, program: Program, buffers: Sequence[Buffer]) -> Evidence:
        def read(ran: Ran, folder: Path) -> Evidence:
            report = _text(folder / "report")
            slots = sanitizer.slots_of(program, buffers, _read_places(folder))
            faults = sanitizer.faults(report, program, slots)
            if faults:
                return Evidence(faults=faults, notes=_noted(ran.problem))
            if ran.problem or not sanitizer.is_whole(report):
                why = ran.problem or f"{check} ended before its summary"
                return Evidence(notes=(f"{why}: it says nothing about this kernel",))
            return Evidence(notes=(f"{check} found nothing that it can locate",))

        return self._watched(tool, lambda path: sanitizer.arguments(check, path), program, buffers, read)

    def _watched(
        self,
        tool: Tool,
        arguments: Callable[[Path], list[str]],
        program: Program,
        buffers: Sequence[Buffer],
        read: Callable[[Ran, Path], Evidence],
    ) -> Evidence:
        with tempfile.TemporaryDirectory(prefix="cudagym-evidence-") as name:
            folder = Path(name)
            asked = arguments(folder / "report")
            if unknown := tool.lacks(asked):
                return Evidence(notes=(f"{tool.name} {tool.version} is too old: it does not know {unknown}",))
            limits = Limits(wall_seconds=self._seconds)
            request = Request(program=program, buffers=tuple(buffers), limits=limits, hang_seconds=self._seconds)
            rerun = Rerun(request=request, owner=os.getpid())
            (folder / REQUEST).write_text(rerun.model_dump_json())
            command = [sys.executable, "-m", "cudagym.cuda.rerun", name, str(self._card.index)]
            with turn(self._card.uuid, self._stopped):
                ran = run(tool, asked, command, folder, self._seconds, self._stopped)
            return read(ran, folder)


def _absent(name: ToolName) -> Evidence:
    return Evidence(notes=(f"{name} is not on this machine: {SOURCES[name]}",))


def _noted(problem: str) -> tuple[str, ...]:
    return (problem,) if problem else ()


def _text(path: Path) -> str:
    try:
        with path.open(errors="replace") as file:
            return file.read(16 << 20)
    except OSError:
        return ""


def _read_places(folder: Path) -> dict[int, tuple[int, int]]:
    """Where memory lay; nothing where the process did not come to say so."""
    try:
        return {place.slot: (place.address, place.size) for place in _places.validate_json(_text(folder / PLACES))}
    except ValidationError:
        return {}
