"""Attention, one matrix of keys and values per head, and the rotary embedding before it."""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt

import torch

from cudagym.record import Shape
from cudagym.specs.distributions import NORMAL, WIDE, gaussian
from cudagym.specs.matmul import TENSOR_CORES
from cudagym.specs.spec import (
    Distribution,
    DType,
    KernelSpec,
    Parameter,
    Split,
    Tensors,
    Tolerance,
    scalar,
    tensor_in,
    tensor_out,
)

LARGE = gaussian("large_logits", 0.0, 8.0, hard=True)
"""Logits with a deviation of 64: exp overflows float32 unless the row's maximum is subtracted."""

ARRAYS = "q, k, v and out have the shape [heads][seq][dim], the heads are independent, dim is at most 128"
LAYOUT = ARRAYS + ", and scale = 1/sqrt(dim)."


def _shapes(*triples: tuple[int, int, int], **more: int) -> tuple[Shape, ...]:
    return tuple({"heads": heads, "seq": seq, "dim": dim, **more} for heads, seq, dim in triples)


def _fill_opposed(generator: torch.Generator, parameter: Parameter, extents: tuple[int, ...]) -> torch.Tensor:
    if parameter.name == "v":
        return NORMAL.fill(generator, parameter, extents)
    result = torch.empty(extents).uniform_(4.0, 8.0, generator=generator)
    if parameter.name == "k":
        heads = torch.arange(0, extents[0], 2)
        result = -result
        result[heads, torch.randint(extents[1], (len(heads),), generator=generator)] *= -1
    return result.to(parameter.dtype.torch)


OPPOSED = Distribution(name="opposed", hard=True, fill=_fill_opposed)
"""Logits far below zero, but for one key of every other head: a maximum that misses a key, or begins at zero, shows."""

CHECKED = _shapes((1, 1, 1), (2, 37, 16), (3, 65, 33), (2, 128, 64), (1, 131, 128))

Visible = Callable[[Shape], torch.Tensor]
"""Which keys (second axis) a query (first axis) sees."""


def _all(s: Shape) -> torch.Tensor:
    return torch.ones(1, int(s["seq"]), dtype=torch.bool)


def _past(s: Shape) -> torch.Tensor:
    return torch.ones(int(s["seq"]), int(s["seq"]), dtype=torch.bool).tril()


def _window(s: Shape) -> torch.Tensor:
    return _past(s).triu(1 - int(s["window"]))


