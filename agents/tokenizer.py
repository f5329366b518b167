"""A superword tokenizer: byte-pair merges that run across words, learned from prompts and demonstrations.

Kernels repeat whole phrases (`int i = blockIdx.x * blockDim.x + threadIdx.x;`), so merges may cross blanks and
punctuation and end only at line ends, at numbers (block sizes are chosen digit group by digit group) and at name
suffixes (`_fp32`). A small policy then writes a kernel in tens of tokens instead of hundreds, which decides
whether it can be trained on a CPU at all. The alphabet is all 256 bytes, so every text has ids.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from cudagym.errors import UsageError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

END = "<|end|>"
"""Ends a completion."""
PAD = "<|pad|>"
"""Fills batches. Distinct from END, so that a model learns to stop."""
BOUNDARIES = r"(?<=\n)|\d{2,}|(?<=\d)_(?=\d)|_[a-z]+\d+"
"""Where merges end: after a newline, and around numbers of two digits or more and typed name suffixes."""
SMALLEST_VOCABULARY = 256 + 2


def train_tokenizer(texts: Iterable[str], vocab_size: int) -> PreTrainedTokenizerFast:
    """Learn merges from `texts` until the vocabulary holds `vocab_size` tokens or nothing repeats any more.

    The result saves with `save_pretrained` and loads with `AutoTokenizer.from_pretrained`; batches are padded on
    the left, as generation needs. Raises UsageError when `vocab_size` is too small for the alphabet.
    """
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    if vocab_size < SMALLEST_VOCABULARY:
        raise UsageError(
            f"policy.vocab_size is {vocab_size}, but bytes and special tokens alone need {SMALLEST_VOCABULARY}."
        )
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(BOUNDARIES), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        min_frequency=2,
        special_tokens=[END, PAD],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer,
        eos_token=END,
        pad_token=PAD,
        padding_side="left",
        clean_up_tokenization_spaces=False,
    )
