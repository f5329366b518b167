"""Exchange between the lanes of a warp."""

from __future__ import annotations

from cudagym.simulator.emit import LANES, Emitter, Value, constant
from cudagym.simulator.flow import BARRIER_RESULT
from cudagym.simulator.isa.common import elem_of, is_signed, last_type, op
from cudagym.simulator.ptx import Instruction, Operand, Pair, Register

# ---- across lanes ----

_SHUFFLES = {"up": 0, "down": 1, "bfly": 2, "idx": 3}


def first_and_second(operand: Operand | None) -> tuple[Operand | None, Operand | None]:
    return (operand.first, operand.second) if isinstance(operand, Pair) else (operand, None)


@op("shfl")
def shuffle(e: Emitter, ins: Instruction) -> None:
    mode = next((m for m in ins.modifiers if m in _SHUFFLES), None)
    if mode is None or "sync" not in ins.modifiers:
        raise e.unsupported()
    target, found = first_and_second(ins.operands[0])
    value, step, clamp = (e.use(operand, "i32") for operand in ins.operands[1:4])
    if step.const is not None and clamp.const is not None:
        lanes = [_source(mode, i, step.const & 31, clamp.const) for i in range(LANES)]
        indices = ", ".join(f"i32 {lane if inside else i}" for i, (lane, inside) in enumerate(lanes))
        whole = e.splat(value)
        text = f"shufflevector {whole}, {whole.type} poison, <32 x i32> <{indices}>"
        e.write(target, e.assign(text, "i32", LANES))
        bits = ", ".join(f"i1 {'true' if inside else 'false'}" for _, inside in lanes)
        e.write(found, Value(f"<{bits}>", "i1", LANES))
        return
    for k, operand in enumerate((value, step, clamp), start=2):
        e.line(f"store {e.splat(operand)}, ptr %s{k}, align 64")
    e.call("cg_shuffle", "ptr %s0", "ptr %s1", "ptr %s2", "ptr %s3", "ptr %s4", f"i32 {_SHUFFLES[mode]}")
    e.write(target, e.load_scratch(0, "i32", LANES))
    if found is not None:
        e.write(found, e.compare("ne", e.load_scratch(1, "i32", LANES), constant(0, "i32")))


def _source(mode: str, lane: int, step: int, c: int) -> tuple[int, bool]:
    """The lane that `lane` reads, and whether it is in its segment (PTX ISA, shfl.sync)."""
    clamp, segment = c & 31, c >> 8 & 31
    last = (lane & segment) | (clamp & ~segment & 31)
    if mode == "up":
        return lane - step, lane - step >= last
    if mode == "down":
        return lane + step, lane + step <= last
    if mode == "bfly":
        return lane ^ step, lane ^ step <= last
    source = (lane & segment) | (step & ~segment & 31)
    return source, source <= last


@op("vote")
def vote(e: Emitter, ins: Instruction) -> None:
    if "sync" not in ins.modifiers:
        raise e.unsupported()
    d, p, members = ins.operands
    group = e.op("and", e.use(members, "i32"), Value(e.mask, "i32", 1))
    ones = e.op("and", e.pack(e.use(p, "i1")), group)
    if "ballot" in ins.modifiers:
        e.write(d, ones)
        return
    some = e.compare("ne", ones, constant(0, "i32"))
    every = e.compare("eq", ones, group)
    if "uni" in ins.modifiers:
        e.write(d, e.op("or", every, e.op("xor", some, constant(1, "i1"))))
    else:
        e.write(d, some if "any" in ins.modifiers else every)


@op("activemask")
def active_mask(e: Emitter, ins: Instruction) -> None:
    e.write(ins.operands[0], Value(e.mask, "i32", 1))


@op("match")
def match(e: Emitter, ins: Instruction) -> None:
    target, agree = first_and_second(ins.operands[0])
    value = e.convert("zext", e.use(ins.operands[1], elem_of(ins.modifiers[-1])), "i64")
    e.line(f"store {e.splat(value)}, ptr %s1, align 64")
    e.line(f"store {e.splat(e.use(ins.operands[2], 'i32'))}, ptr %s2, align 64")
    every = int("all" in ins.modifiers)
    e.call("cg_match", "ptr %s0", "ptr %s1", "ptr %s2", f"i32 {e.mask}", f"i32 {every}")
    result = e.load_scratch(0, "i32", LANES)
    e.write(target, result)
    e.write(agree, e.compare("ne", result, constant(0, "i32")))


@op("redux")
def reduce(e: Emitter, ins: Instruction) -> None:
    operations = {"add": 0, "min": 1, "max": 2, "and": 3, "or": 4, "xor": 5}
    operation = next((operations[m] for m in ins.modifiers if m in operations), None)
    type_ = last_type(e, ins)
    if operation is None or type_ not in ("u32", "s32", "b32"):
        raise e.unsupported()
    e.line(f"store {e.splat(e.use(ins.operands[1], 'i32'))}, ptr %s1, align 64")
    e.line(f"store {e.splat(e.use(ins.operands[2], 'i32'))}, ptr %s2, align 64")
    flags = (f"i32 {operation}", f"i32 {int(is_signed(type_))}")
    e.call("cg_redux", "ptr %s0", "ptr %s1", "ptr %s2", f"i32 {e.mask}", *flags)
    e.write(ins.operands[0], e.load_scratch(0, "i32", LANES))


@op("elect")
def elect(e: Emitter, ins: Instruction) -> None:
    """The lowest lane of the group is the leader."""
    target, leader = first_and_second(ins.operands[0])
    group = e.op("and", e.use(ins.operands[1], "i32"), Value(e.mask, "i32", 1))
    lane = e.intrinsic("cttz", group, extra="i1 false")
    e.write(target, lane)
    lanes = Value("<" + ", ".join(f"i32 {i}" for i in range(LANES)) + ">", "i32", LANES)
    e.write(leader, e.compare("eq", lanes, lane))


@op("bar")
def warp_barrier(e: Emitter, ins: Instruction) -> None:
    """bar.warp.sync: its block has waited already; what came before is ordered with what follows."""
    if ins.modifiers[:1] != ("warp",):
        raise e.unsupported()


@op(BARRIER_RESULT)
def barrier_result(e: Emitter, ins: Instruction) -> None:
    at = e.assign(f"getelementptr i8, ptr %w, i64 {e.context.layout['barrier_value']}", "i64", 1)
    value = e.assign(f"load <32 x i32>, ptr {at.text}, align 4", "i32", LANES)
    target = ins.operands[0]
    if isinstance(target, Register) and target.type == "pred":
        value = e.compare("ne", value, constant(0, "i32"))
    e.write(target, value)
