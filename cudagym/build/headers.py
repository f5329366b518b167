"""Headers: the declarations of a set of headers, and those of them that a given source can name.

Most of a compiler's time on a kernel goes into headers that it does not use: cuda_runtime.h alone is 35,000 lines
after the preprocessor. Here that text is split into its declarations once. For a source, only those are kept
whose names occur in the source, in a macro that it can reach, or in a declaration that is kept.

Leaving out the rest changes nothing that compiles. A declaration is left out only with every other declaration of
the same name, so a lookup finds all of an overload set or none of it, and one that finds none is an error (upon
which nvcc is asked). Operators have no names to look up: they stay when a type that they mention does. What the
splitter does not understand stays under any name that it mentions.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

KEYWORDS = frozenset(
    """
    alignas alignof asm auto bool break case catch char char16_t char32_t class const const_cast constexpr continue
    decltype default delete do double dynamic_cast else enum explicit export extern false final float for friend goto
    if inline int long mutable namespace new noexcept nullptr operator override private protected public register
    reinterpret_cast return short signed sizeof static static_assert static_cast struct switch template this
    thread_local throw true try typedef typeid typename union unsigned using virtual void volatile wchar_t while
    _Static_assert __alignof__ __asm__ __attribute__ __const __decltype __extension__ __forceinline__ __inline
    __inline__ __restrict __restrict__ __signed__ __typeof__ __volatile__
    """.split()  # noqa: SIM905
)

IMPLICIT = frozenset(
    """
    __assert_fail __assertfail __cudaPopCallConfiguration __cudaPushCallConfiguration align_val_t blockDim blockIdx
    cudaConfigureCall cudaError_t cudaLaunchKernel cudaStream_t dim3 exit free gridDim initializer_list malloc nothrow_t
    printf ptrdiff_t size_t threadIdx type_info uint3 vprintf warpSize
    """.split()  # noqa: SIM905
)
"""What compilers and the code that cudafe++ writes look up without being told."""

_WORD = re.compile(r"[A-Za-z_]\w*")
_STRING = re.compile(r'"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\'')
_DIRECTIVE = re.compile(r"^[ \t]*#[^\n]*$", re.MULTILINE)
_MARKER = re.compile(r'#[ \t]*(\d+)[ \t]+("(?:[^"\\]|\\.)*")([ \d]*)')
_SCANNED = re.compile(
    r'^[ \t]*#[^\n]*$|\bR"(?P<fence>[^()\\\s]{0,16})\([\s\S]*?\)(?P=fence)"|' + _STRING.pattern + r"|[{}()\[\];]",
    re.MULTILINE,
)
_DEFINE = re.compile(r"#define (\w+)(?:\([^)]*\))?(.*)")
_BRACKETS = re.compile(r"[()]")
_ANGLES = re.compile(r"[<>()]")
_WITH_ARGUMENTS = re.compile(
    r"\b(?:__attribute__|__attribute|alignas|__asm__|__asm|asm|noexcept|decltype|__decltype|__typeof__|throw|explicit"
    r")\s*\("
)
_TEMPLATE = re.compile(r"\s*(?:(?:extern|inline|static|__extension__)\s+)*template\s*(<)?")
_CLASS = re.compile(
    r"(?:(?:extern|static|inline|const|constexpr|typedef|__extension__)\s+)*"
    r"(?:struct|class|union|enum(?:\s+(?:class|struct))?)\b"
)
_NAMESPACE = re.compile(r"(?:inline\s+)?namespace\b[^;=]*$|extern\s*\"\"$")
_CHAIN = re.compile(r"((?:\b\w+\s*::\s*)*)~?\s*(\b\w+)$")


def words(text: str) -> set[str]:
    """The identifiers in `text`, keywords aside. Comments and strings count if they are there."""
    return set(_WORD.findall(text)) - KEYWORDS


@dataclass(slots=True)
class _Piece:
    """A stretch of preprocessed text: a declaration, the opening or closing of a namespace, or a pragma."""

    kind: str
    where: str
    """The line marker before it."""
    text: str
    triggers: set[str] | None = None
    """Of a declaration: the names any of which asks for it; None when it always stays."""
    names: set[str] | None = None
    """Of a declaration: all identifiers in it."""


class Headers:
    """What a preprocessor made of one set of headers: declarations and macros. Immutable, so threads may share it."""

    def __init__(self, pieces: list[_Piece], macros: str) -> None:
        self.macros = macros
        """The #define lines, for a preprocessor that shall not read the headers again."""
        self._pieces = pieces
        self._used_by: dict[str, set[str]] = {}
        for line in macros.splitlines():
            if found := _DEFINE.match(line):
                self._used_by[found[1]] = words(_STRING.sub("", found[2]))
        self._always = [i for i, piece in enumerate(pieces) if piece.kind != "declaration" or piece.triggers is None]
        self._asked_by: dict[str, list[int]] = {}
        for index, piece in enumerate(pieces):
            for name in piece.triggers or ():
                self._asked_by.setdefault(name, []).append(index)

    @classmethod
    def parse(cls, text: str, macros: str) -> Headers:
        """Reads `text`, preprocessed headers with line markers, and `macros`, their #define lines.

        Raises ValueError when braces do not balance.
        """
        pieces = list(_split(text))
        _narrow(pieces)
        return cls(pieces, macros)

    def pare(self, names: Iterable[str]) -> str:
        """The text with only those declarations that a source in which `names` occur can reach."""
        todo = [*names, *IMPLICIT]
        kept = set(self._always)
        for index in self._always:
            todo.extend(self._pieces[index].names or ())
        seen = set(todo)
        while todo:
            name = todo.pop()
            found = self._used_by.get(name, set()) - seen
            for index in self._asked_by.get(name, ()):
                if index not in kept:
                    kept.add(index)
                    found |= (self._pieces[index].names or set()) - seen
            seen |= found
            todo.extend(found)
        return "".join(piece.where + piece.text for piece in _without_empty(self._pieces[i] for i in sorted(kept)))

    def to_json(self) -> bytes:
        """Everything, for the cache."""
        table: dict[str, int] = {}

        def numbers(names: set[str] | None) -> list[int] | None:
            return None if names is None else [table.setdefault(name, len(table)) for name in sorted(names)]

        rows = [(p.kind, p.where, p.text, numbers(p.triggers), numbers(p.names)) for p in self._pieces]
        return json.dumps({"pieces": rows, "names": list(table), "macros": self.macros}).encode()

    @classmethod
    def from_json(cls, data: bytes) -> Headers:
        """What `to_json` wrote."""
        stored = json.loads(data)
        table = stored["names"]

        def named(numbers: list[int] | None) -> set[str] | None:
            return None if numbers is None else {table[number] for number in numbers}

        pieces = [_Piece(kind, where, text, named(t), named(n)) for kind, where, text, t, n in stored["pieces"]]
        return cls(pieces, stored["macros"])


