"""An honest kernel, cheap enough to be graded many times, and what its verdicts have in common."""

from __future__ import annotations

import itertools
import time

from cudagym.verdict import Verdict

KERNEL = """
__global__ void relu(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = fmaxf(x[i], 0.0f);
}
extern "C" void solve(const float* x, float* y, int n) { relu<<<(n + 255) / 256, 256>>>(x, y, n); }
"""
_numbers = itertools.count(time.time_ns())


def unseen(source: str = KERNEL) -> str:
    """The source with an idle variable on the host: as no cache knows it, neither its build nor its plans."""
    return f"{source}int unseen_{next(_numbers)};\n"


def told(verdict: Verdict) -> dict[str, object]:
    """A verdict without what differs from run to run."""
    return verdict.model_dump(exclude={"seconds", "source_sha256", "cached", "build_log"})
