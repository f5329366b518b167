"""Matrix products."""

from __future__ import annotations

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


def matmul(
    name: str,
    split: Split,
    triples: tuple[tuple[int, int, int], ...],
    timing: tuple[int, int, int],
    note: str = "",
) -> KernelSpec:
    return KernelSpec(
        name=name,
        family="matmul",
        split=split,
        summary="Matrix product: A has the shape [M][K], B has the shape [K][N], C has the shape [M][N], and "
        "C[i][j] = sum over k of A[i][k] * B[k][j], in float32 throughout (TF32 is not accurate enough)." + note,
        formula="C[i * N + j] = sum over k of A[i * K + k] * B[k * N + j]",
        parameters=(
            tensor_in("A", DType.F32, "M", "K"),
            tensor_in("B", DType.F32, "K", "N"),
            tensor_out("C", DType.F32, "M", "N"),
            *DIMENSIONS,
        ),
        check_shapes=shapes(*triples),
        timing_shape=shapes(timing)[0],
        reference=lambda t, s: {"C": t["A"] @ t["B"]},
        flops=multiply_adds,
        independent=("M", "N"),
        tolerance=Tolerance(growth=3, length=lambda s: s["K"], scale=_scale),
        distributions=(NORMAL, POSITIVE, WIDE),
    )


SPECS = (
    matmul(
        "matmul_fp32",
        "train",
        ((1, 1, 1), (17, 33, 65), (64, 64, 64), (101, 37, 129), (128, 256, 96), (127, 130, 67)),
        (4096, 4096, 4096),
    ),
    matmul(
        "matmul_fp32_skinny",
        "unseen_shape",
        ((1, 37, 129), (5, 67, 1021), (16, 128, 512), (7, 300, 333)),
        (16, 8192, 6656),
        note=" M is small.",
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
        check_shapes=shapes((1, 1, 1), (17, 33, 65), (64, 64, 64), (101, 37, 129), (128, 128, 512)),
        timing_shape=shapes((2048, 2048, 2048))[0],
        reference=lambda t, s: {"C": t["A"] @ t["B"].t()},
        flops=multiply_adds,
        math="fp16",
        independent=("M", "N"),
        # The products are exact in float32; its accumulation error is small beside the final rounding.
        tolerance=Tolerance(
            factor=4,
            growth=0,
            scale=lambda t, s: {"C": 2**-6 * (t["A"].square() @ t["B"].t().square()).sqrt()},
        ),
        distributions=(NORMAL, POSITIVE),
    ),
)
