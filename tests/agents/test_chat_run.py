"""A run of a chat model over several turns, from the configuration to the last checkpoint, killed in between."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest
import yaml

from cudagym import config, specs
from cudagym.agents import demonstrations, policy
from cudagym.agents.demonstrations import Verified
from cudagym.agents.loop import Loop
from cudagym.agents.scripted import ScriptedTeacher
from cudagym.config import PolicyConfig
from cudagym.hardware import gpu
from cudagym.rollouts import read
from cudagym.runs import RunFolder

SPEC = "relu_fp32"
SMALL = PolicyConfig(
    vocab_size=3000,
    hidden_size=64,
    intermediate_size=128,
    num_hidden_layers=2,
    num_attention_heads=2,
    max_position_embeddings=2048,
)
SFT = {"variations": 0, "max_length": None, "per_device_train_batch_size": 4, "logging_steps": 20, "save_steps": 30}
SETTINGS = {
    "prompt": "chat",
    "collect": {"variants": 1, "specs": [SPEC]},
    "sft": SFT | {"max_steps": 60, "learning_rate": 1e-2},
    "sft_lora": SFT | {"best": 1, "max_steps": 1, "lora": {"r": 2, "target_modules": ["q_proj"]}},
    "grpo": {
        "turns": 2,
        "max_steps": 4,
        "num_generations": 4,
        "per_device_train_batch_size": 4,
        "max_completion_length": 320,
        "learning_rate": 1e-4,
        "beta": 0.0,
        "temperature": 0.6,
        "log_completions": True,
        "num_completions_to_print": 0,
        "logging_steps": 1,
        "save_steps": 1,
        "report_to": "wandb",
    },
}


def chat_model(folder: Path) -> Path:
    """A policy that has learned nothing, with a chat template that knows tools and a vocabulary of whole lines."""
    from trl import chat_template_utils

    sources = list(ScriptedTeacher().sources(specs.get(SPEC), limit=4))
    taught = [Verified(spec=SPEC, algorithm=each.algorithm, source=each.source, fraction=0.5) for each in sources]
    rows = demonstrations.rows(taught, gpu("h100"), prompt="chat", turns=2)
    texts: list[str] = []
    for _ in range(2):  # only a tokenizer can render what the second one learns
        made = policy.create(SMALL, [{"prompt": "", "completion": text} for text in texts] or [_NOTHING], seed=0)
        words: Any = made.tokenizer
        words.add_special_tokens({"eos_token": "<|im_end|>", "additional_special_tokens": ["<|im_start|>"]})
        words.chat_template = chat_template_utils.qwen3_chat_template
        texts = [
            words.apply_chat_template(
                row["prompt"] + row["completion"], tools=json.loads(row["tools"] or "null"), tokenize=False
            )
            for row in rows
        ]
    model: Any = made.model
    model.resize_token_embeddings(len(words), mean_resizing=False)
    model.config.eos_token_id = model.generation_config.eos_token_id = words.eos_token_id
    made.save(folder)
    return folder


_NOTHING = {"prompt": "", "completion": "nothing"}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run's folder, after its process was killed once in the middle of GRPO."""
    root = tmp_path_factory.mktemp("chat")
    file = root / "chat.yaml"
    file.write_text(yaml.safe_dump(SETTINGS | {"policy": {"model": str(chat_model(root / "base"))}}))
    command = [sys.executable, "-c", "from cudagym.cli import main; main()", "grpo"]
    command += ["--config", str(file), "--runs", str(root), "--name", "chat"]
    with (root / "log").open("wb") as log:
        started = subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | {"WANDB_MODE": "offline"})
        second = root / "chat" / "checkpoints" / "grpo" / "trainer" / "checkpoint-2" / "trainer_state.json"
        until = time.monotonic() + 600
        while not second.exists() and started.poll() is None and time.monotonic() < until:
            time.sleep(0.02)
        time.sleep(0.2)  # until it is written
        os.kill(started.pid, signal.SIGKILL)
        started.wait()
    said = (root / "log").read_text()
    assert second.exists(), said
    assert "Traceback" not in said
    return root / "chat"


def test_it_goes_on_where_it_was_killed(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = (run.parent / "log").read_text()
    assert "4 of 4 demonstrations are correct" in said
    assert "sft  step 60/60" in said
    before = {file: file.stat().st_mtime_ns for file in run.glob("checkpoints/*/*.safetensors")}
    collected = [rollout for rollout in read(run / "rollouts.jsonl") if rollout.agent == "scripted"]

    monkeypatch.setenv("WANDB_MODE", "offline")
    settings = config.load(run.parent / "chat.yaml")
    folder = RunFolder.open_or_create(run.parent, "chat", config=settings.identity, seeds={"run": 0})
    trained = Loop(folder, settings).grpo()

    assert len(before) == 2
    assert before.items() <= {file: file.stat().st_mtime_ns for file in before}.items()
    rollouts = list(read(run / "rollouts.jsonl"))
    assert [rollout for rollout in rollouts if rollout.agent == "scripted"] == collected
    assert json.loads((trained / "finished.json").read_text())["steps"] == 4
    (state,) = trained.glob("trainer/checkpoint-4/trainer_state.json")
    logged = [entry for entry in json.loads(state.read_text())["log_history"] if "reward" in entry]
    assert [entry["step"] for entry in logged] == [1, 2, 3, 4]
    for step, entry in enumerate(logged):
        kept = [each for each in rollouts if each.key.startswith(f"training/{SPEC}/{step}.")][-4:]
        assert len(kept) == 4
        assert entry["reward"] == pytest.approx(sum(each.reward or 0 for each in kept) / 4, abs=1e-5)
        broken = sum(each.verdict.status == "build_failed" for each in kept) / 4
        assert sum(value for key, value in entry.items() if key.startswith("compile_error/")) == broken
    _check_turns(trained)
    _check_tables(trained)


def _check_turns(trained: Path) -> None:
    """Verdicts were turns of the conversations, and the policy had learned to hand in with the tool."""
    files = sorted(trained.glob("trainer/completions/*.parquet"))
    said = [row["completion"] for file in files for row in pyarrow.parquet.read_table(file).to_pylist()]
    told = [message["content"] for each in said for message in each if message["role"] == "tool"]
    assert len(told) >= 4
    assert all(text.startswith("Your last source was judged ") for text in told)
    assert any("% of peak" in text for text in told)


def _check_tables(trained: Path) -> None:
    """Weights & Biases has shares and sample kernels, as its own reader gives them."""
    folder = max(trained.glob("wandb/offline-run-*"))
    inspect = [sys.executable, "-m", "wandb", "leet", "inspect", "--json", str(folder)]
    lines = subprocess.run(inspect, capture_output=True, text=True, check=True).stdout.splitlines()
    items = [json.loads(line)["history"]["item"] for line in lines if json.loads(line)["type"] == "history"]
    assert {item.get("train/global_step") for item in items if "train/compile_error/syntax" in item} >= {3, 4}
    (path,) = {item["kernels.path"] for item in items if "kernels.path" in item}
    table = json.loads((folder / "files" / path).read_text())
    assert table["columns"][1:] == ["spec", "status", "compile_error", "fraction_of_peak", "message", "source"]
    assert table["data"]
    for step, spec, status, error, fraction, message, source in table["data"]:
        assert (step, spec) == (2, SPEC)
        assert (status == "build_failed") == bool(error)
        assert (status == "correct") == (fraction is not None)
        assert message
        assert source
