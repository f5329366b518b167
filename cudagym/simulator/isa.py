"""The instruction set: what each PTX instruction computes, in terms of the emitter's values.

One function per family, registered under its opcodes; types and modifiers are looked up in tables. What a table or
function does not know raises Unsupported with the instruction's name. Semantics follow the PTX ISA 9.0; results it
leaves open are chosen so that nothing can trap: division by zero gives all ones.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

from cudagym.simulator.flow import BARRIER_RESULT, CARRY
from cudagym.simulator.lower import (
    BITS,
    LANES,
    LOCAL_WINDOW,
    PARAM_WINDOW,
    SHARED_WINDOW,
    Emitter,
    Value,
    constant,
)
from cudagym.simulator.ptx import SIZES, Address, Immediate, Instruction, Operand, Pair, Register, Symbol, Vector

Class = Literal[
    "fp32", "fp64", "fp16", "integer", "special", "conversions", "control", "barriers", "shuffles",
    "global_loads", "global_stores", "shared_loads", "shared_stores", "local_loads", "local_stores", "atomics",
    "other",
]  # fmt: skip
Handler = Callable[[Emitter, Instruction], None]
OPS: dict[str, Handler] = {}

INTEGERS = frozenset(("b8", "u8", "s8", "b16", "u16", "s16", "b32", "u32", "s32", "b64", "u64", "s64"))
FLOATS = {"f32": "float", "f64": "double", "f16": "half", "bf16": "bf16", "f16x2": "half", "bf16x2": "bf16"}
ROUNDINGS = {"rn": 0, "rz": 1, "rm": 2, "rp": 3}
"""Modes of math.c."""
ROUND_TO_INTEGER = {"rni": "roundeven", "rzi": "trunc", "rmi": "floor", "rpi": "ceil"}
STRONG = frozenset(("volatile", "relaxed", "acquire", "release", "mmio"))
ORDERING = frozenset(("acquire", "release", "acq_rel"))
SPACES = {"global": 0, "const": 0, "generic": 1, "local": 2, "shared": 3, "param": 4}
"""As in runtime.h."""
ATOMIC_OPS = {"add": 0, "min": 1, "max": 2, "and": 3, "or": 4, "xor": 5, "exch": 6, "cas": 7, "inc": 8, "dec": 9}
ATOMIC_TYPES = ("b32", "b64", "u32", "s32", "u64", "s64", "f32", "f64", "f16", "f16x2", "bf16", "bf16x2", "b16")


def op(*opcodes: str) -> Callable[[Handler], Handler]:
    """Registers a handler under opcodes."""

    def register(handler: Handler) -> Handler:
        for opcode in opcodes:
            OPS[opcode] = handler
        return handler

    return register


def lower_instruction(e: Emitter, ins: Instruction) -> None:
    """Writes out one instruction. Raises Unsupported when it is not known."""
    handler = OPS.get(ins.opcode)
    if handler is None:
        raise e.unsupported()
    handler(e, ins)


def elem_of(type_: str) -> str:
    """The LLVM type that holds a PTX type's bits."""
    return {"f32": "float", "f64": "double", "pred": "i1"}.get(type_) or f"i{8 * SIZES[type_]}"


def last_type(e: Emitter, ins: Instruction) -> str:
    if not ins.modifiers or ins.modifiers[-1] not in SIZES and ins.modifiers[-1] != "pred":
        raise e.unsupported()
    return ins.modifiers[-1]


def is_signed(type_: str) -> bool:
    return type_[0] == "s"


def rounding(ins: Instruction) -> int:
    return next((ROUNDINGS[m] for m in ins.modifiers if m in ROUNDINGS), 0)


# ---- floating-point operands: 16-bit types are computed in single precision and rounded once more ----


def flush(e: Emitter, value: Value) -> Value:
    """Subnormal numbers become zero of the same sign (.ftz)."""
    bits = e.bits(value, "i32", value.n)
    exponent = e.op("and", bits, constant(0x7F800000, "i32"))
    small = e.compare("eq", exponent, constant(0, "i32"))
    sign = e.op("and", bits, constant(0x80000000, "i32"))
    return e.bits(e.select(small, sign, bits), "float", value.n)


def widen(e: Emitter, value: Value, type_: str) -> Value:
    """16-bit values (packed pairs included), given as integers, to float."""
    halves = e.bits(value, "i16") if type_.endswith("x2") else e.bits(value, "i16", value.n)
    if type_.startswith("bf16"):
        wide = e.convert("zext", halves, "i32")
        return e.bits(e.op("shl", wide, constant(16, "i32")), "float", wide.n)
    return e.convert("fpext", e.bits(halves, "half", halves.n), "float")


