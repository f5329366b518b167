"""What both ways of running a warp (lower.py, together.py) say about control: counters, fuel, switches, barriers."""

from __future__ import annotations

from cudagym.simulator.emit import Emitter, Value, constant
from cudagym.simulator.ptx import Instruction


class Control(Emitter):
    """An Emitter with what ends and counts basic blocks."""

    def count_block(self, instructions: int, index: int) -> None:
        """Counts an execution of a basic block: once, its lanes, its instructions."""
        lanes = self.intrinsic("ctpop", Value(self.mask, "i32", 1))
        wide = self.convert("zext", lanes, "i64")
        for offset, amount in ((16 * index, "1"), (16 * index + 8, wide.text)):
            at = self.assign(f"getelementptr i8, ptr %counts, i64 {offset}", "i64", 1)
            self._add(at.text, amount)
        self._add("%steps.at", str(instructions))

    def _add(self, pointer: str, amount: str) -> None:
        old = self.assign(f"load i64, ptr {pointer}", "i64", 1)
        new = self.assign(f"add {old}, {amount}", "i64", 1)
        self.line(f"store {new}, ptr {pointer}")

    def fuel(self) -> Value:
        """Takes one unit of fuel and says whether any is left."""
        old = self.assign("load i64, ptr %fuel.at", "i64", 1)
        new = self.assign(f"add {old}, -1", "i64", 1)
        self.line(f"store {new}, ptr %fuel.at")
        return self.compare("sgt", new, constant(0, "i64"))

    def switch_index(self, instruction: Instruction) -> Value:
        """The operand that says which entry of the table each lane takes."""
        return self.splat(self.use(instruction.operands[0], "i32"))

    def switch_target(self, index: Value, targets: tuple[int, ...]) -> Value:
        """Which block each lane goes to. An index behind the table is undefined in PTX; it takes the last entry."""
        result = self.splat(constant(targets[-1], "i16"))
        for k, target in enumerate(targets[:-1]):
            result = self.select(self.compare("eq", index, constant(k, "i32")), constant(target, "i16"), result)
        return result

    def barrier_operands(self) -> tuple[str, ...]:
        """id, count, mode, site and predicate bits of the barrier that ends the block, for cg_barrier."""
        modifiers, operands = self.instruction.modifiers, list(self.instruction.operands)
        mode, values = 0, "i32 0"
        if "arrive" in modifiers:
            mode = 1
        elif "red" in modifiers:
            mode = {"popc": 2, "and": 3, "or": 4}[next(m for m in modifiers if m in ("popc", "and", "or"))]
            values = str(self.pack(self.use(operands.pop(), "i1")))
        if self.instruction.opcode == "barrier" and "aligned" not in modifiers:
            mode |= 1 << 8
        numbers = [self.any_lane(self.use(operand, "i32")) for operand in operands]
        numbers += [constant(0, "i32")] * (2 - len(numbers))
        return str(numbers[0]), str(numbers[1]), f"i32 {mode}", f"i32 {self.site}", values
