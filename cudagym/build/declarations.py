"""Declarations: preprocessed C++ headers, cut into pieces, and the names that ask for each.

This is no parser of C++. It finds where declarations end by their brackets, and what they declare by their first
words; what it does not understand is asked for by every name outside of its braces.
"""

from __future__ import annotations

import functools
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from operator import itemgetter
from typing import Literal

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

_WORD = re.compile(r"[A-Za-z_]\w*")
_SUFFIX = re.compile(r"(?<=[\d.\"'])[A-Za-z_]\w*")
_STRING = re.compile(r'"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\'')
_DIRECTIVE = re.compile(r"^[ \t]*#[^\n]*$", re.MULTILINE)
_MARKER = re.compile(r'#[ \t]*(\d+)[ \t]+("(?:[^"\\]|\\.)*")([ \d]*)')
_OF_NEXT = re.compile(r"[ \t]*#[ \t]*pragma[ \t]+(?:nv_exec_check_disable|hd_warning_disable|nv_abi|unroll)\b")
"""Pragmas that belong to the declaration after them."""
_SCANNED = re.compile(
    r'^[ \t]*#[^\n]*$|\bR"(?P<fence>[^()\\\s]{0,16})\([\s\S]*?\)(?P=fence)"|' + _STRING.pattern + r"|[{}()\[\];]",
    re.MULTILINE,
)
_GOES_ON = re.compile(r"\s*[,{]")
_BRACKETS = re.compile(r"[()]")
_ANGLES = re.compile(r"->|[<>]=|[<>()]")
_ATTRIBUTE = re.compile(r"\b__attribute(?:__)?\s*\(\((?:[^()]|\([^()]*\))*\)\)")
_WITH_ARGUMENTS = re.compile(
    r"\b(?:__attribute__|__attribute|alignas|__asm__|__asm|asm|noexcept|decltype|__decltype"
    r"|__typeof__|__typeof|typeof|throw|explicit)\s*\("
)
_TEMPLATE = re.compile(r"\s*(?:(?:extern|inline|static|__extension__)\s+)*template\s*(<)?")
_CLASS = re.compile(
    r"(?:(?:extern|static|inline|const|constexpr|typedef|__extension__)\s+)*"
    r"(?:struct|class|union|enum(?:\s+(?:class|struct))?)\b"
)
_OPERATOR = re.compile(r"[^(=]*\boperator\b")
_NAMESPACE = re.compile(r"(?:inline\s+)?namespace\b[^;=]*$|extern\s*\"\"$")
_CHAIN = re.compile(r"((?:\b\w+\s*::\s*)*)~?\s*(\b\w+)$")


def words(text: str) -> set[str]:
    """The identifiers in `text`, keywords aside, and `""km` for a literal like `5km`.

    Comments and strings count if they are there.
    """
    return (set(_WORD.findall(text)) | {f'""{suffix}' for suffix in _SUFFIX.findall(text)}) - KEYWORDS


def without_strings(text: str) -> str:
    """With every string and character literal emptied."""
    return _STRING.sub('""', text)


@dataclass(slots=True)
class Piece:
    """A stretch of preprocessed text: a declaration, the opening or closing of a namespace, or a pragma."""

    kind: Literal["declaration", "open", "close", "pragma"]
    where: str
    """The line marker before it."""
    text: str
    triggers: set[str] | None = None
    """Of a declaration: the names any of which asks for it; None when it always stays."""
    names: set[str] | None = None
    """Of a declaration: all identifiers in it."""
    also: set[str] | None = None
    """Of a specialization or overload: the types that it is for. It is not needed unless all of them are."""
    space: str = ""
    """The outermost namespace that it lies in."""


def declarations(text: str) -> list[Piece]:
    """The pieces of `text`, preprocessed headers with line markers, in order.

    Raises ValueError when brackets do not balance.
    """
    pieces = list(_split(text))
    _narrow(pieces)
    return pieces


# ---- Splitting ----


