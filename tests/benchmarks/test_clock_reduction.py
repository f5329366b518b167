"""The sums of the clock's benchmark, against numpy."""

from __future__ import annotations

import numpy as np

from benchmarks.clock import reduction


def test_block_sums(run_cases) -> None:
    cases = []
    for integers in (False, True):
        for kernel, per_thread in reduction.ONE_PER_BLOCK.items():
            if integers and (per_thread == 0 or per_thread > 2):
                continue
            case = reduction.per_block(
                kernel,
                3 * 256 * max(per_thread, 4),
                table="T34",
                row="",
                gpu="h100",
                clock_mhz=1000.0,
                blocks=0 if per_thread else 2,
                integers=integers,
            )
            n = case.arrays[0].bytes // 4
            x = np.random.default_rng(1).integers(-9, 9, n).astype("i4" if integers else "f4")
            cases.append((case, (x, np.zeros(case.arrays[1].bytes // 4, x.dtype))))
    assert len(cases) == 15
    for (case, (x, sums)), (_, got) in zip(cases, run_cases(cases), strict=True):
        if case.calls[0].kernel == "sum_vectors":
            blocks = x.reshape(-1, 1024)  # 256 threads of four elements, dealt to the blocks in turn
            expected = [blocks[b :: len(sums)].sum() for b in range(len(sums))]
        else:
            expected = x.reshape(len(sums), -1).sum(axis=1)
        assert np.array_equal(got, expected), case.calls[0].kernel


def test_row_sums(run_cases) -> None:
    rows, columns = 3, 9000
    x = np.random.default_rng(2).standard_normal((rows, columns), "f4")
    cases = [
        (reduction.per_row(kernel, rows, columns, row=""), (x, np.zeros(rows, "f4")))
        for kernel in reduction.ONE_PER_ROW
    ]
    for (case, _), (_, got) in zip(cases, run_cases(cases), strict=True):
        assert np.allclose(got, x.sum(axis=1, dtype="f8"), rtol=0, atol=1e-3), case.calls[0].kernel


def test_totals(run_cases) -> None:
    n = 150_000  # no multiple of what a block takes
    x = np.random.default_rng(3).integers(0, 100, n, "i4")
    cases = [(reduction.total(kernel, n, row=""), (x, np.zeros(1, "i4"))) for kernel in reduction.ONE]
    for (case, _), (_, got) in zip(cases, run_cases(cases), strict=True):
        assert got[0] == x.sum(), case.calls[0].kernel
