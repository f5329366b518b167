"""Reductions: many input elements become one, over a whole vector or along rows."""

from __future__ import annotations

import torch

from cudagym.record import Shape
from cudagym.specs.compare import relative_bound
from cudagym.specs.distributions import EDGES, NEGATIVE, NORMAL, OFFSET, POSITIVE, TIES, with_edges
from cudagym.specs.spec import DType, KernelSpec, Split, Tensors, Tolerance, scalar, tensor_in, tensor_out

LENGTHS: tuple[Shape, ...] = tuple({"n": n} for n in (1, 37, 1000, 4099, 65536))
ROWS: tuple[Shape, ...] = tuple(
    {"rows": rows, "cols": cols} for rows, cols in ((1, 1), (3, 37), (64, 256), (129, 33), (5, 4099))
)
MIB = 1 << 20
LAST_IS_LARGEST = with_edges(NORMAL, -1024.0)

SUM = Tolerance(
    length=lambda s: s["n"],
    scale=lambda t, s: {"out": t["x"].square().sum().sqrt().reshape(1)},
)
"""Terms of random sign: partial sums grow like the root of the sum of squares."""


def reduce_sum(name: str, split: Split, lengths: tuple[Shape, ...], timing_n: int) -> KernelSpec:
    return KernelSpec(
        name=name,
        family="reduction",
        split=split,
        summary="Sum a vector: out[0] = x[0] + x[1] + ... + x[n-1]. Any order of summation will do; "
        "out has one element, which holds garbage before the call.",
        formula="out[0] = sum over i of x[i]",
        parameters=(tensor_in("x", DType.F32, "n"), tensor_out("out", DType.F32, 1), scalar("n")),
        check_shapes=lengths,
        timing_shape={"n": timing_n},
        reference=lambda t, s: {"out": t["x"].sum().reshape(1)},
        flops=lambda s: s["n"],
        independent=(),
        tolerance=SUM,
        distributions=(NORMAL, POSITIVE, EDGES),
    )


def row_max(name: str, split: Split, dtype: DType, rows: int) -> KernelSpec:
    return KernelSpec(
        name=name,
        family="reduction",
        split=split,
        summary="Largest element of each row: out[r] = max over c of x[r][c].",
        formula="out[r] = max over c of x[r * cols + c]",
        parameters=(
            tensor_in("x", dtype, "rows", "cols"),
            tensor_out("out", dtype, "rows"),
            scalar("rows"),
            scalar("cols"),
        ),
        check_shapes=ROWS,
        timing_shape={"rows": rows, "cols": 4096},
        reference=lambda t, s: {"out": t["x"].amax(dim=1)},
        flops=lambda s: s["rows"] * s["cols"],
        independent=("rows",),
        tolerance=Tolerance(factor=0, growth=0),
        distributions=(NORMAL, NEGATIVE, LAST_IS_LARGEST),
    )


def _moments(t: Tensors, s: Shape) -> Tensors:
    mean = t["x"].mean(dim=1, keepdim=True)
    return {"out": torch.cat([mean, (t["x"] - mean).square().mean(dim=1, keepdim=True)], dim=1)}


def _moments_scale(t: Tensors, s: Shape) -> Tensors:
    """The mean's terms may cancel. The variance's do not, but the mean's error enters it squared, and may be half of
    what is allowed to the mean where one thread adds a row's elements one after the other."""
    root = t["x"].square().sum(dim=1, keepdim=True).sqrt() / s["cols"]
    mean = t["x"].mean(dim=1, keepdim=True)
    return {"out": torch.cat([root, 0.5 * relative_bound(_MOMENTS, DType.F32, s) * mean.square()], dim=1)}


_MOMENTS = Tolerance(length=lambda s: s["cols"])


SPECS = (
    reduce_sum("reduce_sum_fp32", "train", LENGTHS, 51 * MIB),
    reduce_sum(
        "reduce_sum_fp32_odd", "unseen_shape", tuple({"n": n} for n in (2, 33, 257, 12289, 100003)), 51 * MIB + 1
    ),
    row_max("reduce_max_fp32", "train", DType.F32, 13056),
    row_max("reduce_max_fp16", "unseen_dtype", DType.F16, 26112),
    KernelSpec(
        name="row_mean_bf16",
        family="reduction",
        split="train",
        summary="Mean of each row of a bfloat16 matrix, accumulated in float32 and returned in float32: "
        "out[r] = (1/cols) * sum over c of x[r][c].",
        formula="out[r] = (sum over c of x[r * cols + c]) / cols",
        parameters=(
            tensor_in("x", DType.BF16, "rows", "cols"),
            tensor_out("out", DType.F32, "rows"),
            scalar("rows"),
            scalar("cols"),
        ),
        check_shapes=ROWS,
        timing_shape={"rows": 26112, "cols": 4096},
        reference=lambda t, s: {"out": t["x"].mean(dim=1)},
        flops=lambda s: s["rows"] * s["cols"],
        independent=("rows",),
        tolerance=Tolerance(
            length=lambda s: s["cols"],
            scale=lambda t, s: {"out": t["x"].square().sum(dim=1).sqrt() / s["cols"]},
        ),
        distributions=(NORMAL, POSITIVE, EDGES),
    ),
    KernelSpec(
        name="mean_var_fp32",
        family="reduction",
        split="unseen_op",
        summary="Mean and biased variance of each row, side by side: out has the shape [rows][2], with "
        "m = (1/cols) * sum over c of x[r][c], out[r][0] = m and out[r][1] = (1/cols) * sum over c of (x[r][c] - m)^2. "
        "The mean may be a thousand deviations from zero: E[x^2] - E[x]^2 is too inaccurate for the variance.",
        formula="out[2 * r] = mean(x[r]), out[2 * r + 1] = mean over c of (x[r][c] - mean(x[r]))^2",
        parameters=(
            tensor_in("x", DType.F32, "rows", "cols"),
            tensor_out("out", DType.F32, "rows", 2),
            scalar("rows"),
            scalar("cols"),
        ),
        check_shapes=ROWS,
        timing_shape={"rows": 13056, "cols": 4096},
        reference=_moments,
        flops=lambda s: 4 * s["rows"] * s["cols"],
        independent=("rows",),
        tolerance=_MOMENTS.model_copy(update={"scale": _moments_scale}),
        distributions=(NORMAL, OFFSET),
    ),
    KernelSpec(
        name="argmax_fp32",
        family="reduction",
        split="unseen_op",
        summary="Index of the largest element of each row, the lowest index where several are largest: "
        "out[r] = argmax over c of x[r][c], as a 64-bit integer.",
        formula="out[r] = lowest c with x[r * cols + c] == max over k of x[r * cols + k]",
        parameters=(
            tensor_in("x", DType.F32, "rows", "cols"),
            tensor_out("out", DType.I64, "rows"),
            scalar("rows"),
            scalar("cols"),
        ),
        check_shapes=ROWS,
        timing_shape={"rows": 13056, "cols": 4096},
        # A comparison with the maximum, because argmax promises no particular one of several.
        reference=lambda t, s: {"out": (t["x"] == t["x"].amax(dim=1, keepdim=True)).to(torch.uint8).argmax(dim=1)},
        flops=lambda s: s["rows"] * s["cols"],
        independent=("rows",),
        distributions=(NORMAL, NEGATIVE, TIES, LAST_IS_LARGEST),
    ),
)
