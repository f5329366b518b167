"""Demonstrations: verified sources to learn from, taken from rollouts and turned into rows for TRL.

Only sources the judge found correct count, and only for specs of split train: a policy that has seen a held-out
spec's kernel says nothing about that split, so such a rollout is an error and not skipped.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from cudagym import prompts, specs
from cudagym.errors import UsageError
from cudagym.hardware import GPU
from cudagym.record import Record
from cudagym.rollouts import Rollout
from cudagym.source import without_comments

_ALGORITHM = re.compile(r"//\s*algorithm:\s*(\S+)")


class Demonstration(Record):
    """A correct source for a train spec, and how fast it is."""

    spec: str
    algorithm: str
    """As the source's first comment `// algorithm: ...` names it; empty without one."""
    source: str
    fraction: float
    """Of peak, on the device that judged it."""


def verified(rollouts: Iterable[Rollout]) -> list[Demonstration]:
    """The correct sources among the rollouts, in order, without those that differ only in comments.

    Raises UsageError naming the spec when a rollout is for one outside split train.
    """
    found: dict[tuple[str, str], Demonstration] = {}
    for rollout in rollouts:
        check_trainable(rollout.spec, rollout.split)
        if rollout.verdict.status == "correct":
            match = _ALGORITHM.search(rollout.source)
            demonstration = Demonstration(
                spec=rollout.spec,
                algorithm=match[1] if match else "",
                source=rollout.source,
                fraction=rollout.verdict.fraction_of_peak or 0.0,
            )
            found.setdefault((rollout.spec, without_comments(rollout.source)), demonstration)
    return list(found.values())


def check_trainable(spec: str, split: str) -> None:
    """Raises UsageError unless the spec is of split train, both as recorded and as cudagym declares it."""
    declared = {each.name: each.split for each in specs.all_specs()}.get(spec, split)
    for name in (split, declared):
        if name != "train":
            raise UsageError(
                f"{spec} belongs to the held-out split {name}, so nothing may be trained on it; "
                "select specs of split train."
            )


def fastest(demonstrations: Iterable[Demonstration], count: int) -> list[Demonstration]:
    """For every spec its `count` fastest demonstrations, fastest first."""
    by_spec: dict[str, list[Demonstration]] = {}
    for demonstration in demonstrations:
        by_spec.setdefault(demonstration.spec, []).append(demonstration)
    return [
        demonstration
        for each in by_spec.values()
        for demonstration in sorted(each, key=lambda d: (-d.fraction, d.source))[:count]
    ]


def rows(demonstrations: Iterable[Demonstration], gpu: GPU) -> list[dict[str, str]]:
    """A row `prompt`, `completion`, `spec` per demonstration, for `cudagym.agents.sft`."""
    return [
        {"prompt": prompt(each.spec, gpu), "completion": each.source, "spec": each.spec}
        for each in demonstrations
    ]


def prompt_rows(names: Iterable[str], gpu: GPU) -> list[dict[str, str]]:
    """A row `prompt`, `spec` per train spec, for `cudagym.agents.grpo`. Raises UsageError for a held-out spec."""
    found = []
    for name in names:
        check_trainable(name, specs.get(name).split)
        found.append({"prompt": prompt(name, gpu), "spec": name})
    return found


def prompt(spec: str, gpu: GPU) -> str:
    """What the small policy is asked: the compact form of the spec's prompt."""
    return prompts.render(specs.get(spec), gpu, style="compact")
