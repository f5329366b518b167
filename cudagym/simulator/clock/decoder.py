"""Decoder: reads an instruction's operands into the record that the follower's C code executes.

What each instruction does is nowhere documented in full. The names are those of the CUDA Binary Utilities 13.0,
"Instruction Set Reference"; the rest is known from what ptxas makes of PTX whose meaning is documented, and tests hold
every kernel's results against those of its PTX. A form that is not known raises Unfollowable: nothing is skipped.
"""

from __future__ import annotations

import ctypes
import re
import struct
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from cudagym.errors import GraderError
from cudagym.simulator.clock.sass import Instruction

ZERO, TRASH, UNIFORM, POOL = 255, 260, 268, 1024
PT, UPT, NOWHERE, INVERTED = 7, 15, 16, 0x80
NEVER = PT | INVERTED
NEGATED, ABSOLUTE, COMPLEMENT, HALF_SHIFT = 1, 2, 4, 4
NO_SPACE, GLOBAL, SHARED, LOCAL, CONSTANT = range(5)
"""As in follow.h and trace.h."""
BASE_WIDE, UNIFORM_WIDE, GENERIC, SCALE_SHIFT, SIGNED, KIND_SHIFT = 1, 2, 4, 4, 256, 9


class Unfollowable(GraderError):
    """Machine code that the clock cannot follow: an unknown instruction, a fault, a spin without end."""


class Code(ctypes.Structure):
    """struct Code of follow.h."""

    _fields_ = [
        ("operation", ctypes.c_uint16),
        ("guard", ctypes.c_uint16),
        ("to", ctypes.c_uint16 * 2),
        ("source", ctypes.c_uint16 * 4),
        ("how", ctypes.c_uint8 * 4),
        ("p_to", ctypes.c_uint8 * 2),
        ("p_source", ctypes.c_uint8 * 3),
        ("space", ctypes.c_uint8),
        ("bytes", ctypes.c_uint8),
        ("uniform", ctypes.c_uint8),
        ("mode", ctypes.c_uint32),
        ("more", ctypes.c_uint32),
        ("offset", ctypes.c_int32),
        ("target", ctypes.c_int32),
    ]


class Decoded(NamedTuple):
    """A kernel's code for the follower. `pool` says what its constants are: (bank, offset) or (None, value)."""

    codes: ctypes.Array[Code]
    length: int
    pool: tuple[tuple[int | None, int], ...]


def space_of(instruction: Instruction) -> int:
    """The space that an instruction's Access in a trace is about; NO_SPACE when it has none."""
    return NO_SPACE if "CCTL" in instruction.modifiers else _SPACES.get(instruction.opcode, NO_SPACE)


_SPACES = {
    **dict.fromkeys(("LDG", "STG", "LD", "ST", "ATOM", "ATOMG", "RED", "REDG", "LDGSTS"), GLOBAL),
    **dict.fromkeys(("LDS", "STS", "ATOMS", "LDSM", "STSM", "SYNCS"), SHARED),
    **dict.fromkeys(("LDL", "STL"), LOCAL),
    **dict.fromkeys(("LDC", "ULDC", "LDCU"), CONSTANT),
}


