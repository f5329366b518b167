"""Evaluation: what follows from attempts, and a real policy's completions graded through the one grading path."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cudagym import specs
from cudagym.agents import policy, sft
from cudagym.agents.demonstrations import Verified
from cudagym.agents.evaluate import Attempt, Evaluation, compare, evaluate
from cudagym.config import EvaluateConfig, PretrainConfig
from cudagym.errors import UsageError
from cudagym.rollouts import RolloutLog, read

GREEDY = EvaluateConfig(samples=1, temperature=0, max_new_tokens=400)


def attempt(**values: Any) -> Attempt:
    defaults: dict[str, Any] = {
        "spec": "relu_fp32",
        "split": "train",
        "sample": 0,
        "status": "build_failed",
        "compiled": False,
        "fraction": 0.0,
        "reward": 0.0,
        "demonstrated": False,
        "program": "",
    }
    return Attempt(**defaults | values)


def evaluation(*attempts: Attempt, name: str = "sft") -> Evaluation:
    return Evaluation(policy=name, checkpoint="0", device="sim:h100", seed=0, attempts=attempts)


CORRECT = {"status": "correct", "compiled": True}


def test_scores_follow_from_the_attempts() -> None:
    found = evaluation(
        attempt(**CORRECT, fraction=0.8, reward=0.88, demonstrated=True, program="a"),
        attempt(**CORRECT, fraction=0.2, reward=0.52, program="b"),
        attempt(**CORRECT, fraction=0.2, reward=0.52, program="b"),
        attempt(status="wrong", compiled=True, reward=0.1),
        attempt(split="unseen_op", spec="silu_fp32"),
        attempt(split="unseen_op", spec="silu_fp32", status="grader_error", reward=None),
    )
    train, unseen, overall = found.rows
    assert [(row.split, row.attempts) for row in found.rows] == [("train", 4), ("unseen_op", 1), ("all", 5)]
    assert (train.compiled.mean, train.correct.mean) == (1, 0.75)
    assert train.fraction.mean == pytest.approx(0.3)
    assert {p: share.mean for p, share in train.fast.items()} == {0.1: 0.75, 0.25: 0.25, 0.5: 0.25, 0.75: 0.25}
    assert train.reward.mean == pytest.approx(0.505)
    assert train.reward.low < 0.505 < train.reward.high
    assert (unseen.compiled.mean, overall.correct.mean) == (0, 0.6)
    assert found.ungraded == 1
    assert found.unique_correct == 2
    assert found.demonstrated.mean == pytest.approx(1 / 6)


def test_a_comparison_pairs_the_same_samples_and_leaves_out_the_ungraded() -> None:
    before = evaluation(*(attempt(sample=i, reward=0.1 * i) for i in range(8)), attempt(sample=8, reward=None))
    after = evaluation(*(attempt(sample=i, reward=0.1 * i + 0.05) for i in reversed(range(9))), name="grpo")
    found = compare(before, after)
    assert found.mean == pytest.approx(found.low) == pytest.approx(found.high) == pytest.approx(0.05)
    with pytest.raises(UsageError, match="in common"):
        compare(before, evaluation(attempt(spec="gelu_fp32")))


def test_a_policy_that_knows_nothing_is_graded_the_same_every_time(base: Path, tmp_path: Path) -> None:
    settings = EvaluateConfig(samples=2, temperature=1.0, max_new_tokens=6)
    chosen = [specs.get("relu_fp32")]
    with RolloutLog(tmp_path / "rollouts.jsonl") as log:
        once, again = (evaluate(base, chosen, settings, name="base", seed=3, log=log) for _ in range(2))
    assert once == again
    assert [each.status for each in once.attempts] == ["build_failed", "build_failed"]
    kept = list(read(tmp_path / "rollouts.jsonl"))
    assert [rollout.key for rollout in kept] == ["base/relu_fp32/0", "base/relu_fp32/1"]
    assert all(rollout.reward == 0 and rollout.verdict.message for rollout in kept)


def test_a_policy_that_knows_a_demonstration_is_found_correct(
    base: Path, rows: list[dict[str, str]], taught: list[Verified], tmp_path: Path
) -> None:
    config = PretrainConfig(max_steps=120, learning_rate=1e-2, per_device_train_batch_size=1, save_strategy="no")
    folder = sft.pretrain(base, rows[:1], config, tmp_path / "sft", seed=0)
    chosen = [specs.get(taught[0].spec)]
    found = evaluate(folder, chosen, GREEDY, name="sft", demonstrated=[each.source for each in taught])
    (only,) = found.attempts
    assert (only.status, only.demonstrated, found.unique_correct) == ("correct", True, 1)
    assert only.reward == pytest.approx(0.4 + 0.6 * only.fraction)


def test_sampling_repeats_for_a_seed_and_differs_between_seeds(base: Path) -> None:
    made = policy.load(base)
    samples = [
        policy.complete(made, ["relu\n"] * 3, seed=seed, temperature=1.0, max_new_tokens=8, batch_size=2)
        for seed in (1, 1, 2)
    ]
    assert samples[0] == samples[1] != samples[2]


def test_nothing_to_evaluate_on_is_refused(base: Path) -> None:
    with pytest.raises(UsageError, match="nothing to evaluate"):
        evaluate(base, [], GREEDY, name="base")
