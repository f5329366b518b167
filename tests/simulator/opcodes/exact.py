"""Floating point in exact integers: any format of IEEE 754's shape, any rounding, no hardware float involved.

A finite number is sign, mantissa and exponent, for (-1)**sign * mantissa * 2**exponent; formats are encoded once, at
the end, by `encode`. NaN is None: the PTX ISA leaves open which one an instruction gives.
"""

from __future__ import annotations

import struct
from math import isqrt
from typing import NamedTuple


class Format(NamedTuple):
    """A binary floating-point format. `precision` counts the hidden bit; `padding` are unused low bits."""

    bits: int
    precision: int
    exponent_max: int
    infinite: bool = True
    padding: int = 0

    @property
    def exponent_min(self) -> int:
        return 1 - self.bias

    @property
    def bias(self) -> int:
        return self.exponent_max if self.infinite else self.exponent_max - 1

    @property
    def sign(self) -> int:
        return 1 << (self.bits - 1)

    @property
    def infinity(self) -> int:
        return (2 * self.bias + 1) << (self.precision - 1 + self.padding)

    @property
    def largest(self) -> int:
        """The bits of the largest finite number: e4m3 spends its last exponent on numbers, but for one NaN."""
        if self.infinite:
            return self.infinity - (1 << self.padding)
        return self.infinity | ((1 << (self.precision - 1)) - 2)

    @property
    def tiny(self) -> int:
        """The bits of the smallest normal number."""
        return 1 << (self.precision - 1 + self.padding)


F16, BF16, F32, F64 = Format(16, 11, 15), Format(16, 8, 127), Format(32, 24, 127), Format(64, 53, 1023)
TF32, E5M2, E4M3 = Format(32, 11, 127, padding=13), Format(8, 3, 15), Format(8, 4, 8, infinite=False)
FORMATS = {"f16": F16, "bf16": BF16, "f32": F32, "f64": F64, "tf32": TF32, "e5m2": E5M2, "e4m3": E4M3}


class Number(NamedTuple):
    """A decoded number; `infinite` ones have no mantissa."""

    sign: int
    mantissa: int
    exponent: int
    infinite: bool = False

    @property
    def zero(self) -> bool:
        return not self.mantissa and not self.infinite


def is_nan(f: Format, bits: int) -> bool:
    magnitude = bits & (f.sign - 1)
    return magnitude > (f.infinity if f.infinite else f.largest)


def decode(f: Format, bits: int) -> Number | None:
    """None for NaN."""
    if is_nan(f, bits):
        return None
    sign, magnitude = bits >> (f.bits - 1) & 1, (bits & (f.sign - 1)) >> f.padding
    if f.infinite and magnitude == f.infinity >> f.padding:
        return Number(sign, 0, 0, True)
    field, fraction = magnitude >> (f.precision - 1), magnitude & ((1 << (f.precision - 1)) - 1)
    if field:
        fraction |= 1 << (f.precision - 1)
    return Number(sign, fraction, max(field, 1) - f.bias - f.precision + 1)


def encode(f: Format, x: Number | None, mode: str = "rn", more: bool = False) -> int | None:
    """The bits of x, rounded once. `more`: the magnitude is a little larger than the mantissa says.

    `rn` rounds ties to even, `rna` away from zero, `rz` toward zero, `rm` down, `rp` up.
    """
    if x is None:
        return None
    if x.infinite:
        return x.sign * f.sign | (f.infinity if f.infinite else f.largest)
    if not x.mantissa and not more:
        return x.sign * f.sign
    mantissa, exponent = x.mantissa << 2 | more, x.exponent - 2
    last = max(mantissa.bit_length() + exponent - f.precision, f.exponent_min - f.precision + 1)
    shift = last - exponent
    kept = mantissa >> shift if shift > 0 else mantissa << -shift
    rest = 2 * (mantissa - (kept << shift)) if shift > 0 else 0
    half = 1 << max(shift, 0)
    up = {
        "rn": rest > half or (rest == half and kept & 1),
        "rna": rest >= half and rest > 0,
        "rz": False,
        "rm": rest > 0 and x.sign,
        "rp": rest > 0 and not x.sign,
    }[mode]
    kept += bool(up)
    # A carry into the next exponent, or out of the subnormal numbers, is a carry of the encoding too.
    bits = (kept + ((last + f.precision - 2 + f.bias) << (f.precision - 1))) << f.padding
    if bits > f.largest:
        away = mode in ("rn", "rna") or (mode == "rm" if x.sign else mode == "rp")
        bits = f.infinity if f.infinite and away else f.largest
    return x.sign * f.sign | bits


