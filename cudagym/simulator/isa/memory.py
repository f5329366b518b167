"""Loads, stores, atomics and fences: every access is checked, by the runtime or in place (see direct.py)."""

from __future__ import annotations

from typing import NamedTuple

from cudagym.simulator.emit import BITS, LANES, Emitter, Value, constant
from cudagym.simulator.flow import results
from cudagym.simulator.isa.common import SPACES, is_signed, last_type, op
from cudagym.simulator.isa.direct import Piece, load_directly, store_directly
from cudagym.simulator.ptx import SIZES, Address, Instruction, Operand, Register, Symbol, Vector
from cudagym.simulator.uniform import LANEWISE

STRONG = frozenset(("volatile", "relaxed", "acquire", "release", "mmio"))
TOGETHER = 8
"""Registers that loads under one check fill at most: they are all in use until the last load's place."""
ORDERING = frozenset(("acquire", "release", "acq_rel"))
ATOMIC_OPS = {"add": 0, "min": 1, "max": 2, "and": 3, "or": 4, "xor": 5, "exch": 6, "cas": 7, "inc": 8, "dec": 9}
ATOMIC_TYPES = ("b32", "b64", "u32", "s32", "u64", "s64", "f32", "f64", "f16", "f16x2", "bf16", "bf16x2", "b16", "b128")

# ---- memory ----


class Access(NamedTuple):
    """A load or store, decoded. 128-bit values move as two elements."""

    space: str
    type: str
    elements: int
    strong: bool

    @property
    def width(self) -> int:
        return min(SIZES[self.type], 8)

    @property
    def bytes(self) -> int:
        return self.width * self.elements

    @property
    def elem(self) -> str:
        return f"i{8 * self.width}"

    @property
    def code(self) -> int:
        return SPACES[self.space] | self.strong << 8


def access_of(e: Emitter, ins: Instruction) -> Access:
    space = next((m.split("::")[0] for m in ins.modifiers if m.split("::")[0] in SPACES), "generic")
    count = next((int(m[1:]) for m in ins.modifiers if m in ("v2", "v4", "v8")), 1)
    type_ = last_type(e, ins)
    if SIZES[type_] * count > 32:
        raise e.unsupported()
    return Access(space, type_, 2 if type_ == "b128" else count, any(m in STRONG for m in ins.modifiers))


def elements(operand: Operand | None) -> tuple[Operand | None, ...]:
    return operand.elements if isinstance(operand, Vector) else (operand,)


def halves(e: Emitter, operand: Operand | None) -> list[Value]:
    """The low and the high 64 bits of a 128-bit operand."""
    whole = e.use(operand, "i128")
    return [e.convert("trunc", e.op("lshr", whole, constant(s, "i128")), "i64") for s in (0, 64)]


def joined(e: Emitter, low: Value, high: Value) -> Value:
    """What `halves` takes apart."""
    upper = e.op("shl", e.convert("zext", high, "i128"), constant(64, "i128"))
    return e.op("or", upper, e.convert("zext", low, "i128"))


def place(e: Emitter, ins: Instruction, address: Operand | None, access: Access) -> tuple[str, Value, int]:
    """The state space, base and offset of an address. Names of call parameters lie in local memory."""
    if not isinstance(address, Address):
        raise e.unsupported()
    space, base, offset = access.space, address.base, address.offset
    if isinstance(base, Symbol):
        offset += base.offset
        base = Symbol(base.name)
        if space == "param":
            space = "local" if base.name in e.flow.frame.local else "kernel"
            if space == "kernel":
                return space, constant(e.flow.frame.parameters.get(base.name, -1), "i64"), offset
    elem = "i32" if space == "shared" else "i64"
    value = e.use(base, elem)
    if value.const is not None:
        value, offset = constant(value.const + offset, elem), 0
    return space, value, offset


@op("ld", "ldu")
def load(e: Emitter, ins: Instruction) -> None:
    access = access_of(e, ins)
    space, base, offset = place(e, ins, ins.operands[1], access)
    targets = elements(ins.operands[0])
    if space == "kernel":
        values = load_parameters(e, base, offset, access)
    elif space == "local" and (direct := local_words(e, base, access)):
        values = [load_local(e, word, access) for word in direct]
    else:
        values = load_anywhere(e, space, base, offset, access)
    if any(m in ORDERING for m in ins.modifiers):
        e.call("cg_order", "ptr %w")
    if access.type == "b128":
        values = [joined(e, *values)]
    signed = is_signed(access.type)
    for target, value in zip(targets, values, strict=True):
        if isinstance(target, Register) and target.type in ("f32", "f64") and access.width * 8 < 32:
            raise e.unsupported()
        e.write(target, value, signed)


