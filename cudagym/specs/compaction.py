"""Compaction: the elements that are wanted move together, in order."""

from __future__ import annotations

import torch

from cudagym.record import Shape
from cudagym.specs.distributions import NORMAL, TIES, distribution
from cudagym.specs.spec import DType, KernelSpec, Tensors, Tolerance, scalar, tensor_in, tensor_out

MIB = 1 << 20
LENGTHS: tuple[Shape, ...] = tuple({"n": n} for n in (1, 37, 1000, 4099, 16384, 270001))
MOSTLY = distribution("mostly_kept", lambda part, g: part.normal_(2.0, 1.0, generator=g), hard=True)
"""Almost every element stays, so places far from the start depend on every block before."""


def _compacted(t: Tensors, s: Shape) -> Tensors:
    kept = t["x"][t["x"] > 0]
    return {"y": torch.cat([kept, kept.new_zeros(t["x"].numel() - kept.numel())])}


SPECS = (
    KernelSpec(
        name="compact_positive_fp32",
        family="compaction",
        split="unseen_family",
        summary="Keep the positive elements: y begins with those x[i] that are greater than 0, in the order of x, and "
        "the rest of its n elements is 0.",
        formula="y = [x[i] for i in 0..n-1 if x[i] > 0] + [0, ...]",
        parameters=(tensor_in("x", DType.F32, "n"), tensor_out("y", DType.F32, "n"), scalar("n")),
        check_shapes=LENGTHS,
        timing_shape={"n": 27 * MIB},
        reference=_compacted,
        flops=lambda s: 2 * s["n"],
        independent=(),
        ceiling="The place of an element depends on all before it. Reading x twice reaches two thirds of peak; a "
        "single pass, in which blocks wait for the counts before theirs, gets nearer.",
        tolerance=Tolerance(factor=0, growth=0),
        distributions=(NORMAL, TIES, MOSTLY),
    ),
)
