"""Lanes that part and meet: what together.py takes for uniform or side by side, and is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

if TYPE_CHECKING:
    from machine_code import Builds, Code

RNG = np.random.default_rng(3)


@pytest.fixture
def code(builds: Builds) -> Code:
    return builds["together"]


@pytest.fixture(params=[False, True], ids=["fast", "checked"])
def checked(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.mark.parametrize("threads", [32, 40, 96])
def test_lanes_keep_the_counter_they_left_with(code: Code, threads: int, checked: bool) -> None:
    limits, out = RNG.integers(0, 30, threads, np.int32), np.zeros(threads, np.int32)
    code.run("left_early", 1, threads, limits, out, 20, checked=checked)
    left = np.minimum(limits, 20)
    assert out.tolist() == [sum(k * k for k in range(n)) + sum(n ^ k for k in range(20)) for n in left.tolist()]


@pytest.mark.parametrize("threads", [32, 50])
def test_lanes_part_in_every_round(code: Code, threads: int, checked: bool) -> None:
    x, out = RNG.integers(0, 1000, (25, threads), np.int32), np.zeros(threads, np.int32)
    code.run("part_and_meet", 1, threads, x, out, 25, checked=checked)
    for t in range(threads):
        total = 0
        for k in range(25):
            total = total + 7 * k if (t ^ k) % 3 == 0 else total ^ k if t % 2 else total
            total += int(x[k, t])
        assert out[t] == total


def test_indices_that_wrap_are_no_neighbours(code: Code, checked: bool) -> None:
    x, out = RNG.integers(0, 1000, 4096, np.int32), np.zeros((9, 64), np.int32)
    code.run("wrapped", 1, 64, x, out, 2**32 - 37, 9, checked=checked)
    i = (np.arange(64) + np.arange(9)[:, None] + 2**32 - 37) % 2**32
    np.testing.assert_array_equal(out, x[np.minimum(i, 4095)] + x[(i + 5) % 64])


@pytest.mark.parametrize("n", [1, 31, 64, 100])
def test_nothing_behind_the_last_lane_is_touched(code: Code, n: int, checked: bool) -> None:
    x, out = RNG.integers(0, 1000, 128, np.int32), np.full(128, -1, np.int32)
    code.run("tail", 1, 64, x, out, n, checked=checked)
    assert (out[:n] == 2 * x[:n]).all()
    assert (out[n:] == -1).all()
    short = np.zeros(n, np.int32)
    fault = code.fault("tail", 1, 64, x, short, n + 1, checked=checked)
    assert (fault.kind, fault.buffer, fault.address - fault.address % 4) == ("out_of_bounds", "b", fault.address)
    assert fault.thread is not None
    assert fault.thread[0] == n % 64
