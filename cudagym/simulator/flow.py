"""A kernel's control flow: instructions in basic blocks, live registers. Calls are gone (see calls.py).

Basic blocks keep the order of the text, because the block with the lowest number runs first when a warp has
diverged; in nvcc's layout that is what lets lanes meet again. An instruction at which lanes of a warp wait for
each other (`shfl.sync`, ...) starts a block, so that waiting lanes have a place to wait at.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

from cudagym.errors import Unsupported
from cudagym.simulator.calls import FREE, Flat, flatten
from cudagym.simulator.ptx import (
    Address,
    Function,
    Guard,
    Immediate,
    Instruction,
    Label,
    Module,
    Operand,
    Register,
    Special,
    Symbol,
    registers_in,
)

RESERVED_SHARED = 1024
"""Bytes per block (CUDA C++ Programming Guide 13.0, "Compute Capabilities")."""
MAX_BLOCK = 250
"""Longer straight-line code is cut: the time that LLVM takes grows with the square of a block's length."""
CARRY = Register("%cc", "pred")
"""The condition code that `add.cc` sets and `addc` reads, as one more predicate."""

BARRIER_RESULT = "%barrier"
"""What `bar.red` leaves behind, read by an instruction of this name in the block after the barrier."""

_MATRIX = frozenset(("mma", "wmma", "ldmatrix", "stmatrix", "movmatrix"))
"""All lanes of the warp execute these together."""
_WAITING = frozenset(("shfl", "vote", "match", "redux", "elect", *_MATRIX))
_NO_RESULT = frozenset((
    "st", "red", "cp", "bra", "brx", "bar", "barrier", "ret", "exit", "trap", "brkpt", "call", "prefetch",
    "prefetchu", "fence", "membar", "nanosleep", "discard", "applypriority", "griddepcontrol", "pmevent",
    FREE,
))  # fmt: skip


class End(NamedTuple):
    """How a block ends. Every kind but jump, switch, exit and trap can also go on with the next block."""

    kind: Literal["fall", "jump", "branch", "switch", "barrier", "exit", "trap"]
    targets: tuple[int, ...] = ()
    guard: Guard | None = None
    instruction: Instruction | None = None
    site: int = -1


class BasicBlock(NamedTuple):
    """Straight-line code. `sites` number its instructions within the kernel."""

    number: int
    instructions: tuple[Instruction, ...]
    sites: tuple[int, ...]
    end: End
    waits: bool
    """Whether its first instruction makes the lanes of a warp wait for each other."""


class Frame(NamedTuple):
    """The variables an entry reaches by name."""

    local: dict[str, int]
    """Offset in the thread's local memory, the parameters of device functions included."""
    local_bytes: int
    shared: dict[str, int]
    static_shared_bytes: int
    parameters: dict[str, int]
    parameter_bytes: int
    reserved_shared_bytes: int = 0
    """Shared memory that cooperative_groups takes from what the system reserves, behind the kernel's own."""


class Flow(NamedTuple):
    """An entry, ready to be lowered."""

    name: str
    blocks: tuple[BasicBlock, ...]
    instructions: tuple[Instruction, ...]
    """By site."""
    live_in: tuple[frozenset[Register], ...]
    """Registers that the block, or one after it, reads before writing."""
    frame: Frame

    def live_out(self, block: BasicBlock) -> frozenset[Register]:
        return frozenset().union(*(self.live_in[i] for i in successors(block, len(self.blocks))))

    def line(self, site: int) -> int | None:
        return self.instructions[site].line if 0 <= site < len(self.instructions) else None


def flow_of(module: Module, entry: Function) -> Flow:
    """Control flow of `entry`. Raises Unsupported for clusters and calls of functions that nothing defines."""
    cluster = re.search(r"\.reqnctapercluster\s+([\d,\s]+)", entry.text.partition("{")[0])
    if cluster and set(re.findall(r"\d+", cluster[1])) != {"1"}:
        line = next((s.line for s in entry.body if isinstance(s, Instruction)), None)
        raise Unsupported("a launch in thread block clusters", line, "launch the kernel without __cluster_dims__")
    flat = flatten(module, entry)
    frame = _frame(module, entry, flat)
    instructions, blocks = _split(_unguarded(flat.statements), flat.targets)
    return Flow(entry.name, blocks, instructions, _liveness(blocks), frame)


