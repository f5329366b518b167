"""Cooperative groups of every kind and barriers in every form, against numpy."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.typing import NDArray

from cudagym.build.program import address_of

if TYPE_CHECKING:
    from machine_code import Builds, Code

RNG = np.random.default_rng(31)
Ints = NDArray[np.int32]


@pytest.fixture
def code(builds: Builds) -> Code:
    return builds["groups"]


def ints(n: int) -> Ints:
    return RNG.integers(0, 200, n, np.int32)


def run(code: Code, name: str, x: Ints, shape: tuple[int, ...]) -> Ints:
    """The kernel's output, the same under five seeded schedules."""
    first = np.zeros(shape, np.int32)
    code.run(name, 1, len(x), x, first)
    for seed in range(1, 6):
        out = np.zeros(shape, np.int32)
        ended = code.execute([code.launch(name, 1, len(x), address_of(0), address_of(1))], x, out, schedule=seed)
        assert not ended.faults, ended.faults[0].message
        np.testing.assert_array_equal(out, first, err_msg=f"schedule {seed}")
    return first


def by_group(x: Ints, size: int, function: Callable[[Ints], object]) -> Ints:
    """`function` of each run of `size` values, side by side."""
    return np.concatenate([np.broadcast_to(function(part), size) for part in x.reshape(-1, size)]).astype(np.int32)


def exclusive_xor(x: Ints) -> Ints:
    return np.concatenate([[0], np.bitwise_xor.accumulate(x)[:-1]])


def test_tiles_of_every_size(code: Code) -> None:
    x = ints(256)
    out = run(code, "tiles_of_every_size", x, (6, 6, 256))
    rank = np.arange(256)
    for k, size in enumerate((1, 2, 4, 8, 16, 32)):
        want = [
            by_group(x, size, np.sum),
            by_group(x, size, np.min),
            by_group(x, size, np.cumsum),
            by_group(x, size, exclusive_xor),
            by_group(x, size, lambda part: part[-1]) + 1000 * x[rank ^ size // 2] + 1000000 * (rank % size),
            rank // size
            + 1000 * by_group(x, size, lambda part: (part == 3).any())
            + 2000 * by_group(x, size, lambda part: (part < 190).all())
            + 4000 * by_group(x, size, lambda part: (part & 1).sum()),
        ]
        for row, values in enumerate(want):
            np.testing.assert_array_equal(out[k, row], values, err_msg=f"size {size}, row {row}")


def test_tiles_of_several_warps(code: Code) -> None:
    x = ints(256)
    out = run(code, "tiles_of_several_warps", x, (4, 256))
    rank = np.arange(256)
    np.testing.assert_array_equal(out[0], by_group(x, 128, np.sum) + 100000 * (rank // 128))
    np.testing.assert_array_equal(out[1], by_group(x, 128, np.cumsum))
    some = by_group(x, 128, lambda part: part[77] + 1000 * (part == 3).any() + 2000 * (part < 250).all())
    np.testing.assert_array_equal(out[2], some)
    np.testing.assert_array_equal(out[3], by_group(x, 64, np.max) + 1000 * (rank % 64))


def test_partitions_by_label_by_value_and_by_who_is_there(code: Code) -> None:
    x = ints(64)
    out = run(code, "partitions", x, (6, 64))
    for t, v in enumerate(x.tolist()):
        warp = range(t // 32 * 32, t // 32 * 32 + 32)
        same = [k for k in warp if x[k] % 3 == v % 3]
        odd = [k for k in warp if x[k] % 2 == v % 2]
        assert out[0, t] == x[same].sum() + 100000 * same.index(t)
        assert out[1, t] == len(odd) + 100 * odd.index(t) + 10000 * x[odd[0]]
        assert out[5, t] == t % 8 + 800
        if v % 5 >= 2:
            continue
        here = [k for k in warp if x[k] % 5 < 2]
        rank = here.index(t)
        assert out[2, t] == len(here) + 100 * rank + 10000 * x[here[0]]
        assert out[3, t] == x[here].sum() + 10000 * x[here[:rank]].sum()
        agreeing = sum(1 << k for k, other in enumerate(here) if x[other] & 3 == v & 3)
        assert out[4, t] == np.uint32((int(x[here[max(rank - 1, 0)]]) + 1000 * agreeing) % 2**32).astype(np.int32)


def test_scans_that_update_a_total(code: Code) -> None:
    x, out = ints(128), np.zeros(128, np.int32)
    code.run("scans_that_update", 1, 128, x, out)
    starts = []
    for w in range(4):
        sums = np.cumsum(x[32 * w : 32 * w + 32])
        (start,) = set(out[32 * w : 32 * w + 32] - sums)
        starts.append((start, sums[-1]))
    end = 0
    for start, total in sorted(starts):
        assert start == end
        end += total


def test_arriving_and_waiting_apart(code: Code) -> None:
    x = ints(128)
    np.testing.assert_array_equal(run(code, "split_sync", x, (128,)), x[::-1] + 2 * x)


@pytest.mark.parametrize("only_even", [False, True])
def test_barriers_in_every_form(code: Code, only_even: bool) -> None:
    x = ints(128) & ~1 if only_even else ints(128)
    out = run(code, "barrier_forms", x, (11, 128))
    handed = [x[::-1] + n for n in range(6)]
    np.testing.assert_array_equal(out[:6], handed)
    np.testing.assert_array_equal(out[8], x[::-1] + 8)
    odd = x & 1
    np.testing.assert_array_equal(out[6], x[::-1] + 6)
    assert (out[7] == int(not odd.any())).all()
    assert (out[9] == int(odd.any())).all()
    np.testing.assert_array_equal(out[10, 64:], x[:64][::-1])
