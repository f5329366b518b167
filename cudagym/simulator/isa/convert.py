"""Moves, address conversions and conversions between types."""

from __future__ import annotations

from cudagym.simulator.emit import BITS, LOCAL_WINDOW, PARAM_WINDOW, SHARED_WINDOW, Emitter, Value, constant
from cudagym.simulator.isa.common import (
    FLOATS,
    INTEGERS,
    ROUND_TO_INTEGER,
    clamp,
    elem_of,
    is_signed,
    last_type,
    narrow,
    op,
    relu,
    rounding,
    saturate,
    use_float,
    widen,
    write_float,
)
from cudagym.simulator.ptx import SIZES, Instruction, Symbol, Vector

# ---- moves and conversions ----


@op("mov")
def move(e: Emitter, ins: Instruction) -> None:
    type_ = last_type(e, ins)
    d, a = ins.operands
    if isinstance(a, Vector):
        elem = f"i{8 * SIZES[type_] // len(a.elements)}"
        whole = f"i{8 * SIZES[type_]}"
        if whole not in BITS:
            raise e.unsupported()
        value = constant(0, whole)
        for k, part in enumerate(a.elements):
            wide = e.convert("zext", e.use(part, elem), whole)
            value = e.op("or", value, e.op("shl", wide, constant(k * BITS[elem], whole))) if k else wide
        e.write(d, value)
    elif isinstance(d, Vector):
        elem, whole = f"i{8 * SIZES[type_] // len(d.elements)}", f"i{8 * SIZES[type_]}"
        if whole not in BITS:
            raise e.unsupported()
        value = e.use(a, whole)
        for k, part in enumerate(d.elements):
            piece = e.op("lshr", value, constant(k * BITS[elem], whole))
            e.write(part, e.convert("trunc", piece, elem))
    else:
        e.write(d, e.use(a, elem_of(type_)))


@op("cvta")
def convert_address(e: Emitter, ins: Instruction) -> None:
    window = next((w for s, w in _WINDOWS.items() if any(m.split("::")[0] == s for m in ins.modifiers)), 0)
    d, a = ins.operands
    narrow_address = last_type(e, ins) == "u32"
    value = e.use(a, "i32" if narrow_address else "i64")
    if narrow_address:
        raise e.unsupported()
    if isinstance(a, Symbol) and "param" in ins.modifiers:
        window = 0
    if window:
        value = e.op("sub" if "to" in ins.modifiers else "add", value, constant(window, "i64"))
    e.write(d, value)


_WINDOWS = {"shared": SHARED_WINDOW, "local": LOCAL_WINDOW}


@op("isspacep")
def is_space(e: Emitter, ins: Instruction) -> None:
    space = ins.modifiers[0].split("::")[0]
    value = e.use(ins.operands[1], "i64")
    if space in ("global", "const"):
        result = constant(0, "i1")
        for start, size in e.context.constants:
            inside = e.compare("ult", e.op("sub", value, constant(start, "i64")), constant(size, "i64"))
            result = e.op("or", result, inside)
        if space == "global":
            beyond = e.compare("uge", value, constant(1 << 44, "i64"))
            result = e.op("and", beyond, e.op("xor", result, constant(1, "i1")))
    elif space in ("shared", "local", "param"):
        window = {**_WINDOWS, "param": PARAM_WINDOW}[space]
        result = e.compare("ult", e.op("sub", value, constant(window, "i64")), constant(1 << 32, "i64"))
    else:
        raise e.unsupported()
    e.write(ins.operands[0], result)


@op("cvt")
def convert(e: Emitter, ins: Instruction) -> None:
    if "pack" in ins.modifiers:
        pack_integers(e, ins)
        return
    types = [m for m in ins.modifiers if m in SIZES]
    if len(types) != 2:
        raise e.unsupported()
    to, from_ = types
    d, *inputs = ins.operands
    if to in ("f16x2", "bf16x2") and from_ == "f32" and len(inputs) == 2:
        convert_pair(e, ins, to)
    elif to in EIGHTS or from_ in EIGHTS:
        convert_eights(e, ins, to, from_)
    elif to == "tf32" and from_ == "f32":
        e.write(d, to_tf32(e, ins, e.use(inputs[0], "float")))
    elif to in FLOATS and from_ in FLOATS:
        float_to_float(e, ins, to, from_)
    elif to in FLOATS and from_ in INTEGERS:
        integer_to_float(e, ins, to, from_)
    elif to in INTEGERS and from_ in FLOATS:
        float_to_integer(e, ins, to, from_)
    elif to in INTEGERS and from_ in INTEGERS:
        value = e.use(inputs[0], elem_of(from_))
        if "sat" in ins.modifiers:
            value = clamp_integer(e, value, from_, to)
        e.write(d, e.resize(value, elem_of(to), is_signed(from_)), is_signed(to))
    else:
        raise e.unsupported()


