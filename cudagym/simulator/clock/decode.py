"""Decoding: what the follower's C code makes of an instruction, from its text.

What each instruction does is nowhere documented in full. The names are those of the CUDA Binary Utilities 13.0,
"Instruction Set Reference"; the rest is known from what ptxas makes of PTX whose meaning is documented, and tests hold
every kernel's results against those of its PTX. A form that is not known raises Unfollowable: nothing is skipped.
"""

from __future__ import annotations

import ctypes
import functools
import re
import struct
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from cudagym.errors import GraderError
from cudagym.simulator.clock.sass import INSTRUCTION_BYTES, Instruction, SassKernel

ZERO, TRASH, UNIFORM, POOL = 255, 260, 268, 1024
PT, UPT, NOWHERE, INVERTED = 7, 15, 16, 0x80
NEVER = PT | INVERTED
NEGATED, ABSOLUTE, COMPLEMENT, HALF_SHIFT = 1, 2, 4, 4
NO_SPACE, GLOBAL, SHARED, LOCAL, CONSTANT = range(5)
"""As in follow.h and trace.h."""
_BASE_WIDE, _UNIFORM_WIDE, _GENERIC, _SCALE_SHIFT, _SIGNED, _KIND_SHIFT = 1, 2, 4, 4, 256, 9


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


@functools.lru_cache(maxsize=64)
def decode(kernel: SassKernel, operations: tuple[str, ...]) -> Decoded:
    """Raises Unfollowable at the first instruction whose meaning is not known."""
    instructions = kernel.instructions
    decoder = _Decoder({operation: number for number, operation in enumerate(operations)})
    codes = (Code * (len(instructions) + 1))()
    for code, instruction in zip(codes, instructions, strict=False):
        decoder.decode(instruction, code)
    codes[-1].operation, codes[-1].guard = decoder.numbers["trap"], PT
    return Decoded(codes, len(instructions), tuple(decoder.pool))


class _Modifiers:
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


_ROUNDING = {"RN": 0, "RM": 1, "RP": 2, "RZ": 3, "FLOOR": 1, "CEIL": 2, "TRUNC": 3}
_COMPARE = {"F": 0, "LT": 1, "EQ": 2, "LE": 3, "GT": 4, "NE": 5, "GE": 6, "T": 7}
_TESTS = {
    "F": 0,
    "LT": 1,
    "EQ": 2,
    "LE": 3,
    "GT": 4,
    "NE": 5,
    "GE": 6,
    "NUM": 7,
    "NAN": 8,
    "LTU": 9,
    "EQU": 10,
    "LEU": 11,
    "GTU": 12,
    "NEU": 13,
    "GEU": 14,
    "T": 15,
}
_JOIN = {"AND": 0, "OR": 1, "XOR": 2}
_BYTES = {"U8": 1, "S8": 1, "U16": 2, "S16": 2, "64": 8, "128": 16, "256": 32}
_SPECIALS = {
    "LANEID": 0,
    "TID.X": 1,
    "TID.Y": 2,
    "TID.Z": 3,
    "CTAID.X": 4,
    "CTAID.Y": 5,
    "CTAID.Z": 6,
    "EQMASK": 7,
    "LTMASK": 8,
    "LEMASK": 9,
    "GTMASK": 10,
    "GEMASK": 11,
    "CLOCKLO": 12,
    "SWINHI": 13,
    "LWINHI": 14,
    "VIRTID": 15,
    "SMCOUNT": 16,
    "NTID": 17,
    "NOTHING": 18,
}
"""In the order of enum Register in follow.c."""
_SPECIALS |= {"LANEMASK_EQ": 7, "LANEMASK_LT": 8, "LANEMASK_LE": 9, "LANEMASK_GT": 10, "LANEMASK_GE": 11}
_SPECIALS |= {"SMEMSZ": 19, "CgaSize": 20}
_SPECIALS |= {"CLOCK": 12, "GLOBALTIMERLO": 12, "VIRTUALSMID": 15, "SMID": 15}
_SPECIALS |= dict.fromkeys(("CLOCKHI", "GLOBALTIMERHI", "CgaCtaId", "CgaCtaid", "CTAID_IN_CGA"), 18)
_CACHING = (
    *("E", "STRONG", "WEAK", "SYS", "GPU", "SM", "CTA", "CONSTANT", "EF", "EL", "LU", "EU", "NA", "PRIVATE", "MMIO"),
    *("LTC64B", "LTC128B", "LTC256B", "BYPASS", "ACCESS", "INVALIDATE", "VM", "ADDR"),
)


