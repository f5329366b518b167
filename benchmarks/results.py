"""What training brings: `make results`, or `python -m benchmarks.results --seeds 0` for one seed.

For every seed one run of the loop as configs/study.yaml says, and a control: GRPO once more from the same SFT policy,
paid with rewards that are shuffled within each group. The four policies answer the same specs, equally often. The
tables go into docs/results.md, with a plot of the rewards by step. Every run is a folder of its own, so an interrupted
study goes on where it stopped.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import tyro
from rich.console import Console

from cudagym import config

config.prepare_environment()  # before torch is imported

from benchmarks.curves import curves  # noqa: E402
from benchmarks.verdicts import machine  # noqa: E402
from cudagym import report  # noqa: E402
from cudagym.agents import history  # noqa: E402
from cudagym.agents.evaluation import Evaluation, compare  # noqa: E402
from cudagym.agents.loop import Loop  # noqa: E402
from cudagym.report import ALL  # noqa: E402
from cudagym.runs import RunFolder, write_atomic  # noqa: E402

PAGE = Path(__file__).parents[1] / "docs" / "results.md"
BEGIN, END = "<!-- written by make results -->\n", "<!-- until here -->\n"
POLICIES = ("base", "sft", "grpo", "shuffled")
PAIRS = (("base", "sft"), ("sft", "grpo"), ("sft", "shuffled"), ("shuffled", "grpo"))


def main(seeds: tuple[int, ...] = (0, 1, 2), runs: Path = Path("runs")) -> None:
    """Run what is missing of the study, and write its tables."""
    found = {seed: study(seed, runs) for seed in seeds}
    text = page(found, {seed: taught(runs / f"study-{seed}") for seed in seeds})
    Console().print(text, soft_wrap=True, highlight=False, markup=False)
    if len(seeds) > 1:
        before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
        write_atomic(PAGE, before + BEGIN + text + END + rest.split(END)[1])
        write_atomic(PAGE.with_suffix(".svg"), curves(learning(seeds, runs)))


def study(seed: int, runs: Path) -> dict[str, Evaluation]:
    """The four policies of one seed, trained and evaluated."""
    loop = opened(runs, f"study-{seed}", f"seed={seed}")
    folders = {"base": loop.base(), "sft": loop.sft(), "grpo": loop.grpo()}
    found = {name: loop.evaluate(loop.checkpoint(folder), name) for name, folder in folders.items()}
    control = opened(runs, f"study-{seed}-control", f"seed={seed}", "grpo.shuffle_rewards=true")
    for name in ("base", "pretrained", "sft"):
        if not (control.run.checkpoints / name).exists():
            shutil.copytree(loop.run.checkpoints / name, control.run.checkpoints / name)
    return {**found, "shuffled": control.evaluate(control.checkpoint(control.grpo()), "shuffled")}


def opened(runs: Path, name: str, *settings: str) -> Loop:
    """A run of the study with these settings."""
    chosen = config.load("study", settings)
    folder = RunFolder.open_or_create(runs, name, config=chosen.identity, seeds={"run": chosen.seed})
    return Loop(folder, chosen)


def learning(seeds: Sequence[int], runs: Path) -> dict[str, list[list[float]]]:
    """The rewards by step that GRPO and its control earned, one list per seed."""
    kinds = {"GRPO": "study-{}", "shuffled": "study-{}-control"}
    return {kind: [rewards(runs / name.format(seed)) for seed in seeds] for kind, name in kinds.items()}


def rewards(run: Path) -> list[float]:
    """The mean reward of every step of a run's GRPO."""
    logs = history.read(run / "checkpoints" / "grpo")
    return [log["reward"] for log in logs.values() if "reward" in log]


def taught(run: Path) -> str:
    """When the first stage of SFT stopped, in words."""
    stage = run / "checkpoints" / "pretrained"
    losses = {step: log["eval_loss"] for step, log in history.read(stage).items() if "eval_loss" in log}
    best = min(losses, key=lambda step: losses[step])
    steps = json.loads((stage / "finished.json").read_text())["steps"]
    return f"the validation loss was lowest, {losses[best]:.3f}, after {best} of {steps} steps"


def pooled(evaluations: Mapping[int, Evaluation]) -> Evaluation:
    """One evaluation of the same policy under several seeds, in which every (spec, seed) is a spec of its own.

    Its intervals then resample those, and samples within.
    """
    first = next(iter(evaluations.values()))
    return first.model_copy(
        update={
            "specs": {
                f"{name}/{seed}": text for seed, each in evaluations.items() for name, text in each.specs.items()
            },
            "attempts": tuple(
                attempt.model_copy(update={"spec": f"{attempt.spec}/{seed}"})
                for seed, each in evaluations.items()
                for attempt in each.attempts
            ),
        }
    )


def page(found: Mapping[int, Mapping[str, Evaluation]], stops: Mapping[int, str]) -> str:
    """What goes into docs/results.md."""
    policies = {name: pooled({seed: each[name] for seed, each in found.items()}) for name in POLICIES}
    gains = [row for before, after in PAIRS for row in compare(policies[before], policies[after])]
    tables = [
        report.scores_table([row for each in policies.values() for row in each.rows]),
        report.comparisons_table([row for row in gains if row.family == ALL]),
    ]
    lines = [f"{machine()}; seeds {', '.join(map(str, found))}.", "", "```"]
    lines += [report.to_text(table, width=report.WIDE).rstrip() for table in tables]
    lines += [
        "```",
        "",
        "![Rewards by step of GRPO, and of its control](results.svg)",
        "",
        *per_seed(found),
        "",
        *(f"- Seed {seed}: {text}." for seed, text in stops.items()),
        "",
    ]
    return "\n".join(line.rstrip() for line in "\n".join(lines).splitlines()) + "\n"


def per_seed(found: Mapping[int, Mapping[str, Evaluation]]) -> Sequence[str]:
    """A Markdown table by policy and seed: mean rewards, and how original the answers are."""
    rows = [
        "| policy | seed | reward, train | reward, all | correct | different correct sources | repeat a teacher's |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in POLICIES:
        for seed, each in found.items():
            scores = {row.split: row for row in each[name].rows}
            cells = [
                name,
                str(seed),
                f"{scores['train'].reward.mean:.3f}",
                f"{scores[ALL].reward.mean:.3f}",
                f"{scores[ALL].correct.mean:.0%}",
                str(each[name].unique_correct),
                f"{each[name].demonstrated.mean:.0%}",
            ]
            rows.append(f"| {' | '.join(cells)} |")
    return rows


if __name__ == "__main__":
    tyro.cli(main)
