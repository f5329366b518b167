"""Every instruction that compiled kernels use, and many more, against exact arithmetic on edge values."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from machine_code import Code
from opcodes.extra import extra_cases
from opcodes.injection import mutants
from opcodes.table import cases, rows, uncovered

from cudagym.errors import Unsupported

if TYPE_CHECKING:
    from cudagym.simulator.machine import Machine

CASES = cases()
EXTRA = {name: case for name, case in extra_cases().items() if name not in CASES}


@pytest.mark.parametrize("name", CASES)
def test_row(machine: Machine, name: str) -> None:
    for checked in (True, False):
        wrong = CASES[name].run(machine, checked=checked)
        assert not wrong, f"{len(wrong)} wrong, such as {wrong[0]}"


@pytest.mark.parametrize("name", EXTRA)
def test_beyond_the_list(machine: Machine, name: str) -> None:
    wrong = EXTRA[name].run(machine, checked=False)
    assert not wrong, f"{len(wrong)} wrong, such as {wrong[0]}"


def test_injected_errors_are_found(machine: Machine) -> None:
    """Every second error that fits a row; `make ptx-coverage` tries all."""
    injected = [(case.name, *mutant) for case in CASES.values() for mutant in mutants(case)][::2]
    survivors = [f"{name} {what}" for name, what, mutant in injected if not mutant.run(machine, checked=False)]
    print(f"injected errors found: {len(injected) - len(survivors)} of {len(injected)}")
    assert len(injected) > 150
    assert not survivors


def test_no_row_is_lost() -> None:
    """A row has a case, or is written down as without one."""
    without = {row.name for row in rows()} - CASES.keys()
    assert without == uncovered().keys(), Path(__file__).with_name("opcodes") / "uncovered.csv"


@pytest.mark.parametrize("name", uncovered())
def test_what_is_not_simulated_is_named(machine: Machine, name: str) -> None:
    ptx = f".version 9.0\n.target sm_90a\n.address_size 64\n.visible .entry k() {{ {name}; ret; }}"
    with pytest.raises(Unsupported, match=re.escape(name)):
        Code(ptx, machine).run("k", 1, 32)
