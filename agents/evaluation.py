"""Evaluation: the attempts of one policy, and what follows from them; comparisons of two.

    compile rate   the share of attempts that compiled
    correct rate   the share that passed every check
    pass@k         the chance that at least one of k samples for a spec is correct: Chen et al.'s unbiased estimator,
                   the mean over the specs that have k samples
    fast_p         the share of attempts that are correct and reach at least the fraction p of the device's peak. Named
                   after KernelBench's fast_p, which counts speedups above p over PyTorch instead
    of peak        the mean fraction of peak, an incorrect attempt counting as 0, and how the correct ones spread

Intervals hold 95 %. A share's is Wilson's over attempts: it is about the policy on these specs. Those of pass@k
resample specs, those of means and of every comparison specs and then samples within: they are about specs like these.
An attempt on which the grader itself failed counts nowhere, and `ungraded` says how many there were.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from typing import Literal

import numpy as np

from cudagym.agents.statistics import bootstrap_mean, grouped_bootstrap, pass_at, sign_flip_test, wilson
from cudagym.errors import UsageError
from cudagym.record import Record
from cudagym.report import ALL, ComparisonRow, Estimate, ScoreRow, Spread
from cudagym.specs import UNSEEN_HARDWARE
from cudagym.specs.spec import SPLITS
from cudagym.verdict import Status

FRACTIONS = (0.1, 0.25, 0.5, 0.75)
"""The fractions of peak for `fast`."""
PASSES = (1, 2, 4, 8, 16, 32, 64, 128)
"""The k of pass@k, as far as there are samples."""
QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)
BINS = 10
"""Of the histogram of fractions of peak, all equally wide."""


class Attempt(Record):
    """One completion for one spec, and what it was worth."""

    spec: str
    family: str
    split: str
    sample: int
    """Which of the spec's samples, from 0: pairs attempts of two evaluations."""
    status: Status | Literal["no_answer"]
    """`no_answer`: Claude refused, or was cut off. That is a failed attempt; when no message came at all, `reward`
    is None."""
    compiled: bool
    fraction: float
    """Of peak; 0 unless correct."""
    reward: float | None
    """None when the grader failed."""
    demonstrated: bool
    """Whether it is one of the demonstrations, but for comments."""
    program: str
    """The source without comments."""


class Evaluation(Record):
    """All attempts of one policy. What can be said about them follows from these."""

    policy: str
    checkpoint: str
    """A digest of its weights, or of whatever else decides what it writes."""
    device: str
    seed: int
    specs: Mapping[str, str]
    """What each spec was, as a hash by name: attempts at different specs of one name are not comparable."""
    weights: Mapping[str, float]
    """Of the reward's terms."""
    attempts: tuple[Attempt, ...]

    @property
    def rows(self) -> tuple[ScoreRow, ...]:
        """The scores per split, and over all attempts when there is more than one split."""
        return self._rows("split")

    @property
    def families(self) -> tuple[ScoreRow, ...]:
        """The scores per family."""
        return tuple(row for row in self._rows("family") if row.family != ALL)

    @property
    def graded(self) -> list[Attempt]:
        return [attempt for attempt in self.attempts if attempt.reward is not None]

    @property
    def ungraded(self) -> int:
        """Attempts on which the grader itself failed, and answers that never came."""
        return len(self.attempts) - len(self.graded)

    @property
    def demonstrated(self) -> Estimate:
        """The share of attempts that repeat a demonstration, but for comments."""
        return wilson(sum(attempt.demonstrated for attempt in self.attempts), len(self.attempts))

    @property
    def unique_correct(self) -> int:
        """Different correct programs, comments apart."""
        return len({(a.spec, a.program) for a in self.attempts if a.status == "correct"})

    def _rows(self, key: Literal["split", "family"]) -> tuple[ScoreRow, ...]:
        found = [self._row(attempts, **{key: name}) for name, attempts in _by(key, self.graded)]
        return tuple(found) if len(found) == 1 else (*found, self._row(self.graded))

    def _row(self, attempts: list[Attempt], split: str = ALL, family: str = ALL) -> ScoreRow:
        count = len(attempts)
        return ScoreRow(
            policy=self.policy,
            split=split,
            family=family,
            specs=len({a.spec for a in attempts}),
            attempts=count,
            compiled=wilson(sum(a.compiled for a in attempts), count),
            correct=wilson(sum(a.status == "correct" for a in attempts), count),
            pass_at=_passes(attempts, self.seed),
            fraction=self._mean(attempts, lambda a: a.fraction),
            spread=spread([a.fraction for a in attempts if a.status == "correct"]),
            fast={p: wilson(sum(a.fraction >= p for a in attempts), count) for p in FRACTIONS},
            reward=self._mean(attempts, lambda a: a.reward or 0.0),
        )

    def _mean(self, attempts: list[Attempt], value: Callable[[Attempt], float]) -> Estimate:
        if not attempts:
            return Estimate(mean=0.0, low=0.0, high=1.0)
        return grouped_bootstrap([[value(a) for a in group] for group in _by_spec(attempts)], seed=self.seed)

    def summary(self) -> dict[str, object]:
        """The scores as plain values, for files and programs."""
        return {
            "policy": self.policy,
            "checkpoint": self.checkpoint,
            "device": self.device,
            "rows": [row.model_dump(mode="json") for row in self.rows],
            "families": [row.model_dump(mode="json") for row in self.families],
            "demonstrated": self.demonstrated.model_dump(),
            "unique_correct": self.unique_correct,
            "ungraded": self.ungraded,
        }


