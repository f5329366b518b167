"""PTX text to records: what a module declares, and the instructions of each function, with source lines.

The scanner reads what nvcc emits (PTX ISA 9.0), inline assembly with nested scopes included. It knows the
grammar of statements, not the meaning of instructions: `isa` does. Registers of nested scopes get unique names,
so a function's registers form one flat table. Lines refer to the candidate's file: for code inlined from a header
it is the line of the call.

Anything else than PTX raises `PTXError`, a `GraderError`: the text always comes from the compiler.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Literal, NamedTuple

from cudagym.errors import GraderError

CANDIDATE_FILE = "candidate.cu"

SIZES = {
    **dict.fromkeys(("b8", "u8", "s8", "e4m3", "e5m2"), 1),
    **dict.fromkeys(("b16", "u16", "s16", "f16", "bf16", "e4m3x2", "e5m2x2"), 2),
    **dict.fromkeys(("b32", "u32", "s32", "f32", "f16x2", "bf16x2", "u16x2", "s16x2", "tf32"), 4),
    **dict.fromkeys(("b64", "u64", "s64", "f64"), 8),
    **dict.fromkeys(("texref", "surfref", "samplerref"), 8),
    "b128": 16,
}
"""Bytes of each fundamental type (PTX ISA, "Types")."""


NEWEST = 9
"""Major version of the PTX ISA up to which texts are read."""
MAX_REGISTERS = 1 << 17
"""Virtual registers one function may declare; far beyond what a compiler emits."""
MAX_MODULE_REGISTERS = 1 << 20
"""Of all its functions together."""
MAX_NESTING = 64
"""Scopes within scopes; as far beyond."""


class PTXError(GraderError):
    """The text is not PTX as this scanner knows it."""


class Register(NamedTuple):
    """A virtual register; `type` is as declared (`b32`, `pred`, `f16x2`)."""

    name: str
    type: str


class Special(NamedTuple):
    """A special register: `tid.x`, `laneid`."""

    name: str


class Immediate(NamedTuple):
    """An integer (`type` "int"), or the bits of a floating-point literal (`f32`, `f64`)."""

    value: int
    type: Literal["int", "f32", "f64"] = "int"


class Symbol(NamedTuple):
    """The name of a variable, parameter, label or function, plus an offset in bytes."""

    name: str
    offset: int = 0


class Address(NamedTuple):
    """`[base + offset]`."""

    base: Register | Symbol | Immediate
    offset: int


class Negated(NamedTuple):
    """`!%p`."""

    register: Register


class Pair(NamedTuple):
    """`d|p`: two destinations. Either may be None, written `_`."""

    first: Register | None
    second: Register | None


class Vector(NamedTuple):
    """`{a, b, ...}`. A sink `_` is None."""

    elements: tuple[Operand | None, ...]


class Opaque(NamedTuple):
    """An operand of a form that no supported instruction has."""

    text: str


class Names(NamedTuple):
    """`(a, b)` of a call."""

    names: tuple[str, ...]


Operand = Register | Special | Immediate | Symbol | Address | Negated | Pair | Vector | Names | Opaque


class Guard(NamedTuple):
    """`@%p` or `@!%p`."""

    register: Register
    negated: bool


class Instruction(NamedTuple):
    """One instruction. `opcode` is the first part, `modifiers` are the rest, in order."""

    opcode: str
    modifiers: tuple[str, ...]
    operands: tuple[Operand | None, ...]
    guard: Guard | None
    ptx_line: int
    line: int | None
    """Line in the candidate's file, where the compiler says so."""

    @property
    def name(self) -> str:
        """As written: `ld.global.f32`."""
        return ".".join((self.opcode, *self.modifiers))


class Label(NamedTuple):
    """A position in a function's body."""

    name: str


class Parameter(NamedTuple):
    """A parameter, at `offset` of its function's parameter buffer."""

    name: str
    offset: int
    size: int
    align: int


class Relocation(NamedTuple):
    """Where an initialiser holds an address: `size` bytes at `offset` get (symbol + addend) >> shift."""

    offset: int
    size: int
    symbol: str
    addend: int
    shift: int


