"""The guard of what is trained on: nothing that belongs to a held-out spec, whatever it is called.

A sample is refused by the name of its spec, by the content of its prompt (a held-out spec under another name), and by
a prompt that is nearly that of a held-out spec: nearer than to any train spec, and nearly the same.
"""

from __future__ import annotations

import re
from functools import cache, cached_property
from hashlib import sha256

from cudagym import prompts, specs
from cudagym.agents.demonstrations import check_trainable
from cudagym.agents.structure import Shingles, likeness, shingles
from cudagym.errors import UsageError
from cudagym.hardware import gpu
from cudagym.rollouts import Rollout
from cudagym.specs.spec import KernelSpec

NEAR = 0.6
"""Prompts that share this much of what tells prompts apart ask for nearly the same kernel."""
_STYLES: tuple[prompts.Style, ...] = ("full", "compact")
_WORDS = re.compile(r"\w+|[^\w\s]")


def check(rollout: Rollout) -> None:
    """Raises UsageError when nothing may be trained on the rollout, naming the held-out spec and how it was found."""
    try:
        check_trainable(rollout.spec, rollout.split)
    except UsageError as error:
        raise UsageError(f"the rollout {rollout.key} cannot be learned from: {error}") from None
    card = rollout.verdict.device.rpartition(":")[2]
    for message in rollout.messages:
        if message.role == "user":
            _check_prompt(rollout, message.content, card)
            break


def _check_prompt(rollout: Rollout, prompt: str, card: str) -> None:
    known = _known(card)
    digest = _digest(prompt, rollout.spec)
    held_out, train = known.digests["held out"].get(digest), known.digests["train"].get(digest)
    if held_out and not train:
        raise _refusal(rollout, held_out, "the content of its prompt is that spec's")
    if train:
        return
    common, sides = known.special
    found = shingles(_words(prompt, rollout.spec)) - common
    share, name = max((likeness(found, of), name) for of, name in sides["held out"])
    trained, _ = max((likeness(found, of), name) for of, name in sides["train"])
    if share >= NEAR and share > trained:
        raise _refusal(rollout, name, f"{share:.0%} of what is special in its prompt is in that spec's")


def _refusal(rollout: Rollout, name: str, reason: str) -> UsageError:
    return UsageError(
        f"{rollout.key} is for {rollout.spec}, which is the held-out spec {name} ({specs.get(name).split}) under "
        f"another name: {reason}. Nothing may be trained on it; take that spec's rollouts out."
    )


def _side(spec: KernelSpec) -> str:
    return "train" if spec.split == "train" else "held out"


def _words(prompt: str, name: str) -> list[str]:
    """The prompt's words but for the spec's name, which anybody may change."""
    return _WORDS.findall(prompt.replace(name, ""))


def _digest(prompt: str, name: str) -> str:
    return sha256(" ".join(_words(prompt, name)).encode("utf-8", "surrogatepass")).hexdigest()


class _Known:
    """The prompts of all specs for one card, in every style, by whether they may be trained on."""

    def __init__(self, card: str) -> None:
        self._prompts = [
            [(spec, prompts.render(spec, gpu(card), style)) for spec in specs.all_specs()] for style in _STYLES
        ]
        self.digests: dict[str, dict[str, str]] = {"train": {}, "held out": {}}
        for asked in self._prompts:
            for spec, text in asked:
                self.digests[_side(spec)][_digest(text, spec.name)] = spec.name

    @cached_property
    def special(self) -> tuple[Shingles, dict[str, list[tuple[Shingles, str]]]]:
        """The shingles that all prompts of a style have, and for each prompt the others, with its spec's name."""
        common: Shingles = frozenset()
        sides: dict[str, list[tuple[Shingles, str]]] = {"train": [], "held out": []}
        for asked in self._prompts:
            cut = [(spec, shingles(_words(text, spec.name))) for spec, text in asked]
            shared = frozenset.intersection(*(found for _, found in cut))
            common |= shared
            for spec, found in cut:
                sides[_side(spec)].append((found - shared, spec.name))
        return common, sides


@cache
def _known(card: str) -> _Known:
    return _Known(card)
