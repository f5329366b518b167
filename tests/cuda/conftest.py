"""A card that is not there, and programs that use it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from standin_driver.driver import StandIn

from cudagym.build.builder import device_module
from cudagym.build.compiler import Unit, compile_units
from cudagym.build.program import Module
from cudagym.build.toolchain import find_toolchain
from cudagym.errors import BuildFailed

_HERE = Path(__file__).parent


def compiled(source: str, prototype: str, arch: str, arrays: int) -> Module:
    """Real device code of a real compiler run."""
    (result,) = compile_units([Unit(source=source, prototype=prototype)], arch, find_toolchain())
    assert not isinstance(result, BuildFailed), result
    return device_module(result, arch, arrays)


@pytest.fixture(scope="session")
def standin() -> Iterator[StandIn]:
    with StandIn("h100", l2_bytes=2 << 20, warp_instructions=20_000_000) as card:
        yield card


@pytest.fixture
def card(standin: StandIn) -> Iterator[StandIn]:
    """The stand-in, with nothing wrong and nothing noted."""
    standin.faults.heal()
    standin.forgive()
    yield standin
    standin.faults.heal()


@pytest.fixture(scope="session")
def cubin(standin: StandIn) -> Path:
    module = compiled((_HERE / "kernels.cu").read_text(), 'extern "C" void solve();', standin.gpu.arch, 0)
    standin.know(module)
    path = standin.folder / "kernels.cubin"
    path.write_bytes(module.cubin)
    return path


@pytest.fixture(scope="session")
def run_program(standin: StandIn, cubin: Path) -> Callable[..., Any]:
    """Runs a script of this folder in a process that finds the card. What it printed, as JSON."""

    def run(script: str, *words: str) -> Any:
        done = subprocess.run(
            [sys.executable, str(_HERE / script), str(cubin), *words],
            env=standin.environment(),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


@pytest.fixture
def program(card: StandIn, run_program: Callable[..., Any]) -> Callable[..., Any]:
    """The same on a card that nothing is wrong with yet."""
    return run_program
