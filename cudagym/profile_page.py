"""A profile as one HTML page that needs nothing else: figures, bars, and a roofline plot as inline SVG."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, NamedTuple

from cudagym import page, report
from cudagym.profile import Profile
from cudagym.record import shape_text

WIDTH, HEIGHT = 480.0, 320.0
LEFT, RIGHT, TOP, BOTTOM = 52.0, 18.0, 16.0, 40.0
"""Room for the axes, in the plot's own units."""
_TEMPLATE = Path(__file__).with_name("profile_page.html.j2")


class Roof(NamedTuple):
    """One bandwidth: a slanted line that ends where it meets the highest ceiling."""

    name: str
    gb_s: float
    points: str


class Ceiling(NamedTuple):
    """One pipe's peak: a level line."""

    name: str
    tflops: float
    x: float
    y: float


class Dot(NamedTuple):
    """The program over the bytes of one level."""

    name: str
    intensity: float
    x: float
    y: float


class Plot(NamedTuple):
    """The roofline: operations per second over operations per byte, both on logarithmic scales."""

    roofs: tuple[Roof, ...]
    ceilings: tuple[Ceiling, ...]
    dots: tuple[Dot, ...]
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]
    tflops: float


def render(profile: Profile) -> str:
    """The page as text. Everything that comes from the source is escaped."""
    return page.render(_TEMPLATE, **values(profile))


def values(profile: Profile) -> dict[str, Any]:
    """What the template of the page and that of its body ask for."""
    return {
        "profile": profile,
        "shape": shape_text(profile.shape),
        "plot": roofline(profile),
        "report": report,
        "box": (WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM),
    }


def roofline(profile: Profile) -> Plot | None:
    """Where the program lies under the card's roofs; None for a spec without operations, which has no place there."""
    moved = {level.name: profile.bytes(level.name) for level in profile.launches[0].levels}
    peaks = {level.name: level.peak_gb_s for level in profile.launches[0].levels}
    levels = [name for name in ("DRAM", "L2", "L1") if moved.get(name)]
    if not profile.flops or not levels:
        return None
    tflops = profile.flops / profile.time_us / 1e6
    intensities = {name: profile.flops / moved[name] for name in levels}
    tops = {"fp32": profile.fp32_tflops, profile.math: profile.peak_tflops}
    ridge = max(tops.values()) * 1e3 / min(peaks[name] for name in levels)
    left = 10 ** math.floor(math.log10(min(0.1, *intensities.values())))
    right = 10 ** math.ceil(math.log10(2 * max(ridge, *intensities.values())))
    low = 10 ** math.floor(math.log10(min(tflops, min(tops.values()) / 10)))
    high = 10 ** math.ceil(math.log10(1.2 * max(tops.values())))

    def x(intensity: float) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * math.log(intensity / left) / math.log(right / left), 1)

    def y(rate: float) -> float:
        return round(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * math.log(rate / low) / math.log(high / low), 1)

    roofs = []
    for name in levels:
        per_byte = peaks[name] / 1e3  # TFLOP/s at one operation per byte
        start, end = max(left, low / per_byte), max(tops.values()) / per_byte
        roofs.append(
            Roof(
                name=name,
                gb_s=peaks[name],
                points=f"{x(start)},{y(start * per_byte)} {x(end)},{y(end * per_byte)}",
            )
        )
    ceilings = [
        Ceiling(name=name, tflops=top, x=x(max(left, min(right, top * 1e3 / max(peaks[n] for n in levels)))), y=y(top))
        for name, top in tops.items()
    ]
    return Plot(
        roofs=tuple(roofs),
        ceilings=tuple(ceilings),
        dots=tuple(Dot(name, intensities[name], x(intensities[name]), y(tflops)) for name in levels),
        x_ticks=tuple((x(value), f"{value:g}") for value in _decades(left, right)),
        y_ticks=tuple((y(value), f"{value:g}") for value in _decades(low, high)),
        tflops=tflops,
    )


def _decades(first: float, last: float) -> list[float]:
    return [10.0**power for power in range(round(math.log10(first)), round(math.log10(last)) + 1)]