class _Decoder:
    def __init__(self, numbers: dict[str, int]) -> None:
        self.numbers = numbers
        self.pool: list[tuple[int | None, int]] = []
        self.places: dict[tuple[tuple[int | None, int], ...], int] = {}

    def decode(self, i: Instruction, code: Code) -> None:
        self.code, self.at, self.args, self.mods = code, i, list(i.operands), _Modifiers(i.modifiers)
        code.guard = PT if i.guard is None else self._predicate_number(i.guard)
        code.to[:], code.p_to[:] = (TRASH, TRASH), (NOWHERE, NOWHERE)
        code.source[:], code.p_source[:] = (ZERO,) * 4, (PT,) * 3
        code.space, code.target = space_of(i), -1 if i.target is None else i.target
        opcode = i.opcode
        if opcode not in _FORMS and opcode[0] == "U" and opcode[1:] in _FORMS:
            opcode = opcode[1:]
            code.uniform = 1
        form = _FORMS.get(opcode)
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
        self.code.source[number] = self._place(body, kind in "ld")
        return suffix

    def plain(self, number: int, kind: str = "i") -> None:
        """A source without a suffix that means something."""
        if self.source(number, kind) not in ("", ".64"):
            raise ValueError("suffix")

    def halves(self, number: int) -> None:
        suffix = self.source(number, "h")
        which = {"": 0, ".H1_H0": 0, ".H0_H0": 1, ".H1_H1": 2, ".F32": 3}[suffix]
        self.code.how[number] |= which << HALF_SHIFT

    def _place(self, body: str, wide: bool) -> int:
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
        base, uniform, scale, offset, wide = self._address(self.next())
        self.code.source[number], self.code.source[number + 1] = base, uniform
        self.code.offset, self.code.mode = offset, self.code.mode | wide | scale << _SCALE_SHIFT

    def _address(self, text: str) -> tuple[int, int, int, int, int]:
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
                mode |= _UNIFORM_WIDE if wide or found[3] == ".64" else 0
            else:
                base = ZERO if found[2] == "Z" else int(found[2])
                mode |= _BASE_WIDE if (wide and found[3] != ".U32") or found[3] == ".64" else 0
                scale = {".X4": 2, ".X8": 3, ".X16": 4}.get(found[3], 0)
        if offset >= 1 << 31:
            offset -= 1 << 32
        return base, uniform, scale, offset, mode

    def label(self) -> None:
        """The target, which `sass` has resolved already."""
        self.next()
        if self.at.target is None:
            raise ValueError("label")


_FORMS: dict[str, Callable[[_Decoder], str]] = {}


def _form(*opcodes: str) -> Callable[[Callable[[_Decoder], str]], Callable[[_Decoder], str]]:
    def enter(form: Callable[[_Decoder], str]) -> Callable[[_Decoder], str]:
        _FORMS.update(dict.fromkeys(opcodes, form))
        return form

    return enter


# ---- integers ----


@_form("MOV")
def _mov(d: _Decoder) -> str:
    wide = d.mods.take("64")
    d.to()
    d.plain(0, "l" if wide else "i")
    if d.args and d.args[0] == "0xf":  # a mask of bytes, all of them
        d.next()
    d.code.p_source[0] = NEVER
    return "iadd_wide" if wide else "mov"  # added to two zeros


@_form("IADD3", "IADD", "VIADD")
def _iadd3(d: _Decoder) -> str:
    carry, wide = d.mods.take("X"), d.mods.take("64")
    d.to()
    d.predicates_to()
    kind = "l" if wide else "i"
    d.plain(0, kind)
    d.plain(1, kind)
    if d.at.opcode in ("IADD3", "UIADD3"):
        d.plain(2, kind)
    d.predicate(0, NEVER)
    d.predicate(1, NEVER)
    if wide:
        if d.code.source[2] != ZERO:
            raise ValueError("three addends")
        return "iadd_wide"
    return "iadd3_carry" if carry or list(d.code.p_to) != [NOWHERE] * 2 else "iadd3"


@_form("IMAD")
def _imad(d: _Decoder) -> str:
    d.mods.ignore("MOV", "IADD", "SHL")
    wide, high, carry, unsigned = (d.mods.take(name) for name in ("WIDE", "HI", "X", "U32"))
    d.to()
    d.predicates_to(1)
    d.plain(0)
    d.plain(1)
    d.plain(2, "l" if wide or high else "i")
    d.predicate(0, NEVER)
    d.code.p_source[1] = NEVER
    d.code.mode = unsigned | high << 1
    if wide or high:
        return "imad_wide"
    return "imad_carry" if carry or d.code.p_to[0] != NOWHERE else "imad"


