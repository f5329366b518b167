"""A stable hash of all that a verdict depends on in a spec: its declaration and the source of its functions."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import partial
from hashlib import sha256
from types import CodeType, FunctionType
from typing import Any

from pydantic import BaseModel

from cudagym.specs.spec import KernelSpec


def spec_hash(spec: KernelSpec) -> str:
    """A hexadecimal digest that changes when any field, or any code a field's functions run, changes.

    Functions count with their source, defaults, enclosed values, and the functions and constants of their own
    package that they name; libraries such as torch count by name only.
    """
    return sha256("\n".join(_lines(spec, set())).encode()).hexdigest()


def _lines(value: Any, seen: set[int]) -> list[str]:
    """`value` as text that depends on nothing but its content."""
    if isinstance(value, FunctionType):
        return _function_lines(value, seen)
    if isinstance(value, BaseModel):
        fields = type(value).model_fields
        return [
            type(value).__name__,
            *(line for name in fields for line in _named(name, getattr(value, name), seen)),
        ]
    if isinstance(value, Mapping):
        return ["{", *(line for key, item in value.items() for line in _named(str(key), item, seen)), "}"]
    if isinstance(value, tuple | list):
        return ["(", *(line for item in value for line in _lines(item, seen)), ")"]
    if isinstance(value, set | frozenset):
        return ["{", *sorted(repr(item) for item in value), "}"]
    if isinstance(value, partial):
        return ["partial", *_lines((value.func, value.args, value.keywords), seen)]
    if callable(value):
        return [getattr(value, "__qualname__", type(value).__qualname__)]
    return [repr(value)]


def _named(name: str, value: Any, seen: set[int]) -> list[str]:
    return [f"{name}:", *_lines(value, seen)]


def _function_lines(function: FunctionType, seen: set[int]) -> list[str]:
    if id(function) in seen:
        return [function.__qualname__]
    seen.add(id(function))
    try:
        lines = [inspect.getsource(function)]
    except OSError:  # Typed into an interpreter: the bytecode stands in for the source.
        lines = [function.__code__.co_code.hex()]
    lines += _constants(function.__code__)
    lines += _lines(function.__defaults__ or (), seen)
    enclosed = inspect.getclosurevars(function)
    for name, value in sorted({**enclosed.globals, **enclosed.nonlocals}.items()):
        if isinstance(value, FunctionType) and not _is_ours(value, function):
            lines.append(f"{name}: {value.__module__}.{value.__qualname__}")
        elif isinstance(value, type) or inspect.ismodule(value):
            lines.append(f"{name}: {value.__name__}")
        else:
            lines += _named(name, value, seen)
    return lines


def _is_ours(value: FunctionType, user: FunctionType) -> bool:
    package = user.__module__.partition(".")[0]
    return value.__module__.partition(".")[0] in (package, "cudagym")


def _constants(code: CodeType) -> list[str]:
    """Names and literals, nested functions included: they tell two lambdas on one line apart."""
    lines = [repr(code.co_names)]
    for constant in code.co_consts:
        lines += _constants(constant) if isinstance(constant, CodeType) else _lines(constant, set())
    return lines
