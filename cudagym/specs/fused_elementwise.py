"""Several elementwise steps in one kernel, so that intermediate results never reach device memory."""

from __future__ import annotations

import torch

from cudagym.record import Shape
from cudagym.specs.distributions import FULL_RANGE, NORMAL, SATURATING, SMALL_INTEGERS, WIDE
from cudagym.specs.spec import DType, KernelSpec, Tensors, Tolerance, scalar, tensor_in, tensor_out

MATRICES: tuple[Shape, ...] = tuple(
    {"rows": rows, "cols": cols} for rows, cols in ((1, 1), (3, 37), (64, 256), (129, 33), (31, 4099))
)
LENGTHS: tuple[Shape, ...] = tuple({"n": n} for n in (1, 37, 1000, 4099, 16384, 65537))
MIB = 1 << 20


def _dequantize(t: Tensors, s: Shape) -> Tensors:
    return {"y": torch.relu((t["x"].double() - s["zero_point"]) * s["scale"])}


SPECS = (
    KernelSpec(
        name="bias_relu_fp32",
        family="fused_elementwise",
        split="train",
        summary="Add a bias to each column, then rectify: y[r][c] = max(x[r][c] + bias[c], 0).",
        formula="y[r * cols + c] = max(x[r * cols + c] + bias[c], 0)",
        parameters=(
            tensor_in("x", DType.F32, "rows", "cols"),
            tensor_in("bias", DType.F32, "cols"),
            tensor_out("y", DType.F32, "rows", "cols"),
            scalar("rows"),
            scalar("cols"),
        ),
        check_shapes=MATRICES,
        timing_shape={"rows": 6656, "cols": 4096},
        reference=lambda t, s: {"y": torch.relu(t["x"] + t["bias"])},
        flops=lambda s: 2 * s["rows"] * s["cols"],
        independent=("rows", "cols"),
        tolerance=Tolerance(factor=2, growth=0, scale=lambda t, s: {"y": t["x"].abs() + t["bias"].abs()}),
        distributions=(NORMAL, WIDE),
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
    KernelSpec(
        name="swiglu_bf16",
        family="fused_elementwise",
        split="unseen_op",
        summary="Gated activation with bfloat16 arrays and float32 arithmetic: "
        "out[i] = gate[i] / (1 + exp(-gate[i])) * up[i] for every i in 0..n-1.",
        formula="out[i] = gate[i] / (1 + exp(-gate[i])) * up[i]",
        parameters=(
            tensor_in("gate", DType.BF16, "n"),
            tensor_in("up", DType.BF16, "n"),
            tensor_out("out", DType.BF16, "n"),
            scalar("n"),
        ),
        check_shapes=LENGTHS,
        timing_shape={"n": 35 * MIB},
        reference=lambda t, s: {"out": torch.nn.functional.silu(t["gate"]) * t["up"]},
        flops=lambda s: 9 * s["n"],
        independent=("n",),
        tolerance=Tolerance(factor=6, growth=0, scale=lambda t, s: {"out": 2**-14 * t["gate"].abs() * t["up"].abs()}),
        distributions=(NORMAL, SATURATING),
    ),
)
