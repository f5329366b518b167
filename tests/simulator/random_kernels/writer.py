"""Random structured kernels, as hypothesis draws them: one text that nvcc and a C++ compiler both read.

Four words, two floats and a small array per thread; nested branches and loops whose trip counts differ by lane, break,
continue and early returns; and, where all threads of a block still run together, barriers, exchange through shared
memory, atomics and shuffles. Everything is unsigned and in bounds, so that no result is left to a compiler.
"""

from __future__ import annotations

from typing import NamedTuple

from hypothesis import strategies as st

WORDS, FLOATS, THREADS = 4, 2, 64

_BINARY = (
    "{a} + {b}", "{a} - {b}", "{a} * {b}", "{a} & {b}", "{a} | {b}", "{a} ^ {b}", "{a} << ({b} & 31)",
    "{a} >> ({b} & 31)", "(unsigned)((int){a} >> ({b} & 31))", "{a} / ({b} | 1)", "{a} % ({b} | 1)",
    "(int){a} < (int){b} ? {a} : {b}", "{a} > {b} ? {a} : {b}", "__umulhi({a}, {b})", "__popc({a}) + __clz({b})",
    "__funnelshift_l({a}, {b}, 7)", "__funnelshift_l({a}, {b}, {a})", "__brev({a}) ^ {b}",
    "(unsigned)((unsigned long long){a} * {b} >> 13)", "(unsigned)((int)(short){a} * (signed char){b})",
    "({a} & {b}) | (~{a} & 0x5a5a5a5au)", "(unsigned char){a} * (unsigned short){b}",
)  # fmt: skip
_FLOAT = (
    "{x} + {y}", "{x} - {y}", "{x} * {y}", "{x} / {y}", "fmaf({x}, {y}, {x})", "{x} < {y} ? {x} : {y}", "-{x}",
    "sqrtf({x} * {x})", "fabsf({x}) + {y}", "(float)(int){a}", "(float){a} * {y}", "floorf({x}) * {y}",
    "(float)((double){x} * 1.25 + {y})",
)  # fmt: skip
_TOGETHER = (
    "shared[threadIdx.x] = {a}; __syncthreads(); {v} = shared[({b} + threadIdx.x) & 63]; __syncthreads();",
    "shared[threadIdx.x] = {a}; __syncthreads(); {v} ^= shared[threadIdx.x ^ {k}]; __syncthreads();",
    "atomicAdd(&total[{a} & 7], {b}); __syncthreads(); {v} += total[{k} & 7]; __syncthreads();",
    "atomicMax(&total[{a} & 7], {b}); __syncthreads(); {v} ^= total[{b} & 7]; __syncthreads();",
    "atomicXor(&total[{k} & 7], {a}); __syncthreads(); {v} = total[{k} & 7]; __syncthreads();",
)
_SHUFFLES = (
    "{v} += __shfl_xor_sync(~0u, {a}, {k} & 31);", "{v} ^= __shfl_down_sync(~0u, {a}, {k} & 31);",
    "{v} -= __shfl_up_sync(~0u, {a}, {k} & 31);", "{v} = __shfl_sync(~0u, {a}, {b} & 31);",
    "{v} ^= __ballot_sync(~0u, {a} < {b});", "{v} += __reduce_add_sync(~0u, {a});",
)  # fmt: skip


class Scope(NamedTuple):
    """Where a statement stands. `together`: all threads of the block get there that have not returned."""

    depth: int
    together: bool
    whole: bool
    """No thread can have returned."""
    loop: bool = False

    def inner(self, **change: bool) -> Scope:
        return self._replace(depth=self.depth - 1, **change)


