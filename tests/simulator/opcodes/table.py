"""All rows of `opcodes.csv`, and the case of each."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import NamedTuple

from opcodes.case import Case, case_of
from opcodes.families import arithmetic, barriers, bits, compare, control, convert, lanes, matrix, memory

FAMILY_MODULES = (arithmetic, barriers, bits, compare, control, convert, lanes, matrix, memory)
"""Importing them fills case.FAMILIES."""


class Row(NamedTuple):
    """An instruction that compiled kernels use: in how many sources, and how often in all."""

    name: str
    sources: int
    count: int

    @property
    def opcode(self) -> str:
        return self.name.split(".")[0]


def rows() -> list[Row]:
    with (Path(__file__).parent / "opcodes.csv").open() as file:
        return [Row(line["opcode"], int(line["sources"]), int(line["count"])) for line in csv.DictReader(file)]


def cases() -> dict[str, Case]:
    """The case of each row that has one."""
    found = {row.name: case_of(row.name) for row in rows()}
    return {name: case for name, case in found.items() if case is not None}


def uncovered() -> dict[str, str]:
    """Rows written down as without a case, and why."""
    with (Path(__file__).parent / "uncovered.csv").open() as file:
        return {line["opcode"]: line["why"] for line in csv.DictReader(file)}
