"""Sources that launch and structure kernels in every way people do, and strategies that combine them.

A source is put together from parts. A part has declarations and statements; it lives in a namespace of its own and
its statements are called from `solve`, so several parts share one compile without meeting each other. Most parts
are written out, in `sources/syntax_*.cuh`; others are drawn, token by token.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hypothesis import strategies as st

SOURCES = Path(__file__).parent / "sources"
ARGUMENTS = "const float* a, const float* b, float* out, int n"
"""Of `solve`, as vector_add_fp32 has them, and of every part."""


@dataclass(frozen=True)
class Part:
    """Declarations, and statements that use them. `@` in any of them stands for the part's number."""

    title: str
    statements: str
    before: str = ""
    after: str = ""
    includes: tuple[str, ...] = ()
    """Lines, as `#include <vector>`. The part needs them; where they stand is the source's choice."""
    at_file_scope: bool = False

    @property
    def pastes(self) -> bool:
        """Whether it makes names with `##`, which the stages leave to nvcc."""
        return "##" in self.before

    def text(self, number: int) -> str:
        """All but the include lines."""
        name = f"go{number}" if self.at_file_scope else "go"
        text = f"{self.before}void {name}({ARGUMENTS}) {{\n{self.statements}}}\n{self.after}"
        if not self.at_file_scope:
            text = f"namespace part{number} {{\n{text}}}\n"
        return text.replace("@", str(number))

    def call(self, number: int) -> str:
        name = f"go{number}" if self.at_file_scope else f"part{number}::go"
        return f"{name}(a, b, out, n);"


def parts(name: str) -> list[Part]:
    """The parts in `sources/syntax_{name}.cuh`.

    A part begins with `//! title`, or `//! title [file]` when it has to be at file scope, and its include lines.
    `//-` separates declarations, statements, and declarations that come after the statements.
    """
    found = []
    for text in re.split(r"^//! ", (SOURCES / f"syntax_{name}.cuh").read_text(), flags=re.MULTILINE)[1:]:
        title, _, rest = text.partition("\n")
        sections = [section.strip("\n") + "\n" for section in re.split(r"^//-\n", rest, flags=re.MULTILINE)]
        lines = sections[0].splitlines(keepends=True)
        leading = next((i for i, line in enumerate(lines) if not line.startswith("#include")), len(lines))
        before, statements, after = ["".join(lines[leading:]), *sections[1:], "", ""][:3]
        found.append(
            Part(
                title=title.removesuffix(" [file]"),
                statements=statements,
                before=before,
                after=after,
                includes=tuple(line.strip() for line in lines[:leading]),
                at_file_scope=title.endswith(" [file]"),
            )
        )
    return found


# ---- Where includes stand ----


def _leading(includes: Sequence[str]) -> str:
    return "".join(f"{line}\n" for line in includes)


def _dressed(includes: Sequence[str]) -> str:
    """With comments, blank lines and blanks around them."""
    forms = ("{}\n", "\n// #include <nothing.h>\n{}  // why\n", "  #  {rest}\n", "/* k<<<1, 1>>>(out); */ {} /* */\n")
    return "".join(forms[i % 4].format(line, rest=line.removeprefix("#")) for i, line in enumerate(includes))


def _conditional(includes: Sequence[str]) -> str:
    return "".join(
        f"#if defined(__CUDACC__) && __has_include({line.split()[1]})\n{line}\n#endif\n" for line in includes
    )


HEADS: dict[str, Callable[[Sequence[str]], str]] = {
    "leading": _leading,
    "repeated": lambda includes: _leading([*includes, *reversed(includes), *includes[:1]]),
    "dressed": _dressed,
    "after a comment": lambda includes: "/* a <<<b>>>\n * c */\n\n" + _leading(includes),
    "with CUDA's own": lambda includes: _leading(["#include <cuda_runtime.h>", *includes, "#include <stdio.h>"]),
    "conditional": _conditional,
    "after a macro": lambda includes: "#define NOTHING@ 1\n" + _leading(includes),
    "in quotes": lambda includes: re.sub(r"<(.*)>", r'"\1"', _leading(includes)),
}
"""How the includes are written that stand before the parts."""
IN_PLACE = "in place"
"""Each part's includes stand before the part, behind other code."""