def pack_integers(e: Emitter, ins: Instruction) -> None:
    """cvt.pack.sat d, a, b{, c}: two words clamped to 16 or 8 bits, b lowest; above two of 8 bits the low half of c."""
    d, a, b, *rest = ins.operands
    to = ins.modifiers[2]
    if to not in ("u16", "s16", "u8", "s8") or len(rest) != (SIZES[to] == 1):
        raise e.unsupported()
    bits = 8 * SIZES[to]
    high, low = (clamp_integer(e, e.use(operand, "i32"), "s32", to) for operand in (a, b))
    mask = constant((1 << bits) - 1, "i32")
    value = e.op("or", e.op("shl", e.op("and", high, mask), constant(bits, "i32")), e.op("and", low, mask))
    if rest:
        value = e.op("or", value, e.op("shl", e.use(rest[0], "i32"), constant(16, "i32")))
    e.write(d, value)


def convert_pair(e: Emitter, ins: Instruction, to: str) -> None:
    """cvt.rn.f16x2.f32 d, a, b: a goes to the upper half."""
    half = to[:-2]
    parts = []
    for operand in ins.operands[1:3]:
        value = e.use(operand, "float")
        if "relu" in ins.modifiers:
            value = relu(e, value)
        parts.append(e.convert("zext", to_sixteen(e, ins, value, half), "i32"))
    e.write(ins.operands[0], e.op("or", e.op("shl", parts[0], constant(16, "i32")), parts[1]))


def to_sixteen(e: Emitter, ins: Instruction, value: Value, type_: str) -> Value:
    """A float or double as 16 bits, in the instruction's rounding mode."""
    mode = rounding(ins)
    source = "f64" if value.elem == "double" else "f32"
    if "satfinite" in ins.modifiers and source == "f32":
        value = clamp(e, value, LARGEST[type_])
    if mode or source == "f64":
        return e.helper(f"cg_cvt_{type_}_{source}", "i16", [value], (mode,))
    return narrow(e, value, type_)


EIGHTS = {"e4m3x2": "e4m3", "e5m2x2": "e5m2"}
LARGEST = {"f16": 0x477FE000, "bf16": 0x7F7F0000, "tf32": 0x7F7FE000}
"""The largest finite number of a type, as a float."""


def convert_eights(e: Emitter, ins: Instruction, to: str, from_: str) -> None:
    """Pairs of 8-bit floats: from two floats, from and to two halves. What is too large becomes the largest number."""
    d, *inputs = ins.operands
    if from_ in EIGHTS and to == "f16x2":
        pair = e.use(inputs[0], "i16")
        value = eight_to_float(e, e.bits(e.splat(pair) if pair.n == 1 else pair, "i8"), from_)
        e.write(d, narrow(e, relu(e, value) if "relu" in ins.modifiers else value, to))
        return
    if to not in EIGHTS or from_ not in ("f32", "f16x2", "bf16x2") or "satfinite" not in ins.modifiers:
        raise e.unsupported()
    eights = []
    for operand in inputs:
        value = use_float(e, operand, from_)
        value = relu(e, value) if "relu" in ins.modifiers else value
        eights.append(e.helper(f"cg_cvt_{EIGHTS[to]}_f32", "i8", [value]))
    if len(eights) == 1:
        e.write(d, e.bits(eights[0], "i16"))
        return
    high, low = (e.convert("zext", value, "i16") for value in eights)
    e.write(d, e.op("or", e.op("shl", high, constant(8, "i16")), low))


def eight_to_float(e: Emitter, value: Value, type_: str) -> Value:
    """e5m2 is the upper byte of a half. e4m3 has the exponents of a half's less 8; its only NaN is all ones."""
    wide = e.convert("zext", value, "i16")
    if type_ == "e5m2x2":
        return widen(e, e.op("shl", wide, constant(8, "i16")), "f16")
    sign = e.op("shl", e.op("and", wide, constant(0x80, "i16")), constant(8, "i16"))
    magnitude = e.op("and", wide, constant(0x7F, "i16"))
    scaled = widen(e, e.op("or", sign, e.op("shl", magnitude, constant(7, "i16"))), "f16")
    nan = e.compare("eq", magnitude, constant(0x7F, "i16"))
    return e.select(nan, constant(0x7FFFFFFF, "float"), e.op("fmul", scaled, constant(0x43800000, "float")))


