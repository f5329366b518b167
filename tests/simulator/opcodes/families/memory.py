"""Loads, stores, atomics and copies (PTX ISA 9.0, 9.7.9 and 9.7.13): every byte that changes, and its neighbours."""

from __future__ import annotations

import random
from collections.abc import Sequence

from opcodes.case import FRESH, Case, Port, Wanted, family
from opcodes.exact import F32, FORMATS, decode, encode, flush, total
from opcodes.families.common import elementwise, nan_of
from opcodes.values import SCALARS, WIDTHS, signed, tuples

SPACES = ("global", "shared", "local", "const", "param")
TABLE = bytes((37 * k + 139) % 256 for k in range(512))
"""What the constant array of a module holds."""


def space_of(parts: Sequence[str]) -> str:
    return next((part.split("::")[0] for part in parts if part.split("::")[0] in SPACES), "generic")


def vector_of(parts: Sequence[str]) -> int:
    return next((int(part[1:]) for part in parts if part in ("v2", "v4", "v8")), 1)


def area(space: str) -> str:
    """Declares 64 bytes for each thread in a space, with its address in %w5."""
    if space == "local":
        return ".local .align 16 .b8 mine[64]; mov.u64 %w5, mine;\n"
    return (
        ".shared .align 16 .b8 place[4096]; and.b32 %t5, %index, 63; mul.wide.u32 %w5, %t5, 64; mov.u64 %w4, place;"
        " add.s64 %w5, %w5, %w4;\n"
    )


def generic_address(own: str) -> str:
    """%w6: for odd threads the shared place, as a generic address, for even ones their global element `own`."""
    return f"cvta.shared.u64 %w6, %w5; and.b32 %t6, %index, 1; setp.eq.u32 %p4, %t6, 0; @%p4 mov.u64 %w6, {own};\n"


def copy_bytes(count: int, source: str, target: str) -> str:
    return "".join(f"ld.{source % k}; st.{target % k};\n" for k in range(count))


def operands(letter: str, count: int) -> str:
    names = [f"%{letter}{k}" if letter == "o" else f"%{'abcdefgh'[k]}" for k in range(count)]
    return names[0] if count == 1 else "{" + ", ".join(names) + "}"


def patterns(size: int) -> list[int]:
    """Numbers of `size` bytes: each byte different, signs of all kinds, and random ones."""
    chooser = random.Random(size)
    fixed = [0, (1 << 8 * size) - 1, int.from_bytes(bytes(range(0x79, 0x79 + size)), "little")]
    fixed += [int.from_bytes(bytes(0x80 >> k % 8 for k in range(size)), "little")]
    return fixed + [chooser.getrandbits(8 * size) for _ in range(60)]


@family("ld", "ldu")
def load(name: str, parts: list[str]) -> Case:
    """Narrow signed numbers are taken from 32-bit registers, to see their sign extended."""
    type_, count, space = parts[-1], vector_of(parts), space_of(parts)
    width = WIDTHS[type_]
    size = width * count // 8
    register = 32 if width == 8 or type_ == "s16" else width

    def elements(a: int) -> list[Wanted]:
        values = [a >> width * k & (1 << width) - 1 for k in range(count)]
        return [(signed(x, width) if type_[0] == "s" else x) & (1 << register) - 1 for x in values]

    outputs = (Port(register),) * count
    target = operands("o", count)
    source = Port(8 * size, in_memory=True)
    values = (patterns(size),)
    if space == "const":
        listed = ", ".join(str(x) for x in TABLE)
        body = f"mov.u64 %w5, fixed; mul.wide.u32 %w4, %a, {size}; add.s64 %w5, %w5, %w4; {name} {target}, [%w5];"
        most = len(TABLE) // size
        return Case(
            name,
            body,
            (Port(32),),
            ([k % most for k in range(128)],),
            outputs,
            lambda a: elements(int.from_bytes(TABLE[a * size : (a + 1) * size], "little")),
            module=f".const .align 16 .b8 fixed[{len(TABLE)}] = {{{listed}}};\n",
        )
    if space == "param":
        body = f"{name} {target}, [given+{size}];"
        wanted = elements(int.from_bytes(TABLE[size : 2 * size], "little"))
        return Case(name, body, (source,), values, outputs, lambda a: wanted, given=TABLE[:64])
    if space == "global":
        return Case(name, f"{name} {target}, [%pa];", (source,), values, outputs, elements)
    near = "local" if space == "local" else "shared"
    body = area(near) + copy_bytes(size, "global.u8 %%t7, [%%pa+%d]", near + ".u8 [%%w5+%d], %%t7")
    if space == "generic":
        body += generic_address("%pa") + f"{name} {target}, [%w6];"
    else:
        body += f"{name} {target}, [%w5];"
    return Case(name, body, (source,), values, outputs, elements)


