"""Predicted against published times as an SVG picture: logarithmic axes, the diagonal, a factor of two around it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

SIZE, LEFT, BOTTOM, TOP, RIGHT = 560, 84, 46, 14, 215
_COLOURS = ("#1b6ca8", "#c0392b", "#2e8b57", "#8e44ad", "#d08c1d", "#4a4a4a")
Point = tuple[float, float]


def scatter(groups: Mapping[str, Sequence[Point]]) -> str:
    """One dot per (published, predicted) pair in microseconds, coloured by group."""
    points = [point for group in groups.values() for point in group]
    low = math.floor(math.log10(min(min(p) for p in points)))
    high = math.ceil(math.log10(max(max(p) for p in points)))
    width, height = LEFT + SIZE + RIGHT, TOP + SIZE + BOTTOM

    def x(value: float) -> float:
        return LEFT + (math.log10(value) - low) / (high - low) * SIZE

    def y(value: float) -> float:
        return TOP + SIZE - (math.log10(value) - low) / (high - low) * SIZE

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif"'
        ' font-size="12" fill="#222">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        f'<clipPath id="frame"><rect x="{LEFT}" y="{TOP}" width="{SIZE}" height="{SIZE}"/></clipPath>',
    ]
    for power in range(low, high + 1):
        at, text = 10.0**power, f"{10.0**power:,.10g}"
        parts += [
            f'<path d="M{x(at):.1f} {TOP}V{TOP + SIZE}M{LEFT} {y(at):.1f}H{LEFT + SIZE}" stroke="#ddd"/>',
            f'<text x="{x(at):.1f}" y="{TOP + SIZE + 18}" text-anchor="middle">{text}</text>',
            f'<text x="{LEFT - 6}" y="{y(at) + 4:.1f}" text-anchor="end">{text}</text>',
        ]
    first, last = 10.0**low, 10.0**high
    for factor, style in (
        (1.0, 'stroke="#222"'),
        (2.0, 'stroke="#999" stroke-dasharray="4 4"'),
        (0.5, 'stroke="#999" stroke-dasharray="4 4"'),
    ):
        line = f"M{x(first):.1f} {y(first * factor):.1f}L{x(last):.1f} {y(last * factor):.1f}"
        parts.append(f'<path d="{line}" {style} clip-path="url(#frame)"/>')
    for number, (name, group) in enumerate(groups.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        parts += [
            f'<circle cx="{x(a):.1f}" cy="{y(b):.1f}" r="3.2" fill="{colour}" fill-opacity="0.65"/>' for a, b in group
        ]
        row = TOP + 14 + 20 * number
        parts.append(f'<circle cx="{LEFT + SIZE + 18}" cy="{row - 4}" r="5" fill="{colour}"/>')
        parts.append(f'<text x="{LEFT + SIZE + 30}" y="{row}">{escape(name)} ({len(group)})</text>')
    middle = LEFT + SIZE / 2, TOP + SIZE / 2
    parts += [
        f'<text x="{middle[0]}" y="{TOP + SIZE + 38}" text-anchor="middle">published, microseconds</text>',
        f'<text transform="translate(16 {middle[1]}) rotate(-90)" text-anchor="middle">predicted, microseconds</text>',
        "</svg>",
    ]
    return "\n".join(parts) + "\n"
