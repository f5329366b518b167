"""Comments are what they are, and nothing else is."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cudagym.source import without_comments


def test_comments_go_and_lines_stay() -> None:
    source = "int a; // one\n/* two\nthree */ int b;\n"
    assert without_comments(source).split("\n") == ["int a;", "", " int b;"]


@pytest.mark.parametrize("text", ['"// no"', '"/* no */"', "'\\''", '"a\\"// no"', 'R"(// no)"'])
def test_strings_that_look_like_comments_stay(text: str) -> None:
    assert without_comments(f"f({text});") == f"f({text});"


@pytest.mark.parametrize(
    "source", ["int q = 1'0; char c = '/*'; int x = 1; // */", "// one \\\nint a = 1;", "// one \\ \nint a = 1;"]
)
def test_what_only_a_compiler_can_tell_is_left_alone(source: str) -> None:
    assert without_comments(source) == source


@given(
    st.lists(
        st.sampled_from(["a", " ", '"', "'", "/", "*", "//", "/*", "*/", "\\", "\n", "1'0", 'R"(', ')"']), max_size=16
    )
)
@settings(max_examples=60, deadline=None)
def test_the_preprocessor_sees_the_same_tokens(pieces: list[str]) -> None:
    source = "".join(pieces)
    before, after = preprocessed(source), preprocessed(without_comments(source))
    if before is not None:
        assert after == before


def preprocessed(source: str) -> list[str] | None:
    """What g++ leaves of a source, word by word; None when it refuses it."""
    command = ["g++", "-E", "-P", "-std=c++17", "-x", "c++", "-"]
    done = subprocess.run(command, input=source, capture_output=True, text=True, check=False)
    return done.stdout.split() if done.returncode == 0 and "warning" not in done.stderr else None
