"""Rehearsal: what a training run would do, resolved as far as that is possible without weights, GPUs or grading."""

from __future__ import annotations

from typing import Any

from rich import box
from rich.table import Table

from cudagym import specs
from cudagym.agents import demonstrations, policy, preflight
from cudagym.config import TRAINERS, RunConfig
from cudagym.devices import gpu_of, resolve_device
from cudagym.errors import UsageError
from cudagym.rewards.terms import Weights


def rehearse(config: RunConfig, origin: str) -> dict[str, str]:
    """What the stages are made of, by name. Raises UsageError for what they would fail on.

    A pretrained model that is not on this machine is no failure here: what depends on it is left open.
    """
    from trl.import_utils import is_vllm_available

    preflight.check(config, origin)
    device = resolve_device(config.device)
    kernels = specs.select(config.collect.specs)
    told: dict[str, str] = {"device": device, "policy": _policy(config)}
    rows = demonstrations.prompt_rows(
        [kernel.name for kernel in kernels],
        gpu_of(device),
        config.prompt,
        Weights.parse(config.rewards).model_dump(),
    )
    told["prompts"] = f"{len(rows)} train specs, asked {config.prompt}: {_longest(config, rows)}"
    for section, kind in TRAINERS.items():
        stage = getattr(config, section)
        arguments = preflight.trainer_arguments(kind, stage, seed=config.seed)
        batch = arguments.per_device_train_batch_size * arguments.gradient_accumulation_steps
        long = f"{arguments.max_steps} steps" if arguments.max_steps > 0 else f"{arguments.num_train_epochs:g} epochs"
        weights = f"LoRA r {stage.lora.get('r', 8)}" if stage.lora is not None else "every weight"
        told[section] = f"{long} of {batch} rows per process, {weights}, learning rate {arguments.learning_rate:g}"
    arguments = preflight.trainer_arguments("trl.GRPOConfig", config.grpo, seed=config.seed)
    per_batch = arguments.generation_batch_size
    told["sampling"] = (
        f"{per_batch} completions at once per process in groups of {arguments.num_generations}, "
        f"each at most {arguments.max_completion_length} tokens, by "
        + (f"vLLM ({arguments.vllm_mode})" if arguments.use_vllm else "transformers")
        + (", which is not installed here" if arguments.use_vllm and not is_vllm_available() else "")
    )
    if config.grpo.turns > 1:
        told["turns"] = f"up to {config.grpo.turns} submissions, a verdict after each"
    if config.grpo.curriculum:
        told["curriculum"] = f"pass rates from {config.grpo.curriculum * len(rows)} samples before training"
    if config.grpo.shuffle_rewards:
        told["control"] = "rewards are shuffled within each group"
    return told


def _policy(config: RunConfig) -> str:
    made = preflight.weightless(config.policy)
    if made is None:
        return f"{config.policy.model}, not on this machine (HF_HUB_OFFLINE=0 downloads what the hub has)"
    size = made.num_parameters() / 1e6
    return f"{config.policy.model or 'from scratch'}, {type(made).__name__}, {size:,.1f} M weights"


def _longest(config: RunConfig, rows: list[dict[str, Any]]) -> str:
    """How long prompts get, in tokens where there is a tokenizer to count with."""
    texts = [row["prompt"] if isinstance(row["prompt"], str) else row["prompt"][0]["content"] for row in rows]
    try:
        folder = policy.resolve(config.policy.model) if config.policy.model else None
    except UsageError:
        folder = None
    if folder is None or not folder.is_dir():
        return f"at most {max(map(len, texts)):,} characters"
    words = policy.words(folder)
    if config.prompt == "chat":
        texts = [words.apply_chat_template(row["prompt"], tokenize=False, add_generation_prompt=True) for row in rows]
    return f"at most {max(len(words(text).input_ids) for text in texts):,} tokens"


def rehearsal_table(told: dict[str, str]) -> Table:
    table = Table(box=box.ROUNDED, show_header=False, pad_edge=False, padding=(0, 1))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, text in told.items():
        table.add_row(name, text)
    return table
