"""Memory accesses in place: a plain load or store where one check of the whole access shows that it is safe.

That is so for one address for all lanes, for lanes side by side in memory, and for any place in shared memory; loads
from one base share a check.
`Warp.reach` says how far each buffer may be accessed; it is empty while a warp is watched, so that then, and whenever
the check fails, the runtime takes the access as it takes all others.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from cudagym.build.program import FIRST_ADDRESS, MAX_SLOTS, SLOT_BYTES
from cudagym.simulator.emit import LANES, Emitter, Value, constant

if TYPE_CHECKING:
    from cudagym.simulator.isa.memory import Access

_REACH_BYTES = 32
"""Of struct Reach in runtime.h: host address, bytes to load, bytes to store."""
_SLOT_BITS = SLOT_BYTES.bit_length() - 1


class Piece(NamedTuple):
    """One load of several that are made together."""

    site: int
    offset: int
    access: Access


def load_directly(
    e: Emitter, space: str, base: Value, pieces: list[Piece], other: Callable[[Piece], list[Value]], step: int | None
) -> list[list[Value]]:
    """The elements of loads from one base under one check; `other` writes out the way of each through the runtime.

    `step` is what probably lies between the addresses of neighbouring lanes. Without one, shared memory is gathered.
    """
    low = min(piece.offset for piece in pieces)
    extent = max(piece.offset + piece.access.bytes for piece in pieces) - low
    align = max(piece.access.bytes for piece in pieces)
    if step is None:
        index, safe = _inside(e, base, low, align, extent)
    else:
        here, safe = _locate(e, space, base, low, align, extent, step, write=False)

    def plain() -> list[Value]:
        values = []
        for piece in pieces:
            at, access = piece.offset - low, piece.access
            values += (
                _gather(e, index, at, access)
                if step is None
                else _load_whole(e, here, at, access)
                if step and base.n > 1
                else [e.splat(value, base.n) for value in _load_once(e, here, at, access)]
            )
        return values

    values = iter(_either(e, safe, plain, lambda: [value for piece in pieces for value in other(piece)]))
    return [[next(values) for _ in range(piece.access.elements)] for piece in pieces]


def _load_once(e: Emitter, here: str, offset: int, access: Access) -> list[Value]:
    places = [_behind(e, here, offset + k * access.width) for k in range(access.elements)]
    return [e.assign(f"load {access.elem}, ptr {at}, align {access.width}", access.elem, 1) for at in places]


def _load_whole(e: Emitter, here: str, offset: int, access: Access) -> list[Value]:
    total, at = LANES * access.elements, _behind(e, here, offset)
    whole = e.assign(f"load <{total} x {access.elem}>, ptr {at}, align {access.width}", access.elem, total)
    return [whole] if access.elements == 1 else [_every(e, whole, k, access) for k in range(access.elements)]


def _gather(e: Emitter, index: Value, offset: int, access: Access) -> list[Value]:
    name = f"llvm.masked.gather.v32i{8 * access.width}.v32p0"
    type_ = f"<32 x {access.elem}>"
    e.declared[name] = f"declare {type_} @{name}(<32 x ptr>, i32, <32 x i1>, {type_})"
    values = []
    for k in range(access.elements):
        start = _behind(e, "%shared", offset + k * access.width)
        places = e.assign(f"getelementptr i8, ptr {start}, {index}", "i64", LANES).text
        text = f"@{name}(<32 x ptr> {places}, i32 {access.width}, <32 x i1> splat (i1 true), {type_} poison)"
        values.append(e.assign(f"call {type_} {text}", access.elem, LANES))
    return values


def _inside(e: Emitter, base: Value, offset: int, align: int, extent: int) -> tuple[Value, Value]:
    """Each lane's offset in shared memory, and whether all of them may load `extent` bytes there."""
    index = e.op("add", base, constant(offset, base.elem))
    room, size = Value("%shared.reach", "i64", 1), constant(extent, "i64")
    last = e.convert("trunc", e.op("sub", room, size), base.elem)
    odd = e.compare("ne", e.op("and", index, constant(align - 1, base.elem)), constant(0, base.elem))
    bad = e.pack(e.op("or", e.compare("ugt", index, last), odd))
    none = e.compare("eq", bad, constant(0, "i32"))
    return index, e.op("and", none, e.compare("uge", room, size))


def store_directly(
    e: Emitter, space: str, base: Value, offset: int, access: Access, values: list[Value], other: Callable[[], None]
) -> None:
    """A store by all lanes of the warp, side by side."""
    size = access.bytes
    here, safe = _locate(e, space, base, offset, size, size, size, write=True)
    safe = e.op("and", safe, Value("%alive.full", "i1", 1))

    def plain() -> list[Value]:
        whole = _woven(e, [e.splat(value) for value in values])
        e.line(f"store {whole}, ptr {here}, align {access.width}")
        return []

    def rest() -> list[Value]:
        other()
        return []

    _either(e, safe, plain, rest)


