"""The clock ranks kernels as hardware does wherever the cause is large.

Each pair computes the same; the first does it in a way that every card punishes. Only the order is claimed.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
from machine_code import memory_of

from cudagym import Grader, specs
from cudagym.agents.scripted import ScriptedTeacher
from cudagym.build.program import address_of
from cudagym.device import Buffer, Limits
from cudagym.hardware import MathMode, gpu
from cudagym.simulator.clock.program import predict
from cudagym.verdict import Verdict

if TYPE_CHECKING:
    from machine_code import Builds

SOLVE = 'extern "C" void solve(const float* x, float* y, int n) {{ {} }}'


def relu(body: str, launch: str) -> str:
    return f"__global__ void relu(const float* __restrict__ x, float* y, int n) {{\n{body}\n}}\n" + SOLVE.format(launch)


SCALAR = relu(
    "int i = blockIdx.x * blockDim.x + threadIdx.x; if (i < n) y[i] = fmaxf(x[i], 0.0f);",
    "relu<<<(n + 255) / 256, 256>>>(x, y, n);",
)
STRIDED = relu(
    "int i = (blockIdx.x * blockDim.x + threadIdx.x) * 32;"
    " for (int k = i; k < i + 32 && k < n; ++k) y[k] = fmaxf(x[k], 0.0f);",
    "relu<<<(n / 32 + 256) / 256, 256>>>(x, y, n);",
)
VECTORISED = relu(
    "int i = blockIdx.x * blockDim.x + threadIdx.x;"
    " if (4 * i + 3 < n) { float4 v = ((const float4*)x)[i]; v.x = fmaxf(v.x, 0.0f); v.y = fmaxf(v.y, 0.0f);"
    " v.z = fmaxf(v.z, 0.0f); v.w = fmaxf(v.w, 0.0f); ((float4*)y)[i] = v; }"
    " else for (int k = 4 * i; k < n; ++k) y[k] = fmaxf(x[k], 0.0f);",
    "relu<<<(n / 4 + 256) / 256, 256>>>(x, y, n);",
)
SERIALISED = relu(
    "__shared__ int turn; if (threadIdx.x == 0) turn = 0; __syncthreads();"
    " int i = blockIdx.x * blockDim.x + threadIdx.x;"
    " for (int k = 0; k < 256; ++k) { if (k == threadIdx.x) { if (i < n) y[i] = fmaxf(x[i], 0.0f); }"
    " __syncthreads(); }",
    "relu<<<(n + 255) / 256, 256>>>(x, y, n);",
)
SPILLED = relu(
    "int i = blockIdx.x * blockDim.x + threadIdx.x; float a[64];"
    " for (int k = 0; k < 64; ++k) a[(k * 7 + i) & 63] = k;"
    " if (i < n) y[i] = fmaxf(x[i], 0.0f) + 0.0f * a[i & 63];",
    "relu<<<(n + 255) / 256, 256>>>(x, y, n);",
)
HALF_EMPTY = SCALAR.replace("(n + 255) / 256", "(n + 127) / 128")
ONE_BLOCK = relu(
    "for (int i = threadIdx.x; i < n; i += blockDim.x) y[i] = fmaxf(x[i], 0.0f);", "relu<<<1, 1024>>>(x, y, n);"
)


@pytest.fixture(scope="module", autouse=True)
def always_the_same_shapes_and_blocks() -> Iterator[None]:
    """By those that a secret chooses, times of one kernel differ by several percent."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CUDAGYM_SECRET", "the one of the clock's tests")
        yield


@pytest.fixture(scope="module")
def grader() -> Iterator[Grader]:
    with Grader("sim:h100", cached=False) as grader:
        yield grader


@pytest.fixture(scope="module")
def relus(grader: Grader) -> dict[str, float]:
    names = ["SCALAR", "STRIDED", "VECTORISED", "SERIALISED", "SPILLED", "ONE_BLOCK", "HALF_EMPTY"]
    verdicts = grader.grade_many([("relu_fp32", globals()[name]) for name in names])
    return {name: _time(verdict) for name, verdict in zip(names, verdicts, strict=True)}


def _time(verdict: Verdict) -> float:
    assert verdict.time_us is not None, verdict.message
    return verdict.time_us


@pytest.mark.parametrize("slow", ["STRIDED", "SERIALISED", "SPILLED", "ONE_BLOCK"])
def test_coalesced_parallel_code_beats(slow: str, relus: dict[str, float]) -> None:
    assert relus[slow] > 1.3 * relus["SCALAR"]


def test_vectorised_is_not_slower_than_scalar(relus: dict[str, float]) -> None:
    assert relus["VECTORISED"] <= 1.02 * relus["SCALAR"]


def test_blocks_that_do_nothing_do_not_make_it_faster(relus: dict[str, float]) -> None:
    assert relus["HALF_EMPTY"] >= 0.99 * relus["SCALAR"]


@pytest.mark.parametrize("card", ["h100", "a6000"])
def test_register_tiles_beat_tiles_which_do_not_lose_to_naive_code(card: str) -> None:
    spec = specs.get("matmul_fp32")
    ladder = [each.source for each in ScriptedTeacher().ladder(spec)]
    with Grader(f"sim:{card}", cached=False) as grader:
        times = [_time(verdict) for verdict in grader.grade_many([(spec, source) for source in ladder])]
    naive, shared, *register = times
    # Small tiles relieve the L1 of hardly more than they load from shared memory.
    assert shared < 1.05 * naive, times
    assert shared > 2 * register[0], times
    assert all(slow > fast for slow, fast in pairwise(register)), times
    assert naive > 3 * register[-1]


