"""Matrix products."""

from __future__ import annotations

from collections.abc import Callable

import torch

from cudagym.hardware import MathMode
from cudagym.record import Shape
from cudagym.specs.distributions import NORMAL, POSITIVE, WIDE
from cudagym.specs.spec import DType, KernelSpec, Split, Tensors, Tolerance, scalar, tensor_in, tensor_out

DIMENSIONS = (scalar("M"), scalar("N"), scalar("K"))


def shapes(*triples: tuple[int, int, int]) -> tuple[Shape, ...]:
    return tuple({"M": m, "N": n, "K": k} for m, n, k in triples)


def multiply_adds(shape: Shape) -> float:
    return 2 * shape["M"] * shape["N"] * shape["K"]


def _scale(t: Tensors, s: Shape) -> Tensors:
    """Terms of random sign: partial sums grow like the root of the sum of squared products."""
    return {"C": (t["A"].square() @ t["B"].square()).sqrt()}


TENSOR_CORES = (
    "The peak is that of the tensor cores. On Hopper mma.sync reaches less than two thirds of it, for the rest takes "
    "wgmma; on the other cards nearly all of it."
)
"""Weile Luo and others, "Benchmarking and Dissecting the Nvidia Hopper GPU Architecture" (2024): 63% on average."""

FLOAT32 = Tolerance(growth=3, length=lambda s: s["K"], scale=_scale)
TF32 = Tolerance(factor=7, growth=0, compute=DType.F16, scale=_scale)
"""TF32 has the 10 fraction bits of half precision: both factors of a product are rounded to it."""
ROUNDED = Tolerance(factor=4, growth=0, scale=lambda t, s: {"C": 2**-6 * _scale(t, s)["C"]})
"""The products are exact in float32, whose accumulation error is small beside the rounding of the result."""


def matmul(
    name: str,
    split: Split,
    triples: tuple[tuple[int, int, int], ...],
    timing: tuple[int, int, int],
    *,
    how: str = "in float32 throughout (TF32 is not accurate enough).",
    dtype: DType = DType.F32,
    math: MathMode = "fp32",
    tolerance: Tolerance = FLOAT32,
) -> KernelSpec:
    return KernelSpec(
        name=name,
        family="matmul",
        split=split,
        summary="Matrix product: A has the shape [M][K], B has the shape [K][N], C has the shape [M][N], and "
        "C[i][j] = sum over k of A[i][k] * B[k][j], " + how,
        formula="C[i * N + j] = sum over k of A[i * K + k] * B[k * N + j]",
        parameters=(
            tensor_in("A", dtype, "M", "K"),
            tensor_in("B", dtype, "K", "N"),
            tensor_out("C", dtype, "M", "N"),
            *DIMENSIONS,
        ),
        check_shapes=shapes(*triples),
        timing_shape=shapes(timing)[0],
        reference=lambda t, s: {"C": t["A"] @ t["B"]},
        flops=multiply_adds,
        math=math,
        ceiling="" if math == "fp32" else TENSOR_CORES,
        independent=("M", "N"),
        tolerance=tolerance,
        distributions=(NORMAL, POSITIVE, WIDE) if dtype is DType.F32 else (NORMAL, POSITIVE),
    )


def square(
    name: str,
    summary: str,
    formula: str,
    whole: Callable[[torch.Tensor], torch.Tensor],
    flops: Callable[[Shape], float],
) -> KernelSpec:
    """`C = whole(A) @ B` for a square A of which only one triangle counts."""

    def scale(t: Tensors, s: Shape) -> Tensors:
        return {"C": (whole(t["A"]).square() @ t["B"].square()).sqrt()}

    return KernelSpec(
        name=name,
        family="matmul",
        split="unseen_op",
        summary=summary + " Elements of A above the diagonal hold garbage. Compute in float32 throughout.",
        formula=formula,
        parameters=(
            tensor_in("A", DType.F32, "M", "M"),
            tensor_in("B", DType.F32, "M", "N"),
            tensor_out("C", DType.F32, "M", "N"),
            scalar("M"),
            scalar("N"),
        ),
        check_shapes=tuple({"M": m, "N": n} for m, n in ((1, 1), (17, 33), (64, 64), (101, 37), (136, 256))),
        timing_shape={"M": 2048, "N": 2048},
        reference=lambda t, s: {"C": whole(t["A"]) @ t["B"]},
        flops=flops,
        independent=("N",),
        tolerance=Tolerance(growth=3, length=lambda s: s["M"], scale=scale),
        distributions=(NORMAL, POSITIVE, WIDE),
    )


def _mirrored(a: torch.Tensor) -> torch.Tensor:
    return a.tril() + a.tril(-1).t()


RAGGED = ((1, 1, 1), (17, 129, 65), (64, 64, 64), (101, 45, 135), (136, 256, 256))
"""The last has several tiles of usual sizes either way, and whole ones; the second one column more than a tile."""

