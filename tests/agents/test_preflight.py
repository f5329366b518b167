"""Preflight: settings that a library would refuse minutes later are refused at once, by section and reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from accelerate.commands.config.config_args import ClusterConfig
from accelerate.utils import DistributedType

from cudagym.agents import preflight, rehearsal
from cudagym.config import BUILTIN, load, parse
from cudagym.errors import UsageError


@pytest.mark.parametrize("name", sorted(path.stem for path in BUILTIN.glob("*.yaml")))
def test_every_configuration_that_comes_along_passes(name: str) -> None:
    preflight.check(load(name), name)


def test_the_defaults_pass() -> None:
    preflight.check(parse({}, "run.yaml"), "run.yaml")


def test_a_held_out_card_is_for_evaluation_only() -> None:
    config = parse({"device": "sim:rtx4090"}, "run.yaml")
    preflight.check(config, "run.yaml", learning=False)
    with pytest.raises(UsageError, match=r"section `collect` of run.yaml: .* on a card that is held out"):
        preflight.check(config, "run.yaml")


@pytest.mark.parametrize(
    ("values", "where", "reason"),
    [
        ({"device": "sim:h900"}, "run.yaml", "sim:h100"),
        ({"rewards": {"compile": -1}}, "section `rewards` of run.yaml", "greater than or equal to 0"),
        ({"rewards": dict.fromkeys(("compile", "numeric", "throughput"), 0)}, "section `rewards`", "all weights are 0"),
        ({"collect": {"specs": ["scan_fp32"]}}, "section `collect`", "scan_fp32"),
        ({"collect": {"specs": ["unseen_op"]}}, "section `collect`", "held-out split unseen_op"),
        ({"collect": {"specs": []}}, "section `collect`", "selects nothing"),
        ({"evaluate": {"specs": ["nothing_like_it"]}}, "section `evaluate`", "nothing_like_it"),
        ({"grpo": {"num_generations": 7}}, "section `grpo`", "divisible by num_generations"),
        ({"grpo": {"num_generations": 1}}, "section `grpo`", "at least 2 generations"),
        ({"sft": {"lr_scheduler_type": "foo"}}, "section `sft`", "foo is not a valid SchedulerType"),
        ({"sft_lora": {"optim": "foo"}}, "section `sft_lora`", "foo is not a valid OptimizerNames"),
        ({"sft": {"save_strategy": "foo"}}, "section `sft`", "foo is not a valid SaveStrategy"),
        ({"sft": {"bf16": True, "fp16": True}}, "section `sft`", "At most one of fp16 and bf16"),
        ({"sft": {"report_to": "foo"}}, "section `sft`", "foo is not supported"),
        ({"sft": {"learning_rate": -1.0}}, "section `sft`", "`learning_rate` is -1.0"),
        ({"sft": {"per_device_train_batch_size": 0}}, "section `sft`", "`per_device_train_batch_size` is 0"),
        ({"sft_lora": {"lora": {"r": 0}}}, "`sft_lora.lora` of run.yaml", "`r` should be a positive integer"),
        ({"grpo": {"lora": {"target_modules": ["foo"]}}}, "`grpo.lora`", "foo"),
        ({"grpo": {"turns": 3}}, "section `grpo`", "more than one needs `prompt: chat`"),
        ({"policy": {"hidden_size": 30, "num_attention_heads": 4}}, "section `policy`", "not a multiple"),
        ({"policy": {"num_attention_heads": 3}}, "section `policy`", "not a multiple"),
        ({"policy": {"hidden_size": 36, "num_attention_heads": 4}}, "section `policy`", "even rotary dimension"),
    ],
)
def test_what_a_stage_would_fail_on_is_refused_in_one_paragraph(
    values: dict[str, Any], where: str, reason: str
) -> None:
    with pytest.raises(UsageError) as caught:
        preflight.check(parse(values, "run.yaml"), "run.yaml")
    said = str(caught.value)
    assert said.startswith(where)
    assert reason in said
    assert "\n" not in said
    assert "pydantic" not in said


@pytest.mark.parametrize("name", sorted(path.stem for path in BUILTIN.glob("*.yaml")))
def test_every_configuration_is_rehearsed_without_its_weights(name: str) -> None:
    config = load(name)
    told = rehearsal.rehearse(config, name)
    assert {"policy", "prompts", "sft", "sft_lora", "grpo", "sampling"} <= set(told)
    assert config.policy.model is None or config.policy.model in told["policy"]
    assert ("turns" in told) == (config.grpo.turns > 1)


def test_the_form_for_several_cards_is_what_accelerate_takes() -> None:
    found = ClusterConfig.from_yaml_file(str(BUILTIN / "accelerate" / "multi_gpu.yaml"))
    assert (found.distributed_type, found.num_processes, found.use_cpu) == (DistributedType.MULTI_GPU, 4, False)


def test_a_model_that_is_here_is_looked_at(base: Path) -> None:
    values = {"policy": {"model": str(base)}, "grpo": {"lora": {"target_modules": ["q_proj"]}}}
    told = rehearsal.rehearse(parse(values, "run.yaml"), "run.yaml")
    assert "LlamaForCausalLM" in told["policy"]
    assert "tokens" in told["prompts"]
    with pytest.raises(UsageError, match=r"no chat template"):
        rehearsal.rehearse(parse(values | {"prompt": "chat"}, "run.yaml"), "run.yaml")
    wrong = {"grpo": {"lora": {"target_modules": ["c_attn"]}}}
    with pytest.raises(UsageError, match=r"`grpo\.lora`.*c_attn"):
        rehearsal.rehearse(parse(values | wrong, "run.yaml"), "run.yaml")