@_form("LEA")
def _lea(d: _Decoder) -> str:
    high, signed = d.mods.take("HI"), d.mods.take("SX32")
    d.mods.take("X")
    d.to()
    d.predicates_to(1)
    d.plain(0)
    d.plain(1)
    if high and not signed:
        d.plain(2)
    d.code.mode = high | signed << 1
    d.code.more = d.number() if d.args and "0x" in d.args[0] else 0
    d.predicate(0, NEVER)
    d.code.p_source[1] = NEVER
    return "lea"


@_form("LOP3")
def _lop3(d: _Decoder) -> str:
    d.mods.ignore("LUT")
    d.code.mode = d.mods.take("PAND")
    d.predicates_to(1)
    d.to()
    for k in range(3):
        d.plain(k)
    d.code.more = d.number()
    d.predicate(0, NEVER)
    return "lop3"


@_form("PLOP3")
def _plop3(d: _Decoder) -> str:
    d.mods.ignore("LUT")
    d.predicates_to()
    for k in range(3):
        d.predicate(k)
    d.code.mode, d.code.more = d.number(), d.number()
    return "plop3"


@_form("SHF")
def _shf(d: _Decoder) -> str:
    right, _ = d.mods.take("R"), d.mods.take("L")
    kind = d.mods.one_of({"U32": 0, "S32": 2, "U64": 4, "S64": 6}, 0)
    d.code.mode = right | kind | d.mods.take("W") << 3 | d.mods.take("HI") << 4
    d.to()
    for k in range(3):
        d.plain(k)
    return "shf"


@_form("ISETP")
def _isetp(d: _Decoder) -> str:
    kind = d.mods.one_of(_COMPARE, 7)
    width = d.mods.one_of({"U32": 8, "S32": 0, "U64": 72, "S64": 64}, 0)
    d.code.mode, d.code.more = kind | width & 8 | d.mods.take("EX") << 4, d.mods.one_of(_JOIN, 0)
    d.predicates_to()
    d.plain(0, "l" if width & 64 else "i")
    d.plain(1, "l" if width & 64 else "i")
    d.predicate(0)
    d.predicate(1)
    return "isetp_wide" if width & 64 else "isetp"


@_form("SEL", "FSEL")
def _sel(d: _Decoder) -> str:
    floats = "FSEL" in d.at.opcode
    d.mods.ignore("FTZ")
    wide = d.mods.take("64")
    kind = "l" if wide else "f" if floats else "i"
    d.to()
    d.plain(0, kind)
    d.plain(1, kind)
    d.predicate()
    return "sel_wide" if wide else "fsel" if floats else "sel"


@_form("IMNMX", "VIMNMX")
def _imnmx(d: _Decoder) -> str:
    kind = d.mods.one_of({"U32": 1, "S32": 0, "U64": 3, "S64": 2, "U16x2": 5, "S16x2": 4}, 0)
    d.code.mode = kind & 1
    d.predicates_to()
    d.to()
    d.plain(0, "l" if kind & 2 else "i")
    d.plain(1, "l" if kind & 2 else "i")
    d.predicate()
    d.predicate(1)
    if list(d.code.p_to) != [NOWHERE] * 2:
        raise ValueError("predicate")
    return ("imnmx", "imnmx_wide", "imnmx_pair")[kind >> 1]


@_form("VIMNMX3", "VIADDMNMX")
def _vimnmx3(d: _Decoder) -> str:
    adds = d.at.opcode == "VIADDMNMX"
    d.code.mode = d.mods.one_of({"U32": 1, "S32": 0}, 0) | adds << 1 | d.mods.take("RELU") << 2
    d.to()
    for k in range(3):
        d.plain(k)
    d.predicate(0)
    d.predicate(1)
    return "vimnmx3"


@_form("PRMT")
def _prmt(d: _Decoder) -> str:
    d.code.mode = d.mods.one_of({"F4E": 1, "B4E": 2, "RC8": 3, "ECL": 4, "ECR": 5, "RC16": 6}, 0)
    d.to()
    for k in range(3):
        d.plain(k)
    return "prmt"


@_form("POPC", "BREV", "IABS")
def _unary(d: _Decoder) -> str:
    d.to()
    d.plain(0)
    return d.at.opcode.removeprefix("U").lower()


@_form("FLO")
def _flo(d: _Decoder) -> str:
    d.code.mode = (not d.mods.take("U32")) | d.mods.take("SH") << 1
    d.to()
    d.predicates_to(1)
    d.plain(0)
    if d.code.p_to[0] != NOWHERE:
        raise ValueError("predicate")
    return "flo"


@_form("BMSK")
def _bmsk(d: _Decoder) -> str:
    d.code.mode = d.mods.take("W")
    d.mods.ignore("C")
    d.to()
    d.plain(0)
    d.plain(1)
    return "bmsk"


