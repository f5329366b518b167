"""Calls: a kernel and the device functions it reaches, as one list of statements.

A function is inlined where it is called: its registers, labels and variables get a prefix of their own. Functions that
recurse, and those that a pointer may call, stand once behind the kernel instead. Each of their activations has a frame
in the thread's local memory, at the address in `%frame`: the number of the place to return to, results and parameters,
variables, and the registers that a recursive call would overwrite. A call through a pointer compares it with the
address of each function whose address is taken and whose signature fits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property, partial
from typing import NamedTuple

from cudagym.errors import Unsupported
from cudagym.simulator.ptx import (
    SIZES,
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
    registers_in,
)

MAX_INSTRUCTIONS = 40_000
MAX_DEPTH = 64
"""Calls within calls that are inlined."""
STACK_BYTES = 16 << 10
"""Per thread, for the frames of functions that recurse; and as much again for `alloca`."""
STACK, DYNAMIC = "%stack", "%dynamic"
"""The variables that hold them."""
MALLOC, FREE = "%malloc", "%free"
"""Instructions that stand for calls of the heap's functions (see isa/heap.py)."""
FUNCTIONS = 1 << 43
"""Addresses of functions start here, 16 bytes apart; no memory is there."""

_FRAME, _BREAK = Register("%frame", "b64"), Register("%break", "b64")
_OWN = "%call."
"""How the names of registers begin that hold nothing across a call."""
_RETURNS = "%returns"
MOST_QUOTED = 200
"""Characters of what an assertion says."""

Statement = Instruction | Label


class Flat(NamedTuple):
    """A kernel without calls."""

    statements: list[Statement]
    variables: list[Variable]
    """Of the spaces local, shared and param; those in frames left out."""
    targets: dict[str, tuple[str, ...]]
    reached: frozenset[str]
    """The functions that may run, the kernel included."""


def function_addresses(module: Module) -> dict[str, int]:
    """What pointers to the module's device functions hold."""
    names = [function.name for function in module.functions.values() if not function.is_entry]
    return {name: FUNCTIONS + 16 * k for k, name in enumerate(names, 1)}


def flatten(module: Module, entry: Function) -> Flat:
    """The kernel `entry`. Raises Unsupported for functions that nothing defines."""
    return _Flattener(module, entry).flatten()


class _Graph:
    """Who may call whom in a module."""

    def __init__(self, module: Module) -> None:
        self.module = module
        self.known: dict[str, frozenset[str]] = {}
        self.recursive: set[str] = set()

    @cached_property
    def taken(self) -> tuple[Function, ...]:
        """Functions whose address a variable or an instruction holds."""
        names = {relocation.symbol for variable in self.module.variables for relocation in variable.relocations}
        for function in self.module.functions.values():
            for statement in function.body:
                if isinstance(statement, Instruction) and statement.opcode != "call":
                    names.update(operand.name for operand in statement.operands if isinstance(operand, Symbol))
        return tuple(f for f in self.module.functions.values() if f.name in names and not f.is_entry)

    def candidates(self, caller: Function, call: Instruction) -> list[str]:
        """The functions that a call through a pointer may reach."""
        label = call.operands[-1]
        if not isinstance(label, Symbol):
            raise Unsupported("a call through a pointer without a prototype", call.line)
        if label.name in caller.targets:
            return [name for name in caller.targets[label.name] if name in self.module.functions]
        wanted = caller.prototypes.get(label.name)
        return [f.name for f in self.taken if wanted == f.signature]

    def callees(self, name: str) -> frozenset[str]:
        """The defined functions that a function calls itself."""
        if name not in self.known:
            found: set[str] = set()
            function = self.module.functions[name]
            for call in calls_of(function):
                callee = callee_of(call)
                found.update([callee.name] if isinstance(callee, Symbol) else self.candidates(function, call))
            self.known[name] = frozenset(found & self.module.functions.keys())
        return self.known[name]

    def reached(self, name: str) -> frozenset[str]:
        """The functions that may run because `name` does; itself only if it may be called again."""
        found: set[str] = set()
        todo = [name]
        while todo:
            new = self.callees(todo.pop()) - found
            found |= new
            todo += new
        return frozenset(found)

    def standing(self, entry: str) -> frozenset[str]:
        """The functions that cannot be inlined."""
        names = self.reached(entry)
        pointed: set[str] = set()
        for caller in (self.module.functions[name] for name in (entry, *names)):
            for call in calls_of(caller):
                if isinstance(callee_of(call), Register):
                    pointed.update(self.candidates(caller, call))
        self.recursive = self._recursive(names)
        return frozenset(pointed | self.recursive)

    def _recursive(self, names: frozenset[str]) -> set[str]:
        """Those of `names`, with all that they call, that may call themselves."""
        left = {name: len(self.callees(name)) for name in names}
        callers: dict[str, list[str]] = {name: [] for name in names}
        for name in names:
            for callee in self.callees(name):
                callers[callee].append(name)
        ends = [name for name, count in left.items() if not count]
        while ends:  # who calls nothing that is left cannot recurse
            name = ends.pop()
            del left[name]
            for caller in callers[name]:
                left[caller] -= 1
                if not left[caller]:
                    ends.append(caller)
        return {name for name in left if name in self.reached(name)}


