"""Normalisation: along the rows of a matrix, over groups of channels, over a batch."""

from __future__ import annotations

from math import prod

import torch

from cudagym.record import Shape
from cudagym.specs.distributions import LARGE_LOGITS, NORMAL, OFFSET, mixed
from cudagym.specs.spec import DType, KernelSpec, Split, Tensors, Tolerance, scalar, tensor_in, tensor_out


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


def layernorm(name: str, split: Split, dtype: DType, rows: int, tolerance: Tolerance, note: str = "") -> KernelSpec:
    return KernelSpec(
        name=name,
        family="norm",
        split=split,
        summary="Layer normalisation of each row: with mean m[r] = (1/cols) * sum over c of x[r][c] and "
        "biased variance v[r] = (1/cols) * sum over c of (x[r][c] - m[r])^2, "
        "y[r][c] = (x[r][c] - m[r]) / sqrt(v[r] + eps) * weight[c] + bias[c]. "
        "The mean may be a thousand deviations from zero: E[x^2] - E[x]^2 is too inaccurate for the variance." + note,
        formula="y[r][c] = (x[r][c] - mean(x[r])) / sqrt(var(x[r]) + eps) * weight[c] + bias[c]",
        parameters=(
            tensor_in("x", dtype, "rows", "cols"),
            tensor_in("weight", dtype, "cols"),
            tensor_in("bias", dtype, "cols"),
            tensor_out("y", dtype, "rows", "cols"),
            scalar("rows"),
            scalar("cols"),
            scalar("eps", DType.F32),
        ),
        check_shapes=_shapes(1e-5, *CHECKED),
        timing_shape={"rows": rows, "cols": 4096, "eps": 1e-5},
        reference=_layernorm,
        flops=lambda s: 8 * s["rows"] * s["cols"],
        independent=("rows",),
        tolerance=tolerance,
        distributions=(NORMAL, mixed("offset", OFFSET, weight=NORMAL, bias=NORMAL, hard=True)),
    )


def _normalised(x: torch.Tensor, dims: tuple[int, ...], eps: float) -> torch.Tensor:
    centred = x - x.mean(dim=dims, keepdim=True)
    return centred * torch.rsqrt(centred.square().mean(dim=dims, keepdim=True) + eps)


def _amplified(x: torch.Tensor, dims: tuple[int, ...], eps: float) -> torch.Tensor:
    """The size of the mean's rounding error after division by the deviation, beside a result of the size of 1.

    The mean of one element is exact."""
    mean, variance = x.mean(dim=dims, keepdim=True), x.var(dim=dims, keepdim=True, correction=0)
    return 1 + mean.abs() * torch.rsqrt(variance + eps) * (x.numel() > mean.numel())


def over_planes(
    name: str,
    split: Split,
    summary: str,
    formula: str,
    axes: tuple[str, ...],
    dims: tuple[int, ...],
    weights: tuple[str, ...],
    extents: tuple[tuple[int, ...], ...],
    timed: tuple[int, ...],
    independent: str,
) -> KernelSpec:
    """Normalisation of x[axes] along `dims`, with a weight and a bias for every index of the axes `weights`."""

    def shape(values: tuple[int, ...]) -> Shape:
        return {**dict(zip(axes, values, strict=True)), "eps": 1e-5}

    def affine(t: Tensors, array: str) -> torch.Tensor:
        return t[array].reshape([n if axis in weights else 1 for n, axis in zip(t["x"].shape, axes, strict=True)])

    def reference(t: Tensors, s: Shape) -> Tensors:
        return {"y": _normalised(t["x"], dims, s["eps"]) * affine(t, "weight") + affine(t, "bias")}

    def scale(t: Tensors, s: Shape) -> Tensors:
        return {"y": _amplified(t["x"], dims, s["eps"]) * affine(t, "weight").abs() + affine(t, "bias").abs()}

    return KernelSpec(
        name=name,
        family="norm",
        split=split,
        summary=summary,
        formula=formula,
        parameters=(
            tensor_in("x", DType.F32, *axes),
            tensor_in("weight", DType.F32, *weights),
            tensor_in("bias", DType.F32, *weights),
            tensor_out("y", DType.F32, *axes),
            *(scalar(axis) for axis in axes),
            scalar("eps", DType.F32),
        ),
        check_shapes=tuple(shape(values) for values in extents),
        timing_shape=shape(timed),
        reference=reference,
        flops=lambda s: 8 * prod(int(s[axis]) for axis in axes),
        independent=(independent,),
        tolerance=Tolerance(factor=16, length=lambda s: prod(int(s[axes[dim]]) for dim in dims), scale=scale),
        distributions=(NORMAL, mixed("offset", OFFSET, weight=NORMAL, bias=NORMAL, hard=True)),
    )


def _rounded_scale(t: Tensors, s: Shape) -> Tensors:
    """Of a bfloat16 result the last rounding counts, and what float32 loses to a mean far from zero."""
    return {"y": 2**-12 * _layernorm_scale(t, s)["y"]}


SPECS = (
    layernorm(
        "layernorm_fp32",
        "train",
        DType.F32,
        6656,
        Tolerance(factor=16, length=lambda s: s["cols"], scale=_layernorm_scale),
    ),
    layernorm(
        "layernorm_bf16",
        "unseen_dtype",
        DType.BF16,
        13312,
        Tolerance(factor=6, growth=0, scale=_rounded_scale),
        note=" Arrays are bfloat16, arithmetic is float32.",
    ),
    over_planes(
        "groupnorm_fp32",
        "train",
        "Group normalisation of x[batch][groups][per][plane], whose groups have `per` channels each: with mean m and "
        "biased variance v over all elements of x[b][g], y[b][g][c][i] = (x[b][g][c][i] - m) / sqrt(v + eps) * "
        "weight[g][c] + bias[g][c]. The mean may be a thousand deviations from zero.",
        "y[b][g][c][i] = (x[b][g][c][i] - mean(x[b][g])) / sqrt(var(x[b][g]) + eps) * weight[g][c] + bias[g][c]",
        ("batch", "groups", "per", "plane"),
        (2, 3),
        ("groups", "per"),
        ((1, 1, 1, 1), (2, 3, 5, 7), (2, 4, 8, 256), (3, 5, 1, 33), (1, 2, 7, 1021)),
        (64, 32, 16, 1024),
        "batch",
    ),
    over_planes(
        "batchnorm_fp32",
        "unseen_op",
        "Batch normalisation of x[batch][channels][plane] as in training: with mean m and biased variance v of channel "
        "c over all b and i, y[b][c][i] = (x[b][c][i] - m) / sqrt(v + eps) * weight[c] + bias[c]. "
        "The mean may be a thousand deviations from zero.",
        "y[b][c][i] = (x[b][c][i] - mean(x[:][c])) / sqrt(var(x[:][c]) + eps) * weight[c] + bias[c]",
        ("batch", "channels", "plane"),
        (0, 2),
        ("channels",),
        ((1, 1, 1), (2, 5, 37), (4, 8, 256), (33, 3, 129), (5, 2, 1021)),
        (32, 1024, 1024),
        "channels",
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