def _without_empty(pieces: Iterable[_Piece]) -> Iterator[_Piece]:
    """Leaves out namespaces that hold nothing, but for the first of each name, which others may mention."""
    kept: list[_Piece] = []
    opened: list[_Piece] = []
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


# ---- Splitting ----


def _split(text: str) -> Iterator[_Piece]:
    """Cuts `text` at the ends of its declarations, namespaces entered."""
    start = parens = braces = depth = 0
    body: int | None = None  # where the first brace of the declaration at hand opens
    ends_with_body = False
    marker_line, marker_end, file, flags = 1, 0, '"<headers>"', ""

    def where(at: int) -> str:
        return f"# {marker_line + text.count(chr(10), marker_end, at)} {file}{flags}\n"

    for token in _SCANNED.finditer(text):
        kind = token[0][0]
        at = token.start()
        if kind in "# \t":
            between = not (parens or braces or text[start:at].strip())
            if marker := _MARKER.match(token[0].lstrip()):
                if between:
                    start = token.end()
                marker_line, file, marker_end = int(marker[1]), marker[2], token.end() + 1
                flags = "".join(f" {flag}" for flag in marker[3].split() if flag in "34")
            elif between:
                yield _Piece("pragma", where(at), token[0] + "\n")
                start = token.end()
        elif kind in "([":
            parens += 1
        elif kind in ")]":
            parens -= 1
        elif kind == "{":
            if parens == 0 and braces == 0 and body is None:
                head = _plain(text[start:at])
                if _NAMESPACE.match(head):
                    yield _Piece("open", where(at), _DIRECTIVE.sub("", text[start:at]).strip() + " {\n")
                    start, depth = token.end(), depth + 1
                    continue
                body, ends_with_body = at, _is_function(head)
            braces += 1
        elif kind == "}" and braces == 0:
            depth -= 1
            if parens or depth < 0 or text[start:at].strip():
                raise ValueError(f"unbalanced braces near {text[at - 40 : at + 1]!r}")
            yield _Piece("close", "", "}\n")
            start = token.end()
        elif kind in "};":
            braces -= kind == "}"
            if braces == 0 and parens == 0 and (kind == ";" or ends_with_body):
                yield from _declaration(text[start : token.end()], (body or at) - start, start, where)
                start, body, ends_with_body = token.end(), None, False
    if braces or parens or depth or text[start:].strip():
        raise ValueError("the headers end in the middle of a declaration")


