"""Forms of branches, barriers and special registers, and of what only orders memory."""

from __future__ import annotations

import re

from cudagym.simulator.clock.decoder import COMPLEMENT, PT, Decoder, Form, entering
from cudagym.simulator.clock.sass import INSTRUCTION_BYTES

FORMS: dict[str, Form] = {}
form = entering(FORMS)
_SPECIALS = {
    "LANEID": 0, "TID.X": 1, "TID.Y": 2, "TID.Z": 3, "CTAID.X": 4, "CTAID.Y": 5, "CTAID.Z": 6, "EQMASK": 7,
    "LTMASK": 8, "LEMASK": 9, "GTMASK": 10, "GEMASK": 11, "LANEMASK_EQ": 7, "LANEMASK_LT": 8, "LANEMASK_LE": 9,
    "LANEMASK_GT": 10, "LANEMASK_GE": 11, "CLOCKLO": 12, "CLOCK": 12, "GLOBALTIMERLO": 12, "SWINHI": 13, "LWINHI": 14,
    "VIRTID": 15, "VIRTUALSMID": 15, "SMID": 15, "SMCOUNT": 16, "NTID": 17, "SMEMSZ": 19, "CgaSize": 20,
    **dict.fromkeys(("Z", "CLOCKHI", "GLOBALTIMERHI", "CgaCtaId", "CgaCtaid", "CTAID_IN_CGA"), 18),
}  # fmt: skip
"""In the order of enum Register in follow.c; 18 is zero."""


@form("S2R", "S2UR", "CS2R", "CS2UR")
def _s2r(d: Decoder) -> str:
    d.code.uniform = d.at.opcode in ("S2UR", "CS2UR")
    wide = d.at.opcode in ("CS2R", "CS2UR") and not d.mods.take("32")
    d.to()
    name = d.next()
    d.code.more = wide
    d.code.mode = _SPECIALS[name.removeprefix("SR_").removeprefix("SR")]
    return "special"


@form("BRA")
def _bra(d: Decoder) -> str:
    if d.mods.take("DIV"):
        if len(d.args) > 1:
            d.plain(0)
        else:
            d.code.how[0] = COMPLEMENT  # capability 7.x asks whether all lanes run
        d.label()
        return "bra_div"
    if d.mods.take("CONV"):
        if len(d.args) > 1:
            d.plain(0)
        else:
            d.code.how[0] = COMPLEMENT
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


def _relative(d: Decoder) -> None:
    """`R2 -0x130`: an address in a register, from the next instruction on."""
    found = re.fullmatch(r"(U?R\d+)(?: (-?0x\w+|`\(.*\)))?", d.next())
    if not found:
        raise ValueError("address")
    d.code.source[0] = d.place(found[1], False)
    d.code.target = -1
    if found[2] and "`" not in found[2] and int(found[2], 16):
        d.code.offset = int(found[2], 16) + (d.at.index + 1) * INSTRUCTION_BYTES


@form("BRX", "BRXU", "RET", "CALL")
def _jump(d: Decoder) -> str:
    absolute = d.mods.take("ABS")
    d.mods.ignore("REL", "NOINC", "NODEC")
    if d.args[0].startswith("`"):
        d.label()
    elif absolute and "`" in d.args[0]:
        raise ValueError("symbol")
    else:
        _relative(d)
    return {"BRX": "brx", "BRXU": "brx", "RET": "ret", "CALL": "call"}[d.at.opcode]


def _barrier(text: str) -> int:
    found = re.fullmatch(r"B(\d|1[0-5])", text)
    if not found:
        raise ValueError(text)
    return int(found[1])


@form("BSSY", "BSYNC", "BREAK")
def _converge(d: Decoder) -> str:
    d.mods.ignore("RECONVERGENT", "RELIABLE")
    d.predicate()
    d.code.mode = _barrier(d.next())
    if d.at.opcode == "BSSY":
        d.label()
    return d.at.opcode.lower()


@form("BMOV")
def _bmov(d: Decoder) -> str:
    d.mods.ignore("32", "CLEAR")
    if d.args[0][0] == "B":
        d.code.mode = _barrier(d.next())
        d.plain(0)
        return "bmov_put"
    d.to()
    d.code.mode = _barrier(d.next())
    return "bmov_get"


@form("WARPSYNC")
def _warpsync(d: Decoder) -> str:
    everyone = d.mods.take("ALL")
    d.mods.ignore("COLLECTIVE", "EXCLUSIVE")
    if everyone:
        d.code.source[0] = d.constants((None, 0xFFFFFFFF))
    else:
        d.plain(0)
    if d.args:
        d.label()
    return "warpsync"


@form("EXIT", "KILL", "YIELD")
def _plain(d: Decoder) -> str:
    d.mods.ignore("KEEPREFCOUNT", "PREEMPTED")
    return {"EXIT": "exit", "KILL": "exit", "YIELD": "yield"}[d.at.opcode]


@form("BPT")
def _trap(d: Decoder) -> str:
    d.mods.left, d.args = [], []
    return "trap"


@form("BAR")
def _bar(d: Decoder) -> str:
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


@form("B2R")
def _b2r(d: Decoder) -> str:
    if not d.mods.take("RESULT"):
        raise ValueError("form")
    d.to()
    d.predicates_to(1)
    return "b2r"


@form("LEPC")
def _lepc(d: Decoder) -> str:
    d.to()
    if d.args:
        d.label()
    return "lepc"


@form(
    *("NOP", "MEMBAR", "ERRBAR", "CGAERRBAR", "CCTL", "CCTLL", "DEPBAR", "LDGDEPBAR", "NANOSLEEP", "ENDCOLLECTIVE"),
    *("FENCE", "PREEXIT", "ACQBULK", "WARPGROUP", "PMTRIG"),
)
def _nothing(d: Decoder) -> str:
    """What only orders memory, waits or hints: the follower's memory is in order at all times."""
    d.mods.left, d.args = [], []
    return "nop"
