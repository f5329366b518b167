"""The follower against the PTX machine: the same source, run as machine code and as PTX, leaves the same memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import test_programs
import torch
from machine_code import PROGRAMS, Code, memory_of
from numpy.typing import NDArray

from cudagym import specs
from cudagym.agents.scripted import ScriptedTeacher
from cudagym.build.builder import Builder, device_module
from cudagym.build.compiler import Compiled, Unit, compile_units
from cudagym.build.program import Launch, Module, address_of
from cudagym.build.toolchain import find_toolchain
from cudagym.device import Limits
from cudagym.hardware import gpu
from cudagym.simulator.clock.follow import FollowLimits, Traces, follow
from cudagym.simulator.clock.image import read_image
from cudagym.simulator.clock.program import ALIKE
from cudagym.simulator.clock.sass import disassemble
from cudagym.simulator.clock.work import work_of
from cudagym.simulator.machine import Machine, Memory, _Attempt

Bytes = NDArray[np.uint8]
EVERYWHERE = [name for name in test_programs.PROGRAMS if name.startswith(("sgemm", "transp"))]
MATRIX_PROGRAMS = ("gemm_wmma", "gemm_mma_half", "gemm_mma_bfloat")
"""Their results differ, as products count as zero: what must agree is where they store."""
UNLIKE = {"rounds_of_a_whole_grid", "histogram_aggregated"}
"""Blocks of the one wait for each other as long as they must; of the other ptxas drops a load that comes twice."""
TAUGHT = [
    "gelu_fp32/packed", "matmul_i8/dot4_tile", "reduce_sum_fp32/packed_shuffle", "log_softmax_fp32/warp_online",
    "layernorm_bf16/block_packed", "transpose_fp16/shared_tile_rows", "attention_fp32/tile_flash",
    "exclusive_scan_i32/look_back", "histogram_u8/matched", "compact_positive_fp32/ballots",
]  # fmt: skip
"""Of the scripted teacher, by spec and algorithm."""


def built(source: str, arch: str) -> Module:
    (found,) = compile_units(
        [Unit(source=f'{source}\nextern "C" void solve() {{}}\n', prototype="void solve()")], arch, find_toolchain()
    )
    assert isinstance(found, Compiled), found
    return device_module(found, arch, 8)


def traces_of(module: Module, launch: Launch, arrays: Mapping[int, Bytes], **limits: Any) -> Traces:
    """Follows every block."""
    return follow(
        disassemble(module.cubin)[launch.kernel],
        read_image(module.cubin),
        launch,
        range(launch.blocks),
        arrays,
        module.variables,
        limits=FollowLimits(**limits),
    )


class Both(_Attempt):
    """Runs a program's launches as PTX, follows each of them before, and holds the memory afterwards together."""

    rtol = 1e-5
    stores_only = False
    checked_launches = 0
    changed = False
    works_alike = True

    def _launch(self, launch: Launch) -> None:
        before = {slot: data.copy() for slot, data in self.host.items()}
        traces = traces_of(self.program.module, launch, before)
        assert traces.whole
        super()._launch(launch)
        assert not self.faults, self.faults[0].message
        for slot, want in self.host.items():
            got = traces.memory(slot, want.size)
            self.changed |= not np.array_equal(before[slot], want)
            if self.stores_only:
                pairs = (a.view(np.uint32) for a in (before[slot], want, got))
                start, want, got = pairs
                assert np.mean((want != start) == (got != start)) > 0.999
            elif not np.array_equal(got, want):
                np.testing.assert_allclose(got.view(np.float32), want.view(np.float32), self.rtol, self.rtol)
        self.compare_work(traces, launch)
        self.checked_launches += 1

    def compare_work(self, traces: Traces, launch: Launch) -> None:
        """Both count what the blocks do, and may differ by what ptxas leaves out."""
        run = self.launches[-1].counters
        assert run is not None
        code = work_of(disassemble(self.program.module.cubin)[launch.kernel].instructions, traces, range(len(traces)))
        assert code.blocks == run.blocks == launch.blocks
        assert code.instructions == traces.instructions
        for figure, (slack, _) in ALIKE.items() if self.works_alike else ():
            assert getattr(run, figure) <= slack * getattr(code, figure), (figure, run, code)


@pytest.mark.parametrize(
    ("name", "arch"),
    [(name, "sm_86") for name in test_programs.PROGRAMS]
    + [(name, arch) for arch in ("sm_75", "sm_80", "sm_89", "sm_90a", "sm_120") for name in EVERYWHERE],
)
def test_programs_leave_the_same_memory(machine: Machine, name: str, arch: str) -> None:
    case = test_programs.PROGRAMS[name](np.random.default_rng(1))
    code = Code(".version 8.0\n.target sm_86\n.address_size 64\n", machine)
    code.module = built((PROGRAMS / f"{case.file}.cu").read_text(), arch)
    given = {id(a): a for step in case.steps for a in step.arguments if isinstance(a, np.ndarray)}
    slots = {key: address_of(slot) for slot, key in enumerate(given)}
    launches = []
    for step in case.steps:
        values = [slots[id(a)] if isinstance(a, np.ndarray) else a for a in step.arguments]
        launch = code.launch(step.kernel, step.grid, step.block, *values, shared=step.shared)
        launches.append(launch.model_copy(update={"cooperative": step.cooperative}))
    arrays = [a.copy() for a in given.values()]
    both = Both(machine, code.program(*launches), memory_of(*arrays), Limits(), True)
    both.stores_only = name in MATRIX_PROGRAMS
    both.works_alike = name not in UNLIKE
    both.run_all()
    assert both.checked_launches == len(launches)
    assert both.changed


