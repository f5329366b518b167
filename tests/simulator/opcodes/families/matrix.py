"""Matrix instructions (PTX ISA 9.0, 9.7.15) on small whole numbers: which element lies where, and every product.

Sums of such numbers are exact in any order; rounding and order are tested beside the simulator's own statement.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import numpy as np

from opcodes.case import Case, Port, Wanted, family
from opcodes.families.memory import area

Matrix = list[list[int]]
NUMPY = {"f16": np.float16, "f32": np.float32, "u8": np.uint8, "s8": np.int8, "s32": np.int32}
WIDTH = {"f16": 16, "bf16": 16, "f32": 32, "u8": 8, "s8": 8, "s32": 32}


def to_bits(value: int, type_: str) -> int:
    """A small whole number in a type."""
    if type_ == "bf16":
        return int(np.float32(value).view(np.uint32)) >> 16
    return int.from_bytes(NUMPY[type_](value).tobytes(), "little")


def from_bits(bits: int, type_: str) -> int:
    if type_ == "bf16":
        return int(np.uint32(bits << 16).view(np.float32))
    return int(np.frombuffer(bits.to_bytes(WIDTH[type_] // 8, "little"), NUMPY[type_])[0])


def unpack(registers: Sequence[int], type_: str) -> list[int]:
    """The elements in registers, lowest first."""
    width = WIDTH[type_]
    return [from_bits(register >> at & (1 << width) - 1, type_) for register in registers for at in range(0, 32, width)]


def small(count: int, type_: str, seed: str) -> list[int]:
    chooser = random.Random(seed)
    low = 0 if type_ == "u8" else -4
    return [to_bits(chooser.randint(low, 5), type_) for _ in range(count)]


def packed(count: int, type_: str, seed: str) -> list[int]:
    """Words of small numbers."""
    per = 32 // WIDTH[type_]
    values = small(count * per, type_, seed)
    return [
        sum(x << k * WIDTH[type_] for k, x in enumerate(values[at : at + per])) for at in range(0, len(values), per)
    ]


@family("mma")
def multiply(name: str, parts: list[str]) -> Case | None:
    """m16n8k16 of 16-bit numbers, the only shape in the list."""
    if "m16n8k16" not in parts or WIDTH.get(parts[-2]) != 16:
        return None
    d_type, a_type, _, c_type = parts[-4:]
    sums = {"f32": 4, "f16": 2}[c_type]
    letters = [f"%{x}" for x in "abcdefghijkl"[: 6 + sums]]
    a, b, c = ("{" + ", ".join(group) + "}" for group in (letters[:4], letters[4:6], letters[6:]))
    d = "{" + ", ".join(f"%o{k}" for k in range(sums)) + "}"
    types = [a_type] * 6 + [c_type] * sums

    def oracle(*columns: list[int]) -> list[list[Wanted]]:
        left = [[0] * 16 for _ in range(16)]
        right = [[0] * 8 for _ in range(16)]
        total = [[0] * 8 for _ in range(16)]
        for lane in range(32):
            row, pair = lane // 4, 2 * (lane % 4)
            for i, x in enumerate(unpack([column[lane] for column in columns[:4]], a_type)):
                left[row + 8 * (i // 2 % 2)][pair + i % 2 + 8 * (i // 4)] = x
            for i, x in enumerate(unpack([column[lane] for column in columns[4:6]], a_type)):
                right[pair + i % 2 + 8 * (i // 2)][row] = x
            for i, x in enumerate(unpack([column[lane] for column in columns[6:]], c_type)):
                total[row + 8 * (i // 2)][pair + i % 2] = x
        answers: list[list[Wanted]] = []
        for lane in range(32):
            row, pair = lane // 4, 2 * (lane % 4)
            places = [(row + 8 * (i // 2), pair + i % 2) for i in range(4)]
            values = [sum(left[r][k] * right[k][j] for k in range(16)) + total[r][j] for r, j in places]
            answers.append([to_bits(x, d_type) for x in values])
        return answers

    return Case(
        name,
        f"{name} {d}, {a}, {b}, {c};",
        tuple(Port(32) for _ in letters),
        tuple(packed(128, type_, f"{name} {k}") for k, type_ in enumerate(types)),
        tuple(Port(32, WIDTH[d_type]) for _ in range(sums)),
        oracle,
        warp=True,
    )


def count_of(parts: Sequence[str]) -> int:
    return next(int(part[1:]) for part in parts if part in ("x1", "x2", "x4"))


def row_places(parts: Sequence[str]) -> Callable[[int, int], tuple[tuple[int, int], tuple[int, int]]]:
    """The row (of all matrices, one below the other) and column of both halves of a lane's register."""

    def places(lane: int, register: int) -> tuple[tuple[int, int], tuple[int, int]]:
        row, pair = lane // 4, 2 * (lane % 4)
        if "trans" in parts:
            return (8 * register + pair, row), (8 * register + pair + 1, row)
        return (8 * register + row, pair), (8 * register + row, pair + 1)

    return places


