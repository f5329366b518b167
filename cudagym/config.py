"""RunConfig: everything a run can be told, as one YAML file.

    seed: 0
    device: sim:h100
    rewards: {compile: 0.1, numeric: 0.3, throughput: 0.6}
    collect: {variants: 2}
    claude: {model: claude-opus-5-5, budget_usd: 10, ...}      # what `cudagym collect --teacher claude` asks and pays
    prompt: compact                                            # or full, or chat
    policy: {vocab_size: 4096, hidden_size: 128, ...}          # transformers.LlamaConfig's names, or model: ...
    sft: {max_steps: 450, learning_rate: 3.0e-3, ...}          # trl.SFTConfig's names
    sft_lora: {lora: {r: 16}, best: 4, max_steps: 60, ...}     # peft.LoraConfig's and trl.SFTConfig's names
    grpo: {max_steps: 20, num_generations: 8, ...}             # trl.GRPOConfig's names
    evaluate: {samples: 8, temperature: 0.8}

The training sections take the fields of the libraries' own classes under their own names, and only those: `load`
refuses what they do not know. Importing this module imports none of those libraries.
"""

from __future__ import annotations

import os
import typing
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from cudagym.errors import InfrastructureError, UsageError
from cudagym.record import Record

ENVIRONMENT = {
    "OMP_WAIT_POLICY": "passive",
    "TOKENIZERS_PARALLELISM": "false",
    "HF_HUB_OFFLINE": "1",
}
"""What training wants of the process. OpenMP reads its variable when torch is first imported; its default of
spinning at barriers multiplies the time of a step while a compiler shares the cores. Tokenizers must not start
threads before the judge forks. Nothing here is fetched from a hub."""

BUILTIN = Path(__file__).parent / "configs"
"""The configurations that come with cudagym; `load("demo")` finds them by name."""

OWNED = ("output_dir", "reward_weights", "resume_from_checkpoint", "use_cpu")
"""Trainer fields that a run sets itself: its folder, `rewards`, its own resuming, the accelerator it finds."""

Term = Literal["compile", "numeric", "throughput"]
Prompt = Literal["compact", "full", "chat"]


def prepare_environment() -> None:
    """Set ENVIRONMENT, except what the user has set. Takes effect only before torch is first imported."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)


class CollectConfig(Record):
    """Which demonstrations to collect."""

    variants: int = Field(default=2, ge=1)
    """Variants of every (spec, algorithm) to try: block sizes, tile sizes, work per thread."""
    specs: tuple[str, ...] = ("train",)
    """Names of specs, splits or users' files, as `cudagym.specs.select` takes them; all of split train."""


class Prices(Record):
    """What a model's tokens cost, in US dollars per million, at standard rates."""

    input: float = Field(ge=0)
    output: float = Field(ge=0)
    cache_write: float = Field(ge=0)
    """Five-minute cache writes, the only ones that are asked for."""
    cache_read: float = Field(ge=0)


PRICES: Mapping[str, Prices] = {
    "claude-opus-5-5": Prices(input=4, output=20, cache_write=5, cache_read=0.2),
    "claude-opus-5": Prices(input=5, output=25, cache_write=6.25, cache_read=0.5),
    "claude-sonnet-5-5": Prices(input=2, output=10, cache_write=2.5, cache_read=0.2),
    "claude-sonnet-5": Prices(input=2, output=10, cache_write=2.5, cache_read=0.2),
}
"""List prices by model, from Anthropic's model pages as of November 2026. `claude.prices` adds to them and wins."""


