"""Compile errors: why a source does not build, as one of a few classes that a plot can show.

A message has many lines, and most errors follow from the first, so the first one decides. nvcc quotes the source below
its errors; a quoted line can never pass for one, since errors start a line with a location or with the name of a stage.
"""

from __future__ import annotations

import re
from typing import Literal, get_args

CompileError = Literal[
    "no_source",
    "no_solve",
    "signature",
    "undeclared",
    "syntax",
    "types",
    "redefined",
    "header",
    "device",
    "limits",
    "other",
]
COMPILE_ERRORS: tuple[CompileError, ...] = get_args(CompileError)

_FIRST = re.compile(
    r"^(?:[^\s:]+:\d+(?::\d+)?: |At end of source: |[\w+]+: |ptxas (?:[^;\n]*; )?|)"
    r"(?P<internal>internal |)(?:fatal |catastrophic )?(?:error|fatal) *:? (?P<text>.*)",
    re.MULTILINE,
)
_CLASSES: tuple[tuple[CompileError, str], ...] = (
    ("signature", r'has "C" linkage|prototype\.h'),
    ("header", r"cannot open source file|No such file|Permission denied|#include|\.h: "),
    (
        "undeclared",
        r'identifier ".*" is undefined|has no member|was not declared|undefined reference|is not a template',
    ),
    (
        "redefined",
        r"already been (?:declared|defined)|cannot overload|is incompatible with \"|ambiguous|redefinition|redeclar",
    ),
    (
        "device",
        r"requires \.target|not supported (?:on|for)|is unsupported|requires? '|"
        r"compute capability|separate compilation|calling a __(?:host|device|global)__ function|\bsm_\d+",
    ),
    ("limits", r"uses too much|too much (?:shared|global|local)|memory exhausted|nested depth|excessive recursion"),
    (
        "syntax",
        r"^expected |unrecognized token|missing closing|closing brace|no storage class|explicit type is missing|"
        r"unterminated|extended character|type name is not allowed|combination of type specifiers|syntax error|"
        r"linkage specification is not allowed|preprocessing directive|unmatched|literal operator|"
        r"name followed by|is not a type name|stray ",
    ),
    (
        "types",
        r"argument|operand|incompatible|no suitable|cannot be (?:used to initialize|assigned|converted)|"
        r"no (?:instance|operator)|expression must|incomplete type|modifiable lvalue|cannot convert|invalid conversion|"
        r"qualifiers|too (?:few|many)|return value|does not match",
    ),
)
_BEFORE_COMPILING = re.compile(r"The source (?:is empty|is not|has \d+ bytes)")
_LIMITS = re.compile(
    r"The compiler (?:ran past|failed without a message)|The compiler's (?:warnings|output)|"
    r"The device code is|The source has \d+ variables|LLVM ERROR: out of memory|Killed$"
)


def compile_error(message: str) -> CompileError:
    """The class of a `build_failed` verdict's message.

    `no_source`: not text, empty or too long. `no_solve`: no function of the wanted name and types, but perhaps one of
    other types; `signature`: one with C linkage and other types. `undeclared`, `syntax`, `types` (arguments, operands,
    conversions), `redefined` and `header` are the C++ compiler's; `device` is what the card or its side of the
    program lacks, `limits` what is too large or takes too long. `other` is everything else.
    """
    if _BEFORE_COMPILING.match(message):
        return "no_source"
    if message.startswith("The source does not define the function"):
        return "no_solve"
    if _LIMITS.match(message):
        return "limits"
    if (first := _FIRST.search(message)) is None or first["internal"]:
        return "other"
    return next((name for name, pattern in _CLASSES if re.search(pattern, first["text"])), "other")
