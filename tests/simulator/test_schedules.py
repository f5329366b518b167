"""Schedules: one seed, one order of warps and blocks; and programs that are right under every order."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.typing import NDArray

from cudagym.simulator import ptx
from cudagym.simulator.flow import flow_of
from cudagym.simulator.machine import is_independent

if TYPE_CHECKING:
    from machine_code import Builds, Code

SCHEDULES = range(8)


@pytest.fixture
def code(builds: Builds) -> Code:
    return builds["schedules"]


def counts(n: int) -> NDArray[np.int32]:
    return np.zeros(n, np.int32)


def block_tickets(code: Code, schedule: int) -> NDArray[np.int32]:
    taken = counts(100)
    code.run("block_tickets", 100, 1, counts(1), taken, schedule=schedule)
    return taken


def warp_tickets(code: Code, schedule: int) -> NDArray[np.int32]:
    taken = counts(32)
    code.run("warp_tickets", 1, 1024, taken, schedule=schedule)
    return taken


@pytest.mark.parametrize("order", [block_tickets, warp_tickets])
def test_a_seed_decides_the_order(code: Code, order: Callable[[Code, int], NDArray[np.int32]]) -> None:
    orders = [order(code, schedule) for schedule in SCHEDULES]
    assert orders[0].tolist() == list(range(len(orders[0])))
    assert len({tuple(o) for o in orders}) == len(SCHEDULES)
    for found in orders:
        assert sorted(found) == list(range(len(found)))
    assert (order(code, 5) == orders[5]).all()


def test_blocks_interleave_within_their_loops(code: Code) -> None:
    last, steps, tickets = counts(8), 4000, 32 * 4000
    code.run("turns", 8, 32, counts(1), last, steps)
    assert sorted(last) == [k * tickets - 1 for k in range(1, 9)], "schedule 0 runs each block to its end"
    for schedule in SCHEDULES[1:]:
        code.run("turns", 8, 32, counts(1), last, steps, schedule=schedule)
        assert last.min() >= tickets, "no block ends before another has begun"
        assert last.max() == 8 * tickets - 1


def test_threads_of_the_host_change_nothing(code: Code) -> None:
    x = np.random.default_rng(7).random(1000, np.float32)
    runs = []
    for threads in (1, 2, 3, 8):
        y = np.zeros(64 * 999, np.float32)
        run = code.run("independent", 999, 64, x, y, 1000, threads=threads, checked=False)
        runs.append((y.tobytes(), run))
    assert all(run == runs[0] for run in runs)
    cost = runs[0][1].instructions
    short, past = np.zeros(64 * 500, np.float32), {"threads": 3, "checked": False}
    fault = code.fault("independent", 999, 64, x, short, 1000, **past)
    assert (fault.kind, fault.block, fault.thread) == ("out_of_bounds", (500, 0, 0), (0, 0, 0))
    y = np.zeros(64 * 999, np.float32)
    assert not code.try_run("independent", 999, 64, x, y, 1000, warp_instructions=2 * cost, **past).faults
    fault = code.fault("independent", 999, 64, x, y, 1000, warp_instructions=cost * 9 // 10, **past)
    assert fault.kind == "timed_out"


def test_which_kernels_run_on_several_threads(code: Code, builds: Builds) -> None:
    """Not those whose blocks speak to each other."""

    def is_alone(code: Code, name: str) -> bool:
        module = ptx.parse(code.module.ptx)
        return is_independent(flow_of(module, module.functions[code.kernel(name).name]))

    assert is_alone(code, "independent")
    assert is_alone(code, "warp_tickets")
    for name in ("block_tickets", "look_back", "spin_lock", "deadlocked"):
        assert not is_alone(code, name)
    races = builds["races"]
    assert [is_alone(races, name) for name in ("shift", "last_block", "grid_sync", "flag")] == [
        True,
        False,
        False,
        False,
    ]


@pytest.mark.parametrize("threads", [1, 32, 256, 1024])
@pytest.mark.parametrize("checked", [True, False])
def test_ten_million_threads_that_do_nothing_cost_little(code: Code, threads: int, checked: bool) -> None:
    """Cost grows with executed instructions, not with the grid."""
    code.run("nothing", 1, 1, checked=checked)
    started = time.process_time()
    launch = code.run("nothing", 10**7 // threads, threads, checked=checked, schedule=int(checked))
    assert time.process_time() - started < 2
    assert launch.instructions == 10**7 // threads * -(-threads // 32)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("checked", [True, False])
def test_waiting_programs_get_on(code: Code, schedule: int, checked: bool) -> None:
    x = np.arange(1, 301, dtype=np.int32)
    sums = counts(300)
    code.run("look_back", 300, 1, x, sums, counts(300), schedule=schedule, checked=checked)
    assert (sums == np.cumsum(x)).all()
    count = counts(1)
    code.run("spin_lock", 7, 96, counts(1), count, schedule=schedule, checked=checked)
    assert count[0] == 7 * 96


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("checked", [True, False])
def test_a_deadlock_is_one_in_any_order(code: Code, schedule: int, checked: bool) -> None:
    fault = code.fault("deadlocked", 3, 64, counts(1), counts(1), schedule=schedule, checked=checked)
    assert fault.kind == "deadlock"
    code.run("deadlocked", 3, 64, counts(1) + 1, counts(1), schedule=schedule, checked=checked)
