"""The tables and curves of the study: policies of several seeds are pooled by spec and seed; figures by hand."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

from benchmarks import results
from benchmarks.curves import HEIGHT, TOP, curves
from cudagym.agents.evaluation import Attempt, Evaluation, compare

SVG = "{http://www.w3.org/2000/svg}"


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


def logged(run: Path, stage: str, *logs: dict[str, float]) -> Path:
    """A stage of a run, and what its trainer logged."""
    folder = run / "checkpoints" / stage
    folder.mkdir(parents=True)
    (folder / "history.jsonl").write_text("".join(json.dumps(log) + "\n" for log in logs))
    return folder


def test_a_stage_that_went_back_says_how_far_it_had_come(tmp_path: Path) -> None:
    losses = {50: 0.5, 100: 0.25, 150: 0.3, 200: 0.4}
    folder = logged(tmp_path, "pretrained", *({"step": step, "eval_loss": loss} for step, loss in losses.items()))
    (folder / "finished.json").write_text('{"steps": 200, "seconds": 9}')
    assert results.taught(tmp_path) == "the validation loss was lowest, 0.250, after 100 of 200 steps"


def test_rewards_are_those_of_every_step(tmp_path: Path) -> None:
    logged(tmp_path, "grpo", {"step": 1, "reward": 0.1}, {"step": 2, "reward": 0.3}, {"step": 2, "train_runtime": 1.0})
    assert results.rewards(tmp_path) == [0.1, 0.3]


def test_curves_are_drawn_where_their_values_are() -> None:
    """Flat lines: the mean of seeds at 0.25 and 0.45 is halfway up a picture of 0.2 to 0.5."""
    drawing = ElementTree.fromstring(curves({"GRPO": [[0.25] * 9, [0.45] * 9], "shuffled": [[0.25] * 9] * 2}))
    bold = [path for path in drawing.iter(f"{SVG}path") if path.get("stroke-opacity") == "1"]
    heights = [{point.split()[1] for point in path.attrib["d"][1:].split("L")} for path in bold]
    assert heights == [{f"{TOP + HEIGHT / 2:.1f}"}, {f"{TOP + HEIGHT * 5 / 6:.1f}"}]
    assert len(list(drawing.iter(f"{SVG}path"))) == 4 + 6 + 2, "grid lines, curves, keys"
