"""Pooling: an image shrinks, or is smoothed, by windows."""

from __future__ import annotations

import torch

from cudagym.record import Shape
from cudagym.specs.distributions import NEGATIVE, NORMAL, POSITIVE
from cudagym.specs.spec import DType, KernelSpec, Tensors, Tolerance, scalar, tensor_in, tensor_out

IMAGES: tuple[Shape, ...] = tuple(
    {"planes": planes, "height": height, "width": width}
    for planes, height, width in ((1, 1, 1), (3, 7, 37), (4, 32, 64), (5, 65, 33))
)
EXTENTS = (scalar("planes"), scalar("height"), scalar("width"))


def _average(t: Tensors, s: Shape) -> Tensors:
    return {"y": torch.nn.functional.avg_pool2d(t["x"], 3, stride=1, padding=1, count_include_pad=False)}


SPECS = (
    KernelSpec(
        name="max_pool2d_fp32",
        family="pooling",
        split="train",
        summary="Largest element of every 2 x 2 window of images, stride 2: x holds images of 2*height by 2*width, as "
        "[planes][height][2][width][2], y has the shape [planes][height][width], and "
        "y[p][i][j] = max over d in 0..1, e in 0..1 of x[p][i][d][j][e].",
        formula="y[p][i][j] = max over d, e in 0..1 of x[((p * height + i) * 2 + d) * 2 * width + 2 * j + e]",
        parameters=(
            tensor_in("x", DType.F32, "planes", "height", 2, "width", 2),
            tensor_out("y", DType.F32, "planes", "height", "width"),
            *EXTENTS,
        ),
        check_shapes=IMAGES,
        timing_shape={"planes": 48, "height": 512, "width": 512},
        reference=lambda t, s: {"y": t["x"].amax(dim=(2, 4))},
        flops=lambda s: 3 * s["planes"] * s["height"] * s["width"],
        independent=("planes", "height", "width"),
        tolerance=Tolerance(factor=0, growth=0),
        distributions=(NORMAL, NEGATIVE),
    ),
    KernelSpec(
        name="avg_pool2d_fp16",
        family="pooling",
        split="unseen_op",
        summary="Mean of the 3 x 3 window around every element of images, with half-precision arrays and float32 "
        "arithmetic: x and y have the shape [planes][height][width], and y[p][i][j] is the mean of x[p][k][l] over "
        "k in i-1..i+1 and l in j-1..j+1, of which only those inside the image count: four in a corner.",
        formula="y[p][i][j] = mean of x[p][k][l] over |k - i| <= 1, |l - j| <= 1 inside the image",
        parameters=(
            tensor_in("x", DType.F16, "planes", "height", "width"),
            tensor_out("y", DType.F16, "planes", "height", "width"),
            *EXTENTS,
        ),
        check_shapes=IMAGES,
        timing_shape={"planes": 256, "height": 512, "width": 512},
        reference=_average,
        flops=lambda s: 9 * s["planes"] * s["height"] * s["width"],
        independent=("planes",),
        # Sums of nine are nearly exact in float32, and results that cancel are small.
        tolerance=Tolerance(
            factor=4, growth=0, scale=lambda t, s: {"y": 2**-10 * _average({"x": t["x"].abs()}, s)["y"]}
        ),
        distributions=(NORMAL, POSITIVE),
    ),
)
