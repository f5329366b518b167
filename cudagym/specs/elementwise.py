"""Elementwise kernels: one output element from the input elements at the same place."""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt

import torch

from cudagym.record import Shape
from cudagym.specs.distributions import FULL_RANGE, NORMAL, SATURATING, SMALL_INTEGERS, UNIFORM, WIDE
from cudagym.specs.spec import (
    Distribution,
    DType,
    KernelSpec,
    Split,
    Tensors,
    Tolerance,
    scalar,
    tensor_in,
    tensor_inout,
    tensor_out,
)

LENGTHS: tuple[Shape, ...] = tuple({"n": n} for n in (1, 37, 1000, 4099, 16384, 65537))
"""A single element, a part of a warp, several blocks with a ragged end, and an aligned size."""
MIB = 1 << 20


def gelu(x: torch.Tensor) -> torch.Tensor:
    """The exact form, with erf."""
    return 0.5 * x * (1 + torch.erf(x / sqrt(2)))


def unary(
    name: str,
    formula: str,
    summary: str,
    f: Callable[[torch.Tensor], torch.Tensor],
    *,
    split: Split = "train",
    dtype: DType = DType.F32,
    flops: float = 8.0,
    factor: float = 16.0,
    of_x: float = 1.0,
    distributions: tuple[Distribution, ...] = (NORMAL, SATURATING),
) -> KernelSpec:
    """`y[i] = f(x[i])`. Errors are taken relative to `of_x` times |x| as well, since tails of activations cancel."""
    return KernelSpec(
        name=name,
        family="elementwise",
        split=split,
        summary=summary,
        formula=formula,
        parameters=(tensor_in("x", dtype, "n"), tensor_out("y", dtype, "n"), scalar("n")),
        check_shapes=LENGTHS,
        timing_shape={"n": 104 * MIB // dtype.size},
        reference=lambda t, s: {"y": f(t["x"])},
        flops=lambda s: flops * s["n"],
        independent=("n",),
        tolerance=Tolerance(factor=factor, growth=0, scale=lambda t, s: {"y": of_x * t["x"].abs()}),
        distributions=distributions,
    )


def vector_add(
    name: str, split: Split, lengths: tuple[Shape, ...], timing_n: int, dtype: DType = DType.F32, ceiling: str = ""
) -> KernelSpec:
    return KernelSpec(
        name=name,
        family="elementwise",
        split=split,
        summary="Add two vectors: out[i] = a[i] + b[i] for every i in 0..n-1.",
        formula="out[i] = a[i] + b[i]",
        parameters=(
            tensor_in("a", dtype, "n"),
            tensor_in("b", dtype, "n"),
            tensor_out("out", dtype, "n"),
            scalar("n"),
        ),
        check_shapes=lengths,
        timing_shape={"n": timing_n},
        reference=lambda t, s: {"out": t["a"] + t["b"]},
        flops=lambda s: s["n"],
        independent=("n",),
        ceiling=ceiling,
        tolerance=Tolerance(factor=2, growth=0, scale=lambda t, s: {"out": t["a"].abs() + t["b"].abs()}),
        distributions=(NORMAL, WIDE),
    )


def _axpy(t: Tensors, s: Shape) -> Tensors:
    return {"y": s["alpha"] * t["x"] + t["y"]}


SPECS = (
    vector_add("vector_add_fp32", "train", LENGTHS, 17 * MIB),
    vector_add(
        "vector_add_fp32_odd", "unseen_shape", tuple({"n": n} for n in (3, 31, 257, 12289, 100003)), 17 * MIB + 1
    ),
    vector_add(
        "vector_add_fp32_short",
        "unseen_shape",
        tuple({"n": n} for n in (2, 63, 1024, 2047)),
        1 << 16,
        ceiling="The vectors are so short that starting a kernel takes longer than moving them: about a tenth of "
        "peak is what an excellent kernel reaches.",
    ),
    vector_add("vector_add_bf16", "train", LENGTHS, 35 * MIB, DType.BF16),
    unary(
        "relu_fp32",
        "y[i] = max(x[i], 0)",
        "Rectify: y[i] = max(x[i], 0) for every i in 0..n-1.",
        torch.relu,
        flops=1,
        factor=0,
        distributions=(NORMAL, WIDE),
    ),
    unary(
        "gelu_fp32",
        "y[i] = 0.5 * x[i] * (1 + erf(x[i] / sqrt(2)))",
        "Gaussian error linear unit in its exact form with erf (not the tanh approximation): "
        "y[i] = 0.5 * x[i] * (1 + erf(x[i] / sqrt(2))) for every i in 0..n-1.",
        gelu,
    ),
    unary(
        "relu_fp16",
        "y[i] = max(x[i], 0)",
        "Rectify in half precision: y[i] = max(x[i], 0) for every i in 0..n-1.",
        torch.relu,
        split="unseen_dtype",
        dtype=DType.F16,
        flops=1,
        factor=0,
    ),
    unary(
        "gelu_bf16",
        "y[i] = 0.5 * x[i] * (1 + erf(x[i] / sqrt(2)))",
        "Gaussian error linear unit in its exact form with erf, bfloat16 arrays and float32 arithmetic: "
        "y[i] = 0.5 * x[i] * (1 + erf(x[i] / sqrt(2))) for every i in 0..n-1.",
        gelu,
        split="unseen_dtype",
        dtype=DType.BF16,
        factor=4,
        # The sum 1 + erf is rounded in float32, whose roundings are 2**-16 of bfloat16's.
        of_x=2**-14,
    ),
    unary(
        "sigmoid_fp16",
        "y[i] = 1 / (1 + exp(-x[i]))",
        "Logistic sigmoid with half-precision arrays and float32 arithmetic: y[i] = 1 / (1 + exp(-x[i])) "
        "for every i in 0..n-1.",
        torch.sigmoid,
        dtype=DType.F16,
        flops=4,
        factor=4,
        of_x=0,
    ),
    unary(
        "silu_fp32",
        "y[i] = x[i] / (1 + exp(-x[i]))",
        "Sigmoid linear unit: y[i] = x[i] / (1 + exp(-x[i])) for every i in 0..n-1.",
        torch.nn.functional.silu,
        split="unseen_op",
    ),
    unary(
        "hardswish_fp16",
        "y[i] = x[i] * min(max(x[i] + 3, 0), 6) / 6",
        "Hard swish in half precision: y[i] = x[i] * min(max(x[i] + 3, 0), 6) / 6 for every i in 0..n-1.",
        torch.nn.functional.hardswish,
        split="unseen_op",
        dtype=DType.F16,
        flops=5,
        factor=5,
    ),
    KernelSpec(
        name="axpy_fp32",
        family="elementwise",
        split="train",
        summary="Update y in place: y[i] = alpha * x[i] + y[i] for every i in 0..n-1.",
        formula="y[i] = alpha * x[i] + y[i]",
        parameters=(
            scalar("alpha", DType.F32),
            tensor_in("x", DType.F32, "n"),
            tensor_inout("y", DType.F32, "n"),
            scalar("n"),
        ),
        check_shapes=tuple({"alpha": alpha, **s} for alpha, s in zip((2.0, -0.75, 3.5) * 2, LENGTHS, strict=True)),
        timing_shape={"alpha": 0.75, "n": 17 * MIB},
        reference=_axpy,
        flops=lambda s: 2 * s["n"],
        independent=("n",),
        tolerance=Tolerance(
            factor=4, growth=0, scale=lambda t, s: {"y": abs(s["alpha"]) * t["x"].abs() + t["y"].abs()}
        ),
        distributions=(UNIFORM, WIDE),
    ),
    KernelSpec(
        name="abs_diff_u8",
        family="elementwise",
        split="unseen_op",
        summary="Absolute difference of unsigned bytes, without wrapping: out[i] = |a[i] - b[i]| "
        "for every i in 0..n-1.",
        formula="out[i] = a[i] > b[i] ? a[i] - b[i] : b[i] - a[i]",
        parameters=(
            tensor_in("a", DType.U8, "n"),
            tensor_in("b", DType.U8, "n"),
            tensor_out("out", DType.U8, "n"),
            scalar("n"),
        ),
        check_shapes=LENGTHS,
        timing_shape={"n": 68 * MIB},
        reference=lambda t, s: {"out": (t["a"] - t["b"]).abs()},
        flops=lambda s: 2 * s["n"],
        independent=("n",),
        distributions=(SMALL_INTEGERS, FULL_RANGE),
    ),
)
