"""Permutations: every element moves to another place, unchanged."""

from __future__ import annotations

from cudagym.record import Shape
from cudagym.specs.distributions import FULL_RANGE, NORMAL, SMALL_INTEGERS, WIDE
from cudagym.specs.spec import DType, KernelSpec, Split, Tolerance, scalar, tensor_in, tensor_out

EXACT = Tolerance(factor=0, growth=0)


def transpose(name: str, split: Split, pairs: tuple[tuple[int, int], ...], timing_shape: Shape) -> KernelSpec:
    return KernelSpec(
        name=name,
        family="permutation",
        split=split,
        summary="Transpose: x has the shape [rows][cols], y has the shape [cols][rows], and y[c][r] = x[r][c].",
        formula="y[c * rows + r] = x[r * cols + c]",
        parameters=(
            tensor_in("x", DType.F32, "rows", "cols"),
            tensor_out("y", DType.F32, "cols", "rows"),
            scalar("rows"),
            scalar("cols"),
        ),
        check_shapes=tuple({"rows": rows, "cols": cols} for rows, cols in pairs),
        timing_shape=timing_shape,
        reference=lambda t, s: {"y": t["x"].t()},
        flops=lambda s: 0,
        independent=("rows", "cols"),
        tolerance=EXACT,
        distributions=(NORMAL, WIDE),
    )


SPECS = (
    transpose(
        "transpose_fp32",
        "train",
        ((1, 1), (37, 3), (31, 33), (128, 192), (257, 129)),
        {"rows": 6656, "cols": 4096},
    ),
    transpose(
        "transpose_fp32_tall",
        "unseen_shape",
        ((1, 65), (4099, 3), (10007, 5), (4096, 16)),
        {"rows": 852992, "cols": 32},
    ),
    KernelSpec(
        name="hwc_to_chw_u8",
        family="permutation",
        split="unseen_op",
        summary="Separate the channels of an image of bytes: x has the shape [height][width][3], y has the shape "
        "[3][height][width], and y[c][i][j] = x[i][j][c].",
        formula="y[(c * height + i) * width + j] = x[(i * width + j) * 3 + c]",
        parameters=(
            tensor_in("x", DType.U8, "height", "width", 3),
            tensor_out("y", DType.U8, 3, "height", "width"),
            scalar("height"),
            scalar("width"),
        ),
        check_shapes=tuple(
            {"height": height, "width": width} for height, width in ((1, 1), (7, 37), (64, 128), (131, 257))
        ),
        timing_shape={"height": 5120, "width": 7168},
        reference=lambda t, s: {"y": t["x"].permute(2, 0, 1)},
        flops=lambda s: 0,
        independent=("height", "width"),
        tolerance=EXACT,
        distributions=(SMALL_INTEGERS, FULL_RANGE),
    ),
)