@_form("SGXT")
def _sgxt(d: _Decoder) -> str:
    d.code.mode = d.mods.take("U32") | d.mods.take("W") << 1
    d.to()
    d.plain(0)
    d.plain(1)
    return "sgxt"


@_form("IDP")
def _idp(d: _Decoder) -> str:
    pairs = d.mods.one_of({"4A": 0, "2A": 4}, 0)
    high = d.mods.take("HI")
    d.mods.ignore("LO")
    signs = {"S8": 1, "U8": 0, "S16": 1, "U16": 0}
    d.code.mode = pairs | d.mods.one_of(signs, 0) | d.mods.one_of(signs, 0) << 1 | high << 3
    d.to()
    for k in range(3):
        d.plain(k)
    return "idp"


@_form("P2R", "UP2UR")
def _p2r(d: _Decoder) -> str:
    shift = d.mods.one_of({"B0": 0, "B1": 8, "B2": 16, "B3": 24}, 0)
    d.to()
    d.code.mode = shift | (256 if d.next() == "UPR" else 0)
    d.plain(0)
    d.code.more = d.number()
    return "p2r"


@_form("R2P", "UR2UP")
def _r2p(d: _Decoder) -> str:
    d.code.mode = 256 if d.next() == "UPR" else 0
    suffix = d.source(0)
    d.code.mode |= {"": 0, ".B0": 0, ".B1": 8, ".B2": 16, ".B3": 24}[suffix]
    d.code.more = d.number()
    return "r2p"


@_form("I2I", "I2IP")
def _i2i(d: _Decoder) -> str:
    kind = d.mods.one_of({"S8": 64 | 8, "U8": 8, "S16": 64 | 16, "U16": 16}, 0)
    if d.at.opcode != "I2I" or not kind:
        raise ValueError("I2I")
    d.mods.ignore("S32")
    d.code.mode = kind | d.mods.take("SAT") << 7
    d.to()
    d.plain(0)
    return "narrow"


# ---- between lanes ----


@_form("VOTE", "VOTEU")
def _vote(d: _Decoder) -> str:
    d.code.uniform = 0  # VOTEU too asks the active lanes
    d.code.mode = d.mods.one_of({"ANY": 0, "ALL": 1, "EQ": 2}, 0)
    if re.match(r"U?R", d.args[0]):
        d.to()
    d.predicates_to(1)
    d.predicate()
    return "vote"


@_form("SHFL")
def _shfl(d: _Decoder) -> str:
    d.code.mode = d.mods.one_of({"IDX": 0, "UP": 1, "DOWN": 2, "BFLY": 3}, 0)
    d.predicates_to(1)
    d.to()
    for k in range(3):
        d.plain(k)
    return "shfl"


@_form("MATCH")
def _match(d: _Decoder) -> str:
    d.code.mode = d.mods.take("U64") | d.mods.one_of({"ANY": 0, "ALL": 2}, 0)
    d.predicates_to(1)
    d.to()
    d.plain(0)
    return "match"


@_form("REDUX")
def _redux(d: _Decoder) -> str:
    kind = d.mods.one_of({"AND": 0, "OR": 1, "XOR": 2, "SUM": 3, "MIN": 4, "MAX": 5}, 0)
    d.code.mode = kind | d.mods.take("S32") << 3
    d.to()
    d.plain(0)
    return "redux"


@_form("R2UR")
def _r2ur(d: _Decoder) -> str:
    d.code.mode = d.mods.take("OR")
    d.predicates_to(1)
    d.to()
    d.plain(0)
    return "r2ur"


@_form("VABSDIFF", "VABSDIFF4")
def _vabsdiff(d: _Decoder) -> str:
    signed = not (d.mods.take("U32") or d.mods.take("U8"))
    d.mods.ignore("S32", "S8", "ACC")
    d.code.mode = signed | d.at.opcode.endswith("4") << 1
    d.to()
    for k in range(3):
        d.plain(k)
    return "vabsdiff"


@_form("ELECT")
def _elect(d: _Decoder) -> str:
    d.predicates_to(1)
    d.to()
    d.predicate()
    return "elect"


# ---- floats ----


def _floats(d: _Decoder) -> None:
    """Modes that most float instructions share."""
    d.code.mode = d.mods.take("FTZ") | d.mods.take("SAT") << 1 | d.mods.one_of(_ROUNDING, 0) << 2
    d.mods.ignore("FMZ")


@_form("FADD", "FMUL", "FFMA", "DADD", "DMUL", "DFMA")
def _arithmetic(d: _Decoder) -> str:
    _floats(d)
    name = d.at.opcode.removeprefix("U").lower()
    d.to()
    for k in range(3 if name.endswith("fma") else 2):
        d.plain(k, name[0])
    return name


