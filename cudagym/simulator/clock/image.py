"""Image: what a cubin says beside its code: constant banks, where parameters lie, shared and stack memory.

A cubin is an ELF file. `.nv.info.<kernel>` holds attributes (CUDA Binary Utilities 13.0, "cuobjdump -elf").
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from cudagym.errors import GraderError

_SYMBOLS, _RELOCATIONS_WITH_ADDEND, _NO_BITS, _RELOCATIONS = 2, 4, 8, 9
_PARAMETERS, _FRAME, _STACK = 0x0A, 0x11, 0x12
"""Attributes: the kernel's place in constant bank 0, bytes of its own stack frame, and of all that it calls."""
_ADDRESS_64 = 2
"""The relocation of a 64-bit address, R_CUDA_64."""


class Symbol(NamedTuple):
    name: str
    section: str
    value: int
    size: int


class Relocation(NamedTuple):
    """The 64-bit address of `symbol` goes to byte `offset` of a bank, on top of what is there."""

    bank: int
    offset: int
    symbol: str


class Image(NamedTuple):
    """The facts of one cubin."""

    banks: Mapping[str, Mapping[int, bytes]]
    """Constant banks of each kernel, those of the whole module under the empty name."""
    relocations: tuple[Relocation, ...]
    constants: tuple[Symbol, ...]
    """`__constant__` variables: their places in bank 3."""
    functions: Mapping[str, int]
    """Places of called functions in their kernel's code, in bytes."""
    parameters: Mapping[str, int]
    """Of each kernel: the offset of its parameters in bank 0."""
    shared_bytes: Mapping[str, int]
    stack_bytes: Mapping[str, int]
    """Of each kernel, per thread."""


class _Section(NamedTuple):
    name: str
    kind: int
    data: bytes
    size: int
    link: int
    info: int


@functools.lru_cache(maxsize=64)
def read_image(cubin: bytes) -> Image:
    """Raises GraderError for what is no cubin."""
    try:
        return _image(_sections(cubin))
    except (struct.error, IndexError, ValueError) as error:
        raise GraderError(f"the cubin is damaged: {error}") from error


def _sections(cubin: bytes) -> list[_Section]:
    if cubin[:4] != b"\x7fELF":
        raise ValueError("no ELF file")
    (start,) = struct.unpack_from("<Q", cubin, 0x28)
    count, names = struct.unpack_from("<HH", cubin, 0x3C)
    heads = [struct.unpack_from("<IIQQQQIIQQ", cubin, start + 64 * k) for k in range(count)]
    table = heads[names][4]
    return [
        _Section(
            _text(cubin, table + h[0]), h[1], b"" if h[1] == _NO_BITS else cubin[h[4] : h[4] + h[5]], h[5], *h[6:8]
        )
        for h in heads
    ]


def _text(data: bytes, at: int) -> str:
    return data[at : data.index(b"\0", at)].decode(errors="replace")


def _image(sections: list[_Section]) -> Image:
    symbols = list(_symbols(sections))
    banks: dict[str, dict[int, bytes]] = {}
    parameters: dict[str, int] = {}
    shared: dict[str, int] = {}
    stack: dict[str, int] = {}
    relocations: list[Relocation] = []
    for section in sections:
        head, _, kernel = section.name.removeprefix(".").partition(".")[2].partition(".")
        if section.name.startswith(".nv.constant"):
            banks.setdefault(kernel, {})[int(head.removeprefix("constant"))] = section.data
        elif section.name.startswith(".nv.shared.") and not kernel.startswith("reserved"):
            shared[kernel] = section.size
        elif section.name.startswith(".nv.info."):
            for attribute, payload in _attributes(section.data):
                if attribute == _PARAMETERS:
                    parameters[kernel] = struct.unpack_from("<H", payload, 4)[0]
        elif section.name == ".nv.info":
            for attribute, payload in _attributes(section.data):
                if attribute in (_FRAME, _STACK):
                    which, size = struct.unpack("<II", payload)
                    stack[symbols[which].name] = max(stack.get(symbols[which].name, 0), size)
        elif section.kind in (_RELOCATIONS, _RELOCATIONS_WITH_ADDEND):
            target = sections[section.info & 0xFFFF].name
            if target.startswith(".nv.constant") and target[12:].isdigit():
                relocations += _relocations(section, int(target[12:]), symbols)
    return Image(
        banks=banks,
        relocations=tuple(relocations),
        constants=tuple(s for s in symbols if s.section == ".nv.constant3" and s.size),
        functions={s.name: s.value for s in symbols if s.section.startswith(".text.")},
        parameters=parameters,
        shared_bytes=shared,
        stack_bytes=stack,
    )


def _symbols(sections: list[_Section]) -> Iterator[Symbol]:
    for section in sections:
        if section.kind == _SYMBOLS:
            names = sections[section.link].data
            for name, _, _, index, value, size in struct.iter_unpack("<IBBHQQ", section.data):
                where = sections[index].name if index < len(sections) else ""
                yield Symbol(_text(names, name), where, value, size)


def _relocations(section: _Section, bank: int, symbols: list[Symbol]) -> Iterator[Relocation]:
    step = 24 if section.kind == _RELOCATIONS_WITH_ADDEND else 16
    for at in range(0, len(section.data), step):
        offset, info = struct.unpack_from("<QQ", section.data, at)
        if info & 0xFFFFFFFF == _ADDRESS_64:
            yield Relocation(bank, offset, symbols[info >> 32].name)


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(data):
        form, attribute, size = struct.unpack_from("<BBH", data, at)
        at += 4
        payload = data[at : at + size] if form == 4 else b""
        at += len(payload)
        yield attribute, payload
