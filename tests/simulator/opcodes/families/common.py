"""What makers of cases share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import copysign
from typing import Any

from opcodes.case import Case, Port, Wanted
from opcodes.exact import BF16, F32, Format, Number, as_float, decode, encode, flush, is_nan, of_float
from opcodes.values import SCALARS, WIDTHS, tuples

FLOATS = frozenset(("f16", "bf16", "f32", "f64", "f16x2", "bf16x2"))
MODES = ("rn", "rz", "rm", "rp", "rna")
Scalar = Callable[..., Wanted | Sequence[Wanted]]


def mode_of(parts: Sequence[str]) -> str:
    return next((part for part in parts if part in MODES), "rn")


def nan_of(f: Format) -> Wanted:
    return lambda bits: is_nan(f, bits)


def result(f: Format, x: Number | None, parts: Sequence[str]) -> Wanted:
    """x as an instruction with these modifiers leaves it: rounded, clamped, flushed."""
    return finish(f, encode(f, x, mode_of(parts)), parts)


def finish(f: Format, bits: int | None, parts: Sequence[str]) -> Wanted:
    """A rounded result after .relu, .sat and .ftz. None is NaN."""
    if "sat" in parts:
        one = f.bias << (f.precision - 1 + f.padding)
        bits = 0 if bits is None or bits & f.sign else min(bits, one)
    if bits is None:
        return nan_of(f)
    if "relu" in parts and bits & f.sign:
        return 0
    return flush(f, bits) if "ftz" in parts and f in (F32, BF16) else bits


def operand(f: Format, bits: int, parts: Sequence[str]) -> Number | None:
    return decode(f, flush(f, bits) if "ftz" in parts else bits)


def flushed(f: Format, exact: float) -> Wanted:
    """What .ftz leaves of a result about as small as the smallest normal number: that, or zero, but nothing between."""
    sign = f.sign * (copysign(1, exact) < 0)
    doubt = abs(exact) > 2.0**-126 * (1 - 2.0**-20)
    return lambda bits: bits == sign or (doubt and f.tiny <= bits - sign <= f.tiny + 16)


def near(f: Format, exact: float, ulps: float = 0, *, relative: float = 0, absolute: float = 0) -> Wanted:
    """Any number within so many units in the last place of the exact result, or so far from it."""
    nearest = encode(f, of_float(exact))
    if nearest is None:
        return nan_of(f)
    magnitude = nearest & (f.sign - 1)
    if exact in (float("inf"), float("-inf")):
        return nearest
    unit = max((magnitude >> (f.precision - 1)) - f.bias, f.exponent_min) - f.precision + 1
    margin = max(ulps * 2.0**unit if ulps else 0, relative * abs(exact), absolute)

    def fits(bits: int) -> bool:
        if bits == nearest:
            return True
        got = as_float(decode(f, bits))
        if got in (float("inf"), float("-inf")):  # just past the largest number
            return magnitude >= f.largest - 2 and bits & f.sign == nearest & f.sign
        return abs(got - exact) <= margin and (got != 0 or exact == 0 or magnitude <= 2)

    return fits


def elementwise(
    name: str,
    types: Sequence[str],
    out: str | Sequence[str],
    function: Scalar,
    *,
    body: str = "",
    count: int = 600,
    values: Sequence[Sequence[int]] | None = None,
    **more: Any,
) -> Case:
    """A case of one instruction on registers. On packed types, `function` is applied to each half."""
    outs = (out,) if isinstance(out, str) else tuple(out)
    packed = [type_ in SCALARS for type_ in types]
    split = any(packed) and all(type_ in SCALARS for type_ in outs)

    def oracle(*operands: int) -> Sequence[Wanted]:
        if not split:
            answer = function(*operands)
            return answer if isinstance(answer, list | tuple) else (answer,)
        halves = []
        for half in (0, 1):
            parts = [
                (x >> half * (WIDTHS[t] // 2)) & ((1 << WIDTHS[t] // 2) - 1) if p else x
                for x, t, p in zip(operands, types, packed, strict=True)
            ]
            halves.append(function(*parts))
        return halves

    letters = ", ".join(f"%{'abcdefgh'[k]}" for k in range(len(types)))
    results = ", ".join(f"%o{k}" for k in range(len(outs)))
    return Case(
        name,
        body or f"{name} {results}, {letters};",
        tuple(Port(WIDTHS[type_]) for type_ in types),
        tuple(values) if values is not None else tuples(types, count, name),
        tuple(Port(WIDTHS[type_], WIDTHS[type_] // 2 if type_ in SCALARS and split else 0) for type_ in outs),
        oracle,
        **more,
    )