@_form("FADD2", "FMUL2", "FFMA2")
def _pair(d: _Decoder) -> str:
    _floats(d)
    d.to()
    d.code.more = {"FADD2": 0, "FMUL2": 1, "FFMA2": 2}[d.at.opcode]
    for k in range(3 if d.code.more == 2 else 2):
        if d.source(k, "l") not in ("", ".F32x2.HI_LO"):
            raise ValueError("halves")
    return "ffma2"


@_form("FMNMX", "DMNMX")
def _fmnmx(d: _Decoder) -> str:
    _floats(d)
    d.code.more = d.mods.take("NAN")
    d.to()
    d.plain(0, d.at.opcode[0].lower())
    d.plain(1, d.at.opcode[0].lower())
    d.predicate()
    return d.at.opcode.lower()


@_form("FMNMX3")
def _fmnmx3(d: _Decoder) -> str:
    _floats(d)
    d.code.more = d.mods.take("NAN")
    d.to()
    for k in range(3):
        d.plain(k, "f")
    d.predicate(0)
    d.predicate(1)
    return "fmnmx3"


@_form("FSETP", "DSETP")
def _fsetp(d: _Decoder) -> str:
    name = d.at.opcode.removeprefix("U").lower()
    d.code.mode = d.mods.take("FTZ") | d.mods.one_of(_TESTS, 0) << 2
    d.code.more = d.mods.one_of(_JOIN, 0)
    d.predicates_to()
    d.plain(0, name[0])
    d.plain(1, name[0])
    d.predicate()
    return name


@_form("FSET")
def _fset(d: _Decoder) -> str:
    d.code.more = d.mods.take("BF") << 2
    d.code.mode = d.mods.take("FTZ") | d.mods.one_of(_TESTS, 0) << 2
    d.code.more |= d.mods.one_of(_JOIN, 0)
    d.to()
    d.plain(0, "f")
    d.plain(1, "f")
    d.predicate()
    return "fset"


@_form("FCHK")
def _fchk(d: _Decoder) -> str:
    d.mods.ignore("DIVIDE")
    d.predicates_to(1)
    d.plain(0, "f")
    d.plain(1, "f")
    return "fchk"


@_form("MUFU")
def _mufu(d: _Decoder) -> str:
    functions = ["RCP", "RSQ", "SQRT", "EX2", "LG2", "SIN", "COS", "TANH", "RCP64H", "RSQ64H"]
    d.code.more = d.mods.one_of({name: number for number, name in enumerate(functions)}, -1)
    _floats(d)
    d.to()
    d.plain(0, "f")
    return "mufu"


_FORMATS = {"F32": 0, "F64": 1, "F16": 2, "BF16": 3, "BF16_V2": 3}
_PARTS = {"": 0, ".B0": 0, ".B1": 1, ".B2": 2, ".B3": 3, ".H0": 0, ".H1": 1, ".H0_H0": 0, ".H1_H1": 1}


def _format_of_source(d: _Decoder, number: int) -> str:
    return {0: "f", 1: "d", 2: "i", 3: "i"}[number]


@_form("F2F", "FRND")
def _f2f(d: _Decoder) -> str:
    _floats(d)
    rounds = d.at.opcode == "FRND"
    to = d.mods.one_of(_FORMATS, 0)
    source = to if rounds else d.mods.one_of(_FORMATS, 0)
    d.to()
    upper = _PARTS[d.source(0, _format_of_source(d, source))]
    d.code.more = to | source << 2 | upper << 6 | rounds << 7
    return "f2f"


@_form("F2FP")
def _f2fp(d: _Decoder) -> str:
    _floats(d)
    if d.mods.take("UNPACK_B"):
        d.mods.ignore("F16")
        d.code.more = d.mods.one_of({"E4M3": 0, "E5M2": 1}, -1)
        d.to()
        d.code.more |= {"": 0, ".H0": 0, ".H1": 2}[d.source(0)]
        return "unpack"
    if not d.mods.take("PACK_AB"):
        raise ValueError("form")
    to = d.mods.one_of({"BF16": 3, "F16": 2}, 2)
    d.mods.ignore("F32")
    d.code.more = to | d.mods.take("RELU") << 4
    d.to()
    d.plain(0, "f")
    d.plain(1, "f")
    return "pack"


@_form("F2I")
def _f2i(d: _Decoder) -> str:
    d.mods.ignore("NTZ")
    _floats(d)
    kinds = {"U8": 8, "U16": 16, "U32": 32, "U64": 64, "S8": 264, "S16": 272, "S32": 288, "S64": 320}
    kind = d.mods.one_of(kinds, 288)
    source = d.mods.one_of(_FORMATS, 0)
    d.to()
    upper = _PARTS[d.source(0, _format_of_source(d, source))]
    d.code.more = kind | source << 10 | upper << 12
    return "f2i"


