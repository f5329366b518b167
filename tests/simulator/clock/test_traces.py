"""What traces say of a block, against figures counted by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from machine_code import Code
from test_follow import built, traces_of

from cudagym.build.program import address_of
from cudagym.simulator.clock.decode import Unfollowable, space_of
from cudagym.simulator.clock.follow import Traces
from cudagym.simulator.clock.sass import SassKernel, disassemble
from cudagym.simulator.clock.work import work_of
from cudagym.simulator.machine import Machine

SOURCE = """
extern "C" __global__ void loads(const float* x, float* y, int stride, int offset) {
    y[threadIdx.x] = x[threadIdx.x * stride + offset];
}
extern "C" __global__ void wide(const float4* x, float4* y) { y[threadIdx.x] = x[threadIdx.x]; }
extern "C" __global__ void shared(float* y, int stride, int modulus) {
    __shared__ float s[32 * 33];
    for (int i = threadIdx.x; i < 32 * 33; i += blockDim.x) s[i] = i;
    __syncthreads();
    y[threadIdx.x] = s[threadIdx.x % modulus * stride];
}
extern "C" __global__ void shared_wide(float4* y, int modulus) {
    __shared__ float4 s[64];
    s[threadIdx.x] = make_float4(threadIdx.x, 1, 2, 3);
    __syncthreads();
    y[threadIdx.x] = s[threadIdx.x % modulus];
}
extern "C" __global__ void shared_pairs(float2* y, int modulus) {
    __shared__ float2 s[64];
    s[threadIdx.x] = make_float2(threadIdx.x, 1);
    __syncthreads();
    y[threadIdx.x] = s[threadIdx.x % modulus];
}
extern "C" __global__ void atomics(int* y, int modulus) { atomicAdd(&y[threadIdx.x % modulus], (int)threadIdx.x); }
extern "C" __global__ void half_of(const float* x, float* y) {
    if (threadIdx.x % 32 < 8) y[threadIdx.x] = x[threadIdx.x];
}
__constant__ float table[64];
extern "C" __global__ void constants(float* y, int modulus) { y[threadIdx.x] = table[threadIdx.x % modulus]; }
extern "C" __global__ void repeats(float* y, int n) {
    float sum = 0;
#pragma unroll 1
    for (int i = 0; i < n; i++) sum = sum * 0.5f + 1;
    y[threadIdx.x] = sum;
}
extern "C" __global__ void spins(volatile int* y) { while (y[0] == 0); }
extern "C" __global__ void calls(float* y, float (*f)(float)) { y[0] = f(y[1]); }
"""
X, Y = 0, 1
AT_X, AT_Y = address_of(X), address_of(Y)


@pytest.fixture(scope="module", params=["sm_75", "sm_86", "sm_90a", "sm_120"])
def code(request: pytest.FixtureRequest, machine: Machine) -> Code:
    code = Code(".version 8.0\n.target sm_86\n.address_size 64\n", machine)
    code.module = built(SOURCE, request.param)
    return code


def followed(code: Code, name: str, *arguments: Any, threads: int = 32, **limits: Any) -> tuple[Traces, SassKernel]:
    arrays = {slot: np.ones(1 << 16, np.uint8) for slot in (X, Y)}
    for variable in code.module.variables:
        arrays[variable.slot] = np.zeros(variable.size, np.uint8)
    launch = code.launch(name, 1, threads, *arguments)
    return traces_of(code.module, launch, arrays, **limits), disassemble(code.module.cubin)[launch.kernel]


def accesses(code: Code, name: str, *arguments: Any, of: str, threads: int = 32) -> list[tuple[Any, list[int]]]:
    """Each access of the instructions `of` in the first warp, with its lines."""
    traces, kernel = followed(code, name, *arguments, threads=threads)
    warp = next(traces.warps(0))
    issued = [i for run in warp.runs for i in range(run["start"], run["start"] + run["length"])]
    assert len(issued) == warp.instructions
    touching = [kernel.instructions[i] for i in issued if space_of(kernel.instructions[i])]
    assert len(touching) == len(warp.accesses)
    found = []
    for instruction, access in zip(touching, warp.accesses, strict=True):
        if instruction.opcode in of.split():
            lines = warp.lines[access["first"] : access["first"] + access["lines"]]
            found.append((access, [int(line) for line in lines]))
    return found


def line(slot: int, number: int, sectors: int) -> int:
    return (address_of(slot) // 128 + number) << 4 | sectors


@pytest.mark.parametrize(
    ("stride", "offset", "lines"),
    [
        (1, 0, [(0, 0b1111)]),
        (1, 8, [(0, 0b1110), (1, 0b0001)]),
        (1, 1, [(0, 0b1111), (1, 0b0001)]),
        (2, 0, [(0, 0b1111), (1, 0b1111)]),
        (8, 0, [(k, 0b1111) for k in range(8)]),
        (32, 0, [(k, 0b0001) for k in range(32)]),
        (0, 40, [(1, 0b0010)]),
    ],
)
def test_lines_of_global_loads(code: Code, stride: int, offset: int, lines: list[tuple[int, int]]) -> None:
    ((access, found),) = accesses(code, "loads", address_of(X), address_of(Y), stride, offset, of="LDG")
    assert found == [line(X, number, sectors) for number, sectors in lines]
    assert (access["lanes"], access["bytes"], access["wavefronts"], access["contention"]) == (32, 4, 0, 0)


def test_wide_loads_and_stores(code: Code) -> None:
    both = accesses(code, "wide", address_of(X), address_of(Y), of="LDG STG")
    for slot, (access, found) in zip((X, Y), both, strict=True):
        assert (access["bytes"], found) == (16, [line(slot, k, 0b1111) for k in range(4)])


def test_guarded_lanes(code: Code) -> None:
    loads = accesses(code, "half_of", address_of(X), address_of(Y), of="LDG", threads=40)
    (access, found) = loads[-1]
    assert (access["lanes"], found) == (8, [line(X, 0, 0b0001)])


@pytest.mark.parametrize(
    ("stride", "modulus", "passes"),
    [(1, 32, 1), (2, 32, 2), (4, 32, 4), (32, 32, 32), (33, 32, 1), (32, 1, 1), (32, 4, 4)],
)
def test_bank_conflicts(code: Code, stride: int, modulus: int, passes: int) -> None:
    ((access, _),) = accesses(code, "shared", address_of(Y), stride, modulus, of="LDS")
    assert (access["wavefronts"], access["lines"]) == (passes, 0)


@pytest.mark.parametrize(("kernel", "modulus", "passes"), [
    ("shared_wide", 32, 4), ("shared_wide", 1, 2), ("shared_wide", 8, 4),
    ("shared_pairs", 32, 2), ("shared_pairs", 1, 1), ("shared_pairs", 16, 2),
])  # fmt: skip
def test_wide_shared_loads(code: Code, kernel: str, modulus: int, passes: int) -> None:
    """By quarter and half warps; those whose lanes pair up go together."""
    ((access, _),) = accesses(code, kernel, address_of(Y), modulus, of="LDS")
    assert access["wavefronts"] == passes


@pytest.mark.parametrize(("modulus", "most"), [(32, 1), (8, 4), (1, 32)])
def test_contention_of_atomics(code: Code, modulus: int, most: int) -> None:
    ((access, _),) = accesses(code, "atomics", address_of(Y), modulus, of="RED REDG ATOMG ATOM")
    assert access["contention"] == most


@pytest.mark.parametrize(("modulus", "words"), [(1, 1), (2, 2), (32, 32)])
def test_words_of_constant_loads(code: Code, modulus: int, words: int) -> None:
    loads = accesses(code, "constants", address_of(Y), modulus, of="LDC")
    assert max(int(access["wavefronts"]) for access, _ in loads) == words


@pytest.mark.parametrize(
    ("kernel", "arguments", "threads", "figures"),
    [
        ("loads", (AT_X, AT_Y, 8, 0), 64, {"global_load_sectors": 64, "global_store_sectors": 8}),
        ("wide", (AT_X, AT_Y), 32, {"global_load_sectors": 16, "global_store_sectors": 16}),
        ("shared_wide", (AT_Y, 8), 32, {"shared_wavefronts": 4 + 4, "global_store_sectors": 16}),
        ("atomics", (AT_Y, 8), 64, {"atomics": 2, "global_load_sectors": 0}),
        ("repeats", (AT_Y, 10), 64, {"fp32": 20, "special": 0}),
    ],
)
def test_work(code: Code, kernel: str, arguments: tuple[int, ...], threads: int, figures: dict[str, int]) -> None:
    traces, found = followed(code, kernel, *arguments, threads=threads)
    work = work_of(found.instructions, traces, [0, 0])
    assert work.blocks == 2
    assert {name: getattr(work, name) for name in figures} == {name: 2 * value for name, value in figures.items()}


def test_runs_count_every_issue(code: Code) -> None:
    short, long = (followed(code, "repeats", address_of(Y), n)[0] for n in (10, 110))
    per_turn = {(b.instructions - a.instructions) / 100 for a, b in zip(short.warps(0), long.warps(0), strict=True)}
    (turn,) = per_turn
    assert 3 <= turn <= 6
    assert turn == int(turn)
    assert short.whole


def test_an_endless_block_is_cut_off(code: Code) -> None:
    arrays = {Y: np.zeros(64, np.uint8)}
    launch = code.launch("spins", 1, 32, address_of(Y))
    traces = traces_of(code.module, launch, arrays, block_instructions=10_000)
    assert not traces.whole
    assert 10_000 < traces.instructions < 50_000


def test_refuses_wild_addresses(code: Code) -> None:
    with pytest.raises(Unfollowable, match=r"loads: .*LDG.* at line 3 uses address"):
        followed(code, "loads", 12345, address_of(Y), 1, 0)
    with pytest.raises(Unfollowable, match="where calls has no code"):
        followed(code, "calls", address_of(Y), 0x7FFFFFF0)
