"""Sample kernels: the fastest correct ones, and one of everything else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fake_grading import fake_verdict

from cudagym.agents import samples
from cudagym.agents.samples import Samples, chosen
from cudagym.rewards.trl import Graded


def graded(*completions: str) -> list[Graded]:
    return [Graded("relu_fp32", "p", text, fake_verdict("relu_fp32", text, "sim:h100", 0)) for text in completions]


def test_the_fastest_and_one_of_every_other_status_are_shown() -> None:
    batch = graded("nonsense", "slow", "fast", "fast", "other nonsense", "crash", "slow")
    assert [each.completion for each in chosen(batch)] == ["fast", "slow", "nonsense", "crash"]


def test_nothing_is_logged_without_an_open_run() -> None:
    Samples()(0, graded("fast"))


def test_a_table_is_logged_now_and_then(tmp_path: Path) -> None:
    import wandb

    settings = wandb.Settings(console="off", silent=True, x_disable_stats=True)
    run: Any = wandb.init(mode="offline", dir=str(tmp_path), settings=settings)
    try:
        log = Samples()
        for step in (0, 1, samples.EVERY):
            log(step, graded("fast", "nonsense"))
            run.log({"step": step})
    finally:
        run.finish()
    tables = [json.loads(file.read_text()) for file in tmp_path.glob("wandb/offline-run-*/files/media/table/*.json")]
    assert sorted(table["data"][0][0] for table in tables) == [0, samples.EVERY]
    rows = [dict(zip(table["columns"], row, strict=True)) for table in tables for row in table["data"]]
    assert {(row["status"], row["compile_error"], row["fraction_of_peak"], row["source"]) for row in rows} == {
        ("correct", "", 0.8, "fast"),
        ("build_failed", "other", None, "nonsense"),
    }
    assert {row["message"] for row in rows} == {"this is correct (seed 0)", "this is build_failed (seed 0)"}


def test_a_table_holds_few_kernels() -> None:
    many = [
        Graded("relu_fp32", "p", f"int a{number};", fake_verdict("relu_fp32", "fast", "sim:h100", 0))
        for number in range(9)
    ]
    assert len(chosen(many)) == samples.CORRECT