@dataclass(frozen=True)
class Source:
    """Parts, and where their includes stand."""

    parts: tuple[Part, ...]
    layout: str = "leading"
    more_includes: tuple[str, ...] = ()
    """Of headers that no part needs."""

    @property
    def text(self) -> str:
        includes = dict.fromkeys([*self.more_includes, *(line for part in self.parts for line in part.includes)])
        pieces = [] if self.layout == IN_PLACE else [HEADS[self.layout](tuple(includes)).replace("@", "")]
        for number, part in enumerate(self.parts):
            pieces += [_leading(part.includes) if self.layout == IN_PLACE else "", part.text(number)]
        calls = "".join(f"  {part.call(number)}\n" for number, part in enumerate(self.parts))
        return "".join(pieces) + f'extern "C" void solve({ARGUMENTS}) {{\n{calls}}}\n'

    @property
    def title(self) -> str:
        return ", ".join(part.title for part in self.parts)

    def halves(self) -> list[Source]:
        """Two sources that share the parts of this one."""
        middle = len(self.parts) // 2
        return [replace(self, parts=self.parts[:middle]), replace(self, parts=self.parts[middle:])]


# ---- Launches, token by token ----

HELPERS = (
    ("N", "constexpr int N = 8;"),
    ("Box", "template <typename T> struct Box { static constexpr int value = 4; T* p; };"),
    ("width", "template <int V> constexpr int width = V;"),
    ("ceil_div", "template <typename T> constexpr T ceil_div(T a, T b) { return (a + b - 1) / b; }"),
    ("pick", "inline int pick(int a, int b) { return a < b ? a : b; }"),
    ("threads", "inline dim3 threads(unsigned x, unsigned y = 1) { return dim3(x, y); }"),
    ("shape", "struct Shape { dim3 grid, block; int list[2]; } shape{{2, 2}, 32, {3, 4}};"),
    ("5_wide", 'constexpr unsigned operator""_wide(unsigned long long x) { return x * 2; }'),
    ("small|large", "enum Size { small = 2, large = 8 };"),
    ("Kind", "enum class Kind { one = 1, two };"),
)
"""Declarations that the expressions below use, each behind the word that asks for it."""

COUNTS = (
    "1", "2u", "0x10", "1'6", "'\\b'", "int(2.5)", "unsigned{3}", "(n, 2)", "n % 7 + 1", "(n + 255) / 256",
    "n / 512 + 1", "N", "N >> 1", "(N > 4) ? 2 : 3", "n > 4 ? 2 : 3", "1 << (n > 2)", "(n << 1 & 7) + 1",
    "n < 4 && n > 1 ? 2 : 3", "Box<int>::value", "Box<Box<Box<int>>>::value", "sizeof(Box<Box<int>>)", "width<3>",
    "width<(N > 4)>", "width<N / 2>", "ceil_div(n, 256)", "ceil_div<int>(n, 300)", "ceil_div<unsigned>(40, 8)",
    "pick(n, 9)", "pick((n, 3), pick(n, 4))", "shape.list[1]", "(&shape)->block.x", "5_wide", "small", "large >> 1",
    "int(Kind::two)", "[] { return 3; }()", "[&](int x) { return x % 5 + 1; }(n)", "static_cast<int>(4.5)",
    "max(n % 5, 1)", "min(n, 32)", "sizeof(\">>>\")", "true", "(int[]){1, 2, 3}[1]", "n ? 4 : 5", "not n + 2",
    "__LINE__ % 3 + 1",
)  # fmt: skip
SHAPES = (
    "dim3(#)", "dim3(#, #)", "dim3(1, 2, #)", "dim3{2, 3}", "dim3{4u}", "{2, 2}", "{1, 2, 3}", "threads(#)",
    "threads(#, 2)", "shape.grid", "shape.block", "dim3()", "uint3{2, 1, 1}", "(dim3)#", "n > 3 ? dim3(#) : dim3(#)",
    "(dim3(#))", "dim3(dim3(#).x, (1, 2))", "[&] { return dim3(2, 2); }()",
)  # fmt: skip
BYTES = ("0", "sizeof(float) * 32", "n % 64 * 4u", "Box<int>::value << 4", "(n, 16)", "1'024", "width<48>", "{}")
STREAMS = ("0", "nullptr", "(cudaStream_t)0", "cudaStream_t()", "{}", "static_cast<cudaStream_t>(nullptr)", "NULL")

