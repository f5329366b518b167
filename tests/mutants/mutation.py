"""Mutants: correct kernels with one fault each, put there by operators on their text.

The operators are what people and models get wrong: barriers, ends of loops, indices, axes, precision, initial values.
Which mutants a spec gets depends on nothing but its name and the scripted teacher's kernels, so that no mutant is
chosen for how it fares.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from random import Random
from typing import NamedTuple

from cudagym.agents.scripted import ScriptedTeacher
from cudagym.source import without_comments
from cudagym.specs.spec import KernelSpec

HOST = 'extern "C"'
"""What follows is host code. Of it only the number of blocks is mutated: most else there changes the time alone."""
_HALF = "#include <cuda_fp16.h>\n"
Sites = Iterator[tuple[int, int, str]]
"""Where to put what: start, end, text."""


class Mutant(NamedTuple):
    """A correct kernel and one fault in it."""

    spec: str
    algorithm: str
    operator: str
    source: str
    original: str

    @property
    def key(self) -> str:
        """Names the mutant in lists, whatever its place in them: 12 hex digits."""
        return hashlib.sha256(f"{self.spec}\n{self.source}".encode()).hexdigest()[:12]

    @property
    def change(self) -> str:
        """What was mutated, on one line: `i < n` becomes `i <= n`."""
        before, after = self.original.splitlines(), self.source.removeprefix(_HALF).splitlines()
        if len(before) == len(after):
            place = next((n for n, (one, two) in enumerate(zip(before, after, strict=True)) if one != two), 0)
            return f"`{before[place].strip()}` becomes `{after[place].strip()}`"
        place = next((n for n, (one, two) in enumerate(zip(before, after, strict=False)) if one != two), len(after))
        return f"without `{before[place].strip()}` in line {place + 1}"


def _each(pattern: str, becomes: str | Callable[[re.Match[str]], str]) -> Callable[[str, KernelSpec], Sites]:
    """An operator that mutates every match of `pattern` to `becomes`, a template or a function of the match."""
    compiled = re.compile(pattern)

    def sites(device: str, spec: KernelSpec) -> Sites:
        for match in compiled.finditer(device):
            yield match.start(), match.end(), match.expand(becomes) if isinstance(becomes, str) else becomes(match)

    return sites


def _condition(device: str, spec: KernelSpec) -> Sites:
    """`if (i < n)` always or, where it guards a `return`, never; of `c ? a : b` always a."""
    for match in re.finditer(r"\bif (\()", device):
        depth, end = 0, match.start(1)
        while end < len(device) and (depth := depth + (device[end] == "(") - (device[end] == ")")):
            end += 1
        leaves = re.match(r"\)\s*(return|continue)", device[end:])
        yield match.start(1) + 1, end, "false" if leaves else "true"
    for match in re.finditer(r"(?:= |return |\()([^=;?\n]*) \? ", device):
        yield match.start(1), match.end(1), "true"


def _axis(device: str, spec: KernelSpec) -> Sites:
    """One axis for another: `row * cols` becomes `row * rows`."""
    axes = [p.name for p in spec.scalars if any(p.name in array.axes for array in spec.arrays)]
    for number, axis in enumerate(axes):
        other = axes[(number + 1) % len(axes)]
        if other != axis:
            yield from _each(rf"(?<=[-+*/%<] ){axis}\b(?! =)", other)(device, spec)


def _precision(device: str, spec: KernelSpec) -> Sites:
    """Sums in float are rounded to half precision at each step."""
    floats = set(re.findall(r"\bfloat (\w+)", device))
    for match in re.finditer(r"(\b(\w+)(?:\[[^\]\n]*\])*) (\+?)= ([^;\n]*);", device):
        target, name, adds, value = match.groups()
        if name in floats and (adds or re.search(rf"(?<![\w.]){re.escape(target)} [-+]", value)):
            total = f"{target} + {value}" if adds else value
            yield match.start(), match.end(), f"{target} = __half2float(__float2half({total}));"


_NUMBER = r"(?<![\w.])(?!0\.0f)\d+\.\d+(?:e-?\d+)?f"
OPERATORS: dict[str, Callable[[str, KernelSpec], Sites]] = {
    "a barrier is missing": _each(r"__sync(?:threads|warp)\([^;]*\);", ";"),
    "one too far: < is <=": _each(r" < ", " <= "),
    "one too far: >= is >": _each(r" >= ", " > "),
    "the last is missing": _each(r" (<=?) (\w+)(?=[;) ])", r" \1 \2 - 1"),
    "a swapped index": _each(r"\b(\w+) \* (\w+) \+ (\w+)\b(?![\[(.])", r"\3 * \2 + \1"),
    "block for thread": _each(r"\bthreadIdx\.x", "blockIdx.x"),
    "thread for block": _each(r"\bblockIdx\.x", "threadIdx.x"),
    "the wrong axis": _axis,
    "a wrong factor": _each(_NUMBER, lambda match: f"{1.0625 * float(match[0][:-1]):.9g}f"),
    "a wrong number": _each(r"(?<=[-+*/%] )\d+\b(?!\.)", lambda match: str(int(match[0]) + 1)),
    "half precision": _precision,
    "a condition is missing": _condition,
    "half of a condition": _each(r" && [^;&|?\n]*?(?=\) \{|\) \w|\)$| \? )", ""),
    "or for and": _each(r" && ", " || "),
    "not initialised": _each(r"((?:float|int|long long) \w+|\w+(?:\[\w+\])+) = (?:0|0\.0f|\{\});", r"\1;"),
    "initially one": _each(r"(?<= = )(?:0|0\.0f)(?=;)|(?<= : )(?:0|0\.0f)(?=;)", "1"),
    "initially zero": _each(r"-?INFINITY|-3\.0e38f", "0.0f"),
    "minus for plus": _each(r" (\+=?) ", lambda match: f" {match[1].replace('+', '-')} "),
    "plus for minus": _each(r" - ", " + "),
    "plus for times": _each(r" \* ", " + "),
    "minimum for maximum": _each(r"\b(f?)max(f?)\(", r"\1min\2("),
    "maximum for minimum": _each(r"\b(f?)min(f?)\(", r"\1max\2("),
    "half of a shuffle": _each(r"\b(offset|step) (= 16|> 0|< 32|= 1)(?=;)", lambda match: _SHORTER[match[2]](match[1])),
    "a store is missing": _each(r"(?<=\n)( +)[*]?\w+(?:\.\w+)*\[[^;\n]*\] \+?= [^;\n]*;", r"\1;"),
}
"""Fixed before any mutant was graded: by name, every place that each of them can mutate."""
_SHORTER = {
    "= 16": lambda name: f"{name} = 8",
    "> 0": lambda name: f"{name} > 1",
    "< 32": lambda name: f"{name} < 16",
    "= 1": lambda name: f"{name} = 2",
}
_FEWER = re.compile(r"(?<=/ )(\d+) \+ 1\b")


def mutants(spec: KernelSpec) -> Iterator[Mutant]:
    """Every mutant of the teacher's kernels for `spec`, each text once: operators take turns, places are shuffled."""
    random = Random(spec.name)
    queues = []
    kernels = [(shown.algorithm, without_comments(shown.source)) for shown in ScriptedTeacher().ladder(spec)]
    for operator, find in [*OPERATORS.items(), ("a block is missing", _blocks)]:
        found = [
            Mutant(spec.name, algorithm, operator, _put(source, *site), source)
            for algorithm, source in kernels
            for site in find(source if find is _blocks else source.partition(HOST)[0], spec)
        ]
        random.shuffle(found)
        queues.append(found)
    seen = {source for _, source in kernels}
    while queues := [queue for queue in queues if queue]:
        random.shuffle(queues)
        for queue in queues:
            mutant = queue.pop()
            if mutant.source not in seen:
                seen.add(mutant.source)
                yield mutant


def _blocks(source: str, spec: KernelSpec) -> Sites:
    """`(n - 1) / 256 + 1` blocks become `(n - 1) / 256`."""
    start = source.index(HOST)
    for match in _FEWER.finditer(source, start):
        yield match.start(), match.end(), match[1]


def _put(source: str, start: int, end: int, text: str) -> str:
    mutated = source[:start] + text + source[end:]
    return _HALF + mutated if "__float2half(" in text and _HALF not in source else mutated
