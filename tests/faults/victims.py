"""Finds processes of the grader by what they are doing, and kills them at that moment."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType

Is = Callable[[int], bool]
"""Whether a process is in the state that one waits for."""


def descendants(root: int) -> Iterator[int]:
    """The processes below `root`, parents first."""
    for children in Path(f"/proc/{root}/task").glob("*/children"):
        with suppress(OSError):
            for pid in map(int, children.read_text().split()):
                yield pid
                yield from descendants(pid)


def named(*names: str) -> Is:
    """Runs one of these programs."""

    def is_it(pid: int) -> bool:
        return Path(f"/proc/{pid}/comm").read_text().strip() in names

    return is_it


def executor(pid: int) -> bool:
    """Has begun as an executor; it may still be starting."""
    return b"cudagym.simulator.executor" in Path(f"/proc/{pid}/cmdline").read_bytes()


def busy_executor(pid: int) -> bool:
    """Runs a candidate's kernels: it holds the memory of arrays."""
    held = (str(fd.readlink()) for fd in Path(f"/proc/{pid}/fd").iterdir())
    return executor(pid) and any(file.startswith("/memfd:cudagym-") for file in held)


class Killer(threading.Thread):
    """Kills, or sends another signal to, the first `times` processes below this one that `is_it` recognises, as soon as
    it sees them, and calls `then` each time."""

    def __init__(
        self,
        is_it: Is,
        times: int = 1,
        by: signal.Signals = signal.SIGKILL,
        then: Callable[[], object] = lambda: None,
    ) -> None:
        super().__init__(daemon=True)
        self._is_it, self._times, self._by, self._then = is_it, times, by, then
        self._over = threading.Event()
        self.killed: set[int] = set()

    def run(self) -> None:
        while not self._over.is_set() and len(self.killed) < self._times:
            for pid in descendants(os.getpid()):
                with suppress(OSError):
                    if pid not in self.killed and self._is_it(pid):
                        os.kill(pid, self._by)
                        self.killed.add(pid)
                        self._then()
                        break
            time.sleep(0.0005)

    def __enter__(self) -> Killer:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self.join()