def calls_of(function: Function) -> Iterator[Instruction]:
    return (s for s in function.body if isinstance(s, Instruction) and s.opcode == "call")


def callee_of(call: Instruction) -> Operand | None:
    """A function's name, or the register that points to it."""
    return call.operands[isinstance(call.operands[0], Names)]


class _Frame:
    """Where the parts of one function's activation lie."""

    def __init__(self, function: Function) -> None:
        self.label = f"%function:{function.name}"
        self.size = 8  # the place to return to
        self.formal = [(self.place(p.size, p.align), p.size) for p in (*function.returns, *function.parameters)]
        self.saved: dict[Register, int] = {}

    def place(self, size: int, align: int) -> int:
        start = -(-self.size // align) * align
        self.size = start + size
        return start

    @property
    def bytes(self) -> int:
        return -(-self.size // 16) * 16


class _Flattener:
    """Writes out the statements of a kernel."""

    def __init__(self, module: Module, entry: Function) -> None:
        self.module, self.entry = module, entry
        self.graph = _Graph(module)
        self.standing = self.graph.standing(entry.name)
        self.addresses = function_addresses(module)
        self.statements: list[Statement] = []
        self.variables: list[Variable] = []
        self.targets: dict[str, tuple[str, ...]] = {}
        self.copies = self.depth = 0
        self.frames: dict[str, _Frame] = {}
        self.todo: list[str] = []
        self.owner = ""
        """The standing function whose statements are being written; empty for the kernel."""
        self.stacked: dict[str, int] = {}
        """Offsets of variables in their frame."""
        self.sites: list[str] = []
        self.allocates = False

    def flatten(self) -> Flat:
        self._expand(self.entry, "", {}, None)
        if self.standing:
            self.statements.append(Instruction("exit", (), (), None, 0, None))
        while self.todo:
            self._stand(self.module.functions[self.todo.pop()])
        self._finish_frames()
        if self.standing:
            self.targets[_RETURNS] = tuple(self.sites)
        for name, register in ((STACK, _FRAME), (DYNAMIC, _BREAK)):
            if self.standing if name == STACK else self.allocates:
                size = self._stack_bytes() if name == STACK else STACK_BYTES
                self.variables.append(Variable(name, "local", size, 16))
                self.statements.insert(0, Instruction("mov", ("u64",), (register, Symbol(name)), None, 0, None))
        reached = self.graph.reached(self.entry.name) | {self.entry.name}
        return Flat(self.statements, self.variables, self.targets, reached)

    def _stack_bytes(self) -> int:
        """The most bytes of frames that lie on the stack at once. With recursion there is no such number."""
        if self.graph.recursive:
            return STACK_BYTES
        known: dict[str, int] = {}

        def deepest(name: str) -> int:
            if name not in known:
                own = self.frames[name].bytes if name in self.frames else 0
                known[name] = own + max((deepest(callee) for callee in self.graph.callees(name)), default=0)
            return known[name]

        return deepest(self.entry.name)

    def _stand(self, function: Function) -> None:
        """Writes a function that keeps its place, once."""
        frame, prefix = self.frames[function.name], function.name + ":"
        formal = [p.name for p in (*function.returns, *function.parameters)]
        self.stacked.update((prefix + name, place) for name, (place, _) in zip(formal, frame.formal, strict=True))
        self.owner, start = function.name, len(self.statements)
        self.statements.append(Label(frame.label))
        self._expand(function, prefix, {name: prefix + name for name in formal}, None)
        self._return(Instruction("ret", (), (), None, 0, None), prefix)
        mentioned = {
            register
            for statement in self.statements[start:]
            if isinstance(statement, Instruction)
            for operand in (*statement.operands, statement.guard and statement.guard.register)
            for register in registers_in(operand)
            if register not in (_FRAME, _BREAK) and not register.name.startswith(_OWN)
        }
        for register in sorted(mentioned):
            size = 4 if register.type == "pred" else SIZES[register.type]
            frame.saved[register] = frame.place(size, size)
        self.owner = ""

    # -- statements --

    def _expand(self, function: Function, prefix: str, arguments: dict[str, str], end: str | None) -> None:
        """Appends the body of `function`; `arguments` maps its parameters to variables. Returns lead to `end`."""
        renamed = dict(arguments)
        for variable in function.variables:
            renamed[variable.name] = prefix + variable.name
            if self.owner and variable.space != "shared":
                place = self.frames[self.owner].place(variable.size, variable.align)
                self.stacked[prefix + variable.name] = place
            else:
                self.variables.append(variable._replace(name=prefix + variable.name))
        labels = {s.name for s in function.body if isinstance(s, Label)} | set(function.targets)
        renamed.update((label, prefix + label) for label in labels)
        for label, targets in function.targets.items():
            self.targets[prefix + label] = tuple(prefix + target for target in targets)
        rename = _Renamer(prefix, renamed)
        allocates = any(isinstance(s, Instruction) and s.opcode == "alloca" for s in function.body)
        if allocates and prefix:
            self._emit("mov", "b64", Register(prefix + "%break", "b64"), _BREAK)
        for statement in function.body:
            if isinstance(statement, Label):
                self.statements.append(Label(prefix + statement.name))
                continue
            instruction = rename.instruction(statement)
            if instruction.opcode == "call":
                self._around(instruction, partial(self._call, instruction, statement, function))
            elif instruction.opcode == "ret" and end:
                self.statements.append(instruction._replace(opcode="bra", operands=(Symbol(end),)))
            elif instruction.opcode == "ret" and prefix:
                self._around(instruction, partial(self._return, instruction, prefix if allocates else ""))
            else:
                self._append(instruction)
        if end:
            self.statements.append(Label(end))
            if allocates:
                self._emit("mov", "b64", _BREAK, Register(prefix + "%break", "b64"))
        if len(self.statements) > MAX_INSTRUCTIONS:
            raise Unsupported(f"a kernel of more than {MAX_INSTRUCTIONS} instructions")

    def _emit(self, opcode: str, modifiers: str, *operands: Operand | None, line: int | None = None) -> None:
        self._append(Instruction(opcode, tuple(modifiers.split(".")), operands, None, 0, line))

    def _append(self, instruction: Instruction) -> None:
        """Adds an instruction; variables in frames are found through `%frame`, memory of `alloca` behind `%break`."""
        if instruction.opcode in ("alloca", "stacksave", "stackrestore"):
            self._allocate(instruction)
            return
        operands = tuple(self._placed(operand) for operand in instruction.operands)
        if operands != instruction.operands:
            modifiers = tuple("local" if m.startswith("param") else m for m in instruction.modifiers)
            instruction = instruction._replace(operands=operands, modifiers=modifiers)
        self.statements.append(instruction)

    def _placed(self, operand: Operand | None) -> Operand | None:
        match operand:
            case Address(Symbol(name, more), offset) if name in self.stacked:
                return Address(_FRAME, self.stacked[name] + more + offset)
            case Symbol(name, offset) if name in self.stacked:
                register = self._register("b64")
                self._emit("add", "s64", register, _FRAME, Immediate(self.stacked[name] + offset))
                return register
        return operand

    def _register(self, type_: str) -> Register:
        self.copies += 1
        return Register(f"{_OWN}{self.copies}", type_)

    def _around(self, instruction: Instruction, guarded: Callable[[], None]) -> None:
        """What a guarded instruction stands for, behind a branch."""
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

    def _allocate(self, instruction: Instruction) -> None:
        self.allocates = True
        first, *rest = instruction.operands
        if instruction.opcode == "stackrestore":
            self._emit("mov", "b64", _BREAK, first, line=instruction.line)
        elif instruction.opcode == "stacksave":
            self._emit("mov", "b64", first, _BREAK, line=instruction.line)
        else:
            align = rest[1].value if len(rest) > 1 and isinstance(rest[1], Immediate) else 16
            self._emit("add", "s64", first, _BREAK, Immediate(align - 1), line=instruction.line)
            self._emit("and", "b64", first, first, Immediate(-align), line=instruction.line)
            self._emit("add", "s64", _BREAK, first, rest[0], line=instruction.line)

    # -- calls --

    def _call(self, call: Instruction, original: Instruction, caller: Function) -> None:
        """A call without its guard. `original` has the names that it has in `caller`."""
        call = call._replace(guard=None)
        results, arguments = _names(call)
        callee = callee_of(call)
        if isinstance(callee, Register):
            self._enter(call, callee, self.graph.candidates(caller, original), results, arguments)
            return
        if not isinstance(callee, Symbol):
            raise Unsupported("a call of something that is not a function", call.line)
        if self._built_in(call, callee.name, original, caller):
            return
        function = self.module.functions.get(callee.name)
        if function is None:
            raise Unsupported(f"a call of {callee.name}", call.line)
        formal = [p.name for p in (*function.returns, *function.parameters)]
        if len(formal) != len(results) + len(arguments):
            raise Unsupported(f"a call of {callee.name} with other parameters than it declares", call.line)
        if callee.name in self.standing:
            self._enter(call, None, [callee.name], results, arguments)
            return
        if self.depth == MAX_DEPTH:
            raise Unsupported(f"calls within more than {MAX_DEPTH} calls", call.line)
        self.copies += 1
        self.depth += 1
        given = dict(zip(formal, (*results, *arguments), strict=True))
        self._expand(function, f"{self.copies}:", given, f"%end{self.copies}")
        self.depth -= 1

    def _enter(
        self,
        call: Instruction,
        pointer: Register | None,
        names: list[str],
        results: tuple[str, ...],
        arguments: tuple[str, ...],
    ) -> None:
        """A call of a standing function, the one of `names` whose address is in `pointer`."""
        trap = call._replace(opcode="trap", modifiers=("call",), operands=())
        if not names:
            self.statements.append(trap)
            return
        for name in names:
            if name not in self.frames:
                self.frames[name] = _Frame(self.module.functions[name])
                self.todo.append(name)
        formal = self.frames[names[0]].formal
        recurses = bool(self.owner) and any(self.owner in self.graph.reached(name) for name in names)
        size, callee, line = Symbol(f"%size:{self.owner}"), self._register("b64"), call.line
        self._emit("add", "s64", callee, _FRAME, size, line=line)
        for name, (place, length) in zip(arguments, formal[len(results) :], strict=True):
            for at, type_ in _pieces(place, length):
                piece = self._register(type_)
                self._emit("ld", f"param.{type_}", piece, Address(Symbol(name), at), line=line)
                self._emit("st", f"local.{type_}", Address(callee, place + at), piece, line=line)
        self._emit("st", "local.u32", Address(callee, 0), Immediate(len(self.sites)), line=line)
        if recurses:
            self._emit("%save", "", Symbol(self.owner), line=line)
        self._emit("mov", "b64", _FRAME, callee, line=line)
        if pointer is None:
            self.statements.append(
                call._replace(opcode="bra", modifiers=(), operands=(Symbol(self.frames[names[0]].label),))
            )
        else:
            for name in names:
                fits = self._register("pred")
                self._emit("setp", "eq.u64", fits, pointer, Immediate(self.addresses[name]), line=line)
                target = (Symbol(self.frames[name].label),)
                self.statements.append(
                    call._replace(opcode="bra", modifiers=(), operands=target, guard=Guard(fits, False))
                )
            self.statements.append(trap)
        self.sites.append(f"%return{len(self.sites)}")
        self.statements.append(Label(self.sites[-1]))
        pieces = []
        for name, (place, length) in zip(results, formal, strict=False):
            for at, type_ in _pieces(place, length):
                pieces.append((name, at, type_, self._register(type_)))
                self._emit("ld", f"local.{type_}", pieces[-1][3], Address(_FRAME, place + at), line=line)
        self._emit("sub", "s64", _FRAME, _FRAME, size, line=line)
        for name, at, type_, piece in pieces:
            self._emit("st", f"param.{type_}", Address(Symbol(name), at), piece, line=line)
        if recurses:
            self._emit("%restore", "", Symbol(self.owner), line=line)

    def _return(self, instruction: Instruction, allocating: str) -> None:
        """Leaves a standing function for the place that its frame names."""
        if allocating and self.allocates:
            self._emit("mov", "b64", _BREAK, Register(allocating + "%break", "b64"))
        site = self._register("b32")
        self._emit("ld", "local.u32", site, Address(_FRAME, 0), line=instruction.line)
        self._emit("brx", "idx", site, Symbol(_RETURNS), line=instruction.line)

    def _finish_frames(self) -> None:
        """Once all frames are known: their sizes, and which registers to keep across recursive calls."""
        statements: list[Statement] = []
        sizes = {f"%size:{name}": Immediate(frame.bytes) for name, frame in self.frames.items()} | {
            "%size:": Immediate(0)
        }
        for statement in self.statements:
            if isinstance(statement, Instruction) and statement.opcode in ("%save", "%restore"):
                (owner,) = statement.operands
                assert isinstance(owner, Symbol)
                for register, place in self.frames[owner.name].saved.items():
                    statements += _kept(statement, register, place)
                continue
            if isinstance(statement, Instruction) and statement.opcode in ("add", "sub"):
                last = statement.operands[-1]
                if isinstance(last, Symbol) and last.name in sizes:
                    statement = statement._replace(operands=(*statement.operands[:-1], sizes[last.name]))
            statements.append(statement)
        self.statements = statements

    # -- functions of CUDA --

    def _built_in(self, call: Instruction, name: str, original: Instruction, caller: Function) -> bool:
        """Writes out a call of a function that CUDA defines. Says whether it is one."""
        results, arguments = _names(call)
        if name == "vprintf":
            # Nothing is printed; the result is the number of arguments, as on a GPU.
            text = self._text(caller, original, 0) or ""
            count = sum(part.count("*") + (part[:1] != "") for part in text.replace("%%", "").split("%")[1:])
            self._emit("st", "param.b32", Address(Symbol(results[0]), 0), Immediate(count), line=call.line)
        elif name == "__assertfail":
            said = tuple(_quoted(self._text(caller, original, k) or "") for k in (0, 3))
            self.statements.append(call._replace(opcode="trap", modifiers=("assert", *said), operands=()))
        elif name == "malloc":
            size, pointer = self._register("b64"), self._register("b64")
            self._emit("ld", "param.b64", size, Address(Symbol(arguments[0]), 0), line=call.line)
            self._emit(MALLOC, "u64", pointer, size, line=call.line)
            self._emit("st", "param.b64", Address(Symbol(results[0]), 0), pointer, line=call.line)
        elif name == "free":
            pointer = self._register("b64")
            self._emit("ld", "param.b64", pointer, Address(Symbol(arguments[0]), 0), line=call.line)
            self._emit(FREE, "u64", pointer, line=call.line)
        return name in ("vprintf", "__assertfail", "malloc", "free")

    def _text(self, caller: Function, call: Instruction, index: int) -> str | None:
        """The string that an argument points to, where the text of the caller says which."""
        _, arguments = _names(call)
        body = [s for s in caller.body if isinstance(s, Instruction)]
        stores = [
            s.operands[1]
            for s in body
            if s.opcode == "st"
            and isinstance(s.operands[0], Address)
            and s.operands[0].base == Symbol(arguments[index])
        ]
        value = stores[0] if len(stores) == 1 else None
        while isinstance(value, Register):
            writers = [s for s in body if s.operands[:1] == (value,) and s.opcode != "st"]
            value = writers[0].operands[1] if len(writers) == 1 and writers[0].opcode in ("mov", "cvta") else None
        if not isinstance(value, Symbol):
            return None
        images = [v.image for v in self.module.variables if v.name == value.name]
        return images[0][value.offset :].split(b"\0")[0].decode(errors="replace") if images else None


def _quoted(text: str) -> str:
    """The candidate's text as it may stand in a message: short, and nothing that a terminal obeys."""
    return "".join(c if c.isprintable() else " " for c in text[:MOST_QUOTED])


def _names(call: Instruction) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The variables of a call's results and arguments."""
    has_result = isinstance(call.operands[0], Names)
    results = call.operands[0].names if isinstance(call.operands[0], Names) else ()
    rest = call.operands[1 + has_result :]
    return results, rest[0].names if rest and isinstance(rest[0], Names) else ()


def _pieces(place: int, length: int) -> Iterator[tuple[int, str]]:
    """Aligned parts of a parameter, as offset and type."""
    at = 0
    while at < length:
        size = next(s for s in (8, 4, 2, 1) if (place + at) % s == 0 and at % s == 0 and at + s <= length)
        yield at, f"b{8 * size}"
        at += size


def _kept(marker: Instruction, register: Register, place: int) -> Iterator[Instruction]:
    """Saves a register in the frame, or restores it."""
    flag = Register(_OWN + "flag", "b32")
    held, type_ = (flag, "b32") if register.type == "pred" else (register, f"b{8 * SIZES[register.type]}")
    at = Address(_FRAME, place)
    if marker.opcode == "%save":
        if held is flag:
            operands = (flag, Immediate(1), Immediate(0), register)
            yield marker._replace(opcode="selp", modifiers=("b32",), operands=operands)
        yield marker._replace(opcode="st", modifiers=("local", type_), operands=(at, held))
    else:
        yield marker._replace(opcode="ld", modifiers=("local", type_), operands=(held, at))
        if held is flag:
            yield marker._replace(opcode="setp", modifiers=("ne", "s32"), operands=(register, flag, Immediate(0)))


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
