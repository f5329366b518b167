"""References agree with independent NumPy forms, and with themselves on slices along the independent axes."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
import torch

from cudagym import specs
from cudagym.specs.compare import reference_at
from cudagym.specs.inputs import make_inputs
from cudagym.specs.spec import KernelSpec

Array = np.ndarray[Any, Any]
Arrays = Mapping[str, Array]


def erf(x: Array) -> Array:
    return np.vectorize(math.erf)(x)


def softmax(x: Array) -> Array:
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def attention(
    i: Arrays, first: Callable[[int], int] = lambda row: 0, causal: bool = False, scaled: bool = True
) -> Array:
    """Query by query; those of [heads][group][seq][dim] and of [heads][dim] see the keys of their head."""
    out = np.zeros_like(i["q"])
    _, seq, dim = i["k"].shape
    for place in np.ndindex(out.shape[:-1]):
        row = place[-1] if len(place) > 1 else 0
        seen = slice(first(row), row + 1 if causal else seq)
        weights = softmax(i["k"][place[0], seen] @ i["q"][place] / (dim**0.5 if scaled else 1))
        out[place] = weights @ i["v"][place[0], seen]
    return out


def rope(i: Arrays) -> Array:
    turned = (i["x"][:, :, 0] + 1j * i["x"][:, :, 1]) * (i["cos"] + 1j * i["sin"])[:, None]
    return np.stack([turned.real, turned.imag], axis=2)


def int4_product(i: Arrays, s: Mapping[str, Any]) -> Array:
    y = np.zeros((s["M"], s["N"]))
    for j in range(s["N"]):
        for g in range(s["groups"]):
            for k in range(32):
                q = (int(i["w"][j, g, k // 2]) >> 4 * (k % 2)) % 16 - 8
                y[:, j] += i["x"][:, g, k] * q * i["scale"][j, g]
    return y


def mirrored(a: Array) -> Array:
    return np.array([[a[max(r, c), min(r, c)] for c in range(len(a))] for r in range(len(a))])


def layernorm(i: Arrays, s: Mapping[str, float]) -> Array:
    rows = [(r - r.mean()) / math.sqrt(r.var() + s["eps"]) * i["weight"] + i["bias"] for r in i["x"]]
    return np.stack(rows)


def rmsnorm(i: Arrays, s: Mapping[str, float]) -> Array:
    return np.stack([r / math.sqrt((r * r).mean() + s["eps"]) * i["weight"] for r in i["x"]])


def centred(x: Array, eps: float) -> Array:
    return (x - x.mean()) / math.sqrt(x.var() + eps)


def groupnorm(i: Arrays, s: Mapping[str, float]) -> Array:
    y = np.stack([np.stack([centred(group, s["eps"]) for group in image]) for image in i["x"]])
    return y * i["weight"][None, :, :, None] + i["bias"][None, :, :, None]


def batchnorm(i: Arrays, s: Mapping[str, Any]) -> Array:
    channels = [centred(i["x"][:, c], s["eps"]) for c in range(s["channels"])]
    return np.stack(channels, axis=1) * i["weight"][None, :, None] + i["bias"][None, :, None]


def running(x: Array) -> Array:
    total, sums = 0, []
    for value in x.tolist():
        sums.append(total)
        total += value
    return np.array(sums)


def windows(x: Array, fill: float) -> Array:
    """[...][height][width][3][3]: the 3 x 3 window around every element, `fill` outside."""
    padded = np.pad(x, [(0, 0)] * (x.ndim - 2) + [(1, 1), (1, 1)], constant_values=fill)
    return np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(-2, -1))


def causal_conv(i: Arrays) -> Array:
    y = np.zeros_like(i["x"])
    for t in range(y.shape[1]):
        for k in range(max(0, 3 - t), 4):
            y[:, t] += i["x"][:, t + k - 3] * i["w"][:, k]
    return y


def diffused(x: Array, f: Callable[[float, float], float]) -> Array:
    """Every inner cell from itself and the sum of its neighbours, cell by cell."""
    y = x.copy()
    for place in np.ndindex(x.shape):
        if all(0 < p < extent - 1 for p, extent in zip(place, x.shape, strict=True)):
            around = [
                tuple(p + d * (a == axis) for a, p in enumerate(place)) for axis in range(x.ndim) for d in (-1, 1)
            ]
            y[place] = f(x[place], sum(x[p] for p in around))
    return y


def compacted(x: Array) -> Array:
    kept = [v for v in x.tolist() if v > 0]
    return np.array(kept + [0.0] * (len(x) - len(kept)))


def counted(x: Array, bins: int) -> Array:
    found = Counter(x.tolist())
    return np.array([found[b] for b in range(bins)])


ORACLES: dict[str, Callable[[Arrays, Mapping[str, Any]], Array]] = {
    "vector_add_fp32": lambda i, s: i["a"] + i["b"],
    "relu_fp32": lambda i, s: np.where(i["x"] > 0, i["x"], 0),
    "gelu_fp32": lambda i, s: i["x"] / 2 * (1 + erf(i["x"] / math.sqrt(2))),
    "sigmoid_fp16": lambda i, s: 1 / (1 + np.exp(-i["x"])),
    "silu_fp32": lambda i, s: i["x"] / (1 + np.exp(-i["x"])),
    "hardswish_fp16": lambda i, s: i["x"] * np.clip(i["x"] + 3, 0, 6) / 6,
    "axpy_fp32": lambda i, s: s["alpha"] * i["x"] + i["y"],
    "abs_diff_u8": lambda i, s: np.where(i["a"] > i["b"], i["a"] - i["b"], i["b"] - i["a"]),
    "bias_relu_fp32": lambda i, s: np.maximum(i["x"] + i["bias"][None, :], 0),
    "dequantize_relu_u8": lambda i, s: np.maximum((i["x"] - s["zero_point"]) * np.float64(s["scale"]), 0),
    "swiglu_bf16": lambda i, s: i["gate"] / (1 + np.exp(-i["gate"])) * i["up"],
    "bias_gelu_add_fp32": lambda i, s: (
        (z := i["x"] + i["bias"][None, :]) / 2 * (1 + erf(z / math.sqrt(2))) + i["residual"]
    ),
    "geglu_fp16": lambda i, s: i["gate"] / 2 * (1 + erf(i["gate"] / math.sqrt(2))) * i["up"],
    "reduce_sum_fp32": lambda i, s: np.array([math.fsum(i["x"])]),
    "reduce_max_fp32": lambda i, s: np.array([max(row) for row in i["x"]]),
    "row_mean_bf16": lambda i, s: np.array([math.fsum(row) / len(row) for row in i["x"]]),
    "mean_var_fp32": lambda i, s: np.array([[row.mean(), row.var()] for row in i["x"]]),
    "argmax_fp32": lambda i, s: np.array([row.tolist().index(max(row)) for row in i["x"]]),
    "softmax_fp32": lambda i, s: softmax(i["x"]),
    "log_softmax_fp32": lambda i, s: np.stack([r - r.max() - math.log(np.exp(r - r.max()).sum()) for r in i["x"]]),
    "layernorm_fp32": layernorm,
    "rmsnorm_bf16": rmsnorm,
    "groupnorm_fp32": groupnorm,
    "batchnorm_fp32": batchnorm,
    "transpose_fp32": lambda i, s: np.array([[row[c] for row in i["x"]] for c in range(s["cols"])]),
    "hwc_to_chw_u8": lambda i, s: np.stack([i["x"][:, :, c] for c in range(3)]),
    "split_heads_fp16": lambda i, s: np.stack([i["x"][:, h] for h in range(s["heads"])]),
    "nchw_to_nhwc_fp32": lambda i, s: np.stack([[image[:, p] for p in range(s["plane"])] for image in i["x"]]),
    "matmul_fp32": lambda i, s: np.einsum("mk,kn->mn", i["A"], i["B"]),
    "matmul_nt_fp16": lambda i, s: np.einsum("mk,nk->mn", i["A"], i["B"]),
    "matmul_i8": lambda i, s: np.einsum("mk,kn->mn", i["A"], i["B"]),
    "dequantized_matmul_u8": lambda i, s: np.einsum("mk,kn,n->mn", i["A"], i["B"] - 128.0, i["scale"]),
    "batched_matmul_fp32": lambda i, s: np.einsum("bmk,bkn->bmn", i["A"], i["B"]),
    "triangular_matmul_fp32": lambda i, s: np.stack([row[: r + 1] @ i["B"][: r + 1] for r, row in enumerate(i["A"])]),
    "symmetric_matmul_fp32": lambda i, s: mirrored(i["A"]) @ i["B"],
    "diagonal_matmul_fp32": lambda i, s: np.diag(i["d"]) @ i["B"],
    "scaled_matmul_fp8": lambda i, s: s["alpha"] * np.einsum("mk,nk->mn", i["A"], i["B"]),
    "matmul_int4_fp16": int4_product,
    "attention_fp32": lambda i, s: attention(i),
    "causal_attention_fp32": lambda i, s: attention(i, causal=True),
    "unscaled_attention_fp32": lambda i, s: attention(i, scaled=False),
    "sliding_window_attention_fp32": lambda i, s: attention(i, lambda row: max(0, row - s["window"] + 1), causal=True),
    "grouped_query_attention_fp32": lambda i, s: attention(i, causal=True),
    "decode_attention_fp16": lambda i, s: attention(i),
    "rope_fp32": lambda i, s: rope(i),
    "cumsum_fp32": lambda i, s: np.stack([running(np.append(row, 0))[1:] for row in i["x"]]),
    "cross_entropy_fp32": lambda i, s: np.array(
        [
            -np.log(softmax(row)[t]) if softmax(row)[t] > 1e-300 else row.max() - row[t]
            for row, t in zip(*i.values(), strict=True)
        ]
    ),
    "kl_divergence_fp32": lambda i, s: np.array([p @ np.log(p / q) for p, q in zip(i["p"], i["q"], strict=True)]),
    "mse_fp32": lambda i, s: np.array([math.fsum((i["x"] - i["y"]) ** 2) / s["n"]]),
    "conv2d_3x3_fp32": lambda i, s: np.einsum("bchwde,fcde->bfhw", windows(i["x"], 0), i["w"]),
    "depthwise_conv2d_3x3_fp32": lambda i, s: np.einsum("bchwde,cde->bchw", windows(i["x"], 0), i["w"]),
    "causal_conv1d_bf16": lambda i, s: causal_conv(i),
    "max_pool2d_fp32": lambda i, s: np.max([i["x"][:, :, d, :, e] for d in range(2) for e in range(2)], axis=0),
    "avg_pool2d_fp16": lambda i, s: np.nanmean(windows(i["x"], np.nan), axis=(-2, -1)),
    "jacobi_2d_fp32": lambda i, s: diffused(i["x"], lambda cell, around: around / 4),
    "heat_3d_fp32": lambda i, s: diffused(i["x"], lambda cell, around: cell + s["alpha"] * (around - 6 * cell)),
    "histogram_u8": lambda i, s: counted(i["x"], 256),
    "bin_count_i32": lambda i, s: counted(i["bin"], s["bins"]),
    "compact_positive_fp32": lambda i, s: compacted(i["x"]),
    "sort_rows_fp32": lambda i, s: np.array([sorted(row) for row in i["x"].tolist()]),
    "sort_rows_i32": lambda i, s: np.array([sorted(row, reverse=True) for row in i["x"].tolist()]),
    "top8_fp32": lambda i, s: np.array([sorted(row)[:-9:-1] for row in i["x"].tolist()]),
    "exclusive_scan_i32": lambda i, s: running(i["x"]),
}
SAME = {
    "vector_add_fp32_odd": "vector_add_fp32",
    "vector_add_fp32_short": "vector_add_fp32",
    "vector_add_bf16": "vector_add_fp32",
    "relu_fp16": "relu_fp32",
    "gelu_bf16": "gelu_fp32",
    "bias_relu_bf16": "bias_relu_fp32",
    "reduce_sum_fp32_odd": "reduce_sum_fp32",
    "reduce_max_fp16": "reduce_max_fp32",
    "softmax_fp32_wide": "softmax_fp32",
    "softmax_bf16": "softmax_fp32",
    "layernorm_bf16": "layernorm_fp32",
    "transpose_fp32_tall": "transpose_fp32",
    "transpose_fp16": "transpose_fp32",
    "matmul_fp32_skinny": "matmul_fp32",
    "matmul_fp32_tall": "matmul_fp32",
    "matmul_tf32": "matmul_fp32",
    "matmul_fp16": "matmul_fp32",
    "matmul_bf16": "matmul_fp32",
    "attention_fp16": "attention_fp32",
    "cross_entropy_bf16": "cross_entropy_fp32",
}
"""Other shapes and dtypes of an operation, whose values are computed alike."""


def wide(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {k: t.to(torch.float64 if t.is_floating_point() else torch.int64) for k, t in tensors.items()}


def oracle(spec: KernelSpec) -> Callable[[Arrays, Mapping[str, Any]], Array]:
    return ORACLES[SAME.get(spec.name, spec.name)]


@pytest.mark.parametrize("spec", specs.all_specs(), ids=lambda s: s.name)
def test_reference_agrees_with_numpy(spec: KernelSpec) -> None:
    for shape in spec.check_shapes[:3]:
        for distribution in spec.distributions:
            inputs = wide(make_inputs(spec, shape, distribution, seed=5))
            got = spec.reference(inputs, shape)
            (output,) = spec.outputs
            assert set(got) == {output.name}
            assert got[output.name].shape == output.extents(shape)
            want = oracle(spec)({k: t.numpy() for k, t in inputs.items()}, shape)
            np.testing.assert_allclose(got[output.name].numpy(), want, rtol=1e-9, atol=1e-9 * np.abs(want).max())


@pytest.mark.parametrize("spec", specs.all_specs(), ids=lambda s: s.name)
def test_reference_of_some_elements_is_those_of_the_whole(spec: KernelSpec) -> None:
    generator = torch.Generator().manual_seed(3)
    for shape in spec.check_shapes:
        inputs = make_inputs(spec, shape, spec.distributions[0], seed=6)
        whole = spec.reference(wide(inputs), shape)
        for output in spec.outputs:
            flat = whole[output.name].reshape(-1)
            count = flat.numel()
            scattered = torch.randperm(count, generator=generator)[: max(1, count // 9)].sort().values
            window = torch.arange(count // 3, count)
            for elements in (scattered, window):
                some = reference_at(spec, inputs, shape, output.name, elements)
                torch.testing.assert_close(some, flat[elements], rtol=1e-9, atol=1e-9 * float(flat.abs().max()))


def test_no_elements_need_no_reference() -> None:
    spec = specs.get("matmul_fp32")
    inputs = make_inputs(spec, spec.check_shapes[1], spec.distributions[0], seed=1)
    assert reference_at(spec, inputs, spec.check_shapes[1], "C", torch.arange(0)).shape == (0,)


def test_tiles_of_a_large_product_cost_only_those_tiles() -> None:
    """Eight tiles of 4096 x 4096: as one box they would be 1024 x 768 elements."""
    spec = specs.get("matmul_fp32")
    evaluated = 0

    def counted(t: Mapping[str, torch.Tensor], s: Mapping[str, float]) -> dict[str, torch.Tensor]:
        nonlocal evaluated
        product = t["A"] @ t["B"]
        evaluated += product.numel()
        return {"C": product}

    spec = spec.model_copy(update={"reference": counted})
    shape = {"M": 4096, "N": 4096, "K": 16}
    inputs = make_inputs(spec, shape, spec.distributions[0], seed=1)
    inside = torch.arange(128)[:, None] * 4096 + torch.arange(128)
    corners = [(0, 3), (5, 3), (9, 9), (11, 0), (20, 31), (25, 17), (30, 25), (31, 31)]
    elements = torch.cat([(inside + (r * 4096 + c) * 128).flatten() for r, c in corners]).sort().values
    some = reference_at(spec, inputs, shape, "C", elements)
    assert evaluated == len(elements) == 8 * 128 * 128
    last = inputs["A"][-1].double() @ inputs["B"][:, -1].double()
    torch.testing.assert_close(some[-1], last)
