"""The attention kernels of the clock's cases compute attention: each on a small problem, against numpy."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from small_problems import run

from benchmarks.clock import attention
from benchmarks.clock.cases import Case, compile_cases
from cudagym.build.program import Program
from cudagym.build.toolchain import find_toolchain
from cudagym.simulator.gpu import SimulatedGPU

CARD = "rtx3090"
RNG = np.random.default_rng(5)


def small_cases() -> list[Case]:
    """One case of each kind, at lengths of more than one block and several tiles."""
    cases = attention.narrow(2, length=256)
    cases += attention.wide(1, 256, 1, ("qk", "swizzle-qk", "qkv"), CARD, head=128)
    return [case.model_copy(update={"gpu": CARD}) for case in cases]


CASES = small_cases()


@pytest.fixture(scope="module")
def programs() -> list[Program]:
    return compile_cases(CASES, find_toolchain())


@pytest.fixture(scope="module")
def device() -> Iterator[SimulatedGPU]:
    device = SimulatedGPU(CARD)
    yield device
    device.close()


@pytest.mark.parametrize("index", range(len(CASES)), ids=[case.row for case in CASES])
def test_attention(index: int, programs: list[Program], device: SimulatedGPU) -> None:
    case = CASES[index]
    head, heads, length = int(case.defines["HEAD"]), case.calls[0].grid[1], int(case.calls[0].arguments[-1])
    q, k, v = torch.from_numpy(RNG.normal(size=(3, heads, length, head))).to(torch.float16)
    o = torch.full_like(q, 77)
    run(device, programs[index], q, k, v, o)
    scores = q.double() @ k.double().transpose(1, 2) / np.sqrt(head)
    expected = torch.softmax(scores, 2) @ v.double()
    np.testing.assert_allclose(o.double(), expected, atol=4e-3)
