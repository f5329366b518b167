"""What `solve` asks of the device, as its plan shows it, and what it must not ask."""

from __future__ import annotations

import struct
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cudagym.build.names import kernel_title
from cudagym.build.plan import Operation, PlanReader, records
from cudagym.build.program import Kernel, Launch, Module, address_of
from cudagym.errors import LaunchFailed, Rejected, Violation
from cudagym.hardware import gpu

A, B, OUT, WEIGHTS, COUNTER, SCRATCH = (address_of(slot) for slot in range(6))


def launches(program: Any) -> list[tuple[str, tuple[int, ...], tuple[int, ...], int]]:
    return [(kernel_title(x.kernel), x.grid, x.block, x.dynamic_shared_bytes) for x in program.plan.launches]


def test_a_launch_has_its_configuration_and_its_arguments(workshop: Any) -> None:
    program = workshop.record("honest", n=1)
    assert launches(program) == [("add", (7, 1, 1), (128, 1, 1), 0)]
    assert program.plan.launches[0].arguments == struct.pack("<QQQi", A, B, OUT, 1)
    assert program.device == "sim:h100"


def test_variables_have_the_slots_behind_the_arrays(workshop: Any) -> None:
    variables = {v.name: v for v in workshop.results["honest"].module.variables}
    assert {(v.space, v.size, v.slot) for v in variables.values()} == {("const", 16, 3), ("global", 4, 4)}


def test_scratch_structs_fills_and_copies_come_in_issue_order(workshop: Any) -> None:
    allocate, fill, launch, copy, release = workshop.record("honest", n=2).plan.steps
    assert (allocate.op, allocate.slot, allocate.size) == ("allocate", 5, 1000)
    assert (fill.address, fill.value, fill.width, fill.count) == (SCRATCH, 0x7F, 1, 1000)
    assert (launch.grid, launch.block) == ((2, 3, 4), (4, 4, 2))
    assert launch.arguments == struct.pack("<fi2dQ", 1.5, -2, 3.0, 4.0, SCRATCH)
    assert (copy.target, copy.source, copy.size) == (OUT, SCRATCH + 4, 8)
    assert (release.op, release.slot) == ("release", 5)


def test_symbols_are_addresses(workshop: Any) -> None:
    upload, fill, copy = workshop.record("honest", n=3).plan.steps
    slots = {v.space: address_of(v.slot) for v in workshop.results["honest"].module.variables}
    assert (upload.target, upload.data) == (slots["const"] + 8, struct.pack("<2f", 5, 6))
    assert (fill.address, fill.count) == (slots["global"], 4)
    assert (copy.target, copy.source, copy.size) == (slots["const"], A + 12, 4)


def test_templates_with_functors_launched_from_a_lambda(workshop: Any) -> None:
    first, second = workshop.record("honest", n=4).plan.launches
    assert struct.unpack_from("<f", first.arguments) == (2.0,)
    assert struct.unpack_from("<f", second.arguments) == (0.5,)


@pytest.mark.parametrize(("card", "major"), [("h100", 90), ("a100", 80)])
def test_queries_are_answered_for_the_named_card(workshop: Any, card: str, major: int) -> None:
    """Sixteen blocks of 128 threads fill the 2048 threads of an SM. Two blocks of at most 1024 threads fill it
    too, which is what cudaOccupancyMaxPotentialBlockSize looks for. Two blocks fit that take a third of the
    largest shared memory a block may have each, and the 1 KiB the driver reserves for each: three do not.
    """
    hardware = gpu(card)
    first, second, third, shared, refused = launches(workshop.record("honest", card=card, n=5))
    assert first[1:3] == ((hardware.sms, hardware.sms, 16), (major, 1, 1))
    assert second[1:3] == ((2 * hardware.sms, 1, 1), (1024, 1, 1))
    by_value = workshop.results["honest"].module.kernel(
        next(k.name for k in workshop.results["honest"].module.kernels if kernel_title(k.name) == "by_value")
    )
    assert third[1:3] == ((64, 1, 1), (by_value.registers, 1, 1))
    assert by_value.static_shared_bytes == 256
    assert shared == ("dynamic", (2, 1, 1), (32, 1, 1), hardware.shared_bytes_per_block)
    assert refused == ("dynamic", (9, 1, 1), (9, 1, 1), 0)


def test_streams_and_events_keep_issue_order(workshop: Any) -> None:
    one, two, copy = workshop.record("honest", n=6).plan.steps
    assert (one.grid[0], two.grid[0], copy.op, copy.size) == (1, 2, "copy", 16)


def test_cooperative_launches_say_so(workshop: Any) -> None:
    (launch,) = workshop.record("honest", n=7).plan.launches
    assert launch.cooperative
    assert launch.blocks == 132


def test_a_helper_named_like_a_library_function_stays_the_candidates(workshop: Any) -> None:
    assert launches(workshop.record("honest", n=8)) == [("add", (2, 1, 1), (32, 1, 1), 0)]


def test_a_solve_that_does_nothing_has_an_empty_plan(workshop: Any) -> None:
    assert workshop.record("honest", n=9).plan.steps == ()


