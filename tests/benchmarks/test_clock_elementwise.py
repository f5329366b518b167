"""Products, sums, embeddings and GELU of the clock's benchmark, against numpy."""

from __future__ import annotations

import numpy as np

from benchmarks.clock import elementwise

NUMPY = {elementwise.FLOAT: "f4", elementwise.HALF: "f2"}
RNG = np.random.default_rng(5)


def test_products_and_sums(run_cases) -> None:
    cases = [elementwise.product(e, 256 * 24, packs=False, row="") for e in NUMPY]
    cases += [elementwise.product(e, 256 * 24 + 3, packs=True, row="") for e in NUMPY]
    cases += [elementwise.tensor_sum(*form, 3, 256, row="") for form in elementwise.SUMS]
    cases += [elementwise.residual(64, 1000, row="")]
    given = []
    for case in cases:
        dtype = NUMPY[case.defines["ELEMENT"]]
        a, b = (RNG.standard_normal(case.arrays[0].bytes // int(dtype[1])).astype(dtype) for _ in range(2))
        given.append((case, (a, b, np.zeros_like(a))))
    for (case, (a, b, _)), (_, _, got) in zip(given, run_cases(given), strict=True):
        expected = a * b if case.table == "T35" else a + b  # one rounding, as on a GPU
        assert np.array_equal(got, expected), (case.calls[0].kernel, case.defines)


def test_embeddings(run_cases) -> None:
    texts, length, channels, words = 2, 5, 12, 9
    token = RNG.integers(0, words, (texts, length), "i4")
    table, places = RNG.standard_normal((words, channels), "f4"), RNG.standard_normal((length, channels), "f4")
    cases = [
        (
            elementwise.embedding(kernel, 32, (texts, length), channels, words, row=""),
            (np.zeros((texts, length, channels), "f4"), token, table, places),
        )
        for kernel in ("embed", "embed_vectors")
    ]
    for got, *_ in run_cases(cases):
        assert np.array_equal(got, table[token] + places)


def test_gelu(run_cases) -> None:
    x = (RNG.standard_normal(1000).astype("f4") * 2).view("u4") >> 16  # bfloat16
    exact = (x << 16).view("f4").astype("f8")
    expected = 0.5 * exact * (1 + np.tanh(np.sqrt(2 / np.pi) * (exact + 0.044715 * exact**3)))
    bits = x.astype("u2")
    cases = [
        (elementwise.gelu(kernel, 64, 1000, row=""), (np.zeros_like(bits), bits)) for kernel in ("gelu", "gelu_approx")
    ]
    for (got, _), error in zip(run_cases(cases), (2**-8, 2**-7), strict=True):
        values = (got.astype("u4") << 16).view("f4")
        assert np.allclose(values, expected, rtol=error, atol=2**-10)
