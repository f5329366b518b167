"""Real GRPO with TRL on a tiny policy, with rewards that need no compiler, and the logs read back."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest
from fake_grading import fake_verdict

from cudagym import grader
from cudagym.agents import demonstrations, grpo, policy
from cudagym.config import GrpoConfig, StageConfig
from cudagym.errors import UsageError
from cudagym.hardware import gpu
from cudagym.rewards.terms import Weights
from cudagym.rewards.trl import make_reward_functions
from cudagym.verdict import Verdict

SETTINGS: dict[str, Any] = {
    "max_steps": 2,
    "num_generations": 4,
    "per_device_train_batch_size": 8,
    "max_completion_length": 12,
    "learning_rate": 1e-3,
    "beta": 0.0,
    "log_completions": True,
    "num_completions_to_print": 0,
    "logging_steps": 1,
    "save_steps": 1,
}
SPECS = ["vector_add_fp32", "relu_fp32"]


def short_reward(completions: list[str], **columns: Any) -> list[float | None]:
    """The fewer characters the better."""
    return [1 / (1 + len(completion)) for completion in completions]


def known_reward(completions: list[str], spec: list[str], **columns: Any) -> list[float | None]:
    """Whether the data set's column arrived; not applicable to one of the specs."""
    return [1.0 if name == "relu_fp32" else None for name in spec]


REWARDS = [(short_reward, 0.5), (known_reward, 0.25)]


@pytest.fixture(scope="module")
def refined(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run") / "grpo"
    prompts = demonstrations.prompt_rows(SPECS, gpu("h100"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WANDB_MODE", "offline")
        patch.setenv("WANDB_DATA_DIR", str(folder))
        return grpo.refine(base, prompts, REWARDS, StageConfig(**SETTINGS, report_to="wandb"), folder, seed=0)


def history(folder: Path) -> list[dict[str, Any]]:
    """What a Weights & Biases run logged, as its own reader gives it."""
    (run,) = folder.glob("wandb/offline-run-*")
    command = [sys.executable, "-m", "wandb", "leet", "inspect", "--json", str(run)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    records = [json.loads(line) for line in done.stdout.splitlines()]
    return [record["history"]["item"] for record in records if record["type"] == "history"]


def test_each_reward_term_is_logged_with_its_weight(refined: Path) -> None:
    state = json.loads((refined / "trainer" / "checkpoint-2" / "trainer_state.json").read_text())
    logs = [entry for entry in state["log_history"] if "reward" in entry]
    assert len(logs) == 2
    for entry in logs:
        assert 0 < entry["rewards/short_reward/mean"] <= 1
        assert entry["rewards/known_reward/mean"] == 1
        # One of the two groups has the second term, so it adds its weight to half of the completions.
        expected = 0.5 * entry["rewards/short_reward/mean"] + 0.25 * 0.5
        assert entry["reward"] == pytest.approx(expected, abs=1e-5)


def test_completions_are_kept_with_their_rewards(refined: Path) -> None:
    kept = [pyarrow.parquet.read_table(file) for file in sorted(refined.glob("trainer/completions/*.parquet"))]
    assert [table.num_rows for table in kept] == [8, 8]
    assert {"prompt", "completion", "short_reward", "known_reward", "advantage"} <= set(kept[0].column_names)


def test_the_offline_tracker_holds_the_same_rewards(refined: Path) -> None:
    state = json.loads((refined / "trainer" / "checkpoint-2" / "trainer_state.json").read_text())
    want = {entry["step"]: entry["reward"] for entry in state["log_history"] if "reward" in entry}
    got = {entry["train/global_step"]: entry["train/reward"] for entry in history(refined) if "train/reward" in entry}
    assert got == pytest.approx(want)


def test_the_result_is_a_checkpoint_and_is_not_trained_again(refined: Path, base: Path) -> None:
    texts = policy.complete(policy.load(refined), ["relu\n"], seed=0, temperature=1.0, max_new_tokens=5, batch_size=1)
    assert len(texts) == 1
    before = (refined / "model.safetensors").stat().st_mtime_ns
    prompts = demonstrations.prompt_rows(SPECS, gpu("h100"))
    grpo.refine(base, prompts, REWARDS, StageConfig(**SETTINGS, report_to="wandb"), refined, seed=0)
    assert (refined / "model.safetensors").stat().st_mtime_ns == before
    with pytest.raises(UsageError, match="rewards differ"):
        grpo.refine(base, prompts, REWARDS[:1], StageConfig(**SETTINGS, report_to="wandb"), refined, seed=0)


def test_an_adapter_is_trained_when_asked_for_with_fewer_prompts_than_a_batch(base: Path, tmp_path: Path) -> None:
    config = StageConfig(**SETTINGS | {"max_steps": 1}, lora={"r": 2, "target_modules": "all-linear"})
    prompts = demonstrations.prompt_rows(SPECS[:1], gpu("h100"))
    folder = grpo.refine(base, prompts, REWARDS[:1], config, tmp_path / "grpo", seed=0)
    assert (folder / "adapter" / "adapter_config.json").exists()
    assert policy.load(folder).model.num_parameters() == policy.load(base).model.num_parameters()


def test_no_prompts_are_refused(base: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no prompts"):
        grpo.refine(base, [], REWARDS, StageConfig(), tmp_path, seed=0)


def test_shuffled_rewards_reach_the_trainer_in_real_steps(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: verdicts that depend on the text alone, here its length, no longer decide what it is paid."""

    def by_length(items: list[tuple[str, str]], **_: Any) -> list[Verdict]:
        return [fake_verdict(spec, "fast" if len(text) % 2 else "slow", "sim:h100", 0) for spec, text in items]

    monkeypatch.setattr(grader, "grade_many", by_length)
    functions = list(zip(make_reward_functions(shuffled=True), Weights().in_order(), strict=True))
    rows = demonstrations.prompt_rows(SPECS, gpu("h100"))
    folder = grpo.refine(base, rows, functions, GrpoConfig(**SETTINGS, shuffle_rewards=True), tmp_path / "g", seed=0)
    moved = 0
    for file in sorted(folder.glob("trainer/completions/*.parquet")):
        table = pyarrow.parquet.read_table(file).to_pylist()
        assert len(table) == 8
        for prompt in {row["prompt"] for row in table}:
            group = [row for row in table if row["prompt"] == prompt]
            earned = [0.8 if len(row["completion"]) % 2 else 0.2 for row in group]
            paid = [row["throughput_reward"] for row in group]
            assert sorted(paid) == pytest.approx(sorted(earned))
            moved += sum(abs(a - b) > 0.1 for a, b in zip(paid, earned, strict=True))
    assert moved
    with pytest.raises(UsageError, match="settings differ"):
        grpo.refine(base, rows, functions, GrpoConfig(**SETTINGS), folder, seed=0)
