"""The attention kernels of the clock's cases compute attention: each on a small problem, against numpy."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from small_problems import run

from benchmarks.clock import attention, attention_fp32
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


def fp32_cases() -> list[Case]:
    """One case of each step that changes more than where something is kept."""
    steps = attention_fp32.steps()
    names = (1, 2, 3, 6, 7, 8, 9, 10, 16)
    chosen = [steps[i - 1] | ({"HEADS": 2} if i == 16 else {}) for i in names]
    return [attention_fp32.attention(f"{i}", step, 1, 2, 256) for i, step in zip(names, chosen, strict=True)]


CASES = small_cases()
FP32_CASES = fp32_cases()


@pytest.fixture(scope="module")
def programs() -> list[Program]:
    return compile_cases([*CASES, *FP32_CASES], find_toolchain())


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
    np.testing.assert_allclose(o.double(), expected(q, k, v), atol=4e-3)


@pytest.mark.parametrize("index", range(len(FP32_CASES)), ids=[case.row for case in FP32_CASES])
def test_attention_with_sums_in_fp32(index: int, programs: list[Program], device: SimulatedGPU) -> None:
    q, k, v = torch.from_numpy(RNG.normal(size=(3, 256, 2, attention_fp32.HEAD))).to(torch.float16)
    o = torch.full_like(q, 77)
    run(device, programs[len(CASES) + index], q, k, v, o)
    by_head = expected(*(x.transpose(0, 1) for x in (q, k, v))).transpose(0, 1)
    np.testing.assert_allclose(o.double(), by_head, atol=1e-3)


def expected(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    """Attention in float64, heads in the first dimension."""
    scores = q.double() @ k.double().transpose(1, 2) / np.sqrt(q.shape[-1])
    return torch.softmax(scores, 2) @ v.double()
