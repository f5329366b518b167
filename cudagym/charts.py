"""Charts as inline SVG: lines, stacked shares, intervals and histograms, for pages that load nothing.

Each is a `<figure>` with its title and legend, readable from 340 pixels on. Colours are Okabe and Ito's, which people
who are blind to some colours can tell apart (jfly.uni-koeln.de/color); dashes, marks and labels say the same once
more. The page's style gives the classes `c0` ... `c7` their colours, in light and in dark.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from markupsafe import Markup, escape

from cudagym.report import Estimate, Spread, printable

WIDTH, HEIGHT = 440.0, 240.0
LEFT, RIGHT, TOP, BOTTOM = 58.0, 14.0, 10.0, 44.0
"""Room for the axes, in the drawing's own units."""
LABEL = 124.0
"""Room for the names of rows."""
ROW = 26.0
COLOURS = 8
POINTS = 150
"""Of a line, at most; more are averaged in groups of neighbours."""
BARS = 60
_DASHES = ("", "7 4", "2 3", "9 3 2 3", "4 2", "1 2", "12 4", "6 2 1 2")

Point = tuple[float, float]


class Axis(NamedTuple):
    """What an axis shows, with its unit, and its ends. `log` puts decades at equal distances."""

    label: str
    low: float = 0.0
    high: float = 1.0
    log: bool = False

    def at(self, value: float) -> float:
        """Where a value lies, from 0 to 1."""
        low, high, value = (math.log10(each) if self.log else each for each in (self.low, self.high, value))
        return (value - low) / (high - low)

    def ticks(self) -> list[float]:
        if self.log:
            first, last = math.ceil(math.log10(self.low) - 1e-9), math.floor(math.log10(self.high) + 1e-9)
            decades = [10.0**power for power in range(first, last + 1)]
            return decades if len(decades) > 2 else [d * k for d in decades for k in (1, 2, 5) if d * k <= self.high]
        step = _round_step((self.high - self.low) / 4)
        first = math.ceil(self.low / step - 1e-9)
        return [step * k for k in range(first, math.floor(self.high / step + 1e-9) + 1)]


def lines(title: str, series: Mapping[str, Sequence[Point]], x: str, y: str, *, share: bool = False) -> Markup:
    """Lines by name over steps. `share` fixes the y axis to 0 ... 1; it is logarithmic where values span 30-fold."""
    finite = {name: [p for p in points if math.isfinite(p[1])] for name, points in series.items()}
    shown = {name: _thinned(points) for name, points in finite.items() if points}
    if not shown:
        return Markup()
    across = _across(x, [p[0] for points in shown.values() for p in points])
    up = Axis(y) if share else _up(y, [p[1] for points in shown.values() for p in points])
    parts = _frame(across, up)
    for number, (name, points) in enumerate(shown.items()):
        path = " ".join(f"{_x(across, a):.1f},{_y(up, b):.1f}" for a, b in points)
        dash = _DASHES[number % len(_DASHES)]
        parts.append(_tag("polyline", _class="line " + _colour(number), points=path, stroke_dasharray=dash or None))
        if len(points) <= BARS // 2:
            for a, b in points:
                tip = f"{name}: {b:.4g} at {a:g}"
                parts.append(
                    _tag("circle", tip, _class=_colour(number), cx=_x(across, a), cy=_y(up, b), r=2.6, data_series=name)
                )
    return _figure(title, parts, list(shown), dashed=True)