def test_every_kind_of_argument_arrives_beyond_the_registers_too(workshop: Any) -> None:
    scalars = {"first": -3, "f": 1.25, **{f"i{k}": -k - 1 for k in range(5)}, "h": 0.5, "b": -2.0}
    scalars |= {f"d{k}": k / 4 for k in range(8)} | {"late": -(1 << 40), "last": -7.5}
    (launch,) = workshop.record("mixed", **scalars).plan.launches
    all_of = struct.Struct("<8d q 5i 2f 2H b 3x 4x")
    values = all_of.unpack_from(launch.arguments)
    assert values[:9] == (*(k / 4 for k in range(8)), -(1 << 40))
    assert values[9:16] == (-1, -2, -3, -4, -5, 1.25, -7.5)
    assert values[16:] == (0x3800, 0xC000, -3)  # 0.5 in half precision, -2.0 in bfloat16
    assert struct.unpack_from("<QQ", launch.arguments, all_of.size) == (address_of(0), address_of(1))


@pytest.mark.parametrize(
    ("n", "error", "text"),
    [
        (1, Rejected, "cudaMemcpyDeviceToHost: device memory cannot be read back"),
        (2, Rejected, "cudaMallocManaged: managed memory cannot be recorded"),
        (3, Rejected, "cudaHostAlloc: pinned and mapped host memory"),
        (4, Rejected, "cudaEventElapsedTime: a recording has no times"),
        (5, Violation, f"dereferenced the device address {A:#x}"),
        (6, Violation, f"dereferenced the device address {B:#x}"),
        (7, Rejected, "crashed with SIGSEGV at address 0x10"),
        (8, Rejected, "crashed with SIGFPE"),
        (9, Violation, "system call"),
        (10, Violation, "system call socket"),
        (11, Violation, "opening a file"),
        (12, Violation, "system call execve"),
        (14, Rejected, r"exit\(3\) instead of returning. Its last output: giving up"),
        (15, Rejected, "SIGABRT.*no way"),
        (16, Rejected, "more than 1000 kernel launches"),
        (17, LaunchFailed, "cudaMemset of 1025 bytes at byte 0 of out leaves it: out has 1024 bytes"),
        (18, LaunchFailed, r"launch of one fails: block \(1025, 1, 1\) has more than 1024 threads"),
        (19, LaunchFailed, "more threads than the 64 of its __launch_bounds__"),
        (20, LaunchFailed, "opt in with cudaFuncSetAttribute"),
        (21, LaunchFailed, "at least 1 in every dimension"),
        (22, LaunchFailed, "cooperative grid of 266 blocks does not fit: 264"),
        (23, Violation, "tampered with"),
        (24, Violation, "tampered with"),
        (25, LaunchFailed, "freed or never allocated"),
        (26, Violation, "dereferenced the device address"),
        (27, Violation, "system call kill"),
    ],
)
def test_what_a_recording_refuses(workshop: Any, n: int, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        workshop.record("crooked", n=n)


def test_a_solve_that_never_returns_is_cut_off(workshop: Any) -> None:
    start = time.monotonic()
    with pytest.raises(Rejected, match=r"2 s of CPU time on the host|took 5 s on the host"):
        workshop.record("crooked", n=13)
    assert time.monotonic() - start < 10


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("constructor", "kernel launch outside of solve"),
        ("foreign", "__cudaRegisterManagedVar: managed memory"),
        ("unlinked", "calls cublasCreate_v2, which is not part of the CUDA runtime"),
    ],
)
def test_what_is_refused_while_loading(workshop: Any, name: str, text: str) -> None:
    with pytest.raises(Rejected, match=text):
        workshop.record(name, n=1)


MODULE = Module(
    arch="sm_90a",
    ptx="",
    cubin=b"",
    kernels=(
        Kernel(
            name="k", parameters=(), registers=8, static_shared_bytes=0, local_bytes=0, spill_bytes=0
        ),
    ),
)  # fmt: skip
NUMBERS = st.sampled_from([0, 1, 2, 3, A, A + 100, B, OUT, address_of(3), 1 << 31, 2**32 - 1])
PAYLOADS = st.one_of(
    st.binary(max_size=80),
    st.lists(NUMBERS, max_size=4).map(lambda words: struct.pack(f"<{len(words)}Q", *words)),
    st.tuples(NUMBERS, NUMBERS).map(lambda pair: struct.pack("<IQ", pair[0] & 0xFFFFFFFF, pair[1])),
)


@given(st.lists(st.tuples(st.sampled_from([*Operation, 0, 99]), PAYLOADS), max_size=6), st.binary(max_size=9))
def test_a_forged_recording_is_refused_or_stays_inside_its_buffers(
    messages: list[tuple[int, bytes]], tail: bytes
) -> None:
    channel = b"".join(struct.pack("<II", op, len(data)) + data for op, data in messages) + tail
    reader = PlanReader(MODULE, {0: ("a", 128), 1: ("b", 64)}, gpu("h100"))
    sizes = {0: 128, 1: 64}
    try:
        for operation, payload in records(channel):
            if operation < Operation.DONE:
                reader.step(operation, payload)
    except (Violation, LaunchFailed):
        pass
    for step in reader.steps:
        if step.op == "allocate":
            sizes[step.slot] = step.size
        elif step.op == "fill":
            assert any(0 <= step.address - address_of(s) <= sizes[s] - step.count for s in sizes)
        assert not isinstance(step, Launch) or (step.kernel == "k" and min(step.grid + step.block) > 0)
