"""Evaluation: what a checkpoint's completions are worth, per split, with intervals.

Completions are sampled with a fixed seed, graded through `cudagym.grader`, like every other reward, and written
to the run's rollouts. Rates carry Wilson intervals, means bootstrap intervals over attempts: they say how well
the samples show what the policy does on these specs, and nothing about others. An attempt on which the grader
itself failed counts nowhere, and `ungraded` says how many there were.

`fast` is named after KernelBench's fast_p, but relative to the roofline instead of another implementation: the
share of attempts that are correct and reach more than the fraction p of the device's peak.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from cudagym import prompts, runs
from cudagym.agents import policy
from cudagym.agents.demonstrations import TEACHERS
from cudagym.agents.rollout import make_rollout
from cudagym.agents.stage import weights_digest
from cudagym.agents.statistics import bootstrap_mean, paired_bootstrap, wilson
from cudagym.config import EvaluateConfig
from cudagym.errors import UsageError
from cudagym.grader import Progress, grade_many, resolve_device
from cudagym.hardware import gpu
from cudagym.record import Record
from cudagym.report import Estimate, ScoreRow
from cudagym.rewards.terms import Weights, score
from cudagym.rollouts import RolloutLog
from cudagym.source import without_comments
from cudagym.specs.spec import SPLITS, KernelSpec
from cudagym.verdict import Status, Verdict

FRACTIONS = (0.1, 0.25, 0.5, 0.75)
"""The fractions of peak for `fast`."""
RESERVED = (*TEACHERS, "training")
"""The first part of the keys of rollouts that are a teacher's, or were sampled while training."""
OVERALL = "all"
"""What stands for the split in the row over all attempts."""


class Attempt(Record):
    """One completion for one spec, and what it was worth."""

    spec: str
    split: str
    sample: int
    """Which of the spec's samples, from 0: pairs attempts of two evaluations."""
    status: Status
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
    """A digest of its weights."""
    device: str
    seed: int
    attempts: tuple[Attempt, ...]

    @property
    def rows(self) -> tuple[ScoreRow, ...]:
        """The scores per split, and over all attempts when there is more than one split."""
        present = [split for split in SPLITS if any(attempt.split == split for attempt in self.graded)]
        rows = [self._row(split, [a for a in self.graded if a.split == split]) for split in present]
        return (*rows, self._row(OVERALL, self.graded)) if len(rows) > 1 else tuple(rows)

    @property
    def graded(self) -> list[Attempt]:
        return [attempt for attempt in self.attempts if attempt.reward is not None]

    @property
    def ungraded(self) -> int:
        """Attempts on which the grader itself failed."""
        return len(self.attempts) - len(self.graded)

    @property
    def demonstrated(self) -> Estimate:
        """The share of attempts that repeat a demonstration, but for comments."""
        return wilson(sum(attempt.demonstrated for attempt in self.attempts), len(self.attempts))

    @property
    def unique_correct(self) -> int:
        """Different correct programs, comments apart."""
        return len({(a.spec, a.program) for a in self.attempts if a.status == "correct"})

    def _row(self, split: str, attempts: list[Attempt]) -> ScoreRow:
        count = len(attempts)
        return ScoreRow(
            policy=self.policy,
            split=split,
            attempts=count,
            compiled=wilson(sum(a.compiled for a in attempts), count),
            correct=wilson(sum(a.status == "correct" for a in attempts), count),
            fraction=bootstrap_mean([a.fraction for a in attempts], seed=self.seed),
            fast={p: wilson(sum(a.fraction > p for a in attempts), count) for p in FRACTIONS},
            reward=bootstrap_mean([a.reward or 0.0 for a in attempts], seed=self.seed),
        )


def evaluate(
    checkpoint: Path,
    specs: Sequence[KernelSpec],
    settings: EvaluateConfig,
    *,
    name: str,
    device: str = "auto",
    seed: int = 0,
    weights: Weights | None = None,
    log: RolloutLog | None = None,
    demonstrated: Iterable[str] = (),
    progress: Progress | None = None,
) -> Evaluation:
    """Sample and grade `settings.samples` completions per spec from a checkpoint or adapter folder.

    `name` says which policy it is, in the rollouts (`<name>/<spec>/<sample>`) and the scores; rollouts that `log`
    already has are not written again. `demonstrated` are the sources the policy was trained on. Equal arguments
    give equal attempts. Raises UsageError when there is no spec or no checkpoint, and for a name that cannot be.
    """
    check_name(name)
    if not specs:
        raise UsageError("nothing to evaluate on: select at least one spec.")
    card = gpu(resolve_device(device).removeprefix("sim:"))
    wanted = [(spec, sample) for spec in specs for sample in range(settings.samples)]
    asked = [prompts.render(spec, card, style="compact") for spec, _ in wanted]
    completions = policy.complete(
        policy.load(checkpoint),
        asked,
        seed=seed,
        temperature=settings.temperature,
        max_new_tokens=settings.max_new_tokens,
        batch_size=settings.batch_size,
    )
    sources = [prompts.extract_source(completion) for completion in completions]
    items = [(spec, source) for (spec, _), source in zip(wanted, sources, strict=True)]
    verdicts = grade_many(items, device=device, seed=seed, progress=progress)
    if log is not None:
        for (spec, sample), prompt, completion, verdict in zip(wanted, asked, completions, verdicts, strict=True):
            key = f"{name}/{spec.name}/{sample}"
            if key not in log:
                log.append(make_rollout(key, spec, prompt, completion, verdict, weights=weights, seed=seed))
    known = {without_comments(source) for source in demonstrated}
    return Evaluation(
        policy=name,
        checkpoint=weights_digest(checkpoint),
        device=resolve_device(device),
        seed=seed,
        attempts=tuple(
            _attempt(spec, sample, source, verdict, weights, known)
            for (spec, sample), source, verdict in zip(wanted, sources, verdicts, strict=True)
        ),
    )


def check_name(name: str) -> None:
    """Raises UsageError unless a policy may be called `name`, in files and in the keys of its rollouts."""
    if name in RESERVED:
        raise UsageError(f"a policy cannot be called {name!r}, as other rollouts of a run are: choose another name")
    runs.check_name("policy", name)


def compare(before: Evaluation, after: Evaluation) -> Estimate:
    """The mean of `after`'s reward less `before`'s over the same (spec, sample), resampling these pairs.

    Pairs one of which could not be graded are left out. Raises UsageError when none remain.
    """
    old = {(a.spec, a.sample): a.reward for a in before.graded}
    new = {(a.spec, a.sample): a.reward for a in after.graded}
    pairs = [(old[key] or 0.0, new[key] or 0.0) for key in old if key in new]
    if not pairs:
        raise UsageError(f"{before.policy} and {after.policy} have no (spec, sample) in common to compare.")
    return paired_bootstrap([a for a, _ in pairs], [b for _, b in pairs], seed=before.seed)


def _attempt(
    spec: KernelSpec, sample: int, source: str, verdict: Verdict, weights: Weights | None, known: set[str]
) -> Attempt:
    reward = score(verdict, weights)
    program = without_comments(source)
    return Attempt(
        spec=spec.name,
        split=spec.split,
        sample=sample,
        status=verdict.status,
        compiled=reward is not None and reward.terms.compile > 0,
        fraction=verdict.fraction_of_peak or 0.0,
        reward=None if reward is None else reward.total,
        demonstrated=program in known,
        program=program,
    )
