"""Only verified sources for train specs are learned from, under names and at sizes that vary."""

from __future__ import annotations

import json

import pytest

from cudagym import specs
from cudagym.agents import demonstrations, sft
from cudagym.agents.demonstrations import Verified
from cudagym.envs.episode import Episode
from cudagym.errors import UsageError
from cudagym.hardware import gpu
from cudagym.rollouts import Rollout
from cudagym.verdict import Verdict

H100 = gpu("h100")


def rollout(spec: str, source: str, split: str = "train", fraction: float | None = 0.5) -> Rollout:
    correct = fraction is not None
    verdict = Verdict(
        spec=spec,
        device="sim:h100",
        source_sha256="",
        status="correct" if correct else "wrong",
        owner=None if correct else "candidate",
        message="",
        time_us=1.0 if correct else None,
        time_kind="modelled" if correct else None,
        fraction_of_peak=fraction,
    )
    return Rollout(
        key=f"test/{spec}/0",
        agent="test",
        spec=spec,
        split=split,
        messages=(),
        completion=source,
        source=source,
        verdict=verdict,
        reward=0.0,
    )


def test_only_correct_sources_count_and_comments_make_no_new_one() -> None:
    found = demonstrations.verified(
        [
            rollout("relu_fp32", "// algorithm: packed\nint a;"),
            rollout("relu_fp32", "// another comment\nint a;"),
            rollout("relu_fp32", "int b;", fraction=None),
            rollout("gelu_fp32", "int a;"),
        ]
    )
    assert [(each.spec, each.algorithm) for each in found] == [("relu_fp32", "packed"), ("gelu_fp32", "")]


@pytest.mark.parametrize("recorded", ["train", "unseen_op"])
def test_a_held_out_spec_is_an_error_whatever_the_rollout_says(recorded: str) -> None:
    with pytest.raises(UsageError, match="silu_fp32 belongs to the held-out split unseen_op"):
        demonstrations.verified([rollout("silu_fp32", "int a;", split=recorded)])
    with pytest.raises(UsageError, match="silu_fp32"):
        demonstrations.prompt_rows(["relu_fp32", "silu_fp32"], H100)


def test_a_users_own_spec_counts_by_what_its_rollout_says() -> None:
    assert demonstrations.verified([rollout("my_own_kernel", "int a;")])
    with pytest.raises(UsageError, match="my_own_kernel"):
        demonstrations.verified([rollout("my_own_kernel", "int a;", split="unseen_shape")])


def test_the_fastest_are_taken_per_spec(taught: list[Verified]) -> None:
    best = demonstrations.fastest(taught, 1)
    assert [(each.spec, each.fraction) for each in best] == [("vector_add_fp32", 0.2), ("relu_fp32", 0.2)]


def test_variations_ask_for_the_same_kernel_in_other_words(taught: list[Verified]) -> None:
    rows = demonstrations.rows(taught, H100, variations=5, seed=1)
    assert rows == demonstrations.rows(taught, H100, variations=5, seed=1)
    assert len(rows) == 6 * len(taught)
    formula = specs.get("relu_fp32").formula
    of_relu = [row for row in rows if row["spec"] == "relu_fp32"]
    assert len({row["prompt"] for row in of_relu}) > 6
    assert all(formula in row["prompt"] for row in of_relu)
    assert {row["completion"] for row in rows} == {each.source for each in taught}


def test_for_several_turns_each_row_is_answered_in_words_and_by_the_tool(taught: list[Verified]) -> None:
    once = demonstrations.rows(taught, H100, variations=1, seed=1, prompt="chat")
    rows = demonstrations.rows(taught, H100, variations=1, seed=1, prompt="chat", turns=3)
    words, calls = rows[::2], rows[1::2]
    assert [{key: row[key] for key in ("prompt", "completion", "spec")} for row in words] == once
    assert {row["tools"] for row in words} == {None}
    for row, call in zip(words, calls, strict=True):
        (question,), (answer,) = call["prompt"], call["completion"]
        assert question["content"] == row["prompt"][0]["content"] + Episode(turns=3).reset(spec="relu_fp32")
        (submitted,) = answer["tool_calls"]
        assert submitted["function"] == {"name": "submit", "arguments": {"source": call["source"]}}
        assert call["source"].rstrip() in row["completion"][0]["content"]
        (tool,) = json.loads(call["tools"])
        assert tool["function"]["parameters"]["required"] == ["source"]
    learned, held = sft.hold_out(rows, 0.25, seed=0)
    assert held
    assert not {row["source"] for row in learned} & {row["source"] for row in held}