BODIES = (
    "out[threadIdx.x] = n;",
    "if (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n) out[i] = fmaxf(out[i], 0.0f) + (n >> 1 > 3 ? 1 : 2);",
    "atomicAdd(out, __shfl_down_sync(~0u, float(n), 1));",
    "__shared__ float s[32]; s[threadIdx.x & 31] = n; __syncthreads(); *out = s[n & 31];",
    "_Pragma(\"unroll\") for (int i = 0; i < 4; ++i) out[i] += i << n;",
    "auto square = [=](float x) { return x * x; }; *out = square(n) + max(n, 3) + sqrtf(n);",
    "extern __shared__ int memory[]; memory[threadIdx.x] = n; *out = memory[0];",
    "float4 v = make_float4(n, 1, 2, 3); *out = v.x + rsqrtf(v.y) + __expf(v.z);",
)  # fmt: skip

KERNELS = (
    ("__global__ void k(float* out, int n) {BODY}", ("k", "(k)", "part@::k", "::part@::k", "(&k)", "(*k)"), "k"),
    ("static __global__ void k(float* out, int n) {BODY}", ("k", "(n > 2 ? k : k)"), "k"),
    ("namespace { __global__ void k(float* out, int n) {BODY} }", ("k", "part@::k"), "k"),
    ("namespace x { inline namespace y { __global__ void k(float* out, int n) {BODY} } }", ("x::k", "x::y::k"), "x::k"),
    ('extern "C" __global__ void k@(float* out, int n) {BODY}', ("k@", "::k@"), "k@"),
    ("__global__ void __launch_bounds__(1024) k(float* out, int n, float x = 3) {BODY}", ("k",), None),
    ("__global__ void k(float* out, int n) {BODY}\n__global__ void k(double* out, int n) {}", ("k",), None),
    ("template <typename T> __global__ void k(T* out, int n) {BODY}", ("k", "k<float>", "(k<float>)"), "k<float>"),
    ("template <typename T = float> static __global__ void k(T* out, int n) {BODY}", ("k<>", "k"), "k<float>"),
    (
        "template <int M, bool B> __global__ void k(float* out, int n) {BODY out[M % 4] = B;}",
        ("k<256, true>", "k<(N > 4), false>", "k<N, (N < 4)>", "k<(N >> 1), !true>", "k<width<3>, bool(N)>"),
        "k<3, true>",
    ),
    (
        "template <template <typename> class F, typename T> __global__ void k(T* out, int n) {BODY n = F<T>::value;}",
        ("k<Box>", "k<Box, float>"),
        "k<Box, float>",
    ),
    (
        "template <typename T> __global__ void k(float* out, int n) {BODY out[1] = sizeof(T);}",
        ("k<Box<int>>", "k<Box<Box<Box<char>>>>", "k<decltype(n)>", "k<float2>", "k<int (*)(int, int)>"),
        "k<Box<Box<int>>>",
    ),
    (
        "template <typename... T> __global__ void k(float* out, T... n_) { const int n = sizeof...(T); BODY }",
        ("k", "k<int>"),
        "k<int>",
    ),
    (
        "template <Kind K, char C, auto V> __global__ void k(float* out, int n) {BODY out[1] = int(K) + C + V;}",
        ("k<Kind::one, '<', 3>", "k<Kind(2), '\\'', -1L>"),
        "k<Kind::one, '>', 3u>",
    ),
)
"""A kernel's declaration, names it may be launched by, and one that has an address; None for a set of overloads."""

