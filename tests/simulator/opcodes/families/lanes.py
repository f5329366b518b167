"""Exchange between the lanes of a warp (PTX ISA 9.0, 9.7.9 and 9.7.13), with all lanes and with every other one."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from opcodes.case import Case, Port, Wanted, family
from opcodes.values import WIDTHS, signed, tuples

EVEN, ODD = 0x55555555, 0xAAAAAAAA
FULL = 0xFFFFFFFF


def in_two_ways(
    name: str,
    instruction: Callable[[str], str],
    width: int,
    outs: Sequence[int],
    answer: Callable[[list[int], list[list[int]], int], list[list[Wanted]]],
    values: Sequence[Sequence[int]],
) -> Case:
    """The instruction with all lanes, then with even and odd lanes apart.

    `instruction` takes the members as an operand; results go to %r0, %r1, .... `answer` takes the lanes that take
    part, a column of values for each input, and their mask; it gives a row for each of these lanes.
    """
    registers = " ".join(f".reg .b{w} %r{k};" for k, w in enumerate(outs))
    keep = [" ".join(f"mov.b{w} %o{k + base}, %r{k};" for k, w in enumerate(outs)) for base in (0, len(outs))]
    body = (
        f"{registers} {instruction('-1')} {keep[0]} and.b32 %t3, %index, 1; setp.eq.u32 %p7, %t3, 0;\n"
        f"@%p7 bra EVEN; {instruction(hex(ODD))} {keep[1]} bra DONE;\n"
        f"EVEN: {instruction(hex(EVEN))} {keep[1]} DONE:\n"
    )

    def oracle(*columns: list[int]) -> list[list[Wanted]]:
        rows: list[list[Wanted]] = [[] for _ in range(32)]
        for masks in ((FULL,), (EVEN, ODD)):
            for mask in masks:
                lanes = [lane for lane in range(32) if mask >> lane & 1]
                for lane, row in zip(lanes, answer(lanes, [list(c) for c in columns], mask), strict=True):
                    rows[lane] += row
        return rows

    ports = (Port(width),) + (Port(32),) * (len(values) - 1)
    return Case(name, body, ports, tuple(values), tuple(Port(w) for w in outs) * 2, oracle, warp=True)


@family("shfl")
def shuffle(name: str, parts: list[str]) -> Case:
    """Steps and segments differ by warp, and within some by lane; lanes that take no part give nothing defined."""
    mode = parts[1]
    chooser = random.Random(name)
    (values,) = tuples(["b32"], 700, name)
    values = values[: len(values) // 64 * 64]
    steps, clamps = [], []
    for start in range(0, len(values), 32):
        width = chooser.choice([32, 32, 16, 8, 4, 2])
        clamp = (32 - width) << 8 | (0 if mode == "up" else 31)
        step = chooser.randrange(0, 40)
        mixed = start % 96 == 0
        for _ in range(32):
            steps.append(chooser.randrange(0, 34) if mixed else step)
            clamps.append(clamp if start % 128 else chooser.getrandbits(13))

    def answer(lanes: list[int], columns: list[list[int]], mask: int) -> list[list[Wanted]]:
        rows: list[list[Wanted]] = []
        for lane in lanes:
            step, clamp, segment = columns[1][lane] & 31, columns[2][lane] & 31, columns[2][lane] >> 8 & 31
            last = (lane & segment) | (clamp & ~segment & 31)
            source, inside = {
                "up": (lane - step, lane - step >= last),
                "down": (lane + step, lane + step <= last),
                "bfly": (lane ^ step, (lane ^ step) <= last),
                "idx": ((lane & segment) | (step & ~segment & 31), ((lane & segment) | (step & ~segment & 31)) <= last),
            }[mode]
            source = source if inside else lane
            rows.append([columns[0][source] if mask >> source & 1 else None, int(inside)])
        return rows

    def text(members: str) -> str:
        return f"{name} %r0|%p1, %a, %b, %c, {members}; selp.b32 %r1, 1, 0, %p1;"

    return in_two_ways(name, text, 32, (32, 32), answer, (values, steps, clamps))


def warps(type_: str) -> list[int]:
    """A number for each lane of 24 warps: all the same, few different ones, none or one of a kind, all different."""
    chooser = random.Random(type_)
    width = WIDTHS[type_]
    values: list[int] = []
    for warp in range(24):
        few = [chooser.getrandbits(width) for _ in range(1 + warp % 4)]
        odd = chooser.randrange(32)
        for lane in range(32):
            if warp < 8:
                values.append(chooser.choice(few))
            elif warp < 12:
                values.append(few[0] ^ (lane == odd))
            elif warp < 16:
                values.append([0, 1 << width - 1, 1, (1 << width) - 1][warp % 4])
            else:
                values.append(chooser.getrandbits(width) & (1 << chooser.randrange(1, width + 1)) - 1)
    return values


@family("vote")
def vote(name: str, parts: list[str]) -> Case:
    kind = parts[1]

    def answer(lanes: list[int], columns: list[list[int]], mask: int) -> list[list[Wanted]]:
        bits = sum((columns[0][lane] & 1) << lane for lane in lanes)
        all_, any_ = bits == mask, bits != 0
        value = {"all": int(all_), "any": int(any_), "uni": int(all_ or not any_), "ballot": bits}[kind]
        return [[value] for _ in lanes]

    def text(members: str) -> str:
        head = "and.b32 %t4, %a, 1; setp.ne.b32 %p1, %t4, 0; "
        if kind == "ballot":
            return f"{head}{name} %r0, %p1, {members};"
        return f"{head}{name} %p2, %p1, {members}; selp.b32 %r0, 1, 0, %p2;"

    return in_two_ways(name, text, 32, (32,), answer, [warps("b32")])


@family("match")
def match(name: str, parts: list[str]) -> Case:
    kind, type_ = parts[0], parts[-1]

    def answer(lanes: list[int], columns: list[list[int]], mask: int) -> list[list[Wanted]]:
        rows: list[list[Wanted]] = []
        for lane in lanes:
            same = sum(1 << other for other in lanes if columns[0][other] == columns[0][lane])
            rows.append([same if kind == "any" or same == mask else 0, int(same == mask) if kind == "all" else 7])
        return rows

    def text(members: str) -> str:
        if kind == "any":
            return f"{name} %r0, %a, {members}; mov.b32 %r1, 7;"
        return f"{name} %r0|%p1, %a, {members}; selp.b32 %r1, 1, 0, %p1;"

    return in_two_ways(name, text, WIDTHS[type_], (32, 32), answer, [warps(type_)])


@family("redux")
def reduce(name: str, parts: list[str]) -> Case:
    kind, type_ = parts[1], parts[-1]

    def answer(lanes: list[int], columns: list[list[int]], mask: int) -> list[list[Wanted]]:
        values = [signed(columns[0][k], 32) if type_[0] == "s" else columns[0][k] for k in lanes]
        result = values[0]
        for x in values[1:]:
            result = {
                "add": result + x, "min": min(result, x), "max": max(result, x), "and": result & x, "or": result | x,
                "xor": result ^ x,
            }[kind]  # fmt: skip
        return [[result & FULL] for _ in lanes]

    return in_two_ways(name, lambda members: f"{name} %r0, %a, {members};", 32, (32,), answer, [warps("b32")])


@family("activemask")
def active(name: str, parts: list[str]) -> Case:
    def answer(lanes: list[int], columns: list[list[int]], mask: int) -> list[list[Wanted]]:
        return [[mask] for _ in lanes]

    return in_two_ways(name, lambda members: f"{name} %r0;", 32, (32,), answer, [warps("b32")[:64]])