SPECS = (
    matmul(
        "matmul_fp32",
        "train",
        (*RAGGED[:-1], (136, 256, 96), (127, 130, 67)),
        (4096, 4096, 4096),
    ),
    matmul(
        "matmul_fp32_skinny",
        "unseen_shape",
        ((1, 37, 129), (5, 67, 1021), (16, 128, 512), (7, 300, 333), (136, 256, 33)),
        (16, 8192, 6656),
        how="in float32 throughout (TF32 is not accurate enough). M is small.",
    ),
    matmul(
        "matmul_fp32_tall",
        "unseen_shape",
        ((1, 16, 32), (4099, 5, 7), (1000, 64, 32), (4096, 16, 16)),
        (5 << 18, 16, 32),
        how="in float32 throughout (TF32 is not accurate enough). M is large, N and K are small.",
    ),
    matmul(
        "matmul_tf32",
        "train",
        RAGGED,
        (4096, 4096, 4096),
        how="with products as accurate as TF32's, summed in float32.",
        math="tf32",
        tolerance=TF32,
    ),
    matmul(
        "matmul_fp16",
        "train",
        RAGGED,
        (4096, 4096, 4096),
        how="with half-precision arrays, summed in float32 and rounded to half once at the end.",
        dtype=DType.F16,
        math="fp16",
        tolerance=ROUNDED,
    ),
    matmul(
        "matmul_bf16",
        "unseen_dtype",
        RAGGED,
        (4096, 4096, 4096),
        how="with bfloat16 arrays, summed in float32 and rounded to bfloat16 once at the end.",
        dtype=DType.BF16,
        math="bf16",
        tolerance=ROUNDED,
    ),
    KernelSpec(
        name="batched_matmul_fp32",
        family="matmul",
        split="unseen_op",
        summary="Matrix products of a batch: A has the shape [batch][M][K], B has the shape [batch][K][N], C has the "
        "shape [batch][M][N], and C[b][i][j] = sum over k of A[b][i][k] * B[b][k][j], in float32 throughout.",
        formula="C[b][i][j] = sum over k of A[b][i][k] * B[b][k][j]",
        parameters=(
            tensor_in("A", DType.F32, "batch", "M", "K"),
            tensor_in("B", DType.F32, "batch", "K", "N"),
            tensor_out("C", DType.F32, "batch", "M", "N"),
            scalar("batch"),
            *DIMENSIONS,
        ),
        check_shapes=tuple(
            {"batch": batch, **shape}
            for batch, shape in zip(
                (1, 3, 2, 5), shapes((1, 1, 1), (17, 33, 65), (136, 256, 40), (7, 37, 129)), strict=True
            )
        ),
        timing_shape={"batch": 64, "M": 512, "N": 512, "K": 512},
        reference=lambda t, s: {"C": t["A"] @ t["B"]},
        flops=lambda s: s["batch"] * multiply_adds(s),
        independent=("batch", "M", "N"),
        tolerance=FLOAT32,
        distributions=(NORMAL, POSITIVE, WIDE),
    ),
    square(
        "triangular_matmul_fp32",
        "Product with a lower triangular matrix: A has the shape [M][M], B and C have the shape [M][N], and "
        "C[i][j] = sum over k in 0..i of A[i][k] * B[k][j].",
        "C[i * N + j] = sum over k in 0..i of A[i * M + k] * B[k * N + j]",
        torch.tril,
        lambda s: s["M"] * (s["M"] + 1) * s["N"],
    ),
    square(
        "symmetric_matmul_fp32",
        "Product with a symmetric matrix that is stored in its lower triangle: A has the shape [M][M], B and C have "
        "the shape [M][N], and C[i][j] = sum over k of (k <= i ? A[i][k] : A[k][i]) * B[k][j].",
        "C[i * N + j] = sum over k of (k <= i ? A[i * M + k] : A[k * M + i]) * B[k * N + j]",
        _mirrored,
        lambda s: 2 * s["M"] ** 2 * s["N"],
    ),
    KernelSpec(
        name="diagonal_matmul_fp32",
        family="matmul",
        split="train",
        summary="Product with a diagonal matrix, of which d holds the diagonal: d has M elements, B and C have the "
        "shape [M][N], and C[i][j] = d[i] * B[i][j].",
        formula="C[i * N + j] = d[i] * B[i * N + j]",
        parameters=(
            tensor_in("d", DType.F32, "M"),
            tensor_in("B", DType.F32, "M", "N"),
            tensor_out("C", DType.F32, "M", "N"),
            scalar("M"),
            scalar("N"),
        ),
        check_shapes=tuple({"M": m, "N": n} for m, n in ((1, 1), (3, 37), (64, 256), (129, 33), (31, 4099))),
        timing_shape={"M": 6656, "N": 4096},
        reference=lambda t, s: {"C": t["d"][:, None] * t["B"]},
        flops=lambda s: s["M"] * s["N"],
        independent=("M", "N"),
        tolerance=Tolerance(factor=2, growth=0, scale=lambda t, s: {"C": t["d"].new_zeros(1)}),
        distributions=(NORMAL, WIDE),
    ),
    KernelSpec(
        name="matmul_nt_fp16",
        family="matmul",
        split="unseen_op",
        summary="Matrix product with the second matrix transposed, half-precision arrays and float32 "
        "accumulation: A has the shape [M][K], B has the shape [N][K], C has the shape [M][N], and "
        "C[i][j] = sum over k of A[i][k] * B[j][k], rounded to half once at the end.",
        formula="C[i * N + j] = sum over k of A[i * K + k] * B[j * K + k]",
        parameters=(
            tensor_in("A", DType.F16, "M", "K"),
            tensor_in("B", DType.F16, "N", "K"),
            tensor_out("C", DType.F16, "M", "N"),
            *DIMENSIONS,
        ),
        check_shapes=shapes(*RAGGED[:-1], (136, 256, 512)),
        timing_shape=shapes((2048, 2048, 2048))[0],
        reference=lambda t, s: {"C": t["A"] @ t["B"].t()},
        flops=multiply_adds,
        math="fp16",
        ceiling=TENSOR_CORES,
        independent=("M", "N"),
        tolerance=Tolerance(
            factor=4,
            growth=0,
            scale=lambda t, s: {"C": 2**-6 * (t["A"].square() @ t["B"].t().square()).sqrt()},
        ),
        distributions=(NORMAL, POSITIVE),
    ),
)
