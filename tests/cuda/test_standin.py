"""The stand-in driver itself: right numbers, every documented misuse refused, every injected fault seen and lasting."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from standin_driver.driver import StandIn
from standin_driver.server import START_NS

Program = Callable[..., Any]

pytest.importorskip("cuda.bindings", reason="needs the extra gpu")

SOURCE = (Path(__file__).parent / "misuse.py").read_text()
MISUSE = {name: error for error, name in re.findall(r'^@refused\("(\w+)"\)\ndef (\w+)', SOURCE, re.MULTILINE)}
UNEXPLAINED = {"more_than_the_card_has", "more_threads_than_the_kernel_bears", "time_of_events_to_come"}
"""Not forbidden: the answer depends on the card's state."""
LATER = {"illegal_address": 700, "misaligned_address": 716, "launch_timeout": 702, "launch_failed": 719}


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        ("right_numbers", [True, True, True]),
        ("variables", [[[4, 4], [5, 4], [4, 4]], 6.0]),
        ("graphs", [[2.5, 2.5], [2.5, 5.0]]),
        ("residents", [2, 32, 5]),
        ("as_late_as_allowed", [1, [600, 600], 0, 2]),
        ("two_allocations", [0, 0]),
        ("starts", [0, 13000]),
    ],
)
def test_what_the_manual_allows(card: StandIn, program: Program, name: str, seen: Any) -> None:
    assert program("programs.py", name) == seen
    assert card.misuse() == ""


def test_events_in_a_graph(card: StandIn, program: Program) -> None:
    """Nothing is known of them before the graph has run; then two launches take twice as long as one."""
    for early, one, two in zip(*[iter(program("programs.py", "events_in_a_graph"))] * 3, strict=True):
        assert early == 600
        assert one > START_NS / 1000
        assert two == pytest.approx(2 * one, rel=0.01)


@pytest.fixture(scope="module")
def answers(standin: StandIn, run_program: Program) -> tuple[dict[str, str], str]:
    """What the driver said to each call of misuse.py, and its notes."""
    standin.forgive()
    said = run_program("misuse.py")
    return said, standin.misuse()


@pytest.mark.parametrize("name", MISUSE)
def test_misuse_is_refused(answers: tuple[dict[str, str], str], name: str) -> None:
    assert answers[0][name] == MISUSE[name]


def test_misuse_is_explained(answers: tuple[dict[str, str], str]) -> None:
    said, notes = answers
    assert len(notes.splitlines()) == len(said) - len(UNEXPLAINED) + 1  # a spoilt capture is explained twice


@pytest.mark.parametrize(("kernel", "error"), [("wild", 700), ("scale", 700), ("crooked", 716), ("stops", 719)])
def test_a_faulting_kernel_breaks_its_process_only(card: StandIn, program: Program, kernel: str, error: int) -> None:
    """`scale` writes to memory that is mapped for reading."""
    assert program("programs.py", "ends_badly", kernel) == [0, error, [error]]
    assert program("programs.py", "right_numbers") == [True, True, True]


@pytest.mark.parametrize(("fault", "error"), LATER.items())
def test_an_injected_fault_lasts_until_the_process_ends(
    card: StandIn, program: Program, fault: str, error: int
) -> None:
    card.faults.ask(fault)
    assert program("programs.py", "ends_badly", "roomy") == [0, error, [error]]
    assert program("programs.py", "right_numbers") == [True, True, True]


def test_a_kernel_without_end_is_never_ready(card: StandIn, program: Program) -> None:
    assert program("programs.py", "never_ends", "endless") == [600]


def test_an_injected_hang_is_never_ready(card: StandIn, program: Program) -> None:
    card.faults.ask("hang")
    assert program("programs.py", "never_ends", "roomy") == [600]
    assert program("programs.py", "right_numbers") == [True, True, True]


@pytest.mark.parametrize(("after", "seen"), [(0, [2, 0]), (1, [0, 2]), (2, [0, 0])])
def test_out_of_memory(card: StandIn, program: Program, after: int, seen: list[int]) -> None:
    card.faults.ask("out_of_memory", after)
    assert program("programs.py", "two_allocations") == seen


def test_a_lost_device_stays_lost(card: StandIn, program: Program) -> None:
    card.faults.ask("lost_device", after=4, lasting=True)
    assert program("programs.py", "is_lost") == [999, 999]
    assert program("programs.py", "starts") == [100, 13000]
    card.faults.heal()
    assert program("programs.py", "right_numbers") == [True, True, True]


def test_no_device(card: StandIn, program: Program) -> None:
    card.faults.ask("no_device")
    assert program("programs.py", "starts") == [100, 13000]


def test_refused_addresses(card: StandIn, program: Program) -> None:
    card.faults.ask("fixed_addresses_refused", lasting=True)
    assert program("programs.py", "moved") == [False, [2.5] * 4]


def test_times(card: StandIn, program: Program) -> None:
    """Slow clocks and noise are what they were asked to be, and no event ever reports more time than passed."""
    usual, spread, early = program("programs.py", "times")
    assert (usual > START_NS / 1000, spread, early) == (True, 0, 0)
    card.faults.ask("slow_clocks", lasting=True)
    assert program("programs.py", "times") == [pytest.approx(2 * usual, rel=1e-3), 0, 0]
    card.faults.heal()
    card.faults.ask("noise", lasting=True, value=0.05)
    noisy, spread, early = program("programs.py", "times")
    assert (noisy, spread, early) == (pytest.approx(usual, rel=0.03), pytest.approx(0.05, rel=0.4), 0)


def test_a_slow_host_shows_where_the_device_waits_for_it(card: StandIn, program: Program) -> None:
    usual = program("programs.py", "paced")
    card.faults.ask("slow_host", lasting=True, value=4.0)
    assert program("programs.py", "paced") == [pytest.approx(2 * 4.0, rel=1e-3), pytest.approx(usual[1], rel=1e-3)]


def test_nvml(card: StandIn, program: Program) -> None:
    assert program("programs.py", "clocks") == [1980, 41, 0]
    card.faults.ask("slow_clocks", lasting=True)
    assert program("programs.py", "clocks") == [990, 41, 4]
