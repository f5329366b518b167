"""Compile errors: what the real compiler says of broken sources falls into the classes that people would put it in."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from cudagym.build.compile_error import COMPILE_ERRORS, CompileError, compile_error

WANTED: dict[str, CompileError] = {
    "undeclared": "undeclared",
    "no_solve": "no_solve",
    "overload": "no_solve",
    "other_types": "signature",
    "blames_the_machine": "other",
    "brace": "syntax",
    "pointer": "types",
    "twice": "redefined",
    "header": "header",
    "host_call": "device",
    "shared": "limits",
}


@pytest.mark.parametrize("name", WANTED)
def test_what_nvcc_says_has_a_class(workshop: Any, name: str) -> None:
    assert compile_error(str(workshop.results[name])) == WANTED[name], workshop.results[name]


@pytest.mark.parametrize(
    ("message", "wanted"),
    [
        ("The source is empty. Send one CUDA C++ source file", "no_source"),
        ("The source is not plain text: line 2 has the character '\\x7f'.", "no_source"),
        ("The source has 1048576 bytes; at most 262144 are accepted.", "no_source"),
        ("The source has 5000 variables in device memory; at most 4096 are accepted: use arrays.", "limits"),
        ("The compiler ran past its 60 s limit.", "limits"),
        ('candidate.cu:9: internal error: assertion failed at: "disambig.c", line 1963', "other"),
        ("", "other"),
    ],
)
def test_what_this_project_says_has_a_class(message: str, wanted: CompileError) -> None:
    assert compile_error(message) == wanted


def test_quoted_source_and_warnings_do_not_decide() -> None:
    quoted = '  fatal error: expected a ";"'
    warning = 'candidate.cu:3: warning #177-D: identifier "x" is undefined'
    error = 'candidate.cu:4: error: identifier "y" is undefined'
    assert compile_error("\n".join([warning, quoted, error, quoted])) == "undeclared"
    assert compile_error("\n".join([warning, quoted])) == "other"


def test_the_classes_are_those_of_the_type() -> None:
    assert get_args(CompileError) == COMPILE_ERRORS
    assert set(WANTED.values()) | {"no_source"} == set(COMPILE_ERRORS)
