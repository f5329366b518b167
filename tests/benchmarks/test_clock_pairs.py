"""The two kernels of each of the clock's pairs do the same work, which numpy does too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from conftest import CARD, RunCases
from numpy.typing import NDArray

from benchmarks.clock.cases import Case
from benchmarks.clock.pairs import PAIRS, pairs

Arrays = list[NDArray[Any]]
Oracle = Callable[..., NDArray[Any]]
RNG = np.random.default_rng(7)
SMALL = pairs(CARD, shrink=256)


def repeated(step: Callable[[NDArray[Any]], NDArray[Any]]) -> Oracle:
    def values(x: NDArray[Any], turns: int) -> NDArray[Any]:
        v = x.astype(np.float64)
        for _ in range(turns):
            v = step(v)
        return v

    return values


def chained(v: NDArray[Any]) -> NDArray[Any]:
    return 0.75 * v + 0.125


def product(a: NDArray[Any], b: NDArray[Any], n: int) -> NDArray[Any]:
    return (a.reshape(n, n).astype(np.float64) @ b.reshape(n, n)).reshape(-1)


def column_sums(x: NDArray[Any], turns: int) -> NDArray[Any]:
    rows = x.reshape(32, 32).astype(np.float64)
    warps = [sum(rows[:, (turn + warp) % 32] for turn in range(turns)) for warp in range(8)]
    return np.stack(warps).reshape(-1)


def four_ways(x: NDArray[Any]) -> NDArray[Any]:
    steps: tuple[Callable[[NDArray[Any]], NDArray[Any]], ...] = (
        lambda v: v * 0.5 + 0.25,
        lambda v: np.maximum(v * 0.5, 0.125),
        lambda v: v * v * 0.5 + 0.125,
        lambda v: np.abs(v) * 0.5 - 0.375,
    )
    return np.stack([repeated(step)(x[way::4], 512) for way, step in enumerate(steps)], axis=1).reshape(-1)


def uneven(x: NDArray[Any]) -> NDArray[Any]:
    result = repeated(chained)(x, 32)
    result[::32] = repeated(chained)(x[::32], 2048)
    return result


def streams(x: NDArray[Any], turns: int) -> NDArray[Any]:
    values = x.reshape(-1, turns, 128).astype(np.float64)
    total = np.zeros((len(values), 128))
    for turn in range(turns):
        for _ in range(160):
            total = total * 0.75 + values[:, turn]
    return total.reshape(-1)


def binned(bits: int) -> Oracle:
    def sums(x: NDArray[Any], n: int) -> NDArray[Any]:
        bins = ((x + np.arange(n)).astype(np.uint32) * np.uint32(2654435761)) >> np.uint32(32 - bits)
        return np.bincount(bins, weights=x, minlength=256)

    return sums


def many_sums(x: NDArray[Any], turns: int) -> NDArray[Any]:
    total = np.zeros(32)
    sums = np.arange(48.0)[:, None] + total
    for turn in range(turns):
        sums = sums * 0.5 + x[32 * turn : 32 * turn + 32]
    return sums.sum(axis=0)


def quotients(x: NDArray[Any], by: int, turns: int) -> NDArray[Any]:
    v, total = x.astype(np.uint32), np.zeros(len(x), np.uint32)
    for _ in range(turns):
        total += v // np.uint32(by)
        v = v * np.uint32(1664525) + np.uint32(1013904223)
    return total.view(np.int32)


def centred(v: NDArray[Any]) -> NDArray[Any]:
    blocks = v.reshape(-1, 1024)
    return (0.5 * blocks - blocks.mean(axis=1, keepdims=True)).reshape(-1)


def rotated(x: NDArray[Any], turns: int) -> NDArray[Any]:
    v = np.broadcast_to(np.arange(16.0)[:, None], (16, len(x)))
    for _ in range(turns):
        v = v * 0.5 + x
    return v.sum(axis=0)


ORACLES: dict[str, Oracle] = {
    "copy_down_columns": lambda x, n: x,
    "field_of_structures": lambda x: x[::8],
    "field_of_arrays": lambda x: x[: len(x) // 8],
    "conflicting_columns": column_sums,
    "product_from_memory": product,
    "product_from_tiles": product,
    "twice": lambda x, n: 2 * x,
    "read_in_turn": streams,
    "copy_bytes": lambda x: x,
    "sum_by_threads": lambda x: x.sum(dtype=np.float64, keepdims=True),
    "bins_in_memory": binned(8),
    "bins_of_blocks": binned(2),
    "matrix_for_each_vector": lambda a, x, rows, n: (x.reshape(8, n).astype(np.float64) @ a.reshape(rows, n).T).ravel(),
    "ways_of_lanes": four_ways,
    "long_lanes": uneven,
    "sums_in_32_registers": many_sums,
    "chains_in_turn": repeated(chained),
    "one_long_block": lambda x, turns, _: np.concatenate(
        [repeated(chained)(x[:128], 24 * turns), repeated(chained)(x[128:], turns)]
    ),
    "divide": quotients,
    "double_constants": repeated(chained),
    "exact_roots": lambda x, turns: repeated(lambda v: 1 / np.sqrt(v) + 0.5)(np.abs(x) + 1, turns),
    "centre_by_halving": repeated(centred),
    "array_in_memory": rotated,
}
"""By the slow kernel's name what both leave in their last array; a fast one is named where its input lies otherwise."""


def random_arrays(case: Case) -> Arrays:
    def filled(number: int, dtype: str, content: str) -> NDArray[Any]:
        if content == "zeros":
            return np.zeros(number, np.float32 if dtype == "f32" else np.int32)
        if dtype == "i32":
            return RNG.integers(0, 1000, number, dtype=np.int32)
        return RNG.uniform(-1, 1, number).astype(np.float32)

    return [filled(array.bytes // 4, array.dtype, array.content) for array in case.arrays]


def test_both_compute_the_same(run_cases: RunCases) -> None:
    inputs = [random_arrays(pair.slow) for pair in SMALL]
    results = run_cases([(case, x) for pair, x in zip(SMALL, inputs, strict=True) for case in (pair.slow, pair.fast)])
    for pair, arrays, slow, fast in zip(SMALL, inputs, results[::2], results[1::2], strict=True):
        for case, result in ((pair.slow, slow[-1]), (pair.fast, fast[-1])):
            oracle = ORACLES.get(case.calls[0].kernel) or ORACLES[pair.slow.calls[0].kernel]
            scalars = (argument for argument in pair.slow.calls[0].arguments if isinstance(argument, int))
            expected = oracle(*arrays[:-1], *scalars)
            expected = np.tile(expected, len(result) // len(expected))
            np.testing.assert_allclose(result, expected, rtol=1e-3, atol=1e-3, err_msg=case.calls[0].kernel)


def test_each_pair_has_a_cause_of_its_own() -> None:
    assert len({pair.cause for pair in PAIRS}) == len(PAIRS)
    assert len({call.kernel for pair in PAIRS for case in (pair.slow, pair.fast) for call in case.calls}) >= 40
    for pair in PAIRS:
        assert pair.slow != pair.fast
        assert pair.slow.arrays == pair.fast.arrays
