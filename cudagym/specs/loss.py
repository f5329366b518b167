"""Losses: rows of predictions against their targets."""

from __future__ import annotations

from cudagym.record import Shape
from cudagym.specs.distributions import FULL_RANGE, LARGE_LOGITS, NEEDLES, NORMAL, OFFSET, POSITIVE, distribution, mixed
from cudagym.specs.spec import DType, KernelSpec, Split, Tensors, Tolerance, scalar, tensor_in, tensor_out

MIB = 1 << 20
ROWS: tuple[Shape, ...] = tuple(
    {"rows": rows, "cols": cols} for rows, cols in ((1, 1), (3, 37), (64, 256), (129, 33), (5, 4099))
)
SKEWED = distribution("skewed", lambda part, g: part.uniform_(-20.0, 0.0, generator=g).exp2_(), hard=True)
"""Positive, from 2**-20 to 1: logarithms of both small and large ratios."""


def _cross_entropy(t: Tensors, s: Shape) -> Tensors:
    wanted = t["logits"].gather(1, t["target"][:, None]).squeeze(1)
    return {"loss": t["logits"].logsumexp(dim=1) - wanted}


def _cross_entropy_scale(t: Tensors, s: Shape) -> Tensors:
    """A difference of a logarithm and a logit of the size of the logits, of a sum that is off by roundings of 1."""
    return {"loss": 1 + t["logits"].abs().amax(dim=1) * (s["cols"] > 1)}


def cross_entropy(name: str, split: Split, dtype: DType, rows: int, note: str = "") -> KernelSpec:
    return KernelSpec(
        name=name,
        family="loss",
        split=split,
        summary="Cross entropy of each row of logits with the class that is its target, not averaged: with m = max "
        "over c of logits[r][c], loss[r] = log(sum over c of exp(logits[r][c] - m)) + m - logits[r][target[r]]. "
        "exp overflows float32 for large logits, so subtract the row's maximum first." + note,
        formula="loss[r] = log(sum_c exp(logits[r][c] - m)) + m - logits[r][target[r]], m = max_c logits[r][c]",
        parameters=(
            tensor_in("logits", dtype, "rows", "cols"),
            tensor_in("target", DType.I32, "rows", below="cols"),
            tensor_out("loss", DType.F32, "rows"),
            scalar("rows"),
            scalar("cols"),
        ),
        check_shapes=ROWS,
        timing_shape={"rows": rows, "cols": 32768},
        reference=_cross_entropy,
        flops=lambda s: 4 * s["rows"] * s["cols"],
        independent=("rows",),
        tolerance=Tolerance(length=lambda s: s["cols"], scale=_cross_entropy_scale),
        distributions=(
            mixed("normal", FULL_RANGE),
            mixed("large_logits", FULL_RANGE, logits=LARGE_LOGITS, hard=True),
            mixed("needles", FULL_RANGE, logits=NEEDLES, hard=True),
        ),
    )


SPECS = (
    cross_entropy("cross_entropy_fp32", "train", DType.F32, 1664),
    cross_entropy(
        "cross_entropy_bf16", "unseen_dtype", DType.BF16, 3328, " Logits are bfloat16, arithmetic is float32."
    ),
    KernelSpec(
        name="kl_divergence_fp32",
        family="loss",
        split="unseen_op",
        summary="Kullback-Leibler divergence of each pair of rows, whose elements are positive but need not sum to 1: "
        "out[r] = sum over c of p[r][c] * (log(p[r][c]) - log(q[r][c])).",
        formula="out[r] = sum over c of p[r * cols + c] * log(p[r * cols + c] / q[r * cols + c])",
        parameters=(
            tensor_in("p", DType.F32, "rows", "cols"),
            tensor_in("q", DType.F32, "rows", "cols"),
            tensor_out("out", DType.F32, "rows"),
            scalar("rows"),
            scalar("cols"),
        ),
        check_shapes=ROWS,
        timing_shape={"rows": 6656, "cols": 4096},
        reference=lambda t, s: {"out": (t["p"] * (t["p"].log() - t["q"].log())).sum(dim=1)},
        flops=lambda s: 5 * s["rows"] * s["cols"],
        independent=("rows",),
        tolerance=Tolerance(
            length=lambda s: s["cols"],
            scale=lambda t, s: {"out": (t["p"] * (1 + t["p"].log().abs() + t["q"].log().abs())).square().sum(1).sqrt()},
        ),
        distributions=(POSITIVE, SKEWED),
    ),
    KernelSpec(
        name="mse_fp32",
        family="loss",
        split="train",
        summary="Mean squared error of two vectors: out[0] = (1/n) * sum over i of (x[i] - y[i])^2. out has one "
        "element, which holds garbage before the call.",
        formula="out[0] = (sum over i of (x[i] - y[i])^2) / n",
        parameters=(
            tensor_in("x", DType.F32, "n"),
            tensor_in("y", DType.F32, "n"),
            tensor_out("out", DType.F32, 1),
            scalar("n"),
        ),
        check_shapes=tuple({"n": n} for n in (1, 37, 1000, 4099, 65536)),
        timing_shape={"n": 26 * MIB},
        reference=lambda t, s: {"out": (t["x"] - t["y"]).square().mean().reshape(1)},
        flops=lambda s: 3 * s["n"],
        independent=(),
        tolerance=Tolerance(length=lambda s: s["n"], scale=lambda t, s: {"out": t["x"].new_zeros(1)}),
        distributions=(NORMAL, mixed("offset", OFFSET, hard=True)),
    ),
)
