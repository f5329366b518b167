"""Convolutions, in the sense of neural networks: correlations with a small kernel."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import torch

from cudagym.record import Shape
from cudagym.specs.distributions import NORMAL, POSITIVE, WIDE
from cudagym.specs.spec import DType, KernelSpec, Tolerance, scalar, tensor_in, tensor_out


def _shapes(names: str, *extents: tuple[int, ...]) -> tuple[Shape, ...]:
    return tuple(dict(zip(names.split(), each, strict=True)) for each in extents)


def _shifted(x: torch.Tensor) -> Iterator[tuple[int, int, torch.Tensor]]:
    """For each place (a, b) of a 3 x 3 filter, what it meets: at (i, j) the element (i + a - 1, j + b - 1), or zero."""
    height, width = x.shape[-2:]
    padded = torch.nn.functional.pad(x, (1, 1, 1, 1))
    for a, b in product(range(3), repeat=2):
        yield a, b, padded[..., a : a + height, b : b + width]


def _conv2d(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    y = x.new_zeros(x.shape[0], w.shape[0], *x.shape[2:])
    for a, b, moved in _shifted(x):
        y += torch.einsum("bchw,fc->bfhw", moved, w[:, :, a, b])
    return y


def _depthwise(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    y = torch.zeros_like(x)
    for a, b, moved in _shifted(x):
        y += moved * w[:, a, b, None, None]
    return y


def _causal(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    padded, y = torch.nn.functional.pad(x, (0, 0, 3, 0)), torch.zeros_like(x)
    for k in range(4):
        y += padded[:, k : k + x.shape[1]] * w[:, k]
    return y


SPECS = (
    KernelSpec(
        name="conv2d_3x3_fp32",
        family="convolution",
        split="train",
        summary="Convolution of images with 3 x 3 filters, stride 1, zeros around the image: x has the shape "
        "[batch][channels][height][width], w has the shape [filters][channels][3][3], y has the shape "
        "[batch][filters][height][width], and y[b][f][i][j] = sum over c, d in 0..2, e in 0..2 of "
        "x[b][c][i + d - 1][j + e - 1] * w[f][c][d][e], where x is 0 outside the image. Compute in float32 throughout.",
        formula="y[b][f][i][j] = sum over c, d, e of x[b][c][i + d - 1][j + e - 1] * w[f][c][d][e], zero padded",
        parameters=(
            tensor_in("x", DType.F32, "batch", "channels", "height", "width"),
            tensor_in("w", DType.F32, "filters", "channels", 3, 3),
            tensor_out("y", DType.F32, "batch", "filters", "height", "width"),
            *(scalar(name) for name in ("batch", "channels", "filters", "height", "width")),
        ),
        check_shapes=_shapes(
            "batch channels filters height width",
            (1, 1, 1, 1, 1),
            (2, 3, 5, 7, 37),
            (1, 8, 16, 32, 64),
            (3, 5, 4, 33, 9),
        ),
        timing_shape={"batch": 32, "channels": 16, "filters": 16, "height": 512, "width": 128},
        reference=lambda t, s: {"y": _conv2d(t["x"], t["w"])},
        flops=lambda s: 18 * s["batch"] * s["channels"] * s["filters"] * s["height"] * s["width"],
        independent=("batch", "filters"),
        tolerance=Tolerance(
            growth=3,
            length=lambda s: 9 * s["channels"],
            scale=lambda t, s: {"y": _conv2d(t["x"].square(), t["w"].square()).sqrt()},
        ),
        distributions=(NORMAL, POSITIVE, WIDE),
    ),
    KernelSpec(
        name="depthwise_conv2d_3x3_fp32",
        family="convolution",
        split="unseen_op",
        summary="Convolution of each channel with a 3 x 3 filter of its own, stride 1, zeros around the image: x and y "
        "have the shape [batch][channels][height][width], w has the shape [channels][3][3], and y[b][c][i][j] = sum "
        "over d in 0..2, e in 0..2 of x[b][c][i + d - 1][j + e - 1] * w[c][d][e], where x is 0 outside the image.",
        formula="y[b][c][i][j] = sum over d, e of x[b][c][i + d - 1][j + e - 1] * w[c][d][e], zero padded",
        parameters=(
            tensor_in("x", DType.F32, "batch", "channels", "height", "width"),
            tensor_in("w", DType.F32, "channels", 3, 3),
            tensor_out("y", DType.F32, "batch", "channels", "height", "width"),
            *(scalar(name) for name in ("batch", "channels", "height", "width")),
        ),
        check_shapes=_shapes(
            "batch channels height width", (1, 1, 1, 1), (2, 5, 7, 37), (2, 8, 32, 64), (3, 5, 129, 9)
        ),
        timing_shape={"batch": 2, "channels": 64, "height": 512, "width": 512},
        reference=lambda t, s: {"y": _depthwise(t["x"], t["w"])},
        flops=lambda s: 18 * s["batch"] * s["channels"] * s["height"] * s["width"],
        independent=("batch", "channels"),
        tolerance=Tolerance(
            length=lambda s: 9, scale=lambda t, s: {"y": _depthwise(t["x"].square(), t["w"].square()).sqrt()}
        ),
        distributions=(NORMAL, WIDE),
    ),
    KernelSpec(
        name="causal_conv1d_bf16",
        family="convolution",
        split="unseen_op",
        summary="Convolution of each channel over the last four places of a sequence, bfloat16 arrays and float32 "
        "arithmetic: x and y have the shape [batch][seq][channels], w has the shape [channels][4], and y[b][t][c] = "
        "sum over k in 0..3 of x[b][t + k - 3][c] * w[c][k], where x is 0 before the start of the sequence.",
        formula="y[b][t][c] = sum over k in 0..3 of x[b][t + k - 3][c] * w[c][k], zero padded",
        parameters=(
            tensor_in("x", DType.BF16, "batch", "seq", "channels"),
            tensor_in("w", DType.BF16, "channels", 4),
            tensor_out("y", DType.BF16, "batch", "seq", "channels"),
            *(scalar(name) for name in ("batch", "seq", "channels")),
        ),
        check_shapes=_shapes("batch seq channels", (1, 1, 1), (2, 3, 37), (2, 64, 256), (3, 129, 33)),
        timing_shape={"batch": 32, "seq": 512, "channels": 4096},
        reference=lambda t, s: {"y": _causal(t["x"], t["w"])},
        flops=lambda s: 8 * s["batch"] * s["seq"] * s["channels"],
        independent=("batch", "channels"),
        # The products are exact in float32, whose accumulation error is small beside the rounding of the result.
        tolerance=Tolerance(factor=4, growth=0, scale=lambda t, s: {"y": 2**-12 * _causal(t["x"].abs(), t["w"].abs())}),
        distributions=(NORMAL, POSITIVE, WIDE),
    ),
)