class Variable(NamedTuple):
    """A declared variable. `image` is its initial content; empty means zeros."""

    name: str
    space: str
    size: int
    """Zero for an unsized (dynamic shared) array."""
    align: int
    image: bytes = b""
    relocations: tuple[Relocation, ...] = ()


Signature = tuple[tuple[tuple[int, int], ...], tuple[tuple[int, int], ...]]
"""Size and alignment of each result and each parameter, in bytes."""


class Function(NamedTuple):
    """An entry or a device function."""

    name: str
    is_entry: bool
    parameters: tuple[Parameter, ...]
    returns: tuple[Parameter, ...]
    body: tuple[Instruction | Label, ...]
    variables: tuple[Variable, ...]
    """Variables of the spaces local, shared and param declared inside."""
    targets: dict[str, tuple[str, ...]]
    """Branch tables, and lists of functions that a pointer may call: label to names."""
    prototypes: dict[str, Signature]
    """What calls through pointers pass: label to sizes and alignments."""
    max_threads: int
    """Threads per block the function may be launched with."""
    required_threads: tuple[int, int, int] | None
    text: str
    """The function as written."""

    @property
    def signature(self) -> Signature:
        return _signature(self.returns, self.parameters)


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


class Module(NamedTuple):
    """One PTX file."""

    version: str
    target: str
    variables: tuple[Variable, ...]
    """Of the spaces global and const, in order."""
    shared: tuple[Variable, ...]
    """Module-scope shared variables; those without a size are the dynamic part."""
    functions: dict[str, Function]
    """Everything with a body, entries included."""

    @property
    def entries(self) -> tuple[Function, ...]:
        return tuple(function for function in self.functions.values() if function.is_entry)


_IGNORED = re.compile(r'//[^\n]*|/\*.*?\*/|"[^"\n]*"', re.DOTALL)
"""Comments, and strings: one may look like a statement or hold what begins the other."""
_FILE = re.compile(r'^\s*\.file\s+(\d+)\s+"([^"]*)"', re.MULTILINE)
_TOP = re.compile(
    r"""\s*(?:
        (?P<section>\.section\s+[^\s{]+\s*\{[^}]*\})
      | \.version\s+(?P<version>[\d.]+)
      | \.target\s+(?P<target>\w+)[^\n]*
      | (?P<skip>\.address_size\s+\d+ | \.file\b[^\n]* | \.loc\b[^\n]* | \.pragma[^;]*; | \.alias[^;]*;)
      | (?P<function>(?:\.(?:visible|weak|extern)\s+)*\.(?:entry|func)\b)
      | (?P<variable>\.[^;]*);
      | ;
    )""",
    re.VERBOSE,
)
_HEADER = re.compile(
    r"""(?P<quals>(?:\.(?:visible|weak|extern)\s+)*)\.(?P<kind>entry|func)\s*
        (?:\.noreturn\s*)?(?:\.attribute\s*\([^)]*\)\s*)?
        (?:\((?P<returns>[^)]*)\)\s*)?
        (?P<name>[\w$.%]+)\s*
        (?:\((?P<params>[^)]*)\))?
        (?P<directives>[^{;]*)
        (?P<end>[{;])""",
    re.VERBOSE,
)
_STATEMENT = re.compile(
    r"""\s*(?:
        (?P<brace>[{}])
      | \.loc\s+(?P<file>\d+)\s+(?P<line>\d+)\s+\d+
            (?:\s*,\s*function_name\s+[^\s,;]+\s*(?:\+\s*\d+\s*)?
               ,\s*inlined_at\s+(?P<at_file>\d+)\s+(?P<at_line>\d+)\s+\d+)?
      | (?P<label>[\w$%]+)\s*:(?!:)
      | (?:@(?P<negated>!?)\s*(?P<guard>[\w$%]+)\s+)?(?P<opcode>[a-z][\w.:]*)(?P<rest>[^;]*);
      | (?P<directive>\.[^;]*);
      | ;
    )""",
    re.VERBOSE,
)
_SCOPE = re.compile(r"[{}]|([A-Za-z_$%][\w$]*)\s*:(?!:)")
"""What matters for where labels are known: braces (of vectors, too), and labels."""
_VARIABLE = re.compile(
    r"""(?:\.(?:visible|weak|extern|common)\s+)*
        \.(?P<space>global|const|shared|local|param)\s*(?:::\w+)?\s+
        (?:\.attribute\s*\([^)]*\)\s*)?
        (?:\.align\s+(?P<align>\d+)\s+)?
        (?:\.(?P<vector>v[24])\s+)?
        \.(?P<type>\w+)\s+
        (?P<name>[\w$%]+)\s*(?P<dims>(?:\[\s*\w*\s*\])*)\s*
        (?:=\s*(?P<init>.*))?$""",
    re.VERBOSE | re.DOTALL,
)
_PARAMETER = re.compile(
    r"""\.(?:param|reg)\s+(?:\.align\s+(\d+)\s+)?\.(\w+)\s+
        (?:\.ptr(?:\s+\.(?:global|const|shared|local))?\s*(?:\.align\s+\d+)?\s+)?
        ([\w$%]+)\s*((?:\[\s*\w*\s*\])*)""",
    re.VERBOSE,
)
_PROTOTYPE = re.compile(r"\.callprototype\s*(?:\(([^)]*)\)\s*)?_\s*(?:\(([^)]*)\))?")
_REGISTERS = re.compile(r"\.reg\s*(?:\.v[24]\s*)?\.(\w+)\s+(.*)", re.DOTALL)
_ADDRESS = re.compile(r"\[\s*([^\s+\-\]]+|-?\w+)\s*(?:([+-])\s*(-?\w+))?\s*\]$")
_INTEGER = re.compile(r"([+-]?)\s*(0[xX][0-9a-fA-F]+|0[bB][01]+|\d+)[uU]?$")
_FLOAT = re.compile(r"(-?)0([fFdD])([0-9a-fA-F]+)$")


