"""The attention kernels of the clock's cases compute attention: each on a small problem, against torch in float64."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from benchmarks.clock import attention, attention_fp32

if TYPE_CHECKING:
    from conftest import RunCases

RNG = np.random.default_rng(5)

CASES = [*attention.narrow(2, length=256), *attention.wide(1, 256, 1, ("swizzle-qk", "qkv"), "l20", head=128)]
"""One of each kind, at lengths of more than one block and several tiles."""

STEPS = dict(enumerate(attention_fp32.steps(), 1))
FP32_CASES = [
    attention_fp32.attention(str(number), STEPS[number] | ({"HEADS": 2} if "HEADS" in STEPS[number] else {}), 1, 2, 256)
    for number in (1, 3, 6, 8, 9, 10, 16)
]
"""One of each step that changes more than where something is kept."""


@pytest.fixture(scope="module")
def outputs(run_cases: RunCases) -> list[list[torch.Tensor]]:
    """By case: Q, K, V and O, of so many rows of so many heads."""
    runs = []
    for case in (*CASES, *FP32_CASES):
        numbers = RNG.normal(size=(4, case.arrays[0].bytes // 2)).astype(np.float16)
        runs.append((case, list(numbers)))
    return [[torch.from_numpy(x) for x in run] for run in run_cases(runs)]


@pytest.mark.parametrize("index", range(len(CASES)), ids=[case.row for case in CASES])
def test_attention(index: int, outputs: list[list[torch.Tensor]]) -> None:
    shape = (-1, 256, int(CASES[index].defines["HEAD"]))
    q, k, v, o = (x.view(shape) for x in outputs[index])
    np.testing.assert_allclose(o.double(), expected(q, k, v), atol=4e-3)


@pytest.mark.parametrize("index", range(len(FP32_CASES)), ids=[case.row for case in FP32_CASES])
def test_attention_with_sums_in_fp32(index: int, outputs: list[list[torch.Tensor]]) -> None:
    q, k, v, o = (x.view(256, 2, attention_fp32.HEAD).transpose(0, 1) for x in outputs[len(CASES) + index])
    np.testing.assert_allclose(o.double(), expected(q, k, v), atol=1e-3)


def expected(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    """Attention in float64, heads in the first dimension."""
    scores = q.double() @ k.double().transpose(1, 2) / np.sqrt(q.shape[-1])
    return torch.softmax(scores, 2) @ v.double()
