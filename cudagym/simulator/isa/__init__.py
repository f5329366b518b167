"""The instruction set: what each PTX instruction computes, in terms of the emitter's values.

One function per family of instructions, registered under its opcodes; types and modifiers are looked up in tables.
What a table or function does not know raises Unsupported with the instruction's name. Semantics follow the PTX ISA 9.0;
results it leaves open are chosen so that nothing can trap: division by zero gives all ones.
"""

from __future__ import annotations

from cudagym.simulator.emit import Emitter
from cudagym.simulator.isa import arithmetic, bits, compare, convert, lanes, memory
from cudagym.simulator.isa.common import OPS
from cudagym.simulator.ptx import Instruction

FAMILIES = (arithmetic, bits, compare, convert, lanes, memory)
"""Importing them fills OPS."""


def lower_instruction(e: Emitter, ins: Instruction) -> None:
    """Writes out one instruction. Raises Unsupported when it is not known."""
    handler = OPS.get(ins.opcode)
    if handler is None:
        raise e.unsupported()
    handler(e, ins)
