"""Matrix products of quantised numbers: bytes, 8-bit floats, weights of 4 bits."""

from __future__ import annotations

import torch

from cudagym.record import Shape
from cudagym.specs.distributions import FULL_RANGE, NORMAL, POSITIVE, SMALL_INTEGERS, distribution, mixed
from cudagym.specs.matmul import DIMENSIONS, RAGGED, TENSOR_CORES, multiply_adds, shapes
from cudagym.specs.spec import DType, KernelSpec, Tensors, Tolerance, scalar, tensor_in, tensor_out

CHECKED = shapes(*RAGGED)
TIMED = shapes((1024, 1024, 1024))[0]

STEP = distribution("step", lambda part, g: part.uniform_(0.0078125, 0.03125, generator=g))
"""Quantisation steps: positive and small."""


def _dequantized(t: Tensors, s: Shape) -> Tensors:
    return {"C": t["A"] @ ((t["B"].double() - 128) * t["scale"])}


def _scale(t: Tensors, s: Shape) -> Tensors:
    return {"C": (t["A"].square() @ ((t["B"].double() - 128) * t["scale"]).square()).sqrt()}


def _weights_of_4_bits(t: Tensors) -> torch.Tensor:
    """As float64, [N][K]."""
    halves = torch.stack([t["w"] & 15, t["w"] >> 4], dim=-1).flatten(2)
    return ((halves.double() - 8) * t["scale"].unsqueeze(-1)).flatten(1)


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
        ceiling="The tensor cores need about a microsecond, which is less than starting a kernel takes: most of "
        "peak is out of reach.",
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
        tolerance=Tolerance(growth=5, length=lambda s: s["K"], scale=_scale),
        distributions=(
            mixed("small_integers", SMALL_INTEGERS, scale=STEP),
            mixed("full_range", FULL_RANGE, scale=STEP, hard=True),
        ),
    ),
    KernelSpec(
        name="scaled_matmul_fp8",
        family="quantized_matmul",
        split="unseen_family",
        summary="Product of 8-bit floats (E4M3), summed in float32, scaled, and rounded to bfloat16 once at the end: A "
        "has the shape [M][K], B has the shape [N][K], C has the shape [M][N], and "
        "C[i][j] = alpha * (sum over k of A[i][k] * B[j][k]).",
        formula="C[i * N + j] = alpha * (sum over k of (float)A[i * K + k] * (float)B[j * K + k])",
        parameters=(
            tensor_in("A", DType.E4M3, "M", "K"),
            tensor_in("B", DType.E4M3, "N", "K"),
            tensor_out("C", DType.BF16, "M", "N"),
            *DIMENSIONS,
            scalar("alpha", DType.F32),
        ),
        check_shapes=tuple({**shape, "alpha": 0.25} for shape in CHECKED),
        timing_shape={"M": 4096, "N": 4096, "K": 4096, "alpha": 0.0625},
        reference=lambda t, s: {"C": s["alpha"] * (t["A"] @ t["B"].t())},
        flops=multiply_adds,
        math="fp8",
        ceiling=TENSOR_CORES,
        independent=("M", "N"),
        # The products are exact in float32, whose accumulation error is small beside the rounding of the result.
        tolerance=Tolerance(
            factor=4,
            growth=0,
            scale=lambda t, s: {"C": 2**-6 * s["alpha"] * (t["A"].square() @ t["B"].t().square()).sqrt()},
        ),
        distributions=(NORMAL, POSITIVE),
    ),
    KernelSpec(
        name="matmul_int4_fp16",
        family="quantized_matmul",
        split="unseen_family",
        summary="Product of half-precision activations with weights of 4 bits that share a scale by groups of 32: x "
        "has the shape [M][groups][32], w has the shape [N][groups][16], scale has the shape [N][groups], y has the "
        "shape [M][N]. Byte w[j][g][p] holds the weights of k = 2*p in its lower and of k = 2*p + 1 in its upper four "
        "bits, as q + 8 with q in -8..7, and y[i][j] = sum over g of scale[j][g] * (sum over k in 0..31 of x[i][g][k] "
        "* q[j][g][k]), summed in float32 and rounded to half once at the end. M is small.",
        formula="y[i * N + j] = sum over g, k of x[i][g][k] * scale[j][g] * ((w[j][g][k / 2] >> 4 * (k % 2) & 15) - 8)",
        parameters=(
            tensor_in("x", DType.F16, "M", "groups", 32),
            tensor_in("w", DType.U8, "N", "groups", 16),
            tensor_in("scale", DType.F16, "N", "groups"),
            tensor_out("y", DType.F16, "M", "N"),
            scalar("M"),
            scalar("N"),
            scalar("groups"),
        ),
        check_shapes=tuple(
            {"M": m, "N": n, "groups": groups}
            for m, n, groups in ((1, 1, 1), (3, 37, 5), (16, 128, 8), (7, 101, 9), (33, 136, 2))
        ),
        timing_shape={"M": 16, "N": 28672, "groups": 512},
        reference=lambda t, s: {"y": t["x"].flatten(1) @ _weights_of_4_bits(t).t()},
        flops=lambda s: 64 * s["M"] * s["N"] * s["groups"],
        math="fp16",
        independent=("M", "N"),
        # A weight may be rounded to half after it is scaled, which is random from term to term.
        tolerance=Tolerance(
            factor=6,
            growth=0,
            scale=lambda t, s: {"y": (t["x"].flatten(1).square() @ _weights_of_4_bits(t).t().square()).sqrt()},
        ),
        distributions=(
            mixed("normal", FULL_RANGE, scale=STEP),
            mixed("one_sign", FULL_RANGE, x=POSITIVE, scale=STEP, hard=True),
        ),
    ),
)
