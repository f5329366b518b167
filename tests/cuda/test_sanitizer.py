"""Reports of Compute Sanitizer, in the structure of its manual's examples, and what is left when they are mangled."""

from __future__ import annotations

import random

import pytest

from cudagym.build.program import FIRST_ADDRESS, Kernel, Launch, LaunchPlan, Module, Program
from cudagym.cuda.profiler import counters, excuse
from cudagym.cuda.sanitizer import Slot, faults, is_whole

KERNEL = "_Z4workPfi"
SLOTS = (Slot(0, "x", 0x7F0000000000, 1024), Slot(1, "y", 0x7F0000010000, 512))
MEMCHECK = f"""========= COMPUTE-SANITIZER
========= Invalid __global__ write of size 4 bytes
=========     at _ZN3ops4moveEPf+0xb0 in helpers.cuh:39
=========     by thread (3,1,0) in block (2,0,0)
=========     {{}} 0x7f0000010208 is out of bounds
=========     and is 9 bytes after the nearest allocation at 0x7f0000010000 of size 512 bytes
=========         Device Frame:{KERNEL}+0x30 in /build/candidate.cu:44
=========     Saved host backtrace up to driver entry point at kernel launch time
=========         Host Frame: main [0xae66] in python
=========
========= Invalid __global__ read of size 8 bytes
=========     at {KERNEL}+0x50 in candidate.cu:12
=========     by thread (0,0,0) in block (0,0,0)
=========     Address 0x7f0000000004 is misaligned
=========
========= Program hit CUDA_ERROR_LAUNCH_FAILED (error 719) on CUDA API call to cuStreamQuery.
========= ERROR SUMMARY: 3 errors
"""
RACECHECK = f"""========= COMPUTE-SANITIZER
========= Error: Potential RAW hazard detected at __shared__ 0x3c in block (4,0,0) :
=========     Write Thread (15,0,0) at {KERNEL}+0x80 in candidate.cu:7
=========     Read Thread (40,0,0) at {KERNEL}+0x90 in candidate.cu:9
=========     Current Value : 35
=========
========= RACECHECK SUMMARY: 1 hazard displayed (1 error, 0 warnings)
"""
OTHERS = f"""========= Uninitialized __global__ memory read of size 4 bytes
=========     at {KERNEL}+0x70 in candidate.cu:41
=========     by thread (31,0,0) in block (1,0,0)
=========     Address 0x7f00000000fc
=========
========= Barrier error detected. Divergent thread(s) in warp
=========     at {KERNEL}+0xf0 in candidate.cu:79
=========     by thread (37,0,0) in block (0,0,0)
=========
========= ERROR SUMMARY: 2 errors
"""


@pytest.fixture
def program() -> Program:
    launch = Launch(kernel=KERNEL, grid=(8, 1, 1), block=(64, 1, 1), dynamic_shared_bytes=0, arguments=b"")
    return Program.model_construct(
        module=Module.model_construct(kernels=(Kernel.model_construct(name=KERNEL),), variables=()),
        plan=LaunchPlan(steps=(launch,)),
        shape={},
        device="cuda:h100",
    )


@pytest.mark.parametrize("word", ["Address", "Access to", "Access at"])
def test_memory_errors(program: Program, word: str) -> None:
    """A function that was inlined from a header has no line of the candidate's; its caller has."""
    outside, skewed = faults(MEMCHECK.format(word), program, SLOTS)
    assert (outside.kind, outside.kernel, outside.line, outside.buffer) == ("out_of_bounds", KERNEL, 44, "y")
    assert (outside.thread, outside.block) == ((3, 1, 0), (2, 0, 0))
    assert outside.address == FIRST_ADDRESS + (16 << 30) + 0x208
    assert "writes 4 bytes at y[130] (line 44), 8 bytes past the end of y (512 bytes)" in outside.message
    assert (skewed.kind, skewed.line, skewed.buffer) == ("misaligned", 12, "x")


def test_other_tools(program: Program) -> None:
    (race,) = faults(RACECHECK, program, SLOTS)
    assert (race.kind, race.line, race.thread, race.block) == ("race", 9, (40, 0, 0), (4, 0, 0))
    assert "byte 60" in race.message
    assert "thread (15,0,0) (line 7) also writes" in race.message
    unwritten, divergence = faults(OTHERS, program, SLOTS)
    assert (unwritten.kind, unwritten.line, unwritten.buffer) == ("uninitialised", 41, "x")
    assert "x[63]" in unwritten.message
    assert (divergence.kind, divergence.line, divergence.thread) == ("barrier_divergence", 79, (37, 0, 0))


def test_mangled_reports_never_raise(program: Program) -> None:
    """And never claim more kinds of faults than the whole report does."""
    chance = random.Random(7)
    whole = MEMCHECK.format("Address") + RACECHECK + OTHERS
    assert is_whole(whole)
    kinds = {fault.kind for fault in faults(whole, program, SLOTS)}
    for _ in range(400):
        text = list(whole)
        for _ in range(chance.randrange(1, 60)):
            at = chance.randrange(len(text))
            text[at : at + chance.randrange(3)] = chance.choice(["", "\n", "(", "9" * 40, "=", "\0", "0x", "é"])
        mangled = "".join(text)[: chance.randrange(len(text))]
        assert {fault.kind for fault in faults(mangled, program, SLOTS)} <= kinds
        assert counters(mangled.replace("=========", '"'), program) == ()
        assert excuse(mangled)
