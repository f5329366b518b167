"""Claude as a policy to evaluate: the real SDK against a server on the loopback address, verdicts made up."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from anthropic_server import KEY, Answer, Body, Server

from cudagym.agents.loop import Loop
from cudagym.config import ClaudeConfig, EvaluateConfig, Prices, RunConfig
from cudagym.errors import UsageError
from cudagym.rollouts import read
from cudagym.runs import RunFolder

pytestmark = pytest.mark.usefixtures("grading")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name in list(os.environ):
        if name.startswith("ANTHROPIC_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    answers = iter(range(100))

    def answer(_: Body) -> Answer:
        number = next(answers)
        if number == 3:
            return Answer("", stop="refusal")
        return Answer("```cuda\nfast\n```" if number % 2 else "```cuda\nslow\n```")

    with Server(answer) as running:
        yield running


def loop(server: Server, folder: Path, **settings: Any) -> Loop:
    plain = {
        "model": "claude-test",
        "prices": {"claude-test": Prices(input=0, output=1, cache_write=0, cache_read=0)},
        "max_tokens": 1000,
        "poll_seconds": 0.05,
        "batch": False,
        "concurrency": 1,
        "base_url": server.url,
    }
    config = RunConfig(
        claude=ClaudeConfig.model_validate(plain | settings),
        evaluate=EvaluateConfig(samples=2, specs=("relu_fp32", "silu_fp32")),
    )
    return Loop(RunFolder.open_or_create(folder, "run", config=config.identity), config)


def test_claude_is_asked_once_per_sample_and_never_again(server: Server, tmp_path: Path) -> None:
    found = loop(server, tmp_path).evaluate_claude("claude-test")
    assert len(server.answered) == 4
    assert {len(body["messages"]) for body in server.answered} == {1}
    assert sorted(each.status for each in found.attempts) == ["correct", "correct", "correct", "no_answer"]
    overall = found.rows[-1]
    assert (overall.attempts, overall.correct.mean, found.ungraded) == (4, 0.75, 0)
    assert sorted(each.fraction for each in found.attempts) == [0, 0.2, 0.2, 0.8]
    assert {each.split for each in found.attempts} == {"train", "unseen_op"}
    assert loop(server, tmp_path).evaluate_claude("claude-test") == found
    assert len(server.answered) == 4
    with pytest.raises(UsageError, match="of another policy"):
        loop(server, tmp_path, effort="low").evaluate_claude("claude-test")


def test_held_out_answers_are_not_taken_for_demonstrations(server: Server, tmp_path: Path) -> None:
    evaluated = loop(server, tmp_path)
    evaluated.evaluate_claude("claude-test")
    assert {rollout.agent for rollout in read(evaluated.run.rollouts)} == {"claude-test"}
    evaluated.demonstrate = lambda: None  # type: ignore[method-assign]
    with pytest.raises(UsageError, match="no correct kernel to learn from"):
        _ = evaluated.verified
    with pytest.raises(UsageError, match="cannot be called 'claude'"):
        evaluated.evaluate_claude("claude")


def test_a_used_up_budget_keeps_the_answers_and_goes_on_with_a_larger_one(server: Server, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"used up after 1 of 4 answers. They are stored"):
        loop(server, tmp_path, budget_usd=0.001_05).evaluate_claude("claude-test")
    with pytest.raises(UsageError, match="budget"):
        loop(server, tmp_path, budget_usd=0.001_05).evaluate_claude("claude-test")
    assert len(server.answered) == 1
    with pytest.raises(UsageError, match="to other settings of section `claude`"):
        loop(server, tmp_path, budget_usd=1, effort="low").evaluate_claude("claude-test")
    assert len(loop(server, tmp_path, budget_usd=1).evaluate_claude("claude-test").attempts) == 4
    assert len(server.answered) == 4
