"""Demonstrations: verified sources to learn from, taken from rollouts and turned into rows for TRL.

Only sources the judge found correct count, and only for specs of split train: a policy that has seen a held-out
spec's kernel says nothing about that split, so such a rollout is an error and not skipped.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from random import Random
from string import ascii_lowercase
from typing import Any

from cudagym import prompts, specs
from cudagym.config import Prompt
from cudagym.envs.episode import Episode, how_to_submit
from cudagym.errors import UsageError
from cudagym.hardware import GPU, GPUS
from cudagym.record import Record, Shape
from cudagym.rollouts import Rollout
from cudagym.source import without_comments
from cudagym.specs.spec import KernelSpec

TEACHERS = ("scripted", "claude")
"""The agents whose rollouts are demonstrations."""
_ALGORITHM = re.compile(r"//\s*algorithm:\s*(\S+)")


class Verified(Record):
    """A correct source for a train spec, and how fast it is."""

    spec: str
    algorithm: str
    """As the source's first comment `// algorithm: ...` names it; empty without one."""
    source: str
    fraction: float
    """Of peak, on the device that judged it."""


def verified(rollouts: Iterable[Rollout]) -> list[Verified]:
    """The correct sources among the rollouts, in order, without those that differ only in comments.

    Raises UsageError naming the spec when a rollout is for one outside split train.
    """
    found: dict[tuple[str, str], Verified] = {}
    for rollout in rollouts:
        check_trainable(rollout.spec, rollout.split)
        if rollout.verdict.status == "correct":
            match = _ALGORITHM.search(rollout.source)
            demonstration = Verified(
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
    if split == specs.UNSEEN_HARDWARE:
        raise UsageError(
            f"{spec} was asked for on a card that is held out, so nothing may be trained on it: "
            f"{', '.join(card.name for card in GPUS.values() if card.held_out)} are for evaluation only."
        )
    for name in (split, declared):
        if name != "train":
            raise UsageError(
                f"{spec} belongs to the held-out split {name}, so nothing may be trained on it; "
                "select specs of split train."
            )


def fastest(demonstrations: Iterable[Verified], count: int) -> list[Verified]:
    """For every spec its `count` fastest demonstrations, fastest first."""
    by_spec: dict[str, list[Verified]] = {}
    for demonstration in demonstrations:
        by_spec.setdefault(demonstration.spec, []).append(demonstration)
    return [
        demonstration
        for each in by_spec.values()
        for demonstration in sorted(each, key=lambda d: (-d.fraction, d.source))[:count]
    ]


def rows(
    demonstrations: Iterable[Verified],
    gpu: GPU,
    *,
    variations: int = 0,
    seed: int = 0,
    prompt: Prompt = "compact",
    weights: Mapping[str, float] = prompts.WEIGHTS,
    turns: int = 1,
) -> list[dict[str, Any]]:
    """Rows `prompt`, `completion`, `spec` for `cudagym.agents.sft`: one per demonstration with its spec's prompt,
    and `variations` more in which that prompt has another name or other sizes.

    With a few prompts only, a policy learns names by heart and is lost at the first one it has not seen. With several
    `turns`, which need `prompt` chat, each row comes twice: answered in words, as evaluations ask, and with a call of
    the tool `submit`, as an episode of that many turns does. They then have the columns `tools` and `source`.
    """
    random = Random(seed)
    found = []
    for each in demonstrations:
        spec = specs.get(each.spec)
        for one in [spec, *(_varied(spec, random) for _ in range(variations))]:
            asked = ask(one, gpu, prompt, weights)
            row = {"prompt": asked, "completion": _answer(each.source, prompt), "spec": each.spec}
            if turns == 1:
                found.append(row)
            else:
                row["source"] = each.source
                found += [row | {"tools": None}, row | _submitted(asked, each.source, turns)]
    return found


def _submitted(asked: Sequence[Mapping[str, str]], source: str, turns: int) -> dict[str, Any]:
    """A demonstration that hands in its source as in the first turn of a `cudagym.envs.episode.Episode`."""
    from transformers.utils.chat_template_utils import get_json_schema

    call = {"type": "function", "function": {"name": "submit", "arguments": {"source": source}}}
    return {
        "prompt": [{"role": "user", "content": asked[-1]["content"] + how_to_submit(turns)}],
        "completion": [{"role": "assistant", "content": "", "tool_calls": [call]}],
        "tools": json.dumps([get_json_schema(Episode(turns=turns).submit)]),
    }


def ask(spec: KernelSpec, gpu: GPU, prompt: Prompt, weights: Mapping[str, float] = prompts.WEIGHTS) -> Any:
    """What a policy is asked, as TRL takes it: text, or the first message of a chat."""
    text = prompts.render(spec, gpu, "compact" if prompt == "compact" else "full", weights=weights)
    return [{"role": "user", "content": text}] if prompt == "chat" else text


def _answer(source: str, prompt: Prompt) -> Any:
    """A demonstration in the form that was asked for: the full prompt wants a fenced block."""
    if prompt == "compact":
        return source
    fenced = f"```cuda\n{source.rstrip()}\n```\n"
    return [{"role": "assistant", "content": fenced}] if prompt == "chat" else fenced


def prompt_rows(
    names: Iterable[str], gpu: GPU, prompt: Prompt = "compact", weights: Mapping[str, float] = prompts.WEIGHTS
) -> list[dict[str, Any]]:
    """A row `prompt`, `spec` per train spec, for `cudagym.agents.grpo`. Raises UsageError for a held-out spec."""
    found = []
    for name in names:
        check_trainable(name, specs.get(name).split)
        found.append({"prompt": ask(specs.get(name), gpu, prompt, weights), "spec": name})
    return found


def _varied(spec: KernelSpec, random: Random) -> KernelSpec:
    """The spec under a longer name, at other sizes, or both: what is to be computed stays the same."""
    update: dict[str, object] = {}
    if random.random() < 0.7:
        update["name"] = f"{spec.name}_{''.join(random.choices(ascii_lowercase, k=random.randint(2, 6)))}"
    if "name" not in update or random.random() < 0.5:
        update["timing_shape"] = _resized(spec.timing_shape, random)
        update["check_shapes"] = tuple(_resized(shape, random) for shape in spec.check_shapes)
    return spec.model_copy(update=update)


def _resized(shape: Shape, random: Random) -> Shape:
    return {
        name: max(1, int(value * 2 ** random.uniform(-3, 1))) if isinstance(value, int) else value
        for name, value in shape.items()
    }
