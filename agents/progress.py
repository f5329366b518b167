"""Progress of what takes long: a bar with the time left in a terminal, a line now and then in a log file."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from cudagym.grader import Progress as Report

LINE_SECONDS = 15.0
"""Between two lines of progress where there is no terminal to draw a bar on."""


def console() -> Console:
    """Standard error; of several training processes only the first one says anything."""
    return Console(stderr=True, highlight=False, quiet=os.environ.get("RANK", "0") != "0")


@contextmanager
def progress(on: Console, stage: str, text: str, note: Callable[[], str] = str) -> Iterator[Report]:
    """A function to call with what is done and what is wanted; `note` is shown beside them."""
    if not on.is_terminal:
        yield _lines(on, stage, text, note)
        return
    columns = (
        TextColumn(f"[bold]{stage}[/bold]  {text}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=on) as bar:
        task = bar.add_task(stage, total=None, note=note())
        yield lambda reached, wanted: bar.update(task, completed=reached, total=wanted, note=note())


def _lines(on: Console, stage: str, text: str, note: Callable[[], str]) -> Report:
    """Progress as one line at the start, at the end and every 15 seconds between."""
    last, shown, first = -LINE_SECONDS, "", -1
    started = time.monotonic()

    def report(reached: int, wanted: int) -> None:
        nonlocal last, shown, first
        now = time.monotonic()
        first = reached if first < 0 else first
        told = f"{reached} of {wanted} {text}  {note()}".rstrip()
        if told != shown and (now - last >= LINE_SECONDS or reached == wanted):
            last, shown = now, told
            rate = (reached - first) / (now - started)
            left = f"  {(wanted - reached) / rate:.0f} s to go" if rate > 0 and reached < wanted else ""
            on.print(f"[bold]{stage}[/bold]  {told}{left}", soft_wrap=True)

    return report