@_form("I2F", "I2FP")
def _i2f(d: _Decoder) -> str:
    _floats(d)
    kinds = {"U8": 8, "U16": 16, "U32": 32, "U64": 64, "S8": 264, "S16": 272, "S32": 288, "S64": 320}
    to = d.mods.one_of(_FORMATS, 0)
    kind = d.mods.one_of(kinds, 288)
    d.to()
    part = _PARTS[d.source(0, "l" if kind & 64 else "i")]
    d.code.more = kind | to << 10 | part << 12
    return "i2f"


def _halves_mode(d: _Decoder) -> None:
    d.mods.ignore("MMA", "FTZ", "FMZ")
    d.code.more = d.mods.one_of({"BF16_V2": 1, "BF16": 1}, 0) | d.mods.take("RELU") << 1 | d.mods.take("F32") << 2
    d.code.mode = d.mods.take("SAT") << 1


@_form("HADD2", "HMUL2", "HFMA2")
def _half_arithmetic(d: _Decoder) -> str:
    _halves_mode(d)
    d.to()
    for k in range(3 if d.at.opcode == "HFMA2" else 2):
        d.halves(k)
    return d.at.opcode.lower()


@_form("HMNMX2")
def _hmnmx2(d: _Decoder) -> str:
    _halves_mode(d)
    d.code.more |= d.mods.take("NAN") << 8
    d.to()
    d.halves(0)
    d.halves(1)
    d.predicate()
    return "hmnmx2"


@_form("HSETP2", "HSET2")
def _half_tests(d: _Decoder) -> str:
    sets = d.at.opcode == "HSET2"
    special = d.mods.take("BF" if sets else "H2_AND")
    _halves_mode(d)
    d.code.mode |= d.mods.one_of(_TESTS, 0) << 2
    d.code.more |= d.mods.one_of(_JOIN, 0) << 4 | special << 8
    if sets:
        d.to()
    else:
        d.predicates_to()
    d.halves(0)
    d.halves(1)
    d.predicate()
    return d.at.opcode.lower()


_RESULT_REGISTERS = {"HMMA": 4, "IMMA": 4, "DMMA": 4, "BMMA": 4, "QMMA": 4, "OMMA": 4}


@_form("HMMA", "IMMA", "DMMA", "BMMA", "QMMA", "OMMA")
def _matrix(d: _Decoder) -> str:
    name = d.at.name
    d.mods.left = []
    d.to()
    sources = [d.next() for _ in range(3)]
    d.args = []
    registers = 4
    if d.at.opcode == "HMMA" and ".F16" in name and ".F32" not in name:
        registers = 2
    if (d.at.opcode == "IMMA" and "8816" in name) or "8832" in name:
        registers = 2
    place = re.fullmatch(r"-?(U?R(?:\d+|Z))", sources[2])
    if not place:
        raise ValueError("addend")
    d.code.source[2], d.code.mode = d._place(place[1], False), registers
    return "matrix"


# ---- special registers ----


@_form("S2R", "S2UR", "CS2R", "CS2UR")
def _s2r(d: _Decoder) -> str:
    d.code.uniform = d.at.opcode in ("S2UR", "CS2UR")
    wide = d.at.opcode in ("CS2R", "CS2UR") and not d.mods.take("32")
    d.to()
    name = d.next()
    d.code.more = wide
    d.code.mode = _SPECIALS["NOTHING"] if name == "SRZ" else _SPECIALS[name.removeprefix("SR_")]
    return "special"


# ---- memory ----


def _memory(d: _Decoder) -> None:
    d.code.mode |= _SIGNED if {"S8", "S16"} & set(d.mods.left) else 0
    d.code.bytes = d.mods.one_of(_BYTES, 4)
    d.code.mode |= _GENERIC if d.at.opcode in ("LD", "ST") else 0
    d.mods.ignore("U", "ENL2", *_CACHING)


@_form("LDG", "LD", "LDS", "LDL")
def _load(d: _Decoder) -> str:
    _memory(d)
    d.to()
    if d.code.bytes == 32:
        d.code.to[1] = d.code.to[0]
        d.to()
        d.code.to[:] = d.code.to[1], d.code.to[0]
    d.address()
    return "load"


@_form("STG", "ST", "STS", "STL")
def _store(d: _Decoder) -> str:
    _memory(d)
    d.address()
    d.plain(2)
    if d.code.bytes == 32:
        d.plain(3)
    return "store"


@_form("LDC", "ULDC", "LDCU")
def _load_constant(d: _Decoder) -> str:
    d.code.uniform = d.at.opcode != "LDC"
    _memory(d)
    d.to()
    bank = re.match(r"c\[0x(\w+)\]\[", d.args[0])
    if not bank:
        raise ValueError("bank")
    d.code.more = int(bank[1], 16)
    d.address()
    return "load_constant"


