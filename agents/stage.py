"""A training stage: a folder that is finished, resumable or untouched, and what watches over its training.

sft/stage.json              what the stage is made from: settings, data, parent checkpoint
sft/trainer/checkpoint-120  the trainer's own checkpoints, from which an interrupted stage goes on
sft/history.jsonl           what the trainer logged
sft/model.safetensors ...   the result, an ordinary checkpoint
sft/finished.json           written last: the stage is complete, and how long it took
"""

from __future__ import annotations

import hashlib
import json
import netrc
import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from cudagym.agents import history
from cudagym.agents.policy import quiet, save_trained
from cudagym.agents.progress import console, progress
from cudagym.agents.trouble import trouble
from cudagym.config import StageConfig, arguments, field_types
from cudagym.errors import UsageError
from cudagym.runs import write_json

if TYPE_CHECKING:
    from peft import LoraConfig


class Stage:
    """One stage's folder. `origin` is everything its result depends on; JSON decides whether two are the same."""

    def __init__(self, folder: Path, origin: Mapping[str, Any]) -> None:
        """Raises UsageError when the folder holds a stage that was made from something else."""
        self.folder = folder
        self._marker = folder / "finished.json"
        text = json.loads(json.dumps(origin))
        record = folder / "stage.json"
        if not record.exists():
            folder.mkdir(parents=True, exist_ok=True)
            write_json(record, text)
        elif (before := json.loads(record.read_text(encoding="utf-8"))) != text:
            keys = sorted(before.keys() | text.keys())
            changed = ", ".join(key for key in keys if before.get(key) != text.get(key))
            raise UsageError(
                f"{folder} was trained from something else ({changed} differ). "
                "Name another run, or delete that folder to train it again."
            )

    @property
    def finished(self) -> bool:
        return self._marker.exists()

    @property
    def last_checkpoint(self) -> str | None:
        """The newest checkpoint that was written to its end."""
        numbered = {int(folder.name.rpartition("-")[2]): folder for folder in self._checkpoints() if _is_whole(folder)}
        return str(numbered[max(numbered)]) if numbered else None

    def _remove_torn_checkpoints(self) -> None:
        """The trainer keeps the checkpoint of the highest step, and would keep a torn one and remove whole ones."""
        for folder in self._checkpoints():
            if not _is_whole(folder):
                shutil.rmtree(folder)

    def _checkpoints(self) -> list[Path]:
        return sorted(self.trainer_folder.glob("checkpoint-*"))

    @property
    def trainer_folder(self) -> Path:
        return self.folder / "trainer"

    def run(self, trainer: Any, name: str) -> None:
        """Train to the end, from the last checkpoint if there is one, save the result, and mark it finished.

        Raises InfrastructureError when the machine fails.
        """
        with trouble(name, self.folder, server_of(trainer.args)):
            self._run(trainer, name)

    def _run(self, trainer: Any, name: str) -> None:
        started = time.monotonic()
        if trainer.is_world_process_zero():
            self._remove_torn_checkpoints()
        report_to = trainer.args.report_to if trainer.is_world_process_zero() else ()
        trainer.add_callback(history.recorder(self.folder))
        with quiet(), _tracked(report_to, self.folder, name), _shown(trainer, name):
            trainer.train(resume_from_checkpoint=self.last_checkpoint)
        if trainer.is_world_process_zero():
            save_trained(trainer.model, trainer.processing_class, self.folder)
            seconds = round(time.monotonic() - started, 1)
            write_json(self._marker, {"steps": trainer.state.global_step, "seconds": seconds})
        trainer.accelerator.wait_for_everyone()


def server_of(arguments: Any) -> str | None:
    """The address of the vLLM server that GRPO's arguments name."""
    if not getattr(arguments, "use_vllm", False) or arguments.vllm_mode != "server":
        return None
    return str(arguments.vllm_server_base_url or f"{arguments.vllm_server_host}:{arguments.vllm_server_port}")


