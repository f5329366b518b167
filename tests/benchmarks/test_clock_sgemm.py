"""The SGEMM ladders of the clock's cases compute products: each rung once on a small problem, against numpy."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from itertools import chain

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.clock import sgemm
from benchmarks.clock.cases import HERE, Case, compile_cases
from cudagym.build.program import Program
from cudagym.build.toolchain import find_toolchain
from cudagym.device import Buffer
from cudagym.memory import SharedMemory
from cudagym.simulator.gpu import SimulatedGPU

CARD = "rtx3090"
RNG = np.random.default_rng(5)


def small_cases() -> list[Case]:
    """One case of each kernel, at a size at which pipelines turn around."""
    size = (256, 256, 64)
    ladders = [ladder(size) for ladder in (sgemm.a6000, sgemm.a100, sgemm.rtx3090)]
    ladders += [ladder((size,)) for ladder in (sgemm.p100, sgemm.v100, sgemm.gtx1060)]
    ladders += [sgemm.seven_cards({CARD: [size]})]
    cases: dict[str, Case] = {}
    for case in chain(*ladders):
        cases.setdefault(case.source + str(case.defines), case.model_copy(update={"gpu": CARD}))
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


@pytest.mark.parametrize("index", range(len(CASES)), ids=[f"{case.source}-{case.defines['RUNG']}" for case in CASES])
def test_product(index: int, programs: list[Program], device: SimulatedGPU) -> None:
    arguments = CASES[index].calls[0].arguments
    m, n, k = arguments[:3]
    alpha, beta = (argument for argument in arguments if isinstance(argument, float))
    a, b, c = (RNG.normal(size=shape).astype(np.float32) for shape in ((m, k), (k, n), (m, n)))
    products = a.astype(np.float64) @ b
    if "half" in str(CASES[index].defines["RUNG"]):
        products.reshape(-1, 16, n)[:, 8:] = 0
    expected = alpha * products + beta * c.astype(np.float64)
    np.testing.assert_allclose(run(device, programs[index], a, b, c), expected, rtol=1e-4, atol=1e-4)


def test_rows_are_published_for_their_sizes() -> None:
    with (HERE / "published.csv").open(newline="") as file:
        published = {row["id"]: row for row in csv.DictReader(file)}
    for case in sgemm.CASES:
        row = published.pop(case.row)
        assert row["problem"].split()[0] == f"M=N=K={case.calls[0].arguments[0]}", case.row
        assert row["library"] == "False", case.row
    rest = [row for row in published.values() if row["table"] in {case.table for case in sgemm.CASES}]
    assert {row["library"] for row in rest} == {"True"}, "some row has no case"
