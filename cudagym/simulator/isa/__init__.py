"""The instruction set: what each PTX instruction computes, in terms of the emitter's values.

One function per family of instructions, registered under its opcodes; types and modifiers are looked up in tables.
What a table or function does not know raises Unsupported with the instruction's name. Semantics follow the PTX ISA 9.0;
results it leaves open are chosen so that nothing can trap: division by zero gives all ones.
"""

from __future__ import annotations

from cudagym.errors import Unsupported
from cudagym.simulator.emit import Emitter
from cudagym.simulator.isa import arithmetic, barriers, bits, compare, convert, copies, heap, lanes, matrix, memory
from cudagym.simulator.isa.absent import instead
from cudagym.simulator.isa.common import OPS
from cudagym.simulator.ptx import Instruction

FAMILIES = (arithmetic, barriers, bits, compare, convert, copies, heap, lanes, matrix, memory)
"""Importing them fills OPS."""


def lower_instruction(e: Emitter, ins: Instruction) -> None:
    """Writes out one instruction. Raises Unsupported when it is not known."""
    handler, other = OPS.get(ins.opcode), instead(ins)
    if handler is None or other:
        raise Unsupported(ins.name, ins.line, other)
    try:
        handler(e, ins)
    except (LookupError, ValueError, TypeError, AttributeError, AssertionError) as error:
        raise Unsupported(f"{ins.name} with such operands", ins.line) from error