class ClaudeConfig(Record):
    """How Claude is asked for kernels, and what that may cost. Nothing here decides what a verdict or reward is."""

    model: str = "claude-opus-5-5"
    samples: int = Field(default=4, ge=1)
    """Conversations per spec."""
    attempts: int = Field(default=3, ge=1)
    """Answers per conversation, at most: the first, and repairs after verdicts."""
    until: float = Field(default=0.5, ge=0, le=1)
    """A conversation ends with a correct kernel that reaches this fraction of peak; 0 ends it with any correct one."""
    max_tokens: int = Field(default=32_000, ge=1)
    """Of one answer, thinking included. Requests in flight count against the budget as if they used them all."""
    thinking: dict[str, Any] | None = {"type": "adaptive"}  # noqa: RUF012
    """The Messages API's `thinking`; none leaves it out."""
    effort: Literal["low", "medium", "high", "xhigh", "max"] | None = "high"
    """The Messages API's `output_config.effort`; none leaves it out."""
    batch: bool = True
    """Ask for first answers through the Message Batches API, at `batch_price` times the price."""
    batch_price: float = Field(default=0.5, gt=0, le=1)
    poll_seconds: float = Field(default=30, gt=0)
    """Between two looks at a batch."""
    concurrency: int = Field(default=8, ge=1)
    """Requests in flight at once, batches apart."""
    max_retries: int = Field(default=8, ge=0)
    """Of one request by the SDK, which waits longer each time, or as long as the server says."""
    timeout_seconds: float = Field(default=600, gt=0)
    """Without a sign of life from the server."""
    tries: int = Field(default=3, ge=1)
    """Requests for one answer, at most, when batch items fail or answers break off."""
    base_url: str | None = None
    """Another server than ANTHROPIC_BASE_URL, or Anthropic's. It is sent the key."""
    budget_usd: float = Field(default=10, ge=0)
    """For the whole run, all its interruptions and repetitions together. It is never exceeded."""
    prices: dict[str, Prices] = Field(default_factory=dict)
    """Of models that PRICES does not have, or has wrong."""
    typical_tokens: int = Field(default=8_000, ge=1)
    """Of one answer, thinking included: what a dry run assumes while there are no answers to measure."""

    @property
    def price(self) -> Prices:
        """Raises UsageError for a model whose price nobody stated."""
        known = {**PRICES, **self.prices}
        if self.model not in known:
            raise UsageError(
                f"nobody said what {self.model} costs, so no budget could be kept: set claude.prices, for example "
                f"--set 'claude.prices={{{self.model}: {{input: 4, output: 20, cache_write: 5, cache_read: 0.2}}}}' "
                f"in US dollars per million tokens. Known are {', '.join(known)}."
            )
        return known[self.model]


class PolicyConfig(Record):
    """The policy to train: a pretrained `model`, or a small one under the names of `transformers.LlamaConfig`."""

    model: str | None = None
    """A checkpoint's folder or a name on the Hugging Face hub. The other settings then say nothing."""
    vocab_size: int = Field(default=4096, ge=258)
    """At most: merges end earlier when nothing repeats."""
    hidden_size: int = Field(default=128, ge=8)
    intermediate_size: int = Field(default=384, ge=8)
    num_hidden_layers: int = Field(default=4, ge=1)
    num_attention_heads: int = Field(default=4, ge=1)
    max_position_embeddings: int = Field(default=1024, ge=64)
    initializer_range: float = Field(default=0.06, gt=0)
    """The library's 0.02 is meant for widths above 1000. At 128 a policy learns three times slower with it."""


class StageConfig(BaseModel):
    """A training stage: fields of its own, and any field of the trainer's configuration."""

    model_config = ConfigDict(frozen=True, extra="allow")

    lora: dict[str, Any] | None = None
    """Fields of `peft.LoraConfig`; without, every weight is trained."""

    @property
    def trainer(self) -> dict[str, Any]:
        """The fields that belong to the trainer's configuration."""
        return dict(self.model_extra or {})


class PretrainConfig(StageConfig):
    """Supervised fine-tuning on demonstrations."""

    variations: int = Field(default=3, ge=0)
    """Further rows per demonstration that ask for it under other names and at other sizes."""
    validation: float = Field(default=0, ge=0, lt=1)
    """This share of the demonstrations is not learned from. Every `save_steps` the loss on it is measured; the stage
    ends once that has not fallen `patience` times in a row, and keeps the weights with which it was lowest. 0 trains
    for `max_steps` and keeps the last ones."""
    patience: int = Field(default=3, ge=1)


