"""Moves and conversions (PTX ISA 9.0, 9.7.9)."""

from __future__ import annotations

from opcodes.case import Case, Port, Wanted, family
from opcodes.exact import F32, FORMATS, Number, decode, encode, flush, is_nan, number, to_integer
from opcodes.families.common import elementwise, finish, mode_of, nan_of
from opcodes.values import SCALARS, WIDTHS, signed, tuples

TYPES = frozenset(WIDTHS) | {"e4m3x2", "e5m2x2"}


@family("mov")
def move(name: str, parts: list[str]) -> Case:
    """Registers, immediates, packing, unpacking and special registers."""
    type_ = parts[-1]
    if type_ == "pred":
        body = "setp.ne.b32 %p1, %a, 0; mov.pred %p2, %p1; @!%p1 mov.pred %p3, 1; @%p1 mov.pred %p3, 0;"
        body += " selp.b32 %o0, 1, 0, %p2; selp.b32 %o1, 1, 0, %p3;"
        values = tuples(["pred"], 40)
        return elementwise(name, ["b32"], ["b32", "b32"], lambda a: [a, 1 - a], body=body, values=values)
    width = WIDTHS[type_]
    if type_[0] != "b" or width == 16:
        literal = {"f32": "0f3FC00000", "f64": "0d3FF8000000000000"}.get(type_, "-3")
        bits = {"f32": 0x3FC00000, "f64": 0x3FF8 << 48}.get(type_, -3) & (1 << width) - 1
        special = f"{name} %o2, %laneid;" if type_ == "u32" else "mov.b32 %o2, %b;"
        body = f"{name} %o0, %a; {name} %o1, {literal}; {special}"
        (values,) = tuples([type_])
        values = values[: len(values) // 64 * 64]
        lanes = [k % 32 for k in range(len(values))]
        outs = [f"b{width}", f"b{width}", "b32"]
        columns = (values, lanes)
        return elementwise(name, [type_, "u32"], outs, lambda a, b: [a, bits, b], body=body, values=columns)
    half = width // 2
    body = f"{name} {{%x, %y}}, %a; {name} %o0, {{%y, %x}}; {name} %o1, %a;"
    body = f"{{ .reg .b{half} %x, %y; {body} }}"
    low = (1 << half) - 1
    return elementwise(name, [type_], [type_, type_], lambda a: [a >> half | (a & low) << half, a], body=body)


@family("cvt")
def convert(name: str, parts: list[str]) -> Case:
    if "pack" in parts:
        return pack(name, parts[2])
    to, from_ = [part for part in parts if part in TYPES][-2:]
    if to in SCALARS or from_ in SCALARS:
        return convert_pair(name, parts, to, from_)
    if to in FORMATS:
        source = FORMATS.get(from_)
        return elementwise(name, [from_], to, lambda a: to_float(parts, to, from_, a), count=1500 if source else 600)
    return to_int(name, parts, to, from_)


def pack(name: str, to: str) -> Case:
    """Two words, clamped, the second lowest; then what is left of a third."""
    width = WIDTHS[to]
    low, high = (-(1 << (width - 1)), (1 << (width - 1)) - 1) if to[0] == "s" else (0, (1 << width) - 1)

    def exact(a: int, b: int, c: int = 0) -> Wanted:
        value = c
        for x in (a, b):
            value = value << width | (min(max(signed(x, 32), low), high) & (1 << width) - 1)
        return value & 0xFFFFFFFF

    return elementwise(name, ["s32"] * (3 if width == 8 else 2), "b32", exact)


def to_float(parts: list[str], to: str, from_: str, bits: int) -> Wanted:
    f = FORMATS[to]
    if from_ not in FORMATS:
        value = signed(bits, WIDTHS[from_]) if from_[0] == "s" else bits
        return finish(f, encode(f, number(value), mode_of(parts)), parts)
    source = FORMATS[from_]
    if "ftz" in parts and source is F32:
        bits = flush(source, bits)
    x = decode(source, bits)
    whole = next((part[:2] for part in parts if part in ("rni", "rzi", "rmi", "rpi")), None)
    if whole and x is not None and not x.infinite:
        x = Number(x.sign, abs(to_integer(x, whole)), 0)
    if "satfinite" in parts and x is None:
        return f.sign - 1 if not f.infinite else nan_of(f)
    rounded = encode(f, x, mode_of(parts))
    if "satfinite" in parts and f.infinite and rounded is not None and rounded & (f.sign - 1) == f.infinity:
        rounded = rounded & f.sign | f.largest
    return finish(f, rounded, parts)


def to_int(name: str, parts: list[str], to: str, from_: str) -> Case:
    """8-bit results are taken from a 32-bit register: extended there by the target's sign."""
    width = WIDTHS[to]
    low, high = (-(1 << (width - 1)), (1 << (width - 1)) - 1) if to[0] == "s" else (0, (1 << width) - 1)
    out = "b32" if width == 8 else to
    mask = (1 << WIDTHS[out]) - 1

    def exact(a: int) -> Wanted:
        if from_ in FORMATS:
            f = FORMATS[from_]
            if "ftz" in parts:
                a = flush(f, a)
            x = decode(f, a)
            if x is None:  # NaN: zero, or the sign bit alone as soon as 64 bits are involved
                if width != 64 and from_ != "f64":
                    return 0
                return low & mask if to[0] == "s" else 1 << (width - 1)
            if x.infinite:
                value = low if x.sign else high
            else:
                value = to_integer(x, next(part[:2] for part in parts if part in ("rni", "rzi", "rmi", "rpi")))
            return min(max(value, low), high) & mask
        value = signed(a, WIDTHS[from_]) if from_[0] == "s" else a
        if "sat" in parts:
            value = min(max(value, low), high)
        value &= (1 << width) - 1
        return (signed(value, width) if to[0] == "s" else value) & mask

    body = f"{name} %o0, %a;"
    if WIDTHS[from_] == 8:
        body = f"cvt.u32.u16 %t3, %a; {name} %o0, %t3;"
    return elementwise(name, [from_], out, exact, body=body, count=1500 if from_ in FORMATS else 600)


def convert_pair(name: str, parts: list[str], to: str, from_: str) -> Case:
    """Two at a time. Of two sources the first goes to the upper half."""
    scalar = SCALARS.get(to, to)

    def one(source: str, bits: int) -> Wanted:
        wanted = to_float(parts, scalar, source, bits)
        f = FORMATS[scalar]
        if f is FORMATS["e4m3"] and is_nan(FORMATS[source], bits):
            return f.sign - 1
        return wanted

    if from_ not in SCALARS:
        return elementwise_pair(name, to, lambda a, b: [one(from_, b), one(from_, a)])
    return elementwise(name, [from_], to, lambda a: one(SCALARS[from_], a), count=1500)


def elementwise_pair(name: str, to: str, function: object) -> Case:
    half = WIDTHS[to] // 2
    values = tuples(["f32", "f32"], 1500, name)
    return Case(
        name,
        f"{name} %o0, %a, %b;",
        (Port(32), Port(32)),
        values,
        (Port(WIDTHS[to], half),),
        function,  # type: ignore[arg-type]
    )


@family("cvta")
def convert_address(name: str, parts: list[str]) -> Case:
    """To generic and back is the address it was, and both name the same bytes."""
    to = "to" in parts
    space = next(part for part in parts if part not in ("to", "u64"))
    values = tuples(["b32"], 60)
    declared = ".shared .align 8 .b32 place[64];"
    module = ".const .align 8 .b32 fixed[2] = {305419896, 9};" if space == "const" else ""
    module += ".global .align 8 .b32 kept[64];" if space == "global" and not to else ""
    write = f"{declared} and.b32 %t3, %index, 63; mul.wide.u32 %w4, %t3, 4;"
    if space == "global":
        if to:
            body = f"{name} %w3, %pa; ld.global.b32 %o0, [%w3];"
        else:
            body = f"{write} mov.u64 %w2, kept; add.s64 %w2, %w2, %w4; st.global.b32 [%w2], %a;"
            body += f" {name} %w3, %w2; ld.b32 %o0, [%w3];"
    elif space == "const":
        body = "mov.u64 %w2, fixed; cvta.const.u64 %w3, %w2; ld.b32 %t4, [%w3];"
        body += " cvta.to.const.u64 %w3, %w3; ld.const.b32 %t5, [%w3+4]; add.u32 %o0, %a, %t4; sub.u32 %o0, %o0, %t5;"
        return elementwise(
            name, ["b32"], "b32", lambda a: (a + 305419896 - 9) & 0xFFFFFFFF, body=body, values=values, module=module
        )
    elif space == "param":
        body = "mov.u64 %w2, i0; cvta.param.u64 %w3, %w2; ld.u64 %w5, [%w3]; ld.param.u64 %w6, [i0];"
        body += " setp.eq.u64 %p1, %w5, %w6; selp.b32 %o0, %a, 0, %p1;"
    elif space == "local":
        body = ".local .align 8 .b32 mine[2]; mov.u64 %w2, mine; st.local.b32 [%w2+4], %a; cvta.local.u64 %w3, %w2;"
        body += " cvta.to.local.u64 %w5, %w3; ld.b32 %t4, [%w3+4]; ld.local.b32 %o0, [%w5+4];"
        body += " setp.ne.u32 %p1, %t4, %o0; @%p1 mov.b32 %o0, 0;"
    else:
        body = f"{write} mov.u64 %w2, place; add.s64 %w2, %w2, %w4; cvta.shared.u64 %w3, %w2; st.b32 [%w3], %a;"
        body += " cvta.to.shared.u64 %w5, %w3; ld.shared.b32 %o0, [%w5];"
    return elementwise(name, ["b32"], "b32", lambda a: a, body=body, values=values, module=module)


@family("isspacep")
def is_space(name: str, parts: list[str]) -> Case:
    body = ".local .align 8 .b32 mine[2]; .shared .align 8 .b32 place[2]; mov.u64 %w2, mine; cvta.local.u64 %w2, %w2;"
    body += " mov.u64 %w3, place; cvta.shared.u64 %w3, %w3;"
    for k, address in enumerate(("%w2", "%w3", "%pa")):
        body += f" isspacep.{parts[0]} %p1, {address}; selp.b32 %o{k}, 1, 0, %p1;"
    wanted = [int(parts[0] == space) for space in ("local", "shared", "global")]
    return elementwise(name, ["b32"], ["b32"] * 3, lambda a: wanted, body=body, values=tuples(["b32"], 40))
