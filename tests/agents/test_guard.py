"""Nothing held out is trained on: not by its name, not under another one, not in other words."""

from __future__ import annotations

import re

import pytest

from cudagym import prompts, specs
from cudagym.agents import guard
from cudagym.errors import UsageError
from cudagym.hardware import gpu
from cudagym.rollouts import Message, Rollout
from cudagym.verdict import Verdict

HELD_OUT = [spec for spec in specs.all_specs() if spec.split != "train"]
STYLES: tuple[prompts.Style, ...] = ("full", "compact")


def rollout(spec: str, prompt: str, split: str = "train", card: str = "h100") -> Rollout:
    verdict = Verdict(
        spec=spec,
        device=f"sim:{card}",
        source_sha256="",
        status="wrong",
        owner="candidate",
        message="",
    )
    return Rollout(
        key=f"claude/{spec}/0",
        agent="claude",
        spec=spec,
        split=split,
        messages=(Message(role="system", content="You write kernels."), Message(role="user", content=prompt)),
        completion="",
        source="",
        verdict=verdict,
        reward=0.0,
    )


@pytest.mark.parametrize("style", STYLES)
def test_every_train_spec_passes(style: prompts.Style) -> None:
    for spec in specs.split("train"):
        guard.check(rollout(spec.name, prompts.render(spec, gpu("h100"), style)))
        others = {"compile": 0.5, "numeric": 1.0, "throughput": 2.0}
        guard.check(rollout(spec.name, prompts.render(spec, gpu("h100"), style, weights=others)))


def test_a_held_out_name_is_refused() -> None:
    with pytest.raises(UsageError, match="silu_fp32 belongs to the held-out split unseen_op"):
        guard.check(rollout("silu_fp32", "anything"))


@pytest.mark.parametrize("style", STYLES)
def test_a_held_out_spec_under_another_name_is_refused(style: prompts.Style) -> None:
    for spec in HELD_OUT:
        prompt = prompts.render(spec.model_copy(update={"name": "mine"}), gpu("h100"), style)
        with pytest.raises(UsageError, match=rf"mine, which is the held-out spec {spec.name} \({spec.split}\)"):
            guard.check(rollout("mine", prompt))


@pytest.mark.parametrize("style", STYLES)
def test_a_held_out_spec_in_other_words_and_sizes_is_refused(style: prompts.Style) -> None:
    for spec in HELD_OUT:
        prompt = prompts.render(spec.model_copy(update={"name": "mine"}), gpu("h100"), style)
        reworded = prompt.replace("for every", "for each").replace("compared", "checked")
        resized = re.sub(r"\b\d{4,}\b", lambda match: str(int(match[0]) + 64), reworded)
        with pytest.raises(UsageError, match="under another name"):
            guard.check(rollout("mine", resized))


def test_a_train_name_does_not_hide_another_prompt() -> None:
    prompt = prompts.render(specs.get("silu_fp32"), gpu("h100"))
    with pytest.raises(UsageError, match="is for relu_fp32, which is the held-out spec silu_fp32"):
        guard.check(rollout("relu_fp32", prompt))


def test_something_of_ones_own_passes() -> None:
    guard.check(
        rollout("game_of_life_u8", "Count the living neighbours of each cell of a torus of bytes, and apply B3/S23.")
    )


def test_a_held_out_card_is_refused() -> None:
    with pytest.raises(UsageError, match="relu_fp32 was asked for on a card that is held out"):
        guard.check(rollout("relu_fp32", "anything", split="unseen_hardware", card="rtx4090"))
