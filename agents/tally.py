"""Tally: what a run's rollouts amount to, read once and without keeping them.

An attempt that is in the log twice, as those of a step of GRPO that was repeated, counts as it was last.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import takewhile
from typing import NamedTuple

from cudagym.agents.demonstrations import TEACHERS
from cudagym.build.compile_error import compile_error
from cudagym.rewards.terms import TERMS
from cudagym.rollouts import Rollout
from cudagym.verdict import STATUSES

TRAINING = "training"
"""The agent whose rollouts are GRPO's samples."""


class Sample(NamedTuple):
    """What remains of a rollout. `kind` says more about a failure; `step` is GRPO's, from 1, and `group` names the
    question it was sampled for."""

    agent: str
    spec: str
    device: str
    time_kind: str | None
    status: str
    kind: str
    fraction: float | None
    reward: float | None
    terms: tuple[float, ...]
    created: datetime
    step: int | None
    group: int


class Step(NamedTuple):
    """The samples of one step of GRPO. Means are over those that were graded; None without any."""

    attempts: int
    statuses: Mapping[str, int]
    reward: float | None
    terms: Mapping[str, float]
    groups: int
    flat: int
    """Groups whose samples all earned the same, which teach nothing."""


class Failure(NamedTuple):
    """Failed attempts of one kind, and one of them."""

    status: str
    kind: str
    agents: Mapping[str, int]
    example: Rollout

    @property
    def attempts(self) -> int:
        return sum(self.agents.values())


class Demonstrated(NamedTuple):
    """What one teacher wrote for one spec."""

    teacher: str
    spec: str
    attempts: int
    correct: int
    best: float | None
    """The highest fraction of peak."""


class Tally:
    """`best` has the fastest correct rollout by spec."""

    def __init__(self, rollouts: Iterable[Rollout]) -> None:
        self._samples: dict[str, Sample] = {}
        self._examples: dict[tuple[str, str], Rollout] = {}
        self.best: dict[str, Rollout] = {}
        for rollout in rollouts:
            sample = _sample(rollout)
            self._samples[rollout.key] = sample
            if sample.status != "correct":
                self._examples.setdefault((sample.status, sample.kind), rollout)
            known = self.best.get(rollout.spec)
            if sample.fraction is not None and sample.fraction > (_fraction(known) if known else -1.0):
                self.best[rollout.spec] = rollout

    @property
    def samples(self) -> Sequence[Sample]:
        return list(self._samples.values())

    @property
    def devices(self) -> list[str]:
        return sorted({sample.device for sample in self._samples.values()})

    @property
    def time_kinds(self) -> list[str]:
        return sorted({sample.time_kind for sample in self._samples.values() if sample.time_kind})

    def correct(self, keys: Iterable[str]) -> int:
        """How many of these attempts are correct."""
        found = (self._samples.get(key) for key in keys)
        return sum(sample is not None and sample.status == "correct" for sample in found)

    @property
    def agents(self) -> dict[str, list[Sample]]:
        """The samples by agent: teachers, then GRPO, then others as they came."""
        found: dict[str, list[Sample]] = {agent: [] for agent in (*TEACHERS, TRAINING)}
        for sample in self._samples.values():
            found.setdefault(sample.agent, []).append(sample)
        return {agent: samples for agent, samples in found.items() if samples}

    @property
    def statuses(self) -> dict[str, Counter[str]]:
        """How often each status came up, by agent."""
        return {agent: Counter(sample.status for sample in samples) for agent, samples in self.agents.items()}

    @property
    def steps(self) -> dict[int, Step]:
        """The steps of GRPO, in order."""
        found: dict[int, list[Sample]] = defaultdict(list)
        for sample in self._samples.values():
            if sample.step is not None:
                found[sample.step].append(sample)
        return {step: _step(samples) for step, samples in sorted(found.items())}

    @property
    def failures(self) -> list[Failure]:
        """Kinds of failures, statuses in their order, the most frequent kind of each first."""
        counts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
        for sample in self._samples.values():
            if sample.status != "correct":
                counts[sample.status, sample.kind][sample.agent] += 1
        found = [Failure(*key, agents, self._examples[key]) for key, agents in counts.items()]
        order = [str(status) for status in STATUSES]
        return sorted(found, key=lambda each: (order.index(each.status), -each.attempts, each.kind))

    @property
    def demonstrations(self) -> list[Demonstrated]:
        """By spec and teacher."""
        found: dict[tuple[str, str], list[Sample]] = defaultdict(list)
        for sample in self._samples.values():
            if sample.agent in TEACHERS:
                found[sample.spec, sample.agent].append(sample)
        rows = []
        for (spec, teacher), samples in sorted(found.items()):
            fractions = [sample.fraction for sample in samples if sample.fraction is not None]
            rows.append(Demonstrated(teacher, spec, len(samples), len(fractions), max(fractions, default=None)))
        return rows


def _sample(rollout: Rollout) -> Sample:
    verdict = rollout.verdict
    kind = ""
    if verdict.status == "build_failed":
        kind = compile_error(verdict.message)
    elif verdict.faults:
        kind = verdict.faults[0].kind
    asked = takewhile(lambda message: message.role != "assistant", rollout.messages)
    attempt = rollout.key.rpartition("/")[2].partition(".")[0]
    return Sample(
        agent=rollout.agent,
        spec=rollout.spec,
        device=verdict.device,
        time_kind=verdict.time_kind,
        status=verdict.status,
        kind=kind,
        fraction=verdict.fraction_of_peak,
        reward=rollout.reward,
        terms=tuple(rollout.rewards.get(term, 0.0) for term in TERMS) if rollout.reward is not None else (),
        created=rollout.created,
        step=int(attempt) + 1 if rollout.agent == TRAINING and attempt.isdecimal() else None,
        group=hash((rollout.spec, *(message.content for message in asked))),
    )


def _step(samples: Sequence[Sample]) -> Step:
    graded = [sample for sample in samples if sample.reward is not None]
    earned: dict[int, set[tuple[float, ...]]] = {sample.group: set() for sample in samples}
    for sample in graded:
        earned[sample.group].add(sample.terms)

    def mean(values: Iterable[float]) -> float:
        return sum(values) / len(graded)

    return Step(
        attempts=len(samples),
        statuses=Counter(sample.status for sample in samples),
        reward=mean(sample.reward or 0.0 for sample in graded) if graded else None,
        terms={term: mean(each.terms[k] for each in graded) for k, term in enumerate(TERMS)} if graded else {},
        groups=len(earned),
        flat=sum(len(terms) < 2 for terms in earned.values()),
    )


def _fraction(rollout: Rollout) -> float:
    return rollout.verdict.fraction_of_peak or 0.0