class AdaptConfig(PretrainConfig):
    """The LoRA stage: continue on the fastest verified demonstrations."""

    best: int = Field(default=4, ge=1)
    """How many per spec."""


class GrpoConfig(StageConfig):
    """Policy optimisation on the environment's reward."""

    shuffle_rewards: bool = False
    """A control: every completion is paid what another completion for the same prompt earned, drawn anew each step.
    What training still changes then, it does not owe to the reward."""
    turns: int = Field(default=1, ge=1)
    """Sources that a policy may submit for one prompt; after each it is told the verdict. More than one needs
    `prompt: chat` and a chat template that knows tools."""
    curriculum: int = Field(default=0, ge=0)
    """Samples per spec by which pass rates are measured before training. Specs that are sometimes right are then asked
    for up to four times as often as those that never or always are. 0 asks for all alike."""


class EvaluateConfig(Record):
    """How a policy is evaluated."""

    samples: int = Field(default=8, ge=1)
    """Completions per spec."""
    temperature: float = Field(default=0.8, ge=0)
    """0 is greedy decoding."""
    max_new_tokens: int = Field(default=400, ge=1)
    batch_size: int = Field(default=64, ge=1)
    specs: tuple[str, ...] = ("train", "unseen_shape", "unseen_op", "unseen_dtype", "unseen_family")
    """Names of specs, splits or users' files, as `cudagym.specs.select` takes them."""


class RunConfig(Record):
    """Everything a run can be told. Defaults are those of `configs/demo.yaml` where that says nothing."""

    seed: int = Field(default=0, ge=0)
    device: str = "sim:h100"
    prompt: Prompt = "compact"
    """How policies are asked, in training and evaluation: in four short lines, with everything that a writer must know
    (`full`), or with that as the first message of a chat, in the tokenizer's own template (`chat`)."""
    rewards: dict[Term, float] = {"compile": 0.1, "numeric": 0.3, "throughput": 0.6}  # noqa: RUF012
    collect: CollectConfig = CollectConfig()
    claude: ClaudeConfig = ClaudeConfig()
    policy: PolicyConfig = PolicyConfig()
    sft: PretrainConfig = PretrainConfig()
    sft_lora: AdaptConfig = AdaptConfig(lora={})
    grpo: GrpoConfig = GrpoConfig()
    evaluate: EvaluateConfig = EvaluateConfig()

    @property
    def identity(self) -> dict[str, Any]:
        """What makes a run this run, for its folder. How Claude was asked is kept with each request instead, so
        that a run can go on with a larger budget."""
        return self.model_dump(mode="json", exclude={"claude"})


TRAINERS = {"sft": "trl.SFTConfig", "sft_lora": "trl.SFTConfig", "grpo": "trl.GRPOConfig"}
"""The class whose fields each training section takes."""


def load(path: Path | str, overrides: Sequence[str] = ()) -> RunConfig:
    """Read and check a run's configuration: a YAML file, or the name of one in BUILTIN.

    Each override is a `key=value` that wins over the file, `grpo.max_steps=10`, its value read as YAML.
    Raises UsageError in one paragraph that names the file and the key for anything that is not understood, and
    InfrastructureError when a training section cannot be checked because the training libraries are missing.
    """
    file = _find(Path(path))
    try:
        values = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} is not valid YAML: {' '.join(str(error).split())}") from None
    if not overrides:
        return parse(values, str(file))
    if isinstance(values, dict):
        for text in overrides:
            _override(values, text)
    return parse(values, f"{file} with {' '.join(overrides)}")


def _override(values: dict[str, Any], text: str) -> None:
    """Apply one `section.key=value`, in place. Raises UsageError for anything else."""
    path, equals, value = text.partition("=")
    *sections, key = path.split(".")
    if not equals or not all((*sections, key)):
        raise UsageError(f"{text!r} sets nothing: write key=value, for example grpo.max_steps=10")
    for section in sections:
        inner = values.setdefault(section, {})
        if not isinstance(inner, dict):
            raise UsageError(f"{text!r}: {section} is no section, its value is {inner!r}")
        values = inner
    try:
        values[key] = yaml.safe_load(value)
    except yaml.YAMLError:
        raise UsageError(f"{text!r}: {value!r} is not valid YAML") from None


