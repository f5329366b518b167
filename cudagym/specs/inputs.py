"""Input arrays for a spec, and the shape that a verdict is timed at: both drawn from a seed."""

from __future__ import annotations

from hashlib import sha256
from random import Random

import torch

from cudagym.record import Shape
from cudagym.specs.spec import Distribution, KernelSpec

SPREAD = 16
"""A timed extent lies within 1/16 of the nominal one."""
FIXED_BELOW = 512
"""Smaller extents (heads, head dimensions, batch) are kept: kernels are legitimately specialised for them."""
ALIGNMENT = 256
"""Divisibility of a nominal extent is kept up to this power of two, so that vectorised paths stay open."""
LEAST_FOOTPRINT = 0.96
"""A drawn shape moves at least this share of the nominal shape's bytes, so that it does not fit a cache."""


def make_inputs(spec: KernelSpec, shape: Shape, distribution: Distribution, seed: int) -> dict[str, torch.Tensor]:
    """Every `in` and `inout` array by name, contiguous, in its parameter's dtype and extents at `shape`.

    Equal arguments give equal values. Arrays are drawn independently of each other.
    """
    arrays = {}
    for parameter in spec.inputs:
        digest = sha256(f"{seed}/{parameter.name}".encode()).digest()
        generator = torch.Generator().manual_seed(int.from_bytes(digest[:8], "little") >> 1)
        array = distribution.fill(generator, parameter, parameter.extents(shape)).contiguous()
        arrays[parameter.name] = array.remainder_(int(shape[parameter.below])) if parameter.below else array
    return arrays


def timing_shape_near(spec: KernelSpec, seed: int) -> Shape:
    """A shape near the spec's timing shape, so that a candidate cannot recognise the timed one by its size.

    Only integer scalars that are an axis vary. Each keeps its divisibility by powers of two up to `ALIGNMENT`
    where its size allows that, and least_bytes stays above `LEAST_FOOTPRINT` times the nominal figure.
    """
    random = Random(seed)
    axes = {axis for parameter in spec.arrays for axis in parameter.axes}
    least = LEAST_FOOTPRINT * spec.least_bytes(spec.timing_shape)
    for _ in range(64):
        shape = {
            name: _near(int(value), random) if name in axes else value for name, value in spec.timing_shape.items()
        }
        if spec.least_bytes(shape) >= least:
            return shape
    return spec.timing_shape


def _near(extent: int, random: Random) -> int:
    if extent < FIXED_BELOW:
        return extent
    divisor = min(extent & -extent, ALIGNMENT)
    # Odd multiples of a small power of two stay odd multiples of it: an unaligned extent stays unaligned.
    step = divisor if divisor == ALIGNMENT else 2 * divisor
    reach = extent // SPREAD
    while step > reach:
        step //= 2
    return extent + step * random.randint(-(reach // step), reach // step)
