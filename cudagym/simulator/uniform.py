"""Which registers hold one value for all lanes of a warp, as long as the lanes stay together.

A register is uniform when every instruction that writes it computes the same in each lane from uniform operands. What
this rests on is that all live lanes execute the instruction at once: see together.py.
"""

from __future__ import annotations

from cudagym.simulator.flow import Flow, operands, results
from cudagym.simulator.ptx import Address, Immediate, Instruction, Operand, Register, Special, Symbol, Vector

LANEWISE = frozenset((
    "abs", "add", "addc", "and", "bfe", "bfi", "bfind", "bmsk", "brev", "clz", "cnot", "copysign", "cos", "cvt", "cvta",
    "div", "dp2a", "dp4a", "ex2", "fma", "fns", "isspacep", "lg2", "lop3", "mad", "mad24", "madc", "max", "min", "mov",
    "mul", "mul24", "neg", "not", "or", "popc", "prmt", "rcp", "rem", "rsqrt", "sad", "selp", "set", "setp", "shf",
    "shl", "shr", "sin", "slct", "sqrt", "sub", "subc", "tanh", "testp", "xor",
))  # fmt: skip
"""Opcodes whose result in a lane depends on that lane's operands alone. Others count as varying."""
_SHARED_SPACES = frozenset(("param", "const", "global", "shared"))
"""Where one address means one place for all threads, by the name of the space alone."""


def uniform_registers(flow: Flow, rows: bool) -> frozenset[Register]:
    """The uniform registers of a kernel. `rows` as in Context."""
    varying: set[Register] = set()
    written: set[Register] = set()
    changed = True
    while changed:
        changed = False
        for instruction in flow.instructions:
            targets = results(instruction)
            written.update(targets)
            if targets and not varying.issuperset(targets) and _varies(flow, instruction, varying, rows):
                varying.update(targets)
                changed = True
    return frozenset(written - varying)


def _varies(flow: Flow, instruction: Instruction, varying: set[Register], rows: bool) -> bool:
    if instruction.opcode in ("vote", "activemask"):
        members = instruction.operands[-1]
        return isinstance(members, Register) and members in varying
    if instruction.opcode in ("ld", "ldu"):
        if not _one_place(flow, instruction):
            return True
    elif instruction.opcode not in LANEWISE:
        return True
    return any(r in varying for r in operands(instruction)) or any(_differs(o, rows) for o in instruction.operands)


def _one_place(flow: Flow, load: Instruction) -> bool:
    space = next((m.split("::")[0] for m in load.modifiers if m.split("::")[0] in _SHARED_SPACES), None)
    address = load.operands[1]
    if space == "param" and isinstance(address, Address) and isinstance(address.base, Symbol):
        return address.base.name not in flow.frame.local
    return space is not None and space != "param"


def _differs(operand: Operand | None, rows: bool) -> bool:
    if isinstance(operand, Vector):
        return any(_differs(element, rows) for element in operand.elements)
    if not isinstance(operand, Special):
        return False
    base, _, axis = operand.name.partition(".")
    return base.startswith("lane") or (base == "tid" and (axis == "x" or not rows))


# ---- steps ----


def lane_steps(flow: Flow, rows: bool) -> dict[Register, int | None]:
    """By register: how much more each lane probably holds than the one before; None when that is unknown.

    A guess to choose code by, which then checks it: numbers may wrap, and a division by 32 or more need not be even.
    """
    steps: dict[Register, int | None] = {}
    changed = True
    while changed:
        changed = False
        for instruction in flow.instructions:
            for target in results(instruction):
                if steps.get(target, 0) is None:
                    continue
                found = _step(instruction, steps, rows)
                if found == _LATER or (target in steps and steps[target] == found):
                    continue
                steps[target] = None if target in steps else found
                changed = True
    return steps


_LATER = -1 << 80
"""The step of what no instruction seen so far has written."""


def _step(instruction: Instruction, steps: dict[Register, int | None], rows: bool) -> int | None:
    given = [_step_of(operand, steps, rows) for operand in instruction.operands[1:]]
    if _LATER in given:
        return _LATER
    if instruction.opcode in ("ld", "ldu"):
        return 0 if given == [0] else None
    if instruction.opcode not in LANEWISE or None in given or "hi" in instruction.modifiers:
        return None
    if not any(given):
        return 0
    a, b, *rest = (*(step or 0 for step in given), 0)
    last = instruction.operands[2] if len(given) > 1 else None
    by = last.value if isinstance(last, Immediate) else None
    match instruction.opcode:
        case "mov" | "cvt" | "cvta":
            return a
        case "add":
            return a + b
        case "sub":
            return a - b
        case "mul" | "mad" if by is not None:
            return a * by + (rest[0] if instruction.opcode == "mad" else 0)
        case "shl" if by is not None and by < 32:
            return a << by
        case "and" if a == 1 and by is not None and by & 31 == 31:
            return 1
        case "shr" if a == 1 and by is not None and by >= 5:
            return 0
    return None


def _step_of(operand: Operand | None, steps: dict[Register, int | None], rows: bool) -> int | None:
    match operand:
        case Register():
            return steps.get(operand, _LATER)
        case Address(base):
            return _step_of(base, steps, rows)
        case Immediate() | Symbol():
            return 0
        case Special(name) if name in ("laneid", "tid.x"):
            return 1 if rows or name == "laneid" else None
        case Special():
            return None if _differs(operand, rows) else 0
    return None