def parse(ptx: str) -> Module:
    """Scans a whole PTX file. Raises PTXError for what is none."""
    try:
        return _parse(ptx)
    except (ValueError, LookupError, AttributeError, RecursionError) as error:
        raise PTXError(f"cannot read the PTX: {type(error).__name__}: {str(error)[:100]}") from error


def _parse(ptx: str) -> Module:
    files = {int(number): PurePosixPath(path).name for number, path in _FILE.findall(ptx)}
    own_files = frozenset(number for number, name in files.items() if name == CANDIDATE_FILE)
    text = _IGNORED.sub(lambda m: '""' if m[0][0] == '"' else "\n" * m[0].count("\n"), ptx)
    version = target = ""
    variables: list[Variable] = []
    shared: list[Variable] = []
    functions: dict[str, Function] = {}
    registers = 0
    position, end = 0, len(text.rstrip())
    while position < end:
        match = _TOP.match(text, position)
        if match is None:
            raise PTXError(f"cannot read PTX line {_line_at(text, position)}: {_excerpt(text, position)}")
        position = match.end()
        version = match["version"] or version
        target = match["target"] or target
        if match["function"]:
            function, position, declared = _function(text, match.start("function"), own_files)
            registers += declared
            if registers > MAX_MODULE_REGISTERS:
                raise PTXError(f"the module declares more than {MAX_MODULE_REGISTERS} registers")
            if function is not None:
                functions[function.name] = function
        elif match["variable"]:
            variable = _variable(match["variable"])
            if variable.space == "shared":
                shared.append(variable)
            else:
                variables.append(variable)
    if not version or not target:
        raise PTXError("the PTX ends before it has said its .version and .target")
    if int(version.split(".")[0]) > NEWEST:
        raise PTXError(f"PTX of version {version} is newer than the simulated GPU knows, which is {NEWEST}.x")
    return Module(version, target, tuple(variables), tuple(shared), functions)


def _split(text: str) -> list[str]:
    """The operands of a list: commas inside brackets separate nothing."""
    if not any(bracket in text for bracket in "{[("):
        return text.split(",")
    parts, depth, start = [], 0, 0
    for position, character in enumerate(text):
        if character in "{[(":
            depth += 1
        elif character in "}])":
            depth -= 1
        elif character == "," and depth == 0:
            parts.append(text[start:position])
            start = position + 1
    return [*parts, text[start:]]


