"""Throws addresses at the simulated GPU's memory, in a process of its own: python hostile.py SEED LAUNCHES.

Every access of every launch must do what plain Python says of it: move the right bytes where all its lanes lie in
buffers, windows or the block's own memory, and else fault and change nothing. Canaries stand around the buffers.
"""

from __future__ import annotations

import random
import sys
from collections import Counter
from typing import NamedTuple

import numpy as np
from machine_code import Code

from cudagym.build.program import address_of
from cudagym.device import Limits
from cudagym.hardware import gpu
from cudagym.simulator.emit import LOCAL_WINDOW, PARAM_WINDOW, SHARED_WINDOW
from cudagym.simulator.machine import Machine, Memory

CANARY, POISON = 0xC5, 0xFF
SHARED, LOCAL = 100, 52
"""Bytes of a block's shared and a thread's local memory: no multiples of 16."""
PARAMETERS = 28
SIZES = {0: 256, 1: 512, 2: 512, 3: 257, 4: 96, 5: 1, 9: 4096, 1000: 40}
"""Bytes per slot. 0: the lanes' addresses; 1: what they store; 2: what they load."""
READ_ONLY = 4
SPACES = ("global", "generic", "shared", "local")
FORMS = {"u8": (1, 1), "u16": (2, 1), "u32": (4, 1), "u64": (8, 1), "v2.u16": (2, 2), "v4.u8": (1, 4)} | {
    "v2.u32": (4, 2), "v4.u32": (4, 4), "v2.u64": (8, 2)
}  # fmt: skip
"""Width and number of the elements of an access."""
OFFSETS = (0, 4, -4, 2**31 - 4, -(2**31))
OPERATIONS = ("load", "store", "add", "uniform")
FAR = (0, 4, 2**31, 2**32, 2**33, 2**34, 2**40, 2**41, 2**42, 2**44, 2**45, 2**63)
"""Where windows, slots and numbers end."""


def kernel(space: str, form: str, offset: int) -> str:
    """PTX of a kernel that does one operation per launch, at each lane's own address or at the first lane's."""
    width, count = FORMS[form]
    kind, step = form.split(".")[-1], width * count
    suffix = ("" if space == "generic" else f".{space}") + "." + form
    names = [f"%{'rs' if width < 4 else 'r' if width == 4 else 'rd'}{30 + k}" for k in range(count)]
    several = "{" + ",".join(names) + "}" if count > 1 else names[0]
    convert = "cvt.u32.u64 %r9, %rd9;" if space == "shared" else ""
    base = "%r9" if space == "shared" else "%rd9"
    at = f"[{base}{offset:+d}]"
    add = f"atom{'' if space == 'generic' else '.' + space}.add.{kind} {names[0]}, {at}, {names[0]};"
    can_add = space != "local" and form in ("u32", "u64")
    return f"""
.visible .entry {space}_{form.replace(".", "_")}_{OFFSETS.index(offset)}(
    .param .u64 a, .param .u32 operation, .param .u32 lanes, .param .u64 first) {{
  .reg .pred %p<8>; .reg .b16 %rs<40>; .reg .b32 %r<40>; .reg .b64 %rd<40>;
  .shared .align 4 .b8 s[{SHARED}]; .local .align 4 .b8 l[{LOCAL}];
  ld.param.u64 %rd1, [a]; ld.param.u32 %r1, [operation]; ld.param.u32 %r2, [lanes]; ld.param.u64 %rd20, [first];
  mov.u32 %r3, %tid.x;
  mul.wide.u32 %rd2, %r3, 8; add.u64 %rd3, %rd1, %rd2; ld.global.u64 %rd9, [%rd3]; {convert}
  mul.wide.u32 %rd4, %r3, {step}; add.u64 %rd5, %rd1, {1 << 34}; add.u64 %rd5, %rd5, %rd4;
  add.u64 %rd6, %rd1, {2 << 34}; add.u64 %rd6, %rd6, %rd4;
  ld.global.{form} {several}, [%rd5];
  shr.u32 %r4, %r2, %r3; and.b32 %r4, %r4, 1; setp.eq.u32 %p1, %r4, 0; @%p1 bra DONE;
  setp.eq.u32 %p2, %r1, 1; @%p2 bra STORE; setp.eq.u32 %p3, %r1, 2; @%p3 bra ADD;
  setp.eq.u32 %p4, %r1, 3; @%p4 bra UNIFORM;
  ld{suffix} {several}, {at}; bra OUT;
STORE: st{suffix} {at}, {several}; ld{suffix} {several}, {at}; bra OUT;
ADD: {add if can_add else ""} bra OUT;
UNIFORM: mov.u64 %rd9, %rd20; {convert.replace("%rd9", "%rd20")} ld{suffix} {several}, {at};
OUT: st.global.{form} [%rd6], {several};
DONE: ret;
}}
"""


