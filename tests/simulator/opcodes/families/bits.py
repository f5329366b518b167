"""Logic, shifts and bit fields (PTX ISA 9.0, 9.7.1 and 9.7.8)."""

from __future__ import annotations

from opcodes.case import Case, Wanted, family
from opcodes.families.common import elementwise
from opcodes.values import WIDTHS, signed, tuples

FULL = 0xFFFFFFFF


@family("and", "or", "xor", "not", "cnot")
def logic(name: str, parts: list[str]) -> Case:
    opcode, type_ = name.split(".")[0], parts[-1]
    mask = (1 << WIDTHS[type_]) - 1
    functions = {
        "and": lambda a, b: a & b,
        "or": lambda a, b: a | b,
        "xor": lambda a, b: a ^ b,
        "not": lambda a: ~a & mask,
        "cnot": lambda a: int(a == 0),
    }
    types = [type_] * (1 if opcode in ("not", "cnot") else 2)
    if type_ != "pred":
        return elementwise(name, types, type_, functions[opcode])
    letters = "ab"[: len(types)]
    body = "".join(f"setp.ne.b32 %p{k}, %{x}, 0; " for k, x in enumerate(letters, start=1))
    body += f"{name} %p3, {', '.join(f'%p{k + 1}' for k in range(len(types)))}; selp.b32 %o0, 1, 0, %p3;"
    values = tuples(["pred"] * len(types), 60)
    return elementwise(name, ["b32"] * len(types), "b32", functions[opcode], body=body, values=values)


