"""Loads, stores, atomics and copies in every form, against numpy; and what the simulated GPU lacks, by name."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from machine_code import KERNELS, Code
from numpy.typing import NDArray

from cudagym.build.program import address_of
from cudagym.errors import Unsupported

if TYPE_CHECKING:
    from machine_code import Builds

    from cudagym.simulator.machine import Machine

RNG = np.random.default_rng(23)


@pytest.fixture
def code(builds: Builds) -> Code:
    return builds["memory_forms"]


def some_bytes(n: int) -> NDArray[np.uint8]:
    return RNG.integers(0, 256, n, np.uint8)


def moved(code: Code, name: str, source: NDArray[Any], size: int) -> NDArray[np.uint8]:
    """What a kernel of one thread makes of `source`."""
    out = np.zeros(size, np.uint8)
    code.run(name, 1, 1, source.view(np.uint8), out, 0)
    return out


def test_128_bit_loads_and_stores(code: Code) -> None:
    x = some_bytes(32)
    want = np.concatenate([x[8:16], x[:8], x[16:]])
    np.testing.assert_array_equal(moved(code, "pairs_of_128", x, 32), want)


@pytest.mark.parametrize("name", ["cache_hints", "orders"])
def test_hints_and_orders_change_no_value(code: Code, name: str) -> None:
    x = some_bytes(32)
    np.testing.assert_array_equal(moved(code, name, x, 32), x)


def test_wider_registers_are_extended_and_stores_take_the_low_part(code: Code) -> None:
    x = np.array([-3, -4, 5, -6, -7, 8, 9, -10], np.int8)
    low, word = x[2:4].view(np.int16)[0], x[4:].view(np.int32)[0]
    first, second, byte = int(x[0]), int(x[1]) & 255, int(x[4]) & 255
    fields = struct.pack("<qQiHBBq4iH", first, second, low, byte, byte, byte, word, *x[:4], first & 0xFFFF)
    assert moved(code, "widened", x, 50).tobytes() == fields


def test_sinks_take_what_nobody_wants(code: Code) -> None:
    x = RNG.integers(0, 2**31, 4, np.uint32)
    assert moved(code, "sinks", x, 8).view(np.uint32).tolist() == [x[3] + 5, x[0]]


def test_256_bit_vectors(machine: Machine) -> None:
    """Blackwell's: nvcc gives them to no other target."""
    text = """
.version 9.0
.target sm_100
.address_size 64
.visible .entry wide(.param .u64 in, .param .u64 out)
{
    .reg .b32 a<8>; .reg .b64 d<8>; .reg .f32 f<8>;
    ld.param.u64 d4, [in]; ld.param.u64 d5, [out];
    mov.u32 a0, %tid.x; mul.wide.u32 d6, a0, 96; add.s64 d4, d4, d6; add.s64 d5, d5, d6;
    ld.global.v8.b32 {a0, a1, _, a3, a4, a5, a6, a7}, [d4];
    st.global.v8.b32 [d5], {a7, a6, a5, a4, a3, a1, a1, a0};
    ld.global.nc.L2::evict_last.v4.b64 {d0, d1, d2, d3}, [d4+32];
    st.global.v4.b64 [d5+32], {d3, d2, d1, d0};
    ld.global.v8.f32 {f0, f1, f2, f3, f4, f5, f6, f7}, [d4+64];
    st.global.L2::evict_first.v8.f32 [d5+64], {f7, f6, f5, f4, f3, f2, f1, f0};
    ret;
}
"""
    code = Code(text, machine)
    x, out = RNG.integers(0, 2**31, (40, 24), np.uint32), np.zeros((40, 24), np.uint32)
    code.run("wide", 1, 40, x, out)
    want = np.concatenate(
        [x[:, [7, 6, 5, 4, 3, 1, 1, 0]], x[:, [14, 15, 12, 13, 10, 11, 8, 9]], x[:, 23:15:-1]], axis=1
    )
    np.testing.assert_array_equal(out, want)
    assert code.fault("wide", 1, 40, x[:-1], out).kind == "out_of_bounds"


