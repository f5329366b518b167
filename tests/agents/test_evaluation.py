"""What follows from attempts: scores and comparisons, worked out by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cudagym.agents import evaluations
from cudagym.agents.evaluation import Attempt, Evaluation, compare
from cudagym.errors import UsageError
from cudagym.runs import RunFolder

CORRECT = {"status": "correct", "compiled": True}


def attempt(**values: Any) -> Attempt:
    defaults: dict[str, Any] = {
        "spec": "relu_fp32",
        "family": "elementwise",
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


def evaluation(*attempts: Attempt, name: str = "sft", **values: Any) -> Evaluation:
    defaults: dict[str, Any] = {
        "checkpoint": "0",
        "device": "sim:h100",
        "seed": 0,
        "specs": {each.spec: "as declared" for each in attempts},
        "weights": {"compile": 0.1, "numeric": 0.3, "throughput": 0.6},
    }
    return Evaluation(policy=name, attempts=attempts, **defaults | values)


def test_scores_follow_from_the_attempts() -> None:
    found = evaluation(
        attempt(**CORRECT, fraction=0.75, reward=0.85, demonstrated=True, program="a"),
        attempt(**CORRECT, sample=1, fraction=0.25, reward=0.55, program="b"),
        attempt(**CORRECT, sample=2, fraction=0.2, reward=0.52, program="b"),
        attempt(sample=3, status="wrong", compiled=True, reward=0.1),
        attempt(split="unseen_op", spec="softmax_fp32", family="softmax"),
        attempt(split="unseen_op", spec="softmax_fp32", family="softmax", sample=1, status="grader_error", reward=None),
    )
    train, unseen, overall = found.rows
    assert [(row.split, row.specs, row.attempts) for row in found.rows] == [
        ("train", 1, 4),
        ("unseen_op", 1, 1),
        ("all", 2, 5),
    ]
    assert (train.compiled.mean, train.correct.mean) == (1, 0.75)
    assert train.fraction.mean == pytest.approx(0.3)
    assert {p: share.mean for p, share in train.fast.items()} == {0.1: 0.75, 0.25: 0.5, 0.5: 0.25, 0.75: 0.25}
    assert {k: chance.mean for k, chance in train.pass_at.items()} == {1: 0.75, 2: 1.0, 4: 1.0}
    assert {k: chance.mean for k, chance in overall.pass_at.items()} == {1: 0.375, 2: 1.0, 4: 1.0}
    assert train.reward.mean == pytest.approx(0.505)
    assert train.reward.low < 0.505 < train.reward.high
    assert train.spread.histogram == (0, 0, 2, 0, 0, 0, 0, 1, 0, 0)
    assert train.spread.quantiles[0.5] == 0.25
    assert (unseen.spread.quantiles, sum(unseen.spread.histogram)) == ({}, 0)
    assert (unseen.compiled.mean, overall.correct.mean) == (0, 0.6)
    assert [(row.family, row.attempts) for row in found.families] == [("elementwise", 4), ("softmax", 1)]
    assert found.ungraded == 1
    assert found.unique_correct == 2
    assert found.demonstrated.mean == pytest.approx(1 / 6)


def test_attempts_none_of_which_could_be_graded_give_a_row_that_says_nothing() -> None:
    (row,) = evaluation(attempt(status="grader_error", reward=None)).rows
    assert (row.attempts, row.correct.low, row.correct.high, row.pass_at) == (0, 0, 1, {})


def test_a_comparison_pairs_the_same_samples_and_leaves_out_the_ungraded() -> None:
    before = evaluation(*(attempt(sample=i, reward=0.1 * i) for i in range(8)), attempt(sample=8, reward=None))
    after = evaluation(*(attempt(sample=i, reward=0.1 * i + 0.05) for i in reversed(range(9))), name="grpo")
    *_, overall = compare(before, after)
    gain = overall.reward
    assert gain.mean == pytest.approx(gain.low) == pytest.approx(gain.high) == pytest.approx(0.05)
    assert (overall.pairs, overall.specs) == (8, 1)


def test_a_comparison_weighs_specs_alike_and_tells_splits_apart() -> None:
    def made(name: str, gain: float) -> Evaluation:
        many = [attempt(sample=i, reward=0.1 + gain) for i in range(6)]
        few = [attempt(spec="scan_fp32", family="scan", split="unseen_family", sample=i, reward=0.5) for i in range(2)]
        return evaluation(*many, *few, name=name)

    rows = compare(made("sft", 0.0), made("grpo", 0.4))
    gains = {(row.split, row.family): round(row.reward.mean, 9) for row in rows}
    assert gains == {
        ("train", "all"): 0.4,
        ("unseen_family", "all"): 0,
        ("all", "elementwise"): 0.4,
        ("all", "scan"): 0,
        ("all", "all"): 0.2,
    }
    overall = rows[-1].reward
    assert (round(overall.low, 9), round(overall.high, 9)) == (0, 0.4)  # two specs: either could be drawn twice


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"device": "sim:a100"}, r"device differ \(sim:h100 and sim:a100\)"),
        ({"weights": {"compile": 1.0, "numeric": 0.0, "throughput": 0.0}}, "weights differ"),
        ({"specs": {"relu_fp32": "another"}}, "relu_fp32 was another spec"),
    ],
)
def test_what_was_graded_by_other_rules_is_not_compared(changed: dict[str, Any], complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        compare(evaluation(attempt()), evaluation(attempt(), name="grpo", **changed))


def test_evaluations_without_a_pair_are_not_compared() -> None:
    with pytest.raises(UsageError, match="in common"):
        compare(evaluation(attempt()), evaluation(attempt(spec="gelu_fp32"), name="grpo"))


def test_a_run_keeps_its_scores_and_runs_are_compared_by_name(tmp_path: Path) -> None:
    for run, reward in (("one", 0.1), ("two", 0.3)):
        folder = RunFolder.open_or_create(tmp_path, run)
        for name in ("sft", "grpo"):
            evaluations.save(evaluation(attempt(reward=reward), name=name), folder)
    texts = (tmp_path / "one" / "scores.txt").read_text()
    assert "elementwise" in texts
    assert "grpo" in texts
    found = evaluations.named([f"{tmp_path}/one:grpo", f"{tmp_path}/two:grpo"])
    assert [each.policy for each in found] == ["one:grpo", "two:grpo"]
    assert evaluations.compare_all(found)[-1].reward.mean == pytest.approx(0.2)
    assert len(evaluations.named([f"{tmp_path}/one"])) == 2
    for text, complaint in (
        (f"{tmp_path}/three", "is no run"),
        (f"{tmp_path}/one:base", r"no evaluation .*base\.json; that run has grpo, sft"),
    ):
        with pytest.raises(UsageError, match=complaint):
            evaluations.named([text])
    (tmp_path / "one" / "evaluations" / "sft.json").write_text('{"policy": "sft"}')
    with pytest.raises(UsageError, match=r"sft\.json is no evaluation that this version"):
        evaluations.named([f"{tmp_path}/one"])
