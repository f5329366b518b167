"""Random straight-line and branching kernels, built by the real compiler, against a Python evaluation."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from machine_code import Code

if TYPE_CHECKING:
    from machine_code import Builds

KERNELS = 24
MASK = 0xFFFFFFFF


def signed(x: int) -> int:
    return (x & MASK) - ((x & MASK) >> 31 << 32)


BINARY: dict[str, Callable[[int, int], int]] = {
    "({a} + {b})": lambda a, b: a + b,
    "({a} - {b})": lambda a, b: a - b,
    "({a} * {b})": lambda a, b: a * b,
    "({a} & {b})": lambda a, b: a & b,
    "({a} | {b})": lambda a, b: a | b,
    "({a} ^ {b})": lambda a, b: a ^ b,
    "({a} << ({b} & 31))": lambda a, b: a << (b & 31),
    "({a} >> ({b} & 31))": lambda a, b: a >> (b & 31),
    "((int){a} >> ({b} & 31))": lambda a, b: signed(a) >> (b & 31),
    "({a} / ({b} | 1))": lambda a, b: a // (b | 1),
    "({a} % ({b} | 1))": lambda a, b: a % (b | 1),
    "((int){a} < (int){b} ? {a} : {b})": lambda a, b: min(a, b, key=signed),
    "({a} > {b} ? {a} : {b})": max,
    "__funnelshift_r({a}, {b}, 7)": lambda a, b: (b << 32 | a) >> 7,
    "__umulhi({a}, {b})": lambda a, b: a * b >> 32,
    "(__popc({a}) + __clz({b}))": lambda a, b: a.bit_count() + 32 - b.bit_length(),
    "(unsigned)((unsigned long long){a} * {b} >> 13)": lambda a, b: a * b >> 13,
}
State = list[int]
Step = Callable[[State], None]


class Writer:
    """Writes statements over four variables as CUDA C++, and the same as a Python function."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def block(self, depth: int) -> tuple[str, Step]:
        parts = [self.statement(depth) for _ in range(self.random.randint(2, 5))]

        def run(state: State) -> None:
            for _, step in parts:
                step(state)

        return "".join(text for text, _ in parts), run

    def statement(self, depth: int) -> tuple[str, Step]:
        kind = self.random.random()
        if depth == 0 or kind < 0.6:
            return self.assignment()
        v, bit = self.random.randrange(4), self.random.randrange(8)
        body, run = self.block(depth - 1)
        if kind < 0.8:
            other, run_other = self.block(depth - 1)

            def branch(state: State) -> None:
                (run if state[v] >> bit & 1 else run_other)(state)

            return f"if (v{v} >> {bit} & 1) {{ {body} }} else {{ {other} }}\n", branch

        def loop(state: State) -> None:
            for _ in range(state[v] >> bit & 3):
                run(state)

        counter = f"i{self.random.randrange(10**9)}"
        text = f"for (unsigned {counter} = v{v} >> {bit} & 3; {counter} > 0; {counter}--) {{ {body} }}\n"
        return text, loop

    def assignment(self) -> tuple[str, Step]:
        target, a, b = (self.random.randrange(4) for _ in range(3))
        form, compute = self.random.choice(list(BINARY.items()))
        literal = self.random.choice([None, self.random.getrandbits(32), self.random.randrange(16)])

        def assign(state: State) -> None:
            state[target] = compute(state[a], state[b] if literal is None else literal) & MASK

        right = f"v{b}" if literal is None else f"{literal}u"
        return f"v{target} = {form.format(a=f'v{a}', b=right)};\n", assign


def test_random_kernels(builds: Builds) -> None:
    sources, runs = [], []
    for seed in range(KERNELS):
        body, run = Writer(seed).block(3)
        runs.append(run)
        sources.append(
            f'extern "C" __global__ void random_{seed}(const unsigned* x, unsigned* out) {{\n'
            "int t = blockIdx.x * blockDim.x + threadIdx.x;\n"
            "unsigned v0 = x[t], v1 = x[t + 96], v2 = t, v3 = blockDim.x;\n"
            f"{body}out[t] = v0 ^ v1 * 3 ^ v2 * 5 ^ v3 * 7;\n}}\n"
        )
    code = Code(builds.compile("".join(sources), "random"), builds.machine)
    x = np.random.default_rng(3).integers(0, 2**32, 192, np.uint32)
    x[:8] = [0, 1, 2, MASK, MASK - 1, 1 << 31, 31, 32]
    for seed, run in enumerate(runs):
        out = np.zeros(96, np.uint32)
        code.run(f"random_{seed}", 2, 48, x, out)
        for t in range(96):
            state = [int(x[t]), int(x[t + 96]), t, 48]
            run(state)
            v0, v1, v2, v3 = state
            assert out[t] == (v0 ^ v1 * 3 ^ v2 * 5 ^ v3 * 7) & MASK, f"kernel {seed}, thread {t}"
