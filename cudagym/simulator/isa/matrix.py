"""Matrix instructions: mma, wmma, ldmatrix, stmatrix, movmatrix.

All lanes of a warp execute them together. What they compute, how fragments lie in registers and in which order sums
are taken is said in matrix.c; here is which shapes and types there are (PTX ISA 9.0, "Warp Level Matrix
Multiply-Accumulate Instructions").
"""

from __future__ import annotations

import re
from typing import NamedTuple

from cudagym.simulator.emit import LANES, Emitter, Value, constant
from cudagym.simulator.isa.common import SPACES, op
from cudagym.simulator.isa.memory import Access, load_lanes, place, store_lanes
from cudagym.simulator.ptx import Instruction, Operand, Vector

BITS = {
    "f16": 16, "bf16": 16, "tf32": 32, "e4m3": 8, "e5m2": 8, "s8": 8, "u8": 8, "s4": 4, "u4": 4, "b1": 1, "f64": 64,
    "f32": 32, "s32": 32,
}  # fmt: skip
TYPES = tuple(BITS)
"""In the order of enum Type in matrix.c."""
_Shapes = tuple[tuple[int, int, int], ...]
_MMA: dict[str, _Shapes] = {
    "f16": ((8, 8, 4), (16, 8, 8), (16, 8, 16)),
    "bf16": ((16, 8, 8), (16, 8, 16)),
    "tf32": ((16, 8, 4), (16, 8, 8)),
    **dict.fromkeys(("e4m3", "e5m2"), ((16, 8, 16), (16, 8, 32))),
    **dict.fromkeys(("s8", "u8"), ((8, 8, 16), (16, 8, 16), (16, 8, 32))),
    **dict.fromkeys(("s4", "u4"), ((8, 8, 32), (16, 8, 32), (16, 8, 64))),
    "b1": ((8, 8, 128), (16, 8, 128), (16, 8, 256)),
    "f64": ((8, 8, 4), (16, 8, 4), (16, 8, 8), (16, 8, 16)),
}
_WMMA: dict[str, _Shapes] = {
    **dict.fromkeys(("f16", "bf16", "s8", "u8"), ((16, 16, 16), (32, 8, 16), (8, 32, 16))),
    "tf32": ((16, 16, 8),),
    "f64": ((8, 8, 4),),
    **dict.fromkeys(("s4", "u4"), ((8, 8, 32),)),
    "b1": ((8, 8, 128),),
}
_ACCUMULATORS = {
    **dict.fromkeys(("f16", "e4m3", "e5m2"), ("f16", "f32")),
    **dict.fromkeys(("bf16", "tf32"), ("f32",)),
    **dict.fromkeys(("s8", "u8", "s4", "u4", "b1"), ("s32",)),
    "f64": ("f64",),
}
_MIXED = ({"s8", "u8"}, {"s4", "u4"}, {"e4m3", "e5m2"})
"""Types of A and B that may differ from each other."""
_PIPES = {"f16": "fp16", "bf16": "bf16", "tf32": "tf32", "f64": "fp64"}
"""Whose peak bounds a type of A, as hardware.MathMode; types of 8 bits and fewer share one."""
MATRIX_OPS = ("mma", "wmma", "ldmatrix", "stmatrix", "movmatrix")
_SATURATE, _XOR, _A_COLUMNS, _B_ROWS = 1, 2, 4, 8
"""enum Flags of matrix.c."""
_A, _B, _C, _D = 0, 2048, 3072, 4096
"""Where the registers of each fragment lie in %data, one after the other."""


