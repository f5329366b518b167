"""The tensor-core ladders of the clock's cases compute products: each rung on a small problem, against numpy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from benchmarks.clock import tensor_gemm
from benchmarks.clock.cases import Case

if TYPE_CHECKING:
    from conftest import RunCases

SIZE = 128
TORCH = {
    "half": torch.float16,
    "bf16": torch.bfloat16,
    "float": torch.float32,
    "int8_t": torch.int8,
    "int": torch.int32,
}
EPSILON = {"float": 1e-5, "bf16": 2**-8, "int": 0.0}
RNG = np.random.default_rng(3)

CASES = [
    *tensor_gemm.ada(SIZE),
    *tensor_gemm.geforce(2 * SIZE, dict.fromkeys(("v1", "v3", "v6b"), "")),
    *tensor_gemm.workstation(SIZE, 1),
    tensor_gemm.geforce_wide(2 * SIZE, "", "i8"),
]
"""One of each rung, at sizes at which the pipelines still turn around."""


def operands(case: Case) -> list[torch.Tensor]:
    dtype, size = TORCH[str(case.defines["OPERAND"])], case.calls[0].arguments[-1]
    numbers = RNG.integers(-9, 10, (2, size, size)) if dtype == torch.int8 else RNG.normal(size=(2, size, size))
    return [*torch.from_numpy(numbers).to(dtype), torch.full((size, size), 77, dtype=TORCH[str(case.defines["OUT"])])]


@pytest.fixture(scope="module")
def products(run_cases: RunCases) -> list[list[torch.Tensor]]:
    """By case: A, B and C."""
    arrays = [operands(case) for case in CASES]
    runs = run_cases([(c, [x.view(torch.uint8).numpy() for x in xs]) for c, xs in zip(CASES, arrays, strict=True)])
    return [
        [torch.from_numpy(data).view(x.dtype) for data, x in zip(run, xs, strict=True)]
        for run, xs in zip(runs, arrays, strict=True)
    ]


@pytest.mark.parametrize("index", range(len(CASES)), ids=[f"{c.defines['RUNG']}-{i}" for i, c in enumerate(CASES)])
def test_product(index: int, products: list[list[torch.Tensor]]) -> None:
    a, b, c = (x.to(torch.float64).numpy() for x in products[index])
    defines: dict[str, Any] = CASES[index].defines
    by_k = defines["RUNG"] != "fragments" or defines.get("B_BY_K") == 1
    np.testing.assert_allclose(c, a @ (b if by_k else b.T), rtol=EPSILON[defines["OUT"]], atol=EPSILON[defines["OUT"]])
