"""The layer norms of the clock's benchmark, against numpy."""

from __future__ import annotations

import numpy as np

from benchmarks.clock import norm


def test_layer_norms(run_cases) -> None:
    rows, channels = 5, 96
    rng = np.random.default_rng(4)
    x, weight, bias = (rng.standard_normal(shape, "f4") for shape in ((rows, channels), channels, channels))
    outputs = np.zeros_like(x), np.zeros(rows, "f4"), np.zeros(rows, "f4")
    cases = [
        (norm.layer_norm(kernel, threads, rows, channels, row=""), (*outputs, x, weight, bias))
        for kernel, threads in (("norm_by_warps", 32), ("norm_by_warps", 128), ("norm_by_blocks", 64))
    ]
    mean, scale = x.mean(axis=1, dtype="f8"), 1 / np.sqrt(x.var(axis=1, dtype="f8") + 1e-5)
    expected = (x - mean[:, None]) * scale[:, None] * weight + bias
    for got, got_mean, got_scale, *_ in run_cases(cases):
        assert np.allclose(got, expected, rtol=1e-5, atol=1e-5)
        assert np.allclose(got_mean, mean, rtol=0, atol=1e-6)
        assert np.allclose(got_scale, scale, rtol=1e-5)
