"""Code from the toolkit's headers: cooperative groups, CUB, asynchronous copies, 128-bit integers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from cudagym.build.program import address_of
from cudagym.errors import LaunchFailed

if TYPE_CHECKING:
    from machine_code import Builds, Code

RNG = np.random.default_rng(5)


@pytest.fixture
def code(builds: Builds) -> Code:
    return builds["library"]


def test_cooperative_groups(code: Code) -> None:
    x, out = RNG.integers(0, 50, 64, np.int32), np.zeros(64, np.int32)
    code.run("tiles", 1, 64, x, out)
    sums = np.repeat(x.reshape(8, 8).sum(1), 8)
    for t in range(64):
        warp = t // 32 * 32
        some = [k for k in range(warp, warp + 32) if k % 3 == 0]
        assert out[t] == sums[t] + (sums[some[0]] * 1000 + len(some) if t % 3 == 0 else 0)


def test_blocks_meet_at_a_grid_barrier(code: Code) -> None:
    x, parts = RNG.integers(0, 50, 640, np.int32), np.zeros(640, np.int32)
    out = np.zeros((3, 10, 64), np.int32)
    launch = code.launch("grid_sum", 10, 64, address_of(0), address_of(1), address_of(2))
    launch = launch.model_copy(update={"cooperative": True})
    run = code.execute([launch], x, parts, out, checked=True)
    assert not run.faults, run.faults[0].message
    for k in range(3):
        np.testing.assert_array_equal(out[k], np.tile((x + k).reshape(10, 64).sum(0), (10, 1)))
    crowd = launch.model_copy(update={"grid": (132 * 32 + 1, 1, 1)})
    with pytest.raises(LaunchFailed, match="cooperative"):
        code.execute([crowd], x, parts, out)


def test_block_sort_and_scan(code: Code) -> None:
    x, out = RNG.integers(-(2**31), 2**31, 512).astype(np.int32), np.zeros(512, np.int32)
    code.run("sort", 1, 128, x, out)
    np.testing.assert_array_equal(out, np.sort(x))
    small, sums = RNG.integers(0, 100, 128, np.int32), np.zeros(128, np.int32)
    code.run("scan", 1, 128, small, sums)
    np.testing.assert_array_equal(sums, np.cumsum(small))


def test_atomic_references(code: Code) -> None:
    x, out = np.zeros(1, np.int32), np.zeros(64, np.int32)
    code.run("references", 1, 64, x, out)
    assert sorted(out % 1000) == list(range(0, 128, 2))
    assert (out // 1000 == 128).all()


def test_asynchronous_copies_with_zero_fill(code: Code) -> None:
    x, out = RNG.normal(size=(128, 4)).astype(np.float32), np.zeros((128, 4), np.float32)
    code.run("copies", 1, 128, x, out, 100)
    want = x.copy()
    want[100:] = 0
    np.testing.assert_array_equal(out, want[::-1])


def test_128_bit_integers(code: Code) -> None:
    x, out = RNG.integers(0, 2**64, 64, np.uint64), np.zeros(64, np.uint64)
    code.run("wide_integers", 1, 32, x, out)
    for t in range(32):
        v = (int(x[t]) * int(x[t + 32]) + int(x[t])) // 1000003
        assert (int(out[2 * t]), int(out[2 * t + 1])) == (v & 2**64 - 1, v >> 64)
