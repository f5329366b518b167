"""Histograms: many elements increment few counters."""

from __future__ import annotations

import torch

from cudagym.record import Shape
from cudagym.specs.distributions import FULL_RANGE, SMALL_INTEGERS
from cudagym.specs.spec import DType, KernelSpec, Tensors, scalar, tensor_in, tensor_out

MIB = 1 << 20
LENGTHS: tuple[Shape, ...] = tuple({"n": n} for n in (1, 37, 1000, 4099, 65536))


def _counted(t: Tensors, s: Shape) -> Tensors:
    return {"counts": torch.bincount(t["x"], minlength=256)}


def _binned(t: Tensors, s: Shape) -> Tensors:
    return {"counts": torch.bincount(t["bin"], minlength=int(s["bins"]))}


SPECS = (
    KernelSpec(
        name="histogram_u8",
        family="histogram",
        split="unseen_family",
        summary="Histogram of unsigned bytes: counts has 256 elements, which hold garbage before the call, and "
        "counts[v] is the number of i in 0..n-1 with x[i] == v. All bytes may be alike.",
        formula="counts[v] = number of i with x[i] == v, for v in 0..255",
        parameters=(tensor_in("x", DType.U8, "n"), tensor_out("counts", DType.I32, 256), scalar("n")),
        check_shapes=LENGTHS,
        timing_shape={"n": 204 * MIB},
        reference=_counted,
        flops=lambda s: s["n"],
        independent=(),
        ceiling="Every byte increments a counter, and lanes that meet in one wait for each other: peak stays out of "
        "reach, the farther the fewer values occur.",
        distributions=(FULL_RANGE, SMALL_INTEGERS.model_copy(update={"name": "few_values", "hard": True})),
    ),
    KernelSpec(
        name="bin_count_i32",
        family="histogram",
        split="unseen_family",
        summary="How often each index occurs: counts has `bins` elements, which hold garbage before the call, and "
        "counts[b] is the number of i in 0..n-1 with bin[i] == b. bins may exceed what shared memory holds.",
        formula="counts[b] = number of i with bin[i] == b, for b in 0..bins-1",
        parameters=(
            tensor_in("bin", DType.I32, "n", below="bins"),
            tensor_out("counts", DType.I32, "bins"),
            scalar("n"),
            scalar("bins"),
        ),
        check_shapes=tuple(
            {"n": n, "bins": bins} for n, bins in ((1, 1), (37, 5), (4099, 100), (16384, 4096), (1000, 20011))
        ),
        timing_shape={"n": 52 * MIB, "bins": 65536},
        reference=_binned,
        flops=lambda s: s["n"],
        independent=(),
        ceiling="Counters that fit no shared memory are incremented in the L2, atomic by atomic: peak stays out of "
        "reach.",
        distributions=(FULL_RANGE, SMALL_INTEGERS.model_copy(update={"name": "few_values", "hard": True})),
    ),
)
