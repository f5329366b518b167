"""Races in global memory, each beside the same kernel with one thing put right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from machine_code import KERNELS

from cudagym.build.program import address_of

if TYPE_CHECKING:
    from machine_code import Builds, Code

    from cudagym.device import Run

SCHEDULES = range(6)


@pytest.fixture
def code(builds: Builds) -> Code:
    return builds["races"]


def lines_of(kernel: str) -> list[int]:
    """The lines marked `here` in a kernel: those that race with each other."""
    lines = (KERNELS / "races.cu").read_text().splitlines()
    start = next(k for k, line in enumerate(lines) if f" {kernel}(" in line)
    end = next((k for k in range(start + 1, len(lines)) if "__global__" in lines[k]), len(lines))
    return [k + 1 for k in range(start, end) if lines[k].endswith("// here")]


def floats(n: int) -> Any:
    return np.arange(n, dtype=np.float32)


def ints(n: int) -> Any:
    return np.zeros(n, np.int32)


def arguments(kernel: str) -> tuple[int, int, list[Any]]:
    """Grid, block and all arguments but the last of a launch."""
    return {
        "within_block": (1, 64, [floats(64), floats(64) + 1, floats(64)]),
        "overwrites": (1, 64, [floats(64)]),
        "shift": (4, 64, [floats(257), floats(256)]),
        "shared_output": (3, 32, [ints(32) - 1]),
        "one_store": (1, 32, [ints(32)]),
        "neighbouring_bytes": (2, 64, [np.zeros(128, np.uint8) + 200]),
        "last_block": (40, 32, [floats(40) + 1, floats(40), ints(1), floats(1)]),
        "grid_sync": (8, 32, [floats(256), floats(256), 6]),
        "flag": (2, 1, [floats(1), ints(1), floats(1)]),
        "locked": (5, 96, [ints(1), ints(1)]),
        "reset_counter": (3, 32, [ints(1) + 9]),
    }[kernel]


IN_ONE_BLOCK = ("one_store", "overwrites", "within_block")
BETWEEN_BLOCKS = (
    "flag", "grid_sync", "last_block", "locked", "neighbouring_bytes", "reset_counter", "shared_output", "shift",
)  # fmt: skip


def execute(code: Code, kernel: str, ok: int, **options: Any) -> Run:
    grid, block, values = arguments(kernel)
    arrays = [v for v in values if isinstance(v, np.ndarray)]
    slots = iter(range(len(arrays)))
    given = [address_of(next(slots)) if isinstance(v, np.ndarray) else v for v in values]
    launch = code.launch(kernel, grid, block, *given, ok).model_copy(update={"cooperative": kernel == "grid_sync"})
    return code.execute([launch], *arrays, **options)


@pytest.mark.parametrize("kernel", [*IN_ONE_BLOCK, *BETWEEN_BLOCKS])
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_race_is_found_and_its_twin_is_clean(code: Code, kernel: str, schedule: int) -> None:
    run = execute(code, kernel, 1, checked=True, schedule=schedule)
    assert not run.faults, run.faults[0].message
    (fault,) = execute(code, kernel, 0, checked=True, schedule=schedule).faults
    assert fault.kind == "race"
    assert fault.line in lines_of(kernel), fault.message
    assert ("with nothing that orders the two blocks" in fault.message) == (kernel in BETWEEN_BLOCKS)


def test_a_race_is_told_with_both_threads_and_the_buffer(code: Code) -> None:
    (fault,) = execute(code, "shift", 0, checked=True).faults
    assert (fault.buffer, fault.address, fault.block, fault.thread) == ("a", address_of(0) + 256, (1, 0, 0), (0, 0, 0))
    read, write = lines_of("shift")
    assert fault.message == (
        f"race: thread (0,0,0) of block (1,0,0) of shift writes a[64] (line {write}), which thread (63,0,0) of block "
        f"(0,0,0) (line {read}) also uses with nothing that orders the two blocks; use an atomic, a flag with "
        "__threadfence(), or a second launch"
    )


def test_launches_are_in_order(code: Code) -> None:
    """What races within a launch is fine from one launch to the next."""
    x, y = floats(64), floats(64)
    launches = [code.launch("within_block", 1, 64, *map(address_of, (0, k, 3 - k)), 1) for k in (1, 2)]
    assert not code.execute(launches, x, y, floats(64), checked=True).faults
