"""Intervals for rates and means: Wilson's for a share, percentile bootstraps for means over specs and their samples.

Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927).
Efron and Tibshirani, "An Introduction to the Bootstrap" (1993), chapter 13.
Davison and Hinkley, "Bootstrap Methods and their Application" (1997), section 3.8, on data in groups.
Chen et al., "Evaluating large language models trained on code" (2021), section 2.1, on pass@k.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import comb, sqrt
from statistics import NormalDist
from typing import Any

import numpy as np

from cudagym.report import Estimate

CONFIDENCE = 0.95
"""How often an interval is meant to hold the true value."""
RESAMPLES = 10_000
CHUNK = 1 << 22
"""Values drawn at once, which bounds memory."""


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


def pass_at(k: int, samples: int, correct: int) -> float:
    """The chance that at least one of k samples is correct, estimated without bias from `correct` of `samples`.

    One less the share of the k-subsets of the samples that hold no correct one. Raises ValueError when k > samples.
    """
    if not 1 <= k <= samples or not 0 <= correct <= samples:
        raise ValueError(f"pass@{k} from {correct} correct of {samples} samples")
    return 1.0 - comb(samples - correct, k) / comb(samples, k)


def bootstrap_mean(values: Sequence[float], *, seed: int = 0) -> Estimate:
    """The mean with a percentile bootstrap interval. Raises ValueError for no values."""
    return grouped_bootstrap([[value] for value in values], seed=seed)


def grouped_bootstrap(groups: Sequence[Sequence[float]], *, seed: int = 0) -> Estimate:
    """The mean over groups of each group's mean; its interval resamples groups, then values within each.

    The groups are specs and the values their samples, or differences of paired samples. The interval is about specs
    like these, not only about these, and rather too wide than too narrow. Raises ValueError for no values.
    """
    if not groups or not all(groups):
        raise ValueError("the mean of no values")
    counts = np.array([len(group) for group in groups])
    table = np.zeros((len(groups), counts.max()))
    for row, group in zip(table, groups, strict=True):
        row[: len(group)] = group
    generator = np.random.default_rng(seed)
    chunk = max(1, CHUNK // table.size)
    means = [
        _resampled(table, counts, min(chunk, RESAMPLES - start), generator) for start in range(0, RESAMPLES, chunk)
    ]
    mean = float((table.sum(axis=1) / counts).mean())
    low, high = np.quantile(np.concatenate(means), [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Estimate(mean=mean, low=float(low), high=float(high))


def _resampled(table: Any, counts: Any, times: int, generator: np.random.Generator) -> Any:
    """`times` means of resampled groups. Row g of `table` holds `counts[g]` values, then zeros."""
    picks = generator.integers(0, len(counts), size=(times, len(counts)))
    sizes = counts[picks][..., None]
    draws = (generator.random((*picks.shape, table.shape[1])) * sizes).astype(np.intp)
    values = table[picks[..., None], draws]
    if counts.min() < table.shape[1]:
        values *= np.arange(table.shape[1]) < sizes
    return (values.sum(axis=2) / sizes[..., 0]).mean(axis=1)


def sign_flip_test(differences: Sequence[float], *, seed: int = 0) -> float:
    """How often the mean would be as far from 0 or farther if each spec's difference could as well have had the
    other sign: a two-sided p-value, above 0 always. Raises ValueError for no differences.
    """
    if not differences:
        raise ValueError("the mean of no values")
    values = np.asarray(differences, dtype=np.float64)
    signs = np.random.default_rng(seed).choice((-1.0, 1.0), size=(RESAMPLES, values.size))
    far = np.abs(signs @ values) >= abs(values.sum()) * (1 - 1e-12)
    return float((1 + far.sum()) / (1 + RESAMPLES))
