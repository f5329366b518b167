"""Any string an agent can emit is a legal action, and text observations survive shared memory."""

from __future__ import annotations

import copy
import multiprocessing
import pickle
from typing import Any

import pytest
from gymnasium.spaces import Text
from gymnasium.vector.utils import batch_space
from gymnasium.vector.utils.shared_memory import (
    create_shared_memory,
    read_from_shared_memory,
    write_to_shared_memory,
)
from hypothesis import given
from hypothesis import strategies as st

from cudagym.envs.text_space import AnyText

ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=()), max_size=200)


@given(ANY_TEXT)
def test_every_string_is_contained(text: str) -> None:
    assert text in AnyText()


def test_a_megabyte_is_contained_and_other_types_are_not() -> None:
    assert "\0\ud800é" * 400_000 in AnyText()
    assert b"bytes" not in AnyText()
    assert None not in AnyText()


def test_a_bound_is_kept() -> None:
    assert "abc" in AnyText(3)
    assert "abcd" not in AnyText(3)
    assert all(len(AnyText(5, seed=i).sample()) <= 5 for i in range(50))


def test_samples_are_members_and_follow_the_seed() -> None:
    one, two = AnyText(seed=7), AnyText(seed=7)
    samples = [one.sample() for _ in range(50)]
    assert samples == [two.sample() for _ in range(50)]
    assert len(set(samples)) > 10
    assert all(sample in one for sample in samples)


def test_a_mask_is_refused() -> None:
    with pytest.raises(ValueError, match="no character set"):
        AnyText().sample(mask=(3, None))


def test_spaces_are_equal_by_bound_only() -> None:
    assert AnyText(10, seed=1) == AnyText(10, seed=2)
    assert AnyText(10) != AnyText(11)
    assert AnyText() == copy.deepcopy(AnyText())
    assert pickle.loads(pickle.dumps(AnyText(4))) == AnyText(4)
    assert AnyText(10) != Text(10)


def test_a_batch_of_texts_is_a_tuple() -> None:
    assert ("", "\0") in batch_space(AnyText(), 2)


@given(st.lists(ANY_TEXT, min_size=3, max_size=3), st.lists(ANY_TEXT, min_size=3, max_size=3))
def test_shared_memory_shows_what_was_written_last(first: list[str], second: list[str]) -> None:
    space = AnyText(200)
    memory = create_shared_memory(space, n=3, ctx=multiprocessing)
    view: Any = read_from_shared_memory(space, memory, n=3)
    write: Any = write_to_shared_memory
    assert tuple(view) == ("", "", "")
    for texts in (first, second):
        for index, text in enumerate(texts):
            write(space, index, text, memory)
        snapshot = copy.deepcopy(view)
        assert list(view) == texts
        assert snapshot == tuple(texts)
        assert view[1:] == tuple(texts[1:])
        assert view[-1] == texts[-1]


def test_shared_memory_wants_a_bound() -> None:
    with pytest.raises(TypeError, match="shared_memory=False"):
        create_shared_memory(AnyText(), n=2, ctx=multiprocessing)