def load_anywhere(e: Emitter, space: str, base: Value, offset: int, access: Access) -> list[Value]:
    """A load of any space but the kernel's parameters. One generic address may mean a place for each thread."""
    if e.site in e.loaded:
        return e.loaded.pop(e.site)
    uniform = base.n == 1 and space not in ("local", "generic")

    def through_runtime(piece: Piece) -> list[Value]:
        here, e.site = e.site, piece.site
        place = (base, piece.offset, piece.access)
        values = load_uniform(e, *place) if uniform else load_lanes(e, space, *place)
        e.site = here
        return values

    piece = Piece(e.site, offset, access)
    if not e.direct or e.guard is not None or space in ("local", "param") or (base.n == 1 and not uniform):
        return through_runtime(piece)
    step: int | None = access.bytes
    if base.n > 1 and space == "shared" and access.width >= 4:
        step = e.step(e.instruction.operands[1])
        if step not in (0, access.bytes):
            step = None
    known = base.const
    if known is not None and space == "shared":
        base, piece = constant(0, base.elem), Piece(e.site, known, access)
    pieces = [piece, *companions(e, space, base, piece)]
    found = load_directly(e, space, base, pieces, through_runtime, step)
    e.loaded.update({piece.site: values for piece, values in zip(pieces[1:], found[1:], strict=True)})
    return found[0]


def companions(e: Emitter, space: str, base: Value, first: Piece) -> list[Piece]:
    """Loads that follow with nothing but arithmetic in between, from the same base: they can be made with the first."""
    address = e.instruction.operands[1]
    register = address.base if isinstance(address, Address) else None
    found: list[Piece] = []
    count, before = first.access.elements, e.instruction
    for ins, site in e.following:
        if register in results(before) or any(m in STRONG for m in before.modifiers):
            break
        before = ins
        if ins.opcode != "ld":
            if ins.opcode not in LANEWISE:
                break
            continue
        at = ins.operands[1]
        if ins.guard is not None or not isinstance(at, Address) or any(m in STRONG for m in ins.modifiers):
            break
        access, offset = access_of(e, ins), at.offset
        if access.space != space:
            continue
        if base.const is not None:
            if not isinstance(at.base, Symbol):
                continue
            offset = place(e, ins, at, access)[1].const or 0
        elif at.base != register:
            continue
        if access.bytes != first.access.bytes or (offset - first.offset) % access.bytes:
            continue
        count += access.elements
        if count > TOGETHER:
            break
        found.append(Piece(site, offset, access))
    return found


def load_parameters(e: Emitter, base: Value, offset: int, access: Access) -> list[Value]:
    """Kernel parameters: the same for all lanes, always."""
    start = (base.const or 0) + offset
    size = access.bytes
    if base.const is None or base.const >> 63 or start < 0 or start + size > e.flow.frame.parameter_bytes:
        raise e.unsupported()
    values = []
    for k in range(access.elements):
        at = e.assign(f"getelementptr i8, ptr %params, i64 {start + k * access.width}", "i64", 1)
        values.append(e.assign(f"load {access.elem}, ptr {at.text}, align 1", access.elem, 1, True))
    return values


def load_uniform(e: Emitter, base: Value, offset: int, access: Access) -> list[Value]:
    address = e.op("add", base, constant(offset, base.elem))
    wide = e.convert("zext", address, "i64")
    shape = access.width | access.elements << 8
    e.call(
        "cg_load_uniform", "ptr %w", f"i32 {e.active()}", str(wide), f"i32 {access.code}", f"i32 {shape}",
        f"i32 {e.site}", "ptr %s0",
    )  # fmt: skip
    values = []
    for k in range(access.elements):
        at = e.assign(f"getelementptr i8, ptr %s0, i64 {8 * k}", "i64", 1)
        fixed = access.space == "const" and base.fixed
        values.append(e.assign(f"load {access.elem}, ptr {at.text}", access.elem, 1, fixed))
    return values


def function_name(kind: str, space: str, access: Access) -> str:
    family = space if space in ("shared", "local") else "global"
    return f"cg_{kind}_{family}_{access.width}x{access.elements}"


