"""Running sums within blocks."""

from __future__ import annotations

from benchmarks.clock.cases import Address, Array, Call, Case

KERNELS = {  # threads of a block, elements per thread
    "scan_global": (512, 1),
    "scan_shared": (512, 1),
    "scan_two_arrays": (256, 1),
    "scan_shuffled": (256, 1),
    "scan_four_each": (128, 4),
}


def scan(kernel: str, n: int = 1 << 30, *, row: str) -> Case:
    """Of `n` integers, a multiple of what a block takes."""
    threads, per_thread = KERNELS[kernel]
    return Case(
        table="T16",
        row=row,
        gpu="h100",
        source="scan.cu",
        defines={"THREADS": threads, "N": n},
        arrays=(Array(bytes=4 * n, content="random", dtype="i32"), Array(bytes=4 * n, dtype="i32")),
        calls=(
            Call(
                kernel=kernel,
                grid=(n // (threads * per_thread), 1, 1),
                block=(threads, 1, 1),
                arguments=(Address(array=0), Address(array=1)),
            ),
        ),
        flops=n,
        least_bytes=8 * n,
        warm=True,
    )


CASES: tuple[Case, ...] = tuple(scan(kernel, row=f"T16-{i:02}") for i, kernel in enumerate(KERNELS, start=1))
