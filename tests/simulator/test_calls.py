"""Function pointers, virtual functions, recursion, the heap and CUDA's own functions, against plain Python."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from machine_code import KERNELS
from numpy.typing import NDArray

from cudagym.errors import Unsupported
from cudagym.simulator import ptx
from cudagym.simulator.flow import flow_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from machine_code import Builds, Code

RNG = np.random.default_rng(29)


@pytest.fixture
def code(builds: Builds) -> Code:
    return builds["calls"]


def ints(n: int, low: int, high: int) -> NDArray[np.int32]:
    return RNG.integers(low, high, n, np.int32)


def line_of(mark: str) -> int:
    lines = (KERNELS / "calls.cu").read_text().splitlines()
    (found,) = [number for number, line in enumerate(lines, 1) if f"// line: {mark}" in line]
    return found


def fold(a: int, b: int) -> int:
    for i in range(b % 7):
        a = a * 3 - i
    return a - b


FUNCTIONS: list[Callable[[int, int], int]] = [lambda a, b: a + b, lambda a, b: a * b, fold]


def test_functions_in_a_table(code: Code) -> None:
    x, out = ints(64, 0, 200), np.zeros(64, np.int32)
    code.run("from_table", 1, 64, x, out)
    assert out.tolist() == [FUNCTIONS[v % 3](v, i) + 2 * v for i, v in enumerate(x.tolist())]


@pytest.mark.parametrize("k", [0, 1])
def test_functions_chosen_by_each_thread(code: Code, k: int) -> None:
    x, out = ints(64, 0, 200), np.full(64, -9, np.int32)
    code.run("chosen", 1, 64, x, out, k)
    chosen = [fold if v > 100 else FUNCTIONS[1 - k] for v in x.tolist()]
    assert out.tolist() == [f(v, i) if v % 5 else -9 for i, (f, v) in enumerate(zip(chosen, x.tolist(), strict=True))]


@pytest.mark.parametrize("pointer", [0, 12345, 1 << 44, (1 << 43) + 17])
def test_a_pointer_to_no_function_is_a_fault(code: Code, pointer: int) -> None:
    fault = code.fault("through_any", 1, 1, pointer, np.zeros(1, np.int32))
    assert (fault.kind, fault.line) == ("trap", line_of("through_any"))
    assert "pointer" in fault.message


def area(kind: int, v: float, k: float) -> float:
    if kind == 0:
        return v * v * k
    if kind == 1:
        return 3 * (v + 1) * (v + 1) + k
    first, second = (0, 1) if kind == 2 else (1, 2)
    return area(first, v, k) * 10 + area(second, v, k + 1)


def test_virtual_functions_that_call_virtual_functions(code: Code) -> None:
    x, out = ints(32, 0, 20).astype(np.float32), np.zeros((2, 32), np.float32)
    code.run("shapes", 1, 32, x, out)
    kinds = [int(v) & 3 for v in x]
    assert out[0].tolist() == [area(kind, v, i) for i, (kind, v) in enumerate(zip(kinds, x, strict=True))]
    assert out[1].tolist() == [
        area(kind, v, i) + area(kind, v, -i) for i, (kind, v) in enumerate(zip(kinds, x, strict=True))
    ]


def test_objects_made_and_deleted(code: Code) -> None:
    """More in all than the heap holds at once."""
    x, out = ints(256, 0, 4).astype(np.float32), np.zeros(256, np.float32)
    code.run("made_and_deleted", 1, 256, x, out)
    for v, s in zip(x, out, strict=True):
        want = np.float32(0)
        for k in range(2000):
            want += np.float32(v * v * k if (int(v) + k) & 1 else 3 * v * v + k)
        assert s == want


def test_recursion(code: Code) -> None:
    x, out = ints(32, 0, 14), np.zeros(32, np.int32)
    code.run("fibonaccis", 1, 32, x, out)
    numbers = [0, 1]
    while len(numbers) < 14:
        numbers.append(numbers[-1] + numbers[-2])
    assert out.tolist() == [numbers[v] for v in x]


def test_calls_within_very_many_calls_are_named_as_such() -> None:
    functions = [".func f0() { ret; }", *(f".func f{k}() {{ call f{k - 1}, (); ret; }}" for k in range(1, 2000))]
    entry = ".visible .entry deep() { call f1999, (); ret; }"
    module = ptx.parse("\n".join([".version 9.0", ".target sm_90a", ".address_size 64", *functions, entry]))
    with pytest.raises(Unsupported, match="calls within more than 64 calls"):
        flow_of(module, module.functions["deep"])


def test_mutual_recursion(code: Code) -> None:
    x, out = ints(64, 0, 60), np.full(64, 7, np.int32)
    code.run("parity", 1, 64, x, out)
    assert out.tolist() == [int(v % 2 == 0) if v % 3 else 7 for v in x.tolist()]


def test_recursion_with_arrays(code: Code) -> None:
    x, out = ints(32 * 24, 0, 1000).reshape(32, 24), np.zeros((32, 24), np.int32)
    code.run("merge_sorts", 1, 32, x, out, 24)
    for t in range(32):
        n = 24 - t % 8
        assert out[t, :n].tolist() == sorted(x[t, :n].tolist())


def test_recursion_that_is_too_deep(code: Code) -> None:
    x, out = np.full(1, 10**6 + 1, np.int32), np.zeros(1, np.int32)
    fault = code.fault("parity", 1, 1, x, out)
    assert fault.kind == "out_of_bounds"
    assert "stack" in fault.message


@pytest.mark.parametrize("n", [1, 10, 300])
def test_memory_of_the_heap(code: Code, n: int) -> None:
    x, out = ints(64, 0, 50), np.zeros(64, np.int32)
    code.run("heap", 3, 64, x, out, n)
    assert out.tolist() == [(v + n - 1) * 7 + v for v in x.tolist()]


def test_faults_of_the_heap(code: Code) -> None:
    out = np.zeros(1, np.int32)
    code.run("heap_over", 1, 1, out, 9)
    far = code.fault("heap_over", 1, 1, out, 8 << 20)
    assert (far.kind, far.buffer) == ("out_of_bounds", "the heap")
    code.run("freed_twice", 1, 1, out, 1)
    twice = code.fault("freed_twice", 1, 1, out, 2)
    assert (twice.kind, twice.line) == ("trap", line_of("freed_twice"))
    assert "malloc" in twice.message


def test_a_full_heap_gives_null(code: Code) -> None:
    out = np.full(3, 5, np.uint64)
    code.run("heap_full", 1, 1, out)
    assert out.tolist() == [8, 0, 0]


def test_arrays_whose_size_is_known_late(code: Code) -> None:
    x, out = ints(32, 0, 40), np.zeros(32, np.int32)
    code.run("room_on_the_stack", 1, 32, x, out, 500)

    def once(n: int, v: int) -> int:
        s = 0
        for k in range(n):
            s = s * 3 + v * (k * 7 % n)
        return s

    want = [sum(once(v % 20 + 1, k) for k in range(500)) for v in x.tolist()]
    assert out.tolist() == [(w + 2**31) % 2**32 - 2**31 for w in want]


def test_printf_returns_its_number_of_arguments(code: Code) -> None:
    out = np.zeros(2, np.int32)
    code.run("says", 1, 1, out)
    assert out.tolist() == [0, 4]


def test_assertions_say_what_they_asked(code: Code) -> None:
    x = np.full(32, 4, np.int32)
    code.run("asserts", 1, 32, x)
    x[7] = 3
    fault = code.fault("asserts", 1, 32, x)
    assert (fault.kind, fault.line, fault.thread) == ("trap", line_of("asserts"), (7, 0, 0))
    assert 'x[threadIdx.x] > 3 && "too small"' in fault.message
    assert "asserts(const int *)" in fault.message


def test_all_warps_read_one_timer(code: Code) -> None:
    out = np.zeros(4, np.uint64)
    code.run("one_timer", 1, 128, out)
    assert (np.diff(out.astype(np.int64)) > 0).all()


def test_clocks_and_what_stands_for_clusters(code: Code) -> None:
    out = np.zeros(14, np.uint64)
    code.run("timers", 1, 33, out, shared=64)
    assert out.tolist() == [1, 1, 0, 1, 0, 1, 0, 1, 64, 64, 2, 132, 64, 0]