@_form("MOVM")
def _movm(d: _Decoder) -> str:
    if not (d.mods.take("16") and d.mods.take("MT88")):
        raise ValueError("MOVM")
    d.to()
    d.plain(0)
    return "transpose"


@_form("LDSM", "STSM")
def _rows(d: _Decoder) -> str:
    d.mods.ignore("16", "M88")
    transposed = d.mods.take("MT88")
    d.code.more = d.mods.one_of({"2": 2, "4": 4}, 1)
    d.code.bytes = 16
    stores = d.at.opcode == "STSM"
    if not stores:
        d.to()
    d.address()
    if stores:
        d.plain(2)
    d.code.mode |= (transposed | stores << 1) << _KIND_SHIFT
    return "rows"


@_form("LDGSTS")
def _ldgsts(d: _Decoder) -> str:
    _memory(d)
    d.mods.ignore("ZFILL")
    target = d.next()
    d.address()
    d.code.space = SHARED
    base, uniform, scale, offset, _ = d._address(target)
    d.code.space = GLOBAL
    d.code.source[2], d.code.source[3] = base, uniform
    d.code.more = offset & 0xFFFFFFFF
    d.code.mode |= scale << _KIND_SHIFT
    d.predicate()
    d.code.p_source[0] ^= INVERTED
    return "copy_async"


_ATOMICS = {
    "ADD": 0,
    "MIN": 1,
    "MAX": 2,
    "INC": 3,
    "DEC": 4,
    "AND": 5,
    "OR": 6,
    "XOR": 7,
    "EXCH": 8,
    "CAS": 9,
    "CAST": 10,
    "POPC": 11,
    "SAFEADD": 0,
}
_KINDS = {"U32": 0, "S32": 1, "U64": 2, "64": 2, "S64": 3, "F32": 4, "F64": 5, "F16x2": 6, "BF16x2": 7, "BF16_V2": 7}


@_form("ATOM", "ATOMG", "ATOMS", "RED", "REDG")
def _atomic(d: _Decoder) -> str:
    d.code.mode |= _GENERIC if d.at.opcode == "ATOM" else 0
    what = d.mods.one_of(_ATOMICS, -1)
    if what == 11:
        d.mods.ignore("INC", "32")
    kind = d.mods.one_of(_KINDS, 0)
    d.code.bytes = 8 if kind in (2, 3, 5) else 4
    d.mods.ignore("FTZ", "RN", "SPIN", *_CACHING)
    if what < 0:
        raise ValueError("operation")
    d.predicates_to(1)
    if not d.at.opcode.startswith("RED") and d.args[0][0] != "[":
        d.to()
    d.address()
    if d.args:
        d.plain(2)
    if what in (9, 10):
        d.plain(3)
    d.code.more = what | kind << 8
    return "atomic"


_SYNCS = {"ARRIVE.TRANS64.A1T0": 1, "ARRIVE.TRANS64.ART0": 2, "ARRIVE.TRANS64.OPTOUT.A1T0": 5}


@_form("SYNCS")
def _syncs(d: _Decoder) -> str:
    what = ".".join(d.at.modifiers)
    d.mods.left = []
    d.code.bytes = 8
    if what.startswith("CCTL"):
        d.args, d.code.bytes = [], 0
        return "nop"
    if what.startswith("PHASECHK.TRANS64"):
        d.code.more = 4 if what.endswith("TRYWAIT") else 3
        d.predicates_to(1)
    elif what == "EXCH.64":
        d.code.uniform = d.args[0] == "URZ"
        d.to()
    else:
        d.code.more = _SYNCS[what]
        d.to()
    d.address()
    d.plain(2)
    return "synchronise"


@_form("ARRIVES")
def _arrives(d: _Decoder) -> str:
    """An arrival once copies are done, as all of them are: with TRANSCNT it was added to what is pending before."""
    d.mods.ignore("LDGSTSBAR", "64")
    d.code.bytes = 8
    if d.mods.take("TRANSCNT"):
        d.args = []
        d.code.space = NO_SPACE
        return "nop"
    d.mods.ignore("ARVCNT")
    d.code.more = 1
    d.address()
    return "synchronise"


@_form("QSPC")
def _qspc(d: _Decoder) -> str:
    d.mods.ignore("E")
    d.code.more = d.mods.one_of({"S": SHARED, "L": LOCAL, "G": GLOBAL}, -1)
    d.predicates_to(1)
    d.to()
    d.address()
    d.code.mode |= _GENERIC | _BASE_WIDE
    return "query_space"


# ---- control ----


