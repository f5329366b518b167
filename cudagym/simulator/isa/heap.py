"""malloc and free on the device: the instructions that calls.py puts in place of their calls."""

from __future__ import annotations

from cudagym.simulator.calls import FREE, MALLOC
from cudagym.simulator.emit import LANES, Emitter
from cudagym.simulator.isa.common import op
from cudagym.simulator.ptx import Instruction


@op(MALLOC)
def allocate(e: Emitter, ins: Instruction) -> None:
    e.line(f"store {e.splat(e.use(ins.operands[1], 'i64'))}, ptr %s1, align 64")
    e.call("cg_malloc", "ptr %w", f"i32 {e.active()}", "ptr %s1", "ptr %s0")
    e.write(ins.operands[0], e.load_scratch(0, "i64", LANES))


@op(FREE)
def release(e: Emitter, ins: Instruction) -> None:
    e.line(f"store {e.splat(e.use(ins.operands[0], 'i64'))}, ptr %s0, align 64")
    e.call("cg_free", "ptr %w", f"i32 {e.active()}", "ptr %s0", f"i32 {e.site}")
