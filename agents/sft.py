"""Supervised fine-tuning on verified demonstrations, with TRL's SFTTrainer, in two stages.

`pretrain` trains every weight of a new policy, since adapters on random weights learn nothing; `adapt` continues
with LoRA on the fastest demonstrations. Only completions count in the loss. A stage that was interrupted goes on
from its last checkpoint, and one that had finished returns at once. With `validation` a stage ends when the loss on
demonstrations that it does not learn from stops falling.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from math import ceil
from pathlib import Path
from typing import Any

from cudagym.agents import policy
from cudagym.agents.policy import quiet
from cudagym.agents.stage import Stage, adapter, digest, settings, weights_digest
from cudagym.config import AdaptConfig, PretrainConfig
from cudagym.errors import UsageError

Row = Mapping[str, Any]
"""A demonstration as TRL takes it: `prompt`, `completion`, perhaps `tools`, and what training ignores: `spec`, and
`source` where several completions hand in the same one."""


def pretrain(base: Path, rows: Sequence[Row], config: PretrainConfig, folder: Path, *, seed: int) -> Path:
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


def hold_out(rows: Sequence[Row], share: float, *, seed: int) -> tuple[list[Row], list[Row]]:
    """The rows to learn from, and those of `share` of the demonstrations, at least one, to validate on.

    All rows of one demonstration are on one side. Which side depends on the source and `seed` alone. Raises UsageError
    when nothing would be left to learn from.
    """

    def draw(text: str) -> str:
        return hashlib.sha256(f"{seed} {text}".encode(errors="surrogatepass")).hexdigest()

    def source(row: Row) -> str:
        return json.dumps(row.get("source") or row["completion"])

    sources = sorted({source(row) for row in rows}, key=draw)
    count = ceil(share * len(sources))
    if share and count == len(sources):
        raise UsageError(f"holding out {share:g} of {len(sources)} demonstrations leaves none to learn from.")
    held = set(sources[:count])
    return (
        [row for row in rows if source(row) not in held],
        [row for row in rows if source(row) in held],
    )


def _train(name: str, base: Path, rows: Sequence[Row], config: PretrainConfig, folder: Path, seed: int) -> Path:
    if not rows:
        raise UsageError(f"stage {name} has no demonstrations to learn from: collect some first.")
    origin = {"settings": config.model_dump(mode="json"), "seed": seed}
    stage = Stage(folder, {**origin, "demonstrations": digest(rows), "base": weights_digest(base)})
    if stage.finished:
        return folder

    from datasets import Dataset  # type: ignore[import-untyped]
    from transformers import EarlyStoppingCallback
    from trl.trainer.sft_config import SFTConfig
    from trl.trainer.sft_trainer import SFTTrainer

    learned, held = hold_out(rows, config.validation, seed=seed)
    given = settings("trl.SFTConfig", config, stage.trainer_folder, seed=seed)
    if held:
        given = {
            "eval_strategy": "steps",
            "eval_steps": given["save_steps"],
            "per_device_eval_batch_size": given.get("per_device_train_batch_size", 8),
            "load_best_model_at_end": True,
            "metric_for_best_model": "eval_loss",
            "greater_is_better": False,
            "restore_callback_states_from_checkpoint": True,  # how long to be patient still, after an interruption
            **given,
        }
    model, tokenizer = policy.load(base)
    if not isinstance(rows[0]["prompt"], str):
        policy.check_chat(tokenizer)
    with quiet():
        trainer = SFTTrainer(
            model=model,
            args=SFTConfig(**given),
            train_dataset=Dataset.from_list([dict(row) for row in learned]),
            eval_dataset=Dataset.from_list([dict(row) for row in held]) if held else None,
            callbacks=[EarlyStoppingCallback(config.patience)] if held else None,
            processing_class=tokenizer,
            peft_config=adapter(config),
        )
    stage.run(trainer, name)
    return folder
