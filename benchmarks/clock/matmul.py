"""Products of fp32 matrices: the ladder of an RTX 4070 Ti SUPER, from one element per thread to tiles of warps."""

from __future__ import annotations

from benchmarks.clock.cases import Address, Array, Call, Case
from cudagym.build.program import Dim3

KERNELS: dict[str, tuple[tuple[int, int], Dim3]] = {  # rows and columns of c that a block makes, and its threads
    "multiply_naive": ((24, 32), (32, 24, 1)),  # 768 threads: the widest block of which an SM of 1536 holds no rest
    "multiply_tiles": ((32, 32), (32, 32, 1)),
    "multiply_coarse": ((128, 128), (256, 1, 1)),
    "multiply_threads": ((128, 128), (256, 1, 1)),
    "multiply_warps": ((128, 64), (256, 1, 1)),
    "multiply_fours": ((128, 128), (128, 1, 1)),
    "multiply_turned": ((64, 128), (64, 1, 1)),
}


def product(kernel: str, m: int = 4096, n: int = 4096, k: int = 4096, *, row: str) -> Case:
    """c = a b, where a is `m` x `k` and b is `k` x `n`."""
    (rows, columns), block = KERNELS[kernel]
    down, across = -(-m // rows), -(-n // columns)
    return Case(
        table="T20",
        row=row,
        gpu="rtx4070tisuper",
        source="matmul.cu",
        arrays=(
            Array(bytes=4 * m * k, content="random"),
            Array(bytes=4 * k * n, content="random"),
            Array(bytes=4 * m * n),
        ),
        calls=(
            Call(
                kernel=kernel,
                grid=(across, down, 1) if block[1] > 1 else (down * across, 1, 1),
                block=block,
                arguments=(Address(array=0), Address(array=1), Address(array=2), m, n, k),
            ),
        ),
        flops=2 * m * n * k,
        least_bytes=4 * (m * k + k * n + m * n),
        warm=False,
        clock_mhz=2340.0,  # Nsight Compute's report, beside the table, gives the SMs' frequency
    )


CASES: tuple[Case, ...] = tuple(product(kernel, row=f"T20-{i:02}") for i, kernel in enumerate(KERNELS, start=2))
