"""Every kind of fault beside a kernel that differs from it by a line and is fine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from machine_code import memory_of
from numpy.typing import NDArray

from cudagym.build.program import Allocate, Copy, Fill, Kernel, Launch, Release, address_of
from cudagym.device import Fault, Limits
from cudagym.errors import LaunchFailed, Unsupported
from cudagym.hardware import gpu
from cudagym.simulator.machine import check_launch

if TYPE_CHECKING:
    from machine_code import Builds, Code


@pytest.fixture
def code(builds: Builds) -> Code:
    return builds["faults"]


def floats(n: int) -> NDArray[np.float32]:
    return np.arange(n, dtype=np.float32)


def read_only(n: int) -> NDArray[np.float32]:
    x = floats(n)
    x.flags.writeable = False
    return x


def test_out_of_bounds(code: Code) -> None:
    x, y = floats(1000), np.zeros(1024, np.float32)
    fault = code.fault("past_end", 4, 256, x, y, 1000)
    assert (fault.kind, fault.kernel, fault.line, fault.buffer) == ("out_of_bounds", "past_end", 7, "a")
    assert (fault.block, fault.thread) == ((3, 0, 0), (232, 0, 0))
    assert fault.message == (
        "out of bounds: thread (232,0,0) of block (3,0,0) of past_end reads 4 bytes at a[1000] (line 7), "
        "0 bytes past the end of a (1000 elements of 4 bytes)"
    )
    assert y[:992].tolist() == x[:992].tolist()
    assert (y[992:] == 0).all(), "an access that faults must not happen"
    code.run("within_end", 4, 256, x, y, 1000)
    unchecked = code.try_run("past_end", 4, 256, x, y, 1000, checked=False)
    assert unchecked.faults == (fault,)
    assert not unchecked.complete


def test_out_of_bounds_before_the_start(code: Code) -> None:
    fault = code.fault("before_start", 1, 32, floats(64), floats(64), 2)
    assert (fault.kind, fault.line, fault.buffer) == ("out_of_bounds", 14, "a")
    assert "8 bytes before the start of a" in fault.message
    code.run("before_start", 1, 32, floats(64), floats(64), 0)


def test_null_and_wild_pointers(code: Code) -> None:
    y = floats(32)
    fault = code.fault("null_pointer", 1, 32, 0, y)
    assert fault.kind == "out_of_bounds"
    assert "null pointer" in fault.message
    for wild in (1 << 43, 0x7F0000000000, (1 << 64) - 16, address_of(5), address_of(1023) + (1 << 34) - 64):
        assert code.fault("null_pointer", 1, 32, wild, y).kind == "out_of_bounds"
    code.run("null_pointer", 1, 32, floats(32), y)


def test_misaligned(code: Code) -> None:
    fault = code.fault("misaligned", 1, 8, floats(64), floats(32), 1)
    assert (fault.kind, fault.line) == ("misaligned", 17)
    assert "16" in fault.message
    assert "(byte 4 of a)" in fault.message
    code.run("misaligned", 1, 8, floats(64), floats(32), 4)
    fault = code.fault("unaligned_shared", 1, 32, floats(32), 4)
    assert (fault.kind, fault.line, fault.address) == ("misaligned", 203, 4)
    code.run("unaligned_shared", 1, 32, floats(32), 0)


def test_input_modified(code: Code) -> None:
    x = read_only(32)
    fault = code.fault("writes_input", 1, 32, x, floats(32))
    assert (fault.kind, fault.line, fault.thread, fault.buffer) == ("input_modified", 21, (3, 0, 0), "a")
    code.run("writes_input", 1, 32, floats(32), floats(32))


def test_shared_and_local_memory_end(code: Code) -> None:
    fault = code.fault("shared_overflow", 1, 64, floats(64), 1)
    assert (fault.kind, fault.line) == ("out_of_bounds", 28)
    assert "writes 4 bytes at byte 256 of shared memory (line 28), 0 bytes past the end of its 256" in fault.message
    code.run("shared_overflow", 1, 64, floats(64), 0)
    y = np.zeros(32, np.int32)
    fault = code.fault("local_overflow", 1, 32, y, 4000)
    assert fault.kind == "out_of_bounds"
    assert "of local memory" in fault.message
    assert "15968 bytes past the end of its 32 bytes" in fault.message
    code.run("local_overflow", 1, 32, y, 0)
    assert y.tolist() == list(range(8)) * 4


def test_constant_memory_ends(code: Code) -> None:
    y = floats(32)
    fault = code.fault("constant_overflow", 1, 32, y, 1)
    assert (fault.kind, fault.line, fault.buffer) == ("out_of_bounds", 198, "table")
    assert fault.thread == (7, 0, 0)
    assert "reads 4 bytes at table[8] (line 198), 0 bytes past the end of table" in fault.message
    code.run("constant_overflow", 1, 32, y, 0)
    assert y.tolist() == [1, 2, 3, 4, 5, 6, 7, 8] * 4


def test_races_in_shared_memory(code: Code) -> None:
    x = floats(64)
    fault = code.fault("reversed_race", 1, 64, x, floats(64))
    assert (fault.kind, fault.line) == ("race", 39)
    assert "(line 40) also uses with no barrier" in fault.message
    code.run("reversed", 1, 64, x, floats(64))
    fault = code.fault("overwrite_race", 1, 64, x, floats(64))
    assert (fault.kind, fault.line) == ("race", 52)
    code.run("overwrite", 1, 64, x, floats(64))
    assert not code.try_run("reversed_race", 1, 64, x, floats(64), checked=False).faults


def test_what_is_no_race(code: Code) -> None:
    y = floats(64)
    code.run("same_value", 1, 64, y)
    assert (y == 3).all()
    code.run("neighbouring_bytes", 1, 128, np.zeros(128, np.uint8))
    x = floats(64)
    code.run("warp_synchronous", 1, 64, x, y)
    assert y[0] == x.sum()
    code.run("flag_between_warps", 1, 64, x, y)
    fault = code.fault("different_values", 1, 64, y)
    assert (fault.kind, fault.line) == ("race", 77)


def test_uninitialised_reads_that_matter(code: Code) -> None:
    y = floats(64)
    fault = code.fault("uninitialised", 1, 64, floats(64), y)
    assert (fault.kind, fault.line, fault.thread, fault.address) == ("uninitialised", 114, (0, 0, 0), 252)
    assert fault.message == (
        "uninitialised: thread (0,0,0) of block (0,0,0) of uninitialised reads shared memory at byte 252 (line 114), "
        "which nothing has written, and the results depend on it; write it first, or wait for who does"
    )
    code.run("harmlessly_uninitialised", 1, 64, floats(64), y)


def test_runs_with_other_values_share_the_time(code: Code) -> None:
    """Three runs find out that a read is harmless; time for two of them is not enough."""
    program = "harmlessly_uninitialised", 1 << 16, 64, floats(64), floats(64)
    seconds = sorted(code.try_run(*program).seconds for _ in range(3))[1]
    assert code.fault(*program, wall_seconds=seconds / 2).kind == "timed_out"


def test_uninitialised_scratch_memory(code: Code) -> None:
    y = floats(64)
    copy = code.launch("within_end", 1, 64, address_of(300), address_of(0), 64)
    allocate, fill = Allocate(slot=300, size=256), Fill(address=address_of(300), value=0, count=256)
    (fault,) = code.execute([allocate, copy], y, checked=True).faults
    assert (fault.kind, fault.line, fault.buffer) == ("uninitialised", 11, "scratch1")
    assert not code.execute([allocate, fill, copy], y, checked=True).faults
    assert (y == 0).all()
    # The second of two launches, and the second of two reads: the one that matters is named.
    launch = code.launch("reads_twice", 1, 32, address_of(300), address_of(0))
    part = Fill(address=address_of(300), value=0, count=32)
    half = code.launch("within_end", 1, 8, address_of(300), address_of(0), 8)
    (fault,) = code.execute([allocate, part, half, launch], y, checked=True).faults
    assert (fault.kernel, fault.line, fault.block, fault.thread) == ("reads_twice", 180, (0, 0, 0), (4, 0, 0))
    assert "reads scratch1[36] (line 180)" in fault.message


def test_outputs_that_are_read_before_they_are_written(code: Code) -> None:
    """What an output holds before the run is garbage, so that adding to it is a fault; what `inout` holds is not."""

    def add(*, has_content: bool, kernel: str) -> tuple[Fault, ...]:
        memory = memory_of(floats(64), floats(64))
        memory[1] = memory[1]._replace(has_content=has_content)
        program = code.program(code.launch(kernel, 2, 32, address_of(0), address_of(1)))
        return code.machine.execute(program, memory, checked=True, limits=Limits()).faults

    for kernel in ("adds_to_output", "adds_atomically"):
        (fault,) = add(has_content=False, kernel=kernel)
        assert (fault.kind, fault.buffer, fault.block, fault.thread) == ("uninitialised", "b", (0, 0, 0), (0, 0, 0))
        assert not add(has_content=True, kernel=kernel)
    assert not add(has_content=False, kernel="adds_to_own")


def test_barrier_divergence(code: Code) -> None:
    fault = code.fault("divergent_barrier", 1, 64, floats(64), 0)
    assert fault.kind == "barrier_divergence"
    code.run("divergent_barrier", 1, 64, floats(64), 1)
    assert {fault.line, 126, 129} == {126, 129}
    assert "__syncthreads()" in fault.message


def test_deadlocks(code: Code) -> None:
    fault = code.fault("lonely_barrier", 1, 64, floats(64), 128)
    assert (fault.kind, fault.line) == ("deadlock", 134)
    code.run("lonely_barrier", 1, 64, floats(64), 32)
    y = np.zeros(32, np.int32)
    fault = code.fault("lonely_shuffle", 1, 32, y, 2**32 - 1)
    assert fault.kind == "deadlock"
    assert "138" in fault.message
    code.run("lonely_shuffle", 1, 32, y.copy(), 2**16 - 1)
    fault = code.fault("waits_forever", 4, 32, y, np.zeros(1, np.int32))
    assert (fault.kind, fault.line) == ("deadlock", 143)
    code.run("waits_forever", 4, 32, y + 1, np.zeros(1, np.int32))


def test_what_never_ends_times_out(code: Code) -> None:
    y = np.zeros(32, np.int32)
    fault = code.fault("endless", 1, 32, y, 1)
    assert (fault.kind, fault.line) == ("timed_out", 148)
    assert "never ends" in fault.message
    fault = code.fault("long_loop", 1, 32, y, 2**31 - 1, warp_instructions=100_000)
    assert fault.kind == "timed_out"
    assert "instructions" in fault.message
    fault = code.fault("long_loop", 1, 32, y, 2**31 - 1, warp_instructions=10**12, wall_seconds=0.2)
    assert fault.kind == "timed_out"
    assert "limit of time" in fault.message
    code.run("long_loop", 1, 32, y, 1000)


def test_budget_is_shared_by_all_launches(code: Code) -> None:
    y = np.zeros(32, np.int32)
    launch = code.launch("long_loop", 1, 32, address_of(0), 1000)
    cost = 5200
    assert not code.execute([launch], y, warp_instructions=cost).faults
    (fault,) = code.execute([launch] * 3, y, warp_instructions=cost).faults
    assert fault.kind == "timed_out"


def test_traps_and_assertions(code: Code) -> None:
    y = np.zeros(32, np.int32)
    fault = code.fault("traps", 1, 32, y, 7)
    assert (fault.kind, fault.line, fault.thread) == ("trap", 161, (7, 0, 0))
    code.run("traps", 1, 32, y, 32)
    fault = code.fault("asserts", 1, 32, y, 1)
    assert (fault.kind, fault.line) == ("trap", 157)
    assert "assertion" in fault.message
    code.run("asserts", 1, 32, y, 2)


def test_memory_after_it_was_freed(code: Code) -> None:
    y = floats(64)
    copy = code.launch("within_end", 1, 64, address_of(300), address_of(0), 64)
    steps = [Allocate(slot=300, size=256), Release(slot=300), copy]
    (fault,) = code.execute(steps, y).faults
    assert fault.kind == "out_of_bounds"
    assert "freed" in fault.message


def test_host_side_copies_are_checked(code: Code) -> None:
    y = floats(64)
    (fault,) = code.execute([Fill(address=address_of(0) + 4, value=0, count=256)], y).faults
    assert fault.kind == "out_of_bounds"
    (fault,) = code.execute([Copy(target=address_of(0), source=address_of(0), size=4)], read_only(4)).faults
    assert fault.kind == "input_modified"
    (fault,) = code.execute([Copy(target=address_of(0), source=address_of(9), size=4)], y).faults
    assert fault.kind == "out_of_bounds"


def test_scratch_memory_is_limited(code: Code) -> None:
    with pytest.raises(LaunchFailed, match="scratch"):
        code.execute([Allocate(slot=300, size=1 << 20)], floats(4), scratch_bytes=1 << 19)


def test_unsupported_instructions_are_named_before_anything_runs(code: Code) -> None:
    y = np.zeros(32, np.int32)
    steps = [code.launch("traps", 1, 32, address_of(0), 99), code.launch("texture", 1, 32, 0, address_of(0))]
    with pytest.raises(Unsupported, match=r"tex\.2d\.v4\.f32\.f32 at line 165"):
        code.execute(steps, y)
    assert (y == 0).all()


def test_a_hostile_parameter_offset_reaches_nothing(code: Code) -> None:
    fault = code.fault("wild_parameter", 1, 1, np.zeros(1, np.int32))
    assert fault.kind == "out_of_bounds"
    assert "param memory" in fault.message


def launch(**changes: Any) -> Launch:
    fields = {"kernel": "k", "grid": (1, 1, 1), "block": (32, 1, 1), "dynamic_shared_bytes": 0, "arguments": b""}
    return Launch.model_validate(fields | changes)


def kernel(**changes: Any) -> Kernel:
    fields = {"name": "k", "parameters": (), "registers": 32, "static_shared_bytes": 0, "local_bytes": 0}
    return Kernel.model_validate(fields | {"spill_bytes": 0} | changes)


@pytest.mark.parametrize(
    ("refused", "why"),
    [
        (launch(block=(1025, 1, 1)), "block.x is 1025"),
        (launch(block=(32, 33, 1)), "1056 threads per block"),
        (launch(block=(1, 1, 65)), "block.z"),
        (launch(grid=(0, 1, 1)), "at least 1"),
        (launch(grid=(1, 65536, 1)), "grid.y"),
        (launch(dynamic_shared_bytes=228 << 10), "shared memory"),
    ],
)
def test_launches_the_device_would_refuse(refused: Launch, why: str) -> None:
    with pytest.raises(LaunchFailed, match=why):
        check_launch(gpu("h100"), kernel(), refused)


def test_launches_the_kernel_would_refuse(code: Code) -> None:
    card = gpu("h100")
    with pytest.raises(LaunchFailed, match="registers"):
        check_launch(card, kernel(registers=128), launch(block=(1024, 1, 1)))
    with pytest.raises(LaunchFailed, match="static shared"):
        check_launch(card, kernel(static_shared_bytes=49 << 10), launch())
    check_launch(card, kernel(registers=64), launch(block=(1024, 1, 1), dynamic_shared_bytes=227 << 10))
    with pytest.raises(LaunchFailed, match="launch_bounds"):
        code.run("bounded", 1, 128, floats(128))
    code.run("bounded", 1, 64, floats(64))