@family("shl", "shr")
def shift(name: str, parts: list[str]) -> Case:
    """Amounts past the width shift everything out; they are not taken modulo anything."""
    type_ = parts[-1]
    width = WIDTHS[type_]

    def exact(a: int, b: int) -> Wanted:
        b = min(b, width)
        if name.startswith("shl"):
            return a << b & (1 << width) - 1
        return (signed(a, width) if type_[0] == "s" else a) >> b & (1 << width) - 1

    values, amounts = tuples([type_, "u32"])
    amounts = [amounts[k] if k % 3 else k // 3 % (width + 4) for k in range(len(amounts))]
    return elementwise(name, [type_, "u32"], type_, exact, values=(values, amounts))


@family("shf")
def funnel_shift(name: str, parts: list[str]) -> Case:
    def exact(a: int, b: int, c: int) -> Wanted:
        by = c & 31 if "wrap" in parts else min(c, 32)
        both = b << 32 | a
        return both << by >> 32 & FULL if "l" in parts else both >> by & FULL

    low, high, amounts = tuples(["b32"] * 3, seed=name)
    amounts = [amounts[k] if k % 3 else k // 3 % 40 for k in range(len(amounts))]
    return elementwise(name, ["b32"] * 3, "b32", exact, values=(low, high, amounts))


@family("popc", "clz", "brev", "bfind")
def count_bits(name: str, parts: list[str]) -> Case:
    opcode, type_ = name.split(".")[0], parts[-1]
    width = WIDTHS[type_]

    def exact(a: int) -> Wanted:
        if opcode == "popc":
            return a.bit_count()
        if opcode == "clz":
            return width - a.bit_length()
        if opcode == "brev":
            return int(f"{a:0{width}b}"[::-1], 2)
        if type_[0] == "s" and signed(a, width) < 0:
            a = ~a & (1 << width) - 1
        if not a:
            return FULL
        return width - a.bit_length() if "shiftamt" in parts else a.bit_length() - 1

    return elementwise(name, [type_], type_ if opcode == "brev" else "b32", exact)


@family("bfe")
def extract(name: str, parts: list[str]) -> Case:
    """The field read bit by bit, as the PTX ISA words it."""
    type_ = parts[-1]
    width = WIDTHS[type_]

    def exact(a: int, b: int, c: int) -> Wanted:
        at, length = b & 255, c & 255
        sign = a >> min(at + length - 1, width - 1) & 1 if type_[0] == "s" and length else 0
        bits = 0
        for k in range(width):
            inside = k < length and at + k < width
            bits |= (a >> at + k & 1 if inside else sign) << k
        return bits

    return elementwise(name, [type_, "u32", "u32"], type_, exact, values=field_values([type_]))


@family("bfi")
def insert(name: str, parts: list[str]) -> Case:
    type_ = parts[-1]
    width = WIDTHS[type_]

    def exact(a: int, b: int, c: int, d: int) -> Wanted:
        at, length = c & 255, d & 255
        for k in range(length):
            if at + k < width:
                b = b & ~(1 << at + k) | (a >> k & 1) << at + k
        return b

    return elementwise(name, [type_, type_, "u32", "u32"], type_, exact, values=field_values([type_, type_]))


def field_values(types: list[str]) -> list[list[int]]:
    """Positions and lengths around the width, and beyond the byte that counts."""
    *values, at, length = tuples([*types, "u32", "u32"], seed="field")
    small = [0, 1, 5, 8, 16, 31, 32, 33, 63, 64, 65, 127, 255, 256 + 4]
    at = [x if k % 4 == 0 else small[k % len(small)] for k, x in enumerate(at)]
    length = [x if k % 5 == 0 else small[k // 3 % len(small)] for k, x in enumerate(length)]
    return [*values, at, length]


@family("bmsk")
def mask(name: str, parts: list[str]) -> Case:
    def exact(a: int, b: int) -> Wanted:
        at, length = (x & 31 if "wrap" in parts else min(x, 32) for x in (a, b))
        return sum(1 << k for k in range(at, min(at + length, 32)))

    return elementwise(name, ["b32", "b32"], "b32", exact, values=field_values([]))


@family("szext")
def extend(name: str, parts: list[str]) -> Case:
    """Zero- or sign-extends from the bit below position b."""

    def exact(a: int, b: int) -> Wanted:
        n = b & 31 if "wrap" in parts else min(b, 32)
        if n == 0:
            return 0
        value = a & (1 << n) - 1
        return (signed(value, n) if parts[-1] == "s32" else value) & FULL

    return elementwise(name, [parts[-1], "u32"], "b32", exact, values=(tuples(["b32"])[0], field_values([])[0]))


@family("lop3")
def lookup(name: str, parts: list[str]) -> Case:
    """All 256 tables, gathered in two sums; with .and and .or one table, and the predicate that goes with it."""
    a, b, c = tuples(["b32"] * 3, 200, name)
    if parts[0] in ("or", "and"):
        word = parts[0]
        body = f"setp.gt.u32 %p1, %a, 99; {name} %o0|%p2, %a, %b, %c, 0x96, %p1; selp.b32 %o1, 1, 0, %p2;"

        def with_predicate(x: int, y: int, z: int) -> list[Wanted]:
            value = x ^ y ^ z
            other = x > 99
            return [value, int(value != 0 or other) if word == "or" else int(value != 0 and other)]

        return elementwise(name, ["b32"] * 3, ["b32", "b32"], with_predicate, body=body, values=(a, b, c))
    lines = ["mov.b32 %o0, 0; mov.b32 %o1, 0;"]
    for table in range(256):
        lines.append(f"{name} %t3, %a, %b, %c, {table:#x}; mad.lo.u32 %o{table & 1}, %o{table & 1}, 33, %t3;")

    def exact(*words: int) -> list[Wanted]:
        sums = [0, 0]
        for table in range(256):
            value = 0
            for term in range(8):
                if table >> term & 1:
                    x, y, z = (w if term >> 2 - k & 1 else ~w for k, w in enumerate(words))
                    value |= x & y & z
            sums[table & 1] = (sums[table & 1] * 33 + value) & FULL
        return list(sums)

    short = tuple(values[:128] for values in (a, b, c))
    return elementwise(name, ["b32"] * 3, ["b32", "b32"], exact, body="\n".join(lines), values=short)


@family("prmt")
def permute(name: str, parts: list[str]) -> Case:
    order = {"f4e": [[0, 1, 2, 3], [1, 2, 3, 4], [2, 3, 4, 5], [3, 4, 5, 6]]}
    order["b4e"] = [[0, 7, 6, 5], [1, 0, 7, 6], [2, 1, 0, 7], [3, 2, 1, 0]]
    order["rc8"] = [[k] * 4 for k in range(4)]
    order["ecl"] = [[0, 1, 2, 3], [1, 1, 2, 3], [2, 2, 2, 3], [3, 3, 3, 3]]
    order["ecr"] = [[0, 0, 0, 0], [0, 1, 1, 1], [0, 1, 2, 2], [0, 1, 2, 3]]
    order["rc16"] = [[0, 1, 0, 1], [2, 3, 2, 3], [0, 1, 0, 1], [2, 3, 2, 3]]

    def exact(a: int, b: int, c: int) -> Wanted:
        data = (b << 32 | a).to_bytes(8, "little")
        picks = order[parts[-1]][c & 3] if parts[-1] in order else [c >> 4 * k & 15 for k in range(4)]
        chosen = [(255 if data[p & 7] & 128 else 0) if p & 8 else data[p & 7] for p in picks]
        return int.from_bytes(bytes(chosen), "little")

    return elementwise(name, ["b32"] * 3, "b32", exact)