def parse(values: Any, origin: str) -> RunConfig:
    """The same for values already read. `origin` names them in messages."""
    if not isinstance(values, Mapping):
        raise UsageError(f"{origin} must hold sections such as `policy:` and `sft:`, not {type(values).__name__}.")
    try:
        config = RunConfig.model_validate(values)
    except ValidationError as error:
        raise UsageError(_explain(error, origin)) from None
    checked: dict[str, StageConfig] = {}
    for section, kind in TRAINERS.items():
        stage: StageConfig = getattr(config, section)
        update = arguments(kind, stage.trainer, f"section `{section}` of {origin}")
        if stage.lora is not None:
            update["lora"] = arguments("peft.LoraConfig", stage.lora, f"`{section}.lora` of {origin}")
        checked[section] = stage.model_copy(update=update)
    return config.model_copy(update=checked)


def arguments(kind: str, values: Mapping[str, Any], origin: str) -> dict[str, Any]:
    """`values` checked against the fields of the dataclass `kind` (`trl.SFTConfig`) and converted to their types.

    YAML reads `3e-3` as text, which the conversion mends. Raises UsageError for a field the class lacks, one that
    a run sets itself, and a value of the wrong type.
    """
    if not values:
        return {}
    hints = field_types(kind)
    converted = {}
    for key, value in values.items():
        if key not in hints:
            known = [*hints, *AdaptConfig.model_fields, *GrpoConfig.model_fields]
            raise UsageError(f"{origin} has an unknown key `{key}`: {kind} has no such field.{_near(key, known)}")
        if key in OWNED:
            raise UsageError(f"{origin} sets `{key}`, which a run sets itself: remove that line.")
        try:
            converted[key] = TypeAdapter(hints[key]).validate_python(value)
        except ValidationError as error:
            reason = error.errors()[0]["msg"]
            raise UsageError(f"{origin}: `{key}: {value!r}` does not suit {kind}: {reason}.") from None
    return converted


@cache
def field_types(kind: str) -> dict[str, Any]:
    """The fields of a configuration dataclass, by name, with their types."""
    module, name = kind.split(".")
    try:
        hints = typing.get_type_hints(getattr(import_module(module), name))
    except ModuleNotFoundError as error:
        raise InfrastructureError(
            f"training needs {error.name}, which is not installed: pip install 'cudagym[train]'."
        ) from None
    return {field: hint for field, hint in hints.items() if not field.startswith("_")}


def _find(path: Path) -> Path:
    if path.is_file():
        return path
    builtin = BUILTIN / f"{path}.yaml"
    if builtin.is_file():
        return builtin
    names = ", ".join(sorted(each.stem for each in BUILTIN.glob("*.yaml")))
    raise UsageError(f"there is no configuration file {path}; the ones that come with cudagym are {names}.")


def _explain(error: ValidationError, origin: str) -> str:
    """The first complaint of pydantic as a sentence."""
    first = error.errors()[0]
    *sections, key = (str(part) for part in first["loc"])
    where = f"section `{'.'.join(sections)}` of {origin}" if sections else origin
    if first["type"] == "extra_forbidden":
        model: type[BaseModel] = RunConfig
        for section in sections:
            inner = model.model_fields[section].annotation if section in model.model_fields else None
            model = inner if isinstance(inner, type) and issubclass(inner, BaseModel) else Prices
        return f"{where} has an unknown key `{key}`.{_near(key, list(model.model_fields))}"
    return f"{where}: `{key}` is {first['input']!r}, but {first['msg'][0].lower()}{first['msg'][1:]}."


def _near(key: str, known: list[str]) -> str:
    near = get_close_matches(key, sorted(set(known)), n=3)
    return f" Did you mean {' or '.join(f'`{each}`' for each in near)}?" if near else ""
