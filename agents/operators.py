"""What each registered operation computes, as CUDA C++: the only place where the teacher knows a formula.

An operation is a spec's name without its dtype and variant: `softmax_fp32` and `softmax_fp32_wide` are both
`softmax`. Expressions name the spec's own parameters.
"""

from __future__ import annotations

import re

from cudagym.record import Record
from cudagym.specs.spec import KernelSpec

_NAME = re.compile(r"(?P<operation>.+?)_(?:fp\d+|bf16|tf32|[iu]\d+)(?:_|$)")


def operation(spec: KernelSpec) -> str:
    """`softmax` for `softmax_fp32` and `softmax_fp32_wide`; a name without a dtype is returned unchanged."""
    match = _NAME.match(spec.name)
    return match["operation"] if match else spec.name


MAPS = {
    "vector_add": "a + b",
    "relu": "fmaxf(x, 0.0f)",
    "sigmoid": "1.0f / (1.0f + expf(-x))",
    "gelu": "0.5f * x * (1.0f + erff(x * 0.70710678f))",
    "silu": "x / (1.0f + expf(-x))",
    "hardswish": "x * fminf(fmaxf(x + 3.0f, 0.0f), 6.0f) / 6.0f",
    "axpy": "alpha * x + y",
    "abs_diff": "a > b ? a - b : b - a",
    "bias_relu": "fmaxf(x + bias, 0.0f)",
    "dequantize_relu": "fmaxf((x - zero_point) * scale, 0.0f)",
    "bias_gelu_add": "0.5f * (x + bias) * (1.0f + erff((x + bias) * 0.70710678f)) + residual",
    "swiglu": "gate / (1.0f + expf(-gate)) * up",
    "geglu": "0.5f * gate * (1.0f + erff(gate * 0.70710678f)) * up",
}
"""One output element from the input elements at its place (floats as float, integers as int) and the scalars."""


class Reduction(Record):
    """`operator` combines two elements; with `index` the result is the place of the winner, not its value.
    `term` makes an element at place {i} of several inputs, `finish` the result from the combined value v."""

    operator: str
    index: bool = False
    term: str = ""
    finish: str = "v"


REDUCTIONS = {
    "reduce_sum": Reduction(operator="sum"),
    "reduce_max": Reduction(operator="max"),
    "row_mean": Reduction(operator="sum", finish="v / cols"),
    "mse": Reduction(operator="sum", term="(x[{i}] - y[{i}]) * (x[{i}] - y[{i}])", finish="v / n"),
    "argmax": Reduction(operator="max", index=True),
}

SOFTMAXES = {
    "softmax": "expf(v - m) / s",
    "log_softmax": "v - m - logf(s)",
}
"""From the element v, its row's maximum m, and s, the sum of exp(v - m) along the row."""


class Norm(Record):
    """`finish` makes the result from v, the element (less the row's mean if `centred`), and `scale`.

    Within `scale`, s is the sum of v * v along the row. `{name}` stands for column c of that input.
    """

    centred: bool
    inputs: frozenset[str]
    scale: str = "1.0f / sqrtf(s / cols + eps)"
    finish: str


NORMS = {
    "layernorm": Norm(centred=True, inputs=frozenset({"weight", "bias"}), finish="v * scale * {weight} + {bias}"),
    "rmsnorm": Norm(centred=False, inputs=frozenset({"weight"}), finish="v * scale * {weight}"),
}

TRANSPOSITIONS = frozenset({"transpose", "hwc_to_chw"})
"""The last axis moves to the front: y[c][r] = x[r][c], with all the other axes taken together as r."""


class Product(Record):
    """`decode` turns an element `{b}` of B into a factor, `finish` the sum `{acc}` into an element of column
    `{col}` of C.
    """

    decode: str = "{b}"
    finish: str = "{acc}"


PRODUCTS = {
    "matmul": Product(),
    "matmul_nt": Product(),
    "dequantized_matmul": Product(decode="({b} - 128)", finish="{acc} * scale[{col}]"),
    "scaled_matmul": Product(finish="alpha * {acc}"),
}

ATTENTIONS = {"attention": False, "causal_attention": True}
"""Whether the query i sees the keys 0..i only."""


class Stream(Record):
    """For attention that the tiled kernels do not fit: which keys the query number `row` of `queries` meets. They are
    `first`..`last` of the head `head`; the query's own place is `i`."""

    queries: str = "(long long)heads * seq"
    head: str = "row / seq"
    i: str = "row % seq"
    first: str = "0LL"
    last: str = "seq - 1"
    scale: str = "rsqrtf(dim)"


STREAMS = {
    "attention": Stream(),
    "unscaled_attention": Stream(scale="1.0f"),
    "sliding_window_attention": Stream(first="max(0LL, i - window + 1)", last="i"),
    "grouped_query_attention": Stream(queries="(long long)heads * group * seq", head="row / seq / group", last="i"),
    "decode_attention": Stream(queries="heads", head="row", i="0"),
}

SCANS = {"cumsum": False, "exclusive_scan": True}
"""Whether the element itself is left out of its prefix sum."""

COMPACTIONS = {"compact_positive": "v > 0"}
"""Whether the element v is kept."""


class Order(Record):
    """`before` compares two elements of which the left one comes first, `last` is what no element comes after."""

    before: str
    last: str


SORTS = {
    "sort_rows_fp32": Order(before="<", last="INFINITY"),
    "sort_rows_i32": Order(before=">", last="-2147483647 - 1"),
}
"""By the whole name of the spec, whose dtype says what the extreme value is."""
