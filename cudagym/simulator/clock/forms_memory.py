"""Forms of instructions that touch memory."""

from __future__ import annotations

import re

from cudagym.simulator.clock.decoder import (
    BASE_WIDE,
    GENERIC,
    GLOBAL,
    INVERTED,
    KIND_SHIFT,
    LOCAL,
    NO_SPACE,
    SHARED,
    SIGNED,
    Decoder,
    Form,
    entering,
)

FORMS: dict[str, Form] = {}
form = entering(FORMS)
_BYTES = {"U8": 1, "S8": 1, "U16": 2, "S16": 2, "64": 8, "128": 16, "256": 32}
_CACHING = (
    *("E", "STRONG", "WEAK", "SYS", "GPU", "SM", "CTA", "CONSTANT", "EF", "EL", "LU", "EU", "NA", "PRIVATE", "MMIO"),
    *("LTC64B", "LTC128B", "LTC256B", "BYPASS", "ACCESS", "INVALIDATE", "VM", "ADDR"),
)


def _memory(d: Decoder) -> None:
    d.code.mode |= SIGNED if {"S8", "S16"} & set(d.mods.left) else 0
    d.code.bytes = d.mods.one_of(_BYTES, 4)
    d.code.mode |= GENERIC if d.at.opcode in ("LD", "ST") else 0
    d.mods.ignore("U", "ENL2", *_CACHING)


@form("LDG", "LD", "LDS", "LDL")
def _load(d: Decoder) -> str:
    _memory(d)
    d.to()
    if d.code.bytes == 32:
        d.code.to[1] = d.code.to[0]
        d.to()
        d.code.to[:] = d.code.to[1], d.code.to[0]
    d.address()
    return "load"


@form("STG", "ST", "STS", "STL")
def _store(d: Decoder) -> str:
    _memory(d)
    d.address()
    d.plain(2)
    if d.code.bytes == 32:
        d.plain(3)
    return "store"


@form("LDC", "ULDC", "LDCU")
def _load_constant(d: Decoder) -> str:
    d.code.uniform = d.at.opcode != "LDC"
    _memory(d)
    d.to()
    bank = re.match(r"c\[0x(\w+)\]\[", d.args[0])
    if not bank:
        raise ValueError("bank")
    d.code.more = int(bank[1], 16)
    d.address()
    return "load_constant"


@form("LDSM", "STSM")
def _rows(d: Decoder) -> str:
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
    d.code.mode |= (transposed | stores << 1) << KIND_SHIFT
    return "rows"


@form("LDGSTS")
def _ldgsts(d: Decoder) -> str:
    _memory(d)
    d.mods.ignore("ZFILL")
    target = d.next()
    d.address()
    d.code.space = SHARED
    base, uniform, scale, offset, _ = d.parts_of_address(target)
    d.code.space = GLOBAL
    d.code.source[2], d.code.source[3] = base, uniform
    d.code.more = offset & 0xFFFFFFFF
    d.code.mode |= scale << KIND_SHIFT
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


@form("ATOM", "ATOMG", "ATOMS", "RED", "REDG")
def _atomic(d: Decoder) -> str:
    d.code.mode |= GENERIC if d.at.opcode == "ATOM" else 0
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


@form("SYNCS")
def _syncs(d: Decoder) -> str:
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


@form("ARRIVES")
def _arrives(d: Decoder) -> str:
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


@form("QSPC")
def _qspc(d: Decoder) -> str:
    d.mods.ignore("E")
    d.code.more = d.mods.one_of({"S": SHARED, "L": LOCAL, "G": GLOBAL}, -1)
    d.predicates_to(1)
    d.to()
    d.address()
    d.code.mode |= GENERIC | BASE_WIDE
    return "query_space"