def load_lanes(
    e: Emitter, space: str, base: Value, offset: int, access: Access, mask: str | None = None
) -> list[Value]:
    e.line(f"store {e.splat(base)}, ptr %s0, align 64")
    e.call(
        function_name("load", space, access), "ptr %w", f"i32 {mask or e.active()}", "ptr %s0", f"i64 {offset}",
        f"i32 {access.code}", f"i32 {e.site}", "ptr %data",
    )  # fmt: skip
    values = []
    for k in range(access.elements):
        at = e.assign(f"getelementptr i8, ptr %data, i64 {256 * k}", "i64", 1)
        values.append(e.assign(f"load <32 x {access.elem}>, ptr {at.text}, align 64", access.elem, LANES))
    return values


def local_words(e: Emitter, base: Value, access: Access) -> list[int] | None:
    """Offsets of the elements of a local access at a constant address inside the frame; else None."""
    if base.const is None or access.width < 4 or base.const % (access.bytes):
        return None
    if base.const + access.bytes > e.flow.frame.local_bytes:
        return None
    return [base.const + k * access.width for k in range(access.elements)]


def _local_vector(e: Emitter, offset: int) -> str:
    return e.assign(f"getelementptr i8, ptr %local, i64 {offset * LANES}", "i64", 1).text


def load_local(e: Emitter, offset: int, access: Access) -> Value:
    """Local memory holds the lanes of one 4-byte word side by side."""
    low = e.assign(f"load <32 x i32>, ptr {_local_vector(e, offset)}, align 64", "i32", LANES)
    if access.width == 4:
        return low
    high = e.assign(f"load <32 x i32>, ptr {_local_vector(e, offset + 4)}, align 64", "i32", LANES)
    upper = e.op("shl", e.convert("zext", high, "i64"), constant(32, "i64"))
    return e.op("or", upper, e.convert("zext", low, "i64"))


def store_local(e: Emitter, offset: int, value: Value) -> None:
    words = [value]
    if BITS[value.elem] == 64:
        words = [e.convert("trunc", e.op("lshr", value, constant(s, "i64")), "i32") for s in (0, 32)]
    mask = Value(e.active(), "i32", 1)
    lanes = e.bits(mask, "i1", LANES)
    for k, word in enumerate(words):
        at = _local_vector(e, offset + 4 * k)
        old = e.assign(f"load <32 x i32>, ptr {at}, align 64", "i32", LANES)
        e.line(f"store {e.select(lanes, word, old)}, ptr {at}, align 64")


@op("st")
def store(e: Emitter, ins: Instruction) -> None:
    access = access_of(e, ins)
    space, base, offset = place(e, ins, ins.operands[0], access)
    if access.type == "b128":
        values = halves(e, ins.operands[1])
    else:
        values = [e.use(source, access.elem) for source in elements(ins.operands[1])]
    if any(m in ORDERING for m in ins.modifiers):
        e.call("cg_order", "ptr %w")
    if space == "kernel":
        raise e.unsupported()
    if space == "local" and (direct := local_words(e, base, access)):
        for word, value in zip(direct, values, strict=True):
            store_local(e, word, value)
    else:
        store_anywhere(e, space, base, offset, access, values)


def store_anywhere(e: Emitter, space: str, base: Value, offset: int, access: Access, values: list[Value]) -> None:
    """A store of any space."""

    def through_runtime() -> None:
        store_lanes(e, space, base, offset, access, values)

    if not e.direct or e.guard is not None or space in ("local", "param") or base.n == 1:
        through_runtime()
    else:
        store_directly(e, space, base, offset, access, values, through_runtime)


def store_lanes(
    e: Emitter, space: str, base: Value, offset: int, access: Access, values: list[Value], mask: str | None = None
) -> None:
    e.line(f"store {e.splat(base)}, ptr %s0, align 64")
    for k, value in enumerate(values):
        at = e.assign(f"getelementptr i8, ptr %data, i64 {256 * k}", "i64", 1)
        e.line(f"store {e.splat(value)}, ptr {at.text}, align 64")
    e.call(
        function_name("store", space, access), "ptr %w", f"i32 {mask or e.active()}", "ptr %s0", f"i64 {offset}",
        f"i32 {access.code}", f"i32 {e.site}", "ptr %data",
    )  # fmt: skip