def narrow(e: Emitter, value: Value, type_: str) -> Value:
    """Floats to 16-bit values, rounded to nearest even; packed when the type is."""
    if type_.startswith("bf16"):
        bits = e.bits(value, "i32", value.n)
        odd = e.op("and", e.op("lshr", bits, constant(16, "i32")), constant(1, "i32"))
        rounded = e.op("add", e.op("add", bits, constant(0x7FFF, "i32")), odd)
        is_nan = e.compare("uno", value, value)
        chosen = e.select(is_nan, constant(0x7FFFFFFF, "i32"), rounded)
        half = e.convert("trunc", e.op("lshr", chosen, constant(16, "i32")), "i16")
    else:
        half = e.bits(e.convert("fptrunc", value, "half"), "i16", value.n)
    return e.bits(half, "i32", half.n // 2) if type_.endswith("x2") else half


def use_float(e: Emitter, operand: Operand | None, type_: str, ftz: bool = False) -> Value:
    """A floating-point operand, as float (16-bit types) or its own type."""
    if type_ not in FLOATS:
        raise e.unsupported()
    if isinstance(operand, Immediate) and operand.type == "f32" and type_ == "f64":
        raise e.unsupported()
    value = e.use(operand, elem_of(type_))
    if type_ in ("f32", "f64"):
        return flush(e, value) if ftz and type_ == "f32" else value
    if type_.endswith("x2") and value.n == 1 and value.const is not None:
        value = e.splat(value)
    return widen(e, value, type_)


def write_float(e: Emitter, operand: Operand | None, value: Value, type_: str, modifiers: tuple[str, ...]) -> None:
    """Applies .relu, .sat and .ftz, rounds to 16 bits where the type says so, and writes."""
    if "relu" in modifiers:
        value = (
            e.intrinsic("maximumnum", value, constant(0, value.elem))
            if "NaN" not in modifiers
            else e.select(e.compare("olt", value, constant(0, value.elem)), constant(0, value.elem), value)
        )
    if "sat" in modifiers:
        value = saturate(e, value)
    if "ftz" in modifiers and type_ == "f32":
        value = flush(e, value)
    e.write(operand, value if type_ in ("f32", "f64") else narrow(e, value, type_))


def saturate(e: Emitter, value: Value) -> Value:
    """Clamped to [0, 1]; NaN becomes 0."""
    one = constant(0x3F800000, "float") if value.elem == "float" else constant(0x3FF0000000000000, "double")
    positive = e.select(e.compare("ogt", value, constant(0, value.elem)), value, constant(0, value.elem))
    return e.select(e.compare("olt", positive, one), positive, one)


# ---- arithmetic ----

_FLOAT_BINARY = {"add": "fadd", "sub": "fsub", "mul": "fmul"}


@op("add", "sub", "mul")
def arithmetic(e: Emitter, ins: Instruction) -> None:
    type_ = last_type(e, ins)
    d, a, b = ins.operands
    if type_ in FLOATS:
        x, y = (use_float(e, operand, type_, "ftz" in ins.modifiers) for operand in (a, b))
        mode = rounding(ins)
        if mode:
            value = e.helper(f"cg_{ins.opcode}_{type_}", x.elem, [x, y], (mode,))
        else:
            value = e.op(_FLOAT_BINARY[ins.opcode], x, y)
        write_float(e, d, value, type_, ins.modifiers)
        return
    if type_.endswith("x2"):
        raise e.unsupported()
    elem = elem_of(type_)
    x, y = e.use(a, elem), e.use(b, elem)
    if ins.opcode == "mul":
        write_product(e, ins, d, product(e, ins, x, y, type_))
    elif "sat" in ins.modifiers:
        name = f"{'s' if is_signed(type_) else 'u'}{ins.opcode}.sat"
        e.write(d, e.intrinsic(name, x, y))
    elif "cc" in ins.modifiers:
        add_with_carry(e, ins, d, x, y, None)
    else:
        e.write(d, e.op(ins.opcode, x, y))


def product(e: Emitter, ins: Instruction, x: Value, y: Value, type_: str) -> Value:
    """mul and mad: the low half, the high half or all of it."""
    if "lo" in ins.modifiers:
        return e.op("mul", x, y)
    signed = is_signed(type_)
    if BITS[x.elem] == 64:
        if "wide" in ins.modifiers:
            raise e.unsupported()
        return e.helper(f"cg_mulhi_{'s64' if signed else 'u64'}", "i64", [x, y])
    wide = f"i{2 * BITS[x.elem]}"
    whole = e.op("mul", *(e.resize(value, wide, signed) for value in (x, y)))
    if "wide" in ins.modifiers:
        return whole
    return e.convert("trunc", e.op("lshr", whole, constant(BITS[x.elem], wide)), x.elem)


def write_product(e: Emitter, ins: Instruction, d: Operand | None, value: Value) -> None:
    e.write(d, value)


def add_with_carry(e: Emitter, ins: Instruction, d: Operand | None, x: Value, y: Value, carry: Value | None) -> None:
    """d = x + y + carry, or x - y - borrow; `.cc` keeps the carry out. A borrow is kept as 1, like a carry."""
    subtract = ins.opcode.startswith("sub")
    total = e.op("sub" if subtract else "add", x, y)
    out = e.compare("ult", x, y) if subtract else e.compare("ult", total, x)
    if carry is not None:
        extra = e.convert("zext", carry, x.elem)
        first = total
        total = e.op("sub" if subtract else "add", first, extra)
        again = e.compare("ult", first, extra) if subtract else e.compare("ult", total, extra)
        out = e.op("or", out, again)
    e.write(d, total)
    if "cc" in ins.modifiers:
        e.write(CARRY, out)


@op("addc", "subc")
def add_carry(e: Emitter, ins: Instruction) -> None:
    elem = elem_of(last_type(e, ins))
    d, a, b = ins.operands
    add_with_carry(e, ins, d, e.use(a, elem), e.use(b, elem), e.read(CARRY))


@op("mad", "madc")
def multiply_add(e: Emitter, ins: Instruction) -> None:
    type_ = last_type(e, ins)
    if type_ in FLOATS:
        fused(e, ins)
        return
    d, a, b, c = ins.operands
    elem = elem_of(type_)
    value = product(e, ins, e.use(a, elem), e.use(b, elem), type_)
    addend = e.use(c, value.elem)
    if ins.opcode == "madc":
        add_with_carry(e, ins, d, value, addend, e.read(CARRY))
    elif "cc" in ins.modifiers:
        add_with_carry(e, ins, d, value, addend, None)
    elif "sat" in ins.modifiers:
        e.write(d, e.intrinsic("sadd.sat", value, addend))
    else:
        e.write(d, e.op("add", value, addend))


@op("mad24", "mul24")
def multiply24(e: Emitter, ins: Instruction) -> None:
    type_ = last_type(e, ins)
    signed = is_signed(type_)
    d, a, b, *c = ins.operands
    wide = []
    for operand in (a, b):
        high = e.op("shl", e.use(operand, "i32"), constant(8, "i32"))
        wide.append(e.resize(e.op("ashr" if signed else "lshr", high, constant(8, "i32")), "i64", signed))
    whole = e.op("mul", *wide)
    value = e.convert("trunc", whole if "lo" in ins.modifiers else e.op("lshr", whole, constant(16, "i64")), "i32")
    e.write(d, e.op("add", value, e.use(c[0], "i32")) if c else value)


@op("fma")
def fused(e: Emitter, ins: Instruction) -> None:
    type_ = last_type(e, ins)
    d, *inputs = ins.operands
    a, b, c = e.level(*(use_float(e, operand, type_, "ftz" in ins.modifiers) for operand in inputs))
    mode = rounding(ins)
    if mode and type_ in ("f32", "f64"):
        value = e.helper(f"cg_fma_{type_}", a.elem, [a, b, c], (mode,))
    elif type_ in ("f32", "f64"):
        value = e.intrinsic("fma", a, b, c)
    else:
        value = fused_odd(e, a, b, c)
    write_float(e, d, value, type_, ins.modifiers)


def fused_odd(e: Emitter, a: Value, b: Value, c: Value) -> Value:
    """a * b + c of 16-bit numbers as the float that rounds to 16 bits as the exact result would.

    The product is exact in single precision. The sum is rounded to odd: the part that Knuth's two-sum finds lost
    decides whether the last bit moves toward zero, and is then set.
    """
    n = a.n
    f, i, p = (t if n == 1 else f"<{n} x {t}>" for t in ("float", "i32", "i1"))
    one = "1" if n == 1 else "splat (i32 1)"
    zero = "0.0" if n == 1 else "zeroinitializer"
    body = f"""define internal {f} @fused{n}({f} %a, {f} %b, {f} %c) #0 {{
  %p = fmul {f} %a, %b
  %s = fadd {f} %p, %c
  %q = fsub {f} %s, %p
  %r = fsub {f} %s, %q
  %x = fsub {f} %p, %r
  %y = fsub {f} %c, %q
  %lost = fadd {f} %x, %y
  %inexact = fcmp one {f} %lost, {zero}
  %bits = bitcast {f} %s to {i}
  %down = fcmp olt {f} %lost, {zero}
  %negative = fcmp olt {f} %s, {zero}
  %toward = xor {p} %down, %negative
  %step = zext {p} %toward to {i}
  %less = sub {i} %bits, %step
  %odd = or {i} %less, {one}
  %chosen = select {p} %inexact, {i} %odd, {i} %bits
  %result = bitcast {i} %chosen to {f}
  ret {f} %result
}}"""
    return e.function(f"fused{n}", "float", [a, b, c], body)


@op("div", "rem")
def divide(e: Emitter, ins: Instruction) -> None:
    type_ = last_type(e, ins)
    d, a, b = ins.operands
    if type_ in ("f32", "f64"):
        ftz = "ftz" in ins.modifiers
        x, y = use_float(e, a, type_, ftz), use_float(e, b, type_, ftz)
        mode = rounding(ins)
        value = e.helper(f"cg_div_{type_}", x.elem, [x, y], (mode,)) if mode else e.op("fdiv", x, y)
        write_float(e, d, value, type_, ins.modifiers)
        return
    elem = elem_of(type_)
    e.write(d, e.helper(f"cg_{ins.opcode}_{type_}", elem, [e.use(a, elem), e.use(b, elem)]))


@op("neg", "abs")
def sign_change(e: Emitter, ins: Instruction) -> None:
    type_ = last_type(e, ins)
    d, a = ins.operands
    if type_ in FLOATS:
        value = use_float(e, a, type_, "ftz" in ins.modifiers)
        value = e.op("fneg", value) if ins.opcode == "neg" else e.intrinsic("fabs", value)
        write_float(e, d, value, type_, ins.modifiers)
        return
    value = e.use(a, elem_of(type_))
    if ins.opcode == "neg":
        e.write(d, e.op("sub", constant(0, value.elem), value))
    else:
        e.write(d, e.intrinsic("abs", value, extra="i1 false"))


@op("min", "max")
def extremum(e: Emitter, ins: Instruction) -> None:
    """min and max; of three operands too. A NaN loses, unless .NaN says that it wins."""
    type_ = last_type(e, ins)
    d, *inputs = ins.operands
    if type_ in FLOATS:
        if "xorsign" in ins.modifiers:
            raise e.unsupported()
        values = [use_float(e, operand, type_, "ftz" in ins.modifiers) for operand in inputs]
        name = f"{ins.opcode}imum{'' if 'NaN' in ins.modifiers else 'num'}"
        value = values[0]
        for other in values[1:]:
            value = e.intrinsic(name, value, other)
        write_float(e, d, value, type_, ins.modifiers)
        return
    if type_.endswith("x2"):
        pairs = [e.splat(e.use(operand, "i32")) for operand in inputs]
        halves = [e.bits(pair, "i16") for pair in pairs]
        value = e.intrinsic(f"{type_[0]}{ins.opcode}", *halves)
        e.write(d, e.bits(value, "i32"))
        return
    elem = elem_of(type_)
    value = e.use(inputs[0], elem)
    for operand in inputs[1:]:
        value = e.intrinsic(f"{'s' if is_signed(type_) else 'u'}{ins.opcode}", value, e.use(operand, elem))
    if "relu" in ins.modifiers:
        value = e.intrinsic("smax", value, constant(0, elem))
    e.write(d, value)


@op("sad")
def sum_of_differences(e: Emitter, ins: Instruction) -> None:
    type_ = last_type(e, ins)
    d, a, b, c = ins.operands
    x, y, z = (e.use(operand, elem_of(type_)) for operand in (a, b, c))
    s = "s" if is_signed(type_) else "u"
    difference = e.op("sub", e.intrinsic(f"{s}max", x, y), e.intrinsic(f"{s}min", x, y))
    e.write(d, e.op("add", difference, z))


@op("dp4a", "dp2a")
def dot_product(e: Emitter, ins: Instruction) -> None:
    d, *inputs = ins.operands
    a_type, b_type = ins.modifiers[-2:]
    extra = [int(is_signed(a_type)), int(is_signed(b_type))]
    if ins.opcode == "dp2a":
        extra.append(int("hi" in ins.modifiers))
    e.write(d, e.helper(f"cg_{ins.opcode}", "i32", [e.use(x, "i32") for x in inputs], tuple(extra)))


@op("copysign")
def copy_sign(e: Emitter, ins: Instruction) -> None:
    """copysign d, a, b: the sign of a with the magnitude of b."""
    d, a, b = ins.operands
    elem = elem_of(last_type(e, ins))
    e.write(d, e.intrinsic("copysign", e.use(b, elem), e.use(a, elem)))


@op("testp")
def test_property(e: Emitter, ins: Instruction) -> None:
    type_ = last_type(e, ins)
    classes = {
        "number": 0x3FC - 0x204,
        "finite": 0x1F8,
        "infinite": 0x204,
        "notanumber": 3,
        "normal": 0x108,
        "subnormal": 0x90,
    }
    classes["number"] = 0x3FC
    kind = next((m for m in ins.modifiers if m in classes), None)
    if kind is None:
        raise e.unsupported()
    value = e.use(ins.operands[1], elem_of(type_))
    name = f"is.fpclass.{'v%d' % value.n if value.n > 1 else ''}{type_}"
    result = "i1" if value.n == 1 else f"<{value.n} x i1>"
    e.declared[name] = f"declare {result} @llvm.{name}({value.type}, i32 immarg)"
    e.write(
        ins.operands[0],
        e.assign(f"call {result} @llvm.{name}({value}, i32 {classes[kind]})", "i1", value.n, value.fixed),
    )


# ---- functions ----


@op("rcp", "sqrt", "rsqrt")
def roots(e: Emitter, ins: Instruction) -> None:
    """Approximate forms are computed exactly and rounded."""
    type_ = last_type(e, ins)
    value = use_float(e, ins.operands[1], type_, "ftz" in ins.modifiers)
    one = constant(0x3F800000, "float") if value.elem == "float" else constant(0x3FF0000000000000, "double")
    mode = rounding(ins)
    if mode:
        result = e.helper(f"cg_{ins.opcode}_{type_}", value.elem, [value], (mode,))
    else:
        result = value if ins.opcode == "rcp" else e.intrinsic("sqrt", value)
        if ins.opcode != "sqrt":
            result = e.op("fdiv", one, result)
    write_float(e, ins.operands[0], result, type_, ins.modifiers)


@op("ex2", "lg2", "sin", "cos", "tanh")
def transcendental(e: Emitter, ins: Instruction) -> None:
    type_ = last_type(e, ins)
    if type_ == "f64":
        raise e.unsupported()
    value = use_float(e, ins.operands[1], type_, "ftz" in ins.modifiers)
    result = e.helper(f"cg_{ins.opcode}_f32", "float", [value])
    write_float(e, ins.operands[0], result, type_, ins.modifiers)


# ---- bits ----


@op("and", "or", "xor", "not", "cnot")
def logic(e: Emitter, ins: Instruction) -> None:
    elem = elem_of(last_type(e, ins))
    d, *inputs = ins.operands
    values = [e.use(operand, elem) for operand in inputs]
    if ins.opcode == "not":
        e.write(d, e.op("xor", values[0], constant(-1, elem)))
    elif ins.opcode == "cnot":
        e.write(d, e.convert("zext", e.compare("eq", values[0], constant(0, elem)), elem))
    else:
        e.write(d, e.op(ins.opcode, *values))


@op("shl", "shr")
def shift(e: Emitter, ins: Instruction) -> None:
    """Amounts beyond the width shift everything out."""
    type_ = last_type(e, ins)
    elem, width = elem_of(type_), BITS[elem_of(type_)]
    value, amount = e.use(ins.operands[1], elem), e.use(ins.operands[2], "i32")
    arithmetic_shift = ins.opcode == "shr" and is_signed(type_)
    name = "shl" if ins.opcode == "shl" else "ashr" if arithmetic_shift else "lshr"
    if amount.const is not None:
        if amount.const < width or arithmetic_shift:
            e.write(ins.operands[0], e.op(name, value, constant(min(amount.const, width - 1), elem)))
        else:
            e.write(ins.operands[0], constant(0, elem))
        return
    limit = constant(width - 1, "i32")
    inside = e.compare("ule", amount, limit)
    clamped = e.intrinsic("umin", amount, limit)
    shifted = e.op(name, value, e.resize(clamped, elem))
    e.write(ins.operands[0], shifted if arithmetic_shift else e.select(inside, shifted, constant(0, elem)))


@op("shf")
def funnel_shift(e: Emitter, ins: Instruction) -> None:
    low, high, amount = (e.use(operand, "i32") for operand in ins.operands[1:])
    if "wrap" in ins.modifiers:
        amount = e.op("and", amount, constant(31, "i32"))
    else:
        amount = e.intrinsic("umin", amount, constant(32, "i32"))
    both = e.op("or", e.op("shl", e.convert("zext", high, "i64"), constant(32, "i64")), e.convert("zext", low, "i64"))
    wide = e.convert("zext", amount, "i64")
    if "l" in ins.modifiers:
        both = e.op("lshr", e.op("shl", both, wide), constant(32, "i64"))
    else:
        both = e.op("lshr", both, wide)
    e.write(ins.operands[0], e.convert("trunc", both, "i32"))


@op("popc", "clz", "brev")
def bit_counts(e: Emitter, ins: Instruction) -> None:
    value = e.use(ins.operands[1], elem_of(last_type(e, ins)))
    if ins.opcode == "clz":
        value = e.intrinsic("ctlz", value, extra="i1 false")
    else:
        value = e.intrinsic("ctpop" if ins.opcode == "popc" else "bitreverse", value)
    e.write(ins.operands[0], value if ins.opcode == "brev" else e.resize(value, "i32"))


@op("bfind")
def find_bit(e: Emitter, ins: Instruction) -> None:
    type_ = last_type(e, ins)
    value = e.use(ins.operands[1], elem_of(type_))
    flags = (int(is_signed(type_)), int("shiftamt" in ins.modifiers))
    e.write(ins.operands[0], helper_mixed(e, f"cg_bfind_b{BITS[value.elem]}", "i32", [value], flags))


def helper_mixed(e: Emitter, name: str, result: str, values: list[Value], extra: tuple[int, ...]) -> Value:
    return e.helper(name, result, values, extra)


@op("bfe")
def extract_field(e: Emitter, ins: Instruction) -> None:
    type_ = last_type(e, ins)
    d, a, b, c = ins.operands
    elem = elem_of(type_)
    values = [e.use(a, elem), e.use(b, "i32"), e.use(c, "i32")]
    e.write(d, e.helper(f"cg_bfe_b{BITS[elem]}", elem, values, (int(is_signed(type_)),)))


@op("bfi")
def insert_field(e: Emitter, ins: Instruction) -> None:
    elem = elem_of(last_type(e, ins))
    d, a, b, c, f = ins.operands
    values = [e.use(a, elem), e.use(b, elem), e.use(c, "i32"), e.use(f, "i32")]
    e.write(d, e.helper(f"cg_bfi_b{BITS[elem]}", elem, values))


@op("lop3")
def lookup_logic(e: Emitter, ins: Instruction) -> None:
    if "BOOL" in ins.modifiers or isinstance(ins.operands[0], Pair):
        raise e.unsupported()
    d, a, b, c, table = ins.operands
    known = e.use(table, "i32").const
    if known is None:
        raise e.unsupported()
    e.write(d, e.helper("cg_lop3", "i32", [e.use(x, "i32") for x in (a, b, c)], (known,)))


@op("prmt")
def permute(e: Emitter, ins: Instruction) -> None:
    modes = {"f4e": 1, "b4e": 2, "rc8": 3, "ecl": 4, "ecr": 5, "rc16": 6}
    mode = next((modes[m] for m in ins.modifiers if m in modes), 0)
    d, a, b, c = ins.operands
    e.write(d, e.helper("cg_prmt", "i32", [e.use(x, "i32") for x in (a, b, c)], (mode,)))


# ---- comparison ----

_UNORDERED = {
    "equ": "ueq",
    "neu": "une",
    "ltu": "ult",
    "leu": "ule",
    "gtu": "ugt",
    "geu": "uge",
    "num": "ord",
    "nan": "uno",
}
_UNSIGNED = {"lo": "ult", "ls": "ule", "hi": "ugt", "hs": "uge"}


def comparison(e: Emitter, ins: Instruction, type_: str) -> Value:
    kind = ins.modifiers[0]
    a, b = ins.operands[1:3]
    if type_ in FLOATS:
        if kind in ("eq", "lt", "le", "gt", "ge"):
            predicate = "o" + kind
        else:
            predicate = "one" if kind == "ne" else _UNORDERED.get(kind, "")
        x, y = (use_float(e, operand, type_, "ftz" in ins.modifiers) for operand in (a, b))
    else:
        signed = "s" if is_signed(type_) else "u"
        predicate = kind if kind in ("eq", "ne") else _UNSIGNED.get(kind, signed + kind)
        elem = elem_of(type_)
        x, y = e.use(a, elem), e.use(b, elem)
    if predicate not in _KNOWN_PREDICATES:
        raise e.unsupported()
    return e.compare(predicate, x, y)


_KNOWN_PREDICATES = frozenset("eq ne slt sle sgt sge ult ule ugt uge oeq one olt ole ogt oge ueq une ord uno".split())


def combined(e: Emitter, ins: Instruction, result: Value) -> tuple[Value, Value]:
    """The comparison and its opposite, each combined with the optional third predicate."""
    opposite = e.op("xor", result, constant(1, "i1"))
    word = next((m for m in ins.modifiers[1:3] if m in ("and", "or", "xor")), None)
    if word is None:
        return result, opposite
    third = e.use(ins.operands[3], "i1")
    return e.op(word, result, third), e.op(word, opposite, third)


@op("setp")
def set_predicate(e: Emitter, ins: Instruction) -> None:
    type_ = last_type(e, ins)
    result = comparison(e, ins, type_)
    if type_ in ("f16x2", "bf16x2"):
        if not isinstance(ins.operands[0], Pair) or len(ins.operands) > 3:
            raise e.unsupported()
        halves = [every_second(e, result, k) for k in (0, 1)]
        for target, value in zip(ins.operands[0], halves, strict=True):
            e.write(target, value)
        return
    first, second = combined(e, ins, result)
    if isinstance(ins.operands[0], Pair):
        e.write(ins.operands[0].first, first)
        e.write(ins.operands[0].second, second)
    else:
        e.write(ins.operands[0], first)


def every_second(e: Emitter, value: Value, first: int) -> Value:
    """Elements first, first + 2, ... of a vector."""
    if value.n == 2:
        return e.assign(f"extractelement {value}, i32 {first}", value.elem, 1, value.fixed)
    indices = ", ".join(f"i32 {k}" for k in range(first, value.n, 2))
    text = f"shufflevector {value}, {value.type} poison, <{value.n // 2} x i32> <{indices}>"
    return e.assign(text, value.elem, value.n // 2)


@op("set")
def set_value(e: Emitter, ins: Instruction) -> None:
    """A comparison as a number: all ones or 1.0 where it holds."""
    to, from_ = ins.modifiers[-2:]
    if from_ not in SIZES or to not in SIZES:
        raise e.unsupported()
    first, _ = combined(e, ins, comparison(e, ins, from_))
    if to in FLOATS:
        one = constant(0x3F800000, "float")
        value = e.select(first, one, constant(0, "float"))
        write_float(e, ins.operands[0], value, to, ())
        return
    width = 16 if first.n > LANES or from_.endswith("x2") else BITS[elem_of(to)]
    value = e.convert("sext", first, f"i{width}")
    e.write(ins.operands[0], e.bits(value, elem_of(to)) if width != BITS[elem_of(to)] else value)


@op("selp")
def select_by_predicate(e: Emitter, ins: Instruction) -> None:
    elem = elem_of(last_type(e, ins))
    d, a, b, p = ins.operands
    e.write(d, e.select(e.use(p, "i1"), e.use(a, elem), e.use(b, elem)))


@op("slct")
def select_by_sign(e: Emitter, ins: Instruction) -> None:
    type_, by = ins.modifiers[-2:]
    d, a, b, c = ins.operands
    value = e.use(c, elem_of(by))
    test = e.compare("oge" if by == "f32" else "sge", value, constant(0, value.elem))
    e.write(d, e.select(test, e.use(a, elem_of(type_)), e.use(b, elem_of(type_))))


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


# ---- memory ----


class Access(NamedTuple):
    """A load or store, decoded."""

    space: str
    type: str
    count: int
    strong: bool

    @property
    def width(self) -> int:
        return SIZES[self.type]

    @property
    def elem(self) -> str:
        return f"i{8 * self.width}"

    @property
    def code(self) -> int:
        return SPACES[self.space] | self.strong << 8


def access_of(e: Emitter, ins: Instruction) -> Access:
    space = next((m.split("::")[0] for m in ins.modifiers if m.split("::")[0] in SPACES), "generic")
    count = next((int(m[1:]) for m in ins.modifiers if m in ("v2", "v4", "v8")), 1)
    access = Access(space, last_type(e, ins), count, any(m in STRONG for m in ins.modifiers))
    if access.width * count > 16 or access.type == "b128":
        raise e.unsupported()
    return access


def elements(operand: Operand | None, count: int) -> tuple[Operand | None, ...]:
    return operand.elements if isinstance(operand, Vector) else (operand,) * count


def place(e: Emitter, ins: Instruction, address: Operand | None, access: Access) -> tuple[str, Value, int]:
    """The state space, base and offset of an address. Names of call parameters lie in local memory."""
    if not isinstance(address, Address):
        raise e.unsupported()
    space, base, offset = access.space, address.base, address.offset
    if isinstance(base, Symbol):
        offset += base.offset
        base = Symbol(base.name)
        if space == "param":
            space = "local" if base.name in e.flow.frame.local else "kernel"
            if space == "kernel":
                return space, constant(e.flow.frame.parameters.get(base.name, -1), "i64"), offset
    elem = "i32" if space == "shared" else "i64"
    value = e.use(base, elem)
    if value.const is not None:
        value, offset = constant(value.const + offset, elem), 0
    return space, value, offset


@op("ld", "ldu")
def load(e: Emitter, ins: Instruction) -> None:
    access = access_of(e, ins)
    space, base, offset = place(e, ins, ins.operands[1], access)
    targets = elements(ins.operands[0], access.count)
    if space == "kernel":
        values = load_parameters(e, base, offset, access)
    elif space == "local" and (direct := local_words(e, base, access)):
        values = [load_local(e, word, access) for word in direct]
    elif base.n == 1 and space != "local":
        values = load_uniform(e, base, offset, access)
    else:
        values = load_lanes(e, space, base, offset, access)
    if any(m in ORDERING for m in ins.modifiers):
        e.call("cg_order", "ptr %w")
    signed = is_signed(access.type)
    for target, value in zip(targets, values, strict=True):
        if isinstance(target, Register) and target.type in ("f32", "f64") and access.width * 8 < 32:
            raise e.unsupported()
        e.write(target, value, signed)


def load_parameters(e: Emitter, base: Value, offset: int, access: Access) -> list[Value]:
    """Kernel parameters: the same for all lanes, always."""
    start = (base.const or 0) + offset
    size = access.width * access.count
    if base.const is None or base.const >> 63 or start < 0 or start + size > e.flow.frame.parameter_bytes:
        raise e.unsupported()
    values = []
    for k in range(access.count):
        at = e.assign(f"getelementptr i8, ptr %params, i64 {start + k * access.width}", "i64", 1)
        values.append(e.assign(f"load {access.elem}, ptr {at.text}, align 1", access.elem, 1, True))
    return values


def load_uniform(e: Emitter, base: Value, offset: int, access: Access) -> list[Value]:
    address = e.op("add", base, constant(offset, base.elem))
    wide = e.convert("zext", address, "i64")
    shape = access.width | access.count << 8
    e.call(
        "cg_load_uniform", "ptr %w", f"i32 {e.active()}", str(wide), f"i32 {access.code}", f"i32 {shape}",
        f"i32 {e.site}", "ptr %s0",
    )  # fmt: skip
    values = []
    for k in range(access.count):
        at = e.assign(f"getelementptr i8, ptr %s0, i64 {8 * k}", "i64", 1)
        fixed = access.space == "const" and base.fixed
        values.append(e.assign(f"load {access.elem}, ptr {at.text}", access.elem, 1, fixed))
    return values


def function_name(kind: str, space: str, access: Access) -> str:
    family = space if space in ("shared", "local") else "global"
    return f"cg_{kind}_{family}_{access.width}x{access.count}"


def load_lanes(e: Emitter, space: str, base: Value, offset: int, access: Access) -> list[Value]:
    e.line(f"store {e.splat(base)}, ptr %s0, align 64")
    e.call(
        function_name("load", space, access), "ptr %w", f"i32 {e.active()}", "ptr %s0", f"i64 {offset}",
        f"i32 {access.code}", f"i32 {e.site}", "ptr %data",
    )  # fmt: skip
    values = []
    for k in range(access.count):
        at = e.assign(f"getelementptr i8, ptr %data, i64 {256 * k}", "i64", 1)
        values.append(e.assign(f"load <32 x {access.elem}>, ptr {at.text}, align 64", access.elem, LANES))
    return values


def local_words(e: Emitter, base: Value, access: Access) -> list[int] | None:
    """Offsets of the elements of a local access at a constant address inside the frame; else None."""
    if base.const is None or access.width < 4 or base.const % (access.width * access.count):
        return None
    if base.const + access.width * access.count > e.flow.frame.local_bytes:
        return None
    return [base.const + k * access.width for k in range(access.count)]


def _local_vector(e: Emitter, offset: int) -> str:
    return e.assign(f"getelementptr i8, ptr %local, i64 {offset * LANES}", "i64", 1).text


def load_local(e: Emitter, offset: int, access: Access) -> Value:
    """Local memory holds the lanes of one 4-byte word side by side."""
    low = e.assign(f"load <32 x i32>, ptr {_local_vector(e, offset)}, align 64", "i32", LANES)
    if access.width == 4:
        return low
    high = e.assign(f"load <32 x i32>, ptr {_local_vector(e, offset + 4)}, align 64", "i32", LANES)
    upper = e.op("shl", e.convert("zext", high, "i64"), constant(32, "i64"))
    return e.op("or", upper, e.convert("zext", low, "i64"))


def store_local(e: Emitter, offset: int, value: Value) -> None:
    words = [value]
    if BITS[value.elem] == 64:
        words = [e.convert("trunc", e.op("lshr", value, constant(s, "i64")), "i32") for s in (0, 32)]
    mask = Value(e.active(), "i32", 1)
    lanes = e.bits(mask, "i1", LANES)
    for k, word in enumerate(words):
        at = _local_vector(e, offset + 4 * k)
        old = e.assign(f"load <32 x i32>, ptr {at}, align 64", "i32", LANES)
        e.line(f"store {e.select(lanes, word, old)}, ptr {at}, align 64")


@op("st")
def store(e: Emitter, ins: Instruction) -> None:
    access = access_of(e, ins)
    space, base, offset = place(e, ins, ins.operands[0], access)
    values = [e.use(source, access.elem) for source in elements(ins.operands[1], access.count)]
    if any(m in ORDERING for m in ins.modifiers):
        e.call("cg_order", "ptr %w")
    if space == "kernel":
        raise e.unsupported()
    if space == "local" and (direct := local_words(e, base, access)):
        for word, value in zip(direct, values, strict=True):
            store_local(e, word, value)
        return
    e.line(f"store {e.splat(base)}, ptr %s0, align 64")
    for k, value in enumerate(values):
        at = e.assign(f"getelementptr i8, ptr %data, i64 {256 * k}", "i64", 1)
        e.line(f"store {e.splat(value)}, ptr {at.text}, align 64")
    e.call(
        function_name("store", space, access), "ptr %w", f"i32 {e.active()}", "ptr %s0", f"i64 {offset}",
        f"i32 {access.code}", f"i32 {e.site}", "ptr %data",
    )  # fmt: skip


@op("atom", "red")
def atomic(e: Emitter, ins: Instruction) -> None:
    type_ = last_type(e, ins)
    space = next((m.split("::")[0] for m in ins.modifiers if m.split("::")[0] in SPACES), "generic")
    operation = next((m for m in ins.modifiers if m in ATOMIC_OPS), None)
    count = next((int(m[1:]) for m in ins.modifiers if m in ("v2", "v4", "v8")), 1)
    if operation is None or type_ not in ATOMIC_TYPES or count * SIZES[type_] > 16 or space in ("local", "param"):
        raise e.unsupported()
    operands = list(ins.operands)
    result = operands.pop(0) if ins.opcode == "atom" else None
    _, base, offset = place(e, ins, operands[0], Access(space, type_, 1, True))
    bits = f"i{8 * SIZES[type_]}"
    pointers = []
    for slot, operand in enumerate(operands[1:3], start=1):
        for k, source in enumerate(elements(operand, count)):
            value = e.convert("zext", e.use(source, bits), "i64")
            at = e.assign(f"getelementptr i8, ptr %data, i64 {1024 * (slot - 1) + 256 * k}", "i64", 1)
            e.line(f"store {e.splat(value)}, ptr {at.text}, align 64")
    pointers = ["ptr %data", "ptr %data" if len(operands) < 3 else "ptr %data1"]
    address = e.splat(e.convert("zext", base, "i64"))
    e.line(f"store {address}, ptr %s0, align 64")
    ordering = any(m in ORDERING for m in ins.modifiers) or operation in ("cas", "exch")
    code = (
        ATOMIC_OPS[operation] | ATOMIC_TYPES.index(type_) << 8 | SPACES[space] << 16 | count << 20
        | SIZES[type_] << 24 | ordering << 30
    )  # fmt: skip
    e.call(
        "cg_atomic", "ptr %w", f"i32 {e.active()}", "ptr %s0", f"i64 {offset}", f"i32 {code}", f"i32 {e.site}",
        *pointers, "ptr %data2",
    )  # fmt: skip
    for k, target in enumerate(elements(result, count)):
        if target is not None:
            at = e.assign(f"getelementptr i8, ptr %data2, i64 {256 * k}", "i64", 1)
            old = e.assign(f"load <32 x i64>, ptr {at.text}, align 64", "i64", LANES)
            e.write(target, e.convert("trunc", old, bits))


@op("fence", "membar")
def fence(e: Emitter, ins: Instruction) -> None:
    if any(m.startswith("proxy") for m in ins.modifiers):
        raise e.unsupported()
    e.call("cg_order", "ptr %w")


@op("prefetch", "prefetchu", "discard", "applypriority", "pmevent", "griddepcontrol")
def no_effect(e: Emitter, ins: Instruction) -> None:
    """Hints. A launch here starts when all before it have ended, so there is nothing to wait for."""


@op("nanosleep")
def sleep(e: Emitter, ins: Instruction) -> None:
    """Who sleeps, waits: let the others run soon."""
    old = e.assign("load i64, ptr %fuel.at", "i64", 1)
    e.line(f"store {e.op('sub', old, constant(64, 'i64'))}, ptr %fuel.at")


# ---- across lanes ----

_SHUFFLES = {"up": 0, "down": 1, "bfly": 2, "idx": 3}


def first_and_second(operand: Operand | None) -> tuple[Operand | None, Operand | None]:
    return (operand.first, operand.second) if isinstance(operand, Pair) else (operand, None)


@op("shfl")
def shuffle(e: Emitter, ins: Instruction) -> None:
    mode = next((m for m in ins.modifiers if m in _SHUFFLES), None)
    if mode is None or "sync" not in ins.modifiers:
        raise e.unsupported()
    target, found = first_and_second(ins.operands[0])
    value, step, clamp = (e.use(operand, "i32") for operand in ins.operands[1:4])
    if step.const is not None and clamp.const is not None:
        lanes = [_source(mode, i, step.const & 31, clamp.const) for i in range(LANES)]
        indices = ", ".join(f"i32 {lane if inside else i}" for i, (lane, inside) in enumerate(lanes))
        whole = e.splat(value)
        text = f"shufflevector {whole}, {whole.type} poison, <32 x i32> <{indices}>"
        e.write(target, e.assign(text, "i32", LANES))
        bits = ", ".join(f"i1 {'true' if inside else 'false'}" for _, inside in lanes)
        e.write(found, Value(f"<{bits}>", "i1", LANES))
        return
    for k, operand in enumerate((value, step, clamp), start=2):
        e.line(f"store {e.splat(operand)}, ptr %s{k}, align 64")
    e.call("cg_shuffle", "ptr %s0", "ptr %s1", "ptr %s2", "ptr %s3", "ptr %s4", f"i32 {_SHUFFLES[mode]}")
    e.write(target, e.load_scratch(0, "i32", LANES))
    if found is not None:
        e.write(found, e.compare("ne", e.load_scratch(1, "i32", LANES), constant(0, "i32")))


def _source(mode: str, lane: int, step: int, c: int) -> tuple[int, bool]:
    """The lane that `lane` reads, and whether it is in its segment (PTX ISA, shfl.sync)."""
    clamp, segment = c & 31, c >> 8 & 31
    last = (lane & segment) | (clamp & ~segment & 31)
    if mode == "up":
        return lane - step, lane - step >= last
    if mode == "down":
        return lane + step, lane + step <= last
    if mode == "bfly":
        return lane ^ step, lane ^ step <= last
    source = (lane & segment) | (step & ~segment & 31)
    return source, source <= last


@op("vote")
def vote(e: Emitter, ins: Instruction) -> None:
    if "sync" not in ins.modifiers:
        raise e.unsupported()
    d, p, members = ins.operands
    group = e.op("and", e.use(members, "i32"), Value(e.mask, "i32", 1))
    ones = e.op("and", e.pack(e.use(p, "i1")), group)
    if "ballot" in ins.modifiers:
        e.write(d, ones)
        return
    some = e.compare("ne", ones, constant(0, "i32"))
    every = e.compare("eq", ones, group)
    if "uni" in ins.modifiers:
        e.write(d, e.op("or", every, e.op("xor", some, constant(1, "i1"))))
    else:
        e.write(d, some if "any" in ins.modifiers else every)


@op("activemask")
def active_mask(e: Emitter, ins: Instruction) -> None:
    e.write(ins.operands[0], Value(e.mask, "i32", 1))


@op("match")
def match(e: Emitter, ins: Instruction) -> None:
    target, agree = first_and_second(ins.operands[0])
    value = e.convert("zext", e.use(ins.operands[1], elem_of(ins.modifiers[-1])), "i64")
    e.line(f"store {e.splat(value)}, ptr %s1, align 64")
    e.line(f"store {e.splat(e.use(ins.operands[2], 'i32'))}, ptr %s2, align 64")
    every = int("all" in ins.modifiers)
    e.call("cg_match", "ptr %s0", "ptr %s1", "ptr %s2", f"i32 {e.mask}", f"i32 {every}")
    result = e.load_scratch(0, "i32", LANES)
    e.write(target, result)
    e.write(agree, e.compare("ne", result, constant(0, "i32")))


@op("redux")
def reduce(e: Emitter, ins: Instruction) -> None:
    operations = {"add": 0, "min": 1, "max": 2, "and": 3, "or": 4, "xor": 5}
    operation = next((operations[m] for m in ins.modifiers if m in operations), None)
    type_ = last_type(e, ins)
    if operation is None or type_ not in ("u32", "s32", "b32"):
        raise e.unsupported()
    e.line(f"store {e.splat(e.use(ins.operands[1], 'i32'))}, ptr %s1, align 64")
    e.line(f"store {e.splat(e.use(ins.operands[2], 'i32'))}, ptr %s2, align 64")
    flags = (f"i32 {operation}", f"i32 {int(is_signed(type_))}")
    e.call("cg_redux", "ptr %s0", "ptr %s1", "ptr %s2", f"i32 {e.mask}", *flags)
    e.write(ins.operands[0], e.load_scratch(0, "i32", LANES))


@op("elect")
def elect(e: Emitter, ins: Instruction) -> None:
    """The lowest lane of the group is the leader."""
    target, leader = first_and_second(ins.operands[0])
    group = e.op("and", e.use(ins.operands[1], "i32"), Value(e.mask, "i32", 1))
    lane = e.intrinsic("cttz", group, extra="i1 false")
    e.write(target, lane)
    lanes = Value("<" + ", ".join(f"i32 {i}" for i in range(LANES)) + ">", "i32", LANES)
    e.write(leader, e.compare("eq", lanes, lane))


@op("bar")
def warp_barrier(e: Emitter, ins: Instruction) -> None:
    """bar.warp.sync: its block has waited already; what came before is ordered with what follows."""
    if ins.modifiers[:1] != ("warp",):
        raise e.unsupported()


@op(BARRIER_RESULT)
def barrier_result(e: Emitter, ins: Instruction) -> None:
    at = e.assign(f"getelementptr i8, ptr %w, i64 {e.context.layout['barrier_value']}", "i64", 1)
    value = e.assign(f"load <32 x i32>, ptr {at.text}, align 4", "i32", LANES)
    target = ins.operands[0]
    if isinstance(target, Register) and target.type == "pred":
        value = e.compare("ne", value, constant(0, "i32"))
    e.write(target, value)


# ---- classes, for the counters ----

_INTEGER_OPS = frozenset(
    "add sub mul mad mad24 mul24 div rem neg abs min max sad dp4a dp2a and or xor not cnot shl shr shf popc clz brev "
    "bfind bfe bfi lop3 prmt setp set selp slct addc subc madc cvta isspacep mov".split()
)
_SPECIAL_OPS = frozenset("rcp sqrt rsqrt ex2 lg2 sin cos tanh".split())
_CONTROL_OPS = frozenset("bra brx ret exit trap brkpt call nanosleep".split())
_SHUFFLE_OPS = frozenset("shfl vote match redux activemask elect".split())


def classify(ins: Instruction) -> Class:
    """The counter that an instruction belongs to."""
    opcode, types = ins.opcode, [m for m in ins.modifiers if m in SIZES]
    if opcode in ("ld", "ldu", "st"):
        space = next((m.split("::")[0] for m in ins.modifiers if m.split("::")[0] in SPACES), "generic")
        kind = "stores" if opcode == "st" else "loads"
        if space in ("param", "const"):
            return "other"
        prefix = space if space in ("shared", "local") else "global"
        return f"{prefix}_{kind}"  # type: ignore[return-value]
    if opcode in ("atom", "red"):
        return "atomics"
    if opcode in ("bar", "barrier"):
        return "shuffles" if ins.modifiers[:1] == ("warp",) else "barriers"
    if opcode in _SHUFFLE_OPS:
        return "shuffles"
    if opcode in _CONTROL_OPS:
        return "control"
    if opcode == "cvt":
        return "conversions"
    if opcode in _SPECIAL_OPS:
        return "special"
    if any(t in ("f16", "f16x2", "bf16", "bf16x2") for t in types):
        return "fp16"
    if "f64" in types:
        return "fp64"
    if "f32" in types and opcode != "mov":
        return "fp32"
    return "integer" if opcode in _INTEGER_OPS else "other"