@family("ldmatrix")
def load_rows(name: str, parts: list[str]) -> Case:
    count, places = count_of(parts), row_places(parts)
    values = [random.Random(name + str(k)).getrandbits(128) for k in range(128)]
    body = area("shared") + "cvt.u32.u64 %t7, %w5; .reg .b64 %x, %y;\n"
    body += "ld.global.v2.b64 {%x, %y}, [%pa]; st.shared.v2.b64 [%w5], {%x, %y};\n"
    targets = ", ".join(f"%o{k}" for k in range(count))
    body += f"bar.warp.sync -1; {name} {{{targets}}}, [%t7];"

    def oracle(rows: list[int]) -> list[list[Wanted]]:
        answers: list[list[Wanted]] = []
        for lane in range(32):
            spots = [spot for register in range(count) for spot in places(lane, register)]
            answers.append([rows[row] >> 16 * column & 0xFFFF for row, column in spots])
        return answers

    outputs = tuple(Port(32, 16) for _ in range(count))
    return Case(name, body, (Port(128, in_memory=True),), (values,), outputs, oracle, warp=True)


@family("stmatrix")
def store_rows(name: str, parts: list[str]) -> Case:
    count, places = count_of(parts), row_places(parts)
    columns = [[random.Random(f"{name}{c} {k}").getrandbits(32) for k in range(128)] for c in range(count)]
    sources = ", ".join(f"%{'abcd'[k]}" for k in range(count))
    body = area("shared") + "cvt.u32.u64 %t7, %w5; .reg .b64 %x, %y;\n"
    body += "mov.b64 %x, 0; st.shared.v2.b64 [%w5], {%x, %x}; bar.warp.sync -1;\n"
    body += f"{name} [%t7], {{{sources}}}; bar.warp.sync -1;\n"
    body += "ld.shared.v2.b64 {%x, %y}, [%w5]; st.global.v2.b64 [%po0], {%x, %y};"

    def oracle(*registers: list[int]) -> list[list[Wanted]]:
        answers: list[list[Wanted]] = [[None] * 8 for _ in range(32)]
        for lane in range(32):
            for k, column in enumerate(registers):
                for half, (row, at) in enumerate(places(lane, k)):
                    answers[row][at] = column[lane] >> 16 * half & 0xFFFF
        return answers

    return Case(
        name, body, (Port(32),) * count, tuple(columns), (Port(128, 16, in_memory=True),), oracle, warp=True
    )  # fmt: skip


FRAGMENTS = {("a", "f16"): 8, ("b", "f16"): 8, ("a", "u8"): 2, ("b", "u8"): 2}
FRAGMENTS |= {("c", "f16"): 4, ("c", "f32"): 8, ("c", "s32"): 8}
"""Registers of a fragment of m16n16k16."""


