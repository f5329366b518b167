"""Normalisation along the rows of a matrix."""

from __future__ import annotations

import torch

from cudagym.record import Shape
from cudagym.specs.distributions import LARGE_LOGITS, NORMAL, OFFSET, mixed
from cudagym.specs.spec import DType, KernelSpec, Tensors, Tolerance, scalar, tensor_in, tensor_out


def _shapes(eps: float, *pairs: tuple[int, int]) -> tuple[Shape, ...]:
    return tuple({"rows": rows, "cols": cols, "eps": eps} for rows, cols in pairs)


CHECKED = ((1, 1), (3, 37), (64, 256), (129, 33), (5, 4099))


def _moments(x: torch.Tensor, eps: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and the reciprocal of the standard deviation of each row, as columns."""
    mean = x.mean(dim=1, keepdim=True)
    return mean, torch.rsqrt((x - mean).square().mean(dim=1, keepdim=True) + eps)


def _layernorm(t: Tensors, s: Shape) -> Tensors:
    mean, inverse = _moments(t["x"], s["eps"])
    return {"y": (t["x"] - mean) * inverse * t["weight"] + t["bias"]}


def _layernorm_scale(t: Tensors, s: Shape) -> Tensors:
    """The mean carries a rounding error of its own size, which division by the deviation makes larger.

    The mean of one element is exact."""
    mean, inverse = _moments(t["x"], s["eps"])
    amplified = mean.abs() * inverse * (s["cols"] > 1)
    return {"y": (amplified + 1) * t["weight"].abs() + t["bias"].abs()}


def _rmsnorm(t: Tensors, s: Shape) -> Tensors:
    x = t["x"]
    return {"y": x * torch.rsqrt(x.square().mean(dim=1, keepdim=True) + s["eps"]) * t["weight"]}


SPECS = (
    KernelSpec(
        name="layernorm_fp32",
        family="norm",
        split="train",
        summary="Layer normalisation of each row: with mean m[r] = (1/cols) * sum over c of x[r][c] and "
        "biased variance v[r] = (1/cols) * sum over c of (x[r][c] - m[r])^2, "
        "y[r][c] = (x[r][c] - m[r]) / sqrt(v[r] + eps) * weight[c] + bias[c]. "
        "The mean may be a thousand deviations from zero: E[x^2] - E[x]^2 is too inaccurate for the variance.",
        formula="y[r][c] = (x[r][c] - mean(x[r])) / sqrt(var(x[r]) + eps) * weight[c] + bias[c]",
        parameters=(
            tensor_in("x", DType.F32, "rows", "cols"),
            tensor_in("weight", DType.F32, "cols"),
            tensor_in("bias", DType.F32, "cols"),
            tensor_out("y", DType.F32, "rows", "cols"),
            scalar("rows"),
            scalar("cols"),
            scalar("eps", DType.F32),
        ),
        check_shapes=_shapes(1e-5, *CHECKED),
        timing_shape={"rows": 6656, "cols": 4096, "eps": 1e-5},
        reference=_layernorm,
        flops=lambda s: 8 * s["rows"] * s["cols"],
        independent=("rows",),
        tolerance=Tolerance(factor=16, length=lambda s: s["cols"], scale=_layernorm_scale),
        distributions=(NORMAL, mixed("offset", OFFSET, weight=NORMAL, bias=NORMAL, hard=True)),
    ),
    KernelSpec(
        name="rmsnorm_bf16",
        family="norm",
        split="unseen_op",
        summary="Root mean square normalisation of each row, with bfloat16 arrays and float32 arithmetic: "
        "y[r][c] = x[r][c] / sqrt((1/cols) * sum over k of x[r][k]^2 + eps) * weight[c].",
        formula="y[r][c] = x[r][c] / sqrt(mean over k of x[r][k]^2 + eps) * weight[c]",
        parameters=(
            tensor_in("x", DType.BF16, "rows", "cols"),
            tensor_in("weight", DType.BF16, "cols"),
            tensor_out("y", DType.BF16, "rows", "cols"),
            scalar("rows"),
            scalar("cols"),
            scalar("eps", DType.F32),
        ),
        check_shapes=_shapes(1e-6, *CHECKED),
        timing_shape={"rows": 13312, "cols": 4096, "eps": 1e-6},
        reference=_rmsnorm,
        flops=lambda s: 4 * s["rows"] * s["cols"],
        independent=("rows",),
        # One rounding of the result, and one of the product before the weight where that is kept in bfloat16.
        tolerance=Tolerance(factor=6, growth=0, scale=lambda t, s: {"y": t["x"].new_zeros(1)}),
        distributions=(NORMAL, mixed("large", LARGE_LOGITS, weight=NORMAL, hard=True)),
    ),
)
