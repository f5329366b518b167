"""Curriculum: specs are asked for by how much their groups can teach."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cudagym.agents import curriculum, demonstrations
from cudagym.agents.demonstrations import Verified
from cudagym.agents.loop import Loop
from cudagym.config import EvaluateConfig, RunConfig
from cudagym.hardware import gpu
from cudagym.runs import RunFolder


def test_what_is_sometimes_right_is_asked_for_most() -> None:
    assert [curriculum.copies(rate) for rate in (0.0, 0.1, 0.25, 0.5, 0.75, 1.0)] == [1, 2, 3, 4, 3, 1]
    assert curriculum.repeated(["a", "b", "c"], {"a": 1.0, "b": 0.5}) == ["a", "b", "b", "b", "b", "c"]


def test_pass_rates_are_measured_once(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a policy that knows nothing, of which a stored attempt is made correct."""
    config = RunConfig.model_validate(
        {
            "collect": {"specs": ("relu_fp32", "gelu_fp32")},
            "grpo": {"curriculum": 2},
            "evaluate": EvaluateConfig(max_new_tokens=4, temperature=1.0),
        }
    )
    loop = Loop(RunFolder.open_or_create(tmp_path, "run", config=config.identity), config)
    monkeypatch.setattr(Loop, "sft", lambda self: base)
    assert loop.pass_rates() == {"gelu_fp32": 0.0, "relu_fp32": 0.0}
    lines = loop.run.rollouts.read_bytes()
    assert lines.count(b"\n") == 4
    file = tmp_path / "run" / "pass_rates.json"
    file.write_text(json.dumps({"relu_fp32": 0.5}))
    assert loop.pass_rates() == {"relu_fp32": 0.5}
    assert loop.run.rollouts.read_bytes() == lines


@pytest.mark.parametrize("prompt", ["compact", "full", "chat"])
def test_rows_ask_and_answer_in_the_form_that_is_set(prompt: Any, taught: list[Verified]) -> None:
    (asked,) = demonstrations.prompt_rows(["relu_fp32"], gpu("h100"), prompt)
    row = demonstrations.rows(taught[-1:], gpu("h100"), prompt=prompt)[0]
    assert row["prompt"] == asked["prompt"]
    text = asked["prompt"][0]["content"] if prompt == "chat" else asked["prompt"]
    answer = row["completion"][0]["content"] if prompt == "chat" else row["completion"]
    assert ("Interface" in text) == (prompt != "compact")
    assert answer.startswith("```cuda\n") == (prompt != "compact")
    assert taught[-1].source.strip() in answer