DEPENDENT = (
    ("template <typename T> __global__ void k(T* out, int n) {BODY}", ("k<T>", "k")),
    (
        "template <typename T, int M> __global__ void k(T* out, int n) {BODY out[M % 4] = n;}",
        ("k<T, M>", "k<T, (M > 2)>", "k<T, M * 2>", "k<T, sizeof(T)>", "k<T, Box<T>::value>", "k<T, (M >> 1)>"),
    ),
    ("template <typename T, typename U> __global__ void k(U* out, int n) {BODY}", ("k<T>", "k<T, float>", "k<Box<T>>")),
)
"""The same for launches in templates with the parameters `typename T, int M`."""

POINTERS = (
    ("auto f = K;", "f"),
    ("const auto f = &K;", "(*f)"),
    ("void (*f)(float*, int) = K;", "f"),
    ("void (*f[])(float*, int) = {K, K};", "f[n & 1]"),
    ("auto& f = *(&K);", "f"),
    ("struct { void (*kernel)(float*, int); } f{K};", "f.kernel"),
    ("auto f = [] { return &K; };", "f()"),
)
CALLS = ("out, n", "(out), (n)", "out + 0, n << 1", "&out[0], n > 2", "out, (n, 3)", "out, pick(n, 3)", "out, 'c'")

CONTEXTS = (
    "L;",
    "L; M;",
    "L, M;",
    "if (n > 2) L; else M;",
    "if (int x = n; x > 4) { L; } else if (x == 1) M;",
    "for (int i = 0; i < 2; ++i) L;",
    "for (int i = 0; i < 2; M, ++i) L;",
    "for (int x : {1, 2}) { L; (void)x; }",
    "switch (n & 1) { case 0: L; break; default: M; }",
    "n > 2 ? L : M;",
    "n > 2 ? (L, M) : void();",
    "n > 2 && (L, true);",
    "[&] { L; }();",
    "auto launch = [=](auto m) { L; return m; }; launch(1), launch(2.5);",
    "[&]() -> void { return L; }();",
    "do { L; } while (false);",
    "while (true) { L; break; }",
    "{ { L; } ; }",
    "goto there; M; there: L;",
    "if constexpr (sizeof(n) == 4) L; else M;",
    "try { L; throw 1; } catch (int) { M; }",
    "(void)(L, 0);",
    "// k<<<1, 1>>>(out); \"\nL; /* \" */ M; // '",
    "const char* text = \"k<<<1, 1>>>(\\\"out)\"; L; (void)text;",
    "#if 1 // <<<\nL;\n#else\nk<<<;\n#endif",
)  # fmt: skip

GAPS = ("", "", "", "", " ", " ", "\n", "\n    ", "/* <<< */", " /* k<<<1, 1>>>(out); */ ", ' // >>> "\n', "\\\n")
GAPS_IN_MACROS = ("", "", "", " ", "/* >>> */", " \\\n  ", "\\\n")


@dataclass(frozen=True)
class _Pieces:
    """One launch, before it is written out."""

    kernel: str
    configuration: tuple[str, ...]
    arguments: str
    opening: str = "<<<"
    closing: str = ">>>"

    def tokens(self) -> list[str]:
        tokens = [self.kernel, self.opening]
        for argument in self.configuration:
            tokens += [argument, ","]
        tokens[-1:] = [] if self.configuration else tokens[-1:]
        if tokens[-1].endswith(">"):  # or the brackets would run together
            tokens[-1] += " "
        return [*tokens, self.closing, "(", self.arguments, ")"]


