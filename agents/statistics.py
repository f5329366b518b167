"""Intervals for rates and means: Wilson's for a share, percentile bootstraps for a mean and a paired difference.

Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927).
Efron and Tibshirani, "An Introduction to the Bootstrap" (1993), chapter 13.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from statistics import NormalDist

import numpy as np

from cudagym.report import Estimate

CONFIDENCE = 0.95
"""How often an interval is meant to hold the true value."""
RESAMPLES = 10_000


def wilson(successes: int, trials: int) -> Estimate:
    """The share `successes / trials` with Wilson's score interval. Without trials: 0 in [0, 1]."""
    if not 0 <= successes <= trials:
        raise ValueError(f"{successes} successes out of {trials} trials")
    if trials == 0:
        return Estimate(mean=0.0, low=0.0, high=1.0)
    z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
    share = successes / trials
    centre = (share + z * z / (2 * trials)) / (1 + z * z / trials)
    half = z / (1 + z * z / trials) * sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    return Estimate(mean=share, low=max(0.0, centre - half), high=min(1.0, centre + half))


def bootstrap_mean(values: Sequence[float], *, seed: int = 0) -> Estimate:
    """The mean with a percentile bootstrap interval. Raises ValueError for no values."""
    if not values:
        raise ValueError("the mean of no values")
    sample = np.asarray(values, dtype=np.float64)
    generator = np.random.default_rng(seed)
    picks = generator.integers(0, sample.size, size=(RESAMPLES, sample.size))
    low, high = np.quantile(sample[picks].mean(axis=1), [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Estimate(mean=float(sample.mean()), low=float(low), high=float(high))


def paired_bootstrap(before: Sequence[float], after: Sequence[float], *, seed: int = 0) -> Estimate:
    """The mean of `after[i] - before[i]`, resampling the pairs. Raises ValueError when the lengths differ."""
    return bootstrap_mean([b - a for a, b in zip(before, after, strict=True)], seed=seed)
