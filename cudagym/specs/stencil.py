"""Stencils: one step of a simulation on a grid, from each cell and its neighbours."""

from __future__ import annotations

import torch

from cudagym.record import Shape
from cudagym.specs.distributions import NORMAL, WIDE
from cudagym.specs.spec import DType, KernelSpec, Tensors, Tolerance, scalar, tensor_in, tensor_out


def _inner(x: torch.Tensor) -> torch.Tensor:
    return x[tuple(slice(1, -1) for _ in x.shape)]


def _with_inner(x: torch.Tensor, inner: torch.Tensor) -> torch.Tensor:
    """`x` with its inner cells replaced."""
    result = x.clone()
    _inner(result).copy_(inner)
    return result


def _neighbours(x: torch.Tensor) -> torch.Tensor:
    """For the inner cells, the sum of what lies on either side, along every axis."""
    total = torch.zeros_like(_inner(x))
    for axis in range(x.dim()):
        for side in (0, 2):
            window = [slice(1, -1)] * x.dim()
            window[axis] = slice(side, side + total.shape[axis])
            total += x[tuple(window)]
    return total


def _jacobi(x: torch.Tensor) -> torch.Tensor:
    return _with_inner(x, _neighbours(x) / 4) if min(x.shape) > 2 else x


def _heat(t: Tensors, s: Shape) -> Tensors:
    x = t["x"]
    if min(x.shape) < 3:
        return {"y": x}
    return {"y": _with_inner(x, _inner(x) + s["alpha"] * (_neighbours(x) - 6 * _inner(x)))}


def _heat_scale(t: Tensors, s: Shape) -> Tensors:
    x = t["x"].abs()
    if min(x.shape) < 3:
        return {"y": torch.zeros_like(x)}
    terms = _inner(x) + s["alpha"] * (_neighbours(x) + 6 * _inner(x))
    return {"y": _with_inner(torch.zeros_like(x), terms)}


SPECS = (
    KernelSpec(
        name="jacobi_2d_fp32",
        family="stencil",
        split="train",
        summary="One Jacobi step on a grid: x and y have the shape [height][width]. Inner cells become the mean of "
        "their four neighbours, y[i][j] = (x[i-1][j] + x[i+1][j] + x[i][j-1] + x[i][j+1]) / 4; cells of the first and "
        "last row and column are copied.",
        formula="y[i][j] = inner ? (x[i-1][j] + x[i+1][j] + x[i][j-1] + x[i][j+1]) / 4 : x[i][j]",
        parameters=(
            tensor_in("x", DType.F32, "height", "width"),
            tensor_out("y", DType.F32, "height", "width"),
            scalar("height"),
            scalar("width"),
        ),
        check_shapes=tuple(
            {"height": height, "width": width} for height, width in ((1, 1), (3, 37), (64, 256), (129, 33), (31, 1021))
        ),
        timing_shape={"height": 6656, "width": 4096},
        reference=lambda t, s: {"y": _jacobi(t["x"])},
        flops=lambda s: 4 * s["height"] * s["width"],
        independent=(),
        tolerance=Tolerance(factor=4, growth=0, scale=lambda t, s: {"y": _jacobi(t["x"].abs())}),
        distributions=(NORMAL, WIDE),
    ),
    KernelSpec(
        name="heat_3d_fp32",
        family="stencil",
        split="unseen_op",
        summary="One explicit step of the heat equation on a grid: x and y have the shape [depth][height][width]. "
        "Inner cells become y[i][j][k] = x[i][j][k] + alpha * (the sum of its six neighbours - 6 * x[i][j][k]); cells "
        "on the faces of the grid are copied.",
        formula="y[c] = inner ? x[c] + alpha * (sum of the 6 neighbours of c - 6 * x[c]) : x[c]",
        parameters=(
            tensor_in("x", DType.F32, "depth", "height", "width"),
            tensor_out("y", DType.F32, "depth", "height", "width"),
            scalar("depth"),
            scalar("height"),
            scalar("width"),
            scalar("alpha", DType.F32),
        ),
        check_shapes=tuple(
            {"depth": depth, "height": height, "width": width, "alpha": 0.125}
            for depth, height, width in ((1, 1, 1), (3, 5, 37), (8, 16, 64), (17, 9, 33))
        ),
        timing_shape={"depth": 104, "height": 512, "width": 512, "alpha": 0.125},
        reference=_heat,
        flops=lambda s: 9 * s["depth"] * s["height"] * s["width"],
        independent=(),
        tolerance=Tolerance(factor=4, growth=0, scale=_heat_scale),
        distributions=(NORMAL, WIDE),
    ),
)
