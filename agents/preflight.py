"""Preflight: a run's settings tried out before anything is written or computed.

Types are checked when a configuration is read. Whether its values make sense together is known to the libraries that
they are for, so their configurations, a policy without weights and its adapters are made here once, in seconds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cudagym import specs
from cudagym.agents import policy
from cudagym.agents.demonstrations import check_trainable
from cudagym.agents.policy import quiet
from cudagym.agents.stage import adapter, settings
from cudagym.config import TRAINERS, PolicyConfig, RunConfig, StageConfig, field_types
from cudagym.devices import resolve_device
from cudagym.errors import UsageError
from cudagym.rewards.terms import Weights

if TYPE_CHECKING:
    from transformers import PreTrainedModel

LEAST = {"learning_rate": 0, "per_device_train_batch_size": 1, "gradient_accumulation_steps": 1}
"""What the trainers' configurations take any number for, and torch refuses below this when training starts."""


def check(config: RunConfig, origin: str, *, learning: bool = True) -> None:
    """Raises UsageError, in one paragraph that names `origin` and the section, for what a stage would fail on. Nothing
    but an evaluation, which is not `learning`, may use a card that is held out.

    Raises InfrastructureError when the training libraries are missing.
    """
    for kind in TRAINERS.values():
        field_types(kind)
    with _named(origin):
        device = resolve_device(config.device)
    with _named(f"section `rewards` of {origin}"):
        Weights.parse(config.rewards)
    with _named(f"section `collect` of {origin}"):
        for spec in _selected(config.collect.specs):
            check_trainable(spec.name, specs.split_on(spec, device) if learning else spec.split)
    with _named(f"section `claude` of {origin}"):
        _ = config.claude.price
    with _named(f"section `evaluate` of {origin}"):
        _selected(config.evaluate.specs)
    with _named(f"section `grpo` of {origin}"):
        if config.grpo.turns > 1 and config.prompt != "chat":
            raise UsageError(f"`turns` is {config.grpo.turns}, and more than one needs `prompt: chat`.")
    with _named(f"section `policy` of {origin}"):
        weightless(config.policy)
        if learning:
            _check_words(config)
    for section, kind in TRAINERS.items():
        stage: StageConfig = getattr(config, section)
        with _named(f"section `{section}` of {origin}"):
            _check_trainer(kind, stage, seed=config.seed)
        with _named(f"`{section}.lora` of {origin}"):
            _check_adapter(stage, config.policy)


def _selected(names: tuple[str, ...]) -> tuple[specs.KernelSpec, ...]:
    chosen = specs.select(names)
    if not chosen:
        raise UsageError("`specs` selects nothing: name at least one spec.")
    return chosen


def _check_words(config: RunConfig) -> None:
    """Raises UsageError for a policy that cannot chat or call tools as it must, unless it is not on this machine."""
    if config.prompt != "chat":
        return
    if config.policy.model is None:
        raise UsageError("a policy from scratch has no chat template: set policy.model, or prompt=compact.")
    try:
        folder = policy.resolve(config.policy.model)
        policy.check_checkpoint(folder)
    except UsageError:
        return
    words = policy.words(folder)
    policy.check_chat(words)
    if config.grpo.turns > 1:
        policy.check_tools(words)


def weightless(config: PolicyConfig) -> PreTrainedModel | None:
    """The policy's architecture, without memory for its weights; None for a model that is not on this machine."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, LlamaConfig

    if config.model is None:
        values: Mapping[str, Any] = config.model_dump(exclude={"model"})
        architecture: Any = LlamaConfig(**values)
    else:
        try:
            folder = policy.resolve(config.model)
            policy.check_checkpoint(folder)
        except UsageError:
            return None
        architecture = AutoConfig.from_pretrained(policy.base_of(folder) or folder)
    with torch.device("meta"):
        made: PreTrainedModel = AutoModelForCausalLM.from_config(architecture)  # type: ignore[no-untyped-call]
    return made


def trainer_arguments(kind: str, stage: StageConfig, *, seed: int) -> Any:
    """The trainer's configuration that a stage will have."""
    module, name = kind.split(".")
    with quiet():
        return getattr(import_module(module), name)(**settings(kind, stage, Path("unused"), seed=seed))


def _check_trainer(kind: str, stage: StageConfig, *, seed: int) -> None:
    from transformers.integrations.integration_utils import get_reporting_integration_callbacks

    arguments = trainer_arguments(kind, stage, seed=seed)
    for field, least in LEAST.items():
        if (value := getattr(arguments, field)) < least:
            raise UsageError(f"`{field}` is {value}, but must be at least {least}.")
    get_reporting_integration_callbacks(arguments.report_to)  # type: ignore[no-untyped-call]


def _check_adapter(stage: StageConfig, config: PolicyConfig) -> None:
    from peft import get_peft_model

    made, model = adapter(stage), weightless(config)
    if made is not None and model is not None:
        with quiet():
            get_peft_model(model, made)


@contextmanager
def _named(where: str) -> Iterator[None]:
    """Say where it was that a setting was refused, and by what reason."""
    from huggingface_hub.errors import StrictDataclassError

    try:
        yield
    except (UsageError, ValueError, TypeError, ImportError, StrictDataclassError) as error:
        reason = " ".join(str(error.__cause__ or error).split())
        raise UsageError(f"{where}: {reason}") from None
