"""Reductions: many input elements become one, over a whole vector or along rows."""

from __future__ import annotations

import torch

from cudagym.record import Shape
from cudagym.specs.distributions import EDGES, NEGATIVE, NORMAL, POSITIVE, TIES, with_edges
from cudagym.specs.spec import DType, KernelSpec, Split, Tolerance, scalar, tensor_in, tensor_out

LENGTHS: tuple[Shape, ...] = tuple({"n": n} for n in (1, 37, 1000, 4099, 65536))
ROWS: tuple[Shape, ...] = tuple(
    {"rows": rows, "cols": cols} for rows, cols in ((1, 1), (3, 37), (64, 256), (129, 33), (5, 4099))
)
MIB = 1 << 20
LAST_IS_LARGEST = with_edges(NORMAL, -1024.0)

SUM = Tolerance(
    length=lambda s: s["n"],
    scale=lambda t, s: {"out": t["x"].square().sum().sqrt().reshape(1)},
)
"""Terms of random sign: partial sums grow like the root of the sum of squares."""


def reduce_sum(name: str, split: Split, lengths: tuple[Shape, ...], timing_n: int) -> KernelSpec:
    return KernelSpec(
        name=name,
        family="reduction",
        split=split,
        summary="Sum a vector: out[0] = x[0] + x[1] + ... + x[n-1]. Any order of summation will do; "
        "out has one element, which holds garbage before the call.",
        formula="out[0] = sum over i of x[i]",
        parameters=(tensor_in("x", DType.F32, "n"), tensor_out("out", DType.F32, 1), scalar("n")),
        check_shapes=lengths,
        timing_shape={"n": timing_n},
        reference=lambda t, s: {"out": t["x"].sum().reshape(1)},
        flops=lambda s: s["n"],
        independent=(),
        tolerance=SUM,
        distributions=(NORMAL, POSITIVE, EDGES),
    )


SPECS = (
    reduce_sum("reduce_sum_fp32", "train", LENGTHS, 51 * MIB),
    reduce_sum(
        "reduce_sum_fp32_odd", "unseen_shape", tuple({"n": n} for n in (2, 33, 257, 12289, 100003)), 51 * MIB + 1
    ),
    KernelSpec(
        name="reduce_max_fp32",
        family="reduction",
        split="train",
        summary="Largest element of each row: out[r] = max over c of x[r][c].",
        formula="out[r] = max over c of x[r * cols + c]",
        parameters=(
            tensor_in("x", DType.F32, "rows", "cols"),
            tensor_out("out", DType.F32, "rows"),
            scalar("rows"),
            scalar("cols"),
        ),
        check_shapes=ROWS,
        timing_shape={"rows": 13056, "cols": 4096},
        reference=lambda t, s: {"out": t["x"].amax(dim=1)},
        flops=lambda s: s["rows"] * s["cols"],
        independent=("rows",),
        tolerance=Tolerance(factor=0, growth=0),
        distributions=(NORMAL, NEGATIVE, LAST_IS_LARGEST),
    ),
    KernelSpec(
        name="argmax_fp32",
        family="reduction",
        split="unseen_op",
        summary="Index of the largest element of each row, the lowest index where several are largest: "
        "out[r] = argmax over c of x[r][c], as a 64-bit integer.",
        formula="out[r] = lowest c with x[r * cols + c] == max over k of x[r * cols + k]",
        parameters=(
            tensor_in("x", DType.F32, "rows", "cols"),
            tensor_out("out", DType.I64, "rows"),
            scalar("rows"),
            scalar("cols"),
        ),
        check_shapes=ROWS,
        timing_shape={"rows": 13056, "cols": 4096},
        # A comparison with the maximum, because argmax promises no particular one of several.
        reference=lambda t, s: {"out": (t["x"] == t["x"].amax(dim=1, keepdim=True)).to(torch.uint8).argmax(dim=1)},
        flops=lambda s: s["rows"] * s["cols"],
        independent=("rows",),
        distributions=(NORMAL, NEGATIVE, TIES, LAST_IS_LARGEST),
    ),
)
