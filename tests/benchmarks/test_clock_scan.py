"""The running sums of the clock's benchmark, against numpy."""

from __future__ import annotations

import numpy as np

from benchmarks.clock import scan


def test_scans(run_cases) -> None:
    n = 1536
    x = np.random.default_rng(6).integers(-99, 99, n, "i4")
    cases = [(scan.scan(kernel, n, row=""), (x, np.zeros_like(x))) for kernel in scan.KERNELS]
    for (case, _), (_, got) in zip(cases, run_cases(cases), strict=True):
        threads, per_thread = scan.KERNELS[case.calls[0].kernel]
        expected = np.cumsum(x.reshape(-1, threads * per_thread), axis=1)
        assert np.array_equal(got.reshape(expected.shape), expected), case.calls[0].kernel
