"""A child is given the time that it could not work because others had the processor, and no more."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from idler import CPU

from cudagym.child import Child, NoAnswer
from cudagym.record import Record

LIMIT = 1.0
HOG = f"import os; os.sched_setaffinity(0, {{{CPU}}})\nwhile True: pass"


class Answer(Record):
    seconds: float


@pytest.fixture
def child(monkeypatch: pytest.MonkeyPatch) -> Iterator[Child]:
    folder = str(Path(__file__).parent)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [folder, os.environ.get("PYTHONPATH")])))
    child = Child("idler")
    _ask(child, work=0.0)
    yield child
    child.stop()


@pytest.fixture
def _crowd() -> Iterator[None]:
    """Of which the child gets a fifth of a processor."""
    hogs = [subprocess.Popen([sys.executable, "-c", HOG]) for _ in range(4)]
    yield
    for hog in hogs:
        hog.kill()
        hog.wait()


def _ask(child: Child, *, work: float, sleep: float = 0.0, seconds: float = 30.0) -> Answer:
    body = json.dumps({"work": work, "sleep": sleep}).encode()
    return child.ask(body, [], seconds, "worked", Answer)


@pytest.mark.usefixtures("_crowd")
def test_waiting_for_a_processor_is_no_part_of_the_limit(child: Child) -> None:
    assert _ask(child, work=0.4, seconds=LIMIT).seconds == 0.4


@pytest.mark.usefixtures("_crowd")
def test_working_too_long_is(child: Child) -> None:
    with pytest.raises(NoAnswer) as silence:
        _ask(child, work=60.0, seconds=LIMIT)
    assert silence.value.worked > 0.1


def test_sleeping_is(child: Child) -> None:
    with pytest.raises(NoAnswer) as silence:
        _ask(child, work=0.0, sleep=60.0, seconds=LIMIT)
    assert silence.value.worked < 0.1
