"""Source text: what makes two sources the same program."""

from __future__ import annotations

import re

_TOKEN = re.compile(
    r"""(?P<literal>R"(?P<tag>[^()\\\s]{0,16})\((?s:.*?)\)(?P=tag)"|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')"""
    r"""|(?P<line>//(?:\\\n|[^\n])*)|(?P<block>/\*(?s:.*?)(?:\*/|\Z))"""
)


def without_comments(source: str) -> str:
    """The source with comments blanked and trailing space removed.

    Line numbers stay, so verdicts, which name lines, are the same for all sources that this maps to one text.
    """

    def blank(match: re.Match[str]) -> str:
        if match["literal"] is not None:
            return match[0]
        return " " + "\n" * match[0].count("\n")

    text = _TOKEN.sub(blank, source)
    return "\n".join(line.rstrip() for line in text.split("\n")).rstrip()
