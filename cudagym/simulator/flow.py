"""A kernel's control flow: device functions inlined, instructions in basic blocks, live registers.

Basic blocks keep the order of the text, because the block with the lowest number runs first when a warp has
diverged; in nvcc's layout that is what lets lanes meet again. An instruction at which lanes of a warp wait for
each other (`shfl.sync`, ...) starts a block, so that waiting lanes have a place to wait at.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

from cudagym.errors import Unsupported
from cudagym.simulator.ptx import (
    Address,
    Function,
    Guard,
    Immediate,
    Instruction,
    Label,
    Module,
    Names,
    Negated,
    Operand,
    Pair,
    Register,
    Symbol,
    Variable,
    Vector,
)

MAX_INSTRUCTIONS = 40_000
MAX_DEPTH = 32
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
))  # fmt: skip
_IGNORED_CALLS = frozenset(("vprintf",))


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
    """Control flow of `entry`. Raises Unsupported for clusters, recursion and calls that cannot be inlined."""
    cluster = re.search(r"\.reqnctapercluster\s+([\d,\s]+)", entry.text.partition("{")[0])
    if cluster and set(re.findall(r"\d+", cluster[1])) != {"1"}:
        line = next((s.line for s in entry.body if isinstance(s, Instruction)), None)
        raise Unsupported("a launch in thread block clusters", line, "launch the kernel without __cluster_dims__")
    inliner = _Inliner(module)
    inliner.expand(entry, "", {}, entry.name, ())
    frame = _frame(module, entry, inliner.variables)
    instructions, blocks = _split(inliner.statements, inliner.targets)
    return Flow(entry.name, blocks, instructions, _liveness(blocks), frame)


class _Inliner:
    """Flattens calls: a callee's registers, labels and variables get a prefix of their own."""

    def __init__(self, module: Module) -> None:
        self.module = module
        self.statements: list[Instruction | Label] = []
        self.variables: list[Variable] = []
        self.targets: dict[str, tuple[str, ...]] = {}
        self.copies = 0

    def expand(
        self, function: Function, prefix: str, arguments: dict[str, str], end: str, callers: tuple[str, ...]
    ) -> None:
        """Appends the body of `function`; `arguments` maps its parameters to the caller's variables."""
        renamed = dict(arguments)
        for variable in function.variables:
            renamed[variable.name] = prefix + variable.name
            self.variables.append(variable._replace(name=prefix + variable.name))
        labels = {s.name for s in function.body if isinstance(s, Label)} | set(function.targets)
        renamed.update((label, prefix + label) for label in labels)
        for label, targets in function.targets.items():
            self.targets[prefix + label] = tuple(prefix + target for target in targets)
        rename = _Renamer(prefix, renamed)
        for statement in function.body:
            if isinstance(statement, Label):
                self.statements.append(Label(prefix + statement.name))
                continue
            instruction = rename.instruction(statement)
            if instruction.opcode == "call":
                self._call(instruction, function, callers)
            elif instruction.opcode == "ret" and prefix:
                target = (Symbol(end),)
                self.statements.append(instruction._replace(opcode="bra", operands=target))
            else:
                self._append(instruction)
        if len(self.statements) > MAX_INSTRUCTIONS:
            raise Unsupported(f"a kernel of more than {MAX_INSTRUCTIONS} instructions")

    def _append(self, instruction: Instruction) -> None:
        """Control and waiting instructions lose their guard to a branch around them."""
        control = instruction.opcode in ("bar", "barrier", "trap", "brx", "exit", "ret", *_WAITING)
        control = control or _waits(instruction)
        if instruction.guard is None or not control:
            self.statements.append(instruction)
            if instruction.opcode in ("bar", "barrier") and "red" in instruction.modifiers:
                result, *rest = instruction.operands
                self.statements[-1] = instruction._replace(operands=tuple(rest))
                self.statements.append(instruction._replace(opcode=BARRIER_RESULT, operands=(result,)))
            return
        self._around(instruction, lambda: self._append(instruction._replace(guard=None)))

    def _around(self, instruction: Instruction, guarded: Callable[[], None]) -> None:
        guard = instruction.guard
        if guard is None:
            guarded()
            return
        self.copies += 1
        label = f"%skip{self.copies}"
        inverse = Guard(guard.register, not guard.negated)
        self.statements.append(
            instruction._replace(opcode="bra", modifiers=(), operands=(Symbol(label),), guard=inverse)
        )
        guarded()
        self.statements.append(Label(label))

    def _call(self, call: Instruction, caller: Function, callers: tuple[str, ...]) -> None:
        has_result = isinstance(call.operands[0], Names)
        callee, *rest = call.operands[has_result:]
        if not isinstance(callee, Symbol):
            raise Unsupported("a call through a function pointer", call.line)
        results = call.operands[0].names if isinstance(call.operands[0], Names) else ()
        arguments = rest[0].names if rest and isinstance(rest[0], Names) else ()
        self._around(call, lambda: self._inline(call, callee.name, results, arguments, (*callers, caller.name)))

    def _inline(
        self,
        call: Instruction,
        name: str,
        results: tuple[str, ...],
        arguments: tuple[str, ...],
        callers: tuple[str, ...],
    ) -> None:
        if name in _IGNORED_CALLS:
            return
        if name == "__assertfail":
            self.statements.append(call._replace(opcode="trap", modifiers=("assert",), operands=(), guard=None))
            return
        function = self.module.functions.get(name)
        if function is None:
            raise Unsupported(f"a call of {name}", call.line)
        if name in callers or len(callers) > MAX_DEPTH:
            raise Unsupported(f"recursion in {name}", call.line)
        formal = [p.name for p in (*function.returns, *function.parameters)]
        if len(formal) != len(results) + len(arguments):
            raise Unsupported(f"a call of {name} with other parameters than it declares", call.line)
        self.copies += 1
        prefix = f"{self.copies}:"
        end = f"%end{self.copies}"
        self.expand(function, prefix, dict(zip(formal, (*results, *arguments), strict=True)), end, callers)
        self.statements.append(Label(end))


