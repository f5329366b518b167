"""Integer and floating-point arithmetic (PTX ISA 9.0, 9.7.1 to 9.7.5)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from opcodes.case import Case, Wanted, family
from opcodes.exact import (
    FORMATS,
    Format,
    Number,
    as_float,
    decode,
    encode,
    is_nan,
    of_float,
    product,
    quotient,
    root,
    total,
)
from opcodes.families.common import FLOATS, elementwise, finish, flushed, mode_of, nan_of, near, operand, result
from opcodes.values import SCALARS, WIDTHS, signed, tuples

MASK = {width: (1 << width) - 1 for width in (8, 16, 32, 64, 128)}


def read(type_: str, bits: int) -> int:
    return signed(bits, WIDTHS[type_]) if type_[0] == "s" else bits


def format_of(type_: str) -> Format:
    return FORMATS[SCALARS.get(type_, type_)]


@family("add", "sub", "mul", "fma", "mad")
def multiply_and_add(name: str, parts: list[str]) -> Case | None:
    opcode, type_ = name.split(".")[0], parts[-1]
    count = 3 if opcode in ("fma", "mad") else 2
    if type_ not in FLOATS:
        return integers(name, parts)
    f = format_of(type_)

    def exact(*bits: int) -> Wanted:
        a, b, *c = (operand(f, x, parts) for x in bits)
        if opcode == "mul":
            return result(f, product(a, b), parts)
        if opcode == "sub" and b is not None:
            b = b._replace(sign=1 - b.sign)
        first, second = (a, b) if count == 2 else (product(a, b), c[0])
        return result(f, total(first, second, mode_of(parts)), parts)

    return elementwise(name, [type_] * count, type_, exact)


def integers(name: str, parts: list[str]) -> Case | None:
    opcode, type_ = name.split(".")[0], parts[-1]
    scalar = SCALARS.get(type_, type_)
    width = WIDTHS[scalar]
    wide = "wide" in parts
    low, high = (-(1 << (width - 1)), (1 << (width - 1)) - 1) if scalar[0] == "s" else (0, MASK[width])

    def exact(*bits: int) -> Wanted:
        a, b = (read(scalar, x) for x in bits[:2])
        if opcode in ("add", "sub"):
            value = a + b if opcode == "add" else a - b
        else:
            value = a * b >> (width if "hi" in parts else 0)
            if opcode == "mad":
                value += bits[2]
                if "sat" in parts:
                    value = (a * b >> width) + signed(bits[2], width)
        if "sat" in parts:
            value = min(max(value, low), high)
        return value & MASK[2 * width if wide else width]

    types = [type_, type_]
    out = f"b{2 * width}" if wide else type_
    if opcode == "mad":
        types.append(out)
    return elementwise(name, types, out, exact)


@family("mul24", "mad24")
def multiply24(name: str, parts: list[str]) -> Case:
    def exact(a: int, b: int, c: int = 0) -> Wanted:
        x, y = (signed(v, 24) if parts[-1] == "s32" else v & MASK[32] >> 8 for v in (a, b))
        return ((x * y >> (16 if "hi" in parts else 0)) + c) & MASK[32]

    return elementwise(name, [parts[-1]] * (3 if name.startswith("mad") else 2), parts[-1], exact)


@family("div", "rem")
def divide(name: str, parts: list[str]) -> Case:
    type_ = parts[-1]
    if type_ in FLOATS:
        return divide_floats(name, parts)

    def exact(a: int, b: int) -> Wanted:
        x, y, mask = read(type_, a), read(type_, b), MASK[WIDTHS[type_]]
        if y == 0:  # unspecified in the PTX ISA
            return None
        whole = abs(x) // abs(y) * (1 if (x < 0) == (y < 0) else -1)
        return (whole if name.startswith("div") else x - whole * y) & mask

    return elementwise(name, [type_, type_], type_, exact)


def divide_floats(name: str, parts: list[str]) -> Case:
    """.full is within 2 ulp; .approx too, for divisors from 2**-126 to 2**126."""
    f = format_of(parts[-1])
    approximate = "approx" in parts or "full" in parts

    def exact(a: int, b: int) -> Wanted:
        x, y = operand(f, a, parts), operand(f, b, parts)
        nearest = quotient(f, x, y, mode_of(parts))
        if not approximate or nearest is None or nearest & (f.sign - 1) == f.infinity or y is None or y.infinite:
            return finish(f, nearest, parts)
        size = abs(as_float(y))
        if "approx" in parts and not 2.0**-126 <= size <= 2.0**126:
            return None
        if "ftz" in parts and nearest & (f.sign - 1) <= f.tiny:
            return flushed(f, as_float(x) / as_float(y))
        return near(f, as_float(x) / as_float(y), 2)

    return elementwise(name, [parts[-1]] * 2, parts[-1], exact)


@family("neg", "abs")
def change_sign(name: str, parts: list[str]) -> Case:
    type_ = parts[-1]
    negate = name.startswith("neg")
    if type_ in FLOATS:
        f = format_of(type_)

        def flip(a: int) -> Wanted:
            if is_nan(f, a):
                return nan_of(f)
            bits = encode(f, operand(f, a, parts))
            assert bits is not None
            return bits ^ f.sign if negate else bits & (f.sign - 1)

        return elementwise(name, [type_], type_, flip)
    scalar = SCALARS.get(type_, type_)
    return elementwise(
        name,
        [type_],
        type_,
        lambda a: (-read(scalar, a) if negate else abs(read(scalar, a))) & MASK[WIDTHS[scalar]],
    )


@family("min", "max")
def extremum(name: str, parts: list[str]) -> Case:
    type_, least = parts[-1], name.startswith("min")
    count = 3 if "three" in parts else 2
    text = name.replace(".three", "")
    target = "sm_100a" if count == 3 else "sm_90a"
    names = ", ".join(("%a", "%b", "%c")[:count])
    if type_ not in FLOATS:
        scalar = SCALARS.get(type_, type_)

        def pick(*bits: int) -> Wanted:
            value = (min if least else max)(read(scalar, x) for x in bits)
            return (max(value, 0) if "relu" in parts else value) & MASK[WIDTHS[scalar]]

        return elementwise(name, [type_] * count, type_, pick, body=f"{text} %o0, {names};")
    f = format_of(type_)

    def choose(*bits: int) -> Wanted:
        values = [x if is_nan(f, x) or "ftz" not in parts else encode(f, operand(f, x, parts)) or 0 for x in bits]
        sign = 0
        for value in values:
            sign ^= value & f.sign
        if "abs" in parts:
            values = [value & (f.sign - 1) for value in values]
        numbers = [x for x in values if not is_nan(f, x)]
        if not numbers or ("NaN" in parts and len(numbers) < len(values)):
            return nan_of(f)
        best = (min if least else max)(numbers, key=lambda x: -(x & (f.sign - 1)) - 1 if x & f.sign else x)
        return (best & (f.sign - 1)) | sign if "xorsign" in parts else best

    return elementwise(name, [type_] * count, type_, choose, body=f"{text} %o0, {names};", target=target)


@family("copysign")
def copysign(name: str, parts: list[str]) -> Case:
    f = format_of(parts[-1])
    return elementwise(name, [parts[-1]] * 2, parts[-1], lambda a, b: (a & f.sign) | (b & (f.sign - 1)))


@family("testp")
def test_property(name: str, parts: list[str]) -> Case:
    f, kind = format_of(parts[-1]), parts[0]

    def holds(a: int) -> Wanted:
        size = a & (f.sign - 1)
        return int(
            {
                "finite": size < f.infinity,
                "infinite": size == f.infinity,
                "number": size <= f.infinity,
                "notanumber": size > f.infinity,
                "normal": f.tiny <= size < f.infinity,
                "subnormal": 0 < size < f.tiny,
            }[kind]
        )

    return elementwise(name, [parts[-1]], "b32", holds, body=f"{name} %p1, %a; selp.b32 %o0, 1, 0, %p1;")


@family("sad")
def sum_of_differences(name: str, parts: list[str]) -> Case:
    type_ = parts[-1]
    unsigned = "u" + type_[1:]
    return elementwise(
        name,
        [type_, type_, unsigned],
        unsigned,
        lambda a, b, c: (abs(read(type_, a) - read(type_, b)) + c) & MASK[WIDTHS[type_]],
    )


@family("dp4a", "dp2a")
def dot_product(name: str, parts: list[str]) -> Case:
    a_type, b_type = parts[-2:]
    count = 4 if name.startswith("dp4a") else 2

    def exact(a: int, b: int, c: int) -> Wanted:
        b >>= 16 if "hi" in parts else 0
        width = 32 // count
        for k in range(count):
            x, y = a >> width * k & MASK[width], b >> 8 * k & 255
            c += (signed(x, width) if a_type == "s32" else x) * (signed(y, 8) if b_type == "s32" else y)
        return c & MASK[32]

    return elementwise(name, [a_type, b_type, a_type], "b32", exact)


def carry_chain(name: str, first: str, then: str, function: Callable[[int, int], int]) -> Case:
    """Two words wide: the low ones set the carry, the high ones take it in."""
    width = WIDTHS[then.rsplit(".", 1)[-1]]

    def exact(*words: int) -> Sequence[Wanted]:
        pairs = [low | high << width for low, high in zip(words[::2], words[1::2], strict=True)]
        value = function(*pairs)
        return [value & MASK[width], value >> width & MASK[width]]

    lows, highs = [", ".join("%" + x for x in "abcd"[k::2]) for k in (0, 1)]
    body = f"{first} %o0, {lows}; {then} %o1, {highs};"
    return elementwise(name, [f"u{width}"] * 4, [f"b{width}"] * 2, exact, body=body)


@family("rcp", "sqrt", "rsqrt")
def roots(name: str, parts: list[str]) -> Case | None:
    opcode, type_ = name.split(".")[0], parts[-1]
    f = format_of(type_)
    if "approx" not in parts:
        one = Number(0, 1, 0)

        def exact(a: int) -> Wanted:
            x = operand(f, a, parts)
            bits = quotient(f, one, x, mode_of(parts)) if opcode == "rcp" else root(f, x, mode_of(parts))
            return finish(f, bits, parts)

        return elementwise(name, [type_], type_, exact, count=3000)

    gross = type_ == "f64" and "ftz" in parts
    functions = {"rcp": lambda x: 1 / x, "sqrt": math.sqrt, "rsqrt": lambda x: 1 / math.sqrt(x)}

    def approximate(a: int) -> Wanted:
        if gross:  # of the upper half alone
            a &= ~MASK[32]
            a = a if a & (f.sign - 1) >= f.tiny else a & f.sign
        x = operand(f, a, parts)
        if x is None or (x.sign and not x.zero and opcode != "rcp"):
            return 0x7FFFFFFF00000000 if gross else nan_of(f)
        if x.zero or x.infinite:
            infinite = x.infinite == (opcode == "sqrt")
            return x.sign * f.sign | (f.infinity if infinite else 0)
        true = functions[opcode](as_float(x))
        if gross:
            if abs(true) < 2.0**-1022:
                return x.sign * f.sign
            close = near(f, true, relative=2.0**-18)
            return lambda bits: bits & MASK[32] == 0 and close(bits)  # type: ignore[operator, misc]
        if "ftz" in parts and abs(true) <= 2.0**-126 * (1 + 2.0**-20):
            return flushed(f, true)
        if type_ == "f64" or opcode == "rcp":  # for rsqrt.approx.f64 no bound is stated
            return near(f, true, 1)
        return near(f, true, 0.5 if true < 2.0**-126 else 0, relative=2.0 ** (-23 if opcode == "sqrt" else -22.9))

    return elementwise(name, [type_], type_, approximate, count=6000)


_FUNCTIONS = {"sin": math.sin, "cos": math.cos, "tanh": math.tanh}
_ERRORS_16 = {"ex2.f16": (2.0**-9.9, 0.0), "ex2.bf16": (2.0**-7, 0.0), "tanh.f16": (0.0, 2.0**-10.987)}
_ERRORS_16 |= {"tanh.bf16": (0.0, 2.0**-8)}
"""Relative and absolute errors that the PTX ISA states for 16-bit results."""


@family("ex2", "lg2", "sin", "cos", "tanh")
def transcendental(name: str, parts: list[str]) -> Case:
    opcode, type_ = name.split(".")[0], parts[-1]
    f = format_of(type_)

    def function(x: float) -> float:
        if opcode == "ex2":
            return math.inf if x > 1000 else 2.0**x
        if opcode == "lg2":
            return math.log2(x) if x > 0 else -math.inf if x == 0 else math.nan
        return math.nan if math.isinf(x) and opcode != "tanh" else _FUNCTIONS[opcode](x)

    def near_enough(a: int) -> Wanted:
        number = operand(f, a, parts)
        x = as_float(number)
        y = function(x)
        if x == 0 and opcode in ("sin", "tanh"):
            return a & f.sign
        if math.isnan(y) or math.isinf(y):
            return near(f, y)
        if f.bits == 16:
            relative, absolute = _ERRORS_16[f"{opcode}.{SCALARS.get(type_, type_)}"]
            if opcode == "ex2" and 0 < y < 2.0**f.exponent_min:
                return near(f, y, 1) if f is FORMATS["f16"] else flushed(f, y)
            return near(f, y, relative=relative, absolute=absolute)
        if "ftz" in parts and abs(y) <= 2.0**-126 * (1 + 2.0**-20):
            return flushed(f, y)
        if opcode == "ex2":
            return near(f, y, 2.5)
        if opcode == "lg2":
            return near(f, y, absolute=2.0**-22) if 0.5 < x < 2 else near(f, y, relative=2.0**-22)
        if opcode == "tanh":
            return near(f, y, relative=2.0**-11)
        size = abs(x)
        if size > 100 * math.pi:  # no error is guaranteed, but a sine is no larger than one
            return lambda bits: abs(as_float(decode(f, bits))) <= 1
        return near(f, y, absolute=2.0**-20.5 if size <= 2 * math.pi else 2.0**-14.7)

    return elementwise(name, [type_], type_, near_enough, values=[dense(type_, opcode)])


def dense(type_: str, opcode: str) -> list[int]:
    """Edges and random numbers, and a fine grid over where the function does something."""
    (values,) = tuples([type_], 600, opcode)
    f = format_of(type_)
    reach = {"ex2": 160.0, "lg2": 4.0, "sin": 330.0, "cos": 330.0, "tanh": 12.0}[opcode]
    fine = {"ex2": 1.0, "lg2": 0.01, "sin": 6.3, "cos": 6.3, "tanh": 0.1}[opcode]
    for scale in (reach, fine):
        for k in range(-1500, 1501):
            x = scale * k / 1500 + (1 if opcode == "lg2" and scale == fine else 0)
            bits = encode(f, of_float(x)) or 0
            values.append(bits | bits << 16 if type_ in SCALARS else bits)
    return values
