"""The class that each instruction is counted in (see cudagym.device.Counters), and how much it adds there."""

from __future__ import annotations

from cudagym.simulator.isa.common import INTEGERS, SPACES
from cudagym.simulator.isa.matrix import MATRIX_OPS, class_of, events_of
from cudagym.simulator.ptx import SIZES, Instruction

CLASSES = (
    "fp32", "fp64", "fp16", "integer", "special", "conversions", "control", "barriers", "shuffles", "global_loads",
    "global_stores", "shared_loads", "shared_stores", "local_loads", "local_stores", "atomics", "tensor_fp64",
    "tensor_tf32", "tensor_fp16", "tensor_bf16", "tensor_int8",
)  # fmt: skip


_INTEGER_OPS = frozenset((
    "add", "sub", "mul", "mad", "mad24", "mul24", "div", "rem", "neg", "abs", "min", "max", "sad", "dp4a",
    "dp2a", "and", "or", "xor", "not", "cnot", "shl", "shr", "shf", "popc", "clz", "brev", "bfind", "bfe",
    "bfi", "bmsk", "lop3", "prmt", "setp", "set", "selp", "slct", "addc", "subc", "madc", "cvta", "isspacep", "mov",
))  # fmt: skip
_CHOOSING_OPS = frozenset(("mov", "min", "max", "setp", "set", "selp", "slct", "abs", "neg"))
"""That the pipe for integers does for floats as well."""
_SPECIAL_OPS = frozenset(("rcp", "sqrt", "rsqrt", "ex2", "lg2", "sin", "cos", "tanh"))
_CONTROL_OPS = frozenset(("bra", "brx", "ret", "exit", "trap", "brkpt", "call", "nanosleep"))
_SHUFFLE_OPS = frozenset(("shfl", "vote", "match", "redux", "activemask", "elect"))


def classify(ins: Instruction) -> str | None:
    """The one of CLASSES that an instruction belongs to; None when it is not counted apart."""
    opcode, types = ins.opcode, [m for m in ins.modifiers if m in SIZES]
    if opcode in ("ld", "ldu", "st"):
        space = next((m.split("::")[0] for m in ins.modifiers if m.split("::")[0] in SPACES), "generic")
        kind = "stores" if opcode == "st" else "loads"
        if space in ("param", "const"):
            return None
        prefix = space if space in ("shared", "local") else "global"
        return f"{prefix}_{kind}"
    if opcode in MATRIX_OPS:
        return class_of(ins)
    if opcode == "cp":
        return "global_loads" if "global" in ins.modifiers else None
    if opcode in ("atom", "red"):
        return "atomics"
    if opcode in ("bar", "barrier", "mbarrier"):
        return "shuffles" if ins.modifiers[:1] == ("warp",) else "barriers"
    if opcode in _SHUFFLE_OPS:
        return "shuffles"
    if opcode in _CONTROL_OPS:
        return "control"
    if opcode == "cvt":
        return "integer" if all(t in INTEGERS for t in types) else "conversions"
    if opcode in _SPECIAL_OPS:
        return "special"
    if any(t in ("f16", "f16x2", "bf16", "bf16x2") for t in types):
        return "fp16"
    if "f64" in types:
        return "fp64"
    if "f32" in types and opcode not in _CHOOSING_OPS:
        return "fp32"
    return "integer" if opcode in _INTEGER_OPS else None


def weight(ins: Instruction) -> int:
    """How much an instruction adds to its class: one, but for those that work on matrices."""
    return events_of(ins) if ins.opcode in MATRIX_OPS else 1
