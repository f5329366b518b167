"""Random structured kernels run as on a GPU and as plain C++ on the host, compared bit for bit.

Set CUDAGYM_LONG_TESTS for many more of them.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from machine_code import Code
from numpy.typing import NDArray
from random_kernels.writer import THREADS, kernels, source

from cudagym.build.toolchain import find_toolchain

if TYPE_CHECKING:
    from machine_code import Builds

LONG = bool(os.environ.get("CUDAGYM_LONG_TESTS"))
AT_ONCE = 16
"""Kernels per run of the compilers."""
BLOCKS = 2
HEADER = Path(__file__).parent / "random_kernels" / "host.h"
PHASES = (Phase.explicit, Phase.generate) if not LONG else (Phase.explicit, Phase.generate, Phase.shrink)


def on_the_host(text: str, folder: Path) -> ctypes.CDLL:
    """The kernels as a library. Its name is new each time: a loaded one of the same name would be used again."""
    folder.mkdir(exist_ok=True)
    path = folder / f"host{len(list(folder.glob('*.so')))}.so"
    command = [
        find_toolchain().cxx,
        "-x",
        "c++",
        "-",
        "-O1",
        "-w",
        "-std=c++17",
        "-ffp-contract=off",
    ]
    command += ["-fPIC", "-shared", "-o", path]
    subprocess.run(command, input=f'#include "{HEADER}"\n{text}', text=True, check=True)
    return ctypes.CDLL(str(path))


def inputs() -> NDArray[Any]:
    x = np.random.default_rng(3).integers(0, 2**32, 256, np.uint32)
    x[:10] = [0, 1, 2, 2**32 - 1, 2**32 - 2, 1 << 31, 31, 32, 2**31 - 1, 5]
    return x


@settings(
    max_examples=100 if LONG else 2,
    derandomize=True,
    deadline=None,
    database=None,
    phases=PHASES,
    suppress_health_check=list(HealthCheck),
)
@given(bodies=st.lists(kernels(), min_size=AT_ONCE, max_size=AT_ONCE, unique=True), n=st.integers(0, 15))
def test_random_kernels(builds: Builds, bodies: list[str], n: int) -> None:
    text = source(bodies)
    code = Code(builds.compile(text, "random", "-fmad=false"), builds.machine)
    host = on_the_host(text, builds.folder / "random")
    x = inputs()
    for k, body in enumerate(bodies):
        want, got = (np.zeros(2 * THREADS * BLOCKS, np.uint32) for _ in range(2))
        kernel = ctypes.cast(host[f"k{k}"], ctypes.c_void_p)
        pointers = (ctypes.c_void_p(array.ctypes.data) for array in (x, want))
        host.run(kernel, *pointers, n, BLOCKS, THREADS)
        code.run(f"k{k}", BLOCKS, THREADS, x, got, n, checked=bool(k % 2))
        different = np.flatnonzero(got != want)
        assert not different.size, f"thread {different[0] // 2} of kernel {k} with n = {n}:\n{body}"
