"""Where the stages and nvcc could part: what is done about each case is that nvcc has its way."""

from __future__ import annotations

import time

import pytest
from agreement import outcome

from cudagym.build.builder import Builder
from cudagym.build.declarations import words
from cudagym.build.stages import leading_includes
from cudagym.hardware import gpu
from cudagym.source import without_comments
from cudagym.specs import get

SPEC, CARD = get("vector_add_fp32"), gpu("h100")
TEMPLATE = """%s
__global__ void k(float* out, int n) { if (n == 0) out[0] = 1; }
extern "C" void solve(const float* a, const float* b, float* out, int n) {
%s
}
"""
CASES = {
    "stream object": ("#include <iostream>", 'std::cout << "x" << std::endl; k<<<1, 1>>>(out, n);'),
    "map": ("#include <map>", "std::map<int, int> m; m[3] = 4; k<<<1, m[3]>>>(out, n);"),
    "binding": (
        "#include <array>\ntemplate <class T> int q(T&) { return 4; }\n"
        "template <class T> int q(T (&)[1]) { return 7; }",
        "std::array<float, 1> r{1.f}; auto& [x] = r; k<<<1, q(x)>>>(out, n);",
    ),
    "deep recursion": (
        "int f(int n, int a) { return n ? f(n - 1, a + 1) : a; }",
        "k<<<1, f(1000000, 0) % 7>>>(out, n);",
    ),
    "dead call": ('extern "C" void nowhere();', "int z = 0; if (z) nowhere(); k<<<1, 1>>>(out, n);"),
    "cpu model": ("", '__builtin_cpu_init(); k<<<1, __builtin_cpu_supports("sse2") ? 2 : 3>>>(out, n);'),
    "include in a comment": ("/*\n#include <vector>\n*/", "std::vector<int> v(3); k<<<1, v.size()>>>(out, n);"),
    "include in a spliced comment": ("// x \\ \n#include <vector>", "std::vector<int> v(3); k<<<1, 3>>>(out, n);"),
    "no-break space": ("\u00a0#include <vector>", "std::vector<int> v(3); k<<<1, 3>>>(out, n);"),
    "include after a comment": ('int x;\n#/**/include "host.macros"', "k<<<1, 1>>>(out, n);"),
    "has include": (
        '#if __has_include("host.macros")\n#define N 2\n#else\n#define N 3\n#endif',
        "k<<<1, N>>>(out, n);",
    ),
    "include after it failed": ('#if 1\n#include "host.macros"\n#endif', "k<<<1, 1>>>(out, n);"),
    "warning as error": (
        '#pragma GCC diagnostic error "-Wreturn-type"\nint ff(int x) { if (x > 3) return 2; }',
        "k<<<1, 1>>>(out, n);",
    ),
    "spliced name": ('extern "C" float cudaGetErr\\\norString(int) { return 1; }', "k<<<1, 1>>>(out, n);"),
    "pasted name": (
        "#define CAT(a, b) a##b\ntemplate <class T> auto f(T t, int) -> decltype(CAT(rcb, rtf)(t), 1) { return 2; }\n"
        "template <class T> int f(T t, long) { return 3; }",
        "k<<<1, f(1.f, 0)>>>(out, n);",
    ),
}


def test_nvcc_has_its_way() -> None:
    items = [(SPEC, TEMPLATE % parts) for parts in CASES.values()]
    outcomes = []
    for builder in (Builder(via="stages"), Builder(via="nvcc")):
        builds = builder.build_many(items, CARD)
        outcomes.append([outcome(build, builder, SPEC, [{"n": 5}], CARD) for build in builds])
    different = {
        name: [
            (key, ours.get(key), theirs.get(key))
            for key in ours.keys() | theirs.keys()
            if ours.get(key) != theirs.get(key)
        ]
        for name, ours, theirs in zip(CASES, *outcomes, strict=True)
        if ours != theirs
    }
    assert not different


@pytest.mark.parametrize(
    "unit", ['"\\', "'\\", "/*", '"a', "1.", "#\n", "# ", "//", "\\", "#include <a>\n", "/*/", "a5"]
)
def test_no_source_makes_reading_it_slow(unit: str) -> None:
    """Sources of 240 KB took minutes where a pattern starts again inside of what it has seen."""
    source = unit * (240_000 // len(unit))
    start = time.process_time()
    words(without_comments(source))
    leading_includes(source)
    assert time.process_time() - start < 5


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("#include <a.h>\n// x\n#include <b/c.h> // y\nint i;", ("a.h", "b/c.h")),
        ("/* #include <a.h>\n*/ #include <b>\r\nint i;", ("b",)),
        ("#include <a>\n#include <a>\n", ("a",)),
        ("int i;", ()),
    ],
)
def test_leading_includes_leave_blank_lines(source: str, names: tuple[str, ...]) -> None:
    found = leading_includes(source)
    assert found is not None
    assert found[0] == names
    assert found[1].count("\n") == source.count("\n")
    assert "int i;" in found[1] or "int i;" not in source


@pytest.mark.parametrize(
    "source",
    ['#include "a.h"\n', "#include </etc/passwd>\n", "#include <../x>\n", "int i;\n#include <a>\n", "#include <a> b\n"],
)
def test_other_includes_are_left_to_nvcc(source: str) -> None:
    assert leading_includes(source) is None