def _unguarded(statements: list[Instruction | Label]) -> list[Instruction | Label]:
    """Control and waiting instructions lose their guard to a branch around them; `bar.red` its result to another."""
    done: list[Instruction | Label] = []
    for number, statement in enumerate(statements):
        if isinstance(statement, Label):
            done.append(statement)
            continue
        guard, label = statement.guard, f"%past{number}"
        control = statement.opcode in ("bar", "barrier", "trap", "brx", "exit", "ret", *_WAITING) or _waits(statement)
        if guard and control:
            inverse = Guard(guard.register, not guard.negated)
            done.append(statement._replace(opcode="bra", modifiers=(), operands=(Symbol(label),), guard=inverse))
            statement = statement._replace(guard=None)
        done.append(statement)
        if statement.opcode in ("bar", "barrier") and "red" in statement.modifiers:
            result, *rest = statement.operands
            done[-1] = statement._replace(operands=tuple(rest))
            done.append(statement._replace(opcode=BARRIER_RESULT, operands=(result,)))
        if guard and control:
            done.append(Label(label))
    return done


def _frame(module: Module, entry: Function, flat: Flat) -> Frame:
    local: dict[str, int] = {}
    shared: dict[str, int] = {}
    local_end = shared_end = 0
    for variable in flat.variables:
        align = max(variable.align, 4)
        if variable.space == "shared":
            continue
        local_end = -(-local_end // align) * align
        local[variable.name] = local_end
        local_end += variable.size
    statics = [v for v in (*module.shared, *flat.variables) if v.space == "shared"]
    used = set(_symbols(module, flat.reached))
    dynamic = [v for v in statics if v.size == 0]
    for variable in statics:
        if variable.size and (variable.name in used or variable not in module.shared):
            shared_end = -(-shared_end // variable.align) * variable.align
            shared[variable.name] = shared_end
            shared_end += variable.size
    if dynamic:
        align = max(16, *(v.align for v in dynamic))
        start = -(-shared_end // align) * align
        shared.update((v.name, start) for v in dynamic)
        if any(v.name in used for v in dynamic):
            shared_end = start
    parameters = {p.name: p.offset for p in entry.parameters}
    end = max((p.offset + p.size for p in entry.parameters), default=0)
    reserved = any(
        isinstance(operand, Special) and operand.name.startswith("reserved_smem")
        for statement in flat.statements
        for operand in (statement.operands if isinstance(statement, Instruction) else ())
    )
    return Frame(local, -(-local_end // 4) * 4, shared, shared_end, parameters, end, RESERVED_SHARED * reserved)


def _symbols(module: Module, functions: frozenset[str]) -> Iterator[str]:
    """Names that the functions mention."""
    for name in functions:
        for statement in module.functions[name].body:
            for operand in statement.operands if isinstance(statement, Instruction) else ():
                symbol = operand.base if isinstance(operand, Address) else operand
                if isinstance(symbol, Symbol):
                    yield symbol.name


# ---- basic blocks ----


def _split(
    statements: list[Instruction | Label], tables: dict[str, tuple[str, ...]]
) -> tuple[tuple[Instruction, ...], tuple[BasicBlock, ...]]:
    """Cuts statements into blocks: at labels, after control, before and after instructions that wait."""
    chunks: list[list[int]] = [[]]
    labels: dict[str, int] = {}
    instructions: list[Instruction] = []
    for statement in statements:
        if isinstance(statement, Label):
            if chunks[-1]:
                chunks.append([])
            labels[statement.name] = len(chunks) - 1
            continue
        if chunks[-1] and (_must_wait(statement, instructions[chunks[-1][0]]) or len(chunks[-1]) >= MAX_BLOCK):
            chunks.append([])
        chunks[-1].append(len(instructions))
        instructions.append(statement)
        if _ends_block(statement):
            chunks.append([])
    last = [instructions[site] for site in chunks[-1][-1:]]
    if not last or last[0].opcode not in ("ret", "exit", "trap"):
        chunks[-1].append(len(instructions))
        line = instructions[-1].line if instructions else None
        instructions.append(Instruction("exit", (), (), None, 0, line))
    blocks = tuple(_block(i, sites, instructions, labels, tables) for i, sites in enumerate(chunks))
    return tuple(instructions), blocks


def _must_wait(instruction: Instruction, first: Instruction) -> bool:
    """Whether lanes wait before `instruction`. Where `first` began the block with all of them, they are all here."""
    return _waits(instruction) and not (instruction.opcode in _MATRIX and first.opcode in _MATRIX)


def member_mask(instruction: Instruction) -> Operand | None:
    """Which lanes an instruction that makes them wait for each other names."""
    if instruction.opcode in _MATRIX:
        return Immediate(0xFFFFFFFF)
    return instruction.operands[0 if instruction.opcode == "bar" else -1]


def _waits(instruction: Instruction) -> bool:
    if instruction.opcode in _WAITING:
        return "sync" in instruction.modifiers
    if instruction.opcode == "mbarrier":
        return instruction.modifiers[0] == "try_wait"
    return instruction.opcode == "bar" and instruction.modifiers[:1] == ("warp",)


def _ends_block(instruction: Instruction) -> bool:
    return instruction.opcode in ("bra", "brx", "ret", "exit", "trap", "brkpt") or _is_barrier(instruction)


def _is_barrier(instruction: Instruction) -> bool:
    return instruction.opcode in ("bar", "barrier") and instruction.modifiers[:1] not in (("warp",), ("cluster",))


def _block(
    index: int,
    sites: list[int],
    instructions: list[Instruction],
    labels: dict[str, int],
    tables: dict[str, tuple[str, ...]],
) -> BasicBlock:
    def target(operand: Operand | None, instruction: Instruction) -> int:
        if not isinstance(operand, Symbol) or operand.name not in labels:
            raise Unsupported("a branch to a place outside the kernel", instruction.line)
        return labels[operand.name]

    end = End("fall")
    if sites:
        site = sites[-1]
        last = instructions[site]
        match last.opcode:
            case "bra":
                kind: Literal["jump", "branch"] = "branch" if last.guard else "jump"
                end = End(kind, (target(last.operands[0], last),), last.guard, last, site)
            case "brx":
                table = last.operands[1]
                names = tables.get(table.name, ()) if isinstance(table, Symbol) else ()
                if not names:
                    raise Unsupported("a branch through a table that is not declared", last.line)
                end = End("switch", tuple(target(Symbol(name), last) for name in names), None, last, site)
            case "ret" | "exit":
                end = End("exit", (), None, last, site)
            case "trap" | "brkpt":
                end = End("trap", (), None, last, site)
            case _ if _is_barrier(last):
                end = End("barrier", (), None, last, site)
    body = sites if end.kind == "fall" else sites[:-1]
    waits = bool(sites) and _waits(instructions[sites[0]])
    return BasicBlock(index, tuple(instructions[site] for site in body), tuple(body), end, waits)


def successors(block: BasicBlock, count: int) -> tuple[int, ...]:
    """The blocks that may come next."""
    following = (block.number + 1,) if block.number + 1 < count else ()
    match block.end.kind:
        case "jump" | "switch":
            return block.end.targets
        case "exit" | "trap":
            return ()
        case "branch":
            return (*block.end.targets, *following)
    return following


# ---- registers ----


def results(instruction: Instruction) -> tuple[Register, ...]:
    """Registers that an instruction writes."""
    written: tuple[Register, ...] = ()
    first = instruction.operands[0] if instruction.operands else None
    if instruction.opcode not in _NO_RESULT and not isinstance(first, Address):
        written = tuple(registers_in(first))
    return (*written, CARRY) if "cc" in instruction.modifiers else written


def operands(instruction: Instruction) -> Iterator[Register]:
    """Registers that an instruction reads; those it may leave as they are included."""
    writes = bool(results(instruction))
    first = 1 if writes and instruction.operands and instruction.opcode not in _NO_RESULT else 0
    for operand in instruction.operands[first:]:
        yield from registers_in(operand)
    if instruction.opcode in ("addc", "subc", "madc"):
        yield CARRY
    if instruction.guard:
        yield instruction.guard.register
        yield from results(instruction)


def _liveness(blocks: tuple[BasicBlock, ...]) -> tuple[frozenset[Register], ...]:
    """Registers live on entry to each block, by iteration to the fixed point."""
    reads: list[set[Register]] = []
    writes: list[set[Register]] = []
    for block in blocks:
        read: set[Register] = set()
        written: set[Register] = set()
        tail = (block.end.instruction,) if block.end.instruction else ()
        for instruction in (*block.instructions, *tail):
            read.update(register for register in operands(instruction) if register not in written)
            written.update(results(instruction))
        reads.append(read)
        writes.append(written)
    live: list[set[Register]] = [set(read) for read in reads]
    before: list[list[int]] = [[] for _ in blocks]
    for block in blocks:
        for successor in successors(block, len(blocks)):
            before[successor].append(block.number)
    todo = list(range(len(blocks)))
    while todo:
        index = todo.pop()
        for previous in before[index]:
            new = live[index] - writes[previous] - live[previous]
            if new:
                live[previous] |= new
                todo.append(previous)
    return tuple(frozenset(registers) for registers in live)
