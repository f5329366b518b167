"""The tensor-core ladders of the clock's cases compute products: each rung on a small problem, against numpy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from small_problems import run

from benchmarks.clock import tensor_gemm
from benchmarks.clock.cases import Case, compile_cases
from cudagym.build.program import Program
from cudagym.build.toolchain import find_toolchain
from cudagym.simulator.gpu import SimulatedGPU

CARD = "rtx4090"
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


def small_cases() -> list[Case]:
    """One case of each rung, at a size at which the pipelines still turn around."""
    cases = tensor_gemm.ada(SIZE) + tensor_gemm.geforce(2 * SIZE, dict.fromkeys(("v1", "v3", "v4", "v6b"), ""))
    cases += [*tensor_gemm.workstation(SIZE, 1), tensor_gemm.geforce_wide(2 * SIZE, "", "i8")]
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


def values(array: torch.Tensor) -> NDArray[np.float64]:
    return array.to(torch.float64).numpy()


@pytest.mark.parametrize("index", range(len(CASES)), ids=[f"{c.defines['RUNG']}-{i}" for i, c in enumerate(CASES)])
def test_product(index: int, programs: list[Program], device: SimulatedGPU) -> None:
    defines: dict[str, Any] = CASES[index].defines
    operand, result = TORCH[defines["OPERAND"]], TORCH[defines["OUT"]]
    size = CASES[index].calls[0].arguments[-1]
    numbers = RNG.integers(-9, 10, (2, size, size)) if operand == torch.int8 else RNG.normal(size=(2, size, size))
    a, b = torch.from_numpy(numbers).to(operand)
    c = torch.full((size, size), 77, dtype=result)
    run(device, programs[index], a, b, c)
    by_k = defines["RUNG"] != "fragments" or defines.get("B_BY_K") == 1
    expected = values(a) @ (values(b) if by_k else values(b).T)
    np.testing.assert_allclose(values(c), expected, rtol=EPSILON[defines["OUT"]], atol=EPSILON[defines["OUT"]])
