"""Emitter: writes LLVM IR for the instructions of a basic block, one value for each lane of a warp.

A virtual register is a vector of 32 lanes. Within a block it is an SSA value; at the block's end those that are
live are blended, under the mask of the lanes that ran, into the register's place behind the Warp record. Values that
are the same for all lanes stay scalar for as long as they do not leave the block; those that are also the same each
time (parameters, block indices and what follows from them) stay scalar for good. Inactive lanes compute along:
nothing they compute can trap, and memory is only reached through the runtime, which takes the mask.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from cudagym.build.program import MAX_SLOTS, address_of
from cudagym.errors import Unsupported
from cudagym.simulator.flow import CARRY, RESERVED_SHARED, Flow, results
from cudagym.simulator.flow import operands as registers_read
from cudagym.simulator.ptx import (
    SIZES,
    Guard,
    Immediate,
    Instruction,
    Negated,
    Operand,
    Register,
    Special,
    Symbol,
)

LANES = 32
PARAM_WINDOW = 1 << 42
SHARED_WINDOW = 1 << 40
LOCAL_WINDOW = 1 << 41
"""As in runtime.h."""

GRID_WORKSPACE_SLOT = MAX_SLOTS - 1
HEAP_SLOT = MAX_SLOTS - 2
HEAP_BYTES = 8 << 20
"""What kernels allocate from with malloc and new: as much as CUDA gives by default."""
GRID_WORKSPACE = address_of(GRID_WORKSPACE_SLOT)
"""Where cooperative_groups keeps the barrier of a whole grid; it finds the address in two special registers."""

BITS = {"i1": 1, "i8": 8, "i16": 16, "half": 16, "i32": 32, "float": 32, "i64": 64, "double": 64, "i128": 128}
_MANGLED = {
    "i1": "i1",
    "i8": "i8",
    "i16": "i16",
    "half": "f16",
    "i32": "i32",
    "float": "f32",
    "i64": "i64",
    "double": "f64",
}


class Value(NamedTuple):
    """An SSA value: `n` lanes of `elem` (1 when it is the same for all), or a constant with these bits."""

    text: str
    elem: str
    n: int
    const: int | None = None
    fixed: bool = False
    """Scalar, and the same whenever and by whichever lanes it is computed."""

    @property
    def type(self) -> str:
        return self.elem if self.n == 1 else f"<{self.n} x {self.elem}>"

    def __str__(self) -> str:
        return f"{self.type} {self.text}"


class Context(NamedTuple):
    """What lowering must know beyond the kernel's text."""

    layout: dict[str, int]
    """Offsets in the Warp record."""
    addresses: dict[str, int]
    """Device addresses of global and constant variables."""
    rows: bool = False
    """Whether a warp's threads are neighbours along x: the block is a multiple of 32 wide, or has one dimension."""
    constants: tuple[tuple[int, int], ...] = ()
    """Address and size of each constant variable."""


def constant(bits: int, elem: str) -> Value:
    """The scalar constant of type `elem` with these bits."""
    bits &= (1 << BITS[elem]) - 1
    if elem == "float":
        sign, exponent, mantissa = bits >> 31, bits >> 23 & 255, bits & 0x7FFFFF
        if exponent == 255:
            wide = sign << 63 | 0x7FF << 52 | mantissa << 29
        else:
            wide = int.from_bytes(struct.pack("<d", struct.unpack("<f", struct.pack("<I", bits))[0]), "little")
        text = f"0x{wide:016X}"
    elif elem == "double":
        text = f"0x{bits:016X}"
    elif elem == "half":
        text = f"0xH{bits:04X}"
    elif elem == "i1":
        text = "true" if bits else "false"
    else:
        text = str(bits - (bits >> (BITS[elem] - 1) << BITS[elem]))
    return Value(text, elem, 1, bits, True)


def storage(register: Register) -> str:
    """The LLVM type in which a register is kept."""
    if register.type == "pred":
        return "i1"
    return {"f32": "float", "f64": "double"}.get(register.type, f"i{8 * SIZES[register.type]}")


