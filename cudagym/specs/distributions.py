"""Ways of filling input arrays, ordinary and hard, for specs to choose from.

A `Distribution` fills one array at a time. Draws depend only on the generator, so one seed gives the same
values everywhere; large arrays are filled in chunks that stay in the cache. All values are finite and none
is subnormal in float32, so kernels built with flush-to-zero are judged like the others.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from cudagym.specs.spec import Distribution, Parameter

CHUNK = 1 << 20
"""Elements drawn at a time: 4 MiB of float32."""

Draw = Callable[[torch.Tensor, torch.Generator], Any]
"""Fills a one-dimensional float32 buffer in place."""


def distribution(name: str, draw: Draw, *, integers: tuple[int, int] = (-8, 8), hard: bool = False) -> Distribution:
    """A distribution of independent elements.

    Float arrays are drawn as float32 by `draw` and rounded to their dtype. Integer arrays are uniform in
    `integers`, both ends included, as far as their dtype reaches.
    """

    def fill(generator: torch.Generator, parameter: Parameter, extents: tuple[int, ...]) -> torch.Tensor:
        result = torch.empty(extents, dtype=parameter.dtype.torch)
        flat = result.view(-1)
        for start in range(0, flat.numel(), CHUNK):
            part = flat[start : start + CHUNK]
            if not parameter.dtype.is_float:
                limits = torch.iinfo(result.dtype)
                low, high = max(integers[0], limits.min), min(integers[1], limits.max)
                part.random_(low, high + 1, generator=generator)
            elif result.dtype == torch.float32:
                draw(part, generator)
            else:
                values = torch.empty(part.shape, dtype=torch.float32)
                draw(values, generator)
                part.copy_(values)
        return result

    return Distribution(name=name, hard=hard, fill=fill)


def gaussian(name: str, mean: float, deviation: float, *, hard: bool = False) -> Distribution:
    """Normal values with this mean and standard deviation."""
    return distribution(name, lambda part, g: part.normal_(mean, deviation, generator=g), hard=hard)


def mixed(name: str, default: Distribution, *, hard: bool = False, **others: Distribution) -> Distribution:
    """`default` for every array except those named in `others`: `mixed("offset", OFFSET, weight=NORMAL)`."""

    def fill(generator: torch.Generator, parameter: Parameter, extents: tuple[int, ...]) -> torch.Tensor:
        return others.get(parameter.name, default).fill(generator, parameter, extents)

    return Distribution(name=name, hard=hard, fill=fill)


def with_edges(base: Distribution, factor: float) -> Distribution:
    """`base`, with the first and last element along the last axis set to plus and minus `factor`.

    Sums that leave out either end are far off, which the other elements alone might hide.
    """

    def fill(generator: torch.Generator, parameter: Parameter, extents: tuple[int, ...]) -> torch.Tensor:
        result = base.fill(generator, parameter, extents)
        if parameter.dtype.is_float:
            result[..., 0] = factor
            result[..., -1] = -0.75 * factor
        return result

    return Distribution(name="edges", hard=True, fill=fill)


def with_extremes(name: str, base: Distribution) -> Distribution:
    """`base`, with one integer in sixteen made the least of its dtype, and one the greatest: no other may stand for
    what is missing."""

    def fill(generator: torch.Generator, parameter: Parameter, extents: tuple[int, ...]) -> torch.Tensor:
        result = base.fill(generator, parameter, extents)
        if not parameter.dtype.is_float:
            chosen = torch.randint(16, extents, dtype=torch.uint8, generator=generator)
            limits = torch.iinfo(result.dtype)
            result[chosen == 0], result[chosen == 1] = limits.min, limits.max
        return result

    return Distribution(name=name, hard=True, fill=fill)


def with_needles(name: str, base: Distribution, height: float) -> Distribution:
    """`base`, with one element of every other row raised by `height`, the first row's to begin with.

    Rows run along the last axis; the places are drawn. A maximum that misses any element, or begins at zero, is wrong.
    """

    def fill(generator: torch.Generator, parameter: Parameter, extents: tuple[int, ...]) -> torch.Tensor:
        result = base.fill(generator, parameter, extents)
        if parameter.dtype.is_float:
            rows = result.view(-1, extents[-1])[::2]
            places = torch.randint(extents[-1], (len(rows),), generator=generator)
            rows[torch.arange(len(rows)), places] += height
        return result

    return Distribution(name=name, hard=True, fill=fill)


def _wide(part: torch.Tensor, generator: torch.Generator) -> None:
    sign = torch.empty_like(part).uniform_(-1.0, 1.0, generator=generator).sign_()
    part.uniform_(-20.0, 20.0, generator=generator).exp2_().mul_(sign)


NORMAL = gaussian("normal", 0.0, 1.0)
UNIFORM = distribution("uniform", lambda part, g: part.uniform_(-1.0, 1.0, generator=g))
POSITIVE = distribution("positive", lambda part, g: part.uniform_(0.0625, 1.0, generator=g), hard=True)
"""Away from zero and of one sign: sums grow, so accumulating in half precision stagnates."""

SATURATING = gaussian("saturating", 0.0, 12.0, hard=True)
"""Far into both tails of activation functions, where careless forms overflow or cancel."""
WIDE = distribution("wide", _wide, hard=True)
"""Both signs, magnitudes from 2**-20 to 2**20: small terms must survive beside large ones."""
OFFSET = gaussian("offset", 1000.0, 1.0, hard=True)
"""A mean of 1000 deviations: E[x*x] - E[x]**2 in float32 loses the variance."""
LARGE_LOGITS = gaussian("large_logits", 100.0, 20.0, hard=True)
"""exp overflows float32 beyond 88.7, so the row maximum must be subtracted first."""
NEGATIVE = gaussian("negative", -1000.0, 16.0, hard=True)
"""Below zero throughout: a maximum that starts at 0 is wrong."""
NEEDLES = with_needles("needles", NEGATIVE, 900.0)
"""Logits whose exponentials vanish beside a single one, or overflow unless it is subtracted, wherever it is."""
TIES = distribution("ties", lambda part, g: part.uniform_(-2.0, 2.0, generator=g).round_(), hard=True)
"""Five values only, so the extremes occur many times."""
SMALL_INTEGERS = distribution("small_integers", lambda part, g: part.normal_(generator=g))
FULL_RANGE = distribution(
    "full_range",
    lambda part, g: part.normal_(generator=g),
    integers=(-(1 << 63), (1 << 63) - 2),
    hard=True,
)
"""Every value an integer dtype can hold; careless widths and signs overflow. Floats are standard normal."""
EXTREMES = with_extremes("extremes", FULL_RANGE)
EDGES = with_edges(NORMAL, 1024.0)
