"""Matrix products of quantised integers."""

from __future__ import annotations

from cudagym.record import Shape
from cudagym.specs.distributions import FULL_RANGE, SMALL_INTEGERS, distribution, mixed
from cudagym.specs.matmul import DIMENSIONS, multiply_adds, shapes
from cudagym.specs.spec import DType, KernelSpec, Tensors, Tolerance, tensor_in, tensor_out

CHECKED = shapes((1, 1, 1), (17, 33, 65), (64, 64, 64), (101, 37, 129), (128, 128, 256))
TIMED = shapes((1024, 1024, 1024))[0]

STEP = distribution("step", lambda part, g: part.uniform_(0.0078125, 0.03125, generator=g))
"""Quantisation steps: positive and small."""


def _dequantized(t: Tensors, s: Shape) -> Tensors:
    return {"C": t["A"] @ ((t["B"].double() - 128) * t["scale"])}


def _scale(t: Tensors, s: Shape) -> Tensors:
    return {"C": (t["A"].square() @ ((t["B"].double() - 128) * t["scale"]).square()).sqrt()}


SPECS = (
    KernelSpec(
        name="matmul_i8",
        family="quantized_matmul",
        split="unseen_family",
        summary="Product of signed bytes, accumulated exactly in 32 bits: A has the shape [M][K], B has the "
        "shape [K][N], C has the shape [M][N], and C[i][j] = sum over k of A[i][k] * B[k][j].",
        formula="C[i * N + j] = sum over k of (int)A[i * K + k] * (int)B[k * N + j]",
        parameters=(
            tensor_in("A", DType.I8, "M", "K"),
            tensor_in("B", DType.I8, "K", "N"),
            tensor_out("C", DType.I32, "M", "N"),
            *DIMENSIONS,
        ),
        check_shapes=CHECKED,
        timing_shape=TIMED,
        # Products of bytes sum exactly in float64, whose matrix product is many times faster than int64's.
        reference=lambda t, s: {"C": (t["A"].double() @ t["B"].double()).long()},
        flops=multiply_adds,
        math="int8",
        ceiling="The tensor cores are done before a kernel has well started: half of peak is what an excellent kernel "
        "reaches.",
        independent=("M", "N"),
        distributions=(SMALL_INTEGERS, FULL_RANGE),
    ),
    KernelSpec(
        name="dequantized_matmul_u8",
        family="quantized_matmul",
        split="unseen_family",
        summary="Product of a float32 matrix with a matrix of unsigned bytes that stand for "
        "floats: A has the shape [M][K], B has the shape [K][N], scale has N elements, C has the "
        "shape [M][N], and C[i][j] = sum over k of A[i][k] * (B[k][j] - 128) * scale[j], in float32.",
        formula="C[i * N + j] = sum over k of A[i * K + k] * (B[k * N + j] - 128) * scale[j]",
        parameters=(
            tensor_in("A", DType.F32, "M", "K"),
            tensor_in("B", DType.U8, "K", "N"),
            tensor_in("scale", DType.F32, "N"),
            tensor_out("C", DType.F32, "M", "N"),
            *DIMENSIONS,
        ),
        check_shapes=CHECKED,
        timing_shape=TIMED,
        reference=_dequantized,
        flops=multiply_adds,
        independent=("M", "N"),
        tolerance=Tolerance(growth=4, length=lambda s: s["K"], scale=_scale),
        distributions=(
            mixed("small_integers", SMALL_INTEGERS, scale=STEP),
            mixed("full_range", FULL_RANGE, scale=STEP, hard=True),
        ),
    ),
)