def _declaration(raw: str, body: int, start: int, where: Callable[[int], str]) -> Iterator[_Piece]:
    text = raw.strip()
    if text == ";":
        return
    at = start + len(raw) - len(raw.lstrip())
    names = words(_STRING.sub("", _DIRECTIVE.sub("", text)))
    triggers = _triggers(raw[:body], text)
    if triggers is None or triggers:
        yield _Piece("declaration", where(at), text + "\n", triggers, names)


def _bare(text: str) -> str:
    """Without strings, directives and what takes arguments but declares nothing: attributes, noexcept and so on."""
    text = _STRING.sub('""', _DIRECTIVE.sub("", text))
    while found := _WITH_ARGUMENTS.search(text):
        text = f"{text[: found.start()]} {text[_after_paren(text, found.end() - 1) :]}"
    return re.sub(r"\[\[.*?\]\]", " ", text)


def _plain(head: str) -> str:
    """`_bare`, and without template<...>."""
    head = _bare(head)
    while found := _TEMPLATE.match(head):
        head = head[_after_angle(head, found.end() - 1) if found[1] else found.end() :]
    return head.strip()


def _after_paren(text: str, at: int) -> int:
    """Past the parenthesis that closes the one at `at`."""
    depth = 0
    for bracket in _BRACKETS.finditer(text, at):
        depth += 1 if bracket[0] == "(" else -1
        if depth == 0:
            return bracket.end()
    return len(text)


def _after_angle(text: str, at: int) -> int:
    """Past the bracket that closes the template's `<` at `at`; what stands in parentheses does not count."""
    depth = parens = 0
    for bracket in _ANGLES.finditer(text, at):
        if bracket[0] in "()":
            parens += 1 if bracket[0] == "(" else -1
        elif parens == 0:
            depth += 1 if bracket[0] == "<" else -1
            if depth == 0:
                return bracket.end()
    return len(text)


def _without_angles(text: str) -> str:
    """Without template arguments."""
    while (at := text.find("<")) >= 0:
        text = f"{text[:at]} {text[_after_angle(text, at) :]}"
    return text


def _is_function(plain: str) -> bool:
    """Whether this head (of a declaration with a body, or whole) is that of a function."""
    if "operator" in plain:
        return True
    plain = _without_angles(plain)
    if (found := _CLASS.match(plain)) and re.match(r"(?:\s*::\s*\w+|\s+\w+)*\s*(?::(?!:)|$)", plain[found.end() :]):
        return False
    paren, equals = plain.find("("), plain.find("=")
    return paren >= 0 and (equals < 0 or paren < equals)


# ---- Which names ask for a declaration ----


def _triggers(head: str, text: str) -> set[str] | None:
    """The names any of which asks for the declaration `text`, whose part before the body is `head`.

    None when it has to stay in any case, empty when it is never needed.
    """
    plain = _plain(head)
    if not plain or plain.startswith(("static_assert", "_Static_assert")):
        return set()
    if re.match(r"using\s+namespace\b|(?:inline\s+)?namespace\b", plain):
        return None
    if found := re.match(r"using\s+(\w+)\s*=", plain):
        return {found[1]}
    if re.match(r"using\b", plain):
        return set(_WORD.findall(plain)[-1:])
    if re.search(r"\boperator\b", plain):
        return words(plain) | {"operator"}
    if re.match(r"(?:__extension__\s*)?typedef\b", plain):
        return _of_typedef(plain, text)
    if re.match(r"enum\b", plain):
        return words(_bare(text)) or None
    if _is_function(plain):
        return _of_function(plain) or _of_anything(text)
    if _CLASS.match(plain):
        return _of_class(plain, text)
    return _of_variable(plain) or _of_anything(text)


