"""Intervals against published values, exact sums and simulation."""

from __future__ import annotations

from itertools import combinations, product
from math import comb

import numpy as np
import pytest

from cudagym.agents.statistics import bootstrap_mean, grouped_bootstrap, pass_at, sign_flip_test, wilson


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


@pytest.mark.parametrize(("samples", "correct"), [(1, 0), (1, 1), (6, 2), (7, 7), (8, 1)])
def test_pass_at_k_counts_the_subsets_with_a_correct_sample(samples: int, correct: int) -> None:
    drawn = [index < correct for index in range(samples)]
    for k in range(1, samples + 1):
        hits = [any(subset) for subset in combinations(drawn, k)]
        assert pass_at(k, samples, correct) == pytest.approx(sum(hits) / len(hits))


@pytest.mark.parametrize("rate", [0.03, 0.4, 0.9])
def test_pass_at_k_is_unbiased(rate: float) -> None:
    samples, k = 12, 5
    expected = sum(
        comb(samples, c) * rate**c * (1 - rate) ** (samples - c) * pass_at(k, samples, c) for c in range(samples + 1)
    )
    assert expected == pytest.approx(1 - (1 - rate) ** k)


def test_pass_at_k_needs_k_samples() -> None:
    with pytest.raises(ValueError, match=r"pass@3 from 1 correct of 2"):
        pass_at(3, 2, 1)


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
    for _ in range(100):
        found = bootstrap_mean(draw.uniform(size=40).tolist())
        hits += found.low <= 0.5 <= found.high
    assert 0.87 <= hits / 100 <= 0.99


def test_intervals_over_groups_are_about_groups_and_not_only_values() -> None:
    draw = np.random.default_rng(3)
    hits = narrow = 0
    for _ in range(40):
        centres = draw.normal(size=20)
        groups = [draw.normal(centre, 0.5, size=6).tolist() for centre in centres]
        found = grouped_bootstrap(groups)
        hits += found.low <= 0 <= found.high
        pooled = bootstrap_mean([value for group in groups for value in group])
        narrow += pooled.low <= 0 <= pooled.high
    assert hits / 40 >= 0.85
    assert narrow < hits - 10  # as if 120 values said as much as 120 specs


def test_groups_count_alike_whatever_their_size() -> None:
    found = grouped_bootstrap([[1.0], [0.0, 0.0, 0.0]])
    assert found.mean == 0.5
    assert (found.low, found.high) == (0, 1)
    uneven = grouped_bootstrap([[2.0], [2.0, 2.0], [2.0] * 5])
    assert (uneven.mean, uneven.low, uneven.high) == (2, 2, 2)


def test_the_sign_flip_test_agrees_with_all_sign_patterns() -> None:
    differences = [0.3, 0.1, -0.05, 0.2, 0.4, 0.02, -0.1]
    sums = [abs(sum(s * d for s, d in zip(signs, differences, strict=True))) for signs in product((1, -1), repeat=7)]
    exact = sum(each >= abs(sum(differences)) - 1e-12 for each in sums) / len(sums)
    assert sign_flip_test(differences) == pytest.approx(exact, abs=0.01)
    assert sign_flip_test([0.0, 0.0]) == 1


def test_the_same_seed_gives_the_same_interval() -> None:
    values = [[0.1, 0.4], [0.9], [0.2, 0.3]]
    assert grouped_bootstrap(values, seed=5) == grouped_bootstrap(values, seed=5)


def test_no_values_are_refused() -> None:
    for values in ([], [[]], [[1.0], []]):
        with pytest.raises(ValueError, match="no values"):
            grouped_bootstrap(values)
