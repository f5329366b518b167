"""The clock ranks kernels as hardware does wherever the cause is large.

Each pair computes the same; the first does it in a way that every card punishes. Only the order is claimed.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import pytest

from cudagym import Grader, specs
from cudagym.agents.scripted import ScriptedTeacher
from cudagym.verdict import Verdict

SOLVE = 'extern "C" void solve(const float* x, float* y, int n) {{ {} }}'


def relu(body: str, launch: str) -> str:
    return f"__global__ void relu(const float* __restrict__ x, float* y, int n) {{\n{body}\n}}\n" + SOLVE.format(launch)


SCALAR = relu(
    "int i = blockIdx.x * blockDim.x + threadIdx.x; if (i < n) y[i] = fmaxf(x[i], 0.0f);",
    "relu<<<(n + 255) / 256, 256>>>(x, y, n);",
)
STRIDED = relu(
    "int i = (blockIdx.x * blockDim.x + threadIdx.x) * 32;"
    " for (int k = i; k < i + 32 && k < n; ++k) y[k] = fmaxf(x[k], 0.0f);",
    "relu<<<(n / 32 + 256) / 256, 256>>>(x, y, n);",
)
VECTORISED = relu(
    "int i = blockIdx.x * blockDim.x + threadIdx.x;"
    " if (4 * i + 3 < n) { float4 v = ((const float4*)x)[i]; v.x = fmaxf(v.x, 0.0f); v.y = fmaxf(v.y, 0.0f);"
    " v.z = fmaxf(v.z, 0.0f); v.w = fmaxf(v.w, 0.0f); ((float4*)y)[i] = v; }"
    " else for (int k = 4 * i; k < n; ++k) y[k] = fmaxf(x[k], 0.0f);",
    "relu<<<(n / 4 + 256) / 256, 256>>>(x, y, n);",
)
SERIALISED = relu(
    "__shared__ int turn; if (threadIdx.x == 0) turn = 0; __syncthreads();"
    " int i = blockIdx.x * blockDim.x + threadIdx.x;"
    " for (int k = 0; k < 256; ++k) { if (k == threadIdx.x) { if (i < n) y[i] = fmaxf(x[i], 0.0f); }"
    " __syncthreads(); }",
    "relu<<<(n + 255) / 256, 256>>>(x, y, n);",
)
SPILLED = relu(
    "int i = blockIdx.x * blockDim.x + threadIdx.x; float a[64];"
    " for (int k = 0; k < 64; ++k) a[(k * 7 + i) & 63] = k;"
    " if (i < n) y[i] = fmaxf(x[i], 0.0f) + 0.0f * a[i & 63];",
    "relu<<<(n + 255) / 256, 256>>>(x, y, n);",
)
HALF_EMPTY = SCALAR.replace("(n + 255) / 256", "(n + 127) / 128")
ONE_BLOCK = relu(
    "for (int i = threadIdx.x; i < n; i += blockDim.x) y[i] = fmaxf(x[i], 0.0f);", "relu<<<1, 1024>>>(x, y, n);"
)


@pytest.fixture(scope="module")
def grader() -> Iterator[Grader]:
    with Grader("sim:h100", cached=False) as grader:
        yield grader


@pytest.fixture(scope="module")
def relus(grader: Grader) -> dict[str, float]:
    names = ["SCALAR", "STRIDED", "VECTORISED", "SERIALISED", "SPILLED", "ONE_BLOCK", "HALF_EMPTY"]
    verdicts = grader.grade_many([("relu_fp32", globals()[name]) for name in names])
    return {name: _time(verdict) for name, verdict in zip(names, verdicts, strict=True)}


def _time(verdict: Verdict) -> float:
    assert verdict.time_us is not None, verdict.message
    return verdict.time_us


@pytest.mark.parametrize("slow", ["STRIDED", "SERIALISED", "SPILLED", "ONE_BLOCK"])
def test_coalesced_parallel_code_beats(slow: str, relus: dict[str, float]) -> None:
    assert relus[slow] > 1.3 * relus["SCALAR"]


def test_vectorised_is_not_slower_than_scalar(relus: dict[str, float]) -> None:
    assert relus["VECTORISED"] <= 1.02 * relus["SCALAR"]


def test_blocks_that_do_nothing_do_not_make_it_faster(relus: dict[str, float]) -> None:
    assert relus["HALF_EMPTY"] >= 0.99 * relus["SCALAR"]


@pytest.mark.parametrize("card", ["h100", "a6000"])
def test_register_tiles_beat_tiles_beat_naive(card: str) -> None:
    spec = specs.get("matmul_fp32")
    ladder = [each.source for each in ScriptedTeacher().ladder(spec)]
    with Grader(f"sim:{card}", cached=False) as grader:
        times = [_time(verdict) for verdict in grader.grade_many([(spec, source) for source in ladder])]
    assert all(slow > 1.15 * fast for slow, fast in pairwise(times)), times
