"""The way of a warp whose live lanes are all at one place: plain code without masks.

Registers stay in SSA form from block to block; those that uniform.py names are scalars. Once lanes disagree at a
branch, all live registers are stored as lower.py keeps them, one place per lane, and its scheduler takes over. Where
all live lanes have met again, cg_join looks whether the uniform registers are uniform indeed and leads back.

Between two calls of the kernel (at a barrier, or when the fuel is spent) the registers lie where they do for lanes
apart, but for uniform ones, which take a place of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from cudagym.simulator.control import Control
from cudagym.simulator.emit import BITS, LANES, Emitter, Value, constant, storage
from cudagym.simulator.flow import BasicBlock, Flow, successors
from cudagym.simulator.ptx import Address, Instruction, Operand, Register
from cudagym.simulator.uniform import lane_steps, uniform_registers

_MOST = 20_000
"""Registers that all doors together may load. Beyond, and for longer loops, compiling takes longer than it saves."""
_LONG = 500
"""Instructions in loops."""
_DISTANCE = 16
"""Instructions between doors that are only merges."""
_SHORT = 64
"""Instructions of a kernel that is written out whole, whether it has loops or not."""


class Plan(NamedTuple):
    """Which basic blocks of a kernel are written for lanes together. The others run rarely: compiling takes longer."""

    blocks: frozenset[int]
    doors: frozenset[int]
    """Those where lanes can meet and a warp can go on after a pause."""


def plan_of(flow: Flow) -> Plan:
    """Loops; all of a short kernel. But for waits for an mbarrier, which set lanes aside."""
    last = len(flow.blocks)
    loops = [(target, b.number + 1) for b in flow.blocks for target in b.end.targets if target <= b.number]
    ranges = [(0, last)] if len(flow.instructions) <= _SHORT else loops
    blocks = frozenset(n for first, end in ranges for n in range(first, end))
    blocks -= {b.number for b in flow.blocks if b.waits and b.instructions[0].opcode == "mbarrier"}
    if sum(len(flow.blocks[n].instructions) for n in blocks) > _LONG:
        return Plan(frozenset(), frozenset())
    doors, merges = {0}, {target for block in flow.blocks for target in block.end.targets}
    for block in flow.blocks:
        if block.end.kind == "barrier" or any(target <= block.number for target in block.end.targets):
            doors.update(successors(block, last))
    since = 0
    for block in flow.blocks:
        since = 0 if block.number in doors else since + len(block.instructions) + 1
        if block.number in merges and since > _DISTANCE:
            doors.add(block.number)
            since = 0
    doors &= blocks
    if sum(len(flow.live_in[n]) for n in doors) > _MOST:
        return Plan(frozenset(), frozenset())
    return Plan(blocks, frozenset(doors))


class Arrival(NamedTuple):
    """One way into a block."""

    label: str
    """Of the block of the IR that it comes from."""
    registers: dict[Register, Value]
    splats: dict[str, Value]


class Together(Control):
    """Writes the same blocks as lower.py for lanes that stay together."""

    direct = True

    def __init__(self, apart: Emitter, plan: Plan) -> None:
        """`apart` is done with all blocks: constants and places of registers are known."""
        super().__init__(apart.flow, apart.context)
        self.apart = apart
        self.uniform, self.declared, self.library = apart.uniform, apart.declared, apart.library
        self.mask = "%alive"
        always = {register for register, known in apart.uniform.items() if isinstance(known, int)}
        self.scalar = uniform_registers(self.flow, self.context.rows) | always
        self.places: dict[Register, int] = {}
        self.steps = lane_steps(self.flow, self.context.rows)
        self.kept = [self._kept(n) for n in range(len(self.flow.blocks))]
        self.doors, self.covered = plan.doors, plan.blocks
        self.arrivals: dict[int, list[Arrival]] = {n: [] for n in range(len(self.flow.blocks))}
        self.phis: dict[int, list[Register]] = {}

    def name(self) -> str:
        self.count += 1
        return f"%u{self.count}"

    def _kept(self, block: int) -> list[Register]:
        """The live registers at the start of a block, without constants."""
        live = self.flow.live_in[block]
        return sorted(r for r in live if not isinstance(self.apart.uniform.get(r), Value))

    def step(self, address: Operand | None) -> int | None:
        base = address.base if isinstance(address, Address) else None
        return self.steps.get(base) if isinstance(base, Register) else 0

    # -- text around the blocks --

    def prologue(self) -> list[str]:
        """Where every call starts, and where lanes that were apart have met."""
        table = self.context.layout
        lines = [
            "meet:",
            "  %meets = zext i16 %next to i32",
            "  %bounds = getelementptr [2 x i32], ptr @entries, i32 %meets",
            "  %from = load i32, ptr %bounds",
            "  %bounds1 = getelementptr i8, ptr %bounds, i64 4",
            "  %until = load i32, ptr %bounds1",
            "  %closed = icmp slt i32 %until, 0",
            "  br i1 %closed, label %dispatch, label %ask",
            "ask:",
            "  %first = getelementptr [3 x i32], ptr @uniforms, i32 %from",
            "  %end = getelementptr [3 x i32], ptr @uniforms, i32 %until",
            "  %joined = call i32 @cg_join(ptr %w, i32 %meets, ptr %first, ptr %end)",
            "  %joins = icmp ne i32 %joined, 0",
            "  br i1 %joins, label %again, label %dispatch",
            "again:",
            "  %alive = load i32, ptr %live.at",
            "  %alive.full = icmp eq i32 %alive, -1",
            f"  %shared.reach.at = getelementptr i8, ptr %w, i64 {table['shared_reach']}",
            "  %shared.reach = load i64, ptr %shared.reach.at",
            "  %together = load i32, ptr %together.at",
            "  store i32 0, ptr %together.at",
            "  switch i32 %together, label %schedule ["
            + " ".join(f"i32 {n + 1}, label %r{n}" for n in sorted(self.doors))
            + "]",
        ]
        self.declared["cg_join"] = "declare i32 @cg_join(ptr, i32, ptr, ptr)"
        return lines

    def tables(self) -> list[str]:
        """For cg_join: the uniform registers at each entry, and where each entry's begin and end."""
        rows: list[str] = []
        bounds: list[str] = []
        for block in self.flow.blocks:
            start = len(rows)
            if block.number in self.doors:
                for register in self.kept[block.number]:
                    if register in self.scalar and register not in self.apart.uniform:
                        elem = storage(register)
                        numbers = (self.apart._slot(register), self._place(register), BITS[elem] // 8)
                        rows.append(f"[3 x i32] [{', '.join(f'i32 {n}' for n in numbers)}]")
            end = len(rows) if block.number in self.doors else -1
            bounds.append(f"[2 x i32] [i32 {start}, i32 {end}]")
        return [
            f"@uniforms = private constant [{len(rows)} x [3 x i32]] [{', '.join(rows)}]",
            f"@entries = private constant [{len(bounds)} x [2 x i32]] [{', '.join(bounds)}]",
            '!0 = !{!"branch_weights", i32 4000, i32 1}',
        ]

    # -- blocks --

    def blocks(self, execute: Callable[[Emitter, Instruction], None]) -> list[str]:
        """The text of all blocks that can be reached, with a way in from outside for each entry."""
        bodies: list[str] = []
        for block in self.flow.blocks:
            number = block.number
            self.lines = []
            if number in self.doors:
                self._enter(number)
            if not self.arrivals[number]:
                continue
            self.label(f"a{number}")
            bodies += [*self.lines, f"@phis{number}"]
            self.lines = []
            self._begin(number)
            self._body(block, execute)
            bodies += self.lines
        return [text for line in bodies for text in (self._phis(int(line[5:])) if line[0] == "@" else [line])]

    def _begin(self, number: int) -> None:
        """Sets the registers at the start of a block. Where all ways in are known and agree, there is no phi."""
        ways = self.arrivals[number]
        if len(ways) == 1 and number not in self.doors:
            self.now, self.splats = dict(ways[0].registers), dict(ways[0].splats)
            self.phis[number] = []
            return
        self.splats = {}
        self.now = {}
        self.phis[number] = []
        for register in self.kept[number]:
            values = {way.registers[register] for way in ways}
            if len(values) == 1 and number not in self.doors:
                self.now[register] = values.pop()
            else:
                self.now[register] = Value(f"%p{number}.{len(self.phis[number])}", *self._form(register))
                self.phis[number].append(register)

    def _phis(self, number: int) -> list[str]:
        ways = self.arrivals[number]
        phis = []
        for k, register in enumerate(self.phis[number]):
            sources = ", ".join(f"[ {way.registers[register].text}, %{way.label} ]" for way in ways)
            phis.append(f"  %p{number}.{k} = phi {ways[0].registers[register].type} {sources}")
        return phis

    def _body(self, block: BasicBlock, execute: Callable[[Emitter, Instruction], None]) -> None:
        self.guard = None
        self.ahead = len(block.instructions) + (block.end.instruction is not None)
        self.count_block(self.ahead, block.number)
        self.following = list(zip(block.instructions, block.sites, strict=True))
        while self.following:
            self.ahead -= 1
            instruction, site = self.following.pop(0)
            self.instruction, self.site = instruction, site
            self.guard = self.predicate(instruction.guard) if instruction.guard else None
            execute(self, instruction)
        self.guard = None
        if block.end.instruction is not None:
            self.instruction, self.site = block.end.instruction, block.end.site
        self._end(block)

    # -- registers --

    def _form(self, register: Register) -> tuple[str, int]:
        """The type in which a register goes from block to block."""
        return storage(register), 1 if register in self.scalar else LANES

    def _place(self, register: Register) -> int:
        """Where a uniform register's one value lies."""
        place = self.apart.uniform.get(register)
        if isinstance(place, int):
            return place
        if register not in self.places:
            self.places[register] = self.apart._room(8)
        return self.places[register]

    def _current(self, register: Register) -> Value:
        """A register's value in the form in which it leaves the block."""
        elem, n = self._form(register)
        value = self.bits(self.now[register], elem)
        if n == LANES:
            return self.splat(value)
        if value.n == 1:
            return value
        return self.assign(f"extractelement {value}, i32 0", elem, 1)

    def _enter(self, number: int) -> None:
        """Loads the registers that an entry needs."""
        self.label(f"r{number}")
        values: dict[Register, Value] = {}
        for register in self.kept[number]:
            elem, n = self._form(register)
            if n == 1:
                kept = "i8" if elem == "i1" else elem
                values[register] = self.convert(
                    "trunc", self.assign(f"load {kept}, ptr {self._at(self._place(register))}", kept, 1), elem
                )
            else:
                values[register] = self._load_lanes(register)
        self.arrivals[number].append(Arrival(self.here, values, {}))
        self.line(f"br label %a{number}")

    def _load_lanes(self, register: Register) -> Value:
        elem = storage(register)
        at = self._at(self.apart._slot(register))
        if elem == "i1":
            return self.bits(self.assign(f"load i32, ptr {at}", "i32", 1), "i1", LANES)
        return self.assign(f"load <32 x {elem}>, ptr {at}, align {min(64, 4 * BITS[elem])}", elem, LANES)

    def _store_once(self, register: Register, value: Value) -> None:
        kept = self.convert("zext", value, "i8") if value.elem == "i1" else value
        self.line(f"store {kept}, ptr {self._at(self._place(register))}")

    def _store_lanes(self, register: Register, value: Value) -> None:
        at = self._at(self.apart._slot(register))
        if value.elem == "i1":
            self.line(f"store {self.pack(value)}, ptr {at}")
        else:
            self.line(f"store {self.splat(value)}, ptr {at}, align {min(64, 4 * BITS[value.elem])}")

    def _suspend(self, target: int) -> None:
        """Stores what block `target` needs when the warp goes on there, together."""
        for register in self.kept[target]:
            value = self._current(register)
            (self._store_once if value.n == 1 else self._store_lanes)(register, value)
        self.line(f"store i32 {target + 1}, ptr %together.at")
        self._go_to(constant(target, "i16"))

    def _part(self, targets: tuple[int, ...], pcs: Value) -> None:
        """Stores what the targets need and lets the scheduler take over."""
        for register in sorted({register for target in targets for register in self.kept[target]}):
            value = self._current(register)
            (self._store_once if register in self.apart.uniform else self._store_lanes)(register, value)
        self._go_to(pcs)
        self.line("br label %schedule")

    def _go_to(self, pcs: Value) -> None:
        self.line(f"store {self.splat(pcs)}, ptr %pc.at, align 64")

    # -- ends --

    def _end(self, block: BasicBlock) -> None:
        index, end = block.number, block.end
        match end.kind:
            case "exit":
                self.line("store i32 0, ptr %live.at")
                self.line("ret i32 0")
            case "trap":
                self.call("cg_trap", "ptr %w", f"i32 {self.mask}", f"i32 {self.site}")
                self.line("unreachable")
            case "barrier":
                operands = self.barrier_operands()
                self.call("cg_barrier", "ptr %w", f"i32 {self.mask}", *operands)
                if operands[2] == "i32 1":
                    self._edge(index, index + 1)
                    return
                if index + 1 in self.covered:
                    self._suspend(index + 1)
                    self.line("ret i32 0")
                else:
                    self._part((index + 1,), constant(index + 1, "i16"))
            case "switch":
                assert end.instruction is not None
                self._switch(index, self.switch_index(end.instruction), end.targets)
            case "branch":
                assert end.guard is not None
                self._branch(index, self.predicate(end.guard), end.targets[0])
            case _:
                self._edge(index, end.targets[0] if end.kind == "jump" else index + 1)

    def _branch(self, index: int, condition: Value, target: int) -> None:
        if condition.n == 1:
            yes, no = self._fresh("e"), self._fresh("e")
            self.line(f"br {condition}, label %{yes}, label %{no}")
            self._edge_at(yes, index, target)
            self._edge_at(no, index, index + 1)
            return
        live = Value(self.mask, "i32", 1)
        taken = self.op("and", self.pack(condition), live)
        yes, rest, no, parts = (self._fresh("e") for _ in range(4))
        self.line(f"br {self.compare('eq', taken, live)}, label %{yes}, label %{rest}")
        self._edge_at(yes, index, target)
        self.label(rest)
        self.line(f"br {self.compare('eq', taken, constant(0, 'i32'))}, label %{no}, label %{parts}")
        self._edge_at(no, index, index + 1)
        self.label(parts)
        saved = dict(self.splats)
        lanes = self.bits(taken, "i1", LANES)
        self._part((target, index + 1), self.select(lanes, constant(target, "i16"), constant(index + 1, "i16")))
        self.splats = saved

    def _switch(self, index: int, chosen: Value, targets: tuple[int, ...]) -> None:
        """Lanes go apart, and meet again at the target if it is one."""
        if any(target <= index for target in targets):
            self.fuel()
        self._part(targets, self.switch_target(chosen, targets))

    def _fresh(self, prefix: str) -> str:
        self.count += 1
        return f"{prefix}{self.count}"

    def _edge_at(self, label: str, index: int, target: int) -> None:
        """An edge in a block of the IR of its own."""
        saved = dict(self.splats)
        self.label(label)
        self._edge(index, target)
        self.splats = saved

    def _edge(self, index: int, target: int) -> None:
        """Goes on at `target`; backwards only while there is fuel."""
        if target not in self.covered:
            self._part((target,), constant(target, "i16"))
            return
        if target <= index:
            full, spent = self._fresh("e"), self._fresh("e")
            self.line(f"br {self.fuel()}, label %{full}, label %{spent}, !prof !0")
            saved = dict(self.splats)
            self.label(spent)
            self._suspend(target)
            self.line("ret i32 1")
            self.splats = saved
            self.label(full)
        registers = {r: self._current(r) for r in self.kept[target]}
        self.arrivals[target].append(Arrival(self.here, registers, self.splats))
        self.line(f"br label %a{target}")
