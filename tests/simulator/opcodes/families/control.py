"""Branches, calls, barriers and fences (PTX ISA 9.0, 9.7.12 to 9.7.13), by what a small program computes with them."""

from __future__ import annotations

from opcodes.case import Case, Port, Wanted, family
from opcodes.families.common import elementwise
from opcodes.families.memory import area, call_with
from opcodes.values import tuples

FULL = 0xFFFFFFFF


@family("bra", "ret", "exit")
def branch(name: str, parts: list[str]) -> Case:
    """As many turns of a loop as the lane's number says, but at most nine; some lanes leave early."""
    opcode = name.split(".")[0]
    if opcode != "bra":
        body = f"mov.b32 %o0, 1; st.global.b32 [%po0], %o0; and.b32 %t3, %a, 3; setp.eq.u32 %p1, %t3, 1; @%p1 {name};"
        body += " mov.b32 %o0, 2;"
        values = tuples(["b32"], 100)
        return elementwise(name, ["b32"], "b32", lambda a: 1 if a & 3 == 1 else 2, body=body, values=values)
    uniform = "uni" in parts
    turns = "mov.b32 %t3, 5;" if uniform else "and.b32 %t3, %a, 15; min.u32 %t3, %t3, 9;"
    body = f"{turns} mov.b32 %o0, %a;\nAGAIN: setp.eq.u32 %p1, %t3, 0; @%p1 {name} DONE;\n"
    body += f"mad.lo.u32 %o0, %o0, 3, %t3; sub.u32 %t3, %t3, 1; {name} AGAIN;\nDONE:\n"

    def exact(a: int) -> Wanted:
        left, value = 5 if uniform else min(a & 15, 9), a
        while left:
            value = (value * 3 + left) & FULL
            left -= 1
        return value

    return elementwise(name, ["b32"], "b32", exact, body=body, values=tuples(["b32"], 100))


@family("call")
def call(name: str, parts: list[str]) -> Case:
    return call_with("st.param.b32", "b32")._replace(name=name)


@family("brx")
def branch_table(name: str, parts: list[str]) -> Case:
    body = "and.b32 %t3, %a, 3; TARGETS: .branchtargets A, B, C, D; brx.idx %t3, TARGETS;\n"
    for k, label in enumerate("ABCD"):
        body += f"{label}: add.u32 %o0, %a, {10 * k}; bra DONE;\n"
    return elementwise(
        name, ["b32"], "b32", lambda a: (a + 10 * (a & 3)) & FULL, body=body + "DONE:", values=tuples(["b32"], 100)
    )


@family("bar", "barrier")
def barrier(name: str, parts: list[str]) -> Case | None:
    """Each thread reads behind the barrier what another, of another warp if it can be, wrote in front of it."""
    if "cluster" in parts:
        return None
    write = area("shared") + "st.shared.b32 [%w5], %a;"
    if name == "bar.warp.sync":
        body = write + f" {name} -1; xor.b32 %t5, %t5, 31; mul.wide.u32 %w5, %t5, 64; add.s64 %w5, %w5, %w4;"
        body += " ld.shared.b32 %o0, [%w5];"
        return Case(
            name, body, (Port(32),), tuples(["b32"], 100), (Port(32),), lambda a: [[x] for x in a[::-1]], warp=True
        )
    if "red" in parts:
        return barrier_reduction(name, parts)
    body = write + f" {name} 0; xor.b32 %t5, %t5, 32; mul.wide.u32 %w5, %t5, 64; add.s64 %w5, %w5, %w4;"
    body += f" ld.shared.b32 %t6, [%w5]; {name} 0; sub.u32 %o0, %t6, %a;"
    (values,) = tuples(["b32"], 200)
    values = values[: len(values) // 64 * 64]
    partners = [values[k ^ 32] for k in range(len(values))]
    return elementwise(name, ["b32", "b32"], "b32", lambda a, b: (b - a) & FULL, body=body, values=(values, partners))


def barrier_reduction(name: str, parts: list[str]) -> Case:
    """Over all 64 threads of a block: the second input holds what the other warp has."""
    kind = next(part for part in parts if part in ("popc", "and", "or"))
    values: list[int] = []
    for block in range(6):
        values += [[1] * 64, [0] * 64, [1] * 63 + [0], [0] * 40 + [1] * 24, [1] + [0] * 63, [1, 0] * 32][block]
    packed = [sum(values[k // 64 * 64 + j] << j for j in range(64)) for k in range(len(values))]
    result = "%t6" if kind == "popc" else "%p2"
    body = f"setp.ne.u32 %p1, %a, 0; {name} {result}, 0, %p1;"
    body += " mov.b32 %o0, %t6;" if kind == "popc" else " selp.b32 %o0, 1, 0, %p2;"

    def exact(a: int, everyone: int) -> list[Wanted]:
        count = everyone.bit_count()
        return [{"popc": count, "and": int(count == 64), "or": int(count > 0)}[kind]]

    return Case(name, body, (Port(32), Port(64)), (values, packed), (Port(32),), exact)


@family("nanosleep", "membar", "fence")
def pause(name: str, parts: list[str]) -> Case:
    """Memory written in front of it reads the same behind it."""
    operand = " 20" if name.startswith("nanosleep") else ""
    body = area("shared") + f"st.shared.b32 [%w5], %a; st.global.b32 [%po0], %a; {name}{operand};"
    body += " ld.shared.b32 %t3, [%w5]; ld.global.b32 %t4, [%po0]; add.u32 %o0, %t3, %t4;"
    return elementwise(name, ["b32"], "b32", lambda a: 2 * a & FULL, body=body, values=tuples(["b32"], 60))


@family("trap")
def trap(name: str, parts: list[str]) -> Case:
    """One thread of the second block traps."""
    body = "setp.eq.u32 %p1, %a, 77; mov.b32 %o0, 0; @%p1 trap;"
    values = [[*([0] * 90), 77, *([0] * 37)]]
    return elementwise(name, ["b32"], "b32", lambda a: 0, body=body, values=values, fault="trap")