def _is_whole(checkpoint: Path) -> bool:
    """Whether it was written to its end: the trainer's state is its last file."""
    try:
        json.loads((checkpoint / "trainer_state.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return False
    return True


def settings(kind: str, config: StageConfig, folder: Path, *, seed: int) -> dict[str, Any]:
    """Arguments for the trainer's configuration `kind`: the user's, on top of defaults that suit any machine.

    On a CPU bf16 and recomputing activations only cost time, so both are off unless asked for or there is a GPU.
    """
    import torch

    gpu = torch.cuda.is_available()
    given = arguments(kind, config.trainer, "the training section")
    defaults = {
        "seed": seed,
        "bf16": gpu,
        "report_to": "none",
        "logging_steps": 10,
        "save_steps": 50,
        "save_total_limit": 1,
        "disable_tqdm": True,
        "dataloader_pin_memory": gpu,
    }
    # TRL's default is True; transformers 5.23 renamed the field and warns about the old name.
    renamed = "activation_checkpointing" in field_types(kind)
    if not any(name.endswith("_checkpointing") for name in given):
        defaults["activation_checkpointing" if renamed else "gradient_checkpointing"] = False
    elif renamed and "gradient_checkpointing" in given:
        given["activation_checkpointing"] = given.pop("gradient_checkpointing")
    return {**defaults, **given, "output_dir": str(folder), "use_cpu": not gpu}


def adapter(config: StageConfig) -> LoraConfig | None:
    """The stage's LoRA configuration, or None when every weight is to be trained."""
    if config.lora is None:
        return None
    from peft import LoraConfig

    return LoraConfig(**arguments("peft.LoraConfig", config.lora, "the lora section"))


def digest(rows: Sequence[Mapping[str, Any]]) -> str:
    """A short name for a data set's content."""
    return hashlib.sha256(json.dumps([dict(row) for row in rows], sort_keys=True).encode()).hexdigest()[:16]


def weights_digest(checkpoint: Path) -> str:
    """A short name for a checkpoint's weights."""
    total = hashlib.sha256()
    for file in sorted(checkpoint.glob("*.safetensors")) or sorted(checkpoint.glob("*.bin")):
        with file.open("rb") as stream:
            total.update(hashlib.file_digest(stream, "sha256").digest())
    return total.hexdigest()[:16]


@contextmanager
def _tracked(report_to: Sequence[str], folder: Path, name: str) -> Iterator[None]:
    """Keep a Weights & Biases run open in `folder` while training, if `report_to` asks for it.

    Without a key the run is kept offline; `wandb sync` uploads it later. $WANDB_MODE overrides this.
    """
    if "wandb" not in report_to:
        yield
        return
    mode: Any = os.environ.get("WANDB_MODE") or ("online" if _has_wandb_key() else "offline")
    os.environ.setdefault("WANDB_DATA_DIR", str(folder))
    if mode == "offline":
        os.environ.setdefault("WANDB_SILENT", "true")  # read when wandb is imported
    import wandb

    folder.mkdir(parents=True, exist_ok=True)
    run = wandb.init(
        project=os.environ.get("WANDB_PROJECT", "cudagym"),
        name=name,
        dir=str(folder),
        mode=mode,
        settings=wandb.Settings(console="off", silent=True, x_disable_stats=True),
    )
    try:
        yield
    finally:
        run.finish()


def _has_wandb_key() -> bool:
    """Whether wandb would find a key: in the environment, or where `wandb login` puts it."""
    host = urlsplit(os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai")).hostname or ""
    if os.environ.get("WANDB_API_KEY"):
        return True
    try:
        return netrc.netrc().authenticators(host) is not None
    except (FileNotFoundError, netrc.NetrcParseError):
        return False


@contextmanager
def _shown(trainer: Any, stage: str) -> Iterator[None]:
    """Show the trainer's steps and the time left instead of its own printing, and each of its logs as a short line."""
    from transformers import PrinterCallback, TrainerCallback

    on, told, started = console(), "", time.monotonic()
    with progress(on, stage, "steps", lambda: told if on.is_terminal else "") as report:

        class Shown(TrainerCallback):
            def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
                self.first = state.global_step
                report(state.global_step, state.max_steps)

            def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
                last = state.global_step == state.max_steps
                if on.is_terminal or not (control.should_log or last):  # a log says the same
                    report(state.global_step, state.max_steps)

            def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
                nonlocal told
                shown = {short: logs.get(key) for key, short in _SHOWN.items()}
                values = "  ".join(f"{short} {float(value):.3f}" for short, value in shown.items() if value is not None)
                done = state.global_step - self.first
                if values and done:
                    told = values
                    passed = time.monotonic() - started
                    left = passed / done * (state.max_steps - state.global_step)
                    where = f"{stage}  step {state.global_step}/{state.max_steps}"
                    on.print(f"{where}  {values}  {passed:.0f} s, {left:.0f} s to go", soft_wrap=True)

        trainer.remove_callback(PrinterCallback)
        trainer.add_callback(Shown())
        yield


_SHOWN = {
    "loss": "loss",
    "eval_loss": "validation loss",
    "mean_token_accuracy": "accuracy",
    "reward": "reward",
    "rewards/compile_reward/mean": "compile",
    "rewards/numeric_reward/mean": "numeric",
    "rewards/throughput_reward/mean": "throughput",
    "frac_reward_zero_std": "flat",
}
"""What a progress line shows of the trainer's logs, and how it is called there."""
