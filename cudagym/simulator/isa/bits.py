"""Logic, shifts and bit fields."""

from __future__ import annotations

from cudagym.simulator.emit import BITS, Emitter, constant
from cudagym.simulator.isa.common import elem_of, is_signed, last_type, op
from cudagym.simulator.ptx import Instruction, Pair

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
    e.write(ins.operands[0], e.helper(f"cg_bfind_b{BITS[value.elem]}", "i32", [value], flags))


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


@op("bmsk")
def bit_mask(e: Emitter, ins: Instruction) -> None:
    """`width` ones from bit `start` on; both taken modulo 32 (.wrap) or up to 32 (.clamp)."""
    start, width = (e.convert("zext", e.use(operand, "i32"), "i64") for operand in ins.operands[1:3])
    if "wrap" in ins.modifiers:
        start, width = (e.op("and", value, constant(31, "i64")) for value in (start, width))
    else:
        start, width = (e.intrinsic("umin", value, constant(32, "i64")) for value in (start, width))
    ones = e.op("sub", e.op("shl", constant(1, "i64"), width), constant(1, "i64"))
    e.write(ins.operands[0], e.convert("trunc", e.op("shl", ones, start), "i32"))


@op("szext")
def extend(e: Emitter, ins: Instruction) -> None:
    """The low `b` bits of a word, sign- or zero-extended; b modulo 32 (.wrap) or up to 32 (.clamp)."""
    value, width = (e.convert("zext", e.use(operand, "i32"), "i64") for operand in ins.operands[1:3])
    if "wrap" in ins.modifiers:
        width = e.op("and", width, constant(31, "i64"))
    else:
        width = e.intrinsic("umin", width, constant(32, "i64"))
    unused = e.intrinsic("umin", e.op("sub", constant(64, "i64"), width), constant(63, "i64"))
    shift_back = "ashr" if is_signed(last_type(e, ins)) else "lshr"
    field = e.op(shift_back, e.op("shl", value, unused), unused)
    none = e.compare("eq", width, constant(0, "i64"))
    e.write(ins.operands[0], e.convert("trunc", e.select(none, constant(0, "i64"), field), "i32"))


@op("lop3")
def lookup_logic(e: Emitter, ins: Instruction) -> None:
    """Any function of three words, bit by bit; with .and or .or also whether it gives anything, with a predicate."""
    d, a, b, c, table, *given = ins.operands
    known = e.use(table, "i32").const
    if known is None:
        raise e.unsupported()
    value = e.helper("cg_lop3", "i32", [e.use(x, "i32") for x in (a, b, c)], (known,))
    if isinstance(d, Pair):
        word = "or" if "or" in ins.modifiers else "and"
        e.write(d.second, e.op(word, e.compare("ne", value, constant(0, "i32")), e.use(given[0], "i1")))
        d = d.first
    e.write(d, value)


@op("prmt")
def permute(e: Emitter, ins: Instruction) -> None:
    modes = {"f4e": 1, "b4e": 2, "rc8": 3, "ecl": 4, "ecr": 5, "rc16": 6}
    mode = next((modes[m] for m in ins.modifiers if m in modes), 0)
    d, a, b, c = ins.operands
    e.write(d, e.helper("cg_prmt", "i32", [e.use(x, "i32") for x in (a, b, c)], (mode,)))


@op("fns")
def find_nth_set(e: Emitter, ins: Instruction) -> None:
    e.write(ins.operands[0], e.helper("cg_fns", "i32", [e.use(operand, "i32") for operand in ins.operands[1:]]))