class Emitter:
    """Writes the IR of one kernel. `isa` calls the methods below to say what an instruction does."""

    direct = False
    """Whether memory is accessed in place where that is safe. See isa/direct.py."""

    def __init__(self, flow: Flow, context: Context) -> None:
        self.flow, self.context = flow, context
        self.lines: list[str] = []
        self.count = 0
        self.declared: dict[str, str] = {}
        self.library: dict[str, str] = {}
        self.slots: dict[Register, int] = {}
        self.register_bytes = 0
        self.uniform: dict[Register, Value | int] = {}
        self.single = _single_definitions(flow)
        self.now: dict[Register, Value] = {}
        self.dirty: dict[Register, None] = {}
        self.splats: dict[str, Value] = {}
        self.guard: Value | None = None
        self.mask = ""
        self.instruction = flow.instructions[0]
        self.site = 0
        self.ahead = 0
        self.here = ""
        self.following: list[tuple[Instruction, int]] = []
        self.loaded: dict[int, list[Value]] = {}

    # -- text --

    def line(self, text: str) -> None:
        self.lines.append("  " + text)

    def label(self, name: str) -> None:
        """Ends a block of the IR and starts the next."""
        self.lines.append(f"{name}:")
        self.here = name

    def name(self) -> str:
        self.count += 1
        return f"%v{self.count}"

    def assign(self, text: str, elem: str, n: int, fixed: bool = False) -> Value:
        """A new value, computed by the instruction `text`."""
        name = self.name()
        self.line(f"{name} = {text}")
        return Value(name, elem, n, None, fixed and n == 1)

    def unsupported(self) -> Unsupported:
        return Unsupported(self.instruction.name, self.instruction.line)

    # -- values --

    def splat(self, value: Value, n: int = LANES) -> Value:
        """`value` in `n` lanes."""
        if value.n == n:
            return value
        if value.n != 1:  # packed halves of one 32-bit scalar
            whole = self.bits(value, "i32", 1)
            return self.bits(self.splat(whole, n // value.n), value.elem, n)
        if value.const is not None:
            return Value(f"splat ({value.elem} {value.text})", value.elem, n)
        key = f"{value.text} {n}"
        if key not in self.splats:
            one = self.assign(f"insertelement <{n} x {value.elem}> poison, {value}, i32 0", value.elem, n)
            zeros = f"<{n} x i32> zeroinitializer"
            self.splats[key] = self.assign(f"shufflevector {one}, {one.type} poison, {zeros}", value.elem, n)
        return self.splats[key]

    def level(self, *values: Value) -> tuple[Value, ...]:
        """The values with the lanes of the widest."""
        n = max(value.n for value in values)
        return tuple(self.splat(value, n) for value in values)

    def bits(self, value: Value, elem: str, n: int | None = None) -> Value:
        """The same bits as another type of the same size."""
        n = value.n * BITS[value.elem] // BITS[elem] if n is None else n
        if value.elem == elem:
            return value
        if value.const is not None and value.n == n == 1:
            return constant(value.const, elem)
        target = elem if n == 1 else f"<{n} x {elem}>"
        return self.assign(f"bitcast {value} to {target}", elem, n, value.fixed)

    def integer(self, value: Value) -> Value:
        return self.bits(value, f"i{BITS[value.elem]}", value.n)

    def op(self, name: str, *values: Value) -> Value:
        """A binary or unary instruction on values of one type: `add`, `fmul`, `fneg`."""
        if len(values) == 2 and (folded := _fold(name, *values)) is not None:
            return folded
        first, *rest = self.level(*values)
        others = "".join(f", {value.text}" for value in rest)
        return self.assign(f"{name} {first}{others}", first.elem, first.n, all(v.fixed for v in values))

    def compare(self, kind: str, a: Value, b: Value) -> Value:
        """`icmp` or `fcmp`, by the type of the operands."""
        a, b = self.level(a, b)
        instruction = "fcmp" if a.elem in ("float", "double", "half") else "icmp"
        return self.assign(f"{instruction} {kind} {a}, {b.text}", "i1", a.n, a.fixed and b.fixed)

    def select(self, condition: Value, a: Value, b: Value) -> Value:
        if condition.n == 1:
            a, b = self.level(a, b)
        else:
            condition, a, b = self.level(condition, a, b)
        fixed = condition.fixed and a.fixed and b.fixed
        return self.assign(f"select {condition}, {a}, {b}", a.elem, a.n, fixed)

    def convert(self, name: str, value: Value, elem: str) -> Value:
        """`zext`, `sext`, `trunc`, `fpext`, `fptrunc`, `sitofp`, `uitofp`, `fptosi`, ..."""
        if value.elem == elem:
            return value
        if value.const is not None and name in ("zext", "trunc"):
            return constant(value.const, elem)
        if value.const is not None and name == "sext":
            sign = value.const >> (BITS[value.elem] - 1)
            return constant(value.const - (sign << BITS[value.elem]), elem)
        target = elem if value.n == 1 else f"<{value.n} x {elem}>"
        return self.assign(f"{name} {value} to {target}", elem, value.n, value.fixed)

    def resize(self, value: Value, elem: str, signed: bool = False) -> Value:
        """An integer with the width of `elem`."""
        wider = BITS[elem] > BITS[value.elem]
        return self.convert(("sext" if signed else "zext") if wider else "trunc", value, elem)

    def intrinsic(self, name: str, *values: Value, extra: str = "", result: str | None = None) -> Value:
        """A call of `llvm.<name>` overloaded on the first operand's type, or on result and operand."""
        values = self.level(*values)
        first = values[0]
        elem = result or first.elem
        mangle = f"v{first.n}" if first.n > 1 else ""
        suffix = f"{mangle}{_MANGLED[elem]}" + (f".{mangle}{_MANGLED[first.elem]}" if result else "")
        type_ = elem if first.n == 1 else f"<{first.n} x {elem}>"
        types = ", ".join([value.type for value in values] + (["i1"] if extra else []))
        self.declared[f"llvm.{name}.{suffix}"] = f"declare {type_} @llvm.{name}.{suffix}({types})"
        arguments = ", ".join([str(value) for value in values] + ([extra] if extra else []))
        fixed = all(value.fixed for value in values)
        return self.assign(f"call {type_} @llvm.{name}.{suffix}({arguments})", elem, first.n, fixed)

    def helper(self, name: str, result: str, values: list[Value], extra: tuple[int, ...] = ()) -> Value:
        """A call of a lane function of math.c: arrays in, array out."""
        fixed = all(value.fixed for value in values)
        levelled = self.level(*values)
        n = levelled[0].n
        pointers = ["ptr %s0"]
        for k, value in enumerate(levelled, start=1):
            self.line(f"store {value}, ptr %s{k}, align 64")
            pointers.append(f"ptr %s{k}")
        numbers = [n, *extra]
        types = ", ".join(["ptr"] * len(pointers) + ["i32"] * len(numbers))
        self.declared[name] = f"declare void @{name}({types})"
        arguments = ", ".join([*pointers, *(f"i32 {number}" for number in numbers)])
        self.line(f"call void @{name}({arguments})")
        return self.load_scratch(0, result, n, fixed)

    def load_scratch(self, index: int, elem: str, n: int, fixed: bool = False) -> Value:
        type_ = elem if n == 1 else f"<{n} x {elem}>"
        return self.assign(f"load {type_}, ptr %s{index}, align 64", elem, n, fixed)

    def function(self, name: str, result: str, values: list[Value], body: str) -> Value:
        """A call of a function written in IR, defined once in the module. `body` is its whole text."""
        self.library[name] = body
        n = values[0].n
        type_ = result if n == 1 else f"<{n} x {result}>"
        return self.assign(
            f"call {type_} @{name}({', '.join(map(str, values))})", result, n, all(v.fixed for v in values)
        )

    def call(self, name: str, *arguments: str) -> None:
        """A call of a function of the runtime without a result; arguments as `i32 5`, `ptr %w`."""
        types = ", ".join(argument.split(" ", 1)[0] for argument in arguments)
        self.declared[name] = f"declare void @{name}({types})"
        self.line(f"call void @{name}({', '.join(arguments)})")

    # -- operands --

    def step(self, address: Operand | None) -> int | None:
        """How far apart neighbouring lanes probably are at an address; None when nobody knows."""
        return None

    def use(self, operand: Operand | None, elem: str) -> Value:
        """An operand as `elem`. A wider register gives its low bits."""
        value = self._operand(operand, elem)
        if BITS[value.elem] == BITS[elem]:
            return self.bits(value, elem, value.n)
        if BITS[value.elem] > BITS[elem] > 1:
            narrow = self.convert("trunc", self.integer(value), f"i{BITS[elem]}")
            return self.bits(narrow, elem, narrow.n)
        raise self.unsupported()

    def _operand(self, operand: Operand | None, elem: str) -> Value:
        match operand:
            case Register():
                return self.read(operand)
            case Immediate(bits, "int"):
                return constant(bits, elem)
            case Immediate(bits, kind):
                return constant(bits, "float" if kind == "f32" else "double")
            case Negated(register):
                return self.op("xor", self.read(register), constant(1, "i1"))
            case Special(name):
                return self.special(name)
            case Symbol():
                return constant(self.address_of(operand), "i64" if BITS[elem] == 64 else "i32")
        raise self.unsupported()

    def address_of(self, symbol: Symbol) -> int:
        """What `mov` gives for a symbol: an offset in shared or local memory, else a device address."""
        frame = self.flow.frame
        if symbol.name == "WARP_SZ":
            return LANES
        for table in (frame.shared, frame.local, self.context.addresses):
            if symbol.name in table:
                return table[symbol.name] + symbol.offset
        if symbol.name in frame.parameters:
            return PARAM_WINDOW + frame.parameters[symbol.name] + symbol.offset
        raise Unsupported(f"the address of {symbol.name}", self.instruction.line)

    def special(self, name: str) -> Value:
        """A special register (PTX ISA, "Special Registers")."""
        base, _, axis = name.partition(".")
        index = "xyz".find(axis) if axis else 0
        fields = {"ntid": 0, "nctaid": 3}
        if base == "tid" and self.context.rows and axis != "x":
            return self._field(f"%tid{axis}", 0)
        if base == "tid":
            return self.assign(f"load <32 x i32>, ptr %tid{axis}, align 64", "i32", LANES)
        if base in fields:
            return self._field("%shape", fields[base] + index)
        if base == "ctaid":
            return self._field("%ctaid", index)
        numbers = {"smid": ("%ctaid", 3), "dynamic_smem_size": ("%shape", 6), "total_smem_size": ("%shape", 7),
                   "nsmid": ("%shape", 8), "nwarpid": ("%shape", 9)}  # fmt: skip
        if base in numbers:
            return self._field(*numbers[base])
        if base == "warpid":
            return self._warp_field("index", "i32")
        if base in ("clock64", "globaltimer"):
            return self._clock(base)
        if base in ("clock", "clock_hi", "globaltimer_lo", "globaltimer_hi"):
            steps = self._clock(base)
            shifted = self.op("lshr", steps, constant(32, "i64")) if base.endswith("hi") else steps
            return self.convert("trunc", shifted, "i32")
        lane_masks = {
            "laneid": lambda i: i,
            "lanemask_eq": lambda i: 1 << i,
            "lanemask_lt": lambda i: (1 << i) - 1,
            "lanemask_le": lambda i: (2 << i) - 1,
            "lanemask_gt": lambda i: 0xFFFFFFFF & ~((2 << i) - 1),
            "lanemask_ge": lambda i: 0xFFFFFFFF & ~((1 << i) - 1),
        }
        if base in lane_masks:
            lanes = ", ".join(f"i32 {lane_masks[base](i)}" for i in range(LANES))
            return Value(f"<{lanes}>", "i32", LANES)
        if base in ("envreg1", "envreg2"):
            return constant(GRID_WORKSPACE >> (32 if base == "envreg1" else 0), "i32")
        if base == "is_explicit_cluster":
            return constant(0, "i1")
        if base in ("cluster_ctarank", "cluster_ctaid", "gridid"):
            return constant(0, "i64" if base == "gridid" else "i32")
        if base in ("cluster_nctarank", "cluster_nctaid"):  # without clusters, each block is one
            return constant(1, "i32")
        if base in ("clusterid", "nclusterid"):
            return self._field("%ctaid" if base == "clusterid" else "%shape", index + 3 * (base == "nclusterid"))
        if base in ("reserved_smem_offset_begin", "reserved_smem_offset_1", "reserved_smem_offset_end"):
            end = self._field("%shape", 7)
            return end if base.endswith("end") else self.op("sub", end, constant(RESERVED_SHARED, "i32"))
        if base == "aggr_smem_size":
            return self._field("%shape", 7)
        raise Unsupported(f"the special register %{name}", self.instruction.line)

    def _clock(self, name: str) -> Value:
        """%clock: the warp's instructions so far; the basic block's are counted as it starts. %globaltimer: all warps'.

        One instruction counts as one cycle and as one nanosecond. The timer never goes back, whichever warp reads it.
        """
        steps = self.op("sub", self._warp_field("steps", "i64"), constant(self.ahead, "i64"))
        return self.op("add", steps, self._warp_field("since", "i64")) if name.startswith("globaltimer") else steps

    def _field(self, pointer: str, index: int) -> Value:
        at = self.assign(f"getelementptr i32, ptr {pointer}, i64 {index}", "i64", 1)
        return self.assign(f"load i32, ptr {at.text}", "i32", 1, True)

    def _warp_field(self, field: str, elem: str) -> Value:
        at = self.assign(f"getelementptr i8, ptr %w, i64 {self.context.layout[field]}", "i64", 1)
        return self.assign(f"load {elem}, ptr {at.text}", elem, 1)

    # -- registers --

    def read(self, register: Register) -> Value:
        """The register's current value."""
        if register not in self.now:
            self.now[register] = self._load_register(register)
        return self.now[register]

    def _load_register(self, register: Register) -> Value:
        elem = storage(register)
        known = self.uniform.get(register)
        if isinstance(known, Value):
            return known
        if known is not None:
            kept = "i8" if elem == "i1" else elem
            value = self.assign(f"load {kept}, ptr {self._at(known)}", kept, 1, True)
            return self.convert("trunc", value, elem)
        at = self._at(self._slot(register))
        if elem == "i1":
            return self.bits(self.assign(f"load i32, ptr {at}", "i32", 1), "i1", LANES)
        return self.assign(f"load <32 x {elem}>, ptr {at}, align {min(64, 4 * BITS[elem])}", elem, LANES)

    def _at(self, offset: int) -> str:
        return self.assign(f"getelementptr i8, ptr %registers, i64 {offset}", "i64", 1).text

    def _slot(self, register: Register) -> int:
        if register not in self.slots:
            self.slots[register] = self._room(max(BITS[storage(register)] * LANES // 8, 8))
        return self.slots[register]

    def _room(self, size: int) -> int:
        align = min(size, 64)
        offset = -(-self.register_bytes // align) * align
        self.register_bytes = offset + size
        return offset

    def write(self, operand: Operand | None, value: Value, signed: bool = False) -> None:
        """Sets a destination register; a narrower integer is extended. Under a guard, lanes may keep the old value."""
        if operand is None:
            return
        if not isinstance(operand, Register):
            raise self.unsupported()
        elem = storage(operand)
        if BITS[elem] > BITS[value.elem] > 1:
            value = self.resize(self.integer(value), f"i{BITS[elem]}", signed)
        if BITS[elem] != BITS[value.elem]:
            raise self.unsupported()
        if value.n not in (1, LANES):
            value = self.bits(value, elem)
        if self.guard is not None:
            old = self.bits(self.read(operand), value.elem)
            value = self.select(self.guard, value, old)
        self.now[operand] = value
        self.dirty[operand] = None

    def flush(self, live: frozenset[Register]) -> None:
        """Stores what the block has changed and someone may still read."""
        for register in self.dirty:
            if register not in live:
                continue
            value = self.now[register]
            if register in self.single and value.fixed:
                self._keep_uniform(register, value)
                continue
            at = self._at(self._slot(register))
            elem = storage(register)
            if elem == "i1":
                new = self.pack(value)
                old = self.assign(f"load i32, ptr {at}", "i32", 1)
                mask = Value(self.mask, "i32", 1)
                kept = self.op("and", old, self.op("xor", mask, constant(-1, "i32")))
                both = self.op("or", self.op("and", new, mask), kept)
                self.line(f"store {both}, ptr {at}")
                continue
            new = self.splat(self.bits(value, elem))
            align = min(64, 4 * BITS[elem])
            old = self.assign(f"load {new.type}, ptr {at}, align {align}", elem, LANES)
            blended = self.assign(f"select <32 x i1> {self.lanes}, {new}, {old}", elem, LANES)
            self.line(f"store {blended}, ptr {at}, align {align}")

    def _keep_uniform(self, register: Register, value: Value) -> None:
        elem = storage(register)
        if value.const is not None:
            self.uniform[register] = constant(value.const, elem)
            return
        place = self.uniform.get(register)
        if not isinstance(place, int):
            place = self.uniform[register] = self._room(8)
        kept = self.convert("zext", value, "i8") if elem == "i1" else self.bits(value, elem)
        self.line(f"store {kept}, ptr {self._at(place)}")

    # -- masks --

    def predicate(self, guard: Guard) -> Value:
        value = self.use(guard.register, "i1")
        return self.op("xor", value, constant(1, "i1")) if guard.negated else value

    def pack(self, predicate: Value) -> Value:
        """A predicate as an i32 with one bit per lane."""
        if predicate.const is not None:
            return constant(-predicate.const, "i32")
        if predicate.n == 1:
            return self.convert("sext", predicate, "i32")
        return self.bits(predicate, "i32", 1)

    def active(self) -> str:
        """The mask of the lanes that execute the current instruction, its guard included."""
        if self.guard is None:
            return self.mask
        return self.op("and", Value(self.mask, "i32", 1), self.pack(self.guard)).text

    @property
    def lanes(self) -> str:
        """The block's mask as a vector of i1."""
        key = "lanes " + self.mask
        if key not in self.splats:
            self.splats[key] = self.assign(f"bitcast i32 {self.mask} to <32 x i1>", "i1", LANES)
        return self.splats[key].text

    def any_lane(self, value: Value) -> Value:
        """The value of the first active lane."""
        if value.n == 1:
            return value
        self.line(f"store {value}, ptr %s0, align 64")
        first = self.intrinsic("cttz", Value(self.active(), "i32", 1), extra="i1 false")
        index = self.op("and", first, constant(31, "i32"))
        at = self.assign(f"getelementptr {value.elem}, ptr %s0, {index}", "i64", 1)
        return self.assign(f"load {value.elem}, ptr {at.text}", value.elem, 1)


_FOLDED = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "and": lambda a, b: a & b,
    "or": lambda a, b: a | b,
    "xor": lambda a, b: a ^ b,
}


def _fold(name: str, a: Value, b: Value) -> Value | None:
    """Integer arithmetic on constants, and with zero."""
    if b.const == 0 and name in ("add", "sub", "or", "xor", "shl", "lshr", "ashr"):
        return a
    if a.const is None or b.const is None or name not in _FOLDED:
        return None
    return constant(_FOLDED[name](a.const, b.const), a.elem)


def _single_definitions(flow: Flow) -> frozenset[Register]:
    """Registers written by one instruction, without a guard, and read only behind it in the text."""
    written: dict[Register, int] = {}
    unfit: set[Register] = {CARRY}
    for instruction in flow.instructions:
        for register in registers_read(instruction):
            if register not in written:
                unfit.add(register)
        for register in results(instruction):
            if register in written or instruction.guard is not None:
                unfit.add(register)
            written[register] = written.get(register, 0) + 1
    return frozenset(written) - unfit