@pytest.mark.parametrize("card", ["t4", "h100"])
@pytest.mark.parametrize("name", TAUGHT)
def test_what_the_teacher_writes_leaves_the_same_memory(name: str, card: str) -> None:
    spec_name, _, algorithm = name.partition("/")
    spec, device, builder = specs.get(spec_name), gpu(card), Builder()
    (source,) = [each.source for each in ScriptedTeacher().ladder(spec) if each.algorithm == algorithm]
    shape = min(spec.check_shapes, key=lambda shape: abs(sum(a.elements(shape) for a in spec.arrays) - 40_000))
    program = builder.record(builder.build(spec, source, device), spec, shape, device)
    rng = np.random.default_rng(len(name))
    memory = {}
    for slot, array in enumerate(spec.arrays):
        count, kind = array.elements(shape), array.dtype.torch
        values = rng.normal(size=count) if array.dtype.is_float else rng.integers(0, 7, count)
        data = torch.from_numpy(values).to(kind).view(torch.uint8).numpy().copy()
        memory[slot] = Memory(data, array.name, array.role == "in")
    both = Both(Machine(device), program, memory, Limits(), True)
    both.rtol = 1e-2 if "16" in name else 1e-5
    both.run_all()
    assert both.checked_launches == len(program.plan.launches)
    assert both.changed


OCTETS = """
#include <cuda_fp8.h>
extern "C" __global__ void octets(const float* x, unsigned short* y) {
    float2 pair = make_float2(x[2 * threadIdx.x], x[2 * threadIdx.x + 1]);
    y[2 * threadIdx.x] = __nv_cvt_float2_to_fp8x2(pair, __NV_SATFINITE, __NV_E4M3);
    y[2 * threadIdx.x + 1] = __nv_cvt_float2_to_fp8x2(pair, __NV_SATFINITE, __NV_E5M2);
}
extern "C" __global__ void values(const unsigned short* x, unsigned* y) {
    __half2_raw a = __nv_cvt_fp8x2_to_halfraw2(x[threadIdx.x], __NV_E4M3);
    __half2_raw b = __nv_cvt_fp8x2_to_halfraw2(x[threadIdx.x], __NV_E5M2);
    y[2 * threadIdx.x] = a.x | a.y << 16;
    y[2 * threadIdx.x + 1] = b.x | b.y << 16;
}
"""


@pytest.mark.parametrize("arch", ["sm_89", "sm_90a"])
def test_eight_bit_floats(machine: Machine, arch: str) -> None:
    code = Code(".version 8.0\n.target sm_86\n.address_size 64\n", machine)
    code.module = built(OCTETS, arch)
    rng = np.random.default_rng(8)
    x = (rng.normal(size=1024) * 2.0 ** rng.integers(-20, 20, 1024)).astype(np.float32)
    x[:8] = [0, -0.0, np.inf, -np.inf, 448, 449, 2**-9, 2**-10]
    both_ways = np.arange(512, dtype=np.uint16) * 127
    for kernel, data, size in (("octets", x, 2048), ("values", both_ways, 4096)):
        arrays = [fresh(data), np.zeros(size, np.uint8)]
        launch = code.launch(kernel, 1, 512, address_of(0), address_of(1))
        both = Both(machine, code.program(launch), memory_of(*arrays), Limits(), True)
        both.rtol = 0
        both.run_all()
        assert both.changed


def fresh(array: NDArray[Any]) -> Bytes:
    return array.view(np.uint8).copy()


MATRICES = """
extern "C" __global__ void transpose(const unsigned* in, unsigned* out) {
    unsigned r;
    asm volatile("movmatrix.sync.aligned.m8n8.trans.b16 %0, %1;" : "=r"(r) : "r"(in[threadIdx.x]));
    out[threadIdx.x] = r;
}

extern "C" __global__ void long_moves(unsigned long long* out, unsigned long long a, int n) {
    unsigned long long sum = 0x80, at = a;
    for (int i = 0; i < n; i++) {
        out[i * 32 + threadIdx.x] = sum + at * threadIdx.x;
        sum += a, at = a;
    }
}
"""


@pytest.mark.parametrize("arch", ["sm_90a", "sm_120"])
def test_registers_move_whole(arch: str) -> None:
    module = built(MATRICES, arch)
    numbers = np.arange(64, dtype=np.uint16)
    arrays = {0: numbers.view(np.uint8), 1: np.zeros(128, np.uint8), 2: np.zeros(3 * 256, np.uint8)}
    addresses = [address_of(slot) for slot in range(3)]

    def run(kernel: str, *arguments: tuple[int, int]) -> Traces:
        data = b"".join(value.to_bytes(size, "little") for value, size in arguments)
        launch = Launch(kernel=kernel, grid=(1, 1, 1), block=(32, 1, 1), dynamic_shared_bytes=0, arguments=data)
        return traces_of(module, launch, arrays)

    got = run("transpose", (addresses[0], 8), (addresses[1], 8)).memory(1, 128).view(np.uint16)
    assert np.array_equal(got.reshape(8, 8), numbers.reshape(8, 8).T)
    a = 0x123456789
    sums = run("long_moves", (addresses[2], 8), (a, 8), (3, 4)).memory(2, 768).view(np.uint64)
    assert np.array_equal(sums, [0x80 + a * i + a * lane for i in range(3) for lane in range(32)])
