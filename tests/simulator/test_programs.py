"""Programs of the size that people write, right under several schedules, fast and with every check on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from cudagym.build.program import address_of

if TYPE_CHECKING:
    from machine_code import Builds

SCHEDULES = range(6)
"""The ascending order and five seeds."""
Array = NDArray[Any]


class Step(NamedTuple):
    """One launch. Arrays among the arguments are passed by address."""

    kernel: str
    grid: int | tuple[int, ...]
    block: int | tuple[int, ...]
    arguments: tuple[Any, ...]
    shared: int = 0
    cooperative: bool = False


class Case(NamedTuple):
    """Launches, and what some of their arrays must hold in the end."""

    file: str
    steps: Sequence[Step]
    want: Sequence[tuple[Array, Array]]
    """Pairs of an array of the steps and its content afterwards."""
    rtol: float = 1e-5
    atol: float = 1e-5


PROGRAMS: dict[str, Callable[[np.random.Generator], Case]] = {}


def program(make: Callable[[np.random.Generator], Case]) -> Callable[[np.random.Generator], Case]:
    """Enters a program under the name of the function that makes it."""
    PROGRAMS[make.__name__] = make
    return make


@pytest.mark.parametrize("name", PROGRAMS)
def test_program(builds: Builds, programs_run: dict[str, int], name: str) -> None:
    case = PROGRAMS[name](np.random.default_rng(len(name)))
    code = builds[case.file]
    given: dict[int, Array] = {}
    for step in case.steps:
        given.update((id(a), a) for a in step.arguments if isinstance(a, np.ndarray))
    for schedule in SCHEDULES:
        arrays = {key: a if not a.flags.writeable else a.copy() for key, a in given.items()}
        slots = {key: address_of(slot) for slot, key in enumerate(arrays)}
        launches = []
        for step in case.steps:
            values = [slots[id(a)] if isinstance(a, np.ndarray) else a for a in step.arguments]
            launch = code.launch(step.kernel, step.grid, step.block, *values, shared=step.shared)
            launches.append(launch.model_copy(update={"cooperative": step.cooperative}))
        for checked in (False, True):
            for array, fresh in zip(arrays.values(), given.values(), strict=True):
                if array.flags.writeable:
                    array[...] = fresh
            run = code.execute(launches, *arrays.values(), checked=checked, schedule=schedule)
            how = f"schedule {schedule}, {'checked' if checked else 'fast'}"
            assert not run.faults, f"{how}: {run.faults[0].message}"
            for array, want in case.want:
                np.testing.assert_allclose(arrays[id(array)], want, case.rtol, case.atol, err_msg=how)
    programs_run[name] = len(SCHEDULES)


def fixed(array: Array) -> Array:
    """An input that the kernels may only read."""
    array.flags.writeable = False
    return array


def normal(rng: np.random.Generator, *shape: int, dtype: Any = np.float32) -> Array:
    return fixed(rng.normal(size=shape).astype(dtype))


def empty(*shape: int, dtype: Any = np.float32) -> Array:
    return np.full(shape, 77, dtype)


# ---- matrix products ----

M, N, K = 128, 64, 32


def sgemm(kernel: str, grid: tuple[int, ...], block: int | tuple[int, ...], shared: int = 0) -> None:
    def make(rng: np.random.Generator) -> Case:
        a, b, c = normal(rng, M, K), normal(rng, K, N), empty(M, N)
        step = Step(f"sgemm_{kernel}", grid, block, (M, N, K, a, b, c), shared)
        return Case("sgemm", [step], [(c, a.astype(np.float64) @ b)])

    make.__name__ = f"sgemm_{kernel}"
    program(make)


sgemm("naive", (M // 16, N // 16), (16, 16))
sgemm("coalesced", (N // 16, M // 16), 256)
sgemm("shared", (N // 16, M // 16), (16, 16))
sgemm("1d_tiles", (N // 64, M // 64), 512)
sgemm("2d_tiles", (N // 64, M // 64), 256)
sgemm("vectorised", (N // 64, M // 64), 64)
sgemm("warp_tiles", (N // 64, M // 64), 128)
sgemm("double_buffered", (N // 64, M // 64), 256, 2 * 4 * (64 * 16 + 16 * 64))


def tensor_gemm(kernel: str) -> None:
    def make(rng: np.random.Generator) -> Case:
        a, b, c = normal(rng, M, 64), normal(rng, 64, N), empty(M, N)
        if kernel.endswith("bfloat"):
            kept = [a.view(np.uint32) & 0xFFFF0000, b.view(np.uint32) & 0xFFFF0000]
            a, b = (bits.view(np.float32) for bits in kept)
            given = [fixed((bits >> 16).astype(np.uint16)) for bits in kept]
        else:
            given = [fixed(a.astype(np.float16)), fixed(b.astype(np.float16))]
            a, b = given
        step = Step(kernel, (N // 64, M // 64), 128, (*given, c, M, N, 64))
        return Case("tensor", [step], [(c, a.astype(np.float64) @ b.astype(np.float64))], atol=1e-4)

    make.__name__ = kernel
    program(make)


for variant in ("gemm_wmma", "gemm_mma_half", "gemm_mma_bfloat"):
    tensor_gemm(variant)


# ---- reductions ----


def reduction(kernel: str, per_block: int, blocks: int = 0) -> None:
    def make(rng: np.random.Generator) -> Case:
        n = 5000
        x, count = normal(rng, n), blocks or -(-n // per_block)
        total = x.astype(np.float64).sum(keepdims=True)
        if kernel == "atomic":
            out = np.zeros(1, np.float32)
            return Case("reductions", [Step("reduce_atomic", count, 128, (x, out, n))], [(out, total)], atol=1e-3)
        if kernel == "last_block":
            out = empty(1)
            steps = [Step("reduce_last_block", count, 128, (x, empty(count), out, n))] * 2
            return Case("reductions", steps, [(out, total)], atol=1e-3)
        threads, partial = 128 if kernel == "cub" else 256, empty(count)
        step = Step(f"reduce_{kernel}", count, threads, (x, partial, n), shared=1024)
        place = np.arange(n) // per_block % count
        want = np.bincount(place, x.astype(np.float64), count)
        return Case("reductions", [step], [(partial, want)], atol=1e-4)

    make.__name__ = f"reduce_{kernel}"
    program(make)


reduction("interleaved", 256)
reduction("strided", 256)
reduction("sequential", 512)
reduction("unrolled", 512)
reduction("unrolled_fully", 512, 4)
reduction("shuffle", 256, 4)
reduction("atomic", 128, 4)
reduction("last_block", 128, 7)
reduction("cub", 512)


# ---- scans, sorts, histograms ----


def ints(rng: np.random.Generator, n: int, high: int = 100) -> Array:
    return fixed(rng.integers(0, high, n, np.int32))


@program
def scan_inclusive(rng: np.random.Generator) -> Case:
    x, y = ints(rng, 4 * 200), empty(4 * 200, dtype=np.int32)
    want = x.reshape(4, 200).cumsum(1).reshape(-1)
    return Case("orders", [Step("scan_inclusive", 4, 256, (x, y, 200), 2 * 4 * 256)], [(y, want)])


@program
def scan_exclusive(rng: np.random.Generator) -> Case:
    x, y = ints(rng, 3 * 256), empty(3 * 256, dtype=np.int32)
    rows = x.reshape(3, 256)
    step = Step("scan_exclusive", 3, 128, (x, y), 4 * (256 + 8))
    return Case("orders", [step], [(y, (rows.cumsum(1) - rows).reshape(-1))])


@program
def scan_with_look_back(rng: np.random.Generator) -> Case:
    n, blocks = 2500, 20
    x, y = ints(rng, n), empty(n, dtype=np.int32)
    state = [np.zeros(size, np.int32) for size in (1, blocks, blocks, blocks)]
    return Case("orders", [Step("scan_look_back", blocks, 128, (x, y, n, *state))], [(y, x.cumsum())])


@program
def radix_sort(rng: np.random.Generator) -> Case:
    keys = rng.integers(0, 1 << 32, 120, np.uint32)
    return Case("orders", [Step("radix_sort", 1, 128, (keys, 120), 2 * 4 * 128)], [(keys, np.sort(keys))])


def histogram(kernel: str, blocks: int) -> None:
    def make(rng: np.random.Generator) -> Case:
        x, bins = fixed((rng.normal(100, 20, 3000) % 256).astype(np.uint8)), np.zeros(256, np.uint32)
        step = Step(f"histogram_{kernel}", blocks, 256, (x, bins, x.size))
        return Case("orders", [step], [(bins, np.bincount(x, minlength=256))])

    make.__name__ = f"histogram_{kernel}"
    program(make)


histogram("global", 3)
histogram("shared", 3)
histogram("aggregated", 12)


@program
def bitonic_in_shared_memory(rng: np.random.Generator) -> Case:
    x = rng.normal(size=250).astype(np.float32)
    return Case("orders", [Step("bitonic_shared", 1, 256, (x, 250), 1024)], [(x, np.sort(x))], 0, 0)


@program
def bitonic_in_global_memory(rng: np.random.Generator) -> Case:
    x = rng.normal(size=512).astype(np.float32)
    sizes = [2**k for k in range(1, 10)]
    pairs = [(size, size >> k) for size in sizes for k in range(1, size.bit_length())]
    steps = [Step("bitonic_step", 4, 128, (x, stride, size)) for size, stride in pairs]
    return Case("orders", steps, [(x, np.sort(x))], 0, 0)


@program
def spin_lock(rng: np.random.Generator) -> Case:
    account = np.zeros(2, np.int32)
    step = Step("spin_lock", 12, 64, (np.zeros(1, np.int32), account, 5))
    return Case("orders", [step], [(account, np.array([12 * 10, 12 * 5]))])


@program
def a_lock_for_every_lane(rng: np.random.Generator) -> Case:
    account = np.zeros(1, np.int32)
    step = Step("lane_lock", 2, 48, (np.zeros(1, np.int32), account))
    return Case("orders", [step], [(account, np.array([2 * sum(range(48))]))])


@program
def persistent_blocks(rng: np.random.Generator) -> Case:
    x, y = normal(rng, 30, 70), empty(30, 70)
    step = Step("persistent", 4, 64, (x, y, np.zeros(1, np.int32), 30, 70))
    return Case("orders", [step], [(y, 2 * x + np.arange(30)[:, None])])


@program
def rounds_of_a_whole_grid(rng: np.random.Generator) -> Case:
    a = rng.normal(size=1000).astype(np.float32)
    want = a.astype(np.float64)
    for _ in range(4):
        want = 0.5 * want + 0.25 * (np.roll(want, -1) + np.roll(want, 1))
    step = Step("grid_rounds", 5, 96, (a, empty(1000), 1000, 4), cooperative=True)
    return Case("orders", [step], [(a, want)])


# ---- rows ----

ROWS, COLS = 12, 200


def softmax(kernel: str, grid: int, block: int) -> None:
    def make(rng: np.random.Generator) -> Case:
        x, y = fixed(5 * normal(rng, ROWS, COLS)), empty(ROWS, COLS)
        e = np.exp(x.astype(np.float64) - x.max(1, keepdims=True))
        step = Step(f"softmax_{kernel}", grid, block, (x, y, ROWS, COLS), 4 * COLS)
        return Case("rows", [step], [(y, e / e.sum(1, keepdims=True))])

    make.__name__ = f"softmax_{kernel}"
    program(make)


softmax("naive", 1, 32)
softmax("block", ROWS, 128)
softmax("online", ROWS // 4, 128)


def layernorm(kernel: str, grid: int, block: int | tuple[int, int]) -> None:
    def make(rng: np.random.Generator) -> Case:
        x, w, b, y = normal(rng, ROWS, COLS), normal(rng, COLS), normal(rng, COLS), empty(ROWS, COLS)
        d = x.astype(np.float64)
        want = (d - d.mean(1, keepdims=True)) / np.sqrt(d.var(1, keepdims=True) + 1e-5) * w + b
        step = Step(f"layernorm_{kernel}", grid, block, (x, w, b, y, ROWS, COLS))
        return Case("rows", [step], [(y, want)])

    make.__name__ = f"layernorm_{kernel}"
    program(make)


layernorm("two_pass", ROWS, 128)
layernorm("welford", 3, (32, 4))


def rms(x: Array, w: Array) -> Array:
    d = x.astype(np.float64)
    return d / np.sqrt((d * d).mean(1, keepdims=True) + 1e-6) * w


@program
def rmsnorm(rng: np.random.Generator) -> Case:
    x, w, y = normal(rng, ROWS, COLS), normal(rng, COLS), empty(ROWS, COLS)
    return Case("rows", [Step("rmsnorm", ROWS, 64, (x, w, y, ROWS, COLS))], [(y, rms(x, w))])


@program
def rmsnorm_of_halves(rng: np.random.Generator) -> Case:
    x, w = normal(rng, ROWS, COLS, dtype=np.float16), normal(rng, COLS, dtype=np.float16)
    y = empty(ROWS, COLS, dtype=np.float16)
    step = Step("rmsnorm_half", ROWS, 64, (x, w, y, COLS // 2))
    return Case("rows", [step], [(y, rms(x, w))], rtol=2e-3, atol=1e-3)


def attention(kernel: str, causal: bool) -> None:
    def make(rng: np.random.Generator) -> Case:
        heads, n, d = 2, 100, 16
        q, k, v, o = (*(normal(rng, heads, n, d) for _ in range(3)), empty(heads, n, d))
        scores = q.astype(np.float64) @ k.transpose(0, 2, 1) / 4
        if causal:
            scores = np.where(np.tril(np.ones((n, n), bool)), scores, -np.inf)
        p = np.exp(scores - scores.max(-1, keepdims=True))
        step = Step(kernel, (2, heads), 64, (q, k, v, o, n, 0.25))
        return Case("rows", [step], [(o, p / p.sum(-1, keepdims=True) @ v)], atol=2e-5)

    make.__name__ = kernel
    program(make)


attention("flash_attention", False)
attention("flash_attention_causal", True)


# ---- transposes and stencils ----


def transpose(kernel: str) -> None:
    def make(rng: np.random.Generator) -> Case:
        x, y = normal(rng, 70, 50), empty(50, 70)
        step = Step(f"transpose_{kernel}", (2, 9) if kernel == "naive" else (2, 3), (32, 8), (x, y, 50, 70))
        return Case("grids", [step], [(y, x.T)], 0, 0)

    make.__name__ = f"transpose_{kernel}"
    program(make)


for variant in ("naive", "tiled", "padded", "swizzled"):
    transpose(variant)


@program
def transpose_of_halves(rng: np.random.Generator) -> Case:
    x, y = normal(rng, 128, 64, dtype=np.float16), empty(64, 128, dtype=np.float16)
    return Case("grids", [Step("transpose_half2", (1, 2), (32, 8), (x, y, 64, 128))], [(y, x.T)], 0, 0)


@program
def stencil_in_two_dimensions(rng: np.random.Generator) -> Case:
    x, y = normal(rng, 40, 50), empty(40, 50)
    p = np.pad(x.astype(np.float64), 1)
    want = 0.5 * p[1:-1, 1:-1] + 0.125 * (p[1:-1, :-2] + p[1:-1, 2:] + p[:-2, 1:-1] + p[2:, 1:-1])
    return Case("grids", [Step("stencil_2d", (4, 3), (16, 16), (x, y, 50, 40))], [(y, want)])


@program
def stencil_in_three_dimensions(rng: np.random.Generator) -> Case:
    x, y = normal(rng, 6, 15, 20), empty(6, 15, 20)
    p = np.pad(x.astype(np.float64), 1)
    inner = slice(1, -1)
    around = sum(np.roll(p, step, axis)[inner, inner, inner] for step in (-1, 1) for axis in range(3))
    want = x - 0.1 * (6 * x.astype(np.float64) - around)
    return Case("grids", [Step("stencil_3d", (2, 2), (16, 8), (x, y, 20, 15, 6))], [(y, want)])
