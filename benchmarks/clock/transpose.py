"""Transposes of matrices of fp32."""

from __future__ import annotations

from benchmarks.clock.cases import Address, Array, Call, Case

TILES = (
    "transpose_rows_written",
    "transpose_rows_read",
    "transpose_tile",
    "transpose_conflicts",
    "transpose_padded",
    "transpose_swizzled",
)
LINES = {"line_rows_read": 1, "line_rows_written": 1, "line_vectors_read": 4, "line_vectors_written": 4}
"""Elements per thread."""
SQUARES = {  # rows and columns of x per thread
    "square_rows_read": (1, 1),
    "square_diagonal": (1, 1),
    "square_vectors_read": (1, 4),
    "square_vectors_written": (4, 1),
    "square_wide": (1, 4),
    "square_tall": (4, 1),
    "square_wide_padded": (1, 4),
    "square_tall_padded": (4, 1),
}


def transpose(kernel: str, rows: int, columns: int, *, table: str, row: str, gpu: str) -> Case:
    """A transpose of a matrix of `rows` x `columns`, timed in a loop."""
    if kernel in TILES:
        wide, high = (rows, columns) if kernel == "transpose_rows_written" else (columns, rows)
        block, grid = (32, 32, 1), (-(-wide // 32), -(-high // 32), 1)
    elif kernel in LINES:
        block, grid = (256, 1, 1), (rows * columns // (256 * LINES[kernel]), 1, 1)
    else:
        high, wide = SQUARES[kernel]
        block, grid = (16, 16, 1), (columns // (16 * wide), rows // (16 * high), 1)
    size = 4 * rows * columns
    return Case(
        table=table,
        row=row,
        gpu=gpu,
        source="transpose.cu",
        arrays=(Array(bytes=size, content="random"), Array(bytes=size)),
        calls=(
            Call(kernel=kernel, grid=grid, block=block, arguments=(Address(array=0), Address(array=1), rows, columns)),
        ),
        flops=0,
        least_bytes=2 * size,
        warm=True,
    )


# What the table calls row2col(2d) reads rows and writes columns, as its col2row(2d) does.
_L20 = (
    "line_rows_read",
    "line_rows_written",
    "square_rows_read",
    "square_rows_read",
    "square_diagonal",
    "line_vectors_read",
    "line_vectors_written",
    "square_vectors_read",
    "square_vectors_written",
    "square_wide",
    "square_tall",
    "square_wide_padded",
    "square_tall_padded",
)

CASES: tuple[Case, ...] = (
    # T45-01 to 03 were compiled without ptxas's optimisations.
    *(transpose(k, 12800, 12800, table="T45", row=f"T45-{i:02}", gpu="rtx3090") for i, k in enumerate(TILES[:3], 4)),
    *(transpose(k, 8192, 8192, table="T45", row=f"T45-{i:02}", gpu="rtx3090") for i, k in enumerate(TILES[3:], 7)),
    *(
        transpose(kernel, n, n, table="T52", row=f"T52-{first + i}", gpu="l20")
        for n, first in ((1024, 13), (4096, 26), (8192, 39))
        for i, kernel in enumerate(_L20)
    ),
)