HALF_SOLVE = """
extern "C" void solve(const __half* A, const __half* B, __half* C, int M, int N, int K) {
    dim3 grid((N + 63) / 64, (M + 63) / 64);
    product<<<grid, 128>>>(A, B, C, M, N, K);
}
"""
SHARED_TILES = """
#include <cuda_fp16.h>
#include <mma.h>
using namespace nvcuda::wmma;
// A block computes 64 x 64 numbers of C, staging 32 columns of A and B at a time.
__global__ void __launch_bounds__(128) product(const __half* A, const __half* B, __half* C, int M, int N, int K) {
    __shared__ __align__(32) __half a[64][40], b[64][40];
    __shared__ __align__(32) float c[64][72];
    int warp = threadIdx.x / 32, top = blockIdx.y * 64, left = blockIdx.x * 64;
    ACCUMULATORS
    for (int k = 0; k < K; k += 32) {
        for (int i = threadIdx.x; i < 64 * 32; i += 128) {
            int row = i / 32, column = i % 32;
            bool inside = k + column < K;
            a[row][column] = inside && top + row < M ? A[(top + row) * K + k + column] : __half(0.0f);
            b[row][column] = inside && left + row < N ? B[(left + row) * K + k + column] : __half(0.0f);
        }
        __syncthreads();
        MULTIPLY
        __syncthreads();
    }
    STORE
    __syncthreads();
    for (int i = threadIdx.x; i < 64 * 64; i += 128) {
        int row = top + i / 64, column = left + i % 64;
        if (row < M && column < N) C[row * N + column] = c[i / 64][i % 64];
    }
}
"""
TENSOR = {
    "ACCUMULATORS": """fragment<accumulator, 16, 16, 16, float> sum[4];
    for (int j = 0; j < 4; ++j) fill_fragment(sum[j], 0.0f);""",
    "MULTIPLY": """for (int s = 0; s < 32; s += 16) {
            fragment<matrix_a, 16, 16, 16, __half, row_major> left_part;
            load_matrix_sync(left_part, &a[warp * 16][s], 40);
            for (int j = 0; j < 4; ++j) {
                fragment<matrix_b, 16, 16, 16, __half, col_major> right_part;
                load_matrix_sync(right_part, &b[j * 16][s], 40);
                mma_sync(sum[j], left_part, right_part, sum[j]);
            }
        }""",
    "STORE": "for (int j = 0; j < 4; ++j) store_matrix_sync(&c[warp * 16][j * 16], sum[j], 72, mem_row_major);",
}
PLAIN = {
    "ACCUMULATORS": """float sum[8][4] = {};
    int y = threadIdx.x / 16 * 8, x = threadIdx.x % 16 * 4;""",
    "MULTIPLY": """for (int s = 0; s < 32; ++s)
            for (int i = 0; i < 8; ++i)
                for (int j = 0; j < 4; ++j) sum[i][j] += __half2float(a[y + i][s]) * __half2float(b[x + j][s]);""",
    "STORE": "for (int i = 0; i < 8; ++i) for (int j = 0; j < 4; ++j) c[y + i][x + j] = sum[i][j];",
}


def half_product(parts: dict[str, str]) -> str:
    source = SHARED_TILES
    for name, text in parts.items():
        source = source.replace(name, text)
    return source + HALF_SOLVE


@pytest.mark.parametrize("card", ["h100", "a6000"])
def test_tensor_cores_beat_fp32_and_stay_below_their_peak(card: str) -> None:
    spec = specs.get("matmul_nt_fp16")
    with Grader(f"sim:{card}", cached=False) as grader:
        verdicts = grader.grade_many([(spec, half_product(parts)) for parts in (TENSOR, PLAIN)])
    tensor, plain = (_time(verdict) for verdict in verdicts)
    assert plain > 1.5 * tensor
    assert tensor * gpu(card).peak_flops("fp16") > spec.flops(spec.timing_shape) * 1e6


@pytest.mark.parametrize("card", ["h100", "a100", "rtx4090"])
@pytest.mark.parametrize(("mode", "k"), [("fp16", 16), ("bf16", 16), ("tf32", 8), ("int8", 32)])
def test_products_alone_run_near_the_peak(builds: Builds, mode: MathMode, k: int, card: str) -> None:
    """On Hopper that of mma, which is 63% of wgmma's."""
    code, the_gpu, rounds = builds["matrix"], gpu(card), 64
    blocks, warps = 100 * the_gpu.sms, 16
    out = np.zeros(256, np.uint32)
    program = code.program(code.launch(f"busy_{mode}", blocks, 32 * warps, address_of(0), rounds))
    run = code.machine.sample(program, memory_of(out), seed=1, limits=Limits(warp_instructions=10**6))
    buffers = [Buffer(name="out", slot=0, fd=-1, size=out.nbytes, read_only=False, holds_input=False)]
    time = predict(the_gpu, program, run, buffers)
    flops = 8 * rounds * 2 * 16 * 8 * k * warps * blocks
    peak = the_gpu.peak_flops(mode) * (0.63 if card == "h100" else 1.0)
    assert 0.8 < flops / (time.time_us * 1e-6) / peak <= 1.0
    assert time.kernels[0].limiters[0].name == "tensor cores"