def _line_at(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1


def _excerpt(text: str, position: int) -> str:
    return " ".join(text[position : position + 200].split())[:60]


def _function(text: str, start: int, own_files: frozenset[int]) -> tuple[Function | None, int, int]:
    """The function whose header starts at `start`, where it ends, and how many registers it declares. A mere prototype
    is None."""
    header = _HEADER.match(text, start)
    if header is None:
        raise PTXError(f"cannot read the function at PTX line {_line_at(text, start)}: {_excerpt(text, start)}")
    if header["end"] == ";":
        return None, header.end(), 0
    body = _Body(text, header.end(), own_files)
    end = body.scan()
    threads, required = _thread_limits(header["directives"])
    function = Function(
        name=header["name"],
        is_entry=header["kind"] == "entry",
        parameters=_parameters(header["params"] or ""),
        returns=_parameters(header["returns"] or ""),
        body=tuple(body.statements),
        variables=tuple(body.variables),
        targets=body.targets,
        prototypes=body.prototypes,
        max_threads=threads,
        required_threads=required,
        text=text[start:end],
    )
    return function, end, body.declared


def _thread_limits(directives: str) -> tuple[int, tuple[int, int, int] | None]:
    """The most threads per block, and the exact block that `.reqntid` demands."""
    match = re.search(r"\.(maxntid|reqntid)\s+([\d,\s]+)", directives)
    if match is None:
        return 1024, None
    numbers = [int(n) for n in re.findall(r"\d+", match[2])]
    x, y, z = (*numbers, 1, 1)[:3]
    return x * y * z, (x, y, z) if match[1] == "reqntid" else None


def _parameters(text: str) -> tuple[Parameter, ...]:
    """A parameter list, laid out as the CUDA driver does: each at its natural alignment."""
    parameters = []
    offset = 0
    for align_text, type_, name, dims in _PARAMETER.findall(text):
        size = SIZES[type_] * _elements(dims)
        align = int(align_text) if align_text else SIZES[type_]
        offset = -(-offset // align) * align
        parameters.append(Parameter(name, offset, size, align))
        offset += size
    return tuple(parameters)


def _signature(returns: tuple[Parameter, ...], parameters: tuple[Parameter, ...]) -> Signature:
    return tuple((p.size, p.align) for p in returns), tuple((p.size, p.align) for p in parameters)


def _elements(dims: str) -> int:
    count = 1
    for size in re.findall(r"\[\s*(\w*)\s*\]", dims):
        count *= int(size, 0) if size else 0
    return count


def _variable(text: str) -> Variable:
    match = _VARIABLE.match(text.strip())
    if match is None or match["type"] not in SIZES:
        raise PTXError(f"cannot read the declaration `{' '.join(text.split())[:80]}`")
    width = SIZES[match["type"]]
    size = width * _elements(match["dims"]) * int((match["vector"] or "v1")[1:])
    align = int(match["align"]) if match["align"] else width
    image, relocations = _initialiser(match["init"], match["type"], size) if match["init"] else (b"", ())
    return Variable(match["name"], match["space"], size, align, image, relocations)


_RELOCATED = re.compile(
    r"(?:(0[xX][fF]+0*|\d+)\s*\(\s*)?(?:generic\s*\(\s*)?([A-Za-z_$%][\w$]*)\s*\)?\s*(?:\+\s*(\d+))?\s*\)*$"
)


def _initialiser(text: str, type_: str, size: int) -> tuple[bytes, tuple[Relocation, ...]]:
    """The bytes that `= ...` stands for, and the addresses among them."""
    width = SIZES[type_]
    relocations = []
    items = [item.strip() for item in text.replace("{", " ").replace("}", " ").split(",")]
    image = bytearray(min(size, len(items) * width))
    for index, item in enumerate(item for item in items if item):
        at = index * width
        if number := _INTEGER.match(item):
            value = int(number[2], 0) * (-1 if number[1] == "-" else 1)
        elif literal := _FLOAT.match(item):
            value = int(literal[3], 16)
        elif symbol := _RELOCATED.match(item):
            mask = int(symbol[1], 0) if symbol[1] else 0
            shift = (mask & -mask).bit_length() - 1 if mask else 0
            relocations.append(Relocation(at, width, symbol[2], int(symbol[3] or 0), shift))
            continue
        else:
            value = int.from_bytes(struct.pack("<d" if width == 8 else "<f", float(item)), "little")
        image[at : at + width] = (value & ((1 << 8 * width) - 1)).to_bytes(width, "little")
    return bytes(image), tuple(relocations)


class _Body:
    """Scans one function body: statements in order, registers flattened over nested scopes."""

    def __init__(self, text: str, start: int, own_files: frozenset[int]) -> None:
        self.text, self.start, self.own_files = text, start, own_files
        self.statements: list[Instruction | Label] = []
        self.variables: list[Variable] = []
        self.targets: dict[str, tuple[str, ...]] = {}
        self.prototypes: dict[str, Signature] = {}
        self.scopes: list[dict[str, Register | Symbol | Label]] = [{}]
        self.known: dict[str, Operand | None] = {}
        self.labels: set[str] = set()
        self.renamed = self.declared = 0

    def scan(self) -> int:
        """Reads up to the closing brace and returns the position behind it."""
        text, match_at = self.text, _STATEMENT.match
        position, line = self.start, None
        ptx_line, counted = _line_at(text, position), position
        while True:
            match = match_at(text, position)
            if match is None:
                where = _line_at(text, position)
                found = _excerpt(text, position)
                if ";" not in text[position:]:
                    raise PTXError(f"the PTX ends in the middle of a function, at line {where}: {found}")
                raise PTXError(f"cannot read PTX line {where}: {found}")
            position = match.end()
            if match["opcode"]:
                begin = match.start("opcode")
                ptx_line += text.count("\n", counted, begin)
                counted = begin
                self._instruction(match, ptx_line, line)
            elif match["file"]:
                line = self._source_line(match, line)
            elif match["label"]:
                self.statements.append(Label(self._label(match["label"])))
            elif match["directive"]:
                self._directive(match["directive"])
            elif match["brace"] == "{":
                if len(self.scopes) == MAX_NESTING:
                    raise PTXError(f"scopes nested deeper than {MAX_NESTING} in PTX line {_line_at(text, position)}")
                self.scopes.append({})
                self.known = {}
                self._predeclare(position)
            elif match["brace"] == "}":
                self.scopes.pop()
                self.known = {}
                if not self.scopes:
                    return position

    def _source_line(self, match: re.Match[str], line: int | None) -> int | None:
        """The candidate's line of a `.loc`; a location in a header keeps the line of its call."""
        if int(match["file"]) in self.own_files and match["line"] != "0":
            return int(match["line"])
        if match["at_file"] and int(match["at_file"]) in self.own_files and match["at_line"] != "0":
            return int(match["at_line"])
        return line

    def _predeclare(self, position: int) -> None:
        """Labels of a nested scope are its own, and may be used before they are placed."""
        depth = 0
        for match in _SCOPE.finditer(self.text, position):
            depth += {"{": 1, "}": -1}.get(match[0], 0)
            if depth < 0:
                return
            if depth == 0 and match[1] and not match[1].startswith("$L__"):
                self.renamed += 1
                self.scopes[-1][match[1]] = Label(f"{match[1]}@{self.renamed}")

    def _label(self, name: str) -> str:
        found = self._find(name)
        full = found.name if isinstance(found, Label) else name
        if full in self.labels:
            raise PTXError(f"label {name} is there twice")
        self.labels.add(full)
        return full

    def _find(self, name: str) -> Register | Symbol | Label | None:
        for scope in reversed(self.scopes):
            if name in scope:
                return scope[name]
        return None

    def _directive(self, text: str) -> None:
        word = text.split(None, 1)[0].split(".")[1]
        if word == "reg":
            self._registers(text)
        elif word in ("local", "shared", "param"):
            self._local_variable(text)
        elif word in ("branchtargets", "calltargets"):
            label = self.statements.pop()
            names = tuple(name.strip() for name in text.split(None, 1)[1].split(","))
            self.targets[label.name] = names
        elif word == "callprototype":
            label = self.statements.pop()
            prototype = _PROTOTYPE.match(text)
            if prototype is None:
                raise PTXError(f"cannot read `{' '.join(text.split())[:60]}`")
            self.prototypes[label.name] = _signature(*(_parameters(part or "") for part in prototype.groups()))
        elif word not in ("pragma", "file"):
            raise PTXError(f"unknown directive `{' '.join(text.split())[:60]}`")

    def _registers(self, text: str) -> None:
        match = _REGISTERS.match(text)
        if match is None:
            raise PTXError(f"cannot read `{text[:60]}`")
        type_, nested = match[1], len(self.scopes) > 1
        for item in match[2].split(","):
            name, _, count = item.strip().rstrip(">").partition("<")
            self.declared += int(count or 1)
            if self.declared > MAX_REGISTERS:
                raise PTXError(f"`{text[:60]}` makes more than {MAX_REGISTERS} registers of a function")
            for full in (f"{name}{i}" for i in range(int(count))) if count else (name,):
                unique = full
                if nested:
                    self.renamed += 1
                    unique = f"{full}@{self.renamed}"
                self.scopes[-1][full] = Register(unique, type_)
        self.known = {}

    def _local_variable(self, text: str) -> None:
        variable = _variable(text)
        if len(self.scopes) > 1:
            self.renamed += 1
            unique = f"{variable.name}@{self.renamed}"
            self.scopes[-1][variable.name] = Symbol(unique)
            self.known = {}
            variable = variable._replace(name=unique)
        self.variables.append(variable)

    def _instruction(self, match: re.Match[str], ptx_line: int, line: int | None) -> None:
        opcode, *modifiers = match["opcode"].split(".")
        guard = None
        if match["guard"]:
            register = self._find(match["guard"])
            if not isinstance(register, Register):
                raise PTXError(f"unknown predicate {match['guard']} in PTX line {ptx_line}")
            guard = Guard(register, bool(match["negated"]))
        rest = match["rest"].strip()
        operands = tuple(self._operand(item) for item in _split(rest)) if rest else ()
        self.statements.append(Instruction(opcode, tuple(modifiers), operands, guard, ptx_line, line))

    def _operand(self, text: str) -> Operand | None:
        text = text.strip()
        if text not in self.known:
            self.known[text] = self._read_operand(text)
        return self.known[text]

    def _read_operand(self, text: str) -> Operand | None:
        if not text or text == "_":
            return None
        first = text[0]
        if first == "[":
            return self._address(text)
        if first == "{":
            if "{" in text[1:]:
                return Opaque(text)
            return Vector(tuple(self._operand(item) for item in _split(text[1:-1])))
        if first == "(":
            names = [name.strip() for name in text.strip("()").split(",")]
            return Names(tuple(self._name(name) for name in names if name))
        if first == "!":
            register = self._find(text[1:].strip())
            if isinstance(register, Register):
                return Negated(register)
            return Opaque(text)
        if "|" in text:
            halves = [self._operand(part) for part in text.split("|")]
            match halves:
                case [Register() | None as one, Register() | None as two]:
                    return Pair(one, two)
            return Opaque(text)
        if literal := _FLOAT.match(text):
            width = 32 if literal[2] in "fF" else 64
            bits = int(literal[3], 16) ^ (bool(literal[1]) << (width - 1))
            return Immediate(bits, "f32" if width == 32 else "f64")
        if number := _INTEGER.match(text):
            return Immediate(int(number[2], 0) * (-1 if number[1] == "-" else 1))
        return self._named(text)

    def _name(self, name: str) -> str:
        found = self._find(name)
        return found.name if found is not None else name

    def _named(self, text: str) -> Operand:
        found = self._find(text)
        if isinstance(found, Register | Symbol):
            return found
        if isinstance(found, Label):
            return Symbol(found.name)
        if text[0] == "%":
            return Special(text[1:])
        match = re.fullmatch(r"([A-Za-z_$][\w$]*)\s*(?:\+\s*(\d+))?", text)
        if match is None:
            return Opaque(text)
        return Symbol(self._name(match[1]), int(match[2] or 0))

    def _address(self, text: str) -> Operand:
        match = _ADDRESS.match(text)
        base = self._operand(match[1]) if match else None
        if match is None or not isinstance(base, Register | Symbol | Immediate):
            return Opaque(text)
        offset = int(match[3], 0) if match[3] else 0
        return Address(base, -offset if match[2] == "-" else offset)
