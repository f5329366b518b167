"""Scaled dot-product attention, one matrix of queries, keys and values per head."""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt

import torch

from cudagym.record import Shape
from cudagym.specs.distributions import NORMAL, gaussian
from cudagym.specs.spec import DType, KernelSpec, Split, Tensors, Tolerance, scalar, tensor_in, tensor_out

LARGE = gaussian("large_logits", 0.0, 8.0, hard=True)
"""Logits with a deviation of 64: exp overflows float32 unless the row's maximum is subtracted."""

LAYOUT = (
    "q, k, v and out have the shape [heads][seq][dim], the heads are independent, dim is at most 128, "
    "and scale = 1/sqrt(dim)."
)
CHECKED: tuple[Shape, ...] = tuple(
    {"heads": heads, "seq": seq, "dim": dim}
    for heads, seq, dim in ((1, 1, 1), (2, 37, 16), (3, 65, 33), (2, 128, 64), (1, 131, 128))
)


def _weights(t: Tensors, s: Shape, causal: bool) -> torch.Tensor:
    logits = t["q"] @ t["k"].transpose(1, 2) / sqrt(s["dim"])
    if causal:
        future = torch.ones(logits.shape[1:], dtype=torch.bool).triu(1)
        logits = logits.masked_fill(future, -torch.inf)
    return logits.softmax(dim=2)


def attention(
    name: str, split: Split, causal: bool, summary: str, formula: str, flops: Callable[[Shape], float]
) -> KernelSpec:
    def scale(t: Tensors, s: Shape) -> Tensors:
        # A weight is off by the rounding errors of its logit, which |q| |k| / sqrt(dim) bounds.
        logits = t["q"].norm(dim=2, keepdim=True) * t["k"].norm(dim=2).amax(dim=1).reshape(-1, 1, 1) / sqrt(s["dim"])
        return {"out": (1 + logits) * (_weights(t, s, causal) @ t["v"].abs())}

    return KernelSpec(
        name=name,
        family="attention",
        split=split,
        summary=summary,
        formula=formula,
        parameters=(
            *(tensor_in(array, DType.F32, "heads", "seq", "dim") for array in ("q", "k", "v")),
            tensor_out("out", DType.F32, "heads", "seq", "dim"),
            scalar("heads"),
            scalar("seq"),
            scalar("dim"),
        ),
        check_shapes=CHECKED,
        timing_shape={"heads": 8, "seq": 1024, "dim": 64},
        reference=lambda t, s: {"out": _weights(t, s, causal) @ t["v"]},
        flops=flops,
        independent=("heads",),
        tolerance=Tolerance(growth=0.5, length=lambda s: s["seq"] + s["dim"], scale=scale),
        distributions=(NORMAL, LARGE),
    )


SPECS = (
    attention(
        "attention_fp32",
        "train",
        False,
        "Attention without a mask (not causal): for each head h and query i, with logits "
        "s[j] = scale * (sum over d of q[h][i][d] * k[h][j][d]) for every j in 0..seq-1 "
        "and weights p = softmax(s), out[h][i][d] = sum over j of p[j] * v[h][j][d]. " + LAYOUT,
        "out[h] = softmax(q[h] @ transpose(k[h]) / sqrt(dim)) @ v[h]",
        lambda s: 4 * s["heads"] * s["seq"] ** 2 * s["dim"],
    ),
    attention(
        "causal_attention_fp32",
        "unseen_op",
        True,
        "Causal attention: query i sees the keys 0..i only. For each head h and query i, with logits "
        "s[j] = scale * (sum over d of q[h][i][d] * k[h][j][d]) for j in 0..i "
        "and weights p = softmax(s) over those j, out[h][i][d] = sum over j in 0..i of p[j] * v[h][j][d]. " + LAYOUT,
        "out[h] = softmax(causal_mask(q[h] @ transpose(k[h]) / sqrt(dim))) @ v[h]",
        lambda s: 2 * s["heads"] * s["seq"] * (s["seq"] + 1) * s["dim"],
    ),
)
