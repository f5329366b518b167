"""Integer and floating-point arithmetic, and the approximate functions."""

from __future__ import annotations

from cudagym.simulator.emit import BITS, Emitter, Value, constant
from cudagym.simulator.flow import CARRY
from cudagym.simulator.isa.common import (
    FLOATS,
    elem_of,
    flush,
    is_signed,
    last_type,
    op,
    rounding,
    use_float,
    write_float,
)
from cudagym.simulator.ptx import Instruction, Operand

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
    elem = elem_of(type_)
    x, y = e.use(a, elem), e.use(b, elem)
    if type_.endswith("x2"):
        e.write(d, e.bits(e.op(ins.opcode, *(e.bits(e.splat(pair), "i16") for pair in (x, y))), "i32"))
    elif ins.opcode == "mul":
        e.write(d, product(e, ins, x, y, type_))
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


def add_with_carry(e: Emitter, ins: Instruction, d: Operand | None, x: Value, y: Value, carry: Value | None) -> None:
    """d = x + y + carry; `.cc` keeps the carry out.

    A subtraction is x + ~y + carry, as in hardware: the carry is 1 when nothing was borrowed. Compiled code relies on
    that where an addition follows a subtraction.
    """
    subtract = ins.opcode.startswith("sub")
    if subtract:
        y = e.op("xor", y, constant(-1, y.elem))
    total = e.op("add", x, y)
    out = e.compare("ult", total, x)
    if carry is not None or subtract:
        extra = constant(1, x.elem) if carry is None else e.convert("zext", carry, x.elem)
        total = e.op("add", total, extra)
        out = e.op("or", out, e.compare("ult", total, extra))
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
    elif type_.startswith("bf16"):
        value = narrow_to_odd(e, fused_odd(e, *(e.convert("fpext", x, "double") for x in (a, b, c))))
    else:
        value = fused_odd(e, a, b, c)
    write_float(e, d, value, type_, ins.modifiers)


