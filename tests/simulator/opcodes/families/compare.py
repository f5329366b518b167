"""Comparison and selection (PTX ISA 9.0, 9.7.6 to 9.7.7)."""

from __future__ import annotations

from collections.abc import Sequence

from opcodes.case import Case, Wanted, family
from opcodes.exact import F32, FORMATS, decode, flush
from opcodes.families.common import elementwise
from opcodes.values import SCALARS, WIDTHS, signed, tuples

COMBINE = {"and": lambda a, b: a & b, "or": lambda a, b: a | b, "xor": lambda a, b: a ^ b}
_ORDERED = {"eq", "ne", "lt", "le", "gt", "ge"}


def compares(kind: str, type_: str, parts: Sequence[str], a: int, b: int) -> int:
    """What the comparison says of two scalars' bits."""
    if type_ in FORMATS:
        f = FORMATS[type_]
        if "ftz" in parts:
            a, b = flush(f, a), flush(f, b)
        unordered = decode(f, a) is None or decode(f, b) is None
        if kind in ("num", "nan"):
            return int(unordered == (kind == "nan"))
        if unordered:
            return int(kind not in _ORDERED)
        kind = kind if kind in _ORDERED else kind[:-1]
        a, b = ((-(x & (f.sign - 1)) if x & f.sign else x) for x in (a, b))
    elif type_[0] == "s":
        a, b = signed(a, WIDTHS[type_]), signed(b, WIDTHS[type_])
    kind = {"lo": "lt", "ls": "le", "hi": "gt", "hs": "ge"}.get(kind, kind)
    return int({"eq": a == b, "ne": a != b, "lt": a < b, "le": a <= b, "gt": a > b, "ge": a >= b}[kind])


def combining(parts: Sequence[str]) -> str | None:
    return next((part for part in parts if part in COMBINE), None)


@family("setp")
def set_predicate(name: str, parts: list[str]) -> Case:
    """Both results, the second of the opposite; a third predicate comes in where the name combines with one."""
    type_, kind = parts[-1], parts[0]
    word = combining(parts)
    scalar = SCALARS.get(type_, type_)

    def exact(a: int, b: int, c: int = 0) -> list[Wanted]:
        if type_ in SCALARS:
            half = WIDTHS[type_] // 2
            return [compares(kind, scalar, parts, x, y) for x, y in _halves(a, b, half)]
        holds = compares(kind, type_, parts, a, b)
        pair = [holds, 1 - holds]
        return [COMBINE[word](x, c) for x in pair] if word else list(pair)

    types = [type_, type_] + (["b32"] if word else [])
    values = tuples([type_, type_] + (["pred"] if word else []), seed=name)
    given = "setp.ne.b32 %p3, %c, 0; " if word else ""
    last = ", !%p3" if word and "inverted" in parts else ", %p3" if word else ""
    one = f"{given}{name} %p1, %a, %b{last}; not.pred %p2, %p1;"  # 16-bit scalars have no second result
    both = one if type_ in ("f16", "bf16") else f"{given}{name} %p1|%p2, %a, %b{last};"
    body = f"{both} selp.b32 %o0, 1, 0, %p1; selp.b32 %o1, 1, 0, %p2;"
    return elementwise(name, types, ["b32", "b32"], exact, body=body, values=values)


def _halves(a: int, b: int, half: int) -> list[tuple[int, int]]:
    return [(x >> k * half & (1 << half) - 1, y >> k * half & (1 << half) - 1) for x, y in [(a, b)] for k in (0, 1)]


@family("set")
def set_value(name: str, parts: list[str]) -> Case:
    """All ones, or 1.0, where the comparison holds."""
    to, from_ = parts[-2:]
    word = combining(parts)
    scalar = SCALARS.get(from_, from_)
    to_scalar = SCALARS.get(to, to)
    if to_scalar in FORMATS:
        yes = FORMATS[to_scalar].bias << (FORMATS[to_scalar].precision - 1)
    else:
        yes = (1 << WIDTHS[to] // (2 if from_ in SCALARS else 1)) - 1

    def exact(a: int, b: int, c: int = 0) -> Wanted | list[Wanted]:
        pairs = _halves(a, b, WIDTHS[from_] // 2) if from_ in SCALARS else [(a, b)]
        answers = [compares(parts[0], scalar, parts, x, y) for x, y in pairs]
        words = [yes if (COMBINE[word](x, c) if word else x) else 0 for x in answers]
        return words[0] | (words[1] << 16 if len(words) > 1 else 0)

    types = [from_, from_] + (["b32"] if word else [])
    values = tuples([from_, from_] + (["pred"] if word else []), seed=name)
    given = "setp.ne.b32 %p3, %c, 0; " if word else ""
    body = f"{given}{name} %o0, %a, %b{', %p3' if word else ''};"
    out = f"b{WIDTHS[to]}"
    return elementwise(name, types, out, exact, body=body, values=values)


@family("selp")
def select(name: str, parts: list[str]) -> Case:
    type_ = parts[-1]
    values = tuples([type_, type_, "pred"], 200)
    body = f"setp.ne.b32 %p1, %c, 0; {name} %o0, %a, %b, %p1;"
    return elementwise(
        name, [type_, type_, "b32"], f"b{WIDTHS[type_]}", lambda a, b, c: a if c else b, body=body, values=values
    )


@family("slct")
def select_by_sign(name: str, parts: list[str]) -> Case:
    """a where c is not negative; -0 counts as zero, NaN as negative."""
    type_, by = parts[-2:]

    def exact(a: int, b: int, c: int) -> Wanted:
        if by == "s32":
            return a if signed(c, 32) >= 0 else b
        number = decode(F32, flush(F32, c) if "ftz" in parts else c)
        return a if number is not None and (number.zero or not number.sign) else b

    return elementwise(name, [type_, type_, by], f"b{WIDTHS[type_]}", exact)
