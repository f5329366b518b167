"""The judge on specs of a user's own, right ones and broken ones."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from cudagym import Grader, KernelSpec
from cudagym.errors import UsageError
from cudagym.specs.distributions import NORMAL, WIDE
from cudagym.specs.spec import DType, scalar, tensor_in, tensor_out


def spec(**changes: Any) -> KernelSpec:
    """`y[r] = 0`, whatever the rows of x hold: what no kernel needs to read."""
    fields: dict[str, Any] = {
        "name": "nothing",
        "family": "reduction",
        "split": "train",
        "summary": "y[r] = 0",
        "parameters": (
            tensor_in("x", DType.F32, "rows", "cols"),
            tensor_out("y", DType.F32, "rows"),
            scalar("rows"),
            scalar("cols"),
        ),
        "check_shapes": ({"rows": 1, "cols": 1}, {"rows": 37, "cols": 5}, {"rows": 300, "cols": 8}),
        "timing_shape": {"rows": 8192, "cols": 8192},
        "reference": lambda t, s: {"y": torch.zeros(s["rows"], dtype=torch.float64)},
        "flops": lambda s: 0.0,
        "independent": ("rows",),
        "distributions": (NORMAL, WIDE),
    }
    return KernelSpec(**{**fields, **changes})


LAZY = """
__global__ void zero(float* y, int rows) {
    int r = blockIdx.x * blockDim.x + threadIdx.x;
    if (r < rows) y[r] = 0.0f;
}
extern "C" void solve(const float* x, float* y, int rows, int cols) {
    zero<<<(rows + 255) / 256, 256>>>(y, rows);
}
"""


def test_faster_than_physics_is_suspect() -> None:
    with Grader("sim:h100", cached=False, workers=1) as grader:
        verdict = grader.grade(spec(), LAZY)
    assert (verdict.status, verdict.owner) == ("suspect", "grader"), verdict.message
    assert "faster than" in verdict.message


def test_misuse_is_told_in_a_sentence() -> None:
    grader = Grader("sim:h100", workers=1)
    for spec_, source, said in (
        (123, LAZY, "a spec is"),
        (spec(), b"bytes", "a source is"),
        ("no_such", LAZY, "no_such"),
    ):
        with pytest.raises(UsageError, match=said):
            grader.grade(spec_, source)  # type: ignore[arg-type]
    grader.close()
    with pytest.raises(UsageError, match="closed"):
        grader.grade(spec(), LAZY)


@pytest.mark.parametrize(
    ("reference", "said"),
    [(lambda t, s: {"y": 1 / 0}, "ZeroDivisionError"), (lambda t, s: {"z": t["x"]}, "does not give y")],
)
def test_a_broken_reference_is_the_specs_fault(reference: Any, said: str) -> None:
    with Grader("sim:h100", cached=False, workers=1) as grader, pytest.raises(UsageError, match=said):
        grader.grade(spec(reference=reference), LAZY)


def test_a_bug_of_ours_is_one_verdict_and_not_the_end_of_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ValueError("slot 1024 is outside")

    monkeypatch.setattr("cudagym.build.builder.Builder.record", broken)
    with Grader("sim:h100", cached=False, workers=1) as grader:
        verdict = grader.grade(spec(), LAZY)
    assert (verdict.status, verdict.owner) == ("grader_error", "grader")
    assert "ValueError: slot 1024 is outside" in verdict.message


def test_checks_have_an_end_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cudagym.judge.CHECK_SECONDS", 0.0)
    with Grader("sim:h100", cached=False, workers=1) as grader:
        verdict = grader.grade(spec(), LAZY)
    assert (verdict.status, "longer than" in verdict.message) == ("timed_out", True)


def test_races_where_only_the_largest_shape_has_two_blocks() -> None:
    """Whoever comes last wins, and both are right: numbers say nothing of it."""
    racy = LAZY.replace("if (r < rows) y[r] = 0.0f;", "if (r < rows) y[r] = 0.0f; if (blockIdx.x) y[0] = -0.0f;")
    with Grader("sim:h100", cached=False, workers=1) as grader:
        verdict = grader.grade(spec(), racy)
    assert (verdict.status, verdict.faults[0].kind) == ("faulted", "race"), verdict.message