@family("st")
def store(name: str, parts: list[str]) -> Case | None:
    """What lies behind and before the bytes written stays as it was."""
    type_, count, space = parts[-1], vector_of(parts), space_of(parts)
    width = WIDTHS[type_]
    size = width * count // 8
    if space == "param":
        return call_with(name, type_)
    source = operands("i", count)

    def wanted(*words: int) -> list[Wanted]:
        value = sum(word << width * k for k, word in enumerate(words))
        fresh = [FRESH] * size
        return [*fresh, *value.to_bytes(size, "little"), *fresh, *fresh]

    output = Port(32 * size, 8, in_memory=True)
    columns = [patterns(width // 8)[k:] + patterns(width // 8)[:k] for k in range(count)]
    inputs = (Port(width),) * count
    if space == "global":
        return Case(name, f"{name} [%po0+{size}], {source};", inputs, tuple(columns), (output,), wanted)
    near = "local" if space == "local" else "shared"
    body = area(near) + f"mov.b32 %t7, {FRESH};\n"
    body += "".join(f"st.{near}.u8 [%w5+{k}], %t7;\n" for k in range(4 * size))
    if space == "generic":
        body += generic_address("%po0") + f"{name} [%w6+{size}], {source};\n"
        body += "@%p4 bra DONE;\n"
    else:
        body += f"{name} [%w5+{size}], {source};\n"
    body += copy_bytes(4 * size, near + ".u8 %%t7, [%%w5+%d]", "global.u8 [%%po0+%d], %%t7") + "DONE:\n"
    return Case(name, body, inputs, tuple(columns), (output,), wanted)


def call_with(name: str, type_: str) -> Case:
    """An argument to a function and its result back: a + 5, and b as it was."""
    width = WIDTHS[type_]
    mask = (1 << width) - 1
    module = (
        f".func (.param .{type_} back) plus(.param .{type_} x, .param .b32 y)\n{{ .reg .b{width} %x; .reg .b32 %y;"
        f" ld.param.{type_} %x, [x]; ld.param.b32 %y, [y]; .reg .b{width} %z; cvt.u{width}.u32 %z, %y;"
        f" add.u{width} %x, %x, %z; st.param.{type_} [back], %x; ret; }}\n"
    )
    if width == 32:
        module = module.replace("cvt.u32.u32", "mov.b32")
    body = (
        f"{{ .param .{type_} given; .param .b32 more; .param .{type_} got; {name} [given], %a; st.param.b32 [more], %b;"
        f" call.uni (got), plus, (given, more); ld.param.{type_} %o0, [got]; }}"
    )
    values = tuples([f"b{width}", "b32"], 100)
    return Case(
        name,
        body,
        (Port(width), Port(32)),
        values,
        (Port(width),),
        lambda a, b: [(a + b) & mask],
        module=module,
    )


def updated(operation: str, type_: str, old: int, b: int, c: int) -> Wanted:
    """What an atomic operation leaves in memory."""
    if type_ in FORMATS:
        f = FORMATS[type_]
        if operation != "add":
            return b
        kept = encode(f, total(decode(f, old), decode(f, b)))
        if kept is None:
            return nan_of(f)
        flushed = encode(f, total(decode(f, flush(f, old)), decode(f, flush(f, b)))) or 0
        # The PTX ISA lets an addition in global memory flush single-precision subnormal numbers.
        return kept if f is not F32 else lambda bits: bits in (kept, flush(f, flushed))
    width = WIDTHS[type_]
    mask = (1 << width) - 1
    x, y = (signed(v, width) if type_[0] == "s" else v for v in (old, b))
    return {
        "add": old + b & mask,
        "min": min(x, y) & mask,
        "max": max(x, y) & mask,
        "and": old & b,
        "or": old | b,
        "xor": old ^ b,
        "exch": b,
        "cas": c if old == b else old,
        "inc": 0 if old >= b else old + 1,
        "dec": b if old == 0 or old > b else old - 1,
    }[operation]


OPERATIONS = ("add", "min", "max", "and", "or", "xor", "exch", "cas", "inc", "dec")


@family("atom", "red")
def atomic(name: str, parts: list[str]) -> Case:
    """Each thread on a place of its own; then, where the order does not matter, all of a warp on one place."""
    type_, space = parts[-1], space_of(parts)
    operation = next(part for part in parts if part in OPERATIONS)
    scalar = SCALARS.get(type_, type_)
    packed = type_ in SCALARS
    width, returns = WIDTHS[type_], name.startswith("atom")
    together = operation in ("add", "min", "max", "and", "or", "xor") and scalar not in FORMATS
    values = list(tuples([type_] * 3, 300, name))
    if operation == "cas":
        values[1] = [a if k % 2 else b for k, (a, b) in enumerate(zip(values[0], values[1], strict=True))]
    half = width // 2 if packed else width
    mask = (1 << half) - 1

    def one(a: int, b: int, c: int) -> list[Wanted]:
        halves = [[x >> shift & mask for x in (a, b, c)] for shift in range(0, width, half)]
        after = [updated(operation, scalar, *triple) for triple in halves]
        before: list[Wanted] = [a >> shift & mask for shift in range(0, width, half)]
        return [*after, *(before if returns else [0] * len(before))]

    def oracle(a: list[int], b: list[int], c: list[int]) -> list[list[Wanted]]:
        answers = [one(*triple) for triple in zip(a, b, c, strict=True)]
        if together:
            value: Wanted = a[0]
            for x in b:
                assert isinstance(value, int)
                value = updated(operation, type_, value, x, 0)
            answers = [[*answer, value] for answer in answers]
        return answers

    near = "global" if space in ("global", "generic") else "shared"
    own = "%po0" if near == "global" else "%w5"
    tail = ", %c" if operation == "cas" else ""
    address = own
    body = area("shared") + f"st.{near}.b{width} [{own}], %a; mov.b{width} %o1, 0;\n"
    if space == "generic":
        body += f"st.shared.b{width} [%w5], %a;" + generic_address("%po0")
        address = "%w6"
    body += f"{name} {'%o1, ' if returns else ''}[{address}], %b{tail};\n"
    if near == "shared":
        body += f"ld.shared.b{width} %v, [%w5]; st.global.b{width} [%po0], %v;\n"
        body = f".reg .b{width} %v;\n" + body
    elif space == "generic":
        body = f".reg .b{width} %v;\n" + body
        body += f"ld.b{width} %v, [%w6]; st.global.b{width} [%po0], %v;\n"
    outputs = [Port(width, half, in_memory=True), Port(width, half)]
    if together:
        sink = f".reg .b{width} %sink; " if returns else ""
        body += (
            f"and.b32 %t8, %index, 32; mul.wide.u32 %w8, %t8, 4; mov.u64 %w9, common; add.s64 %w8, %w8, %w9;"
            f" mov.u32 %t9, %laneid; setp.eq.u32 %p5, %t9, 0; @%p5 st.shared.b{width} [%w8], %a; bar.warp.sync -1;"
            f" cvta.shared.u64 %w9, %w8; {sink}{shared_name(name, parts)} {'%sink, ' if returns else ''}[%w8], %b;"
            f" bar.warp.sync -1; ld.shared.b{width} %o2, [%w8];\n"
        )
        body = ".shared .align 8 .b8 common[512];\n" + body
        outputs.append(Port(width))
    return Case(name, body, (Port(width),) * 3, tuple(values), tuple(outputs), oracle, warp=True)


def shared_name(name: str, parts: Sequence[str]) -> str:
    """The same operation on shared memory, and without what only other memory has."""
    if space_of(parts) != "generic":
        return name.replace(".global", ".shared")
    words = name.split(".")
    operation = next(k for k, word in enumerate(words) if word in OPERATIONS)
    return ".".join([*words[:operation], "shared", *words[operation:]]) if "cta" not in words else ".".join(
        [words[0], *(w for w in words[1:] if w in ("relaxed", "acquire", "release", "acq_rel")), "cta", "shared",
         words[operation], words[-1]]
    )  # fmt: skip


@family("cp")
def copy_async(name: str, parts: list[str]) -> Case | None:
    """The way to shared memory and what waits for it, whole and with a source cut short."""
    if "bulk" in parts:
        return None
    if "mbarrier" in parts:
        return copies_arrive(name)
    copy = name if "shared" in name else "cp.async.ca.shared.global"
    size = 16 if "cg" in copy else 8
    group = "cp.async.wait_all;" if name == "cp.async.wait_all" else "cp.async.commit_group; cp.async.wait_group 0;"
    body = area("shared") + f"and.b32 %t8, %index, 15; min.u32 %t8, %t8, {size};\n"
    for k in range(0, 32, 4):
        body += f"st.shared.b32 [%w5+{k}], -1;"
    body += f"cvt.u32.u64 %t9, %w5; {copy} [%t9], [%pa], {size}; {copy} [%t9+16], [%pa], {size}, %t8; {group}\n"
    body += copy_bytes(16 + size, "shared.u8 %%t7, [%%w5+%d]", "global.u8 [%%po0+%d], %%t7")
    width = 8 * size

    def wanted(a: list[int]) -> list[list[Wanted]]:
        answers: list[list[Wanted]] = []
        for lane, value in enumerate(a):
            data = value.to_bytes(size, "little")
            kept = min(lane & 15, size)
            rest = [FRESH] * (16 - size)
            answers.append([*data, *([0xFF] * (16 - size)), *data[:kept], *([0] * (size - kept)), *rest])
        return answers

    ports = (Port(width, in_memory=True),), (Port(256, 8, in_memory=True),)
    return Case(name, body, ports[0], (patterns(size),), ports[1], wanted, warp=True)


def copies_arrive(name: str) -> Case:
    """The thread's copies arrive for it: without .noinc on top of the arrivals counted."""
    body = (
        f"{area('shared')} .shared .align 8 .b64 barrier; mov.u64 %w8, barrier; cvt.u32.u64 %t9, %w8;\n"
        f"mov.u32 %t7, %tid.x; setp.eq.u32 %p1, %t7, 0; @%p1 mbarrier.init.shared.b64 [%t9], 64; bar.sync 0;\n"
        f"cvt.u32.u64 %t8, %w5; cp.async.ca.shared.global [%t8], [%pa], 4; {name} [%t9];\n"
        f"mbarrier.arrive.shared.b64 %w6, [%t9];\n"
        f"WAIT: mbarrier.try_wait.parity.shared.b64 %p3, [%t9], 0; @!%p3 bra WAIT;\n"
        "xor.b32 %t5, %t5, 32; mul.wide.u32 %w5, %t5, 64; add.s64 %w5, %w5, %w4; ld.shared.b32 %o0, [%w5];\n"
    )
    (values,) = tuples(["b32"], 200)
    values = values[: len(values) // 64 * 64]
    partners = [values[k ^ 32] for k in range(len(values))]
    return elementwise(name, ["b32", "b32"], "b32", lambda a, b: b, body=body, values=(values, partners))