def spread(fractions: Sequence[float]) -> Spread:
    """How fractions of peak are distributed."""
    counts, _ = np.histogram(fractions, bins=BINS, range=(0.0, 1.0))
    values: Sequence[float] = np.quantile(fractions, QUANTILES).tolist() if fractions else []
    return Spread(
        quantiles={q: float(value) for q, value in zip(QUANTILES, values, strict=False)},
        histogram=tuple(int(count) for count in counts),
    )


def compare(before: Evaluation, after: Evaluation) -> tuple[ComparisonRow, ...]:
    """What `after` has more than `before`, over the same (spec, sample): per split, per family and over all.

    A pair of which one could not be graded is left out. Raises UsageError when no pair remains, and when the two were
    graded by other rules: another device, other weights of the reward, another spec of the same name.
    """
    for what in ("device", "weights"):
        if (old := getattr(before, what)) != (new := getattr(after, what)):
            raise UsageError(
                f"{before.policy} and {after.policy} cannot be compared: their {what} differ ({old} and {new})."
            )
    old = {(a.spec, a.sample): a for a in before.graded}
    new = {(a.spec, a.sample): a for a in after.graded}
    pairs = [(old[key], new[key]) for key in old if key in new]
    if not pairs:
        raise UsageError(f"{before.policy} and {after.policy} have no (spec, sample) in common to compare.")
    for name in {a.spec for a, _ in pairs}:
        if before.specs[name] != after.specs[name]:
            raise UsageError(
                f"{before.policy} and {after.policy} cannot be compared: {name} was another spec for one of them. "
                "Evaluate both anew."
            )
    partner = {(a.spec, a.sample): b for a, b in pairs}
    firsts = [a for a, _ in pairs]

    def row(attempts: Sequence[Attempt], split: str = ALL, family: str = ALL) -> ComparisonRow:
        groups = [[(a, partner[a.spec, a.sample]) for a in group] for group in _by_spec(attempts)]

        def gain(value: Callable[[Attempt], float]) -> Estimate:
            return grouped_bootstrap([[value(b) - value(a) for a, b in group] for group in groups], seed=before.seed)

        means = [sum((b.reward or 0.0) - (a.reward or 0.0) for a, b in group) / len(group) for group in groups]
        return ComparisonRow(
            before=before.policy,
            after=after.policy,
            split=split,
            family=family,
            specs=len(groups),
            pairs=len(attempts),
            correct=gain(lambda a: float(a.status == "correct")),
            fraction=gain(lambda a: a.fraction),
            reward=gain(lambda a: a.reward or 0.0),
            p_value=sign_flip_test(means, seed=before.seed),
        )

    rows = [row(attempts, split=name) for name, attempts in _by("split", firsts)]
    rows += [row(attempts, family=name) for name, attempts in _by("family", firsts)]
    return (*rows, row(firsts))


def _passes(attempts: Iterable[Attempt], seed: int) -> dict[int, Estimate]:
    """pass@k by k, over the specs that have k samples, for every k that at least one has.

    Only specs are resampled: drawing samples twice would make any k samples less varied than they are.
    """
    counts = [(len(group), sum(a.status == "correct" for a in group)) for group in _by_spec(attempts)]
    found = {}
    for k in PASSES:
        if values := [pass_at(k, samples, correct) for samples, correct in counts if samples >= k]:
            found[k] = bootstrap_mean(values, seed=seed)
    return found


def _by(key: Literal["split", "family"], attempts: Iterable[Attempt]) -> list[tuple[str, list[Attempt]]]:
    """The attempts per split, in the order of SPLITS, or per family, in that of the alphabet."""
    order = {name: rank for rank, name in enumerate((*SPLITS, UNSEEN_HARDWARE))}

    def of(attempt: Attempt) -> str:
        return str(getattr(attempt, key))

    ordered = sorted(attempts, key=lambda a: (order.get(of(a), 0) if key == "split" else 0, of(a)))
    return [(name, list(group)) for name, group in groupby(ordered, of)]


def _by_spec(attempts: Iterable[Attempt]) -> list[list[Attempt]]:
    """The attempts at each spec, both in an order of their own, so that equal attempts give equal intervals."""
    ordered = sorted(attempts, key=lambda a: (a.spec, a.sample))
    return [list(group) for _, group in groupby(ordered, lambda a: a.spec)]
