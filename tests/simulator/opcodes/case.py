"""A case: one instruction in a small kernel, the inputs it is tried on, and what must come out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from machine_code import Code
from numpy.typing import NDArray

from cudagym.simulator.machine import Machine

BLOCK = 64
"""Threads per block, one element of the inputs each."""

Wanted = int | Callable[[int], bool] | None
"""A number that must come out bit for bit, or whether a number will do. None: anything."""
Oracle = Callable[..., Sequence[Wanted]]


class Port(NamedTuple):
    """An input or output of the kernel: `width` bits per thread, which read as pieces of `piece` bits.

    Inputs come in registers %a, %b, ..., outputs are taken from %o0, %o1, ... Those `in_memory` stay there: %pa, ...
    and %po0, ... point to a thread's element. Outputs in memory start as `FRESH` bytes.
    """

    width: int
    piece: int = 0
    in_memory: bool = False

    @property
    def pieces(self) -> int:
        return self.width // (self.piece or self.width)


FRESH = 0xA5


class Case(NamedTuple):
    """`oracle` takes an element of each input and says what each piece of each output must be, lowest first.

    With `warp` it takes lists of the 32 elements of a warp, and gives a list of 32 such answers.
    """

    name: str
    body: str
    inputs: tuple[Port, ...]
    values: tuple[Sequence[int], ...]
    outputs: tuple[Port, ...]
    oracle: Oracle
    warp: bool = False
    module: str = ""
    """Declarations in front of the kernel."""
    fault: str = ""
    """The kind of fault that it must end with, instead of results."""
    given: bytes = b""
    """The content of one more parameter, `given`."""
    target: str = "sm_90a"

    @property
    def ptx(self) -> str:
        """The module."""
        ports = [f"i{k}" for k in range(len(self.inputs))] + [f"o{k}" for k in range(len(self.outputs))]
        parameters = ", ".join(f".param .u64 {name}" for name in ports)
        if self.given:
            parameters += f", .param .align 16 .b8 given[{len(self.given)}]"
        lines = [
            f".version 9.0\n.target {self.target}\n.address_size 64\n{self.module}",
            f".visible .entry k({parameters})\n{{",
            ".reg .pred %p<8>; .reg .b16 %h<8>; .reg .b32 %t<16>; .reg .b64 %w<16>; .reg .b32 %index;",
            "mov.u32 %t0, %ctaid.x; mov.u32 %t1, %ntid.x; mov.u32 %t2, %tid.x; mad.lo.u32 %index, %t0, %t1, %t2;",
        ]
        for k, port in enumerate(self.inputs):
            lines += self._pointer(f"i{k}", f"%p{_LETTERS[k]}", port)
            if not port.in_memory:
                name = f"%{_LETTERS[k]}"
                kind = "u8" if port.width == 8 else f"b{port.width}"
                lines.append(f".reg .b{max(port.width, 16)} {name}; ld.global.{kind} {name}, [%p{_LETTERS[k]}];")
        for k, port in enumerate(self.outputs):
            lines += self._pointer(f"o{k}", f"%po{k}", port)
            if not port.in_memory:
                lines.append(f".reg .b{max(port.width, 16)} %o{k};")
        lines.append(self.body)
        for k, port in enumerate(self.outputs):
            if not port.in_memory:
                lines.append(f"st.global.b{port.width} [%po{k}], %o{k};")
        return "\n".join([*lines, "ret;\n}\n"])

    @staticmethod
    def _pointer(parameter: str, name: str, port: Port) -> list[str]:
        return [
            f".reg .b64 {name}; ld.param.u64 {name}, [{parameter}];",
            f"mul.wide.u32 %w0, %index, {port.width // 8}; add.s64 {name}, {name}, %w0;",
        ]

    def data(self) -> tuple[NDArray[Any], ...]:
        """The inputs as bytes, padded to whole blocks by repetition."""
        count = len(self.values[0])
        padded = -(-count // BLOCK) * BLOCK
        arrays = []
        for port, values in zip(self.inputs, self.values, strict=True):
            size = port.width // 8
            raw = b"".join(int(values[k % count]).to_bytes(size, "little") for k in range(padded))
            arrays.append(np.frombuffer(raw, np.uint8))
        return tuple(arrays)

    def run(self, machine: Machine, *, checked: bool = True) -> list[str]:
        """Runs the kernel, with or without checks; every thread whose result is not what must come, in words."""
        inputs = self.data()
        count = inputs[0].size * 8 // self.inputs[0].width
        outputs = [np.full(count * port.width // 8, FRESH, np.uint8) for port in self.outputs]
        arguments = [*inputs, *outputs, *([self.given] if self.given else [])]
        run = Code(self.ptx, machine).try_run("k", count // BLOCK, BLOCK, *arguments, checked=checked)
        if run.faults or self.fault:
            kinds = [fault.kind for fault in run.faults]
            return [] if kinds == [self.fault] else [f"{self.name} ends with {kinds}: {run.faults[0].message}"]
        elements = [_integers(array, port.width) for array, port in zip(inputs, self.inputs, strict=True)]
        got: list[list[int]] = [[] for _ in range(count)]
        for array, port in zip(outputs, self.outputs, strict=True):
            pieces = _integers(array, port.piece or port.width)
            for k, row in enumerate(got):
                row += pieces[k * port.pieces : (k + 1) * port.pieces]
        rows = list(zip(*elements, strict=True))
        wanted: list[Sequence[Wanted]] = []
        if self.warp:
            for start in range(0, count, 32):
                wanted += self.oracle(*(list(column) for column in zip(*rows[start : start + 32], strict=True)))  # type: ignore[arg-type]
        else:
            wanted = [self.oracle(*row) for row in rows]
        wrong = []
        for k, (row, have, want) in enumerate(zip(rows, got, wanted, strict=True)):
            if not all(_fits(x, y) for x, y in zip(have, want, strict=True)):
                given = ", ".join(f"{x:#x}" for x in row)
                shown = [f"{x:#x}" if isinstance(x, int) else "other" for x in want]
                wrong.append(f"{self.name}({given}) gives {[f'{x:#x}' for x in have]}, not {shown} (thread {k})")
        return wrong


_LETTERS = "abcdefghijkl"


def _integers(array: NDArray[Any], width: int) -> list[int]:
    if width <= 64:
        return array.view(f"<u{width // 8}").tolist()  # type: ignore[no-any-return]
    data, size = array.tobytes(), width // 8
    return [int.from_bytes(data[at : at + size], "little") for at in range(0, len(data), size)]


def _fits(got: int, wanted: Wanted) -> bool:
    if wanted is None:
        return True
    return got == wanted if isinstance(wanted, int) else wanted(got)


Family = Callable[[str, list[str]], Case | None]
FAMILIES: dict[str, Family] = {}
"""Who makes the case of an instruction, by its opcode."""


def family(*opcodes: str) -> Callable[[Family], Family]:
    """Registers a maker of cases. It gets the whole name and its parts behind the opcode; None: not of its kind."""

    def register(maker: Family) -> Family:
        for opcode in opcodes:
            FAMILIES[opcode] = maker
        return maker

    return register


def case_of(name: str) -> Case | None:
    """The case of an instruction, by its name as in `opcodes.csv`."""
    opcode, *parts = name.split(".")
    maker = FAMILIES.get(opcode)
    return maker(name, parts) if maker else None
