"""Rewards over the steps of GRPO as an SVG picture: a faint line per seed, a bold one for the seeds' mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np

WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT = 560, 260, 64, 46, 14, 150
COLOURS = ("#1b6ca8", "#c0392b")
WINDOW = 5
"""Steps that a point is the mean of: a step sees six of the specs, and some are harder than others."""


def smoothed(values: Sequence[float]) -> list[float]:
    """Means over WINDOW successive values: WINDOW - 1 fewer of them."""
    return [float(value) for value in np.convolve(values, np.full(WINDOW, 1 / WINDOW), "valid")]


def curves(groups: Mapping[str, Sequence[Sequence[float]]]) -> str:
    """For every group its seeds' rewards by step, all equally long, smoothed."""
    lines = {name: [smoothed(each) for each in group] for name, group in groups.items()}
    steps = len(next(iter(lines.values()))[0])
    values = [value for group in lines.values() for line in group for value in line]
    low, high = np.floor(min(values) * 10) / 10, np.ceil(max(values) * 10) / 10

    def path(line: Sequence[float]) -> str:
        return "M" + "L".join(f"{x(step):.1f} {y(value):.1f}" for step, value in enumerate(line))

    def x(step: float) -> float:
        return LEFT + step / max(1, steps - 1) * WIDTH

    def y(value: float) -> float:
        return TOP + (high - value) / (high - low) * HEIGHT

    width, height = LEFT + WIDTH + RIGHT, TOP + HEIGHT + BOTTOM
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif"'
        ' font-size="12" fill="#222">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
    ]
    for tenth in range(round(low * 10), round(high * 10) + 1):
        parts.append(f'<path d="M{LEFT} {y(tenth / 10):.1f}h{WIDTH}" stroke="#ddd"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y(tenth / 10) + 4:.1f}" text-anchor="end">{tenth / 10:.1f}</text>')
    for step in range(0, steps, 5):
        parts.append(f'<text x="{x(step):.1f}" y="{TOP + HEIGHT + 18}" text-anchor="middle">{step + WINDOW}</text>')
    for (name, group), colour, row in zip(lines.items(), COLOURS, (TOP + 14, TOP + 34), strict=True):
        drawn = [(line, 1, 0.4) for line in group] + [(list(np.mean(group, axis=0)), 2.5, 1)]
        parts += [
            f'<path d="{path(line)}" fill="none" stroke="{colour}" stroke-width="{thick}" stroke-opacity="{opaque}"/>'
            for line, thick, opaque in drawn
        ]
        parts.append(f'<path d="M{LEFT + WIDTH + 12} {row - 4}h18" stroke="{colour}" stroke-width="2.5"/>')
        parts.append(f'<text x="{LEFT + WIDTH + 36}" y="{row}">{escape(name)}</text>')
    parts += [
        f'<text x="{LEFT + WIDTH / 2}" y="{height - 8}" text-anchor="middle">step of GRPO</text>',
        f'<text transform="translate(16 {TOP + HEIGHT / 2}) rotate(-90)" text-anchor="middle">'
        f"reward, mean of {WINDOW} steps</text>",
        "</svg>",
    ]
    return "\n".join(parts) + "\n"
