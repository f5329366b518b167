"""A kernel to LLVM IR: one function that runs the lanes of a warp through basic blocks under a mask.

Each lane has the number of the basic block it runs next. The scheduler at the head of the function picks the lanes
with the lowest number and dispatches to their block; a branch that all live lanes take together jumps there straight.
While all live lanes are at one place, the code of together.py runs instead where there is some.
The function returns when no lane can run, or, at a jump backwards, when its fuel is spent.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from cudagym.simulator.control import Control
from cudagym.simulator.emit import LANES, Context, Emitter, Value, constant
from cudagym.simulator.flow import BasicBlock, Flow, member_mask
from cudagym.simulator.isa.barriers import phase_is_over
from cudagym.simulator.ptx import Instruction
from cudagym.simulator.together import Plan, Together, plan_of

_SCRATCH = 6
"""Arrays of 256 bytes on the stack through which vectors travel to and from the runtime."""

Execute = Callable[[Emitter, Instruction], None]
Entries = dict[int, list[tuple[str, str]]]
"""By basic block: the masks it may be entered with, and the labels that they come from."""


class Lowered(NamedTuple):
    """What the machine needs to run a kernel, besides its code."""

    ir: str
    register_bytes: int


def lower(flow: Flow, context: Context, execute: Execute) -> Lowered:
    """The whole module. `execute` writes out one instruction and raises Unsupported where it cannot."""
    plan = plan_of(flow)
    apart = _Apart(flow, context, plan)
    bodies = apart.blocks(execute)
    together = Together(apart, plan)
    bodies += together.blocks(execute)
    text = [*apart.prologue(), *together.prologue(), *bodies, "}"]
    text += apart.library.values()
    text += apart.declared.values()
    text += together.tables()
    text.append('attributes #0 = { nounwind "prefer-vector-width"="512" "min-legal-vector-width"="512" }')
    return Lowered("\n".join(text) + "\n", -(-apart.register_bytes // 64) * 64)


class _Apart(Control):
    """The way of lanes that are not all at one place: scheduler, masks, branches."""

    def __init__(self, flow: Flow, context: Context, plan: Plan) -> None:
        super().__init__(flow, context)
        self.plan = plan

    def blocks(self, execute: Execute) -> list[str]:
        """The text of all basic blocks."""
        bodies: list[str] = []
        entries: Entries = {b.number: [("%m", "dispatch")] for b in self.flow.blocks}
        for block in self.flow.blocks:
            self.lines = []
            self._block(block, entries, execute)
            bodies += [f"b{block.number}:", f"@phi{block.number}", *self.lines]
        phis = {
            f"@phi{index}": f"  %m{index} = phi i32 " + ", ".join(f"[ {mask}, %{label} ]" for mask, label in sources)
            for index, sources in entries.items()
        }
        return [phis.get(line, line) for line in bodies]

    def prologue(self) -> list[str]:
        """What stands before the blocks: addresses that all of them use, and the scheduler."""
        at = self.context.layout
        text = ["define i32 @kernel(ptr noalias %w) #0 {", "entry:"]
        text += [f"  %s{k} = alloca [256 x i8], align 64" for k in range(_SCRATCH)]
        text.append("  %data = alloca [5120 x i8], align 64")
        text += [f"  %data{k} = getelementptr i8, ptr %data, i64 {1024 * k}" for k in (1, 2)]
        pointers = ("counts", "tid", "ctaid", "shape", "params", "local", "reach", "shared")
        for name in pointers:
            text.append(f"  %{name}.at = getelementptr i8, ptr %w, i64 {at[name]}")
            text.append(f"  %{name} = load ptr, ptr %{name}.at")
        for name in ("live", "barred", "synced", "prefer", "fuel", "steps", "pc", "together", "accesses"):
            text.append(f"  %{name}.at = getelementptr i8, ptr %w, i64 {at[name]}")
        for k, axis in enumerate("xyz"):
            text.append(f"  %tid{axis} = getelementptr i8, ptr %tid, i64 {128 * k}")
        text.append(f"  %registers = getelementptr i8, ptr %w, i64 {at['registers']}")
        self.declared["umin"] = "declare i16 @llvm.vector.reduce.umin.v32i16(<32 x i16>)"
        text += [
            "  br label %again",
            "schedule:",
            "  %live = load i32, ptr %live.at",
            "  %barred = load i32, ptr %barred.at",
            "  %synced = load i32, ptr %synced.at",
            "  %unbarred = xor i32 %barred, -1",
            "  %unsynced = xor i32 %synced, -1",
            "  %able = and i32 %live, %unbarred",
            "  %ready = and i32 %able, %unsynced",
            "  %none = icmp eq i32 %ready, 0",
            "  br i1 %none, label %rest, label %pick",
            "rest:",
            "  ret i32 0",
            "yield:",
            "  ret i32 1",
            "pick:",
            "  %prefer32 = load i32, ptr %prefer.at",
            "  %prefer = trunc i32 %prefer32 to i16",
            "  %prefer1 = insertelement <32 x i16> poison, i16 %prefer, i32 0",
            "  %prefers = shufflevector <32 x i16> %prefer1, <32 x i16> poison, <32 x i32> zeroinitializer",
            "  %pcs = load <32 x i16>, ptr %pc.at, align 64",
            "  %keys = sub <32 x i16> %pcs, %prefers",
            "  %readies = bitcast i32 %ready to <32 x i1>",
            "  %ranked = select <32 x i1> %readies, <32 x i16> %keys, <32 x i16> splat (i16 -1)",
            "  %least = call i16 @llvm.vector.reduce.umin.v32i16(<32 x i16> %ranked)",
            "  %next = add i16 %least, %prefer",
            "  %next1 = insertelement <32 x i16> poison, i16 %next, i32 0",
            "  %nexts = shufflevector <32 x i16> %next1, <32 x i16> poison, <32 x i32> zeroinitializer",
            "  %same = icmp eq <32 x i16> %pcs, %nexts",
            "  %sames = bitcast <32 x i1> %same to i32",
            "  %m = and i32 %sames, %able",
            "  %others = xor i32 %m, -1",
            "  %still = and i32 %synced, %others",
            "  store i32 %still, ptr %synced.at",
            "  %whole = icmp eq i32 %m, %live",
            "  br i1 %whole, label %meet, label %dispatch",
            "dispatch:",
            "  switch i16 %next, label %rest ["
            + " ".join(f"i16 {b.number}, label %b{b.number}" for b in self.flow.blocks)
            + "]",
        ]
        return text

    def _block(self, block: BasicBlock, entries: Entries, execute: Execute) -> None:
        self.now, self.dirty, self.splats, self.guard = {}, {}, {}, None
        self.mask = f"%m{block.number}"
        if block.waits:
            self._wait(block)
        self.count_block(len(block.instructions) + (block.end.instruction is not None), block.number)
        self.ahead = len(block.instructions) + (block.end.instruction is not None)
        for instruction, site in zip(block.instructions, block.sites, strict=True):
            self.ahead -= 1
            self.instruction, self.site = instruction, site
            self.guard = self.predicate(instruction.guard) if instruction.guard else None
            execute(self, instruction)
        self.guard = None
        if block.end.instruction is not None:
            self.instruction, self.site = block.end.instruction, block.end.site
        self._end(block, entries)

    def _wait(self, block: BasicBlock) -> None:
        """Lanes named in the member mask that still live must be here too; or a phase of an mbarrier be over."""
        self.instruction, self.site = block.instructions[0], block.sites[0]
        ready = phase_is_over(self, self.instruction) if self.instruction.opcode == "mbarrier" else self._all_here()
        _ = self.lanes  # named before the branch, for both its sides
        self.line(f"br {ready}, label %go{block.number}, label %wait{block.number}")
        self.lines.append(f"wait{block.number}:")
        self._store_pcs(constant(block.number, "i16"))
        synced = self.assign("load i32, ptr %synced.at", "i32", 1)
        self.line(f"store {self.op('or', synced, Value(self.mask, 'i32', 1))}, ptr %synced.at")
        self.line("br label %schedule")
        self.lines.append(f"go{block.number}:")

    def _all_here(self) -> Value:
        members = self.use(member_mask(self.instruction), "i32")
        if members.n > 1:
            zero = constant(0, "i32")
            chosen = self.select(Value(self.lanes, "i1", LANES), members, zero)
            self.declared["or"] = "declare i32 @llvm.vector.reduce.or.v32i32(<32 x i32>)"
            members = self.assign(f"call i32 @llvm.vector.reduce.or.v32i32({chosen})", "i32", 1)
        live = self.assign("load i32, ptr %live.at", "i32", 1)
        absent = self.op("xor", Value(self.mask, "i32", 1), constant(-1, "i32"))
        missing = self.op("and", self.op("and", live, absent), members)
        return self.compare("eq", missing, constant(0, "i32"))

    def _end(self, block: BasicBlock, entries: Entries) -> None:
        index, end = block.number, block.end
        condition = self.pack(self.predicate(end.guard)) if end.kind == "branch" and end.guard else None
        switch = self.switch_index(end.instruction) if end.kind == "switch" and end.instruction else None
        barrier = self.barrier_operands() if end.kind == "barrier" else None
        self.flush(self.flow.live_out(block))
        match end.kind:
            case "exit":
                live = self.assign("load i32, ptr %live.at", "i32", 1)
                gone = self.op("xor", Value(self.mask, "i32", 1), constant(-1, "i32"))
                self.line(f"store {self.op('and', live, gone)}, ptr %live.at")
                self.line("br label %schedule")
            case "trap":
                self.call("cg_trap", "ptr %w", f"i32 {self.mask}", f"i32 {self.site}")
                self.line("unreachable")
            case "barrier":
                assert barrier is not None
                self._store_pcs(constant(index + 1, "i16"))
                self.call("cg_barrier", "ptr %w", f"i32 {self.mask}", *barrier)
                self.line("br label %schedule")
            case "switch":
                assert switch is not None
                self._store_pcs(self.switch_target(switch, end.targets))
                self._spend(any(target <= index for target in end.targets))
            case "branch":
                assert condition is not None
                self._branch(index, condition, end.targets[0], entries)
            case _:
                self._jump(index, end.targets[0] if end.kind == "jump" else index + 1, entries)

    def _store_pcs(self, target: Value) -> None:
        old = self.assign("load <32 x i16>, ptr %pc.at, align 64", "i16", LANES)
        new = self.assign(f"select <32 x i1> {self.lanes}, {self.splat(target)}, {old}", "i16", LANES)
        self.line(f"store {new}, ptr %pc.at, align 64")

    def _spend(self, backwards: bool) -> None:
        """Goes to the scheduler; after a jump backwards with the fuel spent, out of the kernel."""
        if backwards:
            self.line(f"br {self.fuel()}, label %schedule, label %yield")
        else:
            self.line("br label %schedule")

    def _branch(self, index: int, condition: Value, target: int, entries: Entries) -> None:
        """Lanes whose bit is set go to `target`, the others on. If all live lanes agree, straight away."""
        mask = Value(self.mask, "i32", 1)
        taken = self.op("and", condition, mask)
        others = self.op("and", self.op("xor", condition, constant(-1, "i32")), mask)
        live = self.assign("load i32, ptr %live.at", "i32", 1)
        full = self.fuel() if target <= index else None
        all_taken = self.compare("eq", taken, live)
        if full:
            all_taken = self.op("and", all_taken, full)
        self.line(f"br {all_taken}, label %t{index}, label %n{index}")
        self.lines.append(f"t{index}:")
        self._straight(f"t{index}", index, target, entries)
        self.lines.append(f"n{index}:")
        none_taken = self.compare("eq", others, live)
        if full:
            none_taken = self.op("and", none_taken, full)
        self.line(f"br {none_taken}, label %f{index}, label %d{index}")
        self.lines.append(f"f{index}:")
        self._straight(f"f{index}", index, index + 1, entries)
        self.lines.append(f"d{index}:")
        lanes = self.bits(taken, "i1", LANES)
        pcs = self.select(lanes, constant(target, "i16"), constant(index + 1, "i16"))
        self._store_pcs(pcs)
        self.line(f"br {full}, label %schedule, label %yield" if full else "br label %schedule")

    def _straight(self, label: str, index: int, target: int, entries: Entries) -> None:
        """All live lanes go on at `target`; at the door of a loop, the way that together.py writes."""
        if target in self.plan.doors and index not in self.plan.blocks:
            self.line(f"store {self.splat(constant(target, 'i16'))}, ptr %pc.at, align 64")
            self.line("br label %schedule")
        else:
            self.line(f"br label %b{target}")
            entries[target].append((self.mask, label))

    def _jump(self, index: int, target: int, entries: Entries) -> None:
        live = self.assign("load i32, ptr %live.at", "i32", 1)
        together = self.compare("eq", Value(self.mask, "i32", 1), live)
        full = self.fuel() if target <= index else None
        if full:
            together = self.op("and", together, full)
        self.line(f"br {together}, label %t{index}, label %d{index}")
        self.lines.append(f"t{index}:")
        self._straight(f"t{index}", index, target, entries)
        self.lines.append(f"d{index}:")
        self._store_pcs(constant(target, "i16"))
        self.line(f"br {full}, label %schedule, label %yield" if full else "br label %schedule")
