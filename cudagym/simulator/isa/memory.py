"""Loads, stores, atomics and fences: every access goes through the runtime, which checks it."""

from __future__ import annotations

from typing import NamedTuple

from cudagym.simulator.emit import BITS, LANES, Emitter, Value, constant
from cudagym.simulator.isa.common import SPACES, is_signed, last_type, op
from cudagym.simulator.isa.direct import load_directly, store_directly
from cudagym.simulator.ptx import SIZES, Address, Instruction, Operand, Register, Symbol, Vector

STRONG = frozenset(("volatile", "relaxed", "acquire", "release", "mmio"))
ORDERING = frozenset(("acquire", "release", "acq_rel"))
ATOMIC_OPS = {"add": 0, "min": 1, "max": 2, "and": 3, "or": 4, "xor": 5, "exch": 6, "cas": 7, "inc": 8, "dec": 9}
ATOMIC_TYPES = ("b32", "b64", "u32", "s32", "u64", "s64", "f32", "f64", "f16", "f16x2", "bf16", "bf16x2", "b16")

# ---- memory ----


class Access(NamedTuple):
    """A load or store, decoded."""

    space: str
    type: str
    elements: int
    strong: bool

    @property
    def width(self) -> int:
        return SIZES[self.type]

    @property
    def elem(self) -> str:
        return f"i{8 * self.width}"

    @property
    def code(self) -> int:
        return SPACES[self.space] | self.strong << 8


def access_of(e: Emitter, ins: Instruction) -> Access:
    space = next((m.split("::")[0] for m in ins.modifiers if m.split("::")[0] in SPACES), "generic")
    count = next((int(m[1:]) for m in ins.modifiers if m in ("v2", "v4", "v8")), 1)
    access = Access(space, last_type(e, ins), count, any(m in STRONG for m in ins.modifiers))
    if access.width * count > 16 or access.type == "b128":
        raise e.unsupported()
    return access


def elements(operand: Operand | None, count: int) -> tuple[Operand | None, ...]:
    return operand.elements if isinstance(operand, Vector) else (operand,) * count


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
    targets = elements(ins.operands[0], access.elements)
    if space == "kernel":
        values = load_parameters(e, base, offset, access)
    elif space == "local" and (direct := local_words(e, base, access)):
        values = [load_local(e, word, access) for word in direct]
    else:
        values = load_anywhere(e, space, base, offset, access)
    if any(m in ORDERING for m in ins.modifiers):
        e.call("cg_order", "ptr %w")
    signed = is_signed(access.type)
    for target, value in zip(targets, values, strict=True):
        if isinstance(target, Register) and target.type in ("f32", "f64") and access.width * 8 < 32:
            raise e.unsupported()
        e.write(target, value, signed)


def load_anywhere(e: Emitter, space: str, base: Value, offset: int, access: Access) -> list[Value]:
    """A load of any space but the kernel's parameters. One generic address may mean a place for each thread."""
    uniform = base.n == 1 and space not in ("local", "generic")

    def through_runtime() -> list[Value]:
        return load_uniform(e, base, offset, access) if uniform else load_lanes(e, space, base, offset, access)

    if not e.direct or e.guard is not None or space in ("local", "param") or (base.n == 1 and not uniform):
        return through_runtime()
    return load_directly(e, space, base, offset, access, through_runtime)


def load_parameters(e: Emitter, base: Value, offset: int, access: Access) -> list[Value]:
    """Kernel parameters: the same for all lanes, always."""
    start = (base.const or 0) + offset
    size = access.width * access.elements
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
    if base.const is None or access.width < 4 or base.const % (access.width * access.elements):
        return None
    if base.const + access.width * access.elements > e.flow.frame.local_bytes:
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
    values = [e.use(source, access.elem) for source in elements(ins.operands[1], access.elements)]
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


def store_lanes(e: Emitter, space: str, base: Value, offset: int, access: Access, values: list[Value]) -> None:
    e.line(f"store {e.splat(base)}, ptr %s0, align 64")
    for k, value in enumerate(values):
        at = e.assign(f"getelementptr i8, ptr %data, i64 {256 * k}", "i64", 1)
        e.line(f"store {e.splat(value)}, ptr {at.text}, align 64")
    e.call(
        function_name("store", space, access), "ptr %w", f"i32 {e.active()}", "ptr %s0", f"i64 {offset}",
        f"i32 {access.code}", f"i32 {e.site}", "ptr %data",
    )  # fmt: skip


