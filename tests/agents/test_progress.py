"""Progress: what is done, what is wanted and the time left, on a terminal and in a log file."""

from __future__ import annotations

import io
import itertools
import re

import pytest
from rich.console import Console

from cudagym.agents import progress as module
from cudagym.agents.progress import console, progress


def test_a_log_file_gets_a_line_now_and_then_with_the_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = itertools.count(0, 4)
    monkeypatch.setattr(module.time, "monotonic", lambda: float(next(seconds)))
    file = io.StringIO()
    with progress(Console(file=file), "grpo", "steps", lambda: "$1 spent") as report:
        for done in range(5, 13):  # the first five were done before an interruption
            report(done, 12)
    lines = file.getvalue().splitlines()
    assert lines[0] == "grpo  5 of 12 steps  $1 spent"
    assert lines[1] == "grpo  9 of 12 steps  $1 spent  15 s to go"
    assert lines[2:] == ["grpo  12 of 12 steps  $1 spent"]


def test_a_terminal_gets_a_bar() -> None:
    file = io.StringIO()
    with progress(Console(file=file, force_terminal=True, width=120), "sft", "steps") as report:
        report(3, 4)
    assert re.search(r"sft.*steps.*━.*3/4.*0:00:00", file.getvalue())


def test_of_several_processes_only_the_first_says_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not console().quiet
    monkeypatch.setenv("RANK", "1")
    assert console().quiet
