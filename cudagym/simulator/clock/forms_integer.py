"""Forms of integer, logic and predicate instructions, and of those that pass values between lanes."""

from __future__ import annotations

import re

from cudagym.simulator.clock.decoder import NEVER, NOWHERE, ZERO, Decoder, Form, entering

FORMS: dict[str, Form] = {}
form = entering(FORMS)
_COMPARE = {"F": 0, "LT": 1, "EQ": 2, "LE": 3, "GT": 4, "NE": 5, "GE": 6, "T": 7}
_JOIN = {"AND": 0, "OR": 1, "XOR": 2}


@form("MOV")
def _mov(d: Decoder) -> str:
    wide = d.mods.take("64")
    d.to()
    d.plain(0, "l" if wide else "i")
    if d.args and d.args[0] == "0xf":  # a mask of bytes, all of them
        d.next()
    d.code.p_source[0] = NEVER
    return "iadd_wide" if wide else "mov"  # added to two zeros


@form("IADD3", "IADD", "VIADD")
def _iadd3(d: Decoder) -> str:
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


@form("IMAD")
def _imad(d: Decoder) -> str:
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


@form("LEA")
def _lea(d: Decoder) -> str:
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


@form("LOP3")
def _lop3(d: Decoder) -> str:
    d.mods.ignore("LUT")
    d.code.mode = d.mods.take("PAND")
    d.predicates_to(1)
    d.to()
    for k in range(3):
        d.plain(k)
    d.code.more = d.number()
    d.predicate(0, NEVER)
    return "lop3"


@form("PLOP3")
def _plop3(d: Decoder) -> str:
    d.mods.ignore("LUT")
    d.predicates_to()
    for k in range(3):
        d.predicate(k)
    d.code.mode, d.code.more = d.number(), d.number()
    return "plop3"


@form("SHF")
def _shf(d: Decoder) -> str:
    right, _ = d.mods.take("R"), d.mods.take("L")
    kind = d.mods.one_of({"U32": 0, "S32": 2, "U64": 4, "S64": 6}, 0)
    d.code.mode = right | kind | d.mods.take("W") << 3 | d.mods.take("HI") << 4
    d.to()
    for k in range(3):
        d.plain(k)
    return "shf"


@form("ISETP")
def _isetp(d: Decoder) -> str:
    kind = d.mods.one_of(_COMPARE, 7)
    width = d.mods.one_of({"U32": 8, "S32": 0, "U64": 72, "S64": 64}, 0)
    d.code.mode, d.code.more = kind | width & 8 | d.mods.take("EX") << 4, d.mods.one_of(_JOIN, 0)
    d.predicates_to()
    d.plain(0, "l" if width & 64 else "i")
    d.plain(1, "l" if width & 64 else "i")
    d.predicate(0)
    d.predicate(1)
    return "isetp_wide" if width & 64 else "isetp"


@form("SEL", "FSEL")
def _sel(d: Decoder) -> str:
    floats = "FSEL" in d.at.opcode
    d.mods.ignore("FTZ")
    wide = d.mods.take("64")
    kind = "l" if wide else "f" if floats else "i"
    d.to()
    d.plain(0, kind)
    d.plain(1, kind)
    d.predicate()
    return "sel_wide" if wide else "fsel" if floats else "sel"


@form("IMNMX", "VIMNMX")
def _imnmx(d: Decoder) -> str:
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


@form("VIMNMX3", "VIADDMNMX")
def _vimnmx3(d: Decoder) -> str:
    adds = d.at.opcode == "VIADDMNMX"
    d.code.mode = d.mods.one_of({"U32": 1, "S32": 0}, 0) | adds << 1 | d.mods.take("RELU") << 2
    d.to()
    for k in range(3):
        d.plain(k)
    d.predicate(0)
    d.predicate(1)
    return "vimnmx3"


@form("PRMT")
def _prmt(d: Decoder) -> str:
    d.code.mode = d.mods.one_of({"F4E": 1, "B4E": 2, "RC8": 3, "ECL": 4, "ECR": 5, "RC16": 6}, 0)
    d.to()
    for k in range(3):
        d.plain(k)
    return "prmt"


@form("POPC", "BREV", "IABS")
def _unary(d: Decoder) -> str:
    d.to()
    d.plain(0)
    return d.at.opcode.removeprefix("U").lower()


@form("FLO")
def _flo(d: Decoder) -> str:
    d.code.mode = (not d.mods.take("U32")) | d.mods.take("SH") << 1
    d.to()
    d.predicates_to(1)
    d.plain(0)
    if d.code.p_to[0] != NOWHERE:
        raise ValueError("predicate")
    return "flo"