def to_tf32(e: Emitter, ins: Instruction, value: Value) -> Value:
    """A float with 10 bits of fraction: to the nearest (ties to even, .rna: away from zero) or toward zero."""
    if "relu" in ins.modifiers:
        value = relu(e, value)
    if "satfinite" in ins.modifiers:
        value = clamp(e, value, LARGEST["tf32"])
    bits = e.integer(value)
    more = constant(0, "i32")
    if "rna" in ins.modifiers:
        more = constant(0x1000, "i32")
    elif rounding(ins) == 0:
        more = e.op("and", e.op("lshr", bits, constant(13, "i32")), constant(1, "i32"))
        more = e.op("add", more, constant(0xFFF, "i32"))
    rounded = e.op("and", e.op("add", bits, more), constant(0xFFFFE000, "i32"))
    return e.select(e.compare("uno", value, value), constant(0x7FFFFFFF, "i32"), rounded)


def odd_beyond_doubles(e: Emitter, value: Value, signed: bool) -> Value:
    """A 64-bit integer that a double holds; where bits are lost the last one kept is set, to round once in all."""
    lost = e.compare("ne", e.op("and", value, constant(0x7FF, "i64")), constant(0, "i64"))
    sticky = e.op("shl", e.convert("zext", lost, "i64"), constant(11, "i64"))
    odd = e.op("or", e.op("and", value, constant(~0x7FF, "i64")), sticky)
    limit = 1 << 53
    if signed:
        large = e.compare("ugt", e.op("add", value, constant(limit, "i64")), constant(2 * limit, "i64"))
    else:
        large = e.compare("ugt", value, constant(limit, "i64"))
    return e.select(large, odd, value)


def float_to_float(e: Emitter, ins: Instruction, to: str, from_: str) -> None:
    d, a = ins.operands
    value = use_float(e, a, from_, "ftz" in ins.modifiers)
    whole = next((ROUND_TO_INTEGER[m] for m in ins.modifiers if m in ROUND_TO_INTEGER), None)
    if whole:
        value = e.intrinsic(whole, value)
    if to == "f64":
        value = e.convert("fpext", value, "double")
    elif to == "f32" and value.elem == "double":
        mode = rounding(ins)
        value = e.helper("cg_cvt_f32_f64", "float", [value], (mode,)) if mode else e.convert("fptrunc", value, "float")
    if to in ("f32", "f64") or to == from_:
        write_float(e, d, value, to, ins.modifiers)
        return
    if "sat" in ins.modifiers:
        value = saturate(e, value)
    if "relu" in ins.modifiers:
        value = relu(e, value)
    e.write(d, to_sixteen(e, ins, value, to))


def integer_to_float(e: Emitter, ins: Instruction, to: str, from_: str) -> None:
    d, a = ins.operands
    value = e.use(a, elem_of(from_))
    signed = is_signed(from_)
    mode = rounding(ins)
    if to in ("f32", "f64"):
        if mode:
            value = e.resize(value, "i64" if to == "f64" else f"i{max(32, BITS[value.elem])}", signed)
            suffix = f"{'s' if signed else 'u'}{BITS[value.elem]}"
            value = e.helper(f"cg_cvt_{to}_{suffix}", elem_of(to), [value], (mode,))
        else:
            value = e.convert("sitofp" if signed else "uitofp", value, elem_of(to))
        write_float(e, d, value, to, ins.modifiers)
        return
    if value.elem == "i64":
        value = odd_beyond_doubles(e, value, signed)
    value = e.convert("sitofp" if signed else "uitofp", value, "double")
    e.write(d, e.helper(f"cg_cvt_{to}_f64", "i16", [value], (mode,)))


def float_to_integer(e: Emitter, ins: Instruction, to: str, from_: str) -> None:
    """Always saturates. NaN gives 0, or the sign bit alone when a 64-bit type is involved."""
    d, a = ins.operands
    value = use_float(e, a, from_, "ftz" in ins.modifiers)
    whole = next((ROUND_TO_INTEGER[m] for m in ins.modifiers if m in ROUND_TO_INTEGER), None)
    if whole is None:
        raise e.unsupported()
    if whole != "trunc":
        value = e.intrinsic(whole, value)
    elem = elem_of(to)
    name = "fptosi.sat" if is_signed(to) else "fptoui.sat"
    result = e.intrinsic(name, value, result=elem)
    if BITS[elem] == 64 or from_ == "f64":
        nan = constant(1 << (BITS[elem] - 1), elem)
        result = e.select(e.compare("uno", value, value), nan, result)
    e.write(d, result, is_signed(to))


def clamp_integer(e: Emitter, value: Value, from_: str, to: str) -> Value:
    """cvt.sat between integers: clamps to what the target holds, in the source's type."""
    bits, width = 8 * SIZES[to], BITS[value.elem]
    low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if is_signed(to) else (0, (1 << bits) - 1)
    if is_signed(from_):
        if low > -(1 << (width - 1)):
            value = e.intrinsic("smax", value, constant(low, value.elem))
        if high < (1 << (width - 1)) - 1:
            value = e.intrinsic("smin", value, constant(high, value.elem))
    elif high < (1 << width) - 1:
        value = e.intrinsic("umin", value, constant(high, value.elem))
    return value
