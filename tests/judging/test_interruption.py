"""Whoever stops waiting for verdicts gets away at once, and the grader stays usable."""

from __future__ import annotations

import time

import pytest

from cudagym.grader import Grader

ENDLESS = """
__global__ void spin(float* y) { for (volatile unsigned long long k = 1; k; k += 2) {} y[0] = 1; }
extern "C" void solve(const float* x, float* y, int n) { spin<<<1, 1>>>(y); }
"""


class EnoughError(Exception):
    """Raised instead of pressing Ctrl-C."""


def test_stopping_ends_what_runs_and_drops_what_waits() -> None:
    def stop(reached: int, wanted: int) -> None:
        if reached:
            raise EnoughError

    unseen = time.time_ns()
    sources = [f"no kernel {unseen}", *(f"{ENDLESS}int unseen_{unseen}_{i};" for i in range(3))]
    with Grader("sim:h100", workers=2) as grader:
        started = time.monotonic()
        with pytest.raises(EnoughError):
            grader.grade_many([("relu_fp32", source) for source in sources], progress=stop)
        assert time.monotonic() - started < 20
        assert grader.grade("relu_fp32", "still no kernel").status == "build_failed"
