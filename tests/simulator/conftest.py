"""One machine and one set of builds for all tests of the simulated GPU."""

from __future__ import annotations

import pytest
from machine_code import Builds

from cudagym.hardware import gpu
from cudagym.simulator.machine import Machine


@pytest.fixture(scope="session")
def machine() -> Machine:
    return Machine(gpu("h100"))


@pytest.fixture(scope="session")
def builds(tmp_path_factory: pytest.TempPathFactory, machine: Machine) -> Builds:
    return Builds(tmp_path_factory.mktemp("kernels"), machine)


_PROGRAMS = pytest.StashKey[dict[str, int]]()


@pytest.fixture
def programs_run(request: pytest.FixtureRequest) -> dict[str, int]:
    """By program: under how many schedules its results were right."""
    return request.config.stash.setdefault(_PROGRAMS, {})


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Says how many programs ran under how many schedules."""
    counts = config.stash.get(_PROGRAMS, {})
    if counts:
        text = f"{len(counts)} programs are right under {min(counts.values())} schedules each"
        terminalreporter.write_line(text)
