"""Honest kernels pass with room to spare, in any reasonable order of summation; careless ones do not.

Kernels are emulated in torch, in the precision and order that CUDA kernels use. An honest one may reach a third
of the bound, so that a different order, a fast exponential or a fused multiply-add never decides.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from itertools import product

import pytest
import torch
from torch.nn.functional import gelu, hardswish, pad, silu

from cudagym import specs
from cudagym.specs.compare import compare
from cudagym.specs.inputs import make_inputs
from cudagym.specs.spec import KernelSpec, Shape

Inputs = Mapping[str, torch.Tensor]
Emulation = Callable[[Inputs, Shape], torch.Tensor]
Sum = Callable[[torch.Tensor], torch.Tensor]
HEADROOM = 3.0


def running(x: torch.Tensor) -> torch.Tensor:
    """Prefix sums along the last axis, one rounding in x's dtype after another."""
    total, sums = torch.zeros_like(x[..., 0]), []
    for value in x.unbind(-1):
        total = total + value
        sums.append(total)
    return torch.stack(sums, -1)


def one_thread(x: torch.Tensor) -> torch.Tensor:
    total = torch.zeros_like(x[..., 0])
    for value in x.unbind(-1):
        total = total + value
    return total


def one_block(x: torch.Tensor) -> torch.Tensor:
    """Each of 256 threads sums a stride, then a tree."""
    partial = one_thread(pad(x, (0, -x.shape[-1] % 256)).unflatten(-1, (-1, 256)).transpose(-1, -2))
    while partial.shape[-1] > 1:
        half = partial.shape[-1] // 2
        partial = partial[..., :half] + partial[..., half:]
    return partial[..., 0]


def fast_exp(x: torch.Tensor) -> torch.Tensor:
    """ex2.approx of a rounded product, two units in the last place off."""
    return torch.exp2(x * torch.tensor(math.log2(math.e))) * (1 + 2**-22)


def softmax_of(x: torch.Tensor, total: Sum, exp: Sum = torch.exp) -> torch.Tensor:
    e = exp(x - x.amax(-1, keepdim=True))
    return e * (1 / total(e)[..., None])


def log_softmax_of(x: torch.Tensor, total: Sum, exp: Sum = torch.exp) -> torch.Tensor:
    m = x.amax(1, keepdim=True)
    return x - m - total(exp(x - m))[:, None].log()


def layernorm_of(i: Inputs, s: Shape, total: Sum, one_pass: bool = False) -> torch.Tensor:
    x, n = i["x"], s["cols"]
    mean = (total(x) / n)[:, None]
    squares = (total(x * x) / n)[:, None] - mean * mean if one_pass else (total((x - mean) ** 2) / n)[:, None]
    return (x - mean) * torch.rsqrt(squares + s["eps"]) * i["weight"] + i["bias"]


def rmsnorm_of(i: Inputs, s: Shape, total: Sum) -> torch.Tensor:
    x = i["x"].float()
    return (x * torch.rsqrt(total(x * x)[:, None] / s["cols"] + s["eps"]) * i["weight"].float()).bfloat16()


