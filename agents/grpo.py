"""Policy optimisation with TRL's GRPOTrainer: groups of completions per prompt, rewarded relative to each other.

The rewards come from outside, as TRL's reward functions; `cudagym.rewards.trl.make_reward_functions` makes the
three of the environment, which share one grading of each batch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cudagym.agents import policy
from cudagym.agents.policy import quiet
from cudagym.agents.stage import Stage, adapter, digest, server_of, settings, weights_digest
from cudagym.agents.trouble import trouble
from cudagym.config import StageConfig
from cudagym.errors import InfrastructureError, UsageError
from cudagym.rewards.trl import RewardFunction

Row = Mapping[str, Any]
"""`prompt`, text or messages, and `spec`, the name of what it asks for."""


def refine(
    base: Path,
    rows: Sequence[Row],
    rewards: Sequence[tuple[RewardFunction, float]],
    config: StageConfig,
    folder: Path,
    *,
    seed: int,
    environment: Callable[[], Any] | None = None,
) -> Path:
    """Train the checkpoint `base` on the prompts in `rows`. Returns `folder`, which then holds the result.

    `rewards` are pairs of a reward function and its weight. With `config.lora` an adapter is trained and merged,
    without it every weight. What was interrupted goes on from its last checkpoint; what had finished returns at
    once. `environment` makes TRL's environments for training over several turns, of `config.turns` each. Raises
    UsageError for no rows, for a tokenizer that cannot chat or call tools as it must, and when `folder` holds what was
    trained with other settings or data.
    """
    if not rows:
        raise UsageError("stage grpo has no prompts to learn from: select at least one spec.")
    weights = {function.__name__: weight for function, weight in rewards}
    origin = {"settings": config.model_dump(mode="json"), "seed": seed, "rewards": weights}
    stage = Stage(folder, {**origin, "prompts": digest(rows), "base": weights_digest(base)})
    if stage.finished:
        return folder

    from trl.trainer.grpo_config import GRPOConfig
    from trl.trainer.grpo_trainer import GRPOTrainer

    model, tokenizer = policy.load(base)
    if not isinstance(rows[0]["prompt"], str):
        policy.check_chat(tokenizer)
    given = settings("trl.GRPOConfig", config, stage.trainer_folder, seed=seed)
    if environment is not None:
        policy.check_tools(tokenizer)
        given.setdefault("max_tool_calling_iterations", getattr(config, "turns", None))
    arguments = GRPOConfig(**given, reward_weights=list(weights.values()))
    with quiet(), trouble("grpo", folder, server_of(arguments)):
        trainer = GRPOTrainer(
            model=model,
            args=arguments,
            reward_funcs=[function for function, _ in rewards],
            train_dataset=_prompts(rows, arguments),
            processing_class=tokenizer,
            peft_config=adapter(config),
            environment_factory=environment,
        )
    _keep_tables_out_of_wandb(trainer)
    stage.run(trainer, "grpo")
    return folder


def check_sampler(config: StageConfig) -> None:
    """Raises InfrastructureError when completions are to come from vLLM and it is not installed."""
    from trl.import_utils import is_vllm_available

    if config.trainer.get("use_vllm") and not is_vllm_available():
        raise InfrastructureError(
            "grpo.use_vllm is set and vLLM is not installed: pip install vllm, or set grpo.use_vllm=false to sample "
            "with transformers."
        )


def _keep_tables_out_of_wandb(trainer: Any) -> None:
    """Leave completions to the Parquet files of `log_completions` and to `cudagym.agents.samples`.

    The trainer would also send wandb a table of every batch in full: gigabytes for large batches, and an error for
    conversations with calls of tools, whose messages differ in their fields.
    """
    log, reports = trainer.log, trainer.args.report_to

    def log_numbers(*args: Any, **options: Any) -> None:
        trainer.args.report_to = [each for each in reports if each != "wandb"]
        try:
            log(*args, **options)
        finally:
            trainer.args.report_to = reports

    trainer.log = log_numbers


def _prompts(rows: Sequence[Row], arguments: Any) -> Any:
    """The rows as a data set, repeated until they fill one batch: TRL drops a batch that is not full."""
    from datasets import Dataset  # type: ignore[import-untyped]

    per_batch = arguments.generation_batch_size // arguments.num_generations
    copies = -(-per_batch // len(rows))
    return Dataset.from_list([dict(row) for row in rows] * copies)
