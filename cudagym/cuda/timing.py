"""How a time is measured: when the card is warm, when there are enough repetitions, and what the result is worth.

Pure: a lap is whatever the caller times. The median is reported, with an interval of order statistics, which assumes
nothing about how times are distributed: of `n` independent laps, the number below the median is binomial.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from math import comb
from statistics import median
from typing import NamedTuple

from cudagym.record import Record


class Lap(NamedTuple):
    """One repetition, in microseconds."""

    card_us: float
    """Between events on the card."""
    excess_us: float
    """What the host's clock counted beyond the card's for one and the same stretch, the lap within it."""


class Protocol(Record):
    """When to begin, and when to stop."""

    warm_seconds: float = 0.3
    """Of laps before any counts, at least: clocks rise within some hundred milliseconds."""
    warm_budget_seconds: float = 2.0
    window: int = 8
    """Laps whose median is compared with that of the window before."""
    steady: float = 0.01
    """How much two windows may differ on a card that is warm, over the median."""
    least: int = 20
    """Laps that count, at least, unless the budget ends."""
    most: int = 2000
    budget_seconds: float = 3.0
    precision: float = 0.01
    """Half the interval's width over the median, at most, to stop."""
    drift: float = 0.02
    """How much the medians of the first and second half may differ, over the median, to stop."""
    sweep_us: float = 50.0
    """That writing between laps lasts, at least: while it does, the host has the next lap brought before the card."""
    host_excess_us: float = 2000.0
    host_share: float = 0.5
    """The host may count this much more than the card in its best lap, and this share of the median besides: bringing
    the work and noticing its end take less."""
    host_lag: float = 0.001
    """The host may count less by this share of the median: clocks are apart by some parts in a million."""


class Timing(NamedTuple):
    """What came out."""

    median_us: float
    interval_us: tuple[float, float]
    repetitions: int
    settled: bool
    host_excess_us: float
    """The least that the host saw beyond the card."""
    clocks_agree: bool


FEWEST = 6
"""Laps below which no interval of order statistics holds the median with 95 percent: 2 * 0.5^5 > 0.05."""
_GROWTH = 1.5
"""Looking after every lap would stop at whatever interval happens to be narrow: looks are this much apart."""


def warm_up(lap: Callable[[], Lap], protocol: Protocol, now: Callable[[], float] = time.monotonic) -> bool:
    """Run laps until two windows in a row agree; whether they did before the budget ended."""
    start = now()
    before: float | None = None
    while True:
        window: list[float] = []
        while len(window) < protocol.window:
            window.append(lap().card_us)
            if now() - start >= protocol.warm_budget_seconds:
                return False
        current = median(window)
        steady = before is not None and abs(current - before) <= protocol.steady * before
        if steady and now() - start >= protocol.warm_seconds:
            return True
        before = current


def measure(lap: Callable[[], Lap], protocol: Protocol, now: Callable[[], float] = time.monotonic) -> Timing:
    """Run laps until their median is known well enough or the budget ends."""
    start = now()
    laps: list[Lap] = []
    look = max(protocol.least, FEWEST)
    while True:
        laps.append(lap())
        ended = len(laps) >= FEWEST and (len(laps) >= protocol.most or now() - start >= protocol.budget_seconds)
        if len(laps) >= look or ended:
            timing = summary(laps, protocol)
            if timing.settled or ended:
                return timing
            look = int(_GROWTH * look)


def summary(laps: Sequence[Lap], protocol: Protocol) -> Timing:
    """Median, interval and whether that is good enough, of at least FEWEST laps."""
    times = [lap.card_us for lap in laps]
    middle, interval = median(times), interval_of_median(times)
    half = len(times) // 2
    excess = min(lap.excess_us for lap in laps)
    drifted = abs(median(times[:half]) - median(times[half:])) > protocol.drift * middle
    return Timing(
        median_us=middle,
        interval_us=interval,
        repetitions=len(times),
        settled=not drifted and interval[1] - interval[0] <= 2 * protocol.precision * middle,
        host_excess_us=excess,
        clocks_agree=-protocol.host_lag * middle <= excess <= protocol.host_excess_us + protocol.host_share * middle,
    )


def interval_of_median(times: Sequence[float]) -> tuple[float, float]:
    """Holds the median of the distribution in at least 95 of 100 samples. Needs FEWEST times."""
    rank = _rank(len(times))
    ordered = sorted(times)
    return ordered[rank - 1], ordered[-rank]


@lru_cache(maxsize=4096)
def _rank(count: int) -> int:
    """The largest k, from 1, with P(fewer than k of `count` lie below the median) at most 2.5 percent."""
    if count < FEWEST:
        raise ValueError(f"{count} times say nothing about their median with 95 percent")
    below, rank = 1, 0
    while 40 * below <= 1 << count:
        rank += 1
        below += comb(count, rank)
    return rank