@_form("BRA")
def _bra(d: _Decoder) -> str:
    if d.mods.take("DIV"):
        if len(d.args) > 1:
            d.plain(0)
        else:
            d.code.how[0] = COMPLEMENT  # capability 7.x asks whether all lanes run
        d.label()
        return "bra_div"
    if d.mods.take("CONV"):
        d.plain(0)
        d.label()
        d.code.mode = 1
        return "bra_div"
    d.mods.ignore("U")
    d.code.uniform = 0
    if d.mods.take("ANY"):
        d.code.mode = 1
        d.code.p_source[0], d.code.guard = d.code.guard, PT
    else:
        d.predicate()
    d.label()
    return "bra"


def _relative(d: _Decoder) -> None:
    """`R2 -0x130`: an address in a register, from the next instruction on."""
    found = re.fullmatch(r"(U?R\d+)(?: (-?0x\w+|`\(.*\)))?", d.next())
    if not found:
        raise ValueError("address")
    d.code.source[0] = d._place(found[1], False)
    d.code.target = -1
    if found[2] and "`" not in found[2] and int(found[2], 16):
        d.code.offset = int(found[2], 16) + (d.at.index + 1) * INSTRUCTION_BYTES


@_form("BRX", "BRXU", "RET", "CALL")
def _jump(d: _Decoder) -> str:
    absolute = d.mods.take("ABS")
    d.mods.ignore("REL", "NOINC", "NODEC")
    if d.args[0].startswith("`"):
        d.label()
    elif absolute and "`" in d.args[0]:
        raise ValueError("symbol")
    else:
        _relative(d)
    return {"BRX": "brx", "BRXU": "brx", "RET": "ret", "CALL": "call"}[d.at.opcode]


@_form("BSSY", "BSYNC", "BREAK")
def _converge(d: _Decoder) -> str:
    d.mods.ignore("RECONVERGENT", "RELIABLE")
    d.predicate()
    d.code.mode = int(d.next().removeprefix("B"))
    if d.at.opcode == "BSSY":
        d.label()
    return d.at.opcode.lower()


@_form("BMOV")
def _bmov(d: _Decoder) -> str:
    d.mods.ignore("32", "CLEAR")
    if d.args[0][0] == "B":
        d.code.mode = int(d.next().removeprefix("B"))
        d.plain(0)
        return "bmov_put"
    d.to()
    d.code.mode = int(d.next().removeprefix("B"))
    return "bmov_get"


@_form("WARPSYNC")
def _warpsync(d: _Decoder) -> str:
    everyone = d.mods.take("ALL")
    d.mods.ignore("COLLECTIVE", "EXCLUSIVE")
    if everyone:
        d.code.source[0] = d.constants((None, 0xFFFFFFFF))
    else:
        d.plain(0)
    if d.args:
        d.label()
    return "warpsync"


@_form("EXIT", "KILL", "YIELD")
def _plain(d: _Decoder) -> str:
    d.mods.ignore("KEEPREFCOUNT", "PREEMPTED")
    return {"EXIT": "exit", "KILL": "exit", "YIELD": "yield"}[d.at.opcode]


@_form("BPT")
def _trap(d: _Decoder) -> str:
    d.mods.left, d.args = [], []
    return "trap"


@_form("BAR")
def _bar(d: _Decoder) -> str:
    d.mods.ignore("DEFER_BLOCKING")
    arrives, reduces, _ = d.mods.take("ARV"), d.mods.take("RED"), d.mods.take("SYNC")
    kind = d.mods.one_of({"POPC": 0, "AND": 1, "OR": 2}, 0)
    d.code.mode = arrives | reduces << 1 | kind << 4
    d.plain(0)
    if d.args and not re.fullmatch(r"!?U?P[\dT]", d.args[0]):
        d.plain(1)
        d.code.mode |= 256
    d.predicate()
    return "bar"


@_form("B2R")
def _b2r(d: _Decoder) -> str:
    if not d.mods.take("RESULT"):
        raise ValueError("form")
    d.to()
    d.predicates_to(1)
    return "b2r"


@_form("LEPC")
def _lepc(d: _Decoder) -> str:
    d.to()
    if d.args:
        d.label()
    return "lepc"


@_form(
    *("NOP", "MEMBAR", "ERRBAR", "CGAERRBAR", "CCTL", "CCTLL", "DEPBAR", "LDGDEPBAR", "NANOSLEEP", "ENDCOLLECTIVE"),
    *("FENCE", "PREEXIT", "ACQBULK", "WARPGROUP", "PMTRIG"),
)
def _nothing(d: _Decoder) -> str:
    """What only orders memory, waits or hints: the follower's memory is in order at all times."""
    d.mods.left, d.args = [], []
    return "nop"
