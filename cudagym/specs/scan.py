"""Prefix sums."""

from __future__ import annotations

from cudagym.specs.distributions import FULL_RANGE, NORMAL, POSITIVE, SMALL_INTEGERS
from cudagym.specs.spec import DType, KernelSpec, Tolerance, scalar, tensor_in, tensor_out

MIB = 1 << 20

SPECS = (
    KernelSpec(
        name="cumsum_fp32",
        family="scan",
        split="unseen_family",
        summary="Inclusive prefix sums of each row: y[r][c] = x[r][0] + ... + x[r][c].",
        formula="y[r * cols + c] = sum over k in 0..c of x[r * cols + k]",
        parameters=(
            tensor_in("x", DType.F32, "rows", "cols"),
            tensor_out("y", DType.F32, "rows", "cols"),
            scalar("rows"),
            scalar("cols"),
        ),
        check_shapes=tuple(
            {"rows": rows, "cols": cols} for rows, cols in ((1, 1), (3, 37), (64, 256), (129, 33), (5, 4099))
        ),
        timing_shape={"rows": 6656, "cols": 4096},
        reference=lambda t, s: {"y": t["x"].cumsum(dim=1)},
        flops=lambda s: s["rows"] * s["cols"],
        independent=("rows",),
        tolerance=Tolerance(
            length=lambda s: s["cols"],
            scale=lambda t, s: {"y": t["x"].square().cumsum(dim=1).sqrt()},
        ),
        distributions=(NORMAL, POSITIVE),
    ),
    KernelSpec(
        name="exclusive_scan_i32",
        family="scan",
        split="unseen_family",
        summary="Exclusive prefix sums of one long vector, 32-bit values in and 64-bit sums out: y[0] = 0 and "
        "y[i] = x[0] + ... + x[i-1] for every i in 1..n-1.",
        formula="y[i] = sum over k in 0..i-1 of (long long)x[k]",
        parameters=(tensor_in("x", DType.I32, "n"), tensor_out("y", DType.I64, "n"), scalar("n")),
        check_shapes=tuple({"n": n} for n in (1, 37, 1000, 4099, 16384, 65537)),
        timing_shape={"n": 18 * MIB},
        reference=lambda t, s: {"y": t["x"].cumsum(dim=0) - t["x"]},
        flops=lambda s: s["n"],
        independent=(),
        distributions=(SMALL_INTEGERS, FULL_RANGE),
    ),
)
