"""The policy: a small Llama made from scratch, kept as an ordinary Hugging Face checkpoint folder."""

from __future__ import annotations

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


@contextmanager
def quiet() -> Iterator[None]:
    """Without the libraries' progress bars for files, and without a warning that peft itself causes."""
    import datasets  # type: ignore[import-untyped]
    from transformers.utils import logging

    bars = logging.is_progress_bar_enabled(), datasets.are_progress_bars_disabled()
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    datasets.disable_progress_bars()
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "`is_gradient_checkpointing` is deprecated", FutureWarning)
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


def create(config: PolicyConfig, rows: Iterable[Mapping[str, str]], *, seed: int) -> Policy:
    """A policy that has learned nothing but its vocabulary, from rows with `prompt` and `completion`."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = train_tokenizer(_texts(rows), config.vocab_size)
    settings: dict[str, Any] = config.model_dump() | {"vocab_size": len(tokenizer)}
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


def check_checkpoint(folder: Path) -> None:
    """Raises UsageError unless `folder` has the files by which a checkpoint or an adapter is known."""
    if not folder.is_dir():
        raise UsageError(f"there is no checkpoint folder {folder}")
    if not any((folder / name).is_file() for name in ("config.json", ADAPTER)):
        raise UsageError(f"{folder} holds no checkpoint: neither config.json nor {ADAPTER} is there.")


def load(folder: Path) -> Policy:
    """The policy of a checkpoint folder, or of a LoRA adapter's folder, merged into the base it was trained on.

    Raises UsageError when the folder holds neither.
    """
    from transformers import AutoModelForCausalLM, AutoTokenizer

    check_checkpoint(folder)
    adapter = folder / ADAPTER
    tokenizer = AutoTokenizer.from_pretrained(folder, padding_side="left")
    if adapter.is_file():
        from peft import AutoPeftModelForCausalLM

        with quiet():
            model = AutoPeftModelForCausalLM.from_pretrained(str(folder)).merge_and_unload()
    else:
        with quiet():
            model = AutoModelForCausalLM.from_pretrained(folder)
    return Policy(model, tokenizer)


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
