"""Sums: one per block, one per row, one of everything."""

from __future__ import annotations

from benchmarks.clock.cases import Address, Array, Call, Case

ONE_PER_BLOCK = {  # elements per thread, 0 where the grid alone decides
    "sum_neighbours": 1,
    "sum_strided": 1,
    "sum_halves": 1,
    "sum_two_each": 2,
    "sum_last_warp": 2,
    "sum_unrolled": 2,
    "sum_many_each": 128,
    "sum_shuffled": 128,
    "sum_vectors": 0,
}
ONE_PER_ROW = {  # threads of a block, and elements of its tile
    "row_sum_serial": (1, 0),
    "row_sum_halves": (128, 128),
    "row_sum_tiles": (256, 2048),
    "row_sum_volatile": (128, 4096),
    "row_sum_synced": (128, 4096),
    "row_sum_shuffled": (128, 4096),
    "row_sum_butterfly": (128, 2048),
    "row_sum_vectors": (128, 8192),
}
ONE = {  # threads of a block, elements per load, and loads per thread
    "total_halves": (512, 1, 20),
    "total_shuffled": (1024, 4, 16),
    "total_shared": (1024, 4, 16),
    "total_redux": (1024, 4, 16),
}


def per_block(
    kernel: str,
    n: int = 32 << 20,
    *,
    table: str,
    row: str,
    gpu: str,
    clock_mhz: float,
    blocks: int = 0,
    integers: bool = False,
) -> Case:
    """`n` elements; each of the blocks of 256 threads leaves its own sum. `integers` also holds indices against `n`."""
    per_thread = ONE_PER_BLOCK[kernel]
    blocks = blocks or n // (256 * per_thread)
    return Case(
        table=table,
        row=row,
        gpu=gpu,
        source="reduction.cu",
        defines={
            "ELEMENT": "int" if integers else "float",
            "THREADS": 256,
            "PER_THREAD": 128,
            "GUARDED": int(integers),
        },
        arrays=(Array(bytes=4 * n, content="random", dtype="i32" if integers else "f32"), Array(bytes=4 * blocks)),
        calls=(
            Call(
                kernel=kernel, grid=(blocks, 1, 1), block=(256, 1, 1), arguments=(Address(array=0), Address(array=1), n)
            ),
        ),
        flops=n,
        least_bytes=4 * (n + blocks),
        warm=False,
        clock_mhz=clock_mhz,
    )


def per_row(kernel: str, rows: int = 64, columns: int = 32000, *, row: str) -> Case:
    """The sum of each row of a matrix. `triton.testing.do_bench` clears the L2 before each launch."""
    threads, tile = ONE_PER_ROW[kernel]
    grid = (-(-columns // tile), rows, 1) if tile else (-(-rows // threads), 1, 1)
    arguments = (Address(array=0), Address(array=1), rows, columns)
    return Case(
        table="T21",
        row=row,
        gpu="rtx4070tisuper",
        source="reduction.cu",
        defines={"ELEMENT": "float", "THREADS": 256, "PER_THREAD": 128, "GUARDED": 0},
        arrays=(Array(bytes=4 * rows * columns, content="random"), Array(bytes=4 * rows)),
        calls=(
            Call(
                kernel=kernel,
                grid=grid,
                block=(threads, 1, 1),
                arguments=(*arguments, tile) if tile > threads else arguments,
                shared=4 * threads if tile else 0,
            ),
        ),
        flops=rows * columns,
        least_bytes=4 * rows * (columns + 1),
        warm=False,
    )


def total(kernel: str, n: int = 1 << 30, *, row: str) -> Case:
    """The sum of `n` integers."""
    threads, width, loads = ONE[kernel]
    return Case(
        table="T10",
        row=row,
        gpu="h100",
        source="reduction.cu",
        defines={"ELEMENT": "int", "THREADS": threads, "PER_THREAD": loads, "GUARDED": 0},
        arrays=(Array(bytes=4 * n, content="random", dtype="i32"), Array(bytes=4, dtype="i32")),
        calls=(
            Call(
                kernel=kernel,
                grid=(-(-n // (threads * width * loads)), 1, 1),
                block=(threads, 1, 1),
                arguments=(Address(array=0), Address(array=1), n // width),
            ),
        ),
        flops=n,
        least_bytes=4 * n,
        warm=True,
    )


# Nsight Compute locks the base clock: 765 MHz (A100 40GB PCIe product brief PB-10137, table 1). The last kernel's
# blocks are as many as fit at once: 108 SMs of 2048 threads.
_A100 = {"table": "T34", "gpu": "a100-pcie-40gb", "clock_mhz": 765.0}
# The chapter names no card. Its 292 GB/s and its order of times are those of a T4 (320 GB/s) at its base clock, 585 MHz
# (T4 product brief PB-09256, table 1), which Nsight Compute locks.
_T4 = {"table": "T57", "gpu": "t4", "clock_mhz": 585.0, "integers": True}

CASES: tuple[Case, ...] = (
    *(
        per_block(kernel, row=f"T34-{i:02}", blocks=0 if ONE_PER_BLOCK[kernel] else 108 * 2048 // 256, **_A100)
        for i, kernel in enumerate(ONE_PER_BLOCK, start=1)
    ),
    *(per_block(kernel, row=f"T57-{i:02}", **_T4) for i, kernel in enumerate(list(ONE_PER_BLOCK)[:6], start=1)),
    *(per_row(kernel, row=f"T21-{i:02}") for i, kernel in enumerate(ONE_PER_ROW, start=2)),
    *(total(kernel, row=f"T10-{i:02}") for i, kernel in enumerate(ONE, start=1)),
)