class Product(NamedTuple):
    """What mma and wmma.mma multiply."""

    m: int
    n: int
    k: int
    types: tuple[str, str, str, str]
    """Of A, B, C and D."""
    flags: int

    @property
    def operations(self) -> int:
        """Multiplications and additions."""
        return 2 * self.m * self.n * self.k * (4 if self.is_quad else 1)

    @property
    def is_quad(self) -> bool:
        """mma.m8n8k4 of f16 makes four products at once."""
        return self.k == 4 and self.types[0] == "f16"

    @property
    def registers(self) -> tuple[int, int, int, int]:
        """How many hold the numbers of each fragment; wmma can name more, which repeat them."""
        extents = (self.m * self.k, self.k * self.n, self.m * self.n, self.m * self.n)
        products = 4 if self.is_quad else 1
        counts = zip(extents, self.types, strict=True)
        a, b, c, d = (products * size * BITS[type_] // max(32, BITS[type_]) // LANES for size, type_ in counts)
        return a, b, c, d


def shape_of(modifiers: list[str]) -> tuple[int, int, int] | None:
    """Takes `m16n8k16` out of the modifiers."""
    for modifier in modifiers:
        if found := re.fullmatch(r"m(\d+)n(\d+)k(\d+)", modifier):
            modifiers.remove(modifier)
            m, n, k = map(int, found.groups())
            return m, n, k
    return None


def product_of(ins: Instruction) -> Product | None:
    """The product that an mma or wmma.mma stands for; None when there is no such form."""
    rest = list(ins.modifiers)
    shape = shape_of(rest)
    types = [m for m in rest if m in BITS]
    layouts = [m for m in rest if m in ("row", "col")]
    words = {m for m in rest if m not in BITS and m not in layouts}
    if ins.opcode == "wmma" and len(types) == 2:  # those of D and C; A and B are f16
        types = [types[0], "f16", "f16", types[1]]
    if shape is None or len(types) != 4 or len(layouts) != 2:
        return None
    d, a, b, c = types
    allowed = {"sync", "aligned", *({"mma"} if ins.opcode == "wmma" else ())}
    if c == "s32":
        allowed |= {"and", "xor", "popc"} if a == "b1" else {"satfinite"}
    elif a == "f64":
        allowed.add("rn")
    quad = ins.opcode == "mma" and shape == (8, 8, 4) and a == "f16"
    if (
        shape not in (_WMMA if ins.opcode == "wmma" else _MMA).get(a, ())
        or not (a == b or any({a, b} <= pair for pair in _MIXED))
        or not {c, d} <= set(_ACCUMULATORS[a])
        or (a == "b1") != ("popc" in words)
        or not words <= allowed
        or (ins.opcode == "mma" and not quad and layouts != ["row", "col"])
    ):
        return None
    flags = _SATURATE * ("satfinite" in words) | _XOR * ("xor" in words)
    if quad:
        flags |= _A_COLUMNS * (layouts[0] == "col") | _B_ROWS * (layouts[1] == "row")
    return Product(*shape, (a, b, c, d), flags)


def class_of(ins: Instruction) -> str | None:
    """The class of Counters for a matrix instruction; None for a form that does not exist."""
    if ins.opcode == "movmatrix":
        return "shuffles"
    if ins.opcode == "mma" or "mma" in ins.modifiers:
        product = product_of(ins)
        return product and "tensor_" + _PIPES.get(product.types[0], "int8")
    space = next((m.split("::")[0] for m in ins.modifiers if m.split("::")[0] in SPACES), "generic")
    writes = ins.opcode == "stmatrix" or "store" in ins.modifiers
    return f"{'shared' if space == 'shared' else 'global'}_{'stores' if writes else 'loads'}"


def events_of(ins: Instruction) -> int:
    """What a matrix instruction adds to its class: operations, or accesses of a warp to memory."""
    if ins.opcode == "mma" or "mma" in ins.modifiers:
        product = product_of(ins)
        return product.operations if product else 0
    if ins.opcode == "wmma":
        fragment = fragment_of(ins)
        return fragment.accesses if fragment else 0
    return next((int(m[1:]) for m in ins.modifiers if m in ("x1", "x2", "x4")), 1)


def _registers(e: Emitter, operand: Operand | None) -> tuple[Operand | None, ...]:
    if not isinstance(operand, Vector):
        raise e.unsupported()
    return operand.elements


def _at(e: Emitter, offset: int) -> str:
    return e.assign(f"getelementptr i8, ptr %data, i64 {offset}", "i64", 1).text


def _put(e: Emitter, operand: Operand | None, offset: int, count: int, elem: str = "i32") -> None:
    """The first `count` registers of a fragment, into %data."""
    registers = _registers(e, operand)
    if len(registers) < count:
        raise e.unsupported()
    size = LANES * (8 if elem == "i64" else 4)
    for k, register in enumerate(registers[:count]):
        e.line(f"store {e.splat(e.use(register, elem))}, ptr {_at(e, offset + size * k)}, align 64")


def _take(e: Emitter, operand: Operand | None, offset: int, count: int, elem: str = "i32") -> None:
    """Registers from %data; those behind the first `count` repeat them."""
    size = LANES * (8 if elem == "i64" else 4)
    values = [
        e.assign(f"load <32 x {elem}>, ptr {_at(e, offset + size * k)}, align 64", elem, LANES) for k in range(count)
    ]
    registers = _registers(e, operand)
    if len(registers) < count:
        raise e.unsupported()
    for k, register in enumerate(registers):
        e.write(register, values[k % count])


@op("mma")
def multiply(e: Emitter, ins: Instruction) -> None:
    product = product_of(ins)
    if product is None or len(ins.operands) != 4:
        raise e.unsupported()
    d, a, b, c = ins.operands
    elem = "i64" if product.types[0] == "f64" else "i32"
    counts = product.registers
    for operand, offset, count in zip((a, b, c), (_A, _B, _C), counts, strict=False):
        _put(e, operand, offset, count, elem)
    extents = product.m | product.n << 8 | product.k << 16
    types = sum(TYPES.index(type_) << 4 * i for i, type_ in enumerate(product.types))
    pointers = (f"ptr {_at(e, offset)}" for offset in (_D, _A, _B, _C))
    e.call("cg_mma", *pointers, f"i32 {extents}", f"i32 {types}", f"i32 {product.flags}")
    _take(e, d, _D, counts[3], elem)


class Fragment(NamedTuple):
    """What a wmma.load or wmma.store moves. Rows and columns are those of B's transpose."""

    rows: int
    columns: int
    type: str
    matrix: str
    along: bool
    """Whether numbers that are neighbours along a row lie side by side."""
    space: str

    @property
    def registers(self) -> int:
        return self.rows * self.columns * BITS[self.type] // max(32, BITS[self.type]) // LANES

    @property
    def accesses(self) -> int:
        """Of the warp to memory: one for each unit, or for each number of a lane if those do not lie side by side."""
        each = 2 if self.matrix in "cd" else max(1, 32 // BITS[self.type])
        units = self.rows * self.columns // (LANES * each)
        return units if self.along else units * each


def fragment_of(ins: Instruction) -> Fragment | None:
    """What a wmma.load or wmma.store stands for; None when there is no such form."""
    rest = list(ins.modifiers)
    shape = shape_of(rest)
    if shape is None or len(rest) < 4:
        return None
    kind, matrix, type_ = rest[0], rest[1], rest[-1]
    space = next((m for m in rest if m.split("::")[0] in SPACES), "")
    layout = next((m for m in rest if m in ("row", "col")), "")
    m, n, k = shape
    rows, columns, straight = {"a": (m, k, "row"), "b": (n, k, "col")}.get(matrix, (m, n, "row"))
    takers = [a for a, kinds in _ACCUMULATORS.items() if (type_ in kinds if matrix in "cd" else type_ == a)]
    if (
        matrix not in {"load": "abc", "store": "d"}.get(kind, "")
        or not layout
        or not {*rest[2:-1]} <= {"sync", "aligned", layout, space}
        or not any(shape in _WMMA.get(a, ()) for a in takers)
        or (BITS[type_] < 8 and layout != straight)
    ):
        return None
    return Fragment(rows, columns, type_, matrix, layout == straight, space.split("::")[0] or "generic")


@op("wmma")
def fragments(e: Emitter, ins: Instruction) -> None:
    """wmma.mma, and its fragments from and to memory."""
    if "mma" in ins.modifiers:
        multiply(e, ins)
        return
    fragment = fragment_of(ins)
    if fragment is None:
        raise e.unsupported()
    writes = fragment.matrix == "d"
    address, numbers, *stride = ins.operands if writes else (ins.operands[1], ins.operands[0], *ins.operands[2:])
    space, base, offset = place(e, ins, address, Access(fragment.space, "b32", 1, False))
    if space not in ("global", "generic", "shared"):
        raise e.unsupported()
    start = e.any_lane(e.op("add", base, constant(offset, base.elem)))
    least = fragment.columns if fragment.along else fragment.rows
    step = e.any_lane(e.use(stride[0], "i32")) if stride else constant(least, "i32")
    elem = "i64" if fragment.type == "f64" else "i32"
    if writes:
        _put(e, numbers, _D, fragment.registers, elem)
    e.call(
        "cg_wmma_move", "ptr %w", f"i32 {e.active()}", str(e.convert("zext", start, "i64")),
        str(e.convert("zext", step, "i64")), f"i32 {fragment.rows | fragment.columns << 8}",
        f"i32 {TYPES.index(fragment.type)}", f"i32 {int(fragment.matrix == 'b')}",
        f"i32 {int(fragment.matrix in 'cd')}", f"i32 {int(fragment.along)}", f"i32 {SPACES[space]}", f"i32 {e.site}",
        f"ptr {_at(e, _D)}", f"i32 {int(writes)}",
    )  # fmt: skip
    if not writes:
        _take(e, numbers, _D, fragment.registers, elem)


@op("ldmatrix", "stmatrix")
def rows_of_matrices(e: Emitter, ins: Instruction) -> None:
    """Lanes 8 i to 8 i + 7 name the rows of the i-th matrix: 16 bytes each, moved as one access of those lanes."""
    count = next((int(m[1:]) for m in ins.modifiers if m in ("x1", "x2", "x4")), 0)
    space = next((m for m in ins.modifiers if m.split("::")[0] == "shared"), "")
    known = {"sync", "aligned", "m8n8", "trans", "b16", f"x{count}", space}
    if not count or not {"m8n8", "b16"} <= set(ins.modifiers) <= known:
        raise e.unsupported()
    transposed = int("trans" in ins.modifiers)
    access = Access(space.split("::")[0] or "generic", "b32", 4, False)
    writes = ins.opcode == "stmatrix"
    address, numbers = ins.operands if writes else reversed(ins.operands)
    where, base, offset = place(e, ins, address, access)
    mask = e.op("and", Value(e.active(), "i32", 1), constant((1 << 8 * count) - 1, "i32")).text
    if not writes:
        load_lanes(e, where, base, offset, access, mask)
        flags = (f"i32 {mask}", f"i32 {count}", f"i32 {transposed}")
        e.call("cg_rows_to_matrices", f"ptr {_at(e, _D)}", "ptr %data", *flags)
        _take(e, numbers, _D, count)
        return
    _put(e, numbers, _D, count)
    e.call("cg_matrices_to_rows", "ptr %data", f"ptr {_at(e, _D)}", f"i32 {count}", f"i32 {transposed}")
    rows = [e.assign(f"load <32 x i32>, ptr {_at(e, 256 * k)}, align 64", "i32", LANES) for k in range(4)]
    store_lanes(e, where, base, offset, access, rows, mask)


@op("movmatrix")
def transpose(e: Emitter, ins: Instruction) -> None:
    if set(ins.modifiers) != {"sync", "aligned", "m8n8", "trans", "b16"}:
        raise e.unsupported()
    d, a = ins.operands
    e.line(f"store {e.splat(e.use(a, 'i32'))}, ptr %s1, align 64")
    e.call("cg_transpose", "ptr %s0", "ptr %s1")
    e.write(d, e.load_scratch(0, "i32", LANES))
