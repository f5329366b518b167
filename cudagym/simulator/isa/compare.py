"""Comparison and selection."""

from __future__ import annotations

from cudagym.simulator.emit import BITS, LANES, Emitter, Value, constant
from cudagym.simulator.isa.common import FLOATS, elem_of, is_signed, last_type, op, use_float, write_float
from cudagym.simulator.ptx import SIZES, Instruction, Pair

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


_KNOWN_PREDICATES = frozenset((
    "eq", "ne", "slt", "sle", "sgt", "sge", "ult", "ule", "ugt", "uge", "oeq", "one", "olt", "ole", "ogt",
    "oge", "ueq", "une", "ord", "uno",
))  # fmt: skip


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
    value = use_float(e, c, by, "ftz" in ins.modifiers) if by == "f32" else e.use(c, elem_of(by))
    test = e.compare("oge" if by == "f32" else "sge", value, constant(0, value.elem))
    e.write(d, e.select(test, e.use(a, elem_of(type_)), e.use(b, elem_of(type_))))