class Case(NamedTuple):
    """One launch: what it does, for which lanes, and where."""

    space: str
    form: str
    offset: int
    operation: str
    lanes: int
    addresses: list[int]

    @property
    def bytes(self) -> int:
        width, count = FORMS[self.form]
        return width * count


def some_address(chooser: random.Random, space: str, reach: int) -> int:
    """Often near an end of something, seldom anywhere."""
    starts = {"shared": [(0, SHARED)], "local": [(0, LOCAL)]}.get(space) or [
        (address_of(slot), size) for slot, size in SIZES.items() if slot > 2 or space == "global"
    ]
    if space == "generic":
        starts += [(SHARED_WINDOW, SHARED), (LOCAL_WINDOW, LOCAL), (PARAM_WINDOW, PARAMETERS)]
    if chooser.random() < 0.1:
        value = chooser.choice([*FAR, chooser.getrandbits(64)]) * chooser.choice((1, -1))
        return value + chooser.randrange(-64, 64)
    start, size = chooser.choice(starts)
    if chooser.random() < 0.8:
        return start + chooser.randrange(max(size // reach, 1)) * reach
    return start + chooser.choice((0, size)) + chooser.randrange(-20, 20)


def some_case(chooser: random.Random) -> Case:
    space, form = chooser.choice(SPACES), chooser.choice(list(FORMS))
    offset, operation = chooser.choice(OFFSETS), chooser.choice(OPERATIONS)
    if operation == "add" and (space == "local" or form not in ("u32", "u64")):
        operation = "store"
    width, count = FORMS[form]
    step = width * count
    first = some_address(chooser, space, step)
    pattern = chooser.choice(("same", "contiguous", "strided", "mixed", "one bad"))
    if pattern == "same" or operation == "uniform":
        addresses = [first] * 32
    elif pattern in ("contiguous", "strided"):
        stride = step if pattern == "contiguous" else chooser.randrange(-64, 65)
        addresses = [first + lane * stride for lane in range(32)]
    else:
        addresses = [first] * 32
        while pattern == "mixed" and len(set(addresses)) < 20:
            addresses = [some_address(chooser, space, step) for _ in range(32)]
        addresses[chooser.randrange(32)] = some_address(chooser, space, step)
    lanes = chooser.choice((2**32 - 1, 2**32 - 1, chooser.getrandbits(32) or 1, 1 << chooser.randrange(32)))
    bits = 32 if space == "shared" else 64
    return Case(space, form, offset, operation, lanes, [(a - offset) % 2**bits for a in addresses])


class Model:
    """The memory of one launch in plain Python: bytes by place, and what lies outside."""

    def __init__(self, buffers: dict[int, bytes], parameters: bytes) -> None:
        self.memory: dict[object, bytearray] = {slot: bytearray(data) for slot, data in buffers.items()}
        self.memory["shared"] = bytearray([POISON]) * SHARED
        self.memory["param"] = bytearray(parameters)
        for lane in range(32):
            self.memory["local", lane] = bytearray([POISON]) * LOCAL

    def find(self, case: Case, lane: int, *, write: bool) -> tuple[object, int] | None:
        """Where a lane's access lies; None where it must fault."""
        address, place = (case.addresses[lane] + case.offset) % 2**64, None
        if case.space == "shared":
            place, at = "shared", address % 2**32
        elif case.space == "local":
            place, at = ("local", lane), address
        else:
            windows = {SHARED_WINDOW: "shared", LOCAL_WINDOW: ("local", lane), PARAM_WINDOW: "param"}
            slot, at = divmod(address - address_of(0), 1 << 34)
            place = slot if slot in SIZES else None
            for start, name in windows.items():
                if case.space == "generic" and start <= address < start + 2**32:
                    place, at = name, address - start
        if place is None or address % case.bytes or at + case.bytes > len(self.memory[place]):
            return None
        if write and place in (READ_ONLY, "param"):
            return None
        if case.operation == "add" and place == ("local", lane):
            return None  # PTX ISA 9.0, "atom": global and shared memory only
        return place, at

    def run(self, case: Case) -> bool:
        """Does what the launch should do. False when it should fault, with the memory at that moment."""
        lanes = [lane for lane in range(32) if case.lanes >> lane & 1]
        own = {lane: slice(lane * case.bytes, (lane + 1) * case.bytes) for lane in lanes}
        data = {lane: bytes(self.memory[1][own[lane]]) for lane in lanes}
        places = {lane: self.find(case, lane, write=case.operation in ("store", "add")) for lane in lanes}
        if None in places.values():
            return False
        for lane, (place, at) in places.items():
            if case.operation == "store":
                self.memory[place][at : at + case.bytes] = data[lane]
            elif case.operation == "add":
                old = bytes(self.memory[place][at : at + case.bytes])
                total = int.from_bytes(old, "little") + int.from_bytes(data[lane], "little")
                self.memory[place][at : at + case.bytes] = (total % 2 ** (8 * case.bytes)).to_bytes(
                    case.bytes, "little"
                )
                data[lane] = old
        for lane, (place, at) in places.items():
            if case.operation != "add":
                data[lane] = bytes(self.memory[place][at : at + case.bytes])
        for lane in lanes:
            self.memory[2][own[lane]] = data[lane]
        return True


def main(seed: int, launches: int) -> Counter[str]:
    """Runs that many random cases. Returns how many ended in what."""
    chooser = random.Random(seed)
    text = ".version 8.8\n.target sm_90a\n.address_size 64\n"
    code = Code(text + "".join(kernel(s, f, o) for s in SPACES for f in FORMS for o in OFFSETS), Machine(gpu("h100")))
    ends: Counter[str] = Counter()
    around = {slot: np.full(size + 512, CANARY, np.uint8) for slot, size in SIZES.items()}
    for number in range(launches):
        case = some_case(chooser)
        for slot, size in SIZES.items():
            around[slot][256 : 256 + size] = np.frombuffer(chooser.randbytes(size), np.uint8)
        around[0][256:512] = np.array(case.addresses, np.uint64).view(np.uint8)
        memory = {
            slot: Memory(around[slot][256 : 256 + size], f"slot{slot}", slot == READ_ONLY)
            for slot, size in SIZES.items()
        }
        name = f"{case.space}_{case.form.replace('.', '_')}_{OFFSETS.index(case.offset)}"
        operation, first = OPERATIONS.index(case.operation), case.addresses[0]
        launch = code.launch(name, 1, 32, address_of(0), operation, case.lanes, first)
        model = Model({slot: m.bytes.tobytes() for slot, m in memory.items()}, launch.arguments)
        checked = bool(number % 2)
        run = code.machine.execute(code.program(launch), memory, checked=checked, limits=Limits())
        fine = model.run(case)
        kind = run.faults[0].kind if run.faults else "done"
        allowed = {"done", "race", "uninitialised"} if fine else {"out_of_bounds", "misaligned", "input_modified"}
        assert kind in allowed, (case, kind, run.faults)
        for slot in SIZES:
            zone = around[slot]
            assert (zone[:256] == CANARY).all(), case
            assert (zone[256 + SIZES[slot] :] == CANARY).all(), case
            assert kind == "race" or zone[256 : 256 + SIZES[slot]].tobytes() == bytes(model.memory[slot]), case
        ends[kind] += 1
    return ends


if __name__ == "__main__":
    print(*(f"{kind}: {count}" for kind, count in sorted(main(int(sys.argv[1]), int(sys.argv[2])).items())), sep=", ")
