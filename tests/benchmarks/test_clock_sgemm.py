"""The SGEMM ladders of the clock's cases compute products: each rung once on a small problem, against numpy."""

from __future__ import annotations

import csv
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.clock import sgemm
from benchmarks.clock.cases import HERE, Case

if TYPE_CHECKING:
    from conftest import RunCases

RNG = np.random.default_rng(5)
SIZE = (256, 256, 64)


def small_cases() -> list[Case]:
    """One case of each kernel, at a size at which pipelines turn around."""
    ladders = [ladder(SIZE) for ladder in (sgemm.a6000, sgemm.a100, sgemm.rtx3090)]
    ladders += [ladder((SIZE,)) for ladder in (sgemm.p100, sgemm.v100, sgemm.gtx1060)]
    ladders += [sgemm.seven_cards({"h100": [SIZE]})]
    return list({case.source + str(case.defines): case for case in chain(*ladders)}.values())


def test_products(run_cases: RunCases) -> None:
    m, n, k = SIZE
    a, b, c = (RNG.normal(size=shape).astype(np.float32) for shape in ((m, k), (k, n), (m, n)))
    cases = small_cases()
    for case, (_, _, result) in zip(cases, run_cases([(case, (a, b, c)) for case in cases]), strict=True):
        alpha, beta = (argument for argument in case.calls[0].arguments if isinstance(argument, float))
        products = a.astype(np.float64) @ b
        if "half" in str(case.defines["RUNG"]):
            products.reshape(-1, 16, n)[:, 8:] = 0
        expected = alpha * products + beta * c.astype(np.float64)
        np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-4, err_msg=str(case.defines["RUNG"]))


def test_every_row_has_a_case_of_its_size() -> None:
    tables = {case.table for case in sgemm.CASES}
    with (HERE / "published.csv").open(newline="") as file:
        published = {row["id"]: row for row in csv.DictReader(file) if row["table"] in tables}
    assert {case.row for case in sgemm.CASES} == {row for row in published if published[row]["library"] == "False"}
    for case in sgemm.CASES:
        assert published[case.row]["problem"].split()[0] == f"M=N=K={case.calls[0].arguments[0]}", case.row