def _of_anything(text: str) -> set[str] | None:
    """For what is not understood: every name outside of braces asks for it."""
    bare = _bare(text)
    parameters: set[str] = set()
    if found := _TEMPLATE.match(bare):
        parameters = set(re.findall(r"(?:typename|class)[\s.]+(\w+)", bare[: _after_angle(bare, found.end() - 1)]))
    return words(re.sub(r"\{[\s\S]*\}", " ", bare)) - parameters or None


def _of_function(plain: str) -> set[str] | None:
    """The function's name, or those of the class that it belongs to."""
    head = _without_angles(plain)
    paren = head.find("(")
    after = head[paren:]
    if re.match(r"\(\s*(?:[*&]|(?:\w+\s*::\s*)+\*|\w+\s*\)\s*\()", after):  # (*f)(...), (C::*f)(...), (max)(...)
        return None
    if re.match(r"\s*[,(]", after[_after_paren(after, 0) :]):  # f(int), g(int); f(int)(int)
        return None
    found = _CHAIN.search(head[:paren].rstrip())
    if found is None or found[2] in KEYWORDS:
        return None
    return words(found[1]) | {found[2]}


def _of_typedef(plain: str, text: str) -> set[str] | None:
    if "enum" in plain:
        return words(_bare(text)) or None
    if re.search(r"\b(?:struct|union|class)\b", plain):
        return _of_anything(text)
    if found := re.search(r"\(\s*(?:\w+\s*::\s*)?[*&]+\s*(\w+)\s*\)", plain):
        return {found[1]}
    return _of_variable(plain) or _of_anything(text)


def _of_class(plain: str, text: str) -> set[str] | None:
    found = _CLASS.match(plain)
    name = _WORD.match(plain[found.end() :].strip()) if found else None
    if name is None:
        return None
    if "{" not in text:  # a forward declaration, an instantiation, or a variable of an elaborated type
        return words(_without_angles(plain)) or None
    variables = re.sub(r"^[\s\S]*\}", "", _bare(text))
    return words(variables) | {name[0]}


def _of_variable(plain: str) -> set[str] | None:
    """The last name before the initializer, with those before `::`; None when there may be several."""
    head = _without_angles(plain.partition("=")[0].rstrip("; \n"))
    head = re.sub(r"(?:\s*\[[^\]]*\])+$", "", head)
    found = _CHAIN.search(head.rstrip())
    if "," in head or "(" in head or found is None or found[2] in KEYWORDS:
        return None
    return words(found[1]) | {found[2]}


def _narrow(pieces: list[_Piece]) -> None:
    """Takes out of the triggers what says nothing: namespaces, and for operators all but types that are declared."""
    spaces: set[str] = set()
    types: set[str] = set()
    aliases: list[tuple[set[str], set[str]]] = []
    for piece in pieces:
        if piece.kind == "open":
            spaces |= words(_bare(piece.text))
        elif piece.triggers and "operator" not in piece.triggers:
            head = _plain(piece.text.partition("{")[0])
            if _CLASS.match(head) or head.startswith(("typedef", "__extension__ typedef", "using")):
                types |= piece.triggers
                if "{" not in piece.text and "(" not in head:
                    aliases.append((piece.triggers, piece.names or set()))
    scalars: set[str] = set()  # other names for built-in types: operators do not depend on them
    while grown := [new for new, names in aliases if not new <= scalars and names - new <= scalars]:
        scalars.update(*grown)
    for piece in pieces:
        if piece.triggers and "operator" in piece.triggers:
            piece.triggers = (piece.triggers & types) - scalars or None
        elif piece.triggers:
            piece.triggers = piece.triggers - spaces or None