class Modifiers:
    """The modifiers of an instruction that no one has asked for yet."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.left = list(names)

    def take(self, name: str) -> bool:
        found = name in self.left
        if found:
            self.left.remove(name)
        return found

    def one_of(self, choices: Mapping[str, int], otherwise: int) -> int:
        for name in self.left:
            if name in choices:
                self.left.remove(name)
                return choices[name]
        return otherwise

    def ignore(self, *names: str) -> None:
        self.left = [name for name in self.left if name not in names]


class Decoder:
    """Decodes one kernel: what its instructions share is the pool of constants."""

    def __init__(self, numbers: dict[str, int], forms: Mapping[str, Form]) -> None:
        self.numbers, self.forms = numbers, forms
        self.pool: list[tuple[int | None, int]] = []
        self.places: dict[tuple[tuple[int | None, int], ...], int] = {}

    def decode(self, i: Instruction, code: Code) -> None:
        self.code, self.at, self.args, self.mods = code, i, list(i.operands), Modifiers(i.modifiers)
        code.guard = PT if i.guard is None else self._predicate_number(i.guard)
        code.to[:], code.p_to[:] = (TRASH, TRASH), (NOWHERE, NOWHERE)
        code.source[:], code.p_source[:] = (ZERO,) * 4, (PT,) * 3
        code.space, code.target = space_of(i), -1 if i.target is None else i.target
        opcode = i.opcode
        if opcode not in self.forms and opcode[0] == "U" and opcode[1:] in self.forms:
            opcode = opcode[1:]
            code.uniform = 1
        form = self.forms.get(opcode)
        if form is None:
            raise self._unknown()
        try:
            name = form(self)
        except (ValueError, IndexError, KeyError) as error:
            raise self._unknown() from error
        if self.mods.left or self.args:
            raise self._unknown()
        code.operation = self.numbers[name]

    def _unknown(self) -> Unfollowable:
        where = f" at line {self.at.line}" if self.at.line else ""
        return Unfollowable(f"the clock does not know the instruction `{self.at.text}`{where}")

    # -- operands --

    def constants(self, *entries: tuple[int | None, int]) -> int:
        """The number of the vector (the first of neighbours) that holds constants."""
        if entries not in self.places:
            self.places[entries] = POOL + len(self.pool)
            self.pool += entries
        return self.places[entries]

    def next(self) -> str:
        return self.args.pop(0)

    def to(self, number: int = 0) -> None:
        """The next operand is a destination register."""
        text = self.next()
        found = re.fullmatch(r"(U?)R(\d+|Z)", text)
        if not found:
            raise ValueError(text)
        if found[2] != "Z":
            self.code.to[number] = int(found[2]) + (UNIFORM if found[1] else 0)

    def predicates_to(self, most: int = 2) -> None:
        """Destination predicates, as far as they go."""
        for number in range(most):
            if not self.args or not re.fullmatch(r"U?P[\dT]", self.args[0]):
                return
            which = self._predicate_number(self.next())
            self.code.p_to[number] = NOWHERE if which in (PT, UPT) else which

    def predicate(self, number: int = 0, otherwise: int = PT) -> None:
        """A source predicate, which may be missing."""
        given = self.args and re.fullmatch(r"!?U?P[\dT]", self.args[0])
        self.code.p_source[number] = self._predicate_number(self.next()) if given else otherwise

    @staticmethod
    def _predicate_number(text: str) -> int:
        found = re.fullmatch(r"(!?)(U?)P([\dT])", text)
        if not found:
            raise ValueError(text)
        number = (PT if found[3] == "T" else int(found[3])) + (8 if found[2] else 0)
        return number | (INVERTED if found[1] else 0)

    def source(self, number: int, kind: str = "i") -> str:
        """A source operand; `kind`: integer, long (64 bits), float, double or halves. Returns its suffix."""
        text = self.next()
        if kind == "h" and re.match(r"[-+]?(\d|INF|QNAN|SNAN)", text) and "x" not in text:
            bits = self._half(text) << 16 | self._half(self.next())
            self.code.source[number] = self.constants((None, bits))
            return ""
        found = re.fullmatch(r"([-~]?)(\|?)(U?R(?:\d+|Z)|cx?\[.*\])(\|?)((?:\.\w+)*)", text)
        if not found:
            self.code.source[number] = self._immediate(text, kind)
            return ""
        sign, bar, body, _, suffix = found.groups()
        self.code.how[number] = (NEGATED if sign == "-" else COMPLEMENT if sign == "~" else 0) | (
            ABSOLUTE if bar else 0
        )
        self.code.source[number] = self.place(body, kind in "ld")
        return suffix

    def plain(self, number: int, kind: str = "i") -> None:
        """A source without a suffix that means something."""
        if self.source(number, kind) not in ("", ".64"):
            raise ValueError("suffix")

    def halves(self, number: int) -> None:
        suffix = self.source(number, "h")
        which = {"": 0, ".H1_H0": 0, ".H0_H0": 1, ".H1_H1": 2, ".F32": 3}[suffix]
        self.code.how[number] |= which << HALF_SHIFT

    def place(self, body: str, wide: bool) -> int:
        if body[0] == "c":
            found = re.fullmatch(r"c\[0x(\w+)\]\[0x(\w+)\]", body)
            if not found:
                raise ValueError(body)
            bank, offset = int(found[1], 16), int(found[2], 16)
            return self.constants(*((bank, offset + 4 * k) for k in range(2 if wide else 1)))
        name = body.lstrip("UR")
        return ZERO if name == "Z" else int(name) + (UNIFORM if body[0] == "U" else 0)

    def _immediate(self, text: str, kind: str) -> int:
        sign = -1 if text.startswith("-") else 1
        if "0x" in text:
            value = sign * int(text.lstrip("-+"), 16)
            if kind in "ld":
                if kind == "d":
                    value <<= 32
                return self.constants((None, value & 0xFFFFFFFF), (None, value >> 32 & 0xFFFFFFFF))
            return self.constants((None, value & 0xFFFFFFFF))
        if label := re.search(r"`\(", text):
            raise ValueError(label)
        if kind == "d":
            bits = struct.unpack("<Q", struct.pack("<d", self._number(text)))[0] + (1 << 31) >> 32
            return self.constants((None, 0), (None, bits))
        if kind != "f":
            raise ValueError(text)
        if "NAN" in text:
            return self.constants((None, 0xFFC00000 if sign < 0 else 0x7FC00000))
        return self.constants((None, int(np.float32(self._number(text)).view(np.uint32))))

    @staticmethod
    def _number(text: str) -> float:
        return float(text.replace("QNAN", "nan").replace("SNAN", "nan").replace("INF", "inf"))

    def _half(self, text: str) -> int:
        value = np.float32(self._number(text))
        if "BF16_V2" in self.at.modifiers or "BF16" in self.at.modifiers:
            return int(value.view(np.uint32)) >> 16
        return int(np.float16(value).view(np.uint16))

    def number(self) -> int:
        """An immediate as such."""
        return int(self.next(), 16)

    def address(self, number: int = 0) -> None:
        """A memory operand, into sources `number` and the next, mode and offset."""
        base, uniform, scale, offset, wide = self.parts_of_address(self.next())
        self.code.source[number], self.code.source[number + 1] = base, uniform
        self.code.offset, self.code.mode = offset, self.code.mode | wide | scale << SCALE_SHIFT

    def parts_of_address(self, text: str) -> tuple[int, int, int, int, int]:
        inner = re.fullmatch(r"(?:desc\[UR(?:\d+|Z)\])?(?:c\[0x\w+\])?\[(.*)\]", text)
        if not inner:
            raise ValueError(text)
        wide = self.code.space == GLOBAL and "E" in self.at.modifiers
        base, uniform, scale, offset, mode = ZERO, ZERO, 0, 0, 0
        for piece in inner[1].split("+"):
            if "0x" in piece:
                offset += int(piece, 16)
                continue
            found = re.fullmatch(r"(U?)R(\d+|Z)((?:\.\w+)?)", piece)
            if not found or found[3] not in ("", ".64", ".U32", ".X4", ".X8", ".X16"):
                raise ValueError(text)
            if found[1]:
                uniform = ZERO if found[2] == "Z" else UNIFORM + int(found[2])
                mode |= UNIFORM_WIDE if wide or found[3] == ".64" else 0
            else:
                base = ZERO if found[2] == "Z" else int(found[2])
                mode |= BASE_WIDE if (wide and found[3] != ".U32") or found[3] == ".64" else 0
                scale = {".X4": 2, ".X8": 3, ".X16": 4}.get(found[3], 0)
        if offset >= 1 << 31:
            offset -= 1 << 32
        return base, uniform, scale, offset, mode

    def label(self) -> None:
        """The target, which `sass` has resolved already."""
        self.next()
        if self.at.target is None:
            raise ValueError("label")


Form = Callable[[Decoder], str]
"""Reads an instruction's operands and modifiers into the decoder's code; the name of the operation."""


def entering(forms: dict[str, Form]) -> Callable[..., Callable[[Form], Form]]:
    """A decorator that enters a form in `forms` under the opcodes that it is given."""

    def form(*opcodes: str) -> Callable[[Form], Form]:
        def enter(function: Form) -> Form:
            forms.update(dict.fromkeys(opcodes, function))
            return function

        return enter

    return form