def _split(text: str) -> Iterator[Piece]:
    """Cuts `text` at the ends of its declarations, namespaces entered."""
    start = parens = braces = 0
    spaces: list[str] = []  # the namespaces that are open, "" for a block with linkage
    body: int | None = None  # where the first brace of the declaration at hand opens
    ends_with_body = False
    markers = [(0, 1, '"<headers>"')]  # where the text after each begins, its line, and its file with flags

    def where(at: int) -> str:
        begin, line, file = markers[bisect_right(markers, at, key=itemgetter(0)) - 1]
        return f"# {line + text.count(chr(10), begin, at)} {file}\n"

    def column(at: int) -> int:
        return at - text.rfind("\n", 0, at) - 1

    for token in _SCANNED.finditer(text):
        kind = token[0][0]
        at = token.start()
        if kind in "# \t":
            between = not (parens or braces or text[start:at].strip())
            if marker := _MARKER.match(token[0].lstrip()):
                if between:
                    start = token.end()
                flags = "".join(f" {flag}" for flag in marker[3].split() if flag in "34")
                markers.append((token.end() + 1, int(marker[1]), marker[2] + flags))
            elif between and not _OF_NEXT.match(token[0]):
                yield Piece("pragma", where(at), token[0] + "\n")
                start = token.end()
        elif kind in "([":
            parens += 1
        elif kind in ")]":
            parens -= 1
        elif kind == "{":
            if parens == 0 and braces == 0 and body is None:
                head = _plain(text[start:at])
                if _NAMESPACE.match(head):
                    spaces.append(next((word for word in _WORD.findall(head) if word not in KEYWORDS), ""))
                    yield Piece("open", where(at), _DIRECTIVE.sub("", text[start:at]).strip() + " {\n")
                    start = token.end()
                    continue
                body, ends_with_body = at, _is_function(head)
            braces += 1
        elif kind == "}" and braces == 0:
            if parens or not spaces or text[start:at].strip():
                raise ValueError(f"unbalanced braces near {text[at - 40 : at + 1]!r}")
            spaces.pop()
            yield Piece("close", "", "}\n")
            start = token.end()
        elif kind in "};":
            braces -= kind == "}"
            if kind == "}" and ends_with_body and _GOES_ON.match(text, token.end()):
                continue  # of a member's initializer, not of the constructor
            if braces == 0 and parens == 0 and (kind == ";" or ends_with_body):
                space = next((name for name in spaces if name), "")
                yield from _declaration(text[start : token.end()], (body or at) - start, start, space, where, column)
                start, body, ends_with_body = token.end(), None, False
    if braces or parens or spaces or text[start:].strip():
        raise ValueError("the headers end in the middle of a declaration")


def _declaration(
    raw: str, body: int, start: int, space: str, where: Callable[[int], str], column: Callable[[int], int]
) -> Iterator[Piece]:
    text = raw.strip()
    if text == ";":
        return
    at = start + len(raw) - len(raw.lstrip())
    indent = " " * column(at)
    names = words(without_strings(_DIRECTIVE.sub("", text)))
    triggers = _triggers(raw[:body], text)
    if triggers is None or triggers:
        yield Piece(
            "declaration", where(at), f"{indent}{text}\n", triggers, names, _types_it_is_for(raw[:body], space), space
        )


def _bare(text: str) -> str:
    """Without strings, directives and what takes arguments but declares nothing: attributes, noexcept and so on."""
    text = _ATTRIBUTE.sub(" ", without_strings(_DIRECTIVE.sub("", text)))
    while found := _WITH_ARGUMENTS.search(text):
        text = f"{text[: found.start()]} {text[_after_paren(text, found.end() - 1) :]}"
    return re.sub(r"\[\[.*?\]\]", " ", text)


@functools.lru_cache(maxsize=1 << 15)  # most heads are met four times: here and there, for host and device
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
        elif parens == 0 and len(bracket[0]) == 1:
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
    if _OPERATOR.match(plain):
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
    if found := _OPERATOR.match(plain):
        outer = re.search(r"(\w+)\s*::\s*$", _without_angles(plain[: found.end() - len("operator")]))
        if literal := re.match(r"\s*\"\"\s*(\w+)", plain[found.end() :]):
            return {f'""{literal[1]}'}
        return words(plain[found.end() :]) | {"operator"} | ({outer[1]} if outer else set())
    if re.match(r"(?:__extension__\s*)?typedef\b", plain):
        return _of_typedef(plain, text)
    if re.match(r"enum\b", plain):
        return words(_bare(text)) or None
    if _is_function(plain):
        return _of_function(plain) or _of_anything(text)
    if _CLASS.match(plain):
        return _of_class(plain, text)
    return _of_variable(plain) or _of_anything(text)


