"""Sorting and selection along the rows of a matrix."""

from __future__ import annotations

from cudagym.specs.distributions import EXTREMES, NEGATIVE, NORMAL, SMALL_INTEGERS, TIES
from cudagym.specs.spec import DType, KernelSpec, Tolerance, scalar, tensor_in, tensor_out

EXACT = Tolerance(factor=0, growth=0)
STEPS = (
    "The roofline counts one reading and one writing of the rows. In between a comparison network takes 55 steps "
    "through registers and shared memory at 1024 columns, so peak stays far out of reach."
)

SPECS = (
    KernelSpec(
        name="sort_rows_fp32",
        family="sort",
        split="unseen_family",
        summary="Sort each row in ascending order: y[r] holds the elements of x[r], and y[r][c] <= y[r][c + 1]. "
        "cols is at most 4096.",
        formula="y[r] = sorted(x[r]), ascending",
        parameters=(
            tensor_in("x", DType.F32, "rows", "cols"),
            tensor_out("y", DType.F32, "rows", "cols"),
            scalar("rows"),
            scalar("cols"),
        ),
        check_shapes=tuple(
            {"rows": rows, "cols": cols} for rows, cols in ((1, 1), (3, 37), (8, 256), (17, 33), (2, 1021))
        ),
        timing_shape={"rows": 26624, "cols": 1024},
        reference=lambda t, s: {"y": t["x"].sort(dim=1).values},
        flops=lambda s: 10 * s["rows"] * s["cols"],
        independent=("rows",),
        ceiling=STEPS,
        tolerance=EXACT,
        distributions=(NORMAL, NEGATIVE, TIES),
    ),
    KernelSpec(
        name="sort_rows_i32",
        family="sort",
        split="unseen_family",
        summary="Sort each row of signed integers in descending order: y[r] holds the elements of x[r], and "
        "y[r][c] >= y[r][c + 1]. cols is at most 4096.",
        formula="y[r] = sorted(x[r]), descending",
        parameters=(
            tensor_in("x", DType.I32, "rows", "cols"),
            tensor_out("y", DType.I32, "rows", "cols"),
            scalar("rows"),
            scalar("cols"),
        ),
        check_shapes=tuple(
            {"rows": rows, "cols": cols} for rows, cols in ((1, 1), (3, 37), (8, 256), (17, 33), (2, 1021))
        ),
        timing_shape={"rows": 26624, "cols": 1024},
        reference=lambda t, s: {"y": t["x"].sort(dim=1, descending=True).values},
        flops=lambda s: 10 * s["rows"] * s["cols"],
        independent=("rows",),
        ceiling=STEPS,
        distributions=(SMALL_INTEGERS, EXTREMES),
    ),
    KernelSpec(
        name="top8_fp32",
        family="sort",
        split="unseen_family",
        summary="The eight largest elements of each row, largest first: out has the shape [rows][8], and out[r] holds "
        "the first eight of the elements of x[r] in descending order. cols is at least 8.",
        formula="out[r] = sorted(x[r])[-8:], descending",
        parameters=(
            tensor_in("x", DType.F32, "rows", "cols"),
            tensor_out("out", DType.F32, "rows", 8),
            scalar("rows"),
            scalar("cols"),
        ),
        check_shapes=tuple(
            {"rows": rows, "cols": cols} for rows, cols in ((1, 8), (3, 37), (64, 256), (129, 33), (5, 4099))
        ),
        timing_shape={"rows": 13312, "cols": 4096},
        reference=lambda t, s: {"out": t["x"].topk(8, dim=1).values},
        flops=lambda s: s["rows"] * s["cols"],
        independent=("rows",),
        tolerance=EXACT,
        distributions=(NORMAL, NEGATIVE, TIES),
    ),
)
