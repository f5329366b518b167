"""How fast the simulated GPU is on one core: warp instructions and GFLOP/s, JIT time, memory.

Run it with `make bench-simulator`. Every kernel runs whole, as for a verdict's unchecked shapes: bounds and alignment
are checked, nothing is counted. Beside it stand, from the same minute, the same loop in plain C (g++ -O3
-march=native) and, for the matrix products, numpy on one thread. Times are the best of a few runs.
"""

from __future__ import annotations

import ctypes
import math
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import numpy as np  # noqa: E402
from numpy.typing import NDArray  # noqa: E402
from rich.console import Console  # noqa: E402
from rich.table import Table  # noqa: E402
from verdicts import machine as host  # noqa: E402

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / "tests/simulator"))
REPEATS = 7
LIMITS = {"warp_instructions": 1 << 40}
Array = NDArray[Any]


class Subject(NamedTuple):
    """One kernel of simulator.cu, or of a program that the tests run, and the sizes it runs at."""

    kernel: str
    grid: tuple[int, ...]
    block: tuple[int, ...]
    arguments: tuple[Any, ...]
    """Arrays and numbers; the last array is the output."""
    want: Array | None = None
    flops: int = 0
    scalar: str = ""
    """The function of simulator.c that does the same."""
    library: Callable[[], object] | None = None
    """What numpy offers for it."""
    file: str = "simulator"


def subjects() -> list[Subject]:
    rng = np.random.default_rng(0)

    def normal(*shape: int) -> Array:
        return rng.normal(size=shape).astype(np.float32)

    n = 1 << 21
    x, y = normal(n), normal(n)
    found = [
        Subject("vector_add", (n // 256,), (256,), (x, y, np.zeros_like(x), n), x + y, n, "vector_add"),
        Subject("reduction", (256,), (256,), (x, np.zeros(1, np.float32), n), x.sum(keepdims=True), n, "reduction"),
    ]
    rows = normal(1024, 1024)
    e = np.exp(rows - rows.max(1, keepdims=True))
    found.append(
        Subject("softmax", (1024,), (256,), (rows, np.zeros_like(rows), 1024), e / e.sum(1, keepdims=True),
                5 * rows.size, "softmax")
    )  # fmt: skip
    for name, n, grid, block in (
        ("sgemm_naive", 256, (8, 32), (32, 8)),
        ("sgemm_tiled", 512, (16, 16), (32, 32)),
    ):
        a, b = normal(n, n), normal(n, n)
        multiply = lambda a=a, b=b: a @ b  # noqa: E731
        found.append(Subject(name, grid, block, (a, b, np.zeros_like(a), n), a @ b, 2 * n**3, "sgemm", multiply))
    a, b = normal(256, 256), normal(256, 256)
    halves = a.astype(np.float16), b.astype(np.float16)
    want = halves[0].astype(np.float32) @ halves[1].astype(np.float32)
    found.append(
        Subject("gemm_mma_half", (4, 4), (128,), (*halves, np.zeros_like(a), 256, 256, 256), want, 2 * 256**3,
                library=lambda: a @ b, file="tensor")
    )  # fmt: skip
    found.append(Subject("empty", (10_000_000 // 256,), (256,), ()))
    found.append(Subject("long_kernel", (1,), (32,), (normal(768), np.zeros(768, np.float32), 32)))
    return found


def best(call: Callable[[], object], repeats: int = REPEATS) -> float:
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)


def main() -> None:
    console = Console(width=140)
    with tempfile.TemporaryDirectory(prefix="cudagym-bench-") as folder:
        os.environ["CUDAGYM_CACHE"] = folder
        console.print(_table(Path(folder)))
    console.print(f"peak memory of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10} MiB")


def _table(folder: Path) -> Table:
    from machine_code import Builds, Code

    from cudagym.build.native import native
    from cudagym.hardware import gpu
    from cudagym.simulator.machine import Machine

    simulator = Machine(gpu("h100"))
    builds = Builds(folder, simulator)
    builds.known["simulator"] = Code(builds.compile((HERE / "simulator.cu").read_text(), "simulator"), simulator)
    flags = ("-O3", "-march=native", "-fPIC", "-shared", "-lm")
    scalar = ctypes.CDLL(str(native("simulator-baselines.so", [HERE / "simulator.c"], flags)))
    table = Table(
        title=f"the simulated GPU on one core, {host()}",
        caption=f"executed: warp instructions; best of {REPEATS} runs each",
    )
    table.add_column("kernel")
    for column in (
        "PTX", "JIT ms", "executed", "ms", "million/s", "GFLOP/s", "C ms", "numpy ms", "time / C", "time / numpy"
    ):  # fmt: skip
        table.add_column(column, justify="right")
    for subject in subjects():
        table.add_row(subject.kernel, *_row(builds[subject.file], scalar, subject))
    return table


def _row(code: Any, scalar: ctypes.CDLL, subject: Subject) -> list[str]:
    from machine_code import memory_of

    from cudagym.build.program import address_of
    from cudagym.device import Limits
    from cudagym.simulator.machine import _loaded

    arrays = [a for a in subject.arguments if isinstance(a, np.ndarray)]
    slots = iter(range(len(arrays)))
    values = [address_of(next(slots)) if isinstance(a, np.ndarray) else a for a in subject.arguments]
    start = time.perf_counter()
    loaded = _loaded(code.module.ptx, code.kernel(subject.kernel).name, (), True)
    jit = time.perf_counter() - start
    launch = code.launch(subject.kernel, subject.grid, subject.block, *values)
    program = code.program(launch)
    runs = [
        code.machine.execute(program, memory_of(*arrays), checked=False, limits=Limits(**LIMITS))
        for _ in range(REPEATS)
    ]
    assert not runs[0].faults, runs[0].faults[0].message
    if subject.want is not None:
        arrays[-1][...] = 0
        code.machine.execute(program, memory_of(*arrays), checked=False, limits=Limits(**LIMITS))
        np.testing.assert_allclose(arrays[-1], subject.want, rtol=2e-3, atol=1e-3)
    seconds = min(run.seconds for run in runs)
    executed = runs[0].launches[0].instructions
    given = [a.ctypes.data_as(ctypes.c_void_p) if isinstance(a, np.ndarray) else a for a in subject.arguments]
    in_c = best(lambda: getattr(scalar, subject.scalar)(*given), 3) if subject.scalar else math.nan
    in_numpy = best(subject.library) if subject.library else math.nan
    figures = (1e3 * in_c, 1e3 * in_numpy, seconds / in_c, seconds / in_numpy)
    return [
        str(len(loaded.flow.instructions)),
        f"{1e3 * jit:.0f}",
        f"{executed:,}",
        f"{1e3 * seconds:.2f}",
        f"{executed / seconds / 1e6:.0f}",
        f"{subject.flops / seconds / 1e9:.2f}" if subject.flops else "",
        *("" if math.isnan(figure) else f"{figure:.2f}" for figure in figures),
    ]


if __name__ == "__main__":
    main()
