"""The tables of the study: policies of several seeds are pooled by spec and seed; figures worked out by hand."""

from __future__ import annotations

from benchmarks import results
from cudagym.agents.evaluation import Attempt, Evaluation, compare


def evaluated(policy: str, rewards: list[float]) -> Evaluation:
    """One sample each of two specs."""
    return Evaluation(
        policy=policy,
        checkpoint=policy,
        device="sim:h100",
        seed=0,
        specs={"relu_fp32": "one", "cumsum_fp32": "other"},
        weights={"compile": 0.1, "numeric": 0.3, "throughput": 0.6},
        attempts=tuple(
            Attempt(
                spec=spec,
                family=spec.split("_")[0],
                split=split,
                sample=0,
                status="correct" if reward else "build_failed",
                compiled=reward > 0,
                fraction=reward,
                reward=reward,
                demonstrated=reward == 1,
                program=f"{policy} {reward}",
            )
            for spec, split, reward in (
                ("relu_fp32", "train", rewards[0]),
                ("cumsum_fp32", "unseen_family", rewards[1]),
            )
        ),
    )


SEEDS = {
    0: {"base": [0, 0], "sft": [0.4, 0], "grpo": [1, 0], "shuffled": [0.4, 0]},
    5: {"base": [0, 0], "sft": [0.8, 0.2], "grpo": [0.9, 0.2], "shuffled": [0.6, 0]},
}
FOUND = {
    seed: {name: evaluated(name, list(map(float, each))) for name, each in row.items()} for seed, row in SEEDS.items()
}


def test_pairs_of_spec_and_seed_are_what_varies() -> None:
    sft, grpo = (results.pooled({seed: each[name] for seed, each in FOUND.items()}) for name in ("sft", "grpo"))
    (row,) = [row for row in compare(sft, grpo) if row.split == "train"]
    assert (row.specs, row.pairs) == (2, 2)
    assert round(row.reward.mean, 12) == round((0.6 + 0.1) / 2, 12)
    assert (round(row.reward.low, 12), round(row.reward.high, 12)) == (0.1, 0.6)


def test_the_page_says_what_every_policy_did_under_every_seed() -> None:
    text = results.page(FOUND, {0: "it stopped", 5: "it went on"})
    assert "| grpo | 0 | 1.000 | 0.500 | 50% | 1 | 50% |" in text
    assert "| sft | 5 | 0.800 | 0.500 | 100% | 2 | 0% |" in text
    assert "- Seed 5: it went on." in text
    shuffled = next(line.split() for line in text.splitlines() if line.split()[:3] == ["grpo", "shuffled", "train"])
    assert f"{(0.6 + 0.3) / 2:+.3f}" in shuffled