def number(value: int) -> Number:
    return Number(int(value < 0), abs(value), 0)


def product(a: Number | None, b: Number | None) -> Number | None:
    if a is None or b is None or (a.infinite and b.zero) or (b.infinite and a.zero):
        return None
    return Number(a.sign ^ b.sign, a.mantissa * b.mantissa, a.exponent + b.exponent, a.infinite or b.infinite)


def total(a: Number | None, b: Number | None, mode: str = "rn") -> Number | None:
    """The exact sum. A sum of opposites is +0, or -0 where results are rounded down."""
    if a is None or b is None or (a.infinite and b.infinite and a.sign != b.sign):
        return None
    if a.infinite or b.infinite:
        return a if a.infinite else b
    exponent = min(a.exponent, b.exponent)
    value = sum((-1) ** x.sign * x.mantissa << (x.exponent - exponent) for x in (a, b))
    if value == 0:
        return Number(a.sign if a.zero and b.zero and a.sign == b.sign else int(mode == "rm"), 0, 0)
    return Number(int(value < 0), abs(value), exponent)


def quotient(f: Format, a: Number | None, b: Number | None, mode: str) -> int | None:
    if a is None or b is None or (a.infinite and b.infinite) or (a.zero and b.zero):
        return None
    sign = a.sign ^ b.sign
    if a.infinite or b.zero:
        return encode(f, Number(sign, 0, 0, True))
    if b.infinite or a.zero:
        return sign * f.sign
    room = 2 * f.precision + b.mantissa.bit_length() + 8
    whole, rest = divmod(a.mantissa << room, b.mantissa)
    return encode(f, Number(sign, whole, a.exponent - b.exponent - room), mode, rest > 0)


def root(f: Format, a: Number | None, mode: str) -> int | None:
    if a is None or (a.sign and not a.zero):
        return None
    if a.zero or a.infinite:
        return encode(f, a)
    room = 2 * f.precision + 8 + (a.exponent & 1)
    room += (a.exponent - room) & 1
    square = a.mantissa << room
    whole = isqrt(square)
    return encode(f, Number(0, whole, (a.exponent - room) // 2), mode, whole * whole != square)


def to_integer(x: Number, mode: str) -> int:
    """A finite number rounded to an integer; modes as the first letters of `.rni`, `.rzi`, `.rmi`, `.rpi`."""
    sign = -1 if x.sign else 1
    if x.exponent >= 0:
        return sign * (x.mantissa << x.exponent)
    kept, rest = x.mantissa >> -x.exponent, x.mantissa & ((1 << -x.exponent) - 1)
    half = 1 << (-x.exponent - 1)
    up = {
        "rn": rest > half or (rest == half and kept & 1),
        "rz": False,
        "rm": rest > 0 and x.sign,
        "rp": rest > 0 and not x.sign,
    }[mode]
    return sign * (kept + bool(up))


def flush(f: Format, bits: int) -> int:
    """Subnormal numbers to zero of the same sign (.ftz)."""
    return bits if bits & (f.sign - 1) >= f.tiny else bits & f.sign


def as_float(x: Number | None) -> float:
    """The nearest double, for comparison with `math`."""
    if x is None:
        return float("nan")
    if x.infinite:
        return float("-inf") if x.sign else float("inf")
    return float(struct.unpack("<d", struct.pack("<Q", encode(F64, x)))[0])


def of_float(x: float) -> Number | None:
    """A double, decoded."""
    return decode(F64, struct.unpack("<Q", struct.pack("<d", x))[0])
