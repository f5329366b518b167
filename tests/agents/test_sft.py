"""Real training with TRL on a tiny policy: it learns, resumes to the same weights, and keeps its adapter."""

from __future__ import annotations

import json
import shutil
from math import ceil
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file

from cudagym.agents import history, policy, sft
from cudagym.config import AdaptConfig, PretrainConfig
from cudagym.errors import UsageError

Rows = list[dict[str, str]]
FULL = PretrainConfig(
    max_steps=4, save_steps=2, save_total_limit=2, logging_steps=1, learning_rate=1e-2, per_device_train_batch_size=4
)


@pytest.fixture(scope="module")
def trained(base: Path, rows: Rows, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sft.pretrain(base, rows, FULL, tmp_path_factory.mktemp("run") / "sft", seed=0)


def losses(folder: Path) -> list[float]:
    state = json.loads((folder / "trainer" / "checkpoint-4" / "trainer_state.json").read_text())
    return [entry["loss"] for entry in state["log_history"] if "loss" in entry]


def test_the_loss_falls_and_the_result_is_a_checkpoint(trained: Path, base: Path, rows: Rows) -> None:
    seen = losses(trained)
    assert seen[-1] < seen[0]
    after = policy.load(trained)
    assert after.tokenizer(rows[0]["completion"]) == policy.load(base).tokenizer(rows[0]["completion"])
    assert not torch.equal(after.model.get_input_embeddings().weight, policy.load(base).model.lm_head.weight)


def test_what_the_trainer_logged_outlives_its_checkpoints(trained: Path) -> None:
    assert (trained / history.NAME).is_file()
    assert [log["loss"] for log in history.read(trained).values()] == losses(trained)


def test_only_completions_count_in_the_loss(trained: Path) -> None:
    arguments = torch.load(trained / "trainer" / "checkpoint-4" / "training_args.bin", weights_only=False)
    assert arguments.completion_only_loss is not False
    assert not arguments.bf16 or torch.cuda.is_available()
    assert not arguments.activation_checkpointing


def test_a_finished_stage_is_not_trained_again(trained: Path, base: Path, rows: Rows) -> None:
    before = (trained / "model.safetensors").stat().st_mtime_ns
    assert sft.pretrain(base, rows, FULL, trained, seed=0) == trained
    assert (trained / "model.safetensors").stat().st_mtime_ns == before


def test_an_interrupted_stage_resumes_to_the_same_weights(
    trained: Path, base: Path, rows: Rows, tmp_path: Path
) -> None:
    interrupted = tmp_path / "sft"
    shutil.copytree(trained, interrupted)
    (interrupted / "finished.json").unlink()
    (interrupted / "model.safetensors").unlink()
    torn = interrupted / "trainer" / "checkpoint-4"  # as an interruption in the middle of saving leaves it
    (torn / "trainer_state.json").unlink()
    sft.pretrain(base, rows, FULL, interrupted, seed=0)
    again, once = load_file(interrupted / "model.safetensors"), load_file(trained / "model.safetensors")
    for name, weight in once.items():
        torch.testing.assert_close(again[name], weight, rtol=1e-4, atol=1e-5)
    assert json.loads((interrupted / "finished.json").read_text())["steps"] == 4


@pytest.mark.parametrize("change", ["settings", "demonstrations", "seed"])
def test_a_folder_made_from_something_else_is_refused(trained: Path, base: Path, rows: Rows, change: str) -> None:
    config = FULL.model_copy(update={"learning_rate": 1e-3}) if change == "settings" else FULL
    with pytest.raises(UsageError, match=f"{change} differ"):
        sft.pretrain(
            base, rows[:3] if change == "demonstrations" else rows, config, trained, seed=int(change == "seed")
        )


def test_it_stops_when_the_validation_loss_does_not_fall_and_keeps_the_best(
    base: Path, rows: Rows, tmp_path: Path
) -> None:
    config = FULL.model_copy(
        update={"max_steps": 40, "save_steps": 1, "learning_rate": 0.5, "validation": 0.3, "patience": 2}
    )
    folder = sft.pretrain(base, rows, config, tmp_path / "sft", seed=0)
    states = sorted(folder.glob("trainer/checkpoint-*/trainer_state.json"), key=lambda file: file.stat().st_mtime)
    seen = [e["eval_loss"] for e in json.loads(states[-1].read_text())["log_history"] if "eval_loss" in e]
    best = min(range(len(seen)), key=lambda step: seen[step])
    assert len(seen) == best + 1 + 2 < 40
    kept = load_file(folder / "model.safetensors")
    for name, weight in load_file(folder / "trainer" / f"checkpoint-{best + 1}" / "model.safetensors").items():
        torch.testing.assert_close(kept[name], weight)


@given(st.lists(st.sampled_from("abcdefgh"), min_size=2), st.floats(0.01, 0.9), st.integers(0, 5))
def test_a_demonstration_is_learned_from_or_validated_on(sources: list[str], share: float, seed: int) -> None:
    asked = [{"prompt": str(number), "completion": source} for number, source in enumerate(sources)]
    wanted = ceil(share * len(set(sources)))
    if wanted == len(set(sources)):
        with pytest.raises(UsageError, match="leaves none"):
            sft.hold_out(asked, share, seed=seed)
        return
    learned, held = sft.hold_out(asked, share, seed=seed)
    assert sorted(row["prompt"] for row in learned + held) == sorted(row["prompt"] for row in asked)
    assert not {row["completion"] for row in learned} & {row["completion"] for row in held}
    assert len({row["completion"] for row in held}) == wanted
    assert sft.hold_out(asked[::-1], share, seed=seed)[1] == held[::-1]


def test_nothing_to_learn_from_is_refused(base: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no demonstrations"):
        sft.pretrain(base, [], FULL, tmp_path, seed=0)


def test_lora_trains_an_adapter_that_loads_and_equals_the_merged_checkpoint(
    trained: Path, rows: Rows, tmp_path: Path
) -> None:
    config = AdaptConfig(
        lora={"r": 4, "target_modules": "all-linear"}, max_steps=2, learning_rate=1e-2, per_device_train_batch_size=4
    )
    folder = sft.adapt(trained, rows, config, tmp_path / "sft_lora", seed=0)
    merged, adapted, before = (policy.load(each) for each in (folder, folder / "adapter", trained))
    ids = merged.tokenizer(rows[0]["prompt"], return_tensors="pt")["input_ids"]
    with torch.no_grad():
        logits = [each.model(ids).logits for each in (merged, adapted, before)]
    torch.testing.assert_close(logits[0], logits[1])
    assert not torch.allclose(logits[0], logits[2])
    assert sum(file.stat().st_size for file in (folder / "adapter").glob("*.safetensors")) < 100_000


def test_a_folder_without_a_checkpoint_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no checkpoint"):
        policy.load(tmp_path)