class _Renamer:
    """Prefixes the registers of an inlined function and renames its symbols."""

    def __init__(self, prefix: str, names: dict[str, str]) -> None:
        self.prefix, self.names = prefix, names
        self.known: dict[Operand | None, Operand | None] = {}

    def instruction(self, instruction: Instruction) -> Instruction:
        if not self.prefix:
            return instruction
        guard = instruction.guard
        return instruction._replace(
            operands=tuple(self.operand(operand) for operand in instruction.operands),
            guard=guard and Guard(self.register(guard.register), guard.negated),
        )

    def register(self, register: Register) -> Register:
        return Register(self.prefix + register.name, register.type)

    def operand(self, operand: Operand | None) -> Operand | None:
        if operand not in self.known:
            self.known[operand] = self._renamed(operand)
        return self.known[operand]

    def _renamed(self, operand: Operand | None) -> Operand | None:
        match operand:
            case Register():
                return self.register(operand)
            case Symbol(name, offset):
                return Symbol(self.names.get(name, name), offset)
            case Address(base, offset):
                renamed = self.operand(base)
                assert isinstance(renamed, Register | Symbol | Immediate)
                return Address(renamed, offset)
            case Negated(register):
                return Negated(self.register(register))
            case Pair(first, second):
                return Pair(first and self.register(first), second and self.register(second))
            case Vector(elements):
                return Vector(tuple(self.operand(element) for element in elements))
            case Names(names):
                return Names(tuple(self.names.get(name, name) for name in names))
        return operand


def _frame(module: Module, entry: Function, variables: list[Variable]) -> Frame:
    local: dict[str, int] = {}
    shared: dict[str, int] = {}
    local_end = shared_end = 0
    for variable in variables:
        align = max(variable.align, 4)
        if variable.space == "shared":
            continue
        local_end = -(-local_end // align) * align
        local[variable.name] = local_end
        local_end += variable.size
    statics = [v for v in (*module.shared, *variables) if v.space == "shared"]
    used = set(_symbols(entry, module))
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
    return Frame(local, -(-local_end // 4) * 4, shared, shared_end, parameters, end)


def _symbols(entry: Function, module: Module) -> Iterator[str]:
    """Names that the entry or a function it may call mentions."""
    seen, todo = {entry.name}, [entry]
    while todo:
        for statement in todo.pop().body:
            if isinstance(statement, Label):
                continue
            for operand in statement.operands:
                symbol = operand.base if isinstance(operand, Address) else operand
                if not isinstance(symbol, Symbol):
                    continue
                yield symbol.name
                if symbol.name in module.functions and symbol.name not in seen:
                    seen.add(symbol.name)
                    todo.append(module.functions[symbol.name])


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


def registers_in(operand: Operand | None) -> Iterator[Register]:
    """All registers that an operand mentions."""
    match operand:
        case Register():
            yield operand
        case Address(base=Register() as base):
            yield base
        case Negated(register):
            yield register
        case Pair(first, second):
            yield from (register for register in (first, second) if register)
        case Vector(elements):
            for element in elements:
                yield from registers_in(element)


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
