"""The measurement protocol on synthetic noise, whose median is known."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from statistics import NormalDist

import pytest

from cudagym.cuda.timing import FEWEST, Lap, Protocol, interval_of_median, measure, warm_up


class Bench:
    """Laps of given length on a clock of its own: nothing waits."""

    def __init__(self, length: Callable[[int], float], cost_seconds: float = 0.001, excess_us: float = 40) -> None:
        self.length, self.cost, self.excess = length, cost_seconds, excess_us
        self.laps, self.seconds = 0, 0.0

    def lap(self) -> Lap:
        card = self.length(self.laps)
        self.laps += 1
        self.seconds += self.cost
        return Lap(card, self.excess)

    def now(self) -> float:
        return self.seconds


def lognormal(seed: int, sigma: float, middle: float = 100.0) -> Callable[[int], float]:
    """Times with a tail to the right, as real ones have; their median is `middle`."""
    chooser = random.Random(seed)
    return lambda _: middle * math.exp(chooser.gauss(0, sigma))


def coverage_by_hand(count: int, rank: int) -> float:
    """P(the rank-th smallest <= median <= the rank-th largest), by adding up coin flips."""
    weight = 1.0 / 2**count
    total = 0.0
    for below in range(count + 1):
        if rank <= below <= count - rank:
            total += math.comb(count, below) * weight
    return total


@pytest.mark.parametrize("count", [6, 7, 20, 101, 1000])
def test_the_interval_is_the_narrowest_that_holds_95_percent(count: int) -> None:
    low, high = interval_of_median([float(value) for value in range(1, count + 1)])
    rank = int(low)
    assert high == count + 1 - rank
    assert coverage_by_hand(count, rank) >= 0.95 > coverage_by_hand(count, rank + 1)


def test_too_few_times_have_no_interval() -> None:
    with pytest.raises(ValueError, match="say nothing"):
        interval_of_median([1.0] * (FEWEST - 1))


def test_the_interval_holds_the_median_as_often_as_it_says() -> None:
    hits = 0
    for seed in range(400):
        draw = lognormal(seed, 0.3)
        low, high = interval_of_median([draw(n) for n in range(40)])
        hits += low <= 100 <= high
    assert hits >= 400 * 0.95 - 3 * math.sqrt(400 * 0.95 * 0.05)


def test_quiet_times_settle_at_once() -> None:
    bench = Bench(lognormal(1, 0.002))
    timing = measure(bench.lap, Protocol(), bench.now)
    assert (timing.settled, timing.repetitions) == (True, 20)
    assert timing.median_us == pytest.approx(100, rel=0.002)
    assert timing.clocks_agree
    assert timing.host_excess_us == pytest.approx(40)


def test_noise_takes_as_many_repetitions_as_its_width_needs() -> None:
    """Half of the interval is about 1.96 * sigma * sqrt(pi / 2n) of the median: 1 percent of it needs n."""
    sigma = 0.05
    needed = (NormalDist().inv_cdf(0.975) * sigma / 0.01) ** 2 * math.pi / 2
    counts = []
    for seed in range(20):
        bench = Bench(lognormal(seed, sigma))
        timing = measure(bench.lap, Protocol(), bench.now)
        low, high = timing.interval_us
        assert timing.settled
        assert high - low <= 0.02 * timing.median_us
        assert timing.median_us == pytest.approx(100, rel=0.03)
        counts.append(timing.repetitions)
    assert 0.4 * needed < sorted(counts)[10] < 3 * needed


def test_stopping_by_the_interval_keeps_it_honest() -> None:
    """Looking again and again until it is narrow costs coverage; by how much is bounded."""
    hits = 0
    for seed in range(200):
        bench = Bench(lognormal(seed, 0.04))
        low, high = measure(bench.lap, Protocol(), bench.now).interval_us
        hits += low <= 100 <= high
    assert hits >= 0.88 * 200


def test_wild_times_end_with_the_budget_and_do_not_settle() -> None:
    bench = Bench(lognormal(3, 1.0))
    timing = measure(bench.lap, Protocol(budget_seconds=0.5), bench.now)
    assert not timing.settled
    assert bench.seconds == pytest.approx(0.5, abs=0.01)


def test_the_number_of_repetitions_is_bounded() -> None:
    bench = Bench(lognormal(3, 1.0), cost_seconds=0)
    assert measure(bench.lap, Protocol(most=300), bench.now).repetitions == 300


def test_slow_laps_end_with_as_many_as_an_interval_needs() -> None:
    bench = Bench(lambda _: 1e6, cost_seconds=1.0)
    timing = measure(bench.lap, Protocol(budget_seconds=3), bench.now)
    assert (timing.repetitions, timing.median_us) == (FEWEST, 1e6)


def test_times_that_drift_do_not_settle() -> None:
    bench = Bench(lambda n: 100 + 0.02 * n)
    timing = measure(bench.lap, Protocol(precision=1.0, most=1000, budget_seconds=100), bench.now)
    assert timing.settled  # 20 laps drift by 0.4 percent
    steep = Bench(lambda n: 100.0 * 1.01**n)
    assert not measure(steep.lap, Protocol(precision=1.0, most=100), steep.now).settled


def test_a_change_of_clocks_is_waited_out() -> None:
    bench = Bench(lambda n: 100.0 if n < 10 else 130.0)
    timing = measure(bench.lap, Protocol(precision=1.0), bench.now)
    assert (timing.settled, timing.median_us) == (True, 130.0)
    assert timing.repetitions > 20


def test_a_cold_card_is_warmed_until_its_times_stand() -> None:
    bench = Bench(lambda n: 100 + 100 * math.exp(-n / 100), cost_seconds=0.002)
    assert warm_up(bench.lap, Protocol(), bench.now)
    assert bench.length(bench.laps) <= 116
    assert 0.3 <= bench.seconds <= 1.0


def test_warming_up_takes_its_time_even_when_nothing_changes() -> None:
    bench = Bench(lambda _: 100.0)
    assert warm_up(bench.lap, Protocol(warm_seconds=0.3), bench.now)
    assert 0.3 <= bench.seconds <= 0.31


def test_warming_up_ends_with_its_budget() -> None:
    bench = Bench(lambda n: 100.0 + 50 * (n // 8 % 2))
    assert not warm_up(bench.lap, Protocol(), bench.now)
    assert bench.seconds == pytest.approx(2.0, abs=0.02)


def test_one_slow_lap_may_be_all_the_warming_up() -> None:
    bench = Bench(lambda _: 5e6, cost_seconds=5.0)
    assert not warm_up(bench.lap, Protocol(), bench.now)
    assert bench.laps == 1


@pytest.mark.parametrize(
    ("excess_us", "agree"), [(-1.0, False), (-0.05, True), (0.0, True), (1500.0, True), (3000.0, False)], ids=str
)
def test_the_card_s_clock_is_held_against_the_host_s(excess_us: float, agree: bool) -> None:
    bench = Bench(lambda _: 100.0, excess_us=excess_us)
    timing = measure(bench.lap, Protocol(), bench.now)
    assert (timing.clocks_agree, timing.host_excess_us) == (agree, pytest.approx(excess_us))


def test_a_busy_host_is_no_reason_for_suspicion() -> None:
    """What counts is the best lap: noticing the end late now and then says nothing of the clocks."""
    late = iter(range(10**6))
    laps = (Lap(100.0, 30.0 if n % 7 == 0 else 9000.0) for n in late)
    bench = Bench(lambda _: 0.0)
    assert measure(lambda: next(laps), Protocol(), bench.now).clocks_agree