@st.composite
def _configurations(draw: st.DrawFn) -> tuple[str, ...]:
    """Two to four arguments of a configuration."""

    def shape() -> str:
        form = draw(st.sampled_from(("#", "#", *SHAPES)))
        while "#" in form:
            form = form.replace("#", draw(st.sampled_from(COUNTS)), 1)
        return form

    more = [draw(st.sampled_from(choice)) for choice in (BYTES, STREAMS)]
    return (shape(), shape(), *more[: draw(st.sampled_from((0, 0, 1, 2)))])


def _written(draw: st.DrawFn, pieces: _Pieces, gaps: Sequence[str]) -> str:
    tokens = pieces.tokens()
    return tokens[0] + "".join(draw(st.sampled_from(gaps)) + token for token in tokens[1:])


@st.composite
def launches(draw: st.DrawFn) -> Part:
    """A part with a kernel that is drawn, launched in a way that is drawn."""
    dependent = draw(st.sampled_from(("", "", "", "function", "class")))
    statements = macros = ""
    if dependent:
        declaration, names = draw(st.sampled_from(DEPENDENT))
        name = draw(st.sampled_from(names))
    else:
        declaration, names, pointed = draw(st.sampled_from(KERNELS))
        name = draw(st.sampled_from(names))
        if pointed and draw(st.integers(0, 3)) == 0:
            statement, name = draw(st.sampled_from(POINTERS))
            statements += statement.replace("K", pointed) + "\n"
    declaration = declaration.replace("BODY", draw(st.sampled_from(BODIES)))

    def one(gaps: Sequence[str]) -> str:
        return _written(draw, _Pieces(name, draw(_configurations()), draw(st.sampled_from(CALLS))), gaps)

    first, second = one(GAPS), one(GAPS)
    match draw(st.sampled_from(("", "", "", "whole", "configuration", "function", "variadic", "pasted"))):
        case "whole":
            macros, first = f"#define GO@ {one(GAPS_IN_MACROS)}\n", "GO@"
        case "configuration":
            brackets = ", ".join(draw(_configurations()))
            macros = f"#define CONFIGURATION@ <<<{brackets} >>>\n#define ARGUMENTS@ (out, n)\n"
            first = f"{name} CONFIGURATION@ ARGUMENTS@"
        case "function":
            grid, block = (draw(st.sampled_from(COUNTS)) for _ in range(2))
            macros = "#define LAUNCH@(kernel, grid, block, ...) kernel<<<grid, block>>>(__VA_ARGS__)\n"
            first = f"LAUNCH@(({name}), ({grid}), ({block}), out, n)"
        case "variadic":
            macros = "#define RUN@(...)  \\\n  do {  \\\n    __VA_ARGS__;  \\\n  } while (0)\n"
            first = f"[&] {{ RUN@({one(GAPS[:6])}); }}()"
        case "pasted" if name.isidentifier():
            macros = f"#define PASTE@(x, y) x##y\n#define CAT@(x, y) PASTE@(x, y)\n#define HALF@ {name[:-1]}\n"
            first = first.replace(name, f"CAT@(HALF@, {name[-1]})" if name[1:] else name, 1)
    context = draw(st.sampled_from(CONTEXTS))
    statements += re.sub(r"\b[LM]\b", lambda found: first if found[0] == "L" else second, context) + "\n"
    if dependent == "function":
        declaration += f"\ntemplate <typename T, int M> void run(T* out, int n) {{\n{statements}}}"
        statements = "run<float, 3>(out, n);\n"
    elif dependent == "class":
        declaration += (
            f"\ntemplate <typename T> struct Runner {{\n  T* out;\n  int n;\n"
            f"  template <int M> void run() {{\n{statements}}}\n}};"
        )
        statements = "Runner<float>{out, n}.template run<4>();\n"
    everything = declaration + statements + macros
    helpers = [text for word, text in HELPERS if re.search(rf"\b({word})\b", everything)]
    return Part(
        title="a drawn launch",
        statements=statements,
        before="".join(f"{line}\n" for line in [*helpers, macros + declaration]),
    )


