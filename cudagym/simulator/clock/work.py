"""What followed blocks did, in the terms in which the simulated GPU counts what blocks do that run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cudagym.device import Counters
from cudagym.simulator.clock.decode import space_of
from cudagym.simulator.clock.follow import Traces
from cudagym.simulator.clock.pipes import matrix_shape, pipe_of, tensor_type
from cudagym.simulator.clock.sass import Instruction
from cudagym.simulator.clock.trace import SPACES

_CLASSES = {"fp32": "fp32", "fp64": "fp64", "half": "fp16"}
"""By pipe."""
_COUNTED_AS = {"fp16_half": "fp16", "fp8": "int8"}
"""Types of matrix instructions that have no counter of their own."""
_SECTORS = np.array([mask.bit_count() for mask in range(16)])
_MASK = np.uint64(15)
"""Of an entry of Trace.lines: its sectors."""
Words = NDArray[np.uint64]


def work_of(instructions: Sequence[Instruction], traces: Traces, numbers: Sequence[int]) -> Counters:
    """What the traces with these numbers hold, as far as machine code and PTX count alike; other figures are 0."""
    classes = [_class_of(instruction) for instruction in instructions]
    weights = np.array([_weight(instruction) for instruction in instructions])
    kind_of = np.array([_accesses(instruction) for instruction in instructions])
    found: Counter[str] = Counter()
    issues = np.zeros(len(instructions), np.int64)
    for number in numbers:
        touched: dict[str, list[Words]] = {"load": [], "store": []}
        for warp in traces.warps(number):
            issued = _ranges(warp.runs["start"], warp.runs["length"])
            issues += np.bincount(issued, minlength=len(instructions))
            kinds = kind_of[issued]
            kinds = kinds[kinds != ""]
            accesses = warp.accesses
            for kind, places in touched.items():
                of = accesses[kinds == kind]
                places.append(warp.lines[_ranges(of["first"], of["lines"])])
            found["shared_wavefronts"] += int(accesses["wavefronts"][kinds == "shared"].sum())
            found["atomics"] += int((accesses["lanes"][kinds == "atomic"] > 0).sum())
        for kind, places in touched.items():
            lines = np.concatenate(places)
            found[f"global_{kind}_sectors"] += int(_SECTORS[(lines & _MASK).astype(np.intp)].sum())
            found[f"unique_{kind}_sectors"] += _distinct(lines)
    for name, count in zip(classes, (issues * weights).tolist(), strict=True):
        if name:
            found[name] += count
    return Counters(blocks=len(numbers), instructions=int(issues.sum()), **found)


def _class_of(instruction: Instruction) -> str | None:
    pipe = pipe_of(instruction)
    if pipe == "tensor":
        kind = tensor_type(instruction)
        return f"tensor_{_COUNTED_AS.get(kind, kind)}"
    return "special" if instruction.opcode == "MUFU" else _CLASSES.get(pipe)


def _weight(instruction: Instruction) -> int:
    """Of a matrix instruction its multiplications and additions."""
    m, n, k = matrix_shape(instruction)
    return 2 * m * n * k if pipe_of(instruction) == "tensor" else 1


def _accesses(instruction: Instruction) -> str:
    """What kind of access of a trace is this instruction's; empty when it has none."""
    space, opcode = SPACES[space_of(instruction)], instruction.opcode
    if space == "global":
        return "atomic" if opcode.startswith(("ATOM", "RED")) else "store" if opcode.startswith("ST") else "load"
    if space == "shared" and opcode == "ATOMS":
        return "atomic"
    return space or ""


def _ranges(start: NDArray[Any], length: NDArray[Any]) -> NDArray[np.int64]:
    """The numbers of these ranges, one after the other."""
    length = length.astype(np.int64)
    ends = np.cumsum(length)
    return np.asarray(np.arange(ends[-1] if ends.size else 0) + np.repeat(start - (ends - length), length), np.int64)


def _distinct(lines: Words) -> int:
    """Distinct 32-byte sectors among these entries of Trace.lines."""
    found = 0
    for bit in range(4):
        ordered = np.sort(lines[lines >> np.uint64(bit) & np.uint64(1) == 1] | _MASK)
        found += min(ordered.size, 1) + int(np.count_nonzero(np.diff(ordered)))
    return found