def fused_odd(e: Emitter, a: Value, b: Value, c: Value) -> Value:
    """a * b + c of 16-bit numbers as the float or double that rounds to 16 bits as the exact result would.

    The product must be exact in the type of the operands: for bfloat16, whose exponents reach as far as those of
    floats, that is double precision. The sum is rounded to odd: the part that Knuth's two-sum finds lost
    decides whether the last bit moves toward zero, and is then set.
    """
    n, width = a.n, f"i{BITS[a.elem]}"
    f, i, p = (t if n == 1 else f"<{n} x {t}>" for t in (a.elem, width, "i1"))
    one = "1" if n == 1 else f"splat ({width} 1)"
    zero = "0.0" if n == 1 else "zeroinitializer"
    body = f"""define internal {f} @fused{n}_{width}({f} %a, {f} %b, {f} %c) #0 {{
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
    return e.function(f"fused{n}_{width}", a.elem, [a, b, c], body)


def narrow_to_odd(e: Emitter, value: Value) -> Value:
    """A double as a float whose last bit is set where bits were lost: rounding that once more rounds once in all."""
    near = e.convert("fptrunc", value, "float")
    back = e.convert("fpext", near, "double")
    away = e.compare("ogt", e.intrinsic("fabs", back), e.intrinsic("fabs", value))
    toward = e.op("sub", e.integer(near), e.convert("zext", away, "i32"))
    odd = e.op("or", toward, constant(1, "i32"))
    return e.bits(e.select(e.compare("one", back, value), odd, e.integer(near)), "float", near.n)


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
        values = [use_float(e, operand, type_, "ftz" in ins.modifiers) for operand in inputs]
        sign = signs_multiplied(e, values) if "xorsign" in ins.modifiers else None
        if "abs" in ins.modifiers:
            values = [e.intrinsic("fabs", value) for value in values]
        name = f"{ins.opcode}imum{'' if 'NaN' in ins.modifiers else 'num'}"
        value = values[0]
        for other in values[1:]:
            value = e.intrinsic(name, value, other)
        if sign is not None:
            value = e.intrinsic("copysign", value, sign)
        write_float(e, d, value, type_, ins.modifiers)
        return
    if type_.endswith("x2"):
        pairs = [e.splat(e.use(operand, "i32")) for operand in inputs]
        halves = [e.bits(pair, "i16") for pair in pairs]
        value = e.intrinsic(f"{type_[0]}{ins.opcode}", *halves)
        if "relu" in ins.modifiers:
            value = e.intrinsic("smax", value, constant(0, "i16"))
        e.write(d, e.bits(value, "i32"))
        return
    elem = elem_of(type_)
    value = e.use(inputs[0], elem)
    for operand in inputs[1:]:
        value = e.intrinsic(f"{'s' if is_signed(type_) else 'u'}{ins.opcode}", value, e.use(operand, elem))
    if "relu" in ins.modifiers:
        value = e.intrinsic("smax", value, constant(0, elem))
    e.write(d, value)


def signs_multiplied(e: Emitter, values: list[Value]) -> Value:
    """A float with the sign that the product of all would have (.xorsign)."""
    bits = e.integer(values[0])
    for other in values[1:]:
        bits = e.op("xor", bits, e.integer(other))
    return e.bits(bits, values[0].elem, bits.n)


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


_CLASSES = {"number": 0x3FC, "finite": 0x1F8, "infinite": 0x204, "notanumber": 3, "normal": 0x108, "subnormal": 0x90}
"""Bits of llvm.is.fpclass (LLVM Language Reference)."""


@op("testp")
def test_property(e: Emitter, ins: Instruction) -> None:
    type_ = last_type(e, ins)
    kind = next((m for m in ins.modifiers if m in _CLASSES), None)
    if kind is None:
        raise e.unsupported()
    value = e.use(ins.operands[1], elem_of(type_))
    lanes = f"v{value.n}" if value.n > 1 else ""
    name = f"llvm.is.fpclass.{lanes}{type_}"
    result = "i1" if value.n == 1 else f"<{value.n} x i1>"
    e.declared[name] = f"declare {result} @{name}({value.type}, i32 immarg)"
    text = f"call {result} @{name}({value}, i32 {_CLASSES[kind]})"
    e.write(ins.operands[0], e.assign(text, "i1", value.n, value.fixed))


# ---- functions ----


@op("rcp", "sqrt", "rsqrt")
def roots(e: Emitter, ins: Instruction) -> None:
    """Approximate forms are computed exactly and rounded."""
    type_ = last_type(e, ins)
    value = use_float(e, ins.operands[1], type_, "ftz" in ins.modifiers)
    one = constant(0x3F800000, "float") if value.elem == "float" else constant(0x3FF0000000000000, "double")
    mode = rounding(ins)
    if type_ == "f64" and "ftz" in ins.modifiers:
        gross_approximation(e, ins, value)
        return
    if mode:
        result = e.helper(f"cg_{ins.opcode}_{type_}", value.elem, [value], (mode,))
    else:
        result = value if ins.opcode == "rcp" else e.intrinsic("sqrt", value)
        if ins.opcode != "sqrt":
            result = e.op("fdiv", one, result)
    write_float(e, ins.operands[0], result, type_, ins.modifiers)


def gross_approximation(e: Emitter, ins: Instruction, value: Value) -> None:
    """rcp and rsqrt.approx.ftz.f64: of the upper 32 bits alone, into the upper 32 bits alone."""
    upper = constant(0xFFFFFFFF << 32, "i64")
    value = flush(e, e.bits(e.op("and", e.integer(value), upper), "double", value.n))
    root = value if ins.opcode == "rcp" else e.intrinsic("sqrt", value)
    if ins.opcode == "rsqrt":  # the root of -0 is -0
        root = e.select(e.compare("oeq", value, constant(0, "double")), value, root)
    result = e.op("fdiv", constant(0x3FF << 52, "double"), root)
    bits = e.op("and", e.integer(flush(e, result)), upper)
    nan = e.compare("uno", result, result)
    e.write(ins.operands[0], e.select(nan, constant(0x7FFFFFFF << 32, "i64"), bits))


@op("ex2", "lg2", "sin", "cos", "tanh")
def transcendental(e: Emitter, ins: Instruction) -> None:
    type_ = last_type(e, ins)
    if type_ == "f64":
        raise e.unsupported()
    value = use_float(e, ins.operands[1], type_, "ftz" in ins.modifiers)
    result = e.helper(f"cg_{ins.opcode}_f32", "float", [value])
    write_float(e, ins.operands[0], result, type_, ins.modifiers)
