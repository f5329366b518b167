"""Layer norms of fp32."""

from __future__ import annotations

from benchmarks.clock.cases import Address, Array, Call, Case


def layer_norm(kernel: str, threads: int, rows: int = 8 * 1024, channels: int = 768, *, row: str) -> Case:
    """`norm_by_blocks` or `norm_by_warps`, in blocks of `threads`."""
    warps, matrix = threads // 32, 4 * rows * channels
    by_warps = kernel == "norm_by_warps"
    return Case(
        table="T41",
        row=row,
        gpu="rtx3070-laptop",
        source="norm.cu",
        arrays=(
            Array(bytes=matrix),
            Array(bytes=4 * rows),
            Array(bytes=4 * rows),
            Array(bytes=matrix, content="random"),
            Array(bytes=4 * channels, content="random"),
            Array(bytes=4 * channels, content="random"),
        ),
        calls=(
            Call(
                kernel=kernel,
                grid=(-(-rows // warps) if by_warps else rows, 1, 1),
                block=(32, warps, 1) if by_warps else (threads, 1, 1),
                arguments=(*(Address(array=i) for i in range(6)), rows, channels),
                shared=4 * (2 + warps) * channels if by_warps else 0,
            ),
        ),
        flops=8 * rows * channels,
        least_bytes=2 * matrix + 8 * (rows + channels),
        warm=False,
    )


CASES: tuple[Case, ...] = (
    *(layer_norm("norm_by_warps", threads, row=f"T41-{i:02}") for i, threads in enumerate((32, 64, 128, 256, 512), 1)),
    # 32 rows and two more take more shared memory than this card gives a block: the launcher takes a row per block.
    layer_norm("norm_by_blocks", 1024, row="T41-06"),
)