def _either(e: Emitter, safe: Value, plain: Callable[[], list[Value]], other: Callable[[], list[Value]]) -> list[Value]:
    e.count += 1
    names = [f"{kind}{e.count}" for kind in ("plain", "other", "done")]
    e.line("store i64 1, ptr %accesses.at")
    e.line(f"br {safe}, label %{names[0]}, label %{names[1]}, !prof !0")
    found: list[tuple[list[Value], str]] = []
    saved = dict(e.splats)
    for name, write in zip(names, (plain, other), strict=False):
        e.label(name)
        values = write()
        found.append((values, e.here))
        e.line(f"br label %{names[2]}")
        e.splats = dict(saved)
    e.label(names[2])
    (first, here), (second, there) = found
    return [
        e.assign(f"phi {a.type} [ {a.text}, %{here} ], [ {b.text}, %{there} ]", a.elem, a.n)
        for a, b in zip(first, second, strict=True)
    ]


def _locate(
    e: Emitter, space: str, base: Value, offset: int, align: int, extent: int, step: int, *, write: bool
) -> tuple[str, Value]:
    """The host address of the first lane's first byte, and whether the `extent` of all lanes may be accessed there:
    the lanes of a vector are `step` bytes apart.
    """
    first, safe = base, constant(1, "i1")
    if base.n > 1:
        first, safe = _neighbours(e, base, step)
    span = constant(extent + (step * (LANES - 1) if base.n > 1 else 0), "i64")
    address = e.op("add", first, constant(offset, first.elem))
    odd = e.op("and", address, constant(align - 1, address.elem))
    if space == "shared":
        place = e.convert("zext", address, "i64")
        room, host = Value("%shared.reach", "i64", 1), "%shared"
    else:
        slot = e.op("and", e.op("lshr", address, constant(_SLOT_BITS, "i64")), constant(MAX_SLOTS - 1, "i64"))
        row = e.op("mul", slot, constant(_REACH_BYTES, "i64"))
        reach = e.assign(f"getelementptr i8, ptr %reach, {row}", "i64", 1).text
        host = e.assign(f"load ptr, ptr {reach}", "i64", 1).text
        room = e.assign(f"load i64, ptr {_behind(e, reach, 16 if write else 8)}", "i64", 1)
        place = e.op("and", address, constant(SLOT_BYTES - 1, "i64"))
        top = e.op("lshr", address, constant(FIRST_ADDRESS.bit_length() - 1, "i64"))
        odd = e.op("or", odd, e.op("xor", top, constant(1, "i64")))
    inside = e.compare("ule", e.op("add", place, span), room)
    even = e.compare("eq", odd, constant(0, odd.elem))
    safe = e.op("and", e.op("and", inside, even), safe)
    return e.assign(f"getelementptr i8, ptr {host}, {place}", "i64", 1).text, safe


def _neighbours(e: Emitter, base: Value, stride: int) -> tuple[Value, Value]:
    """The first lane's address, and whether every lane's lies `stride` bytes behind the one before."""
    key = f"neighbours {base.text} {stride}"
    if key not in e.splats:
        e.splats[f"{key} first"] = e.assign(f"extractelement {base}, i32 0", base.elem, 1)
        steps = ", ".join(f"{base.elem} {lane * stride}" for lane in range(LANES))
        expected = e.op("add", e.splat(e.splats[f"{key} first"]), Value(f"<{steps}>", base.elem, LANES))
        gaps = e.pack(e.compare("ne", base, expected))
        e.splats[key] = e.compare("eq", gaps, constant(0, "i32"))
    return e.splats[f"{key} first"], e.splats[key]


def _behind(e: Emitter, pointer: str, offset: int) -> str:
    return e.assign(f"getelementptr i8, ptr {pointer}, i64 {offset}", "i64", 1).text if offset else pointer


def _every(e: Emitter, whole: Value, k: int, access: Access) -> Value:
    """Element k of each lane."""
    picks = ", ".join(f"i32 {lane * access.elements + k}" for lane in range(LANES))
    return e.assign(f"shufflevector {whole}, {whole.type} poison, <32 x i32> <{picks}>", access.elem, LANES)


def _woven(e: Emitter, values: list[Value]) -> Value:
    """The elements of all lanes in the order of memory: 1, 2 or 4 per lane."""
    if len(values) == 1:
        return values[0]
    half = len(values) // 2
    evens, odds = _woven(e, values[::2]), _woven(e, values[1::2])
    total = LANES * len(values)
    picks = ", ".join(f"i32 {i // 2 + i % 2 * LANES * half}" for i in range(total))
    text = f"shufflevector {evens}, {odds}, <{total} x i32> <{picks}>"
    return e.assign(text, evens.elem, total)
