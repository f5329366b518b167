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
from statistics import fmean
from typing import Any, NamedTuple

from cudagym import grader
from cudagym.build.compile_error import COMPILE_ERRORS, compile_error
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
        self._known: tuple[int, list[tuple[str, str]]] | None = None
        self._verdicts: list[Verdict] = []

    def verdicts(self, step: int, items: list[tuple[str, str]]) -> tuple[list[Verdict], bool]:
        """A verdict per (spec, source), and whether they were made just now."""
        fresh = (step, items) != self._known  # a policy may write the same again in the next step
        if fresh:
            self._verdicts = grader.grade_many(items, device=self.device, seed=self.seed)
            self._known = step, items
        return self._verdicts, fresh


class Graded(NamedTuple):
    """One completion of a batch and its verdict, for whoever keeps a log."""

    spec: str
    prompt: Completion
    """With what was said in earlier turns."""
    completion: str
    verdict: Verdict


Listener = Callable[[int, Sequence[Graded]], None]
"""Called once per batch, with the trainer's step."""


def make_reward_functions(
    *, device: str = "auto", seed: int = 0, listener: Listener | None = None, shuffled: bool = False
) -> list[RewardFunction]:
    """`compile_reward`, `numeric_reward` and `throughput_reward`, sharing one grading of each batch.

    What counts is the source in a completion, or the `best` one of its `cudagym.envs.episode.Episode`.

    `device` and `seed` are those of `cudagym.grade`. Each batch goes to `listener`, and logs as metrics the share of
    every status (`status/<status>`) and of every class of compile errors (`compile_error/<class>`), both of all
    completions; the mean and the best fraction of peak of the correct ones (`fraction_of_peak/mean`, `.../best`); how
    many groups there are, and how many of them are flat (`groups/all`, `groups/flat`). The columns `spec`, `status` and
    `fraction_of_peak` say the same of every completion.

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
        step = trainer_state.global_step if trainer_state else 0
        texts = _counted(completions, environments)
        items = [(name, extract_source(text)) for name, text in zip(spec, texts, strict=True)]
        verdicts, fresh = batch.verdicts(step, items)
        if fresh:
            if log_metric is not None:
                for name, value in (_shares(verdicts) | _groups(spec, prompts, verdicts)).items():
                    log_metric(name, value)
            if log_extra is not None:
                log_extra("spec", list(spec))
                log_extra("status", [verdict.status for verdict in verdicts])
                log_extra("fraction_of_peak", [verdict.fraction_of_peak for verdict in verdicts])
            if listener is not None:
                said = _asked(prompts, environments)
                listener(step, [Graded(*each) for each in zip(spec, said, texts, verdicts, strict=True)])
        terms = [terms_of(verdict) for verdict in verdicts]
        if shuffled:
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


def _asked(prompts: Sequence[Completion], environments: Sequence[Any] | None) -> list[Completion]:
    """What led to the text that counts of each completion: the prompt, and the turns of its episode before that."""
    if environments is None:
        return list(prompts)
    return [
        prompt if isinstance(prompt, str) else [*prompt, *each.before_best]
        for prompt, each in zip(prompts, environments, strict=True)
    ]


def _groups(specs: Sequence[str], prompts: Sequence[Completion], verdicts: Sequence[Verdict]) -> dict[str, float]:
    """How many groups there are, and how many are flat: all of one prompt's completions earn the same terms."""
    earned: dict[tuple[str, str], set[Any]] = {}
    for spec, prompt, verdict in zip(specs, prompts, verdicts, strict=True):
        members = earned.setdefault((spec, str(prompt)), set())
        if (terms := terms_of(verdict)) is not None:
            members.add((terms.compile, terms.numeric, terms.throughput))
    return {"groups/all": len(earned), "groups/flat": sum(len(each) < 2 for each in earned.values())}


def _shares(verdicts: Sequence[Verdict]) -> dict[str, float]:
    """The shares of statuses and classes of compile errors, and how fast the correct ones are."""
    statuses = Counter(verdict.status for verdict in verdicts)
    errors = Counter(compile_error(verdict.message) for verdict in verdicts if verdict.status == "build_failed")
    found = {f"status/{status}": statuses[status] / len(verdicts) for status in STATUSES}
    found |= {f"compile_error/{name}": errors[name] / len(verdicts) for name in COMPILE_ERRORS}
    if fractions := [verdict.fraction_of_peak for verdict in verdicts if verdict.fraction_of_peak is not None]:
        found |= {"fraction_of_peak/mean": fmean(fractions), "fraction_of_peak/best": max(fractions)}
    return found
