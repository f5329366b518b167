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