@family("wmma")
def fragments(name: str, parts: list[str]) -> Case | None:
    """A whole product, with this instruction in its place: two loads, one of c, the product, the store."""
    if "m16n16k16" not in parts:
        return None
    whole = "u8" in parts or "s32" in parts
    a_type = "u8" if whole else "f16"
    c_type = "s32" if whole else next((p for p in parts[1:] if p in ("f16", "f32")), "f32")
    if parts[0] == "load" and parts[1] in "ab":
        c_type = "s32" if whole else "f32"
    layouts = {"a": "row", "b": "col", "c": "row", "d": "row"}
    spaces = dict.fromkeys("abcd", "global")
    own = parts[1] if parts[0] != "mma" else ""
    if own:
        layouts[own] = next(p for p in parts if p in ("row", "col"))
        spaces[own] = next((p for p in parts if p in ("global", "shared")), "generic")
    else:
        layouts["a"], layouts["b"] = [p for p in parts if p in ("row", "col")]
    types = {"a": a_type, "b": a_type, "c": c_type, "d": c_type}
    lines = [".shared .align 32 .b8 matrix[4096]; mov.u32 %t3, %laneid; and.b32 %t4, %index, 32; .reg .b64 %x;"]
    for k, operand in enumerate("abcd"):
        size = WIDTH[types[operand]]  # 8 elements of a lane, as bytes
        port = "%po0" if operand == "d" else f"%p{operand}"
        count = FRAGMENTS["c" if operand == "d" else operand, types[operand]]
        kind = {"f32": "f32", "s32": "s32"}.get(types[operand], "b32")
        registers = [f"%{operand}r{j}" for j in range(count)]
        lines.append(f".reg .{kind} {', '.join(registers)}; .reg .b64 %base{k};")
        lines.append(f"mul.wide.u32 %w3, %t3, {size}; sub.s64 %base{k}, {port}, %w3;")
        if operand == "d":
            lines.append(product_line(name if not own else "", layouts, types))
        group = "{" + ", ".join(registers) + "}"
        standard = f"wmma.{'store' if operand == 'd' else 'load'}.{operand}.sync.aligned.{layouts[operand]}.m16n16k16"
        text = name if operand == own else f"{standard}.{spaces[operand]}.{types[operand]}"
        address = f"%base{k}"
        if spaces[operand] == "shared":
            lines.append(f"mov.u64 %x, matrix; mul.wide.u32 %w4, %t4, {size}; add.s64 %x, %x, %w4;")
            lines.append("add.s64 %w4, %x, %w3;")
            address = "%x"
            if operand != "d":
                lines.append(moved(size, "global", port, "shared", "%w4") + "bar.warp.sync -1;")
        operands = f"{group}, [{address}]" if operand != "d" else f"[{address}], {group}"
        lines.append(f"{text} {operands}, 16;")
        if operand == "d" and address == "%x":
            lines.append("bar.warp.sync -1; " + moved(size, "shared", "%w4", "global", port))

    def oracle(*columns: list[int]) -> list[list[Wanted]]:
        matrices = {x: matrix(column, types[x], layouts[x]) for x, column in zip("abc", columns, strict=True)}
        flat: list[int] = []
        for i in range(16):
            for j in range(16):
                r, s = (i, j) if layouts["d"] == "row" else (j, i)
                value = sum(matrices["a"][r][k] * matrices["b"][k][s] for k in range(16)) + matrices["c"][r][s]
                flat.append(to_bits(value, c_type))
        return [list(flat[8 * lane : 8 * lane + 8]) for lane in range(32)]

    ports = tuple(Port(8 * WIDTH[types[x]], in_memory=True) for x in "abc")
    values = tuple(
        [
            sum(x << k * WIDTH[types[op]] for k, x in enumerate(small(8, types[op], f"{name} {op} {lane}")))
            for lane in range(128)
        ]
        for op in "abc"
    )
    out = Port(8 * WIDTH[c_type], WIDTH[c_type], in_memory=True)
    return Case(name, "\n".join(lines), ports, values, (out,), oracle, warp=True)


def product_line(name: str, layouts: dict[str, str], types: dict[str, str]) -> str:
    """The product of the fragments, as `name` or as what fits their types."""
    counts = {x: FRAGMENTS["c" if x == "d" else x, types[x]] for x in "abcd"}
    groups = {x: "{" + ", ".join(f"%{x}r{j}" for j in range(counts[x])) + "}" for x in "abcd"}
    if not name:
        kinds = "s32.u8.u8.s32" if types["a"] == "u8" else f"{types['d']}.{types['c']}"
        name = f"wmma.mma.sync.aligned.{layouts['a']}.{layouts['b']}.m16n16k16.{kinds}"
    return f"{name} {groups['d']}, {groups['a']}, {groups['b']}, {groups['c']};"


def moved(size: int, source: str, start: str, target: str, end: str) -> str:
    return "".join(f"ld.{source}.b32 %t9, [{start}+{k}]; st.{target}.b32 [{end}+{k}], %t9; " for k in range(0, size, 4))


def matrix(lanes: Sequence[int], type_: str, layout: str) -> Matrix:
    """16 by 16 elements, eight from each lane in turn."""
    width = WIDTH[type_]
    flat = [from_bits(lane >> k * width & (1 << width) - 1, type_) for lane in lanes for k in range(8)]
    rows = [flat[16 * k : 16 * k + 16] for k in range(16)]
    return rows if layout == "row" else [list(column) for column in zip(*rows, strict=True)]