def stacked(title: str, shares: Mapping[str, Sequence[Point]], x: str, y: str) -> Markup:
    """Shares by name over steps, one upon the other, 1 together. All have the same steps, in order; neighbours are
    averaged where there are too many."""
    shown = {name: points for name, points in shares.items() if any(value > 0 for _, value in points)}
    if not shown:
        return Markup()
    steps = [step for step, _ in next(iter(shown.values()))]
    size = -(-len(steps) // BARS)
    groups = [range(start, min(start + size, len(steps))) for start in range(0, len(steps), size)]
    ends = Axis(x, min(steps) - 0.5, max(steps) + 0.5)
    up = Axis(y)
    parts = _frame(ends, up)
    for group in groups:
        first, last = steps[group[0]], steps[group[-1]]
        left, right = _x(ends, first - 0.5), _x(ends, last + 0.5)
        gap = min(1.5, 0.15 * (right - left))
        base = 0.0
        for number, (name, points) in enumerate(shown.items()):
            value = sum(points[k][1] for k in group) / len(group)
            if value <= 0:
                continue
            where = f"{first:g}" if first == last else f"{first:g} to {last:g}"
            high, low = _y(up, base + value), _y(up, base)
            box = {"x": left + gap / 2, "y": high, "width": right - left - gap, "height": low - high}
            tip = f"{name}: {value:.1%} at {where}"
            parts.append(_tag("rect", tip, _class=f"{_colour(number)} slab", data_series=name, **box))
            base += value
    return _figure(title, parts, list(shown))


class Row(NamedTuple):
    """One line of a chart of intervals: a mark at the mean, and its interval."""

    group: str
    name: str
    value: Estimate


def intervals(title: str, rows: Sequence[Row], x: Axis) -> Markup:
    """Means and their intervals, by group and name. A name has one colour and mark in all groups."""
    if not rows:
        return Markup()
    names = list(dict.fromkeys(row.name for row in rows))
    groups = list(dict.fromkeys(row.group for row in rows))
    height = TOP + BOTTOM + ROW * len(groups) + 15.0 * len(rows)
    parts = _frame(x, None, height=height, left=LABEL)
    y = TOP
    for group in groups:
        parts.append(_tag("text", None, _short(group, 16), x=LABEL - 8, y=y + 16, text_anchor="end"))
        y += ROW - 10
        for row in (each for each in rows if each.group == group):
            number, value = names.index(row.name), row.value
            tip = f"{row.name}, {group}: {value.mean:.3f} [{value.low:.3f}, {value.high:.3f}]"
            low, mean, high = (_x(x, each, LABEL) for each in (value.low, value.mean, value.high))
            parts.append(_tag("line", None, _class=f"line {_colour(number)}", x1=low, x2=high, y1=y, y2=y))
            parts.append(_mark(number, mean, y, tip))
            y += 15
        y += 10
    return _figure(title, parts, names, height=height, marks=True)


def histograms(title: str, rows: Mapping[str, Spread], x: str, *, limit: str) -> Markup:
    """How shares from 0 to 1 are distributed, one row per name: the histogram, and a line at the median. `limit` names
    the line at 1."""
    shown = {name: spread for name, spread in rows.items() if any(spread.histogram)}
    if not shown:
        return Markup()
    height = TOP + 16 + BOTTOM + (ROW + 6) * len(shown)
    axis = Axis(x)
    parts = _frame(axis, None, height=height, left=LABEL, top=TOP + 16, right=44.0)
    end = _x(axis, 1.0, LABEL, 44.0)
    parts.append(_tag("line", None, _class="limit", x1=end, x2=end, y1=TOP + 10, y2=height - BOTTOM))
    parts.append(_tag("text", None, limit, x=end, y=TOP + 6, text_anchor="end"))
    for number, (name, spread) in enumerate(shown.items()):
        floor = TOP + 16 + (ROW + 6) * (number + 1) - 2
        most, total = max(spread.histogram), sum(spread.histogram)
        parts.append(_tag("text", name, _short(name, 15), x=LABEL - 8, y=floor - 9, text_anchor="end"))
        parts.append(_tag("text", None, str(total), _class="tick", x=end + 5, y=floor - 9))
        parts.append(_tag("line", None, _class="grid", x1=LABEL, x2=end, y1=floor, y2=floor))
        bins = len(spread.histogram)
        for index, count in enumerate(spread.histogram):
            if not count:
                continue
            left, right = _x(axis, index / bins, LABEL, 44.0), _x(axis, (index + 1) / bins, LABEL, 44.0)
            tall = max(2.0, ROW * count / most)
            tip = f"{name}: {count} from {index / bins:.0%} to {(index + 1) / bins:.0%}"
            box = {"x": left + 0.5, "y": floor - tall, "width": right - left - 1, "height": tall}
            parts.append(_tag("rect", tip, _class="c0 bin", data_series=name, data_count=count, **box))
        if (median := spread.quantiles.get(0.5)) is not None:
            middle = _x(axis, median, LABEL, 44.0)
            parts.append(
                _tag("line", f"median {median:.1%}", _class="median", x1=middle, x2=middle, y1=floor - ROW, y2=floor)
            )
    return _figure(title, parts, [], height=height)


def _figure(
    title: str,
    parts: Sequence[Markup],
    names: Sequence[str],
    *,
    height: float = HEIGHT,
    dashed: bool = False,
    marks: bool = False,
) -> Markup:
    keys = []
    for number, name in enumerate(names if len(names) > 1 else ()):
        if dashed:
            dash = _DASHES[number % len(_DASHES)] or None
            sign = _tag("line", _class=f"line {_colour(number)}", x1=1, x2=25, y1=6, y2=6, stroke_dasharray=dash)
        elif marks:
            sign = _mark(number, 13, 6, "")
        else:
            sign = _tag("rect", _class=_colour(number), x=7, y=0, width=12, height=12)
        key = Markup('<svg viewBox="0 0 26 12">{}</svg>').format(sign)
        keys.append(Markup("<li>{}{}</li>").format(key, printable(name)))
    legend = Markup("<ul>{}</ul>").format(Markup().join(keys)) if keys else Markup()
    return Markup(
        '<figure><figcaption>{}</figcaption><svg viewBox="0 0 {:.0f} {:.0f}" role="img" aria-label="{}">{}</svg>{}'
        "</figure>"
    ).format(title, WIDTH, height, title, Markup().join(parts), legend)


def _frame(
    x: Axis,
    y: Axis | None,
    *,
    height: float = HEIGHT,
    left: float = LEFT,
    top: float = TOP,
    right: float = RIGHT,
) -> list[Markup]:
    """The grid with its labels."""
    floor = height - BOTTOM
    parts = []
    for value in x.ticks():
        at = _x(x, value, left, right)
        parts.append(_tag("line", None, _class="grid", x1=at, x2=at, y1=top, y2=floor))
        parts.append(_tag("text", None, f"{value:g}", _class="tick", x=at, y=floor + 17, text_anchor="middle"))
    middle = (left + WIDTH - right) / 2
    parts.append(_tag("text", None, x.label, _class="tick", x=middle, y=height - 7, text_anchor="middle"))
    if y is not None:
        for value in y.ticks():
            at = _y(y, value)
            parts.append(_tag("line", None, _class="grid", x1=left, x2=WIDTH - right, y1=at, y2=at))
            parts.append(_tag("text", None, f"{value:g}", _class="tick", x=left - 5, y=at + 4, text_anchor="end"))
        turned = f"translate(14 {(top + floor) / 2:.0f}) rotate(-90)"
        parts.append(_tag("text", None, y.label, _class="tick", transform=turned, text_anchor="middle"))
    return parts


def _mark(number: int, x: float, y: float, tip: str) -> Markup:
    """A circle, square, diamond or triangle, filled."""
    r = 4.5
    corners = {
        1: ((-r, -r), (r, -r), (r, r), (-r, r)),
        2: ((0, -6), (6, 0), (0, 6), (-6, 0)),
        3: ((0, -5.5), (5.5, 4.5), (-5.5, 4.5)),
    }.get(number % 4)
    if corners is None:
        return _tag("circle", tip, _class=_colour(number), cx=x, cy=y, r=r)
    path = " ".join(f"{x + a:.1f},{y + b:.1f}" for a, b in corners)
    return _tag("polygon", tip, _class=_colour(number), points=path)


def _tag(kind: str, tip: str | None = None, text: str = "", /, **attributes: object) -> Markup:
    """An element with what browsers show when pointed at, and its text. `_class` is the attribute `class`."""
    inside = escape(printable(text))
    if tip:
        inside = Markup("<title>{}</title>").format(printable(tip)) + inside
    given = [
        Markup(' {}="{}"').format(name.lstrip("_").replace("_", "-"), _value(value))
        for name, value in attributes.items()
        if value is not None
    ]
    return Markup("<{0}{1}>{2}</{0}>").format(Markup(kind), Markup().join(given), inside)


def _value(value: object) -> str:
    return f"{value:.1f}" if isinstance(value, float) else printable(str(value))


def _colour(number: int) -> str:
    return f"c{number % COLOURS}"


def _x(axis: Axis, value: float, left: float = LEFT, right: float = RIGHT) -> float:
    return left + (WIDTH - left - right) * axis.at(value)


def _y(axis: Axis, value: float) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * axis.at(value)


def _across(label: str, values: Sequence[float]) -> Axis:
    low, high = min(values), max(values)
    return Axis(label, low, high) if high > low else Axis(label, low - 1, high + 1)


def _up(label: str, values: Sequence[float]) -> Axis:
    low, high = min(values), max(values)
    if low > 0 and high > 30 * low:
        return Axis(f"{label}, logarithmic", low / 1.2, high * 1.2, log=True)
    if low >= 0:
        return Axis(label, 0.0, 1.08 * high or 1.0)
    room = 0.08 * (high - low) or 1.0
    return Axis(label, low - room, high + room)


def _thinned(points: Sequence[Point]) -> list[Point]:
    size = -(-len(points) // POINTS)
    groups = [points[start : start + size] for start in range(0, len(points), size)]
    return [(sum(p[0] for p in group) / len(group), sum(p[1] for p in group) / len(group)) for group in groups]


def _round_step(rough: float) -> float:
    """The least of 1, 2 and 5 times a power of ten that is no less than `rough`."""
    power = 10.0 ** math.floor(math.log10(rough))
    return next(k * power for k in (1, 2, 5, 10) if k * power >= rough * (1 - 1e-9))


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
