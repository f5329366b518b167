"""Matrix instructions: fragments against the tables of the PTX ISA, products against numpy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest
import torch
from machine_code import KERNELS, Code
from numpy.typing import NDArray

from cudagym.device import Counters
from cudagym.errors import Unsupported

if TYPE_CHECKING:
    from machine_code import Builds

Array = NDArray[Any]
Place = Callable[[int, int, int], tuple[int, int]]
RNG = np.random.default_rng(11)
LANES = 32

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

# ---- numbers ----

BITS = {"f16": 16, "bf16": 16, "tf32": 32, "e4m3": 8, "e5m2": 8, "s8": 8, "u8": 8, "s4": 4, "u4": 4, "b1": 1,
        "f64": 64, "f32": 32, "s32": 32}  # fmt: skip
TORCH = {"bf16": torch.bfloat16, "e4m3": torch.float8_e4m3fn, "e5m2": torch.float8_e5m2}
MANTISSA = {"f16": 11, "bf16": 8, "tf32": 11, "e4m3": 4, "e5m2": 3, "f32": 24, "f64": 53}


def encode(values: Array, type_: str) -> Array:
    """Values as the bits of a type, one 64-bit integer each."""
    if type_ in TORCH:
        narrow = torch.from_numpy(values.astype(np.float32)).to(TORCH[type_])
        return (
            narrow.view(torch.uint8 if BITS[type_] == 8 else torch.int16)
            .numpy()
            .view(f"u{BITS[type_] // 8}")
            .astype(np.uint64)
        )
    if type_[0] in "su" or type_ == "b1":
        return values.astype(np.int64).view(np.uint64) & np.uint64((1 << BITS[type_]) - 1)
    dtype = {"f16": np.float16, "f64": np.float64}.get(type_, np.float32)
    return values.astype(dtype).view(f"u{np.dtype(dtype).itemsize}").astype(np.uint64)


def decode(bits: Array, type_: str) -> Array:
    """The values that bits stand for, exact, as float64 or int64."""
    width = BITS[type_]
    if type_ in TORCH:
        whole = torch.from_numpy(bits.astype(f"u{width // 8}").view(f"i{width // 8}"))
        return whole.view(TORCH[type_]).to(torch.float64).numpy()
    if type_ == "tf32":
        return (bits.astype(np.uint32) & np.uint32(0xFFFFE000)).view(np.float32).astype(np.float64)
    if type_[0] == "s":
        return (bits << np.uint64(64 - width)).view(np.int64) >> (64 - width)
    if type_[0] == "u" or type_ == "b1":
        return bits.astype(np.int64)
    dtype = {"f16": np.float16, "f64": np.float64}.get(type_, np.float32)
    return bits.astype(f"u{width // 8}").view(dtype).astype(np.float64)


def small(type_: str, *shape: int) -> Array:
    """Integers so small that every sum is exact in every accumulator."""
    if type_ == "b1" or type_[0] == "u":
        return RNG.integers(0, 2 if type_ == "b1" else 16, shape)
    return RNG.integers(-4, 5, shape)


def whole_range(type_: str, *shape: int) -> Array:
    """Any integer of the type, or normal random numbers."""
    if type_[0] in "su":
        low = -(1 << (BITS[type_] - 1)) if type_[0] == "s" else 0
        return RNG.integers(low, low + (1 << BITS[type_]), shape)
    return small(type_, *shape) if type_ == "b1" else RNG.normal(size=shape)


# ---- the tables of the PTX ISA: row and column of element i of the thread with group id g and place t in it ----


def is_upper(i: int, n: int) -> int:
    """8 for those of each 2 n elements that lie in the lower half of the rows."""
    return 8 if i % (2 * n) >= n else 0


A_PLACES: dict[tuple[int, int, int], dict[int, Place]] = {
    (8, 8, 16): {8: lambda g, t, i: (g, 4 * t + i)},
    (8, 8, 32): {4: lambda g, t, i: (g, 8 * t + i)},
    (8, 8, 128): {1: lambda g, t, i: (g, 32 * t + i)},
    (8, 8, 4): {64: lambda g, t, i: (g, t)},
    (16, 8, 4): {32: lambda g, t, i: (g + 8 * i, t), 64: lambda g, t, i: (g + 8 * i, t)},
    (16, 8, 8): {
        16: lambda g, t, i: (g if i < 2 else g + 8, 2 * t + (i & 1)),
        32: lambda g, t, i: (g if i in (0, 2) else g + 8, t if i in (0, 1) else t + 4),
        64: lambda g, t, i: (g if i in (0, 2) else g + 8, t if i in (0, 1) else t + 4),
    },
    (16, 8, 16): {
        16: lambda g, t, i: (g if i in (0, 1, 4, 5) else g + 8, 2 * t + (i & 1) + (0 if i < 4 else 8)),
        8: lambda g, t, i: (g if i < 4 else g + 8, 4 * t + (i & 3)),
        64: lambda g, t, i: (g + 8 * (i % 2), (2 * i if i % 2 == 0 else 2 * i - 2) + t),
    },
    (16, 8, 32): {
        8: lambda g, t, i: (g + is_upper(i, 4), 4 * t + (i & 3) + (0 if i < 8 else 16)),
        4: lambda g, t, i: (g if i < 8 else g + 8, 8 * t + (i & 7)),
    },
    (16, 8, 64): {4: lambda g, t, i: (g + is_upper(i, 8), 8 * t + (i & 7) + (0 if i < 16 else 32))},
    (16, 8, 128): {1: lambda g, t, i: (g if i < 32 else g + 8, 32 * t + (i & 31))},
    (16, 8, 256): {1: lambda g, t, i: (g + is_upper(i, 32), 32 * t + (i & 31) + (0 if i < 64 else 128))},
}
"""By shape and bits of an element."""
B_PLACES: dict[tuple[int, int], Place] = {
    (4, 64): lambda g, t, i: (t, g),
    (4, 32): lambda g, t, i: (t, g),
    (8, 16): lambda g, t, i: (2 * t + i, g),
    (8, 32): lambda g, t, i: (t if i == 0 else t + 4, g),
    (8, 64): lambda g, t, i: (t + 4 * i, g),
    (16, 64): lambda g, t, i: (t + 4 * i, g),
    (16, 16): lambda g, t, i: (2 * t + (i & 1) + (0 if i < 2 else 8), g),
    (16, 8): lambda g, t, i: (4 * t + i, g),
    (32, 8): lambda g, t, i: (4 * t + (i & 3) + (0 if i < 4 else 16), g),
    (32, 4): lambda g, t, i: (8 * t + i, g),
    (64, 4): lambda g, t, i: (8 * t + (i & 7) + (0 if i < 8 else 32), g),
    (128, 1): lambda g, t, i: (32 * t + i, g),
    (256, 1): lambda g, t, i: (32 * t + (i & 31) + (0 if i < 32 else 128), g),
}
"""By k and bits of an element."""
C_PLACES: dict[int, Place] = {
    8: lambda g, t, i: (g, 2 * t + i),
    16: lambda g, t, i: (g if i < 2 else g + 8, 2 * t + (i & 1)),
}


def elements(place: Place, count: int) -> Iterator[tuple[int, int, int, int]]:
    for lane in range(LANES):
        for i in range(count):
            yield lane, i, *place(lane >> 2, lane % 4, i)


def pack(matrix: Array, type_: str, place: Place) -> Array:
    """The registers of a fragment: [register][lane]."""
    bits, width = encode(matrix, type_), BITS[type_]
    size = max(32, width)
    count = matrix.size // LANES
    registers = np.zeros((count * width // size, LANES), f"u{size // 8}")
    for lane, i, row, column in elements(place, count):
        registers[i * width // size, lane] |= registers.dtype.type(int(bits[row, column]) << i * width % size)
    return registers


def unpack(registers: Array, type_: str, place: Place, shape: tuple[int, int]) -> Array:
    """The bits of the matrix that a fragment holds."""
    width, size = BITS[type_], 8 * registers.dtype.itemsize
    bits = np.zeros(shape, np.uint64)
    for lane, i, row, column in elements(place, shape[0] * shape[1] // LANES):
        word = int(registers[i * width // size, lane])
        bits[row, column] = word >> i * width % size & (1 << width) - 1
    return bits


# ---- mma ----


class Form(NamedTuple):
    """One instruction."""

    m: int
    n: int
    k: int
    d: str
    a: str
    b: str
    c: str
    extra: str = ""

    @property
    def name(self) -> str:
        return f"m{self.m}n{self.n}k{self.k}_{self.d}_{self.a}_{self.b}_{self.c}{self.extra.replace('.', '_')}"

    @property
    def text(self) -> str:
        shape = f"m{self.m}n{self.n}k{self.k}.row.col"
        types = f"{self.d}.{self.a}.{self.b}.{self.c}"
        if self.extra in (".and", ".xor"):
            return f"mma.sync.aligned.{shape}.{types}{self.extra}.popc"
        return f"mma.sync.aligned.{shape}{self.extra}.{types}"

    def places(self) -> tuple[Place, Place, Place]:
        bits = BITS[self.a]
        return A_PLACES[self.m, self.n, self.k][bits], B_PLACES[self.k, bits], C_PLACES[self.m]


def integer_forms() -> Iterator[Form]:
    for types, shapes in (
        (("s8", "u8"), ((8, 8, 16), (16, 8, 16), (16, 8, 32))),
        (("s4", "u4"), ((8, 8, 32), (16, 8, 32), (16, 8, 64))),
    ):
        for shape in shapes:
            for a in types:
                for b in types:
                    yield Form(*shape, "s32", a, b, "s32")
                    yield Form(*shape, "s32", a, b, "s32", ".satfinite")
    for shape in ((8, 8, 128), (16, 8, 128), (16, 8, 256)):
        for operation in (".and", ".xor"):
            yield Form(*shape, "s32", "b1", "b1", "s32", operation)


def float_forms() -> Iterator[Form]:
    for k in (8, 16):
        for accumulator in ("f16", "f32"):
            yield Form(16, 8, k, accumulator, "f16", "f16", accumulator)
        yield Form(16, 8, k, "f32", "bf16", "bf16", "f32")
    for k in (4, 8):
        yield Form(16, 8, k, "f32", "tf32", "tf32", "f32")
    for k in (16, 32):
        for a in ("e4m3", "e5m2"):
            for b in ("e4m3", "e5m2"):
                for accumulator in ("f16", "f32"):
                    yield Form(16, 8, k, accumulator, a, b, accumulator)
    for m, k in ((8, 4), (16, 4), (16, 8), (16, 16)):
        yield Form(m, 8, k, "f64", "f64", "f64", "f64")


INTEGER_FORMS, FLOAT_FORMS = tuple(integer_forms()), tuple(float_forms())


def kernel_source(name: str, text: str, types: tuple[str, ...], counts: tuple[int, ...]) -> str:
    """A kernel that fills registers from memory, one array for each operand, and stores those of the first."""
    letters = {"f32": ("float", "f"), "f64": ("double", "d")}
    kinds = [letters.get(type_, ("unsigned", "r")) for type_ in types]
    names = "dabc"
    body, used, groups = [], 0, []
    for name_, (kind, _), count in zip(names, kinds, counts, strict=True):
        body.append(f"{kind} {name_}[{count}];")
        if name_ != "d":
            body.append(f"for (int i = 0; i < {count}; ++i) {name_}[i] = {name_}s[i * 32 + threadIdx.x];")
        groups.append("{" + ", ".join(f"%{used + i}" for i in range(count)) + "}")
        used += count
    operands = [
        ", ".join(f'"{"=" * (n == "d")}{letter}"({n}[{i}])' for i in range(count))
        for n, (_, letter), count in zip(names, kinds, counts, strict=True)
    ]
    body.append(
        f'asm volatile("{text} {", ".join(groups)};" : {operands[0]} : {", ".join(operands[1:])});'
        f"for (int i = 0; i < {counts[0]}; ++i) ds[i * 32 + threadIdx.x] = d[i];"
    )
    parameters = ", ".join(f"{'' if n == 'd' else 'const '}{k}* {n}s" for n, (k, _) in zip(names, kinds, strict=True))
    return f'extern "C" __global__ void {name}({parameters}) {{ {" ".join(body)} }}\n'


def register_count(rows: int, columns: int, type_: str) -> int:
    return rows * columns * BITS[type_] // max(32, BITS[type_]) // LANES


QUADS = [
    (d, c, a, b)
    for d, c in (("f16", "f16"), ("f32", "f16"), ("f32", "f32"))
    for a in ("row", "col")
    for b in ("row", "col")
]


def quad_name(d: str, c: str, a: str, b: str) -> str:
    return f"quad_{d}_{c}_{a}_{b}"


@pytest.fixture(scope="module")
def mma(builds: Builds) -> Code:
    sources = []
    for form in (*INTEGER_FORMS, *FLOAT_FORMS):
        extents = ((form.m, form.n), (form.m, form.k), (form.k, form.n), (form.m, form.n))
        types = (form.d, form.a, form.b, form.c)
        counts = tuple(register_count(*extent, type_) for extent, type_ in zip(extents, types, strict=True))
        sources.append(kernel_source(form.name, form.text, types, counts))
    for d, c, a, b in QUADS:
        text = f"mma.sync.aligned.m8n8k4.{a}.{b}.{d}.f16.f16.{c}"
        counts = (4 if d == "f16" else 8, 2, 2, 4 if c == "f16" else 8)
        sources.append(kernel_source(quad_name(d, c, a, b), text, (d, "f16", "f16", c), counts))
    return Code(builds.compile("\n".join(sources), "mma"), builds.machine)


def product(mma: Code, form: Form, a: Array, b: Array, c: Array) -> Array:
    """The bits of D that the instruction gives."""
    places = form.places()
    fragments = [
        pack(x, type_, place) for x, type_, place in zip((a, b, c), (form.a, form.b, form.c), places, strict=True)
    ]
    d = np.zeros((register_count(form.m, form.n, form.d), LANES), f"u{max(32, BITS[form.d]) // 8}")
    mma.run(form.name, 1, 32, d, *fragments)
    return unpack(d, form.d, places[2], (form.m, form.n))


def integer_product(form: Form, a: Array, b: Array, c: Array) -> Array:
    exact = (a[:, :, None] != b[None]).sum(1) + c if form.extra == ".xor" else a @ b + c
    if form.extra == ".satfinite":
        return exact.clip(-(2**31), 2**31 - 1)
    return exact.astype(np.int32).astype(np.int64)


@pytest.mark.parametrize("form", INTEGER_FORMS, ids=lambda form: form.name)
def test_integers(mma: Code, form: Form) -> None:
    a, b = whole_range(form.a, form.m, form.k), whole_range(form.b, form.k, form.n)
    c = RNG.integers(-(2**31), 2**31, (form.m, form.n))
    c[0], c[1], c[2] = 2**31 - 1, -(2**31), 5
    got = decode(product(mma, form, a, b, c), "s32")
    np.testing.assert_array_equal(got, integer_product(form, a, b, c))


@pytest.mark.parametrize("form", FLOAT_FORMS, ids=lambda form: form.name)
def test_floats(mma: Code, form: Form) -> None:
    a, b, c = (small(form.a, *shape) for shape in ((form.m, form.k), (form.k, form.n), (form.m, form.n)))
    np.testing.assert_array_equal(decode(product(mma, form, a, b, c), form.d), a @ b + c)

    a, b, c = (
        decode(encode(RNG.normal(size=shape), type_), type_)
        for shape, type_ in (((form.m, form.k), form.a), ((form.k, form.n), form.b), ((form.m, form.n), form.c))
    )
    got = decode(product(mma, form, a, b, c), form.d)
    size = np.abs(a) @ np.abs(b) + np.abs(c)
    exact = a @ b + c
    steps = 2.0 ** -MANTISSA["f64" if form.d == "f64" else "f32"] * (form.k + 1) * size
    assert (np.abs(got - exact) <= steps + 2.0 ** -MANTISSA[form.d] * np.abs(exact)).all()


def quad_operand(lane: int, i: int, crosswise: bool) -> tuple[int, int]:
    """Row of A or column of B, and k."""
    upper = 0 if lane < 16 else 4
    return (i % 4 + upper, lane % 4) if crosswise else (lane % 4 + upper, i)


def quad_accumulator(lane: int, i: int, type_: str) -> tuple[int, int]:
    upper = 0 if lane < 16 else 4
    if type_ == "f16":
        return lane % 4 + upper, i
    return (lane & 1) + (i & 2) + upper, (i & 4) + (lane & 2) + (i & 1)


@pytest.mark.parametrize("quad", QUADS, ids=lambda quad: quad_name(*quad))
def test_four_products_at_once(mma: Code, quad: tuple[str, str, str, str]) -> None:
    d_type, c_type, a_layout, b_layout = quad
    a, b, c = small("f16", 4, 8, 4), small("f16", 4, 8, 4), small("f16", 4, 8, 8)
    fragments = [np.zeros((LANES, 4), np.float16), np.zeros((LANES, 4), np.float16)]
    old = np.zeros((LANES, 8), np.float16 if c_type == "f16" else np.float32)
    for lane in range(LANES):
        which = lane % 16 // 4
        for i in range(4):
            fragments[0][lane, i] = a[which][quad_operand(lane, i, a_layout == "col")]
            fragments[1][lane, i] = b[which][quad_operand(lane, i, b_layout == "row")]
        for i in range(8):
            old[lane, i] = c[which][quad_accumulator(lane, i, c_type)]
    registers = [np.ascontiguousarray(x.view(np.uint32).T) for x in (*fragments, old)]
    out = np.zeros((4 if d_type == "f16" else 8, LANES), np.uint32)
    mma.run(quad_name(*quad), 1, 32, out, *registers)
    got = np.ascontiguousarray(out.T).view(np.float16 if d_type == "f16" else np.float32)
    want = np.einsum("qmk,qnk->qmn", a, b) + c
    for lane in range(LANES):
        for i in range(8):
            assert got[lane, i] == want[lane % 16 // 4][quad_accumulator(lane, i, d_type)]


# ---- values at the edge ----


def one_product(mma: Code, form: Form, a: list[float], b: list[float], c: float, corner: int = 0) -> int:
    """Bits of the first number of D, for the first numbers of a row of A and a column of B; the others are 0."""
    left, right, old = np.zeros((form.m, form.k)), np.zeros((form.k, form.n)), np.zeros((form.m, form.n))
    left[corner, : len(a)], right[: len(b), corner], old[corner, corner] = a, b, c
    return int(product(mma, form, left, right, old)[corner, corner])


INF, NAN, HUGE = float("inf"), float("nan"), 3e38
HALF, HALVES = Form(16, 8, 16, "f32", "f16", "f16", "f32"), Form(16, 8, 16, "f16", "f16", "f16", "f16")
BRAIN, SHORT = Form(16, 8, 16, "f32", "bf16", "bf16", "f32"), Form(16, 8, 8, "f32", "tf32", "tf32", "f32")
TINY = [
    Form(16, 8, 32, d, a, a, d) for a in ("e4m3", "e5m2") for d in ("f16", "f32")
]  # fmt: skip


@pytest.mark.parametrize(
    ("form", "a", "b", "c", "want"),
    [
        (HALF, [INF], [1], 0, INF),
        (HALF, [-INF, 1], [2, 1], 5, -INF),
        (HALF, [INF, -INF], [1, 1], 0, NAN),
        (HALF, [INF], [0], 0, NAN),
        (HALF, [1], [1], INF, INF),
        (HALF, [NAN], [0], 0, NAN),
        (HALF, [0], [1], NAN, NAN),
        (HALF, [65504, 65504], [65504, 65504], 1, 2 * 65504.0**2),
        (HALF, [2**-24], [2**-24], 0, 2.0**-48),
        (HALF, [2**-24], [2**-24], 1, 1),
        (HALF, [1], [1], -1, 0.0),
        (HALVES, [2**-24], [1], 2**-24, 2.0**-23),
        (HALVES, [2**-13], [2**-12], 0, 0.0),
        (HALVES, [2**-12, 2**-13], [2**-13, 2**-13], 0, 2.0**-24),
        (HALVES, [-65504], [1], 65504, 0.0),
        (HALVES, [255.875, 15.9921875], [256, 1], 0, 65504.0),
        (HALVES, [255.875, 16], [256, 1], 0, INF),
        (HALVES, [256], [-256], 0, -INF),
        (HALVES, [2048, 1], [1, 1], 0, 2048.0),
        (HALVES, [2048, 3], [1, 1], 0, 2052.0),
        (HALVES, [2048, 1, 0.5], [1, 1, 2**-10], 0, 2050.0),
        (HALVES, [256, 256], [256, -256], 7, 7.0),
        (HALVES, [NAN], [1], 0, NAN),
        (BRAIN, [HUGE, HUGE], [1, 1], 0, INF),
        (BRAIN, [2**-133], [1], 0, 2.0**-133),
        (BRAIN, [2**-100], [2**-40], 0, 2.0**-140),
        (SHORT, [1 + 2**-10], [1], 0, 1 + 2**-10),
        (SHORT, [1 + 2**-11], [1], 0, 1.0),
        (SHORT, [1 + 2**-10 + 2**-11 + 2**-20], [-1], 0, -1 - 2**-10),
        (SHORT, [1], [1 + 2**-11], 0, 1.0),
        (SHORT, [NAN], [1], 0, NAN),
        *((form, [448], [1], 0, 448.0) for form in TINY),
        *((form, [2**-9], [1], 0, 2.0**-9) for form in TINY),
        *((form, [NAN], [0], 0, NAN) for form in TINY),
        (TINY[2], [57344], [2], 0, INF),
        (TINY[3], [57344], [2], 0, 114688.0),
        (TINY[3], [2**-16], [2**-16], 0, 2.0**-32),
        (TINY[3], [INF], [-1], 0, -INF),
    ],
)  # fmt: skip
def test_edges(mma: Code, form: Form, a: list[float], b: list[float], c: float, want: float) -> None:
    """Exact. A NaN is the canonical one: all ones but for the sign."""
    canonical = 0x7FFF if form.d == "f16" else 0x7FFFFFFF
    bits = canonical if want != want else int(encode(np.array([want], np.float64), form.d)[0])
    for corner in (0, 7):
        assert one_product(mma, form, a, b, c, corner) == bits


def test_a_tf32_whose_payload_is_cut_off_is_infinite(mma: Code) -> None:
    """Only the upper 19 bits of a tf32 are looked at."""
    nan = np.array([0x7F800001], np.uint32).view(np.float32)[0]
    a, b = np.zeros((16, 8), np.float32), np.zeros((8, 8), np.float32)
    a[0, 0], b[0, 0] = nan, 1
    registers = [pack(x, "f32", place) for x, place in zip((a, b), SHORT.places()[:2], strict=True)]
    d, c = np.zeros((4, LANES), np.uint32), np.zeros((4, LANES), np.uint32)
    mma.run(SHORT.name, 1, 32, d, *registers, c)
    assert d[0, 0] == 0x7F800000


def test_the_stated_order_of_sums(mma: Code) -> None:
    """Single precision, in the order of k from zero, then the accumulator."""
    for form in (HALF, HALVES, BRAIN, SHORT):
        a, b, c = (
            decode(encode(RNG.normal(size=shape) * 2.0 ** RNG.integers(-6, 7, shape), type_), type_)
            for shape, type_ in (((form.m, form.k), form.a), ((form.k, form.n), form.b), ((form.m, form.n), form.c))
        )
        total = np.zeros((form.m, form.n), np.float32)
        for k in range(form.k):
            total = total + (a[:, k, None] * b[None, k]).astype(np.float32)
        want = total + c.astype(np.float32)
        assert want.dtype == np.float32
        np.testing.assert_array_equal(product(mma, form, a, b, c), encode(want, form.d))


# ---- wmma ----


@pytest.fixture
def code(builds: Builds) -> Code:
    return builds["matrix"]


WMMA_SHAPES = ("m16n16k16", "m32n8k16", "m8n32k16")
WMMA = [
    *((types, shape) for types in ("f16_f32_f32", "f16_f16_f16", "f16_f32_f16", "f16_f16_f32", "bf16_f32_f32",
                                   "s8_s32_s32", "u8_s32_s32") for shape in WMMA_SHAPES),
    ("tf32_f32_f32", "m16n16k8"),
    ("f64_f64_f64", "m8n8k4"),
    ("s4_s32_s32", "m8n8k32"),
    ("u4_s32_s32", "m8n8k32"),
]  # fmt: skip


def extents_of(shape: str) -> tuple[int, int, int]:
    m, n, k = map(int, shape[1:].replace("n", " ").replace("k", " ").split())
    return m, n, k


def in_memory(matrix: Array, type_: str, by_rows: bool, stride: int) -> Array:
    """The bytes of a matrix whose rows or columns begin `stride` elements apart; garbage lies between."""
    lines = encode(matrix if by_rows else matrix.T, type_)
    padded = RNG.integers(0, 256, (len(lines), stride), np.uint64)
    padded[:, : lines.shape[1]] = lines
    if BITS[type_] == 4:
        return ((padded[:, ::2] & np.uint64(15)) | (padded[:, 1::2] & np.uint64(15)) << np.uint64(4)).astype(np.uint8)
    return padded.astype(f"u{BITS[type_] // 8}")


@pytest.mark.parametrize("by_rows", [True, False], ids=["rows", "columns"])
@pytest.mark.parametrize(("types", "shape"), WMMA, ids=lambda x: x)
def test_wmma(code: Code, types: str, shape: str, by_rows: bool) -> None:
    type_, c_type, d_type = types.split("_")
    m, n, k = extents_of(shape)
    for layouts in ("row_col", "row_row", "col_col", "col_row") if BITS[type_] > 4 else ("row_col",):
        a_rows, b_rows = (layout == "row" for layout in layouts.split("_"))
        draw = whole_range if type_[0] in "su" else small
        a, b, c = draw(type_, m, k), draw(type_, k, n), small(c_type, m, n)
        lda, ldb, ldc = (k if a_rows else m) + 32, (n if b_rows else k) + 32, (n if by_rows else m) + 8
        d = np.zeros((m if by_rows else n, ldc), f"u{BITS[d_type] // 8}")
        code.run(
            f"{types}_{shape}_{layouts}", 1, 32, in_memory(a, type_, a_rows, lda), in_memory(b, type_, b_rows, ldb),
            in_memory(c, c_type, by_rows, ldc), d, lda, ldb, ldc, int(by_rows),
        )  # fmt: skip
        width = n if by_rows else m
        got = decode(d[:, :width].astype(np.uint64), d_type)
        np.testing.assert_array_equal(got if by_rows else got.T, a @ b + c)
        assert not d[:, width:].any(), "the gap between rows is written"


def test_wmma_without_a_stride(code: Code) -> None:
    c, d = RNG.normal(size=(32, 8)).astype(np.float32), np.zeros((8, 32), np.float32)
    code.run("without_stride", 1, 32, c, d)
    np.testing.assert_array_equal(d, c.T)


def test_wmma_of_bits(code: Code) -> None:
    a, b = RNG.integers(0, 2, (8, 128)), RNG.integers(0, 2, (128, 8))
    c, both, differ = RNG.integers(-9, 9, (8, 8), np.int32), np.zeros((8, 8), np.int32), np.zeros((8, 8), np.int32)
    words = [np.packbits(x.astype(np.uint8), axis=1, bitorder="little") for x in (a, b.T)]
    code.run("bits", 1, 32, *words, c, both, differ)
    np.testing.assert_array_equal(both, a @ b + c)
    np.testing.assert_array_equal(differ, (a[:, :, None] != b[None]).sum(1) + c)


def test_wmma_saturates(code: Code) -> None:
    a, b = (RNG.integers(-128, 128, (16, 16)).astype(np.int8) for _ in range(2))
    c = np.where(RNG.integers(0, 2, (16, 16)), 2**31 - 100, -(2**31) + 100).astype(np.int32)
    d = np.zeros((16, 16), np.int32)
    code.run("saturated", 1, 32, a, b, c, d)
    np.testing.assert_array_equal(d, (a.astype(np.int64) @ b.T + c).clip(-(2**31), 2**31 - 1))


@pytest.mark.parametrize(("m", "n"), [(16, 16), (32, 8), (8, 32)])
def test_elements_of_fragments(code: Code, m: int, n: int) -> None:
    """Each element of a fragment is one of the matrix, the same one in accumulators of any type."""
    a, b, c = small("f16", m, 16), small("f16", 16, n), small("f32", m, n)
    d = np.zeros((m, n), np.float16)
    code.run(
        f"elements_m{m}n{n}", 1, 32, a.astype(np.float16), b.astype(np.float16), c.astype(np.float32), 2.0, -1.0, d
    )
    np.testing.assert_array_equal(d, 2 * ((a + 1) @ b) - c)


# ---- ldmatrix, stmatrix, movmatrix ----


def fragment_of_rows(matrix: Array) -> Array:
    """PTX ISA, ldmatrix: thread t holds elements 2 (t % 4) and the next of row t / 4, the first in the lower half."""
    return np.array([int(matrix[t // 4, t % 4 * 2]) | int(matrix[t // 4, t % 4 * 2 + 1]) << 16 for t in range(LANES)])


@pytest.mark.parametrize("trans", [False, True], ids=["straight", "trans"])
@pytest.mark.parametrize("count", [1, 2, 4])
def test_matrices_to_and_from_rows(code: Code, count: int, trans: bool) -> None:
    rows = RNG.integers(0, 2**16, (32, 8), np.uint16)
    registers = np.zeros((4, LANES), np.uint32)
    matrices = rows.reshape(4, 8, 8).swapaxes(1, 2) if trans else rows.reshape(4, 8, 8)
    want = np.array([fragment_of_rows(matrix) for matrix in matrices[:count]], np.uint32)
    suffix = f"x{count}{'_trans' if trans else ''}"
    code.run(f"load_{suffix}", 1, 32, rows, registers)
    np.testing.assert_array_equal(registers[:count], want)
    back = np.zeros((32, 16), np.uint16)
    code.run(f"store_{suffix}", 1, 32, registers, back)
    np.testing.assert_array_equal(back[: 8 * count, :8], rows[: 8 * count])
    assert not back[8 * count :].any()
    assert not back[:, 8:].any()


def test_matrices_through_generic_addresses(code: Code) -> None:
    rows, registers = RNG.integers(0, 2**16, (32, 8), np.uint16), np.zeros((4, LANES), np.uint32)
    code.run("load_x4_generic", 1, 32, rows, registers)
    np.testing.assert_array_equal(registers, [fragment_of_rows(matrix) for matrix in rows.reshape(4, 8, 8)])


def test_rows_of_absent_lanes_are_zero(code: Code) -> None:
    """PTX leaves them undefined; what it gives must not depend on what ran before."""
    rows, registers = RNG.integers(0, 2**16, (32, 8), np.uint16), np.ones((4, LANES), np.uint32)
    code.run("load_x4", 1, 16, rows, registers)
    want = np.array([fragment_of_rows(matrix) for matrix in rows.reshape(4, 8, 8)[:2]])
    np.testing.assert_array_equal(registers[:2, :16], want[:, :16])
    assert not registers[2:, :16].any()


def test_transposition(code: Code) -> None:
    matrix, out = RNG.integers(0, 2**16, (8, 8), np.uint16), np.zeros(LANES, np.uint32)
    code.run("transposed", 1, 32, fragment_of_rows(matrix).astype(np.uint32), out)
    np.testing.assert_array_equal(out, fragment_of_rows(matrix.T))


def test_lanes_wait_for_each_other(code: Code) -> None:
    form = Form(16, 8, 8, "f32", "f16", "f16", "f32")
    a, b = small("f16", 2, 16, 8), small("f16", 8, 8)
    left, right, _ = form.places()
    d, trips = np.zeros((4, LANES), np.uint32), RNG.integers(1, 9, LANES, np.int32)
    code.run("late", 1, 32, np.concatenate([pack(x, "f16", left) for x in a]), pack(b, "f16", right), trips, d)
    np.testing.assert_array_equal(decode(unpack(d, "f32", C_PLACES[16], (16, 8)), "f32"), a.sum(0) @ b)

    x, y = np.zeros((2, LANES), np.uint32), np.zeros(LANES, np.float32)
    fault = code.fault("half_a_warp", 1, 32, x, y, 16)
    assert (fault.kind, fault.line) == ("deadlock", line_of("__syncthreads", "half_a_warp"))
    assert f"(line {line_of('MULTIPLY_ADD', 'half_a_warp')})" in fault.message
    code.run("half_a_warp", 1, 32, x, y, 32)


def test_fragments_of_half_name_each_element_twice(code: Code) -> None:
    a, out = RNG.normal(size=(16, 16)).astype(np.float16), np.zeros((16, LANES), np.float16)
    code.run("named", 1, 32, a, out)
    np.testing.assert_array_equal(np.sort(out[:8].ravel()), np.sort(a.ravel()))
    np.testing.assert_array_equal(out[8:], out[:8])


# ---- faults and counters ----


def test_rows_out_of_bounds_misaligned_or_not_ready(code: Code) -> None:
    x, out = np.ones((32, 8), np.float16), np.zeros((4, LANES), np.uint32)
    line = "shared_address(tile) +"
    fault = code.fault("rows_of", 1, 64, x, out, 16, 1)
    assert (fault.kind, fault.thread, fault.line) == ("out_of_bounds", (31, 0, 0), line_of(line, "rows_of"))
    assert "reads 16 bytes at byte 512 of shared memory" in fault.message
    assert code.fault("rows_of", 1, 64, x, out, 8, 1).kind == "misaligned"
    assert code.fault("rows_of", 1, 64, x, out, 0, 0).kind == "race"
    code.run("rows_of", 1, 64, x, out, 0, 1)


def test_fragments_out_of_bounds_or_not_ready(code: Code) -> None:
    x, y = np.ones((20, 16), np.float16), np.zeros((20, 16), np.float32)
    fault = code.fault("fragment_of", 1, 32, x, y, 80, 16)
    assert (fault.kind, fault.buffer, fault.line) == ("out_of_bounds", "a", line_of("load_matrix_sync", "fragment_of"))
    assert not y.any()
    fault = code.fault("fragment_of", 1, 32, np.ones((24, 16), np.float16), y, 80, 16)
    assert (fault.kind, fault.buffer, fault.line) == ("out_of_bounds", "b", line_of("store_matrix_sync", "fragment_of"))
    code.run("fragment_of", 1, 32, x, y, 64, 16)
    np.testing.assert_array_equal(y, np.repeat([0, 1], [4, 16])[:, None] * np.ones(16))

    tile, out = RNG.normal(size=(16, 16)).astype(np.float32), np.zeros((16, 16), np.float32)
    fault = code.fault("tile_race", 1, 256, tile, out, 0)
    assert fault.kind == "race"
    assert fault.line in (line_of("tile[threadIdx.x] =", "tile_race"), line_of("load_matrix_sync", "tile_race"))
    code.run("tile_race", 1, 256, tile, out, 1)
    np.testing.assert_array_equal(out, tile.T)


def counters(code: Code, *arguments: Any) -> Counters:
    found = code.run(*arguments).counters
    assert found is not None
    return found


def test_bank_conflicts_of_matrices(code: Code) -> None:
    """Rows of 128 bytes lie in the same banks, unless their parts are permuted; the stores before cost the same."""
    x, out = RNG.integers(0, 2**16, (32, 64), np.uint16), np.zeros((4, LANES), np.uint32)
    plain, swizzled = (counters(code, "columns_of", 1, 32, x, out, swizzle) for swizzle in (0, 1))
    assert plain.shared_loads == swizzled.shared_loads == 8 * 4, "one for each matrix of eight ldmatrix.x4"
    assert plain.shared_wavefronts - swizzled.shared_wavefronts == 8 * (32 - 4)


def test_accesses_and_operations_of_wmma(code: Code) -> None:
    a, b = np.zeros((16, 16), np.float16), np.zeros((16, 16), np.float16)
    c, d = np.zeros((16, 16), np.float32), np.zeros((16, 16), np.float32)
    for layouts, loads in (("row_col", 4 + 4), ("col_row", 8 + 8)):
        found = counters(code, f"f16_f32_f32_m16n16k16_{layouts}", 1, 32, a, b, c, d, 16, 16, 16, 1)
        assert (found.global_loads, found.global_stores) == (loads + 4, 4)
        assert found.unique_load_sectors * 32 == a.nbytes + b.nbytes + c.nbytes
        assert found.unique_store_sectors * 32 == d.nbytes
        assert (found.tensor_fp16, found.tensor_bf16, found.fp16, found.fp32) == (2 * 16**3, 0, 0, 0)


def line_of(text: str, kernel: str) -> int:
    """The first line with `text` behind the head of a kernel."""
    lines = (KERNELS / "matrix.cu").read_text().splitlines()
    start = next(i for i, line in enumerate(lines) if f"void {kernel}(" in line)
    return next(i for i in range(start, len(lines)) if text in lines[i]) + 1


def test_what_is_not_simulated_is_named(code: Code) -> None:
    with pytest.raises(Unsupported, match=r"mma\.sp::ordered_metadata"):
        code.run("sparse", 1, 32, np.zeros(32, np.uint32), np.zeros(32, np.float32))