def _types_it_is_for(head: str, space: str) -> set[str] | None:
    """The names in the template arguments of a specialization's name: `float4` of `struct limits<float4>`.

    Those of a namespace's function are in its parameters: `swap(pair&, pair&)` is of no use without pairs.
    """
    plain = _plain(head)
    found = _CLASS.match(plain)
    if space and not found and _is_function(plain) and not _OPERATOR.match(plain):
        paren = plain.find("(")
        member = re.search(r"::\s*~?\w+\s*$", _without_angles(plain[:paren]))  # comes with its class
        return None if member else words(plain[paren:])
    name = re.match(r"\s*(?:\w+\s*::\s*)*\w+\s*(?=<)", plain[found.end() :]) if found else None
    if found is None or name is None:
        return None
    at = found.end() + name.end()
    return words(plain[at : _after_angle(plain, at)])


def _of_anything(text: str) -> set[str] | None:
    """For what is not understood: every name outside of braces asks for it."""
    bare = _bare(text)
    parameters: set[str] = set()
    if found := _TEMPLATE.match(bare):
        parameters = set(re.findall(r"(?:typename|class)[\s.]+(\w+)", bare[: _after_angle(bare, found.end() - 1)]))
    return words(re.sub(r"\{[\s\S]*\}", " ", bare)) - parameters or None


def _of_function(plain: str) -> set[str] | None:
    """The function's name, with what stands before `::`."""
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
    return {f"{found[1]}{found[2]}".replace(" ", "")}


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
    name = re.match(r"\s*(?:\w+\s*::\s*)*(\w+)", plain[found.end() :]) if found else None
    if name is None:
        return None
    if "{" not in text:  # a forward declaration, an instantiation, or a variable of an elaborated type
        return words(_without_angles(plain)) or None
    variables = re.sub(r"^[\s\S]*\}", "", _bare(text))
    return words(variables) | {name[1]}


def _of_variable(plain: str) -> set[str] | None:
    """The last name before the initializer, with what stands before `::`; None when there may be several."""
    head = _without_angles(plain.partition("=")[0].rstrip("; \n"))
    head = re.sub(r"(?:\s*\[[^\]]*\])+$", "", head)
    found = _CHAIN.search(head.rstrip())
    if "," in head or "(" in head or found is None or found[2] in KEYWORDS:
        return None
    return {f"{found[1]}{found[2]}".replace(" ", "")}


def _asking(name: str, spaces: set[str]) -> str:
    """Who asks for `name`: for a class's member the class, for a namespace's the last part."""
    *outer, last = name.split("::")
    return outer[-1] if outer and outer[-1] not in spaces else last


def _narrow(pieces: list[Piece]) -> None:
    """Takes out of the triggers what says nothing: namespaces, and for operators all but types that are declared."""
    spaces: set[str] = set()
    types: set[str] = set()
    classes: set[str] = set()
    aliases: list[tuple[set[str], set[str]]] = []
    for piece in pieces:
        if piece.kind == "open":
            spaces |= words(_bare(piece.text))
        elif piece.triggers and "operator" not in piece.triggers:
            head = _plain(piece.text.partition("{")[0])
            if _CLASS.match(head) and not _is_function(head):
                classes |= piece.triggers
            elif head.startswith(("typedef", "__extension__ typedef", "using")):
                types |= piece.triggers
                if "{" not in piece.text and "(" not in head:
                    aliases.append((piece.triggers, piece.names or set()))
    types |= classes
    scalars: set[str] = set()  # other names for built-in types: operators do not depend on them
    while grown := [new for new, names in aliases if not new <= scalars and names - new <= scalars]:
        scalars.update(*grown)
    for piece in pieces:
        if piece.triggers and "operator" in piece.triggers:
            piece.triggers = (piece.triggers & types) - scalars or None
        elif piece.triggers:
            asking = {_asking(name, spaces) for name in piece.triggers}
            piece.triggers = asking - spaces or asking
        if piece.also is not None:
            piece.also = (piece.also & classes) - spaces - (piece.triggers or set()) or None
