"""What the families of instructions share: the table, PTX types, floating-point operands.

16-bit floating-point types are computed in single precision and rounded once more; for addition, subtraction,
multiplication, division and roots that gives what rounding the exact result would.
"""

from __future__ import annotations

from collections.abc import Callable

from cudagym.simulator.emit import BITS, Emitter, Value, constant
from cudagym.simulator.ptx import SIZES, Immediate, Instruction, Operand

Handler = Callable[[Emitter, Instruction], None]
OPS: dict[str, Handler] = {}
"""Who writes out the instructions of an opcode."""

INTEGERS = frozenset(("b8", "u8", "s8", "b16", "u16", "s16", "b32", "u32", "s32", "b64", "u64", "s64"))
FLOATS = {"f32": "float", "f64": "double", "f16": "half", "bf16": "bf16", "f16x2": "half", "bf16x2": "bf16"}
ROUNDINGS = {"rn": 0, "rz": 1, "rm": 2, "rp": 3}
"""Modes of math.c."""
ROUND_TO_INTEGER = {"rni": "roundeven", "rzi": "trunc", "rmi": "floor", "rpi": "ceil"}
ORDERING = frozenset(("acquire", "release", "acq_rel"))
SPACES = {"global": 0, "const": 0, "generic": 1, "local": 2, "shared": 3, "param": 4}
"""As in runtime.h."""


def op(*opcodes: str) -> Callable[[Handler], Handler]:
    """Registers a handler under opcodes."""

    def register(handler: Handler) -> Handler:
        for opcode in opcodes:
            OPS[opcode] = handler
        return handler

    return register


def elem_of(type_: str) -> str:
    """The LLVM type that holds a PTX type's bits."""
    return {"f32": "float", "f64": "double", "pred": "i1"}.get(type_) or f"i{8 * SIZES[type_]}"


def last_type(e: Emitter, ins: Instruction) -> str:
    if not ins.modifiers or (ins.modifiers[-1] not in SIZES and ins.modifiers[-1] != "pred"):
        raise e.unsupported()
    return ins.modifiers[-1]


def is_signed(type_: str) -> bool:
    return type_[0] == "s"


def rounding(ins: Instruction) -> int:
    return next((ROUNDINGS[m] for m in ins.modifiers if m in ROUNDINGS), 0)


def flush(e: Emitter, value: Value) -> Value:
    """Subnormal numbers become zero of the same sign (.ftz)."""
    bits = e.integer(value)
    exponent = e.op("and", bits, constant(0x7FF << 52 if bits.elem == "i64" else 0xFF << 23, bits.elem))
    small = e.compare("eq", exponent, constant(0, bits.elem))
    sign = e.op("and", bits, constant(1 << (BITS[bits.elem] - 1), bits.elem))
    return e.bits(e.select(small, sign, bits), value.elem, value.n)


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
    if type_.endswith("x2") and value.n == 1:
        value = e.splat(value)
    value = widen(e, value, type_)
    return flush(e, value) if ftz and type_.startswith("bf16") else value


def write_float(e: Emitter, operand: Operand | None, value: Value, type_: str, modifiers: tuple[str, ...]) -> None:
    """Applies .relu, .sat and .ftz, rounds to 16 bits where the type says so, and writes."""
    if "relu" in modifiers:
        value = relu(e, value)
    if "sat" in modifiers:
        value = saturate(e, value)
    if "ftz" in modifiers and type_ in ("f32", "bf16", "bf16x2"):
        value = flush(e, value)
    e.write(operand, value if type_ in ("f32", "f64") else narrow(e, value, type_))


def relu(e: Emitter, value: Value) -> Value:
    """Negative numbers become zero; NaN stays."""
    zero = constant(0, value.elem)
    return e.select(e.compare("ule", value, zero), e.select(e.compare("uno", value, value), value, zero), value)


def clamp(e: Emitter, value: Value, largest: int) -> Value:
    """Floats beyond the one with the bits `largest` become that one, by their sign (.satfinite); NaN stays."""
    top, bottom = constant(largest, "float"), constant(largest | 1 << 31, "float")
    value = e.select(e.compare("ogt", value, top), top, value)
    return e.select(e.compare("olt", value, bottom), bottom, value)


def saturate(e: Emitter, value: Value) -> Value:
    """Clamped to [0, 1]; NaN becomes 0."""
    one = constant(0x3F800000, "float") if value.elem == "float" else constant(0x3FF0000000000000, "double")
    positive = e.select(e.compare("ogt", value, constant(0, value.elem)), value, constant(0, value.elem))
    return e.select(e.compare("olt", positive, one), positive, one)
