"""The guard of what is trained on: nothing that belongs to a held-out spec, whatever it is called.

A sample is refused by the name of its spec, by the content of its prompt (a held-out spec under another name), and by
a prompt that is nearly that of a held-out spec: nearer than to any train spec, and nearly the same.
"""

from __future__ import annotations

import re
from functools import cache
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
    check_trainable(rollout.spec, rollout.split)
    card = rollout.verdict.device.removeprefix("sim:")
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
    found = shingles(_words(prompt, rollout.spec)) - known.common
    share, name = max((likeness(found, of), name) for of, name in known.shingles["held out"])
    trained, _ = max((likeness(found, of), name) for of, name in known.shingles["train"])
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
        self.digests: dict[str, dict[str, str]] = {"train": {}, "held out": {}}
        self.shingles: dict[str, list[tuple[Shingles, str]]] = {"train": [], "held out": []}
        self.common: Shingles = frozenset()
        for style in _STYLES:
            asked = {spec.name: (spec, prompts.render(spec, gpu(card), style)) for spec in specs.all_specs()}
            cut = {name: shingles(_words(text, name)) for name, (_, text) in asked.items()}
            common = frozenset.intersection(*cut.values())
            self.common |= common
            for name, (spec, text) in asked.items():
                side = _side(spec)
                self.digests[side][_digest(text, name)] = name
                self.shingles[side].append((cut[name] - common, name))


@cache
def _known(card: str) -> _Known:
    return _Known(card)