@st.composite
def kernels(draw: st.DrawFn) -> str:
    """The body of a kernel."""
    pick = lambda options: draw(st.sampled_from(options))  # noqa: E731
    number = lambda most: draw(st.integers(0, most))  # noqa: E731
    counters = iter(range(10**6))
    returned = [False]

    def fill(template: str) -> str:
        word = f"{draw(st.sampled_from([1, 2, 3, 31, 255, 65537, 0x80000000, 0xFFFFFFFF]))}u"
        names = {"v": f"v{number(3)}", "a": f"v{number(3)}", "b": word if number(3) == 0 else f"v{number(3)}"}
        return template.format(**names, x=f"f{number(1)}", y=f"f{number(1)}", k=number(63))

    def block(scope: Scope) -> str:
        return "".join(statement(scope) for _ in range(1 + number(3)))

    def statement(scope: Scope) -> str:
        scope = scope._replace(whole=scope.whole and not returned[0])
        kinds = ["word"] * 4 + ["float", "array"]
        if scope.together:
            kinds += ["together"] * 2 + (["shuffle"] * 2 if scope.whole else [])
        if scope.depth:
            kinds += ["if"] * 2 + ["for", "while", "switch"] + (["all if", "all for"] if scope.together else [])
        if scope.loop:
            kinds += ["leave"]
        if scope.depth < 3 and not scope.loop:
            kinds += ["return"]
        kind = pick(kinds)
        apart = scope.inner(together=False)
        condition = f"(v{number(3)} >> {number(7)} & 1)"
        if kind == "word":
            return fill("{v} = ") + fill(pick(_BINARY)) + ";\n"
        if kind == "float":
            return f"f{number(1)} = {fill(pick(_FLOAT))};\n"
        if kind == "array":
            return fill(pick(["array[{a} & 3] = {b};\n", "{v} ^= array[{a} & 3];\n", "{v} += bits({x});\n"]))
        if kind in ("together", "shuffle"):
            return fill(pick(_TOGETHER if kind == "together" else _SHUFFLES)) + "\n"
        if kind == "if":
            other = f"else {{\n{block(apart)}}}\n" if number(1) else ""
            return f"if {condition} {{\n{block(apart)}}} {other}"
        if kind == "all if":
            return f"if (n & {1 << number(3)}) {{\n{block(scope.inner())}}} else {{\n{block(scope.inner())}}}\n"
        if kind == "switch":
            cases = "".join(f"case {k}: {{\n{block(apart._replace(loop=False))}}} break;\n" for k in range(3))
            return f"switch (v{number(3)} & 3) {{\n{cases}}}\n"
        if kind == "return":
            returned[0] = True
            return f"if ({condition} && v{number(3)} % 5 == 0) {{ FINISH; return; }}\n"
        if kind == "leave":
            return f"if {condition} {pick(['break', 'continue'])};\n"
        i = f"i{next(counters)}"
        if kind == "for":
            turns = f"(v{number(3)} >> {number(7)} & 3)"
            return f"for (unsigned {i} = {turns}; {i} > 0; {i}--) {{\n{block(apart._replace(loop=True))}}}\n"
        if kind == "all for":
            return f"for (unsigned {i} = 0; {i} < (n & 3); {i}++) {{\n{block(scope.inner(whole=False))}}}\n"
        step = f"if (++{i} > 5) break;"
        return f"{{ unsigned {i} = 0; while {condition} {{ {step}\n{block(apart._replace(loop=True))}}} }}\n"

    return block(Scope(depth=3, together=True, whole=True)) + block(Scope(depth=2, together=True, whole=True))


PRELUDE = """static __device__ __forceinline__ unsigned bits(float x) {
    return x == x ? __float_as_uint(x) : 0x7fc00000u;
}
#define FINISH out[2 * t] = v0 ^ v1 * 3 ^ v2 * 5 ^ v3 * 7; out[2 * t + 1] = bits(f0) ^ bits(f1) * 3 ^ array[1] * 5
"""


def source(bodies: list[str]) -> str:
    """Kernels k0, k1, ... with these bodies."""
    text = [PRELUDE]
    for k, body in enumerate(bodies):
        text.append(
            f'extern "C" __global__ void k{k}(const unsigned* x, unsigned* out, unsigned n) {{\n'
            f"__shared__ unsigned shared[{THREADS}], total[8];\n"
            "unsigned t = blockIdx.x * blockDim.x + threadIdx.x;\n"
            "unsigned v0 = x[t], v1 = x[t + 128], v2 = t, v3 = n;\n"
            "float f0 = (float)(int)x[t] * 0x1p-20f, f1 = 1.5f + threadIdx.x;\n"
            "unsigned array[4] = {v0, v1, n, 77};\n"
            "shared[threadIdx.x] = t; if (threadIdx.x < 8) total[threadIdx.x] = v0; __syncthreads();\n"
            f"{body}FINISH;\n}}\n"
        )
    return "".join(text)
