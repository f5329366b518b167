"""Supervised fine-tuning on verified demonstrations, with TRL's SFTTrainer, in two stages.

`pretrain` trains every weight of a new policy, since adapters on random weights learn nothing; `adapt` continues
with LoRA on the fastest demonstrations. Only completions count in the loss. A stage that was interrupted goes on
from its last checkpoint, and one that had finished returns at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cudagym.agents import policy
from cudagym.agents.policy import quiet
from cudagym.agents.stage import Stage, adapter, digest, settings, weights_digest
from cudagym.config import AdaptConfig, StageConfig
from cudagym.errors import UsageError

Row = Mapping[str, Any]
"""A demonstration as TRL takes it: `prompt`, `completion`, and `spec`, which training ignores."""


def pretrain(base: Path, rows: Sequence[Row], config: StageConfig, folder: Path, *, seed: int) -> Path:
    """Train the checkpoint `base` on `rows`: every weight, unless `config.lora` is given. Returns `folder`, which
    then holds the trained checkpoint.

    Raises UsageError for no rows, and when `folder` holds what was trained with other settings or data.
    """
    return _train("sft", base, rows, config, folder, seed)


def adapt(base: Path, rows: Sequence[Row], config: AdaptConfig, folder: Path, *, seed: int) -> Path:
    """Train a LoRA adapter for the checkpoint `base` on `rows`. Returns `folder`, which then holds the checkpoint
    with the adapter merged in, and the adapter itself in `adapter`.

    Raises as `pretrain` does.
    """
    return _train("sft_lora", base, rows, config, folder, seed)


def _train(name: str, base: Path, rows: Sequence[Row], config: StageConfig, folder: Path, seed: int) -> Path:
    if not rows:
        raise UsageError(f"stage {name} has no demonstrations to learn from: collect some first.")
    origin = {"settings": config.model_dump(mode="json"), "seed": seed}
    stage = Stage(folder, {**origin, "demonstrations": digest(rows), "base": weights_digest(base)})
    if stage.finished:
        return folder

    from datasets import Dataset  # type: ignore[import-untyped]
    from trl.trainer.sft_config import SFTConfig
    from trl.trainer.sft_trainer import SFTTrainer

    model, tokenizer = policy.load(base)
    if not isinstance(rows[0]["prompt"], str):
        policy.check_chat(tokenizer)
    with quiet():
        trainer = SFTTrainer(
            model=model,
            args=SFTConfig(**settings("trl.SFTConfig", config, stage.trainer_folder, seed=seed)),
            train_dataset=Dataset.from_list([dict(row) for row in rows]),
            processing_class=tokenizer,
            peft_config=adapter(config),
        )
    stage.run(trainer, name)
    return folder
