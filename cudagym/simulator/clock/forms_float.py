"""Forms of floating-point, conversion and matrix instructions."""

from __future__ import annotations

import re

from cudagym.simulator.clock.decoder import Decoder, Form, entering

FORMS: dict[str, Form] = {}
form = entering(FORMS)
_ROUNDING = {"RN": 0, "RM": 1, "RP": 2, "RZ": 3, "FLOOR": 1, "CEIL": 2, "TRUNC": 3}
_TESTS = {
    "F": 0, "LT": 1, "EQ": 2, "LE": 3, "GT": 4, "NE": 5, "GE": 6, "NUM": 7, "NAN": 8, "LTU": 9, "EQU": 10, "LEU": 11,
    "GTU": 12, "NEU": 13, "GEU": 14, "T": 15,
}  # fmt: skip
"""As bits: 1 less, 2 equal, 4 greater, 8 unordered."""
_JOIN = {"AND": 0, "OR": 1, "XOR": 2}


def _floats(d: Decoder) -> None:
    """Modes that most float instructions share."""
    d.code.mode = d.mods.take("FTZ") | d.mods.take("SAT") << 1 | d.mods.one_of(_ROUNDING, 0) << 2
    d.mods.ignore("FMZ")


@form("FADD", "FMUL", "FFMA", "DADD", "DMUL", "DFMA")
def _arithmetic(d: Decoder) -> str:
    _floats(d)
    name = d.at.opcode.removeprefix("U").lower()
    d.to()
    for k in range(3 if name.endswith("fma") else 2):
        d.plain(k, name[0])
    return name


@form("FADD2", "FMUL2", "FFMA2")
def _pair(d: Decoder) -> str:
    _floats(d)
    d.to()
    d.code.more = {"FADD2": 0, "FMUL2": 1, "FFMA2": 2}[d.at.opcode]
    for k in range(3 if d.code.more == 2 else 2):
        if d.source(k, "l") not in ("", ".F32x2.HI_LO"):
            raise ValueError("halves")
    return "ffma2"


@form("FMNMX", "DMNMX")
def _fmnmx(d: Decoder) -> str:
    _floats(d)
    d.code.more = d.mods.take("NAN")
    d.to()
    name = d.at.opcode.removeprefix("U").lower()
    d.plain(0, name[0])
    d.plain(1, name[0])
    d.predicate()
    return name


@form("FMNMX3")
def _fmnmx3(d: Decoder) -> str:
    _floats(d)
    d.code.more = d.mods.take("NAN")
    d.to()
    for k in range(3):
        d.plain(k, "f")
    d.predicate(0)
    d.predicate(1)
    return "fmnmx3"


@form("FSETP", "DSETP")
def _fsetp(d: Decoder) -> str:
    name = d.at.opcode.removeprefix("U").lower()
    d.code.mode = d.mods.take("FTZ") | d.mods.one_of(_TESTS, 0) << 2
    d.code.more = d.mods.one_of(_JOIN, 0)
    d.predicates_to()
    d.plain(0, name[0])
    d.plain(1, name[0])
    d.predicate()
    return name


@form("FSET")
def _fset(d: Decoder) -> str:
    d.code.more = d.mods.take("BF") << 2
    d.code.mode = d.mods.take("FTZ") | d.mods.one_of(_TESTS, 0) << 2
    d.code.more |= d.mods.one_of(_JOIN, 0)
    d.to()
    d.plain(0, "f")
    d.plain(1, "f")
    d.predicate()
    return "fset"


@form("FCHK")
def _fchk(d: Decoder) -> str:
    d.mods.ignore("DIVIDE")
    d.predicates_to(1)
    d.plain(0, "f")
    d.plain(1, "f")
    return "fchk"


@form("MUFU")
def _mufu(d: Decoder) -> str:
    functions = ["RCP", "RSQ", "SQRT", "EX2", "LG2", "SIN", "COS", "TANH", "RCP64H", "RSQ64H"]
    d.code.more = d.mods.one_of({name: number for number, name in enumerate(functions)}, -1)
    _floats(d)
    d.to()
    d.plain(0, "f")
    return "mufu"


