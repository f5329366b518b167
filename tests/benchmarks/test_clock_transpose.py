"""The transposes of the clock's benchmark, against numpy."""

from __future__ import annotations

import numpy as np

from benchmarks.clock import transpose


def test_transposes(run_cases) -> None:
    cases = []
    for kernel in (*transpose.TILES, *transpose.LINES, *transpose.SQUARES):
        if kernel == "square_diagonal":
            rows = columns = 64
        else:
            rows, columns = (70, 45) if kernel in transpose.TILES else (64, 128)
        case = transpose.transpose(kernel, rows, columns, table="T45", row="", gpu="h100")
        x = np.arange(rows * columns, dtype="f4").reshape(rows, columns)
        cases.append((case, (x, np.zeros((columns, rows), "f4"))))
    for (case, (x, _)), (_, got) in zip(cases, run_cases(cases), strict=True):
        assert np.array_equal(got, x.T), case.calls[0].kernel
