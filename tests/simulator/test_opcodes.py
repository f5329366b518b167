"""Every instruction that compiled kernels use, and many more, against exact arithmetic on edge values."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from opcodes.extra import extra_cases
from opcodes.table import cases, rows, uncovered

if TYPE_CHECKING:
    from cudagym.simulator.machine import Machine

CASES = cases()
EXTRA = {name: case for name, case in extra_cases().items() if name not in CASES}


@pytest.mark.parametrize("name", CASES)
def test_row(machine: Machine, name: str) -> None:
    wrong = CASES[name].run(machine)
    assert not wrong, f"{len(wrong)} wrong, such as {wrong[0]}"


@pytest.mark.parametrize("name", EXTRA)
def test_beyond_the_list(machine: Machine, name: str) -> None:
    wrong = EXTRA[name].run(machine)
    assert not wrong, f"{len(wrong)} wrong, such as {wrong[0]}"


def test_no_row_is_lost() -> None:
    """A row has a case, or is written down as without one."""
    without = {row.name for row in rows()} - CASES.keys()
    assert without == uncovered().keys(), Path(__file__).with_name("opcodes") / "uncovered.csv"
