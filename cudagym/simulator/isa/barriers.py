"""mbarrier: barriers in shared memory that threads arrive at and wait for apart (PTX ISA 9.0, "mbarrier").

`try_wait` really waits: its lanes are set aside until the phase is over or nothing else can run, which stands for the
time limit that PTX leaves open; a suspend-time hint changes nothing. A phase that ends orders what came before the
arrivals with what follows the waits. All asynchronous copies are done at once, so an arrival on behalf of them
(`cp.async.mbarrier.arrive`) is an ordinary one, or, without `.noinc`, adds to the pending count what it takes away.
"""

from __future__ import annotations

from cudagym.simulator.emit import LANES, Emitter, Value, constant
from cudagym.simulator.isa.common import op
from cudagym.simulator.isa.memory import Access, place
from cudagym.simulator.ptx import Instruction, Operand

OPERATIONS = (
    "init", "inval", "arrive", "arrive_drop", "expect_tx", "complete_tx", "arrive.expect_tx", "arrive_drop.expect_tx",
    "wait", "wait.parity",
)  # fmt: skip
"""As barriers.c numbers them."""


@op("mbarrier")
def mbarrier(e: Emitter, ins: Instruction) -> None:
    kind = ins.modifiers[0]
    if kind == "pending_count":
        state = e.use(ins.operands[1], "i64")
        count = e.op("and", e.op("lshr", state, constant(20, "i64")), constant((1 << 20) - 1, "i64"))
        e.write(ins.operands[0], e.convert("trunc", count, "i32"))
        return
    target, address, value = operands(e, ins)
    e.call("cg_mbarrier", *_arguments(e, ins, e.active(), address, value), "ptr %data2")
    if target is not None:
        old = e.assign("load <32 x i64>, ptr %data2, align 64", "i64", LANES)
        e.write(target, e.compare("ne", old, constant(0, "i64")) if kind.endswith("wait") else old)


def copies_arrive(e: Emitter, ins: Instruction) -> None:
    """cp.async.mbarrier.arrive: the copies of this thread have ended."""
    if "noinc" in ins.modifiers:
        one = constant(1, "i64")
        e.call("cg_mbarrier", *_arguments(e, ins, e.active(), ins.operands[0], one), "ptr %data2")


def phase_is_over(e: Emitter, ins: Instruction) -> Value:
    """Whether a try_wait goes on; else its lanes wait. Comes before the instruction itself."""
    _, address, value = operands(e, ins)
    e.declared["cg_mbarrier_wait"] = "declare i32 @cg_mbarrier_wait(ptr, i32, ptr, i64, i32, i32, ptr)"
    arguments = ", ".join(_arguments(e, ins, e.mask, address, value))
    return e.compare("ne", e.assign(f"call i32 @cg_mbarrier_wait({arguments})", "i32", 1), constant(0, "i32"))


def operands(e: Emitter, ins: Instruction) -> tuple[Operand | None, Operand | None, Value]:
    """The result, the object's address, and the count, bytes, state or parity."""
    kind = ins.modifiers[0]
    has_result = kind.startswith("arrive") or kind.endswith("wait")
    target = ins.operands[0] if has_result else None
    address, *rest = ins.operands[has_result:]
    if kind in ("test_wait", "try_wait") and "parity" not in ins.modifiers:
        return target, address, e.use(rest[0], "i64")
    count = e.use(rest[0], "i32") if rest else constant(1, "i32")
    return target, address, e.convert("zext", count, "i64")


def _arguments(e: Emitter, ins: Instruction, mask: str, address: Operand | None, value: Value) -> tuple[str, ...]:
    """The Warp, mask, addresses, offset, code, site and values of a call."""
    space = "shared" if any(m.startswith("shared") for m in ins.modifiers) else "generic"
    _, base, offset = place(e, ins, address, Access(space, "b64", 1, True))
    e.line(f"store {e.splat(e.convert('zext', base, 'i64'))}, ptr %s0, align 64")
    e.line(f"store {e.splat(value)}, ptr %data, align 64")
    code = OPERATIONS.index(_operation(ins)) | (3 if space == "shared" else 1) << 8
    return ("ptr %w", f"i32 {mask}", "ptr %s0", f"i64 {offset}", f"i32 {code}", f"i32 {e.site}", "ptr %data")


def _operation(ins: Instruction) -> str:
    kind = "arrive" if ins.opcode == "cp" else ins.modifiers[0]
    if kind.endswith("wait"):
        return "wait.parity" if "parity" in ins.modifiers else "wait"
    return f"{kind}.expect_tx" if kind.startswith("arrive") and "expect_tx" in ins.modifiers else kind
