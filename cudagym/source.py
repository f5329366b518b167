"""Source text: what makes two sources the same program."""

from __future__ import annotations

import re

_TOKEN = re.compile(
    r"""(?P<literal>(?P<quote>["'])(?:\\.|(?!(?P=quote))[^\\\n])*(?:(?P=quote)|\\?(?=\n|\Z)))|(?P<line>//[^\n]*)|(?P<block>/\*(?s:.*?)(?:\*/|\Z))"""
)
_SUBTLE = re.compile(r"""\\\s*(?:\n|/)|R"|\w'\w""")
"""Spliced lines, also where only a comment keeps a line from its splice, raw strings and digit separators: where a
comment begins takes a compiler to say."""


def without_comments(source: str) -> str:
    """The source with comments blanked and trailing space removed; as it is where that might change its meaning.

    Line numbers stay, so verdicts, which name lines, are the same for all sources that this maps to one text.
    """
    if _SUBTLE.search(source):
        return source

    def blank(match: re.Match[str]) -> str:
        if match["literal"] is not None:
            return match[0]
        return " " + "\n" * match[0].count("\n")

    text = _TOKEN.sub(blank, source)
    return "\n".join(line.rstrip() for line in text.split("\n")).rstrip()
