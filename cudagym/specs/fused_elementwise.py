"""Several elementwise steps in one kernel, so that intermediate results never reach device memory."""

from __future__ import annotations

from collections.abc import Callable

import torch

from cudagym.record import Shape
from cudagym.specs.distributions import FULL_RANGE, NORMAL, SATURATING, SMALL_INTEGERS, WIDE
from cudagym.specs.elementwise import LENGTHS, MIB, gelu
from cudagym.specs.spec import DType, KernelSpec, Split, Tensors, Tolerance, scalar, tensor_in, tensor_out

MATRICES: tuple[Shape, ...] = tuple(
    {"rows": rows, "cols": cols} for rows, cols in ((1, 1), (3, 37), (64, 256), (129, 33), (31, 4099))
)


def _dequantize(t: Tensors, s: Shape) -> Tensors:
    return {"y": torch.relu((t["x"].double() - s["zero_point"]) * s["scale"])}


def bias_relu(name: str, split: Split, dtype: DType, rows: int, note: str = "") -> KernelSpec:
    return KernelSpec(
        name=name,
        family="fused_elementwise",
        split=split,
        summary="Add a bias to each column, then rectify: y[r][c] = max(x[r][c] + bias[c], 0)." + note,
        formula="y[r * cols + c] = max(x[r * cols + c] + bias[c], 0)",
        parameters=(
            tensor_in("x", dtype, "rows", "cols"),
            tensor_in("bias", dtype, "cols"),
            tensor_out("y", dtype, "rows", "cols"),
            scalar("rows"),
            scalar("cols"),
        ),
        check_shapes=MATRICES,
        timing_shape={"rows": rows, "cols": 4096},
        reference=lambda t, s: {"y": torch.relu(t["x"] + t["bias"])},
        flops=lambda s: 2 * s["rows"] * s["cols"],
        independent=("rows", "cols"),
        tolerance=Tolerance(factor=2, growth=0, scale=lambda t, s: {"y": t["x"].abs() + t["bias"].abs()}),
        distributions=(NORMAL, WIDE),
    )


def gated(
    name: str, split: Split, dtype: DType, summary: str, formula: str, f: Callable[[torch.Tensor], torch.Tensor]
) -> KernelSpec:
    """`out[i] = f(gate[i]) * up[i]`. Tails of `f` are rounded in float32, which the scale allows for."""
    return KernelSpec(
        name=name,
        family="fused_elementwise",
        split=split,
        summary=summary + f"{formula} for every i in 0..n-1.",
        formula=formula,
        parameters=(
            tensor_in("gate", dtype, "n"),
            tensor_in("up", dtype, "n"),
            tensor_out("out", dtype, "n"),
            scalar("n"),
        ),
        check_shapes=LENGTHS,
        timing_shape={"n": 35 * MIB},
        reference=lambda t, s: {"out": f(t["gate"]) * t["up"]},
        flops=lambda s: 9 * s["n"],
        independent=("n",),
        tolerance=Tolerance(factor=6, growth=0, scale=lambda t, s: {"out": 2**-14 * t["gate"].abs() * t["up"].abs()}),
        distributions=(NORMAL, SATURATING),
    )


SPECS = (
    bias_relu("bias_relu_fp32", "train", DType.F32, 6656),
    bias_relu("bias_relu_bf16", "unseen_dtype", DType.BF16, 13312, " Arrays are bfloat16, arithmetic is float32."),
    KernelSpec(
        name="bias_gelu_add_fp32",
        family="fused_elementwise",
        split="train",
        summary="Add a bias to each column, apply the Gaussian error linear unit in its exact form with erf, and add "
        "a residual: with z = x[r][c] + bias[c], y[r][c] = 0.5 * z * (1 + erf(z / sqrt(2))) + residual[r][c].",
        formula="y[r][c] = gelu(x[r][c] + bias[c]) + residual[r][c]",
        parameters=(
            tensor_in("x", DType.F32, "rows", "cols"),
            tensor_in("bias", DType.F32, "cols"),
            tensor_in("residual", DType.F32, "rows", "cols"),
            tensor_out("y", DType.F32, "rows", "cols"),
            scalar("rows"),
            scalar("cols"),
        ),
        check_shapes=MATRICES,
        timing_shape={"rows": 4352, "cols": 4096},
        reference=lambda t, s: {"y": gelu(t["x"] + t["bias"]) + t["residual"]},
        flops=lambda s: 10 * s["rows"] * s["cols"],
        independent=("rows", "cols"),
        tolerance=Tolerance(
            factor=16, growth=0, scale=lambda t, s: {"y": t["x"].abs() + t["bias"].abs() + t["residual"].abs()}
        ),
        distributions=(NORMAL, SATURATING),
    ),
    KernelSpec(
        name="dequantize_relu_u8",
        family="fused_elementwise",
        split="train",
        summary="Turn quantised bytes into floats, then rectify: y[i] = max((x[i] - zero_point) * scale, 0) "
        "for every i in 0..n-1. x[i] is an unsigned byte, and the difference may be negative.",
        formula="y[i] = max((x[i] - zero_point) * scale, 0)",
        parameters=(
            tensor_in("x", DType.U8, "n"),
            tensor_out("y", DType.F32, "n"),
            scalar("scale", DType.F32),
            scalar("zero_point"),
            scalar("n"),
        ),
        check_shapes=tuple({"scale": 0.125, "zero_point": 3, **s} for s in LENGTHS),
        timing_shape={"scale": 0.03125, "zero_point": 3, "n": 42 * MIB},
        reference=_dequantize,
        flops=lambda s: 3 * s["n"],
        independent=("n",),
        tolerance=Tolerance(factor=4, growth=0, scale=lambda t, s: {"y": t["x"].double() * s["scale"]}),
        distributions=(SMALL_INTEGERS, FULL_RANGE),
    ),
    gated(
        "swiglu_bf16",
        "unseen_op",
        DType.BF16,
        "Gated activation with bfloat16 arrays and float32 arithmetic: ",
        "out[i] = gate[i] / (1 + exp(-gate[i])) * up[i]",
        torch.nn.functional.silu,
    ),
    gated(
        "geglu_fp16",
        "train",
        DType.F16,
        "Gated activation in its exact form with erf, half-precision arrays and float32 arithmetic: ",
        "out[i] = 0.5 * gate[i] * (1 + erf(gate[i] / sqrt(2))) * up[i]",
        gelu,
    ),
)
