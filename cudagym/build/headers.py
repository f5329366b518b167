"""Headers: the declarations of a set of headers, and those of them that a given source can name.

Most of a compiler's time on a kernel goes into headers that it does not use: cuda_runtime.h alone is 35,000 lines
after the preprocessor. Here that text is split into its declarations once. For a source, only those are kept
whose names occur in the source, in a macro that it can reach, or in a declaration that is kept. What lies in a
namespace is reached only by who mentions the outermost one, or lies in it too.

A declaration is left out only with every other declaration of the same name that could be found, so a lookup of a
name that the source spells finds all of an overload set or none of it, and one that finds none is an error (upon which
nvcc is asked). Operators have no names to look up: they stay when a type that they mention does. What is looked up
unasked is in `IMPLICIT`. docs/builds.md says what else is done so that nvcc has its way.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator

from cudagym.build.declarations import Piece, declarations, without_strings, words

IMPLICIT = frozenset(
    """
    __assert_fail __assertfail __cudaPopCallConfiguration __cudaPushCallConfiguration align_val_t blockDim blockIdx
    cudaConfigureCall cudaError_t cudaLaunchKernel cudaStream_t dim3 exit free gridDim initializer_list malloc nothrow_t
    __ioinit printf ptrdiff_t size_t threadIdx type_info uint3 vprintf warpSize
    """.split()  # noqa: SIM905
)
"""What compilers and the code that cudafe++ writes look up without being told."""

_ALIAS = re.compile(r"namespace\s+(\w+)\s*=\s*(?:::\s*)?(\w+)")
_DEFINE = re.compile(r"#define (\w+)(?:\([^)]*\))?(.*)")
_USING = re.compile(r"\s*using\s+[^=]*$")
_DIRECTIVE_OF_USE = re.compile(r"\busing\s+namespace\b")


class Headers:
    """What a preprocessor made of one set of headers: declarations and macros. Immutable, so threads may share it."""

    def __init__(self, pieces: list[Piece], macros: str) -> None:
        self.macros = macros
        """The #define lines, for a preprocessor that shall not read the headers again."""
        self._pieces = pieces
        self._used_by: dict[str, set[str]] = {}
        self.pasting: set[str] = set()
        """The macros that make new names of their arguments, and so may name what nobody sees."""
        for line in macros.splitlines():
            if found := _DEFINE.match(line):
                self._used_by[found[1]] = words(without_strings(found[2]))
                if "##" in found[2]:
                    self.pasting.add(found[1])
        while more := {name for name, used in self._used_by.items() if used & self.pasting} - self.pasting:
            self.pasting |= more
        self._always: dict[str, list[int]] = {}
        self._asked_by: dict[tuple[str, str], list[int]] = {}
        for index, piece in enumerate(pieces):
            for name in piece.triggers or ():
                self._asked_by.setdefault((piece.space, name), []).append(index)
            if piece.kind == "declaration" and piece.triggers is None:
                self._always.setdefault(piece.space, []).append(index)
        self._spaces = {piece.space: piece.space for piece in pieces if piece.space}
        for piece in pieces:
            if found := _ALIAS.search(piece.text if piece.triggers is None else ""):
                self._spaces[found[1]] = self._spaces.get(found[2], found[2])

    @classmethod
    def parse(cls, text: str, macros: str) -> Headers:
        """Reads `text`, preprocessed headers with line markers, and `macros`, their #define lines.

        Raises ValueError when braces do not balance.
        """
        return cls(declarations(text), macros)

    def pare(self, names: set[str]) -> str:
        """The text with only those declarations that a source in which `names` occur can reach."""
        kept = {index for index, piece in enumerate(self._pieces) if piece.kind != "declaration"}
        seen: dict[str, set[str]] = {}  # by namespace: the names asked for by text that can look into it
        known: set[str] = set()
        waiting: dict[str, list[int]] = {}
        forced: list[int] = []
        todo = [(names, self._reach(names)), (set(IMPLICIT), {"", "std"})]

        def keep(index: int, *, for_sure: bool = False) -> None:
            piece = self._pieces[index]
            if index in kept:
                return
            if not for_sure and (missing := (piece.also or set()) - known):
                waiting.setdefault(missing.pop(), []).append(index)
                return
            kept.add(index)
            uses = self._uses(piece)
            todo.extend(uses)
            if _USING.match(piece.text):  # names something that has to be there, of use or not
                asked = [(space, name) for used, spaces in uses for space in spaces for name in used]
                forced.extend(index for pair in asked for index in self._asked_by.get(pair, ()))

        while todo or forced:
            if forced:
                keep(forced.pop(), for_sure=True)
                continue
            used, spaces = todo.pop()
            for name in used - known:
                known.add(name)
                for index in waiting.pop(name, ()):
                    keep(index)
            for space in spaces:
                if space not in seen:
                    seen[space] = set()
                    for index in self._always.get(space, ()):
                        keep(index)
                new = used - seen[space]
                seen[space] |= new
                for name in new:
                    for index in self._asked_by.get((space, name), ()):
                        keep(index)
                    if expansion := self._used_by.get(name):
                        todo.append((expansion, self._reach(expansion) | spaces))
        return "".join(piece.where + piece.text for piece in _without_empty(self._pieces[i] for i in sorted(kept)))

    def _uses(self, piece: Piece) -> list[tuple[set[str], set[str]]]:
        """The names that a declaration uses, each set with the namespaces where they may be found.

        From outside of a namespace, only what is written `space::name` is found there.
        """
        names = piece.names or set()
        reach = self._reach(names)
        own = {"", piece.space}
        if _DIRECTIVE_OF_USE.search(piece.text):
            return [(names, own | reach)]
        outside = [name for name in names & self._spaces.keys() if self._spaces[name] not in own]
        if not outside:
            return [(names, own)]
        chains = re.compile(rf"\b(?:{'|'.join(outside)})\s*((?:::\s*(?:template\s+)?~?\w+\s*)+)")
        return [(names, own), (words(" ".join(chains.findall(piece.text))), reach - own)]

    def _reach(self, names: set[str]) -> set[str]:
        """The namespaces, by their outermost, that text with these names can look into."""
        return {self._spaces[name] for name in names & self._spaces.keys()} | {""}

    def to_json(self) -> bytes:
        """Everything, for the cache."""
        table: dict[str, int] = {}

        def numbers(names: set[str] | None) -> list[int] | None:
            return None if names is None else [table.setdefault(name, len(table)) for name in sorted(names)]

        rows = [
            (p.kind, p.where, p.text, numbers(p.triggers), numbers(p.names), numbers(p.also), p.space)
            for p in self._pieces
        ]
        return json.dumps({"pieces": rows, "names": list(table), "macros": self.macros}).encode()

    @classmethod
    def from_json(cls, data: bytes) -> Headers:
        """What `to_json` wrote."""
        stored = json.loads(data)
        table = stored["names"]

        def named(numbers: list[int] | None) -> set[str] | None:
            return None if numbers is None else {table[number] for number in numbers}

        pieces = [
            Piece(kind, where, text, named(triggers), named(names), named(also), space)
            for kind, where, text, triggers, names, also, space in stored["pieces"]
        ]
        return cls(pieces, stored["macros"])


def _without_empty(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """Leaves out namespaces that hold nothing, but for the first of each name, which others may mention."""
    kept: list[Piece] = []
    opened: list[Piece] = []
    known: set[tuple[str, ...]] = set()
    for piece in pieces:
        if piece.kind == "close":
            path = tuple(outer.text for outer in opened)
            last = opened.pop()
            if kept[-1] is last and path in known:
                kept.pop()
                continue
            known.add(path)
        elif piece.kind == "open":
            opened.append(piece)
        kept.append(piece)
    return iter(kept)