def attention(
    name: str,
    split: Split,
    summary: str,
    formula: str,
    flops: Callable[[Shape], float],
    *,
    visible: Visible = _all,
    scaled: bool = True,
    dtype: DType = DType.F32,
    queries: tuple[str, ...] = ("heads", "seq", "dim"),
    check_shapes: tuple[Shape, ...] = CHECKED,
    timing_shape: Shape | None = None,
) -> KernelSpec:
    """Keys and values are [heads][seq][dim]; queries and results have the axes `queries`, which begin with `heads`, end
    with `dim`, and may lack `seq` (one query per head) or have others in between (that share their keys)."""

    def logits(t: Tensors, s: Shape) -> torch.Tensor:
        """[heads][every query of the head][keys]"""
        q = t["q"].reshape(t["k"].shape[0], -1, t["k"].shape[2])
        found = q @ t["k"].transpose(1, 2) / (sqrt(s["dim"]) if scaled else 1)
        seen = visible(s)
        return found.masked_fill(~seen.repeat(found.shape[1] // len(seen), 1), -torch.inf)

    def reference(t: Tensors, s: Shape) -> Tensors:
        return {"out": (logits(t, s).softmax(dim=2) @ t["v"]).reshape(t["q"].shape)}

    def scale(t: Tensors, s: Shape) -> Tensors:
        # A weight is off by the rounding errors of its logit, which |q| |k| / sqrt(dim) bounds.
        q = t["q"].reshape(t["k"].shape[0], -1, t["k"].shape[2])
        size = q.norm(dim=2, keepdim=True) * t["k"].norm(dim=2).amax(dim=1).reshape(-1, 1, 1)
        size = size / (sqrt(s["dim"]) if scaled else 1)
        mixed = logits(t, s).softmax(dim=2) @ t["v"].abs()
        if dtype is DType.F32:
            return {"out": ((1 + size) * mixed).reshape(t["q"].shape)}
        # Logits are float32. Rounded to half are the result, and the weights, of which small ones vanish.
        lost = 2**-10 * t["v"].abs().amax(dim=(1, 2), keepdim=True)
        return {"out": ((1 + 2**-10 * size) * mixed + lost).reshape(t["q"].shape)}

    timing = timing_shape or {"heads": 8, "seq": 1024, "dim": 64}
    return KernelSpec(
        name=name,
        family="attention",
        split=split,
        summary=summary,
        formula=formula,
        parameters=(
            tensor_in("q", dtype, *queries),
            tensor_in("k", dtype, "heads", "seq", "dim"),
            tensor_in("v", dtype, "heads", "seq", "dim"),
            tensor_out("out", dtype, *queries),
            *(scalar(extent) for extent in timing),
        ),
        check_shapes=check_shapes,
        timing_shape=timing,
        reference=reference,
        flops=flops,
        math="fp32" if dtype is DType.F32 else "fp16",
        ceiling="" if dtype is DType.F32 or "seq" not in queries else TENSOR_CORES,
        independent=("heads",),
        tolerance=Tolerance(growth=1, length=lambda s: s["seq"] + s["dim"], scale=scale)
        if dtype is DType.F32
        else Tolerance(factor=2.5, growth=0, scale=scale),
        distributions=(NORMAL, LARGE, OPPOSED),
    )


def _causal(s: Shape) -> float:
    return 2 * s["heads"] * s["seq"] * (s["seq"] + 1) * s["dim"]


def _rotated(t: Tensors, s: Shape) -> Tensors:
    (first, second), cos, sin = t["x"].unbind(2), t["cos"][:, None], t["sin"][:, None]
    return {"y": torch.stack([first * cos - second * sin, second * cos + first * sin], dim=2)}


def _rotated_scale(t: Tensors, s: Shape) -> Tensors:
    first, second = t["x"].abs().unbind(2)
    return {"y": ((first + second) * (t["cos"].abs() + t["sin"].abs())[:, None])[:, :, None]}


SPECS = (
    attention(
        "attention_fp32",
        "train",
        "Attention without a mask (not causal): for each head h and query i, with logits "
        "s[j] = scale * (sum over d of q[h][i][d] * k[h][j][d]) for every j in 0..seq-1 "
        "and weights p = softmax(s), out[h][i][d] = sum over j of p[j] * v[h][j][d]. " + LAYOUT,
        "out[h] = softmax(q[h] @ transpose(k[h]) / sqrt(dim)) @ v[h]",
        lambda s: 4 * s["heads"] * s["seq"] ** 2 * s["dim"],
    ),
    attention(
        "attention_fp16",
        "unseen_dtype",
        "Attention without a mask (not causal), half-precision arrays and float32 sums: for each head h and query i, "
        "with logits s[j] = scale * (sum over d of q[h][i][d] * k[h][j][d]) for every j in 0..seq-1 "
        "and weights p = softmax(s), out[h][i][d] = sum over j of p[j] * v[h][j][d]. " + LAYOUT,
        "out[h] = softmax(q[h] @ transpose(k[h]) / sqrt(dim)) @ v[h]",
        lambda s: 4 * s["heads"] * s["seq"] ** 2 * s["dim"],
        dtype=DType.F16,
        timing_shape={"heads": 32, "seq": 4096, "dim": 64},
    ),
    attention(
        "causal_attention_fp32",
        "unseen_op",
        "Causal attention: query i sees the keys 0..i only. For each head h and query i, with logits "
        "s[j] = scale * (sum over d of q[h][i][d] * k[h][j][d]) for j in 0..i "
        "and weights p = softmax(s) over those j, out[h][i][d] = sum over j in 0..i of p[j] * v[h][j][d]. " + LAYOUT,
        "out[h] = softmax(causal_mask(q[h] @ transpose(k[h]) / sqrt(dim))) @ v[h]",
        _causal,
        visible=_past,
    ),
    attention(
        "unscaled_attention_fp32",
        "unseen_op",
        "Attention without a mask (not causal) whose logits are not scaled: for each head h and query i, with logits "
        "s[j] = sum over d of q[h][i][d] * k[h][j][d] for every j in 0..seq-1 "
        "and weights p = softmax(s), out[h][i][d] = sum over j of p[j] * v[h][j][d]. " + ARRAYS + ".",
        "out[h] = softmax(q[h] @ transpose(k[h])) @ v[h]",
        lambda s: 4 * s["heads"] * s["seq"] ** 2 * s["dim"],
        scaled=False,
    ),
    attention(
        "sliding_window_attention_fp32",
        "unseen_op",
        "Causal attention over a sliding window: query i sees the last `window` keys up to its own, that is the keys j "
        "with max(0, i - window + 1) <= j <= i. For each head h and query i, with logits "
        "s[j] = scale * (sum over d of q[h][i][d] * k[h][j][d]) for those j and weights p = softmax(s) over them, "
        "out[h][i][d] = sum over those j of p[j] * v[h][j][d]. window is at least 1. " + LAYOUT,
        "out[h] = softmax(window_mask(q[h] @ transpose(k[h]) / sqrt(dim))) @ v[h], i - window < j <= i",
        lambda s: 4 * s["heads"] * s["seq"] * min(s["window"], s["seq"]) * s["dim"],
        visible=_window,
        check_shapes=(
            *_shapes((1, 1, 1), window=4),
            *_shapes((2, 37, 16), (3, 65, 33), window=11),
            *_shapes((2, 128, 64), (1, 131, 128), window=32),
        ),
        timing_shape={"heads": 8, "seq": 4096, "dim": 64, "window": 256},
    ),
    attention(
        "grouped_query_attention_fp32",
        "unseen_op",
        "Causal attention in which the `group` query heads of a head share its keys and values: q and out have the "
        "shape [heads][group][seq][dim], k and v have the shape [heads][seq][dim]. For each head h, query head g and "
        "query i, with logits s[j] = scale * (sum over d of q[h][g][i][d] * k[h][j][d]) for j in 0..i and weights "
        "p = softmax(s) over those j, out[h][g][i][d] = sum over j in 0..i of p[j] * v[h][j][d]. dim is at most 128, "
        "and scale = 1/sqrt(dim).",
        "out[h][g] = softmax(causal_mask(q[h][g] @ transpose(k[h]) / sqrt(dim))) @ v[h]",
        lambda s: s["group"] * _causal(s),
        visible=_past,
        queries=("heads", "group", "seq", "dim"),
        check_shapes=(
            *_shapes((1, 1, 1), group=1),
            *_shapes((2, 37, 16), (1, 65, 33), group=3),
            *_shapes((2, 64, 64), (1, 67, 128), group=4),
        ),
        timing_shape={"heads": 2, "seq": 1024, "dim": 64, "group": 4},
    ),
    attention(
        "decode_attention_fp16",
        "train",
        "One decoding step with a cache of keys and values, half-precision arrays and float32 sums: q and out have the "
        "shape [heads][dim], k and v have the shape [heads][seq][dim]. For each head h, with logits "
        "s[j] = scale * (sum over d of q[h][d] * k[h][j][d]) for every j in 0..seq-1 and weights p = softmax(s), "
        "out[h][d] = sum over j of p[j] * v[h][j][d]. dim is at most 128, and scale = 1/sqrt(dim).",
        "out[h] = softmax(q[h] @ transpose(k[h]) / sqrt(dim)) @ v[h], one query per head",
        lambda s: 4 * s["heads"] * s["seq"] * s["dim"],
        dtype=DType.F16,
        queries=("heads", "dim"),
        timing_shape={"heads": 64, "seq": 8192, "dim": 128},
    ),
    KernelSpec(
        name="rope_fp32",
        family="attention",
        split="train",
        summary="Rotary position embedding: x and y have the shape [seq][heads][2][half], cos and sin the shape "
        "[seq][half]. y[i][h][0][p] = x[i][h][0][p] * cos[i][p] - x[i][h][1][p] * sin[i][p] and "
        "y[i][h][1][p] = x[i][h][1][p] * cos[i][p] + x[i][h][0][p] * sin[i][p].",
        formula="y[i][h] = (x0 * cos[i] - x1 * sin[i], x1 * cos[i] + x0 * sin[i]) with (x0, x1) = x[i][h]",
        parameters=(
            tensor_in("x", DType.F32, "seq", "heads", 2, "half"),
            tensor_in("cos", DType.F32, "seq", "half"),
            tensor_in("sin", DType.F32, "seq", "half"),
            tensor_out("y", DType.F32, "seq", "heads", 2, "half"),
            scalar("seq"),
            scalar("heads"),
            scalar("half"),
        ),
        check_shapes=tuple(
            {"seq": seq, "heads": heads, "half": half}
            for seq, heads, half in ((1, 1, 1), (7, 3, 37), (64, 4, 64), (33, 5, 129))
        ),
        timing_shape={"seq": 6656, "heads": 32, "half": 64},
        reference=_rotated,
        flops=lambda s: 6 * s["seq"] * s["heads"] * s["half"],
        independent=("seq", "heads", "half"),
        tolerance=Tolerance(factor=3, growth=0, scale=_rotated_scale),
        distributions=(NORMAL, WIDE),
    ),
)
