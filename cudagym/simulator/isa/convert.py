"""Moves, address conversions and conversions between types."""

from __future__ import annotations

from cudagym.simulator.emit import BITS, LOCAL_WINDOW, PARAM_WINDOW, SHARED_WINDOW, Emitter, Value, constant
from cudagym.simulator.isa.common import (
    FLOATS,
    INTEGERS,
    ROUND_TO_INTEGER,
    elem_of,
    is_signed,
    last_type,
    narrow,
    op,
    rounding,
    saturate,
    use_float,
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
        result = e.compare("uge", value, constant(1 << 44, "i64"))
    elif space in ("shared", "local", "param"):
        window = {**_WINDOWS, "param": PARAM_WINDOW}[space]
        result = e.compare("ult", e.op("sub", value, constant(window, "i64")), constant(1 << 32, "i64"))
    else:
        raise e.unsupported()
    e.write(ins.operands[0], result)


@op("cvt")
def convert(e: Emitter, ins: Instruction) -> None:
    to, from_ = (m for m in ins.modifiers if m in SIZES)
    d, *inputs = ins.operands
    if to in ("f16x2", "bf16x2") and from_ == "f32" and len(inputs) == 2:
        convert_pair(e, ins, to)
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


def convert_pair(e: Emitter, ins: Instruction, to: str) -> None:
    """cvt.rn.f16x2.f32 d, a, b: a goes to the upper half."""
    half = to[:-2]
    parts = []
    for operand in ins.operands[1:3]:
        value = e.use(operand, "float")
        if "relu" in ins.modifiers:
            value = e.intrinsic("maximumnum", value, constant(0, "float"))
        parts.append(e.convert("zext", to_sixteen(e, ins, value, half), "i32"))
    e.write(ins.operands[0], e.op("or", e.op("shl", parts[0], constant(16, "i32")), parts[1]))


def to_sixteen(e: Emitter, ins: Instruction, value: Value, type_: str) -> Value:
    """A float or double as 16 bits, in the instruction's rounding mode."""
    mode = rounding(ins)
    source = "f64" if value.elem == "double" else "f32"
    if mode or source == "f64":
        return e.helper(f"cg_cvt_{type_}_{source}", "i16", [value], (mode,))
    return narrow(e, value, type_)


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
        value = e.intrinsic("maximumnum", value, constant(0, value.elem))
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
