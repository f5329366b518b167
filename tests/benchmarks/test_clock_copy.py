"""The copies of the clock's benchmark."""

from __future__ import annotations

import numpy as np

from benchmarks.clock import copy


def test_copies(run_cases) -> None:
    n = 2**12 + 3  # no multiple of a word
    cases = []
    for kernel, chunk in (("copy_elements", 0), ("copy_shared", 0), ("copy_words", 4), ("copy_words", 16)):
        for element in (1, 8):
            case = copy.copy(kernel, n, element, chunk=chunk, row="")
            x = np.random.default_rng(1).integers(0, 256, n * element, "u1")
            cases.append((case, (np.zeros_like(x), x)))
    for (case, (_, x)), (got, _) in zip(cases, run_cases(cases), strict=True):
        assert np.array_equal(got, x), (case.calls[0].kernel, case.defines)
