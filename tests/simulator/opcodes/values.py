"""Values at the edges of every type, and random ones, as bits. Seeded by what they are for: always the same."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from itertools import product

from opcodes.exact import FORMATS, Format

WIDTHS = {"pred": 1, "f16": 16, "bf16": 16, "f32": 32, "f64": 64, "tf32": 32, "f16x2": 32, "bf16x2": 32}
WIDTHS |= {"u16x2": 32, "s16x2": 32, "e4m3x2": 16, "e5m2x2": 16}
WIDTHS |= {f"{kind}{width}": width for kind in "bus" for width in (8, 16, 32, 64)}
SCALARS = {"f16x2": "f16", "bf16x2": "bf16", "u16x2": "u16", "s16x2": "s16", "e4m3x2": "e4m3", "e5m2x2": "e5m2"}


def width_of(type_: str) -> int:
    return WIDTHS[type_]


def signed(value: int, width: int) -> int:
    """Bits read as two's complement."""
    value &= (1 << width) - 1
    return value - (value >> (width - 1) << width)


def integer_edges(width: int) -> list[int]:
    top = 1 << (width - 1)
    edges = [0, 1, 2, 3, 7, 8, width - 1, width, width + 1, top - 1, top, top + 1, 2 * top - 1, 2 * top - 2, top // 2]
    edges += [0xAAAAAAAAAAAAAAAA, 0x0123456789ABCDEF, 0xFEDCBA9876543210]
    return list(dict.fromkeys(x & (2 * top - 1) for x in edges))


def float_edges(f: Format) -> list[int]:
    """Zeros, subnormals, the ends of the normal numbers, powers of two and their neighbours, ties, infinities, NaNs."""
    step, one = 1 << f.padding, f.bias << (f.precision - 1 + f.padding)
    half = one - f.tiny
    magnitudes = [0, step, 2 * step, f.tiny - step, f.tiny, f.tiny + step, half, one - step, one, one + step]
    magnitudes += [one + f.tiny // 2, one + f.tiny, one + 3 * f.tiny // 2, f.largest - step, f.largest]
    magnitudes += [one + (f.precision - 1) * f.tiny, one + f.precision * f.tiny + step, half // 2]
    magnitudes += [f.infinity, f.infinity + step, f.sign - step] if f.infinite else [f.sign - 1]
    return [bits | sign for bits in magnitudes for sign in (0, f.sign)]


def edges(type_: str) -> list[int]:
    scalar = SCALARS.get(type_, type_)
    if type_ == "pred":
        return [0, 1]
    return float_edges(FORMATS[scalar]) if scalar in FORMATS else integer_edges(WIDTHS[scalar])


def some(type_: str, chooser: random.Random) -> int:
    """A random value: any bits, or a float near one, or an edge."""
    scalar = SCALARS.get(type_, type_)
    if scalar in FORMATS and chooser.random() < 0.6:
        f = FORMATS[scalar]
        exponent = f.bias + chooser.randint(-min(12, f.bias - 1), min(12, f.bias - 1))
        fraction = chooser.getrandbits(f.precision - 1)
        if chooser.random() < 0.3:  # a tie for a narrower format
            cut = chooser.randrange(1, f.precision)
            fraction = (fraction >> cut << cut) | 1 << (cut - 1)
        return (chooser.getrandbits(1) * f.sign) | (((exponent << (f.precision - 1)) | fraction) << f.padding)
    if scalar in FORMATS:
        return chooser.getrandbits(FORMATS[scalar].bits)
    width = WIDTHS[scalar]
    value = chooser.getrandbits(width) >> chooser.choice([0, chooser.randrange(width)])
    return value if chooser.getrandbits(1) else -value & (1 << width) - 1


def tuples(types: Sequence[str], count: int = 600, seed: object = 0) -> tuple[list[int], ...]:
    """Values for instructions with operands of these types: edges with edges, then random ones.

    All pairs of edges are tried, where they are few enough, and a sample of longer tuples.
    """
    chooser = random.Random(f"{types} {seed}")
    lists = [edges(type_) for type_ in types]
    whole = 1
    for values in lists:
        whole *= len(values)
    rows: list[tuple[int, ...]]
    rows = (
        list(product(*lists))
        if whole <= 3 * count
        else [tuple(chooser.choice(values) for values in lists) for _ in range(count)]
    )
    for k in range(count // 2):
        row = [some(type_, chooser) for type_ in types]
        if k % 4 == 0 and types[0] in types[1:2] and WIDTHS[types[0]] > 8:  # near each other, for cancellation and ties
            row[1] = row[0] ^ chooser.getrandbits(4) ^ (chooser.getrandbits(1) << (WIDTHS[types[0]] - 1))
        rows.append(tuple(row))
    rows = [paired(types, row, chooser) for row in rows]
    return tuple(list(column) for column in zip(*rows, strict=True))


def paired(types: Sequence[str], row: Iterable[int], chooser: random.Random) -> tuple[int, ...]:
    """Packed types get a second, unrelated half."""
    result = []
    for type_, value in zip(types, row, strict=True):
        if type_ in SCALARS:
            width = WIDTHS[type_] // 2
            other = chooser.choice(edges(type_)) if chooser.random() < 0.5 else some(type_, chooser)
            value |= other << width
        result.append(value)
    return tuple(result)
