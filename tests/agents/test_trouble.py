"""What the machine does to training ends in a sentence, and training goes on once that is mended."""

from __future__ import annotations

import json
import resource
import socket
from pathlib import Path
from typing import Any

import pytest
import torch

from cudagym.agents import demonstrations, grpo, sft
from cudagym.agents.loop import Loop
from cudagym.agents.trouble import trouble
from cudagym.config import GrpoConfig, PretrainConfig, parse
from cudagym.errors import InfrastructureError
from cudagym.hardware import gpu
from cudagym.runs import RunFolder


@pytest.mark.parametrize("largest", [50_000, 150_000], ids=["weights", "optimizer"])
def test_a_full_disk_in_the_middle_of_saving(
    base: Path, rows: list[dict[str, str]], tmp_path: Path, largest: int
) -> None:
    config = PretrainConfig(max_steps=2, save_steps=1, per_device_train_batch_size=4)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest, before[1]))
    try:
        with pytest.raises(InfrastructureError, match=r"stage sft cannot write to .*sft: .*repeat the command"):
            sft.pretrain(base, rows, config, tmp_path / "sft", seed=0)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.glob("sft/trainer/checkpoint-*"))
    sft.pretrain(base, rows, config, tmp_path / "sft", seed=0)
    assert json.loads((tmp_path / "sft" / "finished.json").read_text())["steps"] == 2


def test_a_torn_checkpoint_never_costs_a_whole_one(base: Path, rows: list[dict[str, str]], tmp_path: Path) -> None:
    """The trainer keeps the checkpoint of the highest step, which here is one that a killed process left."""
    torn = tmp_path / "sft" / "trainer" / "checkpoint-9" / "trainer_state.json"
    torn.parent.mkdir(parents=True)
    torn.write_text('{"global_st')
    config = PretrainConfig(max_steps=2, save_steps=1, save_total_limit=1, per_device_train_batch_size=4)
    sft.pretrain(base, rows, config, tmp_path / "sft", seed=0)
    assert [folder.name for folder in tmp_path.glob("sft/trainer/checkpoint-*")] == ["checkpoint-2"]


def test_a_vllm_server_that_does_not_answer(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With TRL's own client, which only has to believe that vLLM is installed."""
    from trl.generation import vllm_client, vllm_generation

    for module in (vllm_client, vllm_generation):
        monkeypatch.setattr(module, "is_vllm_available", lambda **_: True)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        address = f"http://127.0.0.1:{closed.getsockname()[1]}"
    settings: dict[str, Any] = {"num_generations": 2, "per_device_train_batch_size": 2, "max_steps": 1}
    config = GrpoConfig(**settings, use_vllm=True, vllm_mode="server", vllm_server_base_url=address)
    config = config.model_copy(update={"vllm_server_timeout": 0.0})
    rewards = [(lambda **_: [0.0, 0.0], 1.0)]
    rewards[0][0].__name__ = "nothing"
    asked = demonstrations.prompt_rows(["relu_fp32"], gpu("h100"))
    with pytest.raises(InfrastructureError, match=rf"the vLLM server at {address} does not answer .*repeat"):
        grpo.refine(base, asked, rewards, config, tmp_path / "grpo", seed=0)


def test_vllm_is_looked_for_before_anything_is_collected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from trl import import_utils

    monkeypatch.setattr(import_utils, "is_vllm_available", lambda **_: False)
    config = parse({"grpo": {"use_vllm": True}}, "run.yaml")
    run = RunFolder.open_or_create(tmp_path, "run", config=config.identity)
    with pytest.raises(InfrastructureError, match=r"vLLM is not installed: pip install vllm, or set grpo.use_vllm"):
        Loop(run, config).grpo()
    assert not run.rollouts.exists()


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."), "stage grpo ran out of memory"),
        (MemoryError(), "a lower grpo.per_device_train_batch_size"),
        (RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos"), "Make space"),
        (ConnectionResetError("connection reset"), "the vLLM server at http://h:1 does not answer"),
    ],
)
def test_errors_of_the_libraries_are_said_in_a_sentence(error: Exception, said: str, tmp_path: Path) -> None:
    with pytest.raises(InfrastructureError, match=said), trouble("grpo", tmp_path, "http://h:1"):
        raise error


def test_other_errors_stay_what_they_are(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="shape"), trouble("grpo", tmp_path, "http://h:1"):
        raise RuntimeError("shape '[2]' is invalid")
    with pytest.raises(ConnectionResetError), trouble("grpo", tmp_path):
        raise ConnectionResetError("connection reset")
