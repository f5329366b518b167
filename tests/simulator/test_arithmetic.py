"""Arithmetic against numpy and torch, on values chosen to be awkward."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

if TYPE_CHECKING:
    from machine_code import Builds

Array = NDArray[Any]
RNG = np.random.default_rng(7)

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")


def integers(dtype: type[np.integer[Any]]) -> tuple[Array, Array]:
    """All pairs of the values at the edges of a type, and some random ones."""
    info = np.iinfo(dtype)
    edges = [0, 1, 2, 3, 5, 7, 8, 16, 31, 32, 33, 63, 64, 100, info.max, info.max - 1, info.max // 2]
    if info.min < 0:
        edges += [-1, -2, -3, -31, -100, info.min, info.min + 1, info.min // 2]
    edge = np.array(edges, dtype)
    a, b = (grid.ravel() for grid in np.meshgrid(edge, edge))
    random = RNG.integers(info.min, info.max, (2, 500), dtype, endpoint=True)
    return np.concatenate([a, random[0]]), np.concatenate([b, random[1]])


def floats(dtype: type[np.floating[Any]] = np.float32) -> tuple[Array, Array]:
    """All pairs of special values, and random ones over the whole range of exponents."""
    info = np.finfo(dtype)
    edge = [0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 1e-3, 0.1, 100.0, 65504.0, 65520.0, 2.0**24 + 2, 2.0**31, 2.0**32]
    edge += [float(info.max), float(info.tiny), float(info.smallest_subnormal), math.inf]
    specials = np.array([*edge, *(-x for x in edge), math.nan], np.float64).astype(dtype)
    a, b = (grid.ravel() for grid in np.meshgrid(specials, specials))
    bits = np.dtype(f"u{info.bits // 8}")
    random = RNG.integers(0, np.iinfo(bits).max, (2, 500), bits, endpoint=True).view(dtype)
    small = RNG.normal(0, 3, (2, 500)).astype(dtype)
    return np.concatenate([a, random[0], small[0]]), np.concatenate([b, random[1], small[1]])


def run(builds: Builds, name: str, a: Array, b: Array, out: type | np.dtype[Any], per: int = 1) -> Array:
    """`name` applied to a and b. `per` array elements make up one of the kernel's."""
    result = np.zeros(a.size // per * np.dtype(out).itemsize, np.uint8)
    n = a.size // per
    builds["arithmetic"].run(name, -(-n // 128), 128, a, b, result, n)
    return result.view(out)


def same(got: Array, want: Array) -> None:
    """Equal bit for bit; any NaN equals any other."""
    if got.dtype.kind != "f":
        np.testing.assert_array_equal(got, want)
        return
    bits = f"u{got.dtype.itemsize}"
    both_nan = np.isnan(got) & np.isnan(want)
    np.testing.assert_array_equal(np.where(both_nan, 0, got.view(bits)), np.where(both_nan, 0, want.view(bits)))


def python_division(a: Array, b: Array) -> tuple[Array, Array]:
    """Truncated quotient and remainder in unbounded integers."""
    quotient, remainder = [], []
    for x, y in zip(a.tolist(), b.tolist(), strict=True):
        q = abs(x) // abs(y) * (1 if (x < 0) == (y < 0) else -1)
        quotient.append(q)
        remainder.append(x - q * y)
    mask = (1 << 8 * a.dtype.itemsize) - 1
    unsigned = f"u{a.dtype.itemsize}"
    return tuple(np.array([v & mask for v in values], unsigned).view(a.dtype) for values in (quotient, remainder))  # type: ignore[return-value]


@pytest.mark.parametrize("suffix", ["s32", "u32", "s64", "u64", "s16"])
def test_division_truncates_and_survives_zero_and_overflow(builds: Builds, suffix: str) -> None:
    dtype = np.dtype(f"{'i' if suffix[0] == 's' else 'u'}{int(suffix[1:]) // 8}").type
    a, b = integers(dtype)
    quotient = run(builds, f"div_{suffix}", a, b, dtype)
    kept = b != 0
    want_quotient, want_remainder = python_division(a[kept], b[kept])
    same(quotient[kept], want_quotient)
    if suffix in ("s32", "u32", "s64"):
        same(run(builds, f"rem_{suffix}", a, b, dtype)[kept], want_remainder)


def wide(a: Array, b: Array, shift: int, out: type) -> Array:
    products = [x * y >> shift for x, y in zip(a.tolist(), b.tolist(), strict=True)]
    mask = (1 << 8 * np.dtype(out).itemsize) - 1
    return np.array([p & mask for p in products], f"u{np.dtype(out).itemsize}").view(out)


def bit_count(a: Array) -> Array:
    return np.array([bin(int(x) & (1 << 8 * a.dtype.itemsize) - 1).count("1") for x in a], np.int32)


def leading_zeros(a: Array) -> Array:
    width = 8 * a.dtype.itemsize
    return np.array([width - (int(x) & (1 << width) - 1).bit_length() for x in a], np.int32)


def permuted(a: Array, b: Array) -> Array:
    result = []
    for x, y in zip(a.tolist(), b.tolist(), strict=True):
        data = (y << 32 | x).to_bytes(8, "little")
        value = bytearray()
        for k in range(4):
            pick = y >> 4 * k & 15
            byte = data[pick & 7]
            value.append((255 if byte & 128 else 0) if pick & 8 else byte)
        result.append(int.from_bytes(value, "little"))
    return np.array(result, np.uint32)


def dot4(a: Array, b: Array) -> Array:
    x, y = a.view(np.int8).reshape(-1, 4), b.view(np.int8).reshape(-1, 4)
    return (x.astype(np.int32) * y).sum(1, dtype=np.int32) + np.int32(100)


INTEGER: dict[str, tuple[type, type, Callable[[Array, Array], Array]]] = {
    "add_s32": (np.int32, np.int32, lambda a, b: a + b),
    "mul_s32": (np.int32, np.int32, lambda a, b: a * b),
    "mulhi_s32": (np.int32, np.int32, lambda a, b: wide(a, b, 32, np.int32)),
    "mulhi_u32": (np.uint32, np.uint32, lambda a, b: wide(a, b, 32, np.uint32)),
    "mulhi_s64": (np.int64, np.int64, lambda a, b: wide(a, b, 64, np.int64)),
    "mulhi_u64": (np.uint64, np.uint64, lambda a, b: wide(a, b, 64, np.uint64)),
    "mul_wide": (np.int32, np.int64, lambda a, b: wide(a, b, 0, np.int64)),
    "min_s32": (np.int32, np.int32, np.minimum),
    "max_u32": (np.uint32, np.uint32, np.maximum),
    "abs_s32": (np.int32, np.int32, lambda a, b: np.abs(a)),
    "popc_u32": (np.uint32, np.int32, lambda a, b: bit_count(a)),
    "clz_u32": (np.int32, np.int32, lambda a, b: leading_zeros(a)),
    "clz_u64": (np.int64, np.int32, lambda a, b: leading_zeros(a)),
    "brev_u32": (np.uint32, np.uint32, lambda a, b: np.array([int(f"{x:032b}"[::-1], 2) for x in a], np.uint32)),
    "ffs_s32": (np.int32, np.int32, lambda a, b: np.array([(x & -x).bit_length() for x in a.tolist()], np.int32)),
    "funnel_l": (np.uint32, np.uint32, lambda a, b: np.array(
        [(y << 32 | x) << (y & 31) >> 32 & 2**32 - 1 for x, y in zip(a.tolist(), b.tolist(), strict=True)], np.uint32)),
    "funnel_rc": (np.uint32, np.uint32, lambda a, b: np.array(
        [(y << 32 | x) >> min(y, 32) & 0xFFFFFFFF for x, y in zip(a.tolist(), b.tolist(), strict=True)], np.uint32)),
    "byte_perm": (np.uint32, np.uint32, permuted),
    "sad_s32": (np.int32, np.uint32, lambda a, b: np.array(
        [abs(x - y) + 7 & 0xFFFFFFFF for x, y in zip(a.tolist(), b.tolist(), strict=True)], np.uint32)),
    "dp4a_s32": (np.int32, np.int32, dot4),
    "rotate3": (np.uint32, np.uint32, lambda a, b: (a & b) | (~a & (a ^ b))),
    "shr_var_s32": (np.int32, np.int32, lambda a, b: a >> np.minimum(b.view(np.uint32), 31).astype(np.int32)),
    "shr_var_u32": (np.uint32, np.uint32, lambda a, b: np.where(b > 31, 0, a >> np.minimum(b, 31)).astype(np.uint32)),
    "shl_var_b32": (np.uint32, np.uint32, lambda a, b: np.where(b > 31, 0, a << np.minimum(b, 31)).astype(np.uint32)),
    "bfe_s32": (np.int32, np.int32, lambda a, b: a << 18 >> 23),
    "bfe_var_u32": (np.uint32, np.uint32, lambda a, b: np.array(
        [x >> (y & 255) & 0xFFF for x, y in zip(a.tolist(), b.tolist(), strict=True)], np.uint32)),
    "bfi_b32": (np.uint32, np.uint32, lambda a, b: (b & ~np.uint32(0x7FF << 7)) | ((a & np.uint32(0x7FF)) << 7)),
    "bfind_s32": (np.int32, np.uint32, lambda a, b: np.array(
        [((x if x >= 0 else ~x).bit_length() - 1) & 0xFFFFFFFF for x in a.tolist()], np.uint32)),
    "lop3_b32": (np.uint32, np.uint32, lambda a, b: (a & b) ^ np.uint32(0x0FF0F00F)),
    "add_carry": (np.uint64, np.uint64, lambda a, b: a + b),
    "sub_carry": (np.uint64, np.uint64, lambda a, b: a - b),
    "s64_to_s16": (np.int64, np.int16, lambda a, b: a.astype(np.int16)),
    "s8_to_s32": (np.int8, np.int32, lambda a, b: a.astype(np.int32) * b.astype(np.int32)),
    "s32_to_f32": (np.int32, np.float32, lambda a, b: a.astype(np.float32)),
    "u32_to_f32": (np.uint32, np.float32, lambda a, b: a.astype(np.float32)),
    "s64_to_f32": (np.int64, np.float32, lambda a, b: a.astype(np.float32)),
    "u64_to_f64": (np.uint64, np.float64, lambda a, b: a.astype(np.float64)),
    "s32_to_f16": (np.int32, np.float16, lambda a, b: a.astype(np.float64).astype(np.float16)),
}  # fmt: skip


@pytest.mark.parametrize("name", INTEGER)
def test_integers(builds: Builds, name: str) -> None:
    source, target, oracle = INTEGER[name]
    a, b = integers(source)  # type: ignore[arg-type]
    same(run(builds, name, a, b, target), oracle(a, b).astype(target, copy=False))


def toward(values: Array, dtype: type, direction: int) -> Array:
    """Doubles rounded to a narrower type downwards (-1), upwards (1) or toward zero (0)."""
    nearest = values.astype(dtype)
    back = nearest.astype(np.float64)
    down = np.where(back > values, np.nextafter(nearest, dtype(-np.inf)), nearest)
    up = np.where(back < values, np.nextafter(nearest, dtype(np.inf)), nearest)
    return down if direction < 0 else up if direction > 0 else np.where(values < 0, up, down)


def clamp_to_integer(a: Array, dtype: type, rounding: Callable[[Array], Array] = np.trunc) -> Array:
    """Saturated; NaN becomes zero, or the sign bit alone for 64-bit types."""
    info = np.iinfo(dtype)
    nan = int(info.min) if info.bits == 64 else 0
    if a.dtype == np.float64:
        nan = int(info.min)
    whole = rounding(a.astype(np.float64)).tolist()
    return np.array(
        [nan if math.isnan(x) else info.max if x >= info.max else info.min if x <= info.min else int(x) for x in whole],
        dtype,
    )


def flushed(a: Array) -> Array:
    return np.where(np.abs(a) < np.finfo(np.float32).tiny, np.copysign(np.float32(0), a), a).astype(np.float32)


def minimum(a: Array, b: Array) -> Array:
    smaller = np.where((a < b) | ((a == b) & np.signbit(a)), a, b)
    return np.where(np.isnan(a), b, np.where(np.isnan(b), a, smaller)).astype(a.dtype)


def d(x: Array) -> Array:
    return x.astype(np.float64)


def finite_only(values: Array) -> Array:
    return np.where(np.isfinite(values), values, 0)


FLOAT: dict[str, tuple[type, type, Callable[[Array, Array], Array]]] = {
    "add_f32": (np.float32, np.float32, lambda a, b: a + b),
    "mul_f32": (np.float32, np.float32, lambda a, b: a * b),
    "div_f32": (np.float32, np.float32, lambda a, b: a / b),
    "sqrt_f32": (np.float32, np.float32, lambda a, b: np.sqrt(a)),
    "min_f32": (np.float32, np.float32, minimum),
    "max_f32": (np.float32, np.float32, lambda a, b: -minimum(-a, -b)),
    "floor_f32": (np.float32, np.float32, lambda a, b: np.floor(a)),
    "rint_f32": (np.float32, np.float32, lambda a, b: np.rint(a)),
    "round_f32": (np.float32, np.float32, lambda a, b: np.copysign(np.floor(np.abs(d(a)) + 0.5), a).astype(np.float32)),
    "trunc_f32": (np.float32, np.float32, lambda a, b: np.trunc(a)),
    "copysign_f32": (np.float32, np.float32, np.copysign),
    "fmod_f32": (np.float32, np.float32, np.fmod),
    "sat_f32": (np.float32, np.float32, lambda a, b: np.where(a > 0, np.minimum(a, 1), 0).astype(np.float32)),
    "ftz_f32": (np.float32, np.float32, lambda a, b: flushed(flushed(a) + flushed(b))),
    "less_f32": (np.float32, np.int32, lambda a, b: a < b),
    "not_greater_f32": (np.float32, np.int32, lambda a, b: ~(a > b)),
    "unequal_f32": (np.float32, np.int32, lambda a, b: a != b),
    "isnan_f32": (np.float32, np.int32, lambda a, b: np.isnan(a)),
    "isinf_f32": (np.float32, np.int32, lambda a, b: np.isinf(a)),
    "add_f64": (np.float64, np.float64, lambda a, b: a + b),
    "div_f64": (np.float64, np.float64, lambda a, b: a / b),
    "sqrt_f64": (np.float64, np.float64, lambda a, b: np.sqrt(a)),
    "f32_to_s32": (np.float32, np.int32, lambda a, b: clamp_to_integer(a, np.int32)),
    "f32_to_u32": (np.float32, np.uint32, lambda a, b: clamp_to_integer(a, np.uint32)),
    "f32_to_s64": (np.float32, np.int64, lambda a, b: clamp_to_integer(a, np.int64)),
    "f32_to_s32_rn": (np.float32, np.int32, lambda a, b: clamp_to_integer(a, np.int32, np.rint)),
    "f32_to_s32_ru": (np.float32, np.int32, lambda a, b: clamp_to_integer(a, np.int32, np.ceil)),
    "f64_to_s32": (np.float64, np.int32, lambda a, b: clamp_to_integer(a, np.int32)),
    "f64_to_f32": (np.float64, np.float32, lambda a, b: a.astype(np.float32)),
    "f32_to_f64": (np.float32, np.float64, lambda a, b: d(a)),
    "f32_to_f16": (np.float32, np.float16, lambda a, b: a.astype(np.float16)),
    "f64_to_f16": (np.float64, np.float16, lambda a, b: a.astype(np.float16)),
    "f16_to_f32": (np.float16, np.float32, lambda a, b: a.astype(np.float32)),
    "f16_to_s32": (np.float16, np.int32, lambda a, b: clamp_to_integer(a, np.int32)),
    "add_f16": (np.float16, np.float16, lambda a, b: (d(a) + d(b)).astype(np.float16)),
    "mul_f16": (np.float16, np.float16, lambda a, b: (d(a) * d(b)).astype(np.float16)),
    "fma_f16": (np.float16, np.float16, lambda a, b: (d(a) * d(b) + d(a)).astype(np.float16)),
    "max_f16": (np.float16, np.float16, lambda a, b: -minimum(-a, -b)),
    "less_f16": (np.float16, np.int32, lambda a, b: a < b),
    "add_f16x2": (np.float16, np.float16, lambda a, b: (d(a) + d(b)).astype(np.float16)),
    "fma_f16x2": (np.float16, np.float16, lambda a, b: (d(a) * d(b) + d(a)).astype(np.float16)),
    "unpack_f16x2": (np.float16, np.float32, lambda a, b: a.astype(np.float32)),
    "pack_f16x2": (np.float32, np.float16, lambda a, b: a.astype(np.float16)),
}  # fmt: skip


@pytest.mark.parametrize("name", FLOAT)
def test_floats_to_the_last_bit(builds: Builds, name: str) -> None:
    source, target, oracle = FLOAT[name]
    a, b = floats(source)  # type: ignore[arg-type]
    if name.endswith("x2"):
        a, b = a[: a.size // 2 * 2], b[: b.size // 2 * 2]
        bytes_per = 4 if target == np.float16 else 8
        got = run(builds, name, a, b, np.dtype(f"V{bytes_per}"), per=2).view(target)
    else:
        got = run(builds, name, a, b, target)
    same(got, oracle(a, b).astype(target, copy=False))


def exact_fma(a: Array, b: Array, c: Array) -> list[float]:
    """a * b + c rounded once to double by way of fractions."""
    from fractions import Fraction

    return [
        float(Fraction(x) * Fraction(y) + Fraction(z))
        for x, y, z in zip(a.tolist(), b.tolist(), c.tolist(), strict=True)
    ]


def test_fused_multiply_add_rounds_once(builds: Builds) -> None:
    a = RNG.normal(0, 1, 2000).astype(np.float32)
    b = (-1 + RNG.normal(0, 1e-7, 2000)).astype(np.float32)
    want = np.array(exact_fma(a, b, a), np.float64)
    got = run(builds, "fma_f32", a, b, np.float32)
    assert np.abs(d(got) - want).max() <= np.spacing(np.abs(want).max().astype(np.float32)) / 2
    assert (got != (a * b + a)).any()
    got = run(builds, "fma_rd_f32", a, b, np.float32)
    np.testing.assert_array_equal(got, toward(want, np.float32, -1))
    same(run(builds, "fma_f64", d(a), d(b), np.float64), want)


def test_directed_rounding(builds: Builds) -> None:
    a, b = floats()
    good = np.isfinite(a) & np.isfinite(b) & (np.abs(a) < 1e15) & (np.abs(b) < 1e15)
    a, b = a[good], b[good]
    same(run(builds, "mul_ru_f32", a, b, np.float32), toward(d(a) * d(b), np.float32, 1))
    close = np.abs(np.log2(np.abs(d(a)) + 1e-300) - np.log2(np.abs(d(b)) + 1e-300)) < 20
    a, b = a[close], b[close]
    got, want = run(builds, "add_rz_f32", a, b, np.float32), toward(d(a) + d(b), np.float32, 0)
    np.testing.assert_array_equal(got, want)
    n = integers(np.int32)[0]
    np.testing.assert_array_equal(run(builds, "s32_to_f32_rz", n, n, np.float32), toward(d(n), np.float32, 0))
    x = floats()[0]
    x = x[np.abs(x) < 60000]
    np.testing.assert_array_equal(run(builds, "f32_to_f16_rz", x, x, np.float16), toward(d(x), np.float16, 0))


def bfloat(a: Array) -> Array:
    """Doubles to bfloat16, rounded once, as uint16."""
    mantissa, exponent = np.frexp(a)
    digits = np.clip(exponent + 133, 0, 8)  # fewer below 2**-126
    with np.errstate(all="ignore"):
        rounded = np.ldexp(np.rint(np.ldexp(mantissa, digits)), exponent - digits)
    bits = rounded.astype(np.float32).view(np.uint32) >> 16
    return np.where(np.isnan(a), 0x7FFF, bits).astype(np.uint16)


def as_float(bits: Array) -> Array:
    return (bits.astype(np.uint32) << 16).view(np.float32)


def test_bfloat16(builds: Builds) -> None:
    x, _ = floats()
    x = x[~np.isnan(x)]
    want = torch.from_numpy(x).to(torch.bfloat16).view(torch.int16).numpy().view(np.uint16)
    got = run(builds, "f32_to_bf16", x, x, np.uint16)
    np.testing.assert_array_equal(got, want)
    same(run(builds, "bf16_to_f32", got, got, np.float32), as_float(got))
    pairs = x[: x.size // 2 * 2]
    packed = run(builds, "pack_bf16x2", pairs, pairs, np.uint32, per=2).view(np.uint16)
    np.testing.assert_array_equal(packed, want[: pairs.size])

    a, b = (RNG.normal(0, 2, 4000).astype(np.float32).view(np.uint32) >> 16 for _ in range(2))
    a, b = a.astype(np.uint16), b.astype(np.uint16)
    x, y = d(as_float(a)), d(as_float(b))
    for name, want in (("add_bf16", x + y), ("mul_bf16", x * y), ("fma_bf16", x * y + x)):
        np.testing.assert_array_equal(run(builds, name, a, b, np.uint16), bfloat(want), err_msg=name)
    got = run(builds, "mul_bf16x2", a, b, np.uint32, per=2).view(np.uint16)
    np.testing.assert_array_equal(got, bfloat(x * y))


FUNCTIONS: dict[str, tuple[Callable[[Array], Array], float, float, float]] = {
    "exp_f32": (np.exp, -85, 88, 3e-7),
    "log_f32": (np.log, 1e-6, 1e6, 3e-7),
    "sin_f32": (np.sin, -1000, 1000, 4e-7),
    "cos_f32": (np.cos, -1000, 1000, 4e-7),
    "tanh_f32": (np.tanh, -10, 10, 3e-7),
    "rsqrt_f32": (lambda x: 1 / np.sqrt(x), 1e-6, 1e6, 2e-7),
    "fast_exp_f32": (np.exp, -20, 20, 3e-6),
    "fast_log_f32": (np.log, 1.5, 1e6, 1e-6),
    "fast_sin_f32": (np.sin, -3, 3, 2e-6),
    "fast_cos_f32": (np.cos, -3, 3, 2e-6),
    "fast_tanh_f32": (np.tanh, -10, 10, 1e-6),
    "exp_f64": (np.exp, -700, 700, 1e-15),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(builds: Builds, name: str) -> None:
    oracle, low, high, tolerance = FUNCTIONS[name]
    dtype = np.float64 if name.endswith("64") else np.float32
    x = RNG.uniform(low, high, 3000).astype(dtype)
    got, want = run(builds, name, x, x, dtype), oracle(d(x))
    np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance if "sin" in name or "cos" in name else 0)


def test_functions_at_their_limits(builds: Builds) -> None:
    x = np.array([0, -0.0, np.inf, -np.inf, np.nan, -1, 1e-40, 200, -200, 3e38], np.float32)
    same(
        run(builds, "exp_f32", x, x, np.float32)[[0, 1, 2, 3, 4, 7, 8]],
        np.float32([1, 1, np.inf, 0, np.nan, np.inf, 0]),
    )
    got = run(builds, "log_f32", x, x, np.float32)
    same(got[[0, 2, 3, 4, 5]], np.float32([-np.inf, np.inf, np.nan, np.nan, np.nan]))
    np.testing.assert_allclose(got[[6, 9]], np.log(d(x))[[6, 9]], rtol=1e-6)
    two = np.array([2.0, -2.0, 0.0, 9.0], np.float32)
    power = np.array([0.5, 3.0, 0.0, -0.5], np.float32)
    np.testing.assert_allclose(run(builds, "pow_f32", two, power, np.float32), np.power(d(two), d(power)), rtol=1e-6)
    values = torch.linspace(-4, 4, 200)
    erf = run(builds, "erf_f32", values.numpy(), values.numpy(), np.float32)
    np.testing.assert_allclose(erf, torch.erf(values.double()).numpy(), atol=3e-7)
    half = np.linspace(-8, 8, 500).astype(np.float16)
    np.testing.assert_allclose(d(run(builds, "exp_f16", half, half, np.float16)), np.exp(d(half)), rtol=1.1e-3)
    np.testing.assert_allclose(
        d(run(builds, "div_f16", half, half + 9, np.float16)), d(half) / d(half + 9), rtol=1e-3, atol=1e-7
    )
    small = np.array([0.4, 0.6, 2.5, 254.6], np.float32)
    np.testing.assert_array_equal(run(builds, "f32_to_u8", small, small, np.uint8), [0, 1, 2, 255])
    np.testing.assert_allclose(
        run(builds, "fast_div_f32", small, two, np.float32)[[0, 1, 3]], (d(small) / d(two))[[0, 1, 3]], rtol=1e-6
    )