@pytest.mark.parametrize("n", range(4))
def test_generic_addresses_of_every_window(code: Code, n: int) -> None:
    x, out = RNG.integers(0, 200, 32, np.int32), np.zeros(32, np.int32)
    code.run("generic_windows", 1, 32, x, out, n)
    own = {1: np.full(32, 3), 3: np.full(32, 5)}
    want = own[n] + 2000 if n & 1 else x + 1 + 9000
    np.testing.assert_array_equal(out, want)


def test_constant_variables_are_told_from_global_ones(code: Code) -> None:
    out, places = np.zeros(1, np.int32), (code.variable("fixed"), code.variable("changing"), address_of(0))
    for place, want in ((places[0], 11), (places[0] + 8, 31), (places[1], 2), (places[1] + 8, 2), (places[2], 2)):
        out[0] = 0
        code.run("constant_or_global", 1, 1, place, out)
        assert out[0] == want


def test_addresses_of_parameters(code: Code) -> None:
    values, out = RNG.integers(0, 50, 6, np.int32), np.zeros(32, np.int32)
    code.run("parameters", 1, 32, values.tobytes(), out, 4)
    np.testing.assert_array_equal(out, 100 + values[(np.arange(32) + 4) % 6])


def brains(*values: float) -> bytes:
    """bfloat16, of numbers that it holds exactly."""
    bits = np.array(values, np.float32).view(np.uint32)
    assert not (bits & 0xFFFF).any()
    return (bits >> 16).astype(np.uint16).tobytes()


def floats(*values: float) -> bytes:
    return np.array(values, np.float32).tobytes()


def halves(*values: float) -> bytes:
    return np.array(values, np.float16).tobytes()


def change(code: Code, name: str, operands: bytes, memory: bytes) -> bytes:
    out = np.frombuffer(memory, np.uint8).copy()
    code.run(name, 1, 1, np.frombuffer(operands, np.uint8).copy(), out, 0)
    return out.tobytes()


def test_vector_atomics(code: Code) -> None:
    eight = [0.5 * k for k in range(8)]
    operands = floats(1, 2, 3, 4) + halves(*eight) + halves(1, 9, -2, 7) + brains(3, -5, 0, 0) + brains(*eight)
    memory = floats(10, 20, 30, 40) + halves(*[k - 3 for k in range(8)]) + halves(5, 4, -3, 8) + brains(2, -4, 0, 0)
    memory += brains(*[2 * k for k in range(8)]) + bytes(32)
    want = floats(11, 22, 34, 46) + halves(*[1.5 * k - 3 for k in range(8)]) + halves(1, 4, -3, 7)
    want += brains(3, -4, 0, 0) + brains(*[2.5 * k for k in range(8)])
    want += floats(10, 20, 30, 40) + halves(5, 4, -3, 8) + brains(2, -4, 0, 0)
    assert change(code, "vector_atomics", operands, memory) == want


def test_half_atomics(code: Code) -> None:
    operands = halves(1.5) + brains(2.5) + struct.pack("<HH", 7, 9) + halves(0.25, -1) + brains(4, 8)
    memory = halves(10) + brains(20) + halves(1, 2) + brains(3, 5) + struct.pack("<HH", 7, 8) + bytes(28)
    want = halves(11.5) + brains(22.5) + halves(1.25, 1) + brains(7, 13) + struct.pack("<HH", 9, 8) + bytes(16)
    want += halves(10) + brains(20) + halves(1, 2) + struct.pack("<HH", 7, 8)
    assert change(code, "half_atomics", operands, memory) == want


def test_128_bit_atomics(code: Code) -> None:
    a, b, first, second = (some_bytes(16).tobytes() for _ in range(4))
    near = bytes(16)[:8] + a[8:]  # only half of what cas compares is the same
    for other in (second, near):
        memory = first + other + bytes(48)
        assert change(code, "wide_atomics", a + b, memory) == b + other + first + a + other