@op("atom", "red")
def atomic(e: Emitter, ins: Instruction) -> None:
    """Lanes take turns in ascending order. Pairs of 16-bit values of a vector go as one 32-bit pair."""
    types = [m for m in ins.modifiers if m in SIZES]
    space = next((m.split("::")[0] for m in ins.modifiers if m.split("::")[0] in SPACES), "generic")
    operation = next((m for m in ins.modifiers if m in ATOMIC_OPS), None)
    count = next((int(m[1:]) for m in ins.modifiers if m in ("v2", "v4", "v8")), 1)
    if operation is None or len(types) != 1 or space in ("local", "param"):
        raise e.unsupported()
    paired = count > 1 and types[0] in ("f16", "bf16")
    type_ = types[0] + "x2" if paired else types[0]
    count = count // 2 if paired else 2 if type_ == "b128" else count
    if type_ not in ATOMIC_TYPES or count * SIZES[type_] > 32:
        raise e.unsupported()
    operands = list(ins.operands)
    result = operands.pop(0) if ins.opcode == "atom" else None
    address, *sources = operands
    if any("cache_hint" in m for m in ins.modifiers):
        sources.pop()
    access = Access(space, type_, count, True)
    _, base, offset = place(e, ins, address, access)
    for slot, source in enumerate(sources):
        for k, value in enumerate(_atomic_values(e, source, types[0], paired)):
            at = e.assign(f"getelementptr i8, ptr %data, i64 {1024 * slot + 256 * k}", "i64", 1)
            e.line(f"store {e.splat(e.convert('zext', value, 'i64'))}, ptr {at.text}, align 64")
    address_vector = e.splat(e.convert("zext", base, "i64"))
    e.line(f"store {address_vector}, ptr %s0, align 64")
    ordering = any(m in ORDERING for m in ins.modifiers) or operation in ("cas", "exch")
    code = (
        ATOMIC_OPS[operation] | ATOMIC_TYPES.index(type_) << 8 | SPACES[space] << 16 | count << 20
        | access.width << 24 | ordering << 30
    )  # fmt: skip
    e.call(
        "cg_atomic", "ptr %w", f"i32 {e.active()}", "ptr %s0", f"i64 {offset}", f"i32 {code}", f"i32 {e.site}",
        "ptr %data", "ptr %data1" if len(sources) > 1 else "ptr %data", "ptr %data2",
    )  # fmt: skip
    if result is None:
        return
    old = []
    for k in range(count):
        at = e.assign(f"getelementptr i8, ptr %data2, i64 {256 * k}", "i64", 1)
        wide = e.assign(f"load <32 x i64>, ptr {at.text}, align 64", "i64", LANES)
        old.append(e.convert("trunc", wide, access.elem))
    if type_ == "b128":
        old = [joined(e, *old)]
    if paired:
        old = [e.convert("trunc", e.op("lshr", o, constant(s, "i32")), "i16") for o in old for s in (0, 16)]
    for target, value in zip(elements(result), old, strict=True):
        e.write(target, value)


def _atomic_values(e: Emitter, source: Operand | None, type_: str, paired: bool) -> list[Value]:
    """What an operand holds, as elements of up to 64 bits."""
    if type_ == "b128":
        return halves(e, source)
    values = [e.use(part, f"i{8 * SIZES[type_]}") for part in elements(source)]
    if not paired:
        return values
    wide = [e.convert("zext", value, "i32") for value in values]
    return [
        e.op("or", low, e.op("shl", high, constant(16, "i32"))) for low, high in zip(wide[::2], wide[1::2], strict=True)
    ]


@op("fence", "membar")
def fence(e: Emitter, ins: Instruction) -> None:
    """Copies are done at once and every proxy sees the same memory: a fence between proxies is one more fence."""
    e.call("cg_order", "ptr %w")


@op("prefetch", "prefetchu", "discard", "applypriority", "pmevent", "griddepcontrol")
def no_effect(e: Emitter, ins: Instruction) -> None:
    """Hints. A launch here starts when all before it have ended, so there is nothing to wait for."""


@op("createpolicy")
def create_policy(e: Emitter, ins: Instruction) -> None:
    """Caches are not simulated: every policy is the same."""
    e.write(ins.operands[0], constant(0, "i64"))


@op("nanosleep")
def sleep(e: Emitter, ins: Instruction) -> None:
    """Who sleeps, waits: let the others run soon."""
    old = e.assign("load i64, ptr %fuel.at", "i64", 1)
    e.line(f"store {e.op('sub', old, constant(64, 'i64'))}, ptr %fuel.at")
