"""NVIDIA's tools that watch a process: where they are on this machine, which version, and how one is run.

Nothing here raises for a tool that is missing, too old, crashes or hangs: that is a sentence.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sysconfig
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from threading import Event
from typing import Literal, NamedTuple

from cudagym.child import environment
from cudagym.cuda.card import ENVIRONMENT, KEPT
from cudagym.record import Record

ToolName = Literal["compute-sanitizer", "ncu"]
SOURCES: dict[ToolName, str] = {
    "compute-sanitizer": "it comes with the CUDA toolkit and as `pip install nvidia-cuda-sanitizer-api`",
    "ncu": "it comes with the CUDA toolkit and with Nsight Compute",
}
_ASK_SECONDS, _NAP_SECONDS = 20.0, 0.05
_MOST_OUTPUT = 16 << 20


class Tool(Record):
    """One tool of this machine."""

    name: ToolName
    path: str
    version: str
    help: str
    """What it says of its options."""

    def lacks(self, arguments: Sequence[str]) -> str:
        """The first of these options that this version does not know; empty when it knows all."""
        options = (word for word in arguments if word.startswith("--"))
        return next((option for option in options if option not in self.help), "")


class Ran(NamedTuple):
    """How a tool ended."""

    problem: str
    """Why what it wrote is not all; empty when it ended by itself. Its exit code says nothing: the watched process
    may well have died of what the tool was to find."""
    output: str
    """Of the tool and the process that it watched."""


def find_tool(name: ToolName) -> Tool | None:
    """The tool, on $PATH, in $CUDA_HOME, in the usual folders or in a wheel's; None where it is missing or broken."""
    return _found(name, os.environ.get("PATH", ""), os.environ.get("CUDA_HOME", ""))


@lru_cache(maxsize=8)
def _found(name: ToolName, path: str, home: str) -> Tool | None:
    for candidate in _candidates(name, path, home):
        version, text = (_asked(candidate, question) for question in ("--version", "--help"))
        if number := re.search(r"(?i)^version (\d+(?:\.\d+)+)", version, re.MULTILINE):
            return Tool(name=name, path=candidate, version=number[1], help=text)
    return None


def _candidates(name: ToolName, path: str, home: str) -> list[str]:
    """Executables of this name, the likeliest first."""
    wheels = sorted(Path(sysconfig.get_path("purelib")).glob(f"nvidia/*/{name}"), reverse=True)
    folders = [Path(root) / "bin" for root in (home, "/usr/local/cuda") if root]
    folders += [*wheels, *sorted(Path("/opt/nvidia/nsight-compute").glob("*"), reverse=True)]
    places = os.pathsep.join(filter(None, [path, *map(str, folders)]))
    return [found for folder in places.split(os.pathsep) if (found := shutil.which(name, path=folder))]


def _asked(path: str, question: str) -> str:
    try:
        done = subprocess.run(
            [path, question],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_ASK_SECONDS,
            check=False,
            env=environment(KEPT),
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode(errors="replace")


def run(
    tool: Tool, arguments: Sequence[str], command: Sequence[str], folder: Path, seconds: float, stopped: Event
) -> Ran:
    """Have the tool watch a command. After `seconds`, or when `stopped`, both are ended, and all that they started."""
    end = time.monotonic() + seconds
    log = folder / "output"
    with log.open("wb") as output:
        try:
            process = subprocess.Popen(
                [tool.path, *arguments, *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=folder,
                start_new_session=True,
                env=environment(KEPT) | ENVIRONMENT,
            )
        except OSError as error:
            return Ran(f"{tool.name} does not start: {error.strerror}", "")
        problem = ""
        try:
            while process.poll() is None and not problem:
                if stopped.wait(_NAP_SECONDS):
                    problem = f"{tool.name} was interrupted"
                elif time.monotonic() > end:
                    problem = f"{tool.name} was not done within {seconds:.0f} s"
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            code = process.wait()
        if code < 0 and not problem:
            problem = f"{tool.name} was ended by signal {-code}"
    return Ran(problem, log.read_bytes()[:_MOST_OUTPUT].decode(errors="replace"))