_FORMATS = {"F32": 0, "F64": 1, "F16": 2, "BF16": 3, "BF16_V2": 3}
_PARTS = {"": 0, ".B0": 0, ".B1": 1, ".B2": 2, ".B3": 3, ".H0": 0, ".H1": 1, ".H0_H0": 0, ".H1_H1": 1}


def _format_of_source(d: Decoder, number: int) -> str:
    return {0: "f", 1: "d", 2: "i", 3: "i"}[number]


@form("F2F", "FRND")
def _f2f(d: Decoder) -> str:
    _floats(d)
    rounds = d.at.opcode == "FRND"
    to = d.mods.one_of(_FORMATS, 0)
    source = to if rounds else d.mods.one_of(_FORMATS, 0)
    d.to()
    upper = _PARTS[d.source(0, _format_of_source(d, source))]
    d.code.more = to | source << 2 | upper << 6 | rounds << 7
    return "f2f"


@form("F2FP")
def _f2fp(d: Decoder) -> str:
    _floats(d)
    if d.mods.take("UNPACK_B"):
        d.mods.ignore("F16")
        d.code.more = d.mods.one_of({"E4M3": 0, "E5M2": 1}, -1)
        d.to()
        d.code.more |= {"": 0, ".H0": 0, ".H1": 2}[d.source(0)]
        return "unpack"
    if d.mods.take("PACK_AB_MERGE_C"):
        d.mods.ignore("SATFINITE", "F32")
        d.code.more = d.mods.one_of({"E4M3": 0, "E5M2": 1}, -1)
        d.to()
        d.plain(0, "f")
        d.plain(1, "f")
        if d.next() != "RZ":
            raise ValueError("merged")
        return "pack8"
    if not d.mods.take("PACK_AB"):
        raise ValueError("form")
    to = d.mods.one_of({"BF16": 3, "F16": 2}, 2)
    d.mods.ignore("F32")
    d.code.more = to | d.mods.take("RELU") << 4
    d.to()
    d.plain(0, "f")
    d.plain(1, "f")
    return "pack"


@form("F2I")
def _f2i(d: Decoder) -> str:
    d.mods.ignore("NTZ")
    _floats(d)
    kinds = {"U8": 8, "U16": 16, "U32": 32, "U64": 64, "S8": 264, "S16": 272, "S32": 288, "S64": 320}
    kind = d.mods.one_of(kinds, 288)
    source = d.mods.one_of(_FORMATS, 0)
    d.to()
    upper = _PARTS[d.source(0, _format_of_source(d, source))]
    d.code.more = kind | source << 10 | upper << 12
    return "f2i"


@form("I2F", "I2FP")
def _i2f(d: Decoder) -> str:
    _floats(d)
    kinds = {"U8": 8, "U16": 16, "U32": 32, "U64": 64, "S8": 264, "S16": 272, "S32": 288, "S64": 320}
    to = d.mods.one_of(_FORMATS, 0)
    kind = d.mods.one_of(kinds, 288)
    d.to()
    part = _PARTS[d.source(0, "l" if kind & 64 else "i")]
    d.code.more = kind | to << 10 | part << 12
    return "i2f"


def _halves_mode(d: Decoder) -> None:
    d.mods.ignore("MMA", "FTZ", "FMZ")
    d.code.more = d.mods.one_of({"BF16_V2": 1, "BF16": 1}, 0) | d.mods.take("RELU") << 1 | d.mods.take("F32") << 2
    d.code.mode = d.mods.take("SAT") << 1


@form("HADD2", "HMUL2", "HFMA2")
def _half_arithmetic(d: Decoder) -> str:
    _halves_mode(d)
    d.to()
    for k in range(3 if d.at.opcode == "HFMA2" else 2):
        d.halves(k)
    return d.at.opcode.lower()


@form("HMNMX2")
def _hmnmx2(d: Decoder) -> str:
    _halves_mode(d)
    d.code.more |= d.mods.take("NAN") << 8
    d.to()
    d.halves(0)
    d.halves(1)
    d.predicate()
    return "hmnmx2"


@form("HSETP2", "HSET2")
def _half_tests(d: Decoder) -> str:
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


@form("HMMA", "IMMA", "DMMA", "BMMA", "QMMA", "OMMA")
def _matrix(d: Decoder) -> str:
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
    d.code.source[2], d.code.mode = d.place(place[1], False), registers
    return "matrix"
