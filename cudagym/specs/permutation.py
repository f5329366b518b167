"""Permutations: every element moves to another place, unchanged."""

from __future__ import annotations

from cudagym.record import Shape
from cudagym.specs.distributions import FULL_RANGE, NORMAL, SATURATING, SMALL_INTEGERS, WIDE
from cudagym.specs.spec import DType, KernelSpec, Split, Tolerance, scalar, tensor_in, tensor_out

EXACT = Tolerance(factor=0, growth=0)


def transpose(
    name: str, split: Split, pairs: tuple[tuple[int, int], ...], timing_shape: Shape, dtype: DType = DType.F32
) -> KernelSpec:
    return KernelSpec(
        name=name,
        family="permutation",
        split=split,
        summary="Transpose: x has the shape [rows][cols], y has the shape [cols][rows], and y[c][r] = x[r][c].",
        formula="y[c * rows + r] = x[r * cols + c]",
        parameters=(
            tensor_in("x", dtype, "rows", "cols"),
            tensor_out("y", dtype, "cols", "rows"),
            scalar("rows"),
            scalar("cols"),
        ),
        check_shapes=tuple({"rows": rows, "cols": cols} for rows, cols in pairs),
        timing_shape=timing_shape,
        reference=lambda t, s: {"y": t["x"].t()},
        flops=lambda s: 0,
        independent=("rows", "cols"),
        tolerance=EXACT,
        distributions=(NORMAL, WIDE if dtype is DType.F32 else SATURATING),
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
    transpose(
        "transpose_fp16",
        "unseen_dtype",
        ((1, 1), (37, 3), (31, 33), (128, 192), (257, 129)),
        {"rows": 13312, "cols": 4096},
        DType.F16,
    ),
    KernelSpec(
        name="split_heads_fp16",
        family="permutation",
        split="train",
        summary="Bring the heads of half-precision activations to the front: x has the shape [seq][heads][dim], y has "
        "the shape [heads][seq][dim], and y[h][i][d] = x[i][h][d].",
        formula="y[(h * seq + i) * dim + d] = x[(i * heads + h) * dim + d]",
        parameters=(
            tensor_in("x", DType.F16, "seq", "heads", "dim"),
            tensor_out("y", DType.F16, "heads", "seq", "dim"),
            scalar("seq"),
            scalar("heads"),
            scalar("dim"),
        ),
        check_shapes=tuple(
            {"seq": seq, "heads": heads, "dim": dim}
            for seq, heads, dim in ((1, 1, 1), (7, 3, 37), (128, 4, 64), (33, 5, 129))
        ),
        timing_shape={"seq": 13312, "heads": 32, "dim": 128},
        reference=lambda t, s: {"y": t["x"].permute(1, 0, 2)},
        flops=lambda s: 0,
        independent=("seq", "heads", "dim"),
        tolerance=EXACT,
        distributions=(NORMAL, SATURATING),
    ),
    KernelSpec(
        name="nchw_to_nhwc_fp32",
        family="permutation",
        split="unseen_op",
        summary="Bring the channels of images to the back: x has the shape [batch][channels][plane], y has the shape "
        "[batch][plane][channels], and y[b][i][c] = x[b][c][i].",
        formula="y[(b * plane + i) * channels + c] = x[(b * channels + c) * plane + i]",
        parameters=(
            tensor_in("x", DType.F32, "batch", "channels", "plane"),
            tensor_out("y", DType.F32, "batch", "plane", "channels"),
            scalar("batch"),
            scalar("channels"),
            scalar("plane"),
        ),
        check_shapes=tuple(
            {"batch": batch, "channels": channels, "plane": plane}
            for batch, channels, plane in ((1, 1, 1), (3, 5, 37), (2, 64, 128), (3, 33, 257))
        ),
        timing_shape={"batch": 32, "channels": 256, "plane": 3584},
        reference=lambda t, s: {"y": t["x"].transpose(1, 2)},
        flops=lambda s: 0,
        independent=("batch", "channels", "plane"),
        tolerance=EXACT,
        distributions=(NORMAL, WIDE),
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
            {"height": height, "width": width} for height, width in ((1, 1), (12, 37), (64, 128), (131, 257))
        ),
        timing_shape={"height": 5120, "width": 7168},
        reference=lambda t, s: {"y": t["x"].permute(2, 0, 1)},
        flops=lambda s: 0,
        independent=("height", "width"),
        tolerance=EXACT,
        distributions=(SMALL_INTEGERS, FULL_RANGE),
    ),
)