def test_scalar_atomics(code: Code) -> None:
    v = RNG.integers(1, 2**20, 32).astype(np.int64)
    out = np.zeros(96, np.uint64)
    out[[2, 4, 7]], out[3] = 2**63 - 1, 5
    code.run("scalar_atomics", 1, 32, v.astype(np.int32), out)
    w = v << 20
    assert out[:4].tolist() == [v.sum(), w.sum(), w.min(), w.max()]
    assert out[4] == np.bitwise_and.reduce(w) & (2**63 - 1)
    assert out[5:7].tolist() == [np.bitwise_or.reduce(v), np.bitwise_xor.reduce(w)]
    assert out[7] == (2**63 - 1) ^ 0xFFFFFFFF | 0xFFFFFFFF  # min of -1 and positive numbers
    assert out[8:11].tolist() == [v.max(), 32 % 10, (0 - 32) % 21]
    assert out[11:12].view(np.float64)[0] == v.sum()
    assert out[12:13].view(np.float32)[0] == np.cumsum(v.astype(np.float32), dtype=np.float32)[-1]
    assert sorted(out[32:64].tolist()) == list(range(32))
    assert out[64:68].tolist() == [
        v.sum() & 0xFFFFFFFF, np.bitwise_and.reduce(v), np.bitwise_or.reduce(v), np.bitwise_xor.reduce(v)
    ]  # fmt: skip


def test_float_sums_flush_subnormal_numbers_in_global_memory_only(code: Code) -> None:
    tiny = np.array([1e-40], np.float32)
    total, kept = np.zeros(1, np.float32), tiny.copy()
    code.run("tiny_sums", 1, 1, total, kept)
    assert total[0] == 0
    assert kept[0] == tiny[0] + tiny[0]


@pytest.mark.parametrize("given", [0, 3, 4, 7, 12, 13, 16])
def test_asynchronous_copies(code: Code, given: int) -> None:
    """Each lane copies 16 bytes in seven ways; what is behind the source size is zeros, and is not read."""
    x, out = some_bytes(32 * 16).reshape(32, 16), np.zeros((32, 112), np.uint8)
    code.run("copies", 1, 32, x, out, given)

    def part(n: int, size: int = 16) -> NDArray[np.uint8]:
        return np.where(np.arange(size) < n, x[:, :size], 0).astype(np.uint8)

    rows = [x, part(given), part(4, 8), x[:, :8], part(given), part(0), x, part(given & 3, 4), x[:, :4], x[:, :8]]
    np.testing.assert_array_equal(out, np.concatenate(rows, axis=1))


LACKING = {
    "lacks_bulk_copy": ("cp.async.bulk", "cp.async,"),
    "lacks_bulk_group": ("cp.async.bulk.commit_group", "cp.async,"),
    "lacks_cluster_barrier": ("barrier.cluster.arrive", "clusters"),
    "lacks_cluster_address": ("mapa", "clusters"),
    "lacks_register_moves": ("setmaxnreg", "__launch_bounds__"),
    "lacks_warpgroups": ("wgmma", "mma.sync"),
    "lacks_remote_red": ("red.async", "clusters"),
    "lacks_remote_store": ("st.async", "clusters"),
    "lacks_tensor_map": ("prefetch.tensormap", "TMA"),
    "lacks_multimem": ("multimem", "one GPU"),
    "lacks_environment": ("%envreg7", ""),
    "lacks_clusters": ("clusters", "__cluster_dims__"),
}


@pytest.mark.parametrize("name", LACKING)
def test_what_is_absent_is_named_with_its_line(code: Code, name: str) -> None:
    source = (KERNELS / "memory_forms.cu").read_text().splitlines()
    line = next(number for number, text in enumerate(source, 1) if name in text)
    what, instead = LACKING[name]
    arguments = [np.zeros(64, np.uint8)] * len(code.kernel(name).parameters)
    if len(arguments) == 3:
        arguments[2:] = [0]  # type: ignore[list-item]
    with pytest.raises(Unsupported, match=rf"unsupported: .*{what}.* at line {line}(;|$)") as raised:
        code.try_run(name, 2, 1, *arguments)
    assert instead in str(raised.value)
