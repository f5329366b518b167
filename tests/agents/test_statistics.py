"""Intervals against published values and against simulation."""

from __future__ import annotations

import numpy as np
import pytest

from cudagym.agents.statistics import bootstrap_mean, paired_bootstrap, wilson


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    # Newcombe, "Two-sided confidence intervals for the single proportion", Statistics in Medicine 17 (1998),
    # table I, method 3.
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_agrees_with_published_intervals(successes: int, trials: int, low: float, high: float) -> None:
    found = wilson(successes, trials)
    assert (found.low, found.high) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))
    assert found.mean == successes / trials


def test_wilson_knows_nothing_without_trials_and_refuses_nonsense() -> None:
    assert (wilson(0, 0).low, wilson(0, 0).high) == (0, 1)
    with pytest.raises(ValueError, match="3 successes out of 2"):
        wilson(3, 2)


def test_bootstrap_agrees_with_the_normal_interval_of_a_mean() -> None:
    values = np.random.default_rng(1).exponential(size=400)
    found = bootstrap_mean(values.tolist())
    half = 1.96 * values.std() / 20
    assert found.mean == pytest.approx(values.mean())
    assert found.low == pytest.approx(values.mean() - half, abs=0.2 * half)
    assert found.high == pytest.approx(values.mean() + half, abs=0.2 * half)


def test_bootstrap_intervals_cover_the_truth_about_as_often_as_they_say() -> None:
    draw = np.random.default_rng(2)
    hits = 0
    for _ in range(200):
        found = bootstrap_mean(draw.uniform(size=40).tolist())
        hits += found.low <= 0.5 <= found.high
    assert 0.89 <= hits / 200 <= 0.99


def test_pairing_removes_what_both_sides_share() -> None:
    draw = np.random.default_rng(3)
    shared = draw.normal(scale=10, size=60)
    before, after = shared.tolist(), (shared + 0.5 + draw.normal(scale=0.1, size=60)).tolist()
    found = paired_bootstrap(before, after)
    assert 0.4 < found.low < 0.5 < found.high < 0.6


def test_the_same_seed_gives_the_same_interval() -> None:
    values = [0.1, 0.4, 0.9, 0.2]
    assert bootstrap_mean(values, seed=5) == bootstrap_mean(values, seed=5)


def test_no_values_and_unequal_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="no values"):
        bootstrap_mean([])
    with pytest.raises(ValueError, match="shorter"):
        paired_bootstrap([1.0, 2.0], [1.0])