BROKEN: tuple[tuple[str, str], ...] = (
    ("<<<", "<<"), (">>>", ">>"), (">>>", ">>>>"), ("<<<", "<<<<"), ("<<<", "< <<"), (">>>", ">>>,"),
    (")", ""), ("(", ""), ("out", "missing"), ("n", "a"), ("k", "missing"), ("k", "n"), (",", ";"),
    (",", ",,"), (";", ""), ("{", ""), ("}", "}}"), ("float", "double"), ("int", "float*"),
    ("__global__", "__device__"),
    ("__global__", ""), ("__global__", "__host__ __device__"), ("template", ""), ("typename", ""), ("constexpr", ""),
    ("void", "int"), ("static", ""), ("<<<", "<<<1, "), ("out, n", "out"), ("out, n", "out, n, n"), ("dim3", "uint3"),
    ("\"", ""), ("/*", ""), ("*/", ""), ("\\\n", "\n"), ("#define", "#undef"), (">", ">>"), ("::", ":"),
)  # fmt: skip
"""A text in a part and what to put in its place, to make a source that may not compile."""


@st.composite
def broken_launches(draw: st.DrawFn) -> Part:
    """A drawn launch with one mistake. Some mistakes do no harm: nvcc decides."""
    part = draw(launches())
    fitting = [(old, new) for old, new in BROKEN if old in part.before + part.statements]
    old, new = draw(st.sampled_from(fitting))
    where = draw(st.sampled_from([name for name in ("before", "statements") if old in getattr(part, name)]))
    text = getattr(part, where)
    places = [found.start() for found in re.finditer(re.escape(old), text)]
    at = draw(st.sampled_from(places))
    broken = text[:at] + new + text[at + len(old) :]
    return replace(part, title=f"a drawn launch with {new!r} for {old!r}", **{where: broken})


# ---- Sources ----

BLOCKS = (
    (),
    ("cuda_fp16.h", "cuda_bf16.h", "type_traits"),
    (
        "vector", "algorithm", "array", "utility", "type_traits", "cmath", "cstdint", "limits", "cfloat", "float.h",
        "climits", "cstdio", "stdio.h", "cstdlib", "cassert", "math_constants.h", "math.h",
    ),
)  # fmt: skip
"""Headers that sources include together. There are few, since reading a new set of headers takes a second."""


@st.composite
def sources(draw: st.DrawFn, fixed: Sequence[Part], wrong: Sequence[Part], any_headers: bool = False) -> Source:
    """A source of parts out of `fixed` and of drawn launches; one in four has a part that may not compile.

    It includes one of BLOCKS, or, with `any_headers`, what its parts need in whatever order that is.
    """
    block = tuple(f"#include <{name}>" for name in draw(st.sampled_from(BLOCKS)))
    fitting = [part for part in fixed if any_headers or set(part.includes) <= set(block)]
    chosen = draw(
        st.lists(
            st.one_of(st.sampled_from(fitting), launches()), min_size=2, max_size=6, unique_by=lambda part: part.text(0)
        )
    )
    if draw(st.integers(0, 3)) == 0:
        harmful = [part for part in wrong if any_headers or set(part.includes) <= set(block)]
        chosen += [draw(st.one_of(broken_launches(), st.sampled_from(harmful)))]
    layouts = [*["leading", "repeated", "dressed", "after a comment"] * 3, *HEADS, IN_PLACE]
    if not any_headers:
        layouts.remove("with CUDA's own")
    return Source(
        parts=tuple(chosen), layout=draw(st.sampled_from(layouts)), more_includes=() if any_headers else block
    )


def packed(chosen: Sequence[Part]) -> list[Source]:
    """Sources of a few of these parts each, which include what their parts need."""
    pasting = [part for part in chosen if part.pastes]
    without = [part for part in chosen if not part.includes and not part.pastes]
    with_ = sorted((part for part in chosen if part.includes and not part.pastes), key=lambda part: part.includes)
    return [
        Source(parts=tuple(group[start : start + size]))
        for group, size in ((pasting, 8), (without, 8), (with_, 3))
        for start in range(0, len(group), size)
    ]
