"""The tokenizer encodes any text, keeps its ids across a save, and writes kernels in few tokens."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from cudagym import specs
from cudagym.agents import policy
from cudagym.agents.scripted import ScriptedTeacher
from cudagym.agents.tokenizer import END, PAD, train_tokenizer
from cudagym.config import PolicyConfig
from cudagym.errors import UsageError

SOURCES = [d.source for name in ("gelu_fp32", "softmax_fp32") for d in ScriptedTeacher().sources(specs.get(name))]


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return train_tokenizer(SOURCES, 1024)


any_text = st.text(st.characters(exclude_categories=["Cs"])).filter(lambda s: END not in s and PAD not in s)


@given(text=any_text)
def test_any_text_survives_encoding(tokenizer: PreTrainedTokenizerFast, text: str) -> None:
    assert tokenizer.decode(tokenizer(text)["input_ids"]) == text


def test_kernels_survive_encoding_in_few_tokens(tokenizer: PreTrainedTokenizerFast) -> None:
    lengths = []
    for source in SOURCES:
        ids = tokenizer(source)["input_ids"]
        assert tokenizer.decode(ids) == source
        lengths.append(len(ids))
    words = [len(source.split()) for source in SOURCES]
    assert sum(lengths) < sum(words) / 2


def test_ids_are_the_same_after_a_checkpoint_was_saved_and_loaded(tmp_path: Path) -> None:
    rows = [{"prompt": "gelu\n", "completion": source} for source in SOURCES]
    config = PolicyConfig(vocab_size=600, hidden_size=16, intermediate_size=16, num_hidden_layers=1)
    made = policy.create(config, rows, seed=0)
    made.save(tmp_path)
    texts = [*SOURCES, "never seen: \N{SNOWMAN} 12345_fp32\r\n\t\x00", ""]
    loaded = AutoTokenizer.from_pretrained(tmp_path)
    for found in (loaded, policy.load(tmp_path).tokenizer):
        assert [found(text)["input_ids"] for text in texts] == [made.tokenizer(text)["input_ids"] for text in texts]
        assert (found.eos_token, found.pad_token) == (END, PAD)


def test_numbers_and_suffixes_are_tokens_of_their_own(tokenizer: PreTrainedTokenizerFast) -> None:
    for text in ("kernel<<<blocks, 256>>>(x, y, n);\n", "kernel<<<blocks, 512>>>(x, y, n);\n"):
        assert any(token.isdigit() for token in tokenizer.tokenize(text))


def test_a_vocabulary_too_small_for_the_bytes_is_refused() -> None:
    with pytest.raises(UsageError, match=r"vocab_size is 100.*258"):
        train_tokenizer(SOURCES, 100)
