"""Softmax and its logarithm, along the rows of a matrix."""

from __future__ import annotations

from collections.abc import Callable

import torch

from cudagym.record import Shape
from cudagym.specs.distributions import LARGE_LOGITS, NEEDLES, NORMAL
from cudagym.specs.spec import DType, KernelSpec, Split, Tensors, Tolerance, scalar, tensor_in, tensor_out


def _shapes(*pairs: tuple[int, int]) -> tuple[Shape, ...]:
    return tuple({"rows": rows, "cols": cols} for rows, cols in pairs)


def row_softmax(
    name: str,
    split: Split,
    summary: str,
    formula: str,
    reference: Callable[[torch.Tensor], torch.Tensor],
    scale: Callable[[Tensors, Shape], Tensors],
    check_shapes: tuple[Shape, ...],
    timing_shape: Shape,
    dtype: DType = DType.F32,
) -> KernelSpec:
    """`y = reference(x)` along the rows of x[rows][cols], computed in float32."""
    return KernelSpec(
        name=name,
        family="softmax",
        split=split,
        summary=summary + " exp overflows float32 for large x, so subtract the row's maximum first.",
        formula=formula,
        parameters=(
            tensor_in("x", dtype, "rows", "cols"),
            tensor_out("y", dtype, "rows", "cols"),
            scalar("rows"),
            scalar("cols"),
        ),
        check_shapes=check_shapes,
        timing_shape=timing_shape,
        reference=lambda t, s: {"y": reference(t["x"])},
        flops=lambda s: 5 * s["rows"] * s["cols"],
        independent=("rows",),
        # Of a half-precision result only the last rounding counts: float32 sums are exact beside it.
        tolerance=Tolerance(length=lambda s: s["cols"], scale=scale)
        if dtype is DType.F32
        else Tolerance(factor=4, growth=0, scale=lambda t, s: {"y": 2**-14 * scale(t, s)["y"]}),
        distributions=(NORMAL, LARGE_LOGITS, NEEDLES),
    )


def _distance(x: torch.Tensor) -> torch.Tensor:
    return x.amax(dim=1, keepdim=True) - x


def _softmax_scale(t: Tensors, s: Shape) -> Tensors:
    """The error of exp(-d) grows with d, for d * log2(e) is rounded before the power of two is taken."""
    return {"y": t["x"].softmax(dim=1) * _distance(t["x"])}


def _log_softmax_scale(t: Tensors, s: Shape) -> Tensors:
    """A difference of x and a logarithm of the size of x, of a sum that is off by roundings of 1."""
    return {"y": 1 + t["x"].abs() + t["x"].logsumexp(dim=1, keepdim=True).abs()}


SOFTMAX = (
    "Softmax of each row: y[r][c] = exp(x[r][c] - m) / sum over k of exp(x[r][k] - m), with m = max over k of x[r][k]."
)
SOFTMAX_FORMULA = "y[r][c] = exp(x[r][c] - max_k x[r][k]) / sum_k exp(x[r][k] - max_k x[r][k])"

SPECS = (
    row_softmax(
        "softmax_fp32",
        "train",
        SOFTMAX,
        SOFTMAX_FORMULA,
        lambda x: x.softmax(dim=1),
        _softmax_scale,
        _shapes((1, 1), (3, 37), (64, 256), (129, 33), (5, 4099)),
        {"rows": 6656, "cols": 4096},
    ),
    row_softmax(
        "softmax_fp32_wide",
        "unseen_shape",
        SOFTMAX + " There are few rows, and they are long.",
        SOFTMAX_FORMULA,
        lambda x: x.softmax(dim=1),
        _softmax_scale,
        _shapes((1, 2), (1, 20011), (2, 32768), (3, 8191)),
        {"rows": 208, "cols": 131072},
    ),
    row_softmax(
        "softmax_bf16",
        "unseen_dtype",
        SOFTMAX + " Arrays are bfloat16, arithmetic is float32.",
        SOFTMAX_FORMULA,
        lambda x: x.softmax(dim=1),
        _softmax_scale,
        _shapes((1, 1), (3, 37), (64, 256), (129, 33), (5, 4099)),
        {"rows": 13312, "cols": 4096},
        DType.BF16,
    ),
    row_softmax(
        "log_softmax_fp32",
        "unseen_op",
        "Logarithm of the softmax of each row: y[r][c] = x[r][c] - m - log(sum over k of exp(x[r][k] - m)), "
        "with m = max over k of x[r][k].",
        "y[r][c] = x[r][c] - m - log(sum_k exp(x[r][k] - m)), m = max_k x[r][k]",
        lambda x: x.log_softmax(dim=1),
        _log_softmax_scale,
        _shapes((1, 1), (3, 37), (64, 256), (129, 33), (5, 4099)),
        {"rows": 6656, "cols": 4096},
    ),
)
