"""The products of the clock's benchmark, against numpy."""

from __future__ import annotations

import numpy as np

from benchmarks.clock import matmul


def test_products(run_cases) -> None:
    rng = np.random.default_rng(7)
    cases = []
    for kernel in matmul.KERNELS:
        m, n, k = (128, 256, 64) if kernel in ("multiply_fours", "multiply_turned") else (70, 150, 45)
        a, b = rng.standard_normal((m, k), "f4"), rng.standard_normal((k, n), "f4")
        cases.append((matmul.product(kernel, m, n, k, row=""), (a, b, np.zeros((m, n), "f4"))))
    for (case, (a, b, _)), (_, _, got) in zip(cases, run_cases(cases), strict=True):
        assert np.allclose(got, a.astype("f8") @ b, rtol=1e-5, atol=1e-5), case.calls[0].kernel
