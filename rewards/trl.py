"""The reward terms as TRL reward functions, for `GRPOTrainer(reward_funcs=...)`.

    functions = make_reward_functions(device="sim:h100")
    GRPOConfig(..., reward_weights=Weights().in_order())

The dataset needs a column `spec` with the name of the spec each prompt asks for. Each function returns its raw
term in [0, 1] and can be used alone; weighting is the trainer's. Together they judge a batch once: whichever is
called first grades it, and the others read the same verdicts. A completion the grader failed on is worth None,
which TRL leaves out of the group's statistics.

With `shuffled` the same rewards reach other completions: a control that training owes nothing to.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any, NamedTuple

from cudagym import grader
from cudagym.errors import UsageError
from cudagym.prompts import extract_source
from cudagym.rewards.terms import TERMS, terms_of
from cudagym.verdict import STATUSES, Verdict

Completion = str | Sequence[Mapping[str, Any]]
"""Plain text, or the conversation that an assistant's messages add."""


RewardFunction = Callable[..., list[float | None]]
"""What TRL calls, with keywords only: one value per completion, None where the function does not apply."""


class _Batch:
    """The verdicts of the last batch, so that every function of one set grades it only once."""

    def __init__(self, device: str, seed: int) -> None:
        self.device, self.seed = device, seed
        self._items: list[tuple[str, str]] | None = None
        self._verdicts: list[Verdict] = []

    def verdicts(self, items: list[tuple[str, str]]) -> tuple[list[Verdict], bool]:
        """A verdict per (spec, source), and whether they were made just now."""
        fresh = items != self._items
        if fresh:
            self._verdicts = grader.grade_many(items, device=self.device, seed=self.seed)
            self._items = items
        return self._verdicts, fresh


class Graded(NamedTuple):
    """One completion of a batch and its verdict, for whoever keeps a log."""

    spec: str
    prompt: Completion
    completion: str
    verdict: Verdict


Listener = Callable[[int, Sequence[Graded]], None]
"""Called once per batch, with the trainer's step."""


def make_reward_functions(
    *, device: str = "auto", seed: int = 0, listener: Listener | None = None, shuffled: bool = False
) -> list[RewardFunction]:
    """`compile_reward`, `numeric_reward` and `throughput_reward`, sharing one grading of each batch.

    What counts is the source in a completion, or the `best` one of its `cudagym.envs.episode.Episode`.

    `device` and `seed` are those of `cudagym.grade`. Each batch logs as metrics the share of every status
    (`status/<status>`), how many groups there are and how many of them are flat (`groups/all`, `groups/flat`), and as
    the column `status` every completion's status, and goes to `listener`.

    With `shuffled`, the completions of one prompt swap their rewards: all terms of one go to one other, by a
    permutation that `seed`, the trainer's step and the spec decide. Every group keeps the rewards that it earned, their
    mean, their variance and their Nones. Statuses and what `listener` hears stay each completion's own.
    """
    batch = _Batch(device, seed)
    return [_reward_function(term, batch, listener, shuffled) for term in TERMS]


def _reward_function(term: str, batch: _Batch, listener: Listener | None, shuffled: bool) -> RewardFunction:
    def reward(
        *,
        prompts: Sequence[Completion],
        completions: Sequence[Completion],
        spec: Sequence[str] | None = None,
        trainer_state: Any = None,
        log_metric: Callable[[str, float], None] | None = None,
        log_extra: Callable[[str, list[Any]], None] | None = None,
        environments: Sequence[Any] | None = None,
        **columns: Any,
    ) -> list[float | None]:
        if spec is None:
            raise UsageError("the dataset needs a column `spec` that names the spec each prompt asks for")
        texts = _counted(completions, environments)
        items = [(name, extract_source(text)) for name, text in zip(spec, texts, strict=True)]
        verdicts, fresh = batch.verdicts(items)
        if fresh:
            _log(verdicts, log_metric, log_extra)
            _log_groups(list(zip(spec, map(str, prompts), strict=True)), verdicts, log_metric)
            if listener is not None:
                step = trainer_state.global_step if trainer_state else 0
                listener(step, [Graded(*each) for each in zip(spec, prompts, texts, verdicts, strict=True)])
        terms = [terms_of(verdict) for verdict in verdicts]
        if shuffled:
            step = trainer_state.global_step if trainer_state else 0
            terms = [terms[other] for other in _permutation(spec, prompts, f"{batch.seed}/{step}")]
        return [None if each is None else getattr(each, term) for each in terms]

    reward.__name__ = reward.__qualname__ = f"{term}_reward"
    reward.__doc__ = f"The term `{term}` of every completion."
    return reward


def _permutation(specs: Sequence[str], prompts: Sequence[Completion], key: str) -> list[int]:
    """For each completion the one whose reward it gets: one for the same spec and prompt. The same for the same key."""
    groups: dict[tuple[str, str], list[int]] = {}
    for index, (spec, prompt) in enumerate(zip(specs, prompts, strict=True)):
        groups.setdefault((spec, str(prompt)), []).append(index)
    found = list(range(len(specs)))
    for (spec, _), members in groups.items():
        drawn = Random(f"{key}/{spec}").sample(members, len(members))
        for index, other in zip(members, drawn, strict=True):
            found[index] = other
    return found


def _text(completion: Completion) -> str:
    """The text of a completion; of a conversation, what the assistant said last."""
    if isinstance(completion, str):
        return completion
    said = [message["content"] for message in completion if message["role"] == "assistant"]
    return str(said[-1] or "") if said else ""


def _counted(completions: Sequence[Completion], environments: Sequence[Any] | None) -> list[str]:
    """The text that counts of each completion: the best source submitted in its episode, else what was said last."""
    submitted = [None] * len(completions) if environments is None else [each.best for each in environments]
    return [_text(said) if source is None else source for said, source in zip(completions, submitted, strict=True)]


def _log_groups(
    keys: Sequence[tuple[str, str]], verdicts: Sequence[Verdict], log_metric: Callable[[str, float], None] | None
) -> None:
    """How many groups there are, and how many are flat: all of one prompt's completions earn the same terms."""
    earned: dict[tuple[str, str], set[Any]] = {}
    for key, verdict in zip(keys, verdicts, strict=True):
        if (terms := terms_of(verdict)) is not None:
            earned.setdefault(key, set()).add((terms.compile, terms.numeric, terms.throughput))
    if log_metric is not None:
        log_metric("groups/all", len(set(keys)))
        log_metric("groups/flat", len(set(keys)) - sum(len(each) > 1 for each in earned.values()))


def _log(
    verdicts: list[Verdict],
    log_metric: Callable[[str, float], None] | None,
    log_extra: Callable[[str, list[Any]], None] | None,
) -> None:
    counts = Counter(verdict.status for verdict in verdicts)
    if log_metric is not None:
        for status in STATUSES:
            log_metric(f"status/{status}", counts[status] / len(verdicts))
    if log_extra is not None:
        log_extra("status", [verdict.status for verdict in verdicts])
