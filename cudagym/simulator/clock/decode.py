"""Decode: from a kernel's text to the records that the follower's C code executes."""

from __future__ import annotations

import functools

from cudagym.simulator.clock import forms_control, forms_float, forms_integer, forms_memory
from cudagym.simulator.clock.decoder import POOL, PT, Code, Decoded, Decoder, Unfollowable, space_of
from cudagym.simulator.clock.sass import SassKernel

__all__ = ["POOL", "Decoded", "Unfollowable", "decode", "space_of"]

FORMS = forms_integer.FORMS | forms_float.FORMS | forms_memory.FORMS | forms_control.FORMS
"""By opcode. The uniform datapath's opcodes have a U before those of the others."""


@functools.lru_cache(maxsize=64)
def decode(kernel: SassKernel, operations: tuple[str, ...]) -> Decoded:
    """Raises Unfollowable at the first instruction whose meaning is not known."""
    instructions = kernel.instructions
    decoder = Decoder({operation: number for number, operation in enumerate(operations)}, FORMS)
    codes = (Code * (len(instructions) + 1))()
    for code, instruction in zip(codes, instructions, strict=False):
        decoder.decode(instruction, code)
    codes[-1].operation, codes[-1].guard = decoder.numbers["trap"], PT
    return Decoded(codes, len(instructions), tuple(decoder.pool))
