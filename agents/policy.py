"""The policy: a causal language model in an ordinary Hugging Face checkpoint folder, or a small Llama from scratch."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from cudagym.agents.tokenizer import train_tokenizer
from cudagym.config import PolicyConfig
from cudagym.errors import UsageError

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

ADAPTER = "adapter_config.json"
"""The file by which peft, too, knows an adapter's folder."""
_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_HUB_FILES = ("*.json", "*.safetensors", "tokenizer*", "*.model", "merges.txt", "vocab.*", "*.jinja")


@contextmanager
def quiet() -> Iterator[None]:
    """Without the libraries' progress bars for files, and without warnings that their own code causes."""
    import datasets  # type: ignore[import-untyped]
    from transformers.utils import logging

    bars = logging.is_progress_bar_enabled(), datasets.are_progress_bars_disabled()
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    datasets.disable_progress_bars()
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "`is_gradient_checkpointing` is deprecated", FutureWarning)
            warnings.filterwarnings("ignore", "You are using 'environment_factory'", UserWarning)
            yield
    finally:
        if bars[0]:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]
        if not bars[1]:
            datasets.enable_progress_bars()


class Policy(NamedTuple):
    """A model and its tokenizer."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase

    def save(self, folder: Path) -> None:
        """Write both as a checkpoint that `AutoModelForCausalLM` and `AutoTokenizer` load."""
        with quiet():
            self.model.save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)

    def placed(self) -> Policy:
        """The same on a GPU, in bfloat16, when there is one."""
        import torch

        if not torch.cuda.is_available():
            return self
        model: Any = self.model
        return Policy(model.to("cuda", dtype=torch.bfloat16), self.tokenizer)


def create(config: PolicyConfig, rows: Iterable[Mapping[str, str]], *, seed: int) -> Policy:
    """A policy that has learned nothing but its vocabulary, from rows with `prompt` and `completion`."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = train_tokenizer(_texts(rows), config.vocab_size)
    settings: dict[str, Any] = config.model_dump(exclude={"model"}) | {"vocab_size": len(tokenizer)}
    torch.manual_seed(seed)
    model = LlamaForCausalLM(
        LlamaConfig(
            **settings,
            tie_word_embeddings=True,
            bos_token_id=None,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )
    return Policy(model, tokenizer)


def _texts(rows: Iterable[Mapping[str, str]]) -> list[str]:
    """What the vocabulary is learned from: every completion, but each line of the prompts only once.

    A prompt is repeated with every demonstration. Counted as often, its lines would become tokens of their own,
    which say nothing to a policy about prompts it has not seen.
    """
    asked, written = set[str](), []
    for row in rows:
        asked.update(row["prompt"].splitlines(keepends=True))
        written.append(row["completion"])
    return [*written, *sorted(asked)]


def save_trained(model: Any, tokenizer: Any, folder: Path) -> None:
    """Save a trainer's model as a checkpoint. An adapter is merged, and also kept in the subfolder `adapter`."""
    from peft import PeftModel

    if isinstance(model, PeftModel):
        model.save_pretrained(str(folder / "adapter"))
        tokenizer.save_pretrained(folder / "adapter")
        model = model.merge_and_unload()
    Policy(model, tokenizer).save(folder)


def resolve(name: str | Path) -> Path:
    """The folder of a checkpoint: `name` itself, or what the Hugging Face cache has under that name of a hub.

    Raises UsageError when it is neither. With HF_HUB_OFFLINE=0 in the environment a model that is not in the cache is
    downloaded.
    """
    folder = Path(name)
    if folder.exists() or not _HUB_NAME.fullmatch(str(name)):
        return folder
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError

    try:
        return Path(snapshot_download(str(name), allow_patterns=list(_HUB_FILES)))
    except (HfHubHTTPError, FileNotFoundError, ValueError, ConnectionError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UsageError(
            f"{name} is no folder here and is not in the Hugging Face cache. To download it from the hub, set "
            f"HF_HUB_OFFLINE=0 in the environment and repeat the command. ({reason})"
        ) from None


def base_of(folder: Path, base: Path | None = None) -> Path | None:
    """Where the weights lie that an adapter is for: `base`, or what its configuration names. None for a checkpoint.

    Raises UsageError when the base is not there, or given for what is no adapter.
    """
    file = folder / ADAPTER
    if not file.is_file():
        if base is not None:
            raise UsageError(f"{folder} is no adapter (it has no {ADAPTER}), so it needs no base.")
        return None
    try:
        named = json.loads(file.read_text(encoding="utf-8")).get("base_model_name_or_path")
    except ValueError as error:
        raise UsageError(f"{file} is damaged: {error}") from None
    wanted = base or named
    lacking = f"{folder} is an adapter, and the base it was trained on ({named}) is not there: name it with --base."
    if not wanted:
        raise UsageError(lacking)
    try:
        found = resolve(wanted)
    except UsageError as error:
        raise UsageError(f"{lacking} {error}") from None
    if not (found / "config.json").is_file():
        raise UsageError(lacking if base is None else f"{base} is no base: it has no config.json.")
    return found


def check_checkpoint(folder: Path, base: Path | None = None) -> None:
    """Raises UsageError unless `folder` has the files by which a checkpoint is known, or those of an adapter whose
    base is there."""
    if not folder.is_dir():
        raise UsageError(f"there is no checkpoint folder {folder}")
    if not any((folder / name).is_file() for name in ("config.json", ADAPTER)):
        raise UsageError(f"{folder} holds no checkpoint: neither config.json nor {ADAPTER} is there.")
    base_of(folder, base)


def load(folder: Path, base: Path | None = None) -> Policy:
    """The policy of a checkpoint folder, or of a LoRA adapter's folder, merged into its base.

    Raises UsageError when the folder holds neither, or what cannot be loaded.
    """
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM

    check_checkpoint(folder, base)
    under = base_of(folder, base)
    try:
        with quiet():
            model: Any = AutoModelForCausalLM.from_pretrained(under or folder)
            if under is not None:
                from peft import PeftModel

                model = PeftModel.from_pretrained(model, str(folder)).merge_and_unload()
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        reason = " ".join(str(error).split())[:300]
        raise UsageError(f"{folder} cannot be loaded as a causal language model: {reason}") from None
    tokenizer = words(folder if under is None or any(folder.glob("tokenizer*")) else under)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return Policy(model, tokenizer)


def words(folder: Path) -> Any:
    """A checkpoint's tokenizer alone. Raises UsageError when it cannot be loaded."""
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(folder, padding_side="left")
    except (OSError, ValueError, KeyError) as error:
        raise UsageError(f"{folder} has no tokenizer that loads: {' '.join(str(error).split())[:300]}") from None


def chat(policy: Policy, question: str) -> str:
    """A question as the first message of a chat, in the policy's own template. Raises UsageError when it has none."""
    check_chat(policy.tokenizer)
    messages = [{"role": "user", "content": question}]
    return str(policy.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))


def check_chat(tokenizer: Any) -> None:
    """Raises UsageError unless the tokenizer has a chat template."""
    if not tokenizer.chat_template:
        raise UsageError(
            f"the tokenizer of {tokenizer.name_or_path} has no chat template, which `prompt: chat` needs: "
            "set prompt=full or prompt=compact, or take the instruction-tuned form of the model."
        )


def check_tools(tokenizer: Any) -> None:
    """Raises UsageError unless TRL can tell the policy of tools and find its calls in what it writes."""
    from trl.chat_template_utils import add_response_schema, supports_tool_calling

    try:
        if not supports_tool_calling(tokenizer):
            raise ValueError("its chat template cannot render calls of tools")
        if getattr(tokenizer, "response_template", None) is None:
            add_response_schema(tokenizer)
    except ValueError as error:
        reason = " ".join(str(error).split())
        raise UsageError(
            f"several turns need a tokenizer whose calls of tools TRL knows, and {tokenizer.name_or_path} is none "
            f"({reason}): set grpo.turns=1, or give it one of the templates in trl/chat_templates, such as qwen3.jinja."
        ) from None


def complete(
    policy: Policy,
    prompts: Sequence[str],
    *,
    seed: int,
    temperature: float,
    max_new_tokens: int,
    batch_size: int,
) -> list[str]:
    """One completion per prompt, in order, without the token that ends it. The same for the same arguments.

    Temperature 0 decodes greedily. Sampling is from the full distribution, as in training.
    """
    import torch

    sampling: dict[str, Any] = {"do_sample": False}
    if temperature > 0:
        sampling = {"do_sample": True, "temperature": temperature, "top_k": 0, "top_p": 1.0}
    model: Any = policy.model
    completions: list[str] = []
    model.eval()
    with torch.random.fork_rng(), torch.inference_mode():
        torch.manual_seed(seed)
        for start in range(0, len(prompts), batch_size):
            batch = list(prompts[start : start + batch_size])
            inputs = policy.tokenizer(batch, return_tensors="pt", padding=True).to(model.device)
            output = model.generate(**inputs, **sampling, max_new_tokens=max_new_tokens)
            written = output[:, inputs.input_ids.shape[1] :]
            completions.extend(policy.tokenizer.batch_decode(written, skip_special_tokens=True))
    return completions