@op("cp")
def copy_async(e: Emitter, ins: Instruction) -> None:
    """cp.async of 4, 8 or 16 bytes, done at once; the groups that wait for it have nothing to wait for.

    With a source size, what lies behind it is filled with zeros, in units of 4 bytes.
    """
    if ins.modifiers[:2] in (("async", "commit_group"), ("async", "wait_group"), ("async", "wait_all")):
        return
    if ins.modifiers[:1] != ("async",) or "bulk" in ins.modifiers or "mbarrier" in ins.modifiers:
        raise e.unsupported()
    target, source, size, *rest = ins.operands
    count = (e.use(size, "i32").const or 0) // 4
    filled = bool(rest) and not any("cache_hint" in m for m in ins.modifiers)
    if count not in (1, 2, 4) or len(rest) > 1:
        raise e.unsupported()
    read, written = Access("global", "b32", count, False), Access("shared", "b32", count, False)
    _, base, offset = place(e, ins, source, read)
    if filled:
        given = e.use(rest[0], "i32")
        values = [load_part(e, base, offset + 4 * k, given, k) for k in range(count)]
    else:
        values = load_lanes(e, "global", base, offset, read)
    _, base, offset = place(e, ins, target, written)
    store_lanes(e, "shared", base, offset, written, values)


def load_part(e: Emitter, base: Value, offset: int, given: Value, word: int) -> Value:
    """One word for the lanes whose source reaches that far, zero for the others."""
    reaches = e.splat(e.compare("uge", given, constant(4 * word + 4, "i32")))
    mask = e.op("and", Value(e.active(), "i32", 1), e.pack(reaches))
    (value,) = load_lanes(e, "global", base, offset, Access("global", "b32", 1, False), mask.text)
    return e.select(reaches, value, constant(0, "i32"))


@op("atom", "red")
def atomic(e: Emitter, ins: Instruction) -> None:
    type_ = last_type(e, ins)
    space = next((m.split("::")[0] for m in ins.modifiers if m.split("::")[0] in SPACES), "generic")
    operation = next((m for m in ins.modifiers if m in ATOMIC_OPS), None)
    count = next((int(m[1:]) for m in ins.modifiers if m in ("v2", "v4", "v8")), 1)
    if operation is None or type_ not in ATOMIC_TYPES or count * SIZES[type_] > 16 or space in ("local", "param"):
        raise e.unsupported()
    operands = list(ins.operands)
    result = operands.pop(0) if ins.opcode == "atom" else None
    _, base, offset = place(e, ins, operands[0], Access(space, type_, 1, True))
    bits = f"i{8 * SIZES[type_]}"
    pointers = []
    for slot, operand in enumerate(operands[1:3], start=1):
        for k, source in enumerate(elements(operand, count)):
            value = e.convert("zext", e.use(source, bits), "i64")
            at = e.assign(f"getelementptr i8, ptr %data, i64 {1024 * (slot - 1) + 256 * k}", "i64", 1)
            e.line(f"store {e.splat(value)}, ptr {at.text}, align 64")
    pointers = ["ptr %data", "ptr %data" if len(operands) < 3 else "ptr %data1"]
    address = e.splat(e.convert("zext", base, "i64"))
    e.line(f"store {address}, ptr %s0, align 64")
    ordering = any(m in ORDERING for m in ins.modifiers) or operation in ("cas", "exch")
    code = (
        ATOMIC_OPS[operation] | ATOMIC_TYPES.index(type_) << 8 | SPACES[space] << 16 | count << 20
        | SIZES[type_] << 24 | ordering << 30
    )  # fmt: skip
    e.call(
        "cg_atomic", "ptr %w", f"i32 {e.active()}", "ptr %s0", f"i64 {offset}", f"i32 {code}", f"i32 {e.site}",
        *pointers, "ptr %data2",
    )  # fmt: skip
    for k, target in enumerate(elements(result, count)):
        if target is not None:
            at = e.assign(f"getelementptr i8, ptr %data2, i64 {256 * k}", "i64", 1)
            old = e.assign(f"load <32 x i64>, ptr {at.text}, align 64", "i64", LANES)
            e.write(target, e.convert("trunc", old, bits))


@op("fence", "membar")
def fence(e: Emitter, ins: Instruction) -> None:
    if any(m.startswith("proxy") for m in ins.modifiers):
        raise e.unsupported()
    e.call("cg_order", "ptr %w")


@op("prefetch", "prefetchu", "discard", "applypriority", "pmevent", "griddepcontrol")
def no_effect(e: Emitter, ins: Instruction) -> None:
    """Hints. A launch here starts when all before it have ended, so there is nothing to wait for."""


@op("nanosleep")
def sleep(e: Emitter, ins: Instruction) -> None:
    """Who sleeps, waits: let the others run soon."""
    old = e.assign("load i64, ptr %fuel.at", "i64", 1)
    e.line(f"store {e.op('sub', old, constant(64, 'i64'))}, ptr %fuel.at")
