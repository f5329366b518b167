"""The SGEMM ladders of the clock's cases compute products: each rung once on a small problem, against numpy."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.clock import sgemm
from benchmarks.clock.cases import Case, compile_cases
from cudagym.build.program import Program
from cudagym.build.toolchain import find_toolchain
from cudagym.device import Buffer
from cudagym.memory import SharedMemory
from cudagym.simulator.gpu import SimulatedGPU

CARD = "rtx3090"
RNG = np.random.default_rng(5)


def small_cases() -> list[Case]:
    """One case of each kernel, at a size at which pipelines turn around."""
    size = (128, 256, 64)
    cases: dict[str, Case] = {}
    for case in (*sgemm.a6000(size), *sgemm.a100(size)):
        cases.setdefault(str(case.defines), case.model_copy(update={"gpu": CARD}))
    return list(cases.values())


CASES = small_cases()


@pytest.fixture(scope="module")
def programs() -> list[Program]:
    return compile_cases(CASES, find_toolchain())


@pytest.fixture(scope="module")
def device() -> Iterator[SimulatedGPU]:
    device = SimulatedGPU(CARD)
    yield device
    device.close()


def run(device: SimulatedGPU, program: Program, *arrays: NDArray[np.float32]) -> NDArray[np.float32]:
    """What the last of the arrays holds after the program ran on them."""
    memories = [SharedMemory(f"array{i}", array.nbytes) for i, array in enumerate(arrays)]
    for memory, array in zip(memories, arrays, strict=True):
        memory.bytes[:] = array.view(np.uint8).reshape(-1)
    buffers = [
        Buffer(name=m.name, slot=slot, fd=m.fd, size=m.size, read_only=slot < len(arrays) - 1, holds_input=True)
        for slot, m in enumerate(memories)
    ]
    ran = device.execute(program, buffers, checked=True)
    assert not ran.faults, ran.faults[0].message
    result = memories[-1].bytes.copy().view(np.float32).reshape(arrays[-1].shape)
    for memory in memories:
        memory.close()
    return result


@pytest.mark.parametrize("index", range(len(CASES)), ids=[str(case.defines["RUNG"]) for case in CASES])
def test_product(index: int, programs: list[Program], device: SimulatedGPU) -> None:
    m, n, k, alpha = CASES[index].calls[0].arguments[:4]
    beta = CASES[index].calls[0].arguments[6]
    a, b, c = (RNG.normal(size=shape).astype(np.float32) for shape in ((m, k), (k, n), (m, n)))
    expected = alpha * (a.astype(np.float64) @ b) + beta * c.astype(np.float64)
    np.testing.assert_allclose(run(device, programs[index], a, b, c), expected, rtol=1e-4, atol=1e-4)
