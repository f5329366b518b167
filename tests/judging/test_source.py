"""Comments are what they are, and nothing else is."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cudagym.source import without_comments


def test_comments_go_and_lines_stay() -> None:
    source = "int a; // one\n/* two\nthree */ int b;\n"
    assert without_comments(source).split("\n") == ["int a;", "", " int b;"]


def test_strings_that_look_like_comments_stay() -> None:
    for text in ('"// no"', '"/* no */"', "'\"' // yes", 'R"(// no)"', '"a\\"// no"'):
        kept = without_comments(f"f({text});")
        assert ("yes" in text) != ("no" in kept)


@given(st.text(alphabet="ab\"'/*\\\n R()", max_size=60))
def test_idempotent_and_keeps_line_numbers(source: str) -> None:
    once = without_comments(source)
    assert without_comments(once) == once
    assert once.count("\n") <= source.count("\n")
