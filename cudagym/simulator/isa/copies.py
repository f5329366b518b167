"""cp.async: copies from global to shared memory, done at once (PTX ISA 9.0, "cp.async").

The groups that wait for them have nothing to wait for. Cache hints and prefetch sizes change nothing.
"""

from __future__ import annotations

from cudagym.simulator.emit import Emitter, Value, constant
from cudagym.simulator.isa.barriers import copies_arrive
from cudagym.simulator.isa.common import op
from cudagym.simulator.isa.memory import Access, load_lanes, place, store_lanes
from cudagym.simulator.ptx import Instruction, Operand, Register


@op("cp")
def copy_async(e: Emitter, ins: Instruction) -> None:
    """cp.async of 4, 8 or 16 bytes. What lies behind the source size, or the whole if told to ignore it, is zeros."""
    if ins.modifiers[:1] != ("async",):
        raise e.unsupported()
    if ins.modifiers[1] in ("commit_group", "wait_group", "wait_all"):
        return
    if ins.modifiers[1] == "mbarrier":
        copies_arrive(e, ins)
        return
    target, source, size, *rest = ins.operands
    if any("cache_hint" in m for m in ins.modifiers):
        rest.pop()
    count = (e.use(size, "i32").const or 0) // 4
    if count not in (1, 2, 4) or len(rest) > 1:
        raise e.unsupported()
    read, written = Access("global", "b32", count, False), Access("shared", "b32", count, False)
    _, base, offset = place(e, ins, source, read)
    if rest:
        values = load_part(e, base, offset, _bytes_given(e, rest[0], 4 * count), count)
    else:
        values = load_lanes(e, "global", base, offset, read)
    _, base, offset = place(e, ins, target, written)
    store_lanes(e, "shared", base, offset, written, values)


def _bytes_given(e: Emitter, operand: Operand | None, size: int) -> Value:
    """How many bytes to read: the source size, or none where the predicate says to ignore the source."""
    if isinstance(operand, Register) and operand.type == "pred":
        return e.select(e.use(operand, "i1"), constant(0, "i32"), constant(size, "i32"))
    return e.use(operand, "i32")


def load_part(e: Emitter, base: Value, offset: int, given: Value, count: int) -> list[Value]:
    """The first `given` bytes of `count` words, zeros behind them. Nothing else is read.

    Lanes that want all read it in one access, as on a card.
    """
    active, zero = Value(e.active(), "i32", 1), constant(0, "i32")
    whole_words = Access("global", "b32", count, False)
    wants_all = e.compare("uge", given, constant(4 * count, "i32"))
    wants_part = e.compare("ult", given, constant(4 * count, "i32"))
    all_words = load_lanes(e, "global", base, offset, whole_words, e.op("and", active, e.pack(e.splat(wants_all))).text)

    def load(reaches: Value, at: Value, offset: int, type_: str) -> Value:
        mask = e.op("and", active, e.pack(e.splat(reaches)))
        (value,) = load_lanes(e, "global", at, offset, Access("global", type_, 1, False), mask.text)
        return e.select(reaches, e.convert("zext", value, "i32"), zero)

    def word(k: int) -> Value:
        reaches = e.op("and", e.compare("uge", given, constant(4 * k + 4, "i32")), wants_part)
        return e.select(wants_all, all_words[k], load(reaches, base, offset + 4 * k, "b32"))

    words = [word(k) for k in range(count)]
    if given.const is not None and given.const % 4 == 0:
        return words
    whole, odd = e.op("and", given, constant(-4, "i32")), e.op("and", given, constant(3, "i32"))
    behind = e.op("add", base, e.convert("zext", whole, "i64"))
    tail = zero
    for k in range(3):
        byte = load(e.compare("ugt", odd, constant(k, "i32")), behind, offset + k, "b8")
        tail = e.op("or", tail, e.op("shl", byte, constant(8 * k, "i32")))
    return [
        e.op("or", word, e.select(e.compare("eq", whole, constant(4 * k, "i32")), tail, zero))
        for k, word in enumerate(words)
    ]
