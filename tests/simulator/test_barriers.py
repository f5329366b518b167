"""mbarrier and what the toolkit builds on it: cuda::barrier, cuda::pipeline, asynchronous copies."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np
import pytest
from machine_code import KERNELS
from numpy.typing import NDArray

from cudagym.build.program import address_of

if TYPE_CHECKING:
    from machine_code import Builds, Code

RNG = np.random.default_rng(17)


@pytest.fixture
def code(builds: Builds) -> Code:
    return builds["barriers"]


def ints(n: int) -> NDArray[np.int32]:
    return RNG.integers(0, 200, n, np.int32)


def folded(rows: NDArray[np.int32]) -> NDArray[np.int32]:
    """What a consumer of mirrored rows computes: s = s * 3 + row, modulo 2**32."""
    return functools.reduce(lambda s, row: s * 3 + row, rows[:, ::-1].astype(np.uint32)).astype(np.int32)


@pytest.mark.parametrize("threads", [32, 100, 128])
def test_all_threads_arrive_and_wait(code: Code, threads: int) -> None:
    x, out = ints(threads), np.zeros((4, threads), np.int32)
    code.run("arrive_and_wait", 2, threads, x, out)
    np.testing.assert_array_equal(out, [x[::-1] + k for k in range(4)])


def test_producers_and_consumers_hand_over_two_buffers(code: Code) -> None:
    x, out = ints(9 * 64), np.zeros(64, np.int32)
    code.run("hand_over", 1, 128, x, out, 9)
    np.testing.assert_array_equal(out, folded(2 * x.reshape(9, 64)))


def test_threads_drop_out_of_a_barrier(code: Code) -> None:
    x, out = ints(96), np.zeros(96, np.int32)
    code.run("drop_out", 1, 96, x, out)
    np.testing.assert_array_equal(out, np.where(x & 1, 0, x[x % 2 == 1].sum()))


@pytest.mark.parametrize("name", ["pipeline_of_threads", "pipeline_of_block", "pipeline_with_roles"])
@pytest.mark.parametrize("stages", [1, 2, 7])
def test_pipelines(code: Code, name: str, stages: int) -> None:
    width = 64 if name == "pipeline_with_roles" else 128
    x, out = ints(stages * width), np.zeros(width, np.int32)
    code.run(name, 2, 128, x, out, stages)
    np.testing.assert_array_equal(out, folded(x.reshape(stages, width)))


@pytest.mark.parametrize("seed", range(1, 6))
def test_every_order_of_warps_gives_the_same(code: Code, seed: int) -> None:
    for name, width in (("hand_over", 64), ("pipeline_of_block", 128), ("pipeline_with_roles", 64)):
        x, out, other = ints(5 * width), np.zeros(width, np.int32), np.zeros(width, np.int32)
        code.run(name, 1, 128, x, out, 5)
        launch = code.launch(name, 1, 128, address_of(0), address_of(1), 5)
        run = code.execute([launch], x, other, checked=True, schedule=seed)
        assert not run.faults, run.faults[0].message
        np.testing.assert_array_equal(other, out)


def test_group_copies_and_waits(code: Code) -> None:
    x, out = ints(256), np.zeros(256, np.int32)
    code.run("copy_of_group", 1, 256, x, out)
    np.testing.assert_array_equal(out, x[::-1])


def test_every_form_of_arrival(code: Code) -> None:
    out = np.zeros(32, np.uint32)
    code.run("forms", 1, 1, out)
    left_and_over = [12, 0, 11, 0, 8, 0, 6, 0, 5, 0, 1, 0]  # before each arrival, after it
    bytes_left, first_phase, second_phase, state = 0, 1, 0, 1
    flat = [*left_and_over, bytes_left, first_phase, second_phase, state, 10, 1, 0, 1, 1]
    assert out[: len(flat)].tolist() == flat


def test_polling_two_barriers_in_turn(code: Code) -> None:
    out = np.zeros(1, np.int32)
    code.run("polls_two", 1, 64, out)
    assert out[0] == 3


def line_of(mark: str) -> int:
    lines = (KERNELS / "barriers.cu").read_text().splitlines()
    (found,) = [number for number, line in enumerate(lines, 1) if f"// line: {mark}" in line]
    return found


def test_a_phase_that_never_ends_is_a_deadlock(code: Code) -> None:
    out = np.zeros(64, np.int32)
    fault = code.fault("never_full", 1, 64, out, 1)
    assert (fault.kind, fault.line) == ("deadlock", line_of("never_full"))
    assert "mbarrier" in fault.message
    code.run("never_full", 1, 64, out, 0)
    assert out.all()


def test_bytes_that_never_come_are_a_deadlock(code: Code) -> None:
    out = np.zeros(64, np.int32)
    assert code.fault("no_bytes", 1, 64, out, 16).kind == "deadlock"
    code.run("no_bytes", 1, 64, out, 0)
    assert out.all()


def test_misuse(code: Code) -> None:
    out = np.zeros(1, np.int32)
    code.run("misused", 1, 1, out, 9, 4)
    assert out[0] == 1
    assert "not been initialised" in code.fault("misused", 1, 1, out, -1, 0).message
    assert "more" in code.fault("misused", 1, 1, out, 9, 5).message
    assert "between 1 and 1048575" in code.fault("misused", 1, 1, out, 0, 0).message
    assert "between 1 and 1048575" in code.fault("misused", 1, 1, out, 1 << 20, 0).message


def test_phases_order_accesses_and_arrivals_alone_do_not(code: Code) -> None:
    out = np.zeros(64, np.int32)
    code.run("too_early", 1, 64, out, 0)
    np.testing.assert_array_equal(out, np.arange(64)[::-1])
    assert code.fault("too_early", 1, 64, out, 1).kind == "race"