@form("BMSK")
def _bmsk(d: Decoder) -> str:
    d.code.mode = d.mods.take("W")
    d.mods.ignore("C")
    d.to()
    d.plain(0)
    d.plain(1)
    return "bmsk"


@form("SGXT")
def _sgxt(d: Decoder) -> str:
    d.code.mode = d.mods.take("U32") | d.mods.take("W") << 1
    d.to()
    d.plain(0)
    d.plain(1)
    return "sgxt"


@form("IDP")
def _idp(d: Decoder) -> str:
    pairs = d.mods.one_of({"4A": 0, "2A": 4}, 0)
    high = d.mods.take("HI")
    d.mods.ignore("LO")
    signs = {"S8": 1, "U8": 0, "S16": 1, "U16": 0}
    d.code.mode = pairs | d.mods.one_of(signs, 0) | d.mods.one_of(signs, 0) << 1 | high << 3
    d.to()
    for k in range(3):
        d.plain(k)
    return "idp"


@form("P2R", "UP2UR")
def _p2r(d: Decoder) -> str:
    shift = d.mods.one_of({"B0": 0, "B1": 8, "B2": 16, "B3": 24}, 0)
    d.to()
    d.code.mode = shift | (256 if d.next() == "UPR" else 0)
    d.plain(0)
    d.code.more = d.number()
    return "p2r"


@form("R2P", "UR2UP")
def _r2p(d: Decoder) -> str:
    d.code.mode = 256 if d.next() == "UPR" else 0
    suffix = d.source(0)
    d.code.mode |= {"": 0, ".B0": 0, ".B1": 8, ".B2": 16, ".B3": 24}[suffix]
    d.code.more = d.number()
    return "r2p"


@form("I2I", "I2IP")
def _i2i(d: Decoder) -> str:
    kind = d.mods.one_of({"S8": 64 | 8, "U8": 8, "S16": 64 | 16, "U16": 16}, 0)
    if d.at.opcode != "I2I" or not kind:
        raise ValueError("I2I")
    d.mods.ignore("S32")
    d.code.mode = kind | d.mods.take("SAT") << 7
    d.to()
    d.plain(0)
    return "narrow"


# ---- between lanes ----


@form("VOTE", "VOTEU")
def _vote(d: Decoder) -> str:
    d.code.uniform = 0  # VOTEU too asks the active lanes
    d.code.mode = d.mods.one_of({"ANY": 0, "ALL": 1, "EQ": 2}, 0)
    if re.match(r"U?R", d.args[0]):
        d.to()
    d.predicates_to(1)
    d.predicate()
    return "vote"


@form("SHFL")
def _shfl(d: Decoder) -> str:
    d.code.mode = d.mods.one_of({"IDX": 0, "UP": 1, "DOWN": 2, "BFLY": 3}, 0)
    d.predicates_to(1)
    d.to()
    for k in range(3):
        d.plain(k)
    return "shfl"


@form("MATCH")
def _match(d: Decoder) -> str:
    d.code.mode = d.mods.take("U64") | d.mods.one_of({"ANY": 0, "ALL": 2}, 0)
    d.predicates_to(1)
    d.to()
    d.plain(0)
    return "match"


@form("REDUX")
def _redux(d: Decoder) -> str:
    kind = d.mods.one_of({"AND": 0, "OR": 1, "XOR": 2, "SUM": 3, "MIN": 4, "MAX": 5}, 0)
    d.code.mode = kind | d.mods.take("S32") << 3
    d.to()
    d.plain(0)
    return "redux"


@form("R2UR")
def _r2ur(d: Decoder) -> str:
    d.code.mode = d.mods.take("OR")
    d.predicates_to(1)
    d.to()
    d.plain(0)
    return "r2ur"


@form("VABSDIFF", "VABSDIFF4")
def _vabsdiff(d: Decoder) -> str:
    signed = not (d.mods.take("U32") or d.mods.take("U8"))
    d.mods.ignore("S32", "S8", "ACC")
    d.code.mode = signed | d.at.opcode.endswith("4") << 1
    d.to()
    for k in range(3):
        d.plain(k)
    return "vabsdiff"


@form("ELECT")
def _elect(d: Decoder) -> str:
    d.predicates_to(1)
    d.to()
    d.predicate()
    return "elect"


@form("MOVM")
def _movm(d: Decoder) -> str:
    if not (d.mods.take("16") and d.mods.take("MT88")):
        raise ValueError("MOVM")
    d.to()
    d.plain(0)
    return "transpose"