def product_of(a: torch.Tensor, b: torch.Tensor, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """The product accumulated over k in `dtype`, one rounding after another."""
    total = torch.zeros(*a.shape[:-1], b.shape[-1], dtype=dtype)
    for k in range(a.shape[-1]):
        total = total + a[..., :, k : k + 1].to(dtype) * b[..., k : k + 1, :].to(dtype)
    return total


def tf32(x: torch.Tensor) -> torch.Tensor:
    return ((x.contiguous().view(torch.int32) + 0x1000) & ~0x1FFF).view(torch.float32)


def int4(i: Inputs) -> torch.Tensor:
    return (torch.stack([i["w"] & 15, i["w"] >> 4], -1).flatten(2).to(torch.int8) - 8).half()


def attention_of(i: Inputs, s: Shape, causal: bool, exp: Sum = torch.exp) -> torch.Tensor:
    logits = product_of(i["q"], i["k"].transpose(1, 2)) * (1 / math.sqrt(s["dim"]))
    if causal:
        logits = logits.masked_fill(torch.ones(logits.shape[1:], dtype=torch.bool).triu(1), -torch.inf)
    e = exp(logits - logits.amax(-1, keepdim=True))
    return product_of(e, i["v"]) / one_thread(e)[..., None]


def half_weights(i: Inputs, s: Shape) -> torch.Tensor:
    """As tensor cores compute it: weights are rounded to half before they meet the values."""
    wide = {k: t.float() for k, t in i.items()}
    logits = product_of(wide["q"], wide["k"].transpose(1, 2)) * (1 / math.sqrt(s["dim"]))
    e = torch.exp(logits - logits.amax(-1, keepdim=True))
    return product_of(e.half().float(), wide["v"]) / one_thread(e)[..., None]


def rotated(i: Inputs) -> torch.Tensor:
    (first, second), cos, sin = i["x"].unbind(2), i["cos"][:, None], i["sin"][:, None]
    return torch.stack([first * cos - second * sin, second * cos + first * sin], 2)


def moments_of(x: torch.Tensor, total: Sum, one_pass: bool = False) -> torch.Tensor:
    mean = total(x) / x.shape[1]
    squares = total(x * x) / x.shape[1] - mean * mean if one_pass else total((x - mean[:, None]) ** 2) / x.shape[1]
    return torch.stack([mean, squares], 1)


def cross_entropy_of(i: Inputs, total: Sum) -> torch.Tensor:
    m = i["logits"].amax(1, keepdim=True)
    wanted = i["logits"].gather(1, i["target"][:, None].long())
    return total((i["logits"] - m).exp()).log() + (m - wanted)[:, 0]


def causal_of(i: Inputs, dtype: torch.dtype) -> torch.Tensor:
    """Four taps, summed in `dtype`."""
    padded, total = pad(i["x"], (0, 0, 3, 0)).to(dtype), torch.zeros(i["x"].shape, dtype=dtype)
    for k in range(4):
        total = total + padded[:, k : k + i["x"].shape[1]] * i["w"][:, k].to(dtype)
    return total.bfloat16()


HONEST: dict[str, dict[str, Emulation]] = {
    "vector_add_fp32": {"plain": lambda i, s: i["a"] + i["b"]},
    "axpy_fp32": {"unfused": lambda i, s: s["alpha"] * i["x"] + i["y"]},
    "gelu_fp32": {"erff": lambda i, s: 0.5 * i["x"] * (1 + (i["x"] * 0.70710678).erf())},
    "silu_fp32": {"fast": lambda i, s: i["x"] * (1 / (1 + fast_exp(-i["x"])))},
    "hardswish_fp16": {
        "half": lambda i, s: i["x"] * (i["x"] + 3).clamp(0, 6) * torch.tensor(1 / 6).half(),
        "float": lambda i, s: hardswish(i["x"].float()).half(),
    },
    "bias_relu_fp32": {"plain": lambda i, s: (i["x"] + i["bias"]).relu()},
    "dequantize_relu_u8": {"fma": lambda i, s: (i["x"].float() * s["scale"] - s["scale"] * s["zero_point"]).relu()},
    "swiglu_bf16": {"rounded twice": lambda i, s: silu(i["gate"].float()).bfloat16() * i["up"]},
    "reduce_sum_fp32": {
        "one thread": lambda i, s: one_thread(i["x"])[None],
        "one block": lambda i, s: one_block(i["x"])[None],
        "tree": lambda i, s: i["x"].sum()[None],
    },
    "softmax_fp32": {
        "one thread": lambda i, s: softmax_of(i["x"], one_thread),
        "fast": lambda i, s: softmax_of(i["x"], one_block, fast_exp),
    },
    "log_softmax_fp32": {
        "one thread": lambda i, s: log_softmax_of(i["x"], one_thread),
        "fast": lambda i, s: log_softmax_of(i["x"], one_block, fast_exp),
    },
    "layernorm_fp32": {
        "one thread": lambda i, s: layernorm_of(i, s, one_thread),
        "one block": lambda i, s: layernorm_of(i, s, one_block),
    },
    "rmsnorm_bf16": {"one thread": lambda i, s: rmsnorm_of(i, s, one_thread)},
    "matmul_fp32": {
        "one after another": lambda i, s: product_of(i["A"], i["B"]),
        "tiled": lambda i, s: i["A"] @ i["B"],
    },
    "matmul_fp32_skinny": {"one after another": lambda i, s: product_of(i["A"], i["B"])},
    "matmul_nt_fp16": {"float sums": lambda i, s: product_of(i["A"], i["B"].t()).half()},
    "matmul_tf32": {"tf32": lambda i, s: product_of(tf32(i["A"]), tf32(i["B"]))},
    "matmul_bf16": {"float sums": lambda i, s: product_of(i["A"], i["B"]).bfloat16()},
    "scaled_matmul_fp8": {
        "float sums": lambda i, s: (product_of(i["A"].float(), i["B"].float().t()) * s["alpha"]).bfloat16()
    },
    "matmul_int4_fp16": {
        "half weights": lambda i, s: product_of(
            i["x"].flatten(1), (int4(i) * i["scale"][..., None]).flatten(1).t()
        ).half(),
        "scaled late": lambda i, s: (
            ((i["x"].float()[:, None] * int4(i).float()).sum(-1) * i["scale"].float()).sum(-1).half()
        ),
    },
    "dequantized_matmul_u8": {
        "scaled late": lambda i, s: product_of(i["A"], i["B"].float() - 128) * i["scale"],
        "scaled early": lambda i, s: product_of(i["A"], (i["B"].float() - 128) * i["scale"]),
    },
    "attention_fp32": {"plain": lambda i, s: attention_of(i, s, False, fast_exp)},
    "causal_attention_fp32": {"plain": lambda i, s: attention_of(i, s, True)},
    "cross_entropy_fp32": {
        "one thread": lambda i, s: cross_entropy_of(i, one_thread),
        "one block": lambda i, s: cross_entropy_of(i, one_block),
    },
    "kl_divergence_fp32": {"ratio": lambda i, s: one_block(i["p"] * (i["p"] / i["q"]).log())},
    "mse_fp32": {"one thread": lambda i, s: one_thread((i["x"] - i["y"]) ** 2)[None] / s["n"]},
    "causal_conv1d_bf16": {"float sums": lambda i, s: causal_of(i, torch.float32)},
    "attention_fp16": {"half weights": lambda i, s: half_weights(i, s).half()},
    "rope_fp32": {"unfused": lambda i, s: rotated(i)},
    "softmax_bf16": {"float": lambda i, s: softmax_of(i["x"].float(), one_block, fast_exp).bfloat16()},
    "gelu_bf16": {"erff": lambda i, s: gelu(i["x"].float()).bfloat16()},
    "sigmoid_fp16": {"fast": lambda i, s: (1 / (1 + fast_exp(-i["x"].float()))).half()},
    "mean_var_fp32": {"one thread": lambda i, s: moments_of(i["x"], one_thread)},
    "cumsum_fp32": {"one thread": lambda i, s: running(i["x"])},
}

CARELESS: dict[str, dict[str, Emulation]] = {
    "vector_add_fp32": {"bfloat16": lambda i, s: (i["a"].bfloat16() + i["b"].bfloat16()).float()},
    "gelu_fp32": {"tanh form": lambda i, s: gelu(i["x"], approximate="tanh")},
    "silu_fp32": {"hard form": lambda i, s: hardswish(i["x"])},
    "reduce_sum_fp32": {"half inputs": lambda i, s: i["x"].half().float().sum()[None]},
    "softmax_fp32": {
        "no maximum": lambda i, s: i["x"].exp() / i["x"].exp().sum(1, keepdim=True),
        "half weights": lambda i, s: softmax_of(i["x"], one_block, lambda d: d.exp().half().float()),
    },
    "layernorm_fp32": {"one pass": lambda i, s: layernorm_of(i, s, one_block, one_pass=True)},
    "matmul_fp32": {
        "half sums": lambda i, s: product_of(i["A"], i["B"], torch.float16).float(),
        "tf32": lambda i, s: product_of(tf32(i["A"]), tf32(i["B"])),
    },
    "matmul_tf32": {
        "bfloat16": lambda i, s: product_of(i["A"].bfloat16().float(), i["B"].bfloat16().float()),
        "half sums": lambda i, s: product_of(i["A"], i["B"], torch.float16).float(),
    },
    "matmul_bf16": {"bfloat16 sums": lambda i, s: product_of(i["A"], i["B"], torch.bfloat16)},
    "mean_var_fp32": {"one pass": lambda i, s: moments_of(i["x"], one_block, one_pass=True)},
    "cross_entropy_fp32": {
        "no maximum": lambda i, s: (
            i["logits"].exp().sum(1).log() - i["logits"].gather(1, i["target"][:, None].long())[:, 0]
        )
    },
    "mse_fp32": {"half inputs": lambda i, s: (i["x"].half() - i["y"].half()).float().square().mean()[None]},
    "causal_conv1d_bf16": {"bfloat16 sums": lambda i, s: causal_of(i, torch.bfloat16)},
    "row_mean_bf16": {"bfloat16 sums": lambda i, s: (running(i["x"])[:, -1] / s["cols"]).float()},
    "unscaled_attention_fp32": {"scaled": lambda i, s: attention_of(i, s, False)},
    "sliding_window_attention_fp32": {"no window": lambda i, s: attention_of(i, s, True)},
    "matmul_fp32_skinny": {"tf32": lambda i, s: product_of(tf32(i["A"]), tf32(i["B"]))},
    "matmul_nt_fp16": {"half sums": lambda i, s: product_of(i["A"], i["B"].t(), torch.float16)},
    "attention_fp32": {"half": lambda i, s: attention_of({k: t.half().float() for k, t in i.items()}, s, False)},
}


def with_bounds(spec: KernelSpec, factor: float) -> KernelSpec:
    tolerance = spec.tolerance
    update = {"factor": tolerance.factor * factor, "growth": tolerance.growth * factor}
    return spec.model_copy(update={"tolerance": tolerance.model_copy(update=update)})


def rejected(spec: KernelSpec, emulate: Emulation) -> list[str]:
    """Where a kernel that computes like `emulate` is found wrong."""
    (output,) = spec.outputs
    places = []
    for shape, distribution in product(spec.check_shapes, spec.distributions):
        inputs = make_inputs(spec, shape, distribution, seed=31)
        widened = {k: t.to(torch.float64 if t.is_floating_point() else torch.int64) for k, t in inputs.items()}
        want = spec.reference(widened, shape)[output.name]
        found = compare(
            spec, output, shape, emulate(inputs, shape), want, inputs=inputs, distribution=distribution.name
        )
        if found:
            places.append(f"{dict(shape)} {distribution.name}: {found}")
    return places


def cases(table: dict[str, dict[str, Emulation]]) -> list[tuple[str, str]]:
    return [(name, form) for name, forms in table.items() for form in forms]


@pytest.mark.parametrize(("name", "form"), cases(HONEST))
def test_honest_kernels_pass_with_headroom(name: str, form: str) -> None:
    assert rejected(with_bounds(specs.get(name), 1 / HEADROOM), HONEST[name][form]) == []


@pytest.mark.parametrize(("name", "form"), cases(CARELESS))
def test_careless_kernels_fail(name: str, form: str) -> None:
    assert rejected(specs.get(name), CARELESS[name][form])


def test_half_sums_fail_a_float_product_under_every_distribution() -> None:
    spec = specs.get("matmul_fp32")
    for distribution in spec.distributions:
        one = spec.model_copy(update={"distributions": (distribution,)})
        assert rejected(one, CARELESS["matmul_fp32"]["half sums"])
