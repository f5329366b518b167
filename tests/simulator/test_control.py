"""Control flow, exchange between threads, memory spaces: kernels as people write them, against plain Python."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from numpy.typing import NDArray

from cudagym.build.program import Allocate, Copy, Fill, Release, Upload, address_of

if TYPE_CHECKING:
    from machine_code import Builds, Code

RNG = np.random.default_rng(11)


@pytest.fixture
def code(builds: Builds) -> Code:
    return builds["control"]


def ints(n: int, low: int = 0, high: int = 200) -> NDArray[np.int32]:
    return RNG.integers(low, high, n, np.int32)


def nested(v: int) -> int:
    r = 0
    if v % 2:
        r = v * 3 if v % 3 else v - 7
        if v > 50:
            for k in range(v % 7):
                r += k * (1 if k % 2 else -v)
        return r
    while v > 1:
        v //= 3
        r += 1
        if r > 5:
            break
        if v == 4:
            continue
        r += 2
    return {0: r + 100, 1: r + 500, 2: r + 300}.get(v, -r)


def test_nested_branches_and_loops(code: Code) -> None:
    x, out = ints(1000), np.full(1024, -5, np.int32)
    code.run("nested", 4, 256, x, out, 1000)
    assert out[:1000].tolist() == [nested(v) for v in x.tolist()]
    assert (out[1000:] == -5).all()


def test_loops_of_different_length_per_lane(code: Code) -> None:
    x, out = ints(500, 1, 3000), np.zeros(500, np.int32)
    code.run("collatz", 2, 256, x, out, 500)

    def steps(v: int) -> int:
        return 0 if v == 1 else 1 + steps(3 * v + 1 if v % 2 else v // 2)

    assert out.tolist() == [steps(v) for v in x.tolist()]


def test_switch(code: Code) -> None:
    x, out = np.concatenate([ints(64, -2, 10), ints(64)]), np.zeros(64, np.int32)
    code.run("big_switch", 1, 64, x, out, 64)
    cases: dict[int, Any] = {
        0: lambda v: 10,
        1: lambda v: v * 3,
        2: lambda v: v + 5,
        3: lambda v: v ^ 77,
        4: lambda v: -v,
        5: lambda v: v // 3,
        6: lambda v: bin(v).count("1"),
        7: lambda v: 42,
    }
    want = [cases.get(c, lambda v: -1)(v) for c, v in zip(x[:64].tolist(), x[64:].tolist(), strict=True)]
    assert out.tolist() == want


@pytest.mark.parametrize("threads", [32, 64, 256, 1024])
def test_block_reduction_in_dynamic_shared_memory(code: Code, threads: int) -> None:
    x, out = RNG.integers(0, 9, 5000).astype(np.float32), np.zeros(3, np.float32)
    code.run("block_sum", 3, threads, x, out, 5000, shared=4 * threads)
    assert out.sum() == x.sum()


def test_warp_reduction_by_shuffles(code: Code) -> None:
    x, out = RNG.integers(0, 9, 4 * 256).astype(np.float32), np.zeros(4, np.float32)
    code.run("warp_sum", 4, 256, x, out)
    assert out.tolist() == x.reshape(4, 256).sum(1).tolist()


def test_lanes_exchange_values(code: Code) -> None:
    x, out = ints(32), np.zeros((16, 32), np.int32)
    code.run("lanes", 1, 32, x, out)
    lane = np.arange(32)
    segment = lane // 8 * 8
    up = x & 7
    want = [
        np.full(32, x[5]),
        x[x & 31],
        np.where(lane >= 3, np.roll(x, 3), x),
        np.where(lane - segment + 2 < 8, x[(lane + 2) % 32], x),
        x[lane ^ 9],
        np.where(lane % 16 >= up, x[lane - up], x),
        np.full(32, np.uint32(sum(1 << i for i in range(32) if x[i] & 1)).astype(np.int32)),
        np.full(32, 1),
        np.array(
            [np.uint32(sum(1 << k for k in range(32) if x[k] & 3 == x[i] & 3)).astype(np.int32) for i in range(32)]
        ),
        np.full(32, 0),
        np.full(32, x.sum()),
        np.full(32, x.max()),
        np.full(32, np.bitwise_xor.reduce(x)),
        np.where(lane % 2, np.uint32(0xAAAAAAAA).astype(np.int32), 0),
        np.where(lane & 8, x[lane ^ 1], x[lane ^ 2]),
        np.full(32, x[7]),
    ]
    for k, row in enumerate(want):
        np.testing.assert_array_equal(out[k], row, err_msg=f"row {k}")


def test_shuffle_waits_for_lanes_that_come_late(code: Code) -> None:
    x, out = ints(32), np.zeros(32, np.int32)
    code.run("late_lanes", 1, 32, x, out)
    values = x.copy()
    for t in range(32):
        for _ in range(t % 5):
            values[t] = values[t] * 3 + 1
        values[t] += 7 if t % 2 else -7
    np.testing.assert_array_equal(out, values[np.arange(32) ^ 1])


def test_named_and_reducing_barriers(code: Code) -> None:
    x, out = ints(128, 0, 120), np.zeros(128, np.int32)
    code.run("named_barriers", 1, 128, x, out)
    extra = (x > 10).sum() + 1000
    np.testing.assert_array_equal(out[:64], x[:64][::-1] + extra)
    np.testing.assert_array_equal(out[64:], x[64:][::-1] * 2 + extra)
    x, out = ints(32), np.zeros(32, np.int32)
    code.run("producer", 1, 64, x, out)
    np.testing.assert_array_equal(out, x[::-1] * 5)


@pytest.mark.parametrize("n", [1, 31, 40, 100, 256])
def test_threads_that_have_exited_count_as_arrived(code: Code, n: int) -> None:
    x, out = ints(256), np.zeros(256, np.int32)
    code.run("early_exit", 1, 256, x, out, n)
    np.testing.assert_array_equal(out[:n], np.roll(x[:n], -1))


def test_atomics(code: Code) -> None:
    x = ints(256, 1, 1000)
    out = np.zeros(16 + 256, np.int32)
    out[5], out[8] = 10**6, -1
    sums, wide, halves = np.zeros(4, np.float32), np.zeros(2, np.uint64), np.zeros(4, np.float16)
    code.run("atomics", 4, 64, x, out, sums, wide, halves)
    assert out[:4].tolist() == np.bincount(x & 3, minlength=4).tolist()
    assert out[4:9].tolist() == [
        x.max(), x.min(), np.bitwise_xor.reduce(x), np.bitwise_or.reduce(x), np.bitwise_and.reduce(x)
    ]  # fmt: skip
    assert out[9] == 256 % 10
    assert out[10] == (0 - 256) % 10
    assert out[11:15].tolist() == [x[0] | 1, 77, -512, 256]
    assert (out[16:] == 1).all()
    assert sums[0] == 128
    assert sums[2:].view(np.float64)[0] == 64
    assert wide.tolist() == [256 << 33, int(x.max()) << 20]
    assert halves.tolist() == [64, 0, 256, 512]


def test_spin_lock_within_a_warp_makes_progress(code: Code) -> None:
    lock, counter = np.zeros(1, np.int32), np.zeros(1, np.int32)
    code.run("spin_lock", 3, 64, lock, counter)
    assert counter[0] == 192


@pytest.mark.parametrize("descending", [0, 1])
def test_blocks_that_wait_for_each_other(code: Code, descending: int) -> None:
    x, out, flags = ints(64 * 40), np.zeros(64 * 40, np.int32), np.zeros(80, np.int32)
    code.run("look_back", 40, 64, x, out, flags, descending)
    np.testing.assert_array_equal(out, np.cumsum(x))


def test_last_block_finishes(code: Code) -> None:
    x, parts, out = ints(50).astype(np.float32), np.zeros(50, np.float32), np.zeros(1, np.float32)
    for _ in range(2):  # the ticket counter starts from its image each time
        code.run("last_block", 50, 32, x, parts, out)
        assert out[0] == 2 * x.sum()


def test_calls_structs_and_constants(code: Code) -> None:
    x, out, target = RNG.integers(0, 4, 32).astype(np.float32), np.zeros(32, np.float32), np.zeros(32, np.float32)
    box = struct.pack("<i3f", 7, 1.0, 2.0, 3.0) + address_of(2).to_bytes(8, "little")
    upload = Upload(target=code.variable("filled_by_host"), data=struct.pack("<4i", 10, 20, 30, 40))
    launch = code.launch("calls", 1, 32, address_of(0), address_of(1), box, 2)
    run = code.execute([upload, launch], x, out, target, checked=True)
    assert not run.faults

    def polynomial(v: float, n: int) -> float:
        s = 0.0
        for k in range(n):
            s = s * v + k
        return s

    for i in range(32):
        r = polynomial(float(x[i]), i % 5)
        if i % 2:
            r += polynomial(r, 3)
        assert out[i] == np.float32(r + 14 * 3 + [2, 4, 6][(2 + i) % 3] + 100 - i)
        assert target[i] == 2 ** (i % 8) + 0.5 + i % 4 + 1.5 + 10 * (i % 4 + 1)


def test_local_memory(code: Code) -> None:
    x, out = ints(32), np.zeros(32, np.int32)
    code.run("local_array", 1, 32, x, out, 10)
    for t in range(32):
        values = [int(x[t]) * k for k in range(24)]
        for k in range(10):
            values[x[(t + k) % 32] % 24] += k
        s = 0
        for k in range(24):
            s = s * 31 + values[(k * 7 + int(x[t])) % 24]
        s += (int(x[t]) & 3) + 1
        assert out[t] == (s + 2**31) % 2**32 - 2**31
    code.run("local_bytes", 1, 32, x, out)
    for t in range(32):
        data = {(k + int(x[t])) % 16: k + t for k in range(16)}
        assert out[t] == data[x[t] % 16] + 256 * data[(int(x[t]) + 9) % 16]


def test_vector_loads_and_stores(code: Code) -> None:
    a, b = RNG.integers(0, 99, (64, 4)).astype(np.float32), RNG.integers(-99, 99, (64, 4)).astype(np.int16)
    c, d = RNG.integers(0, 256, (64, 4)).astype(np.uint8), RNG.integers(0, 99, (64, 2)).astype(np.float64)
    out = np.zeros(64 * 4 + 64 * 2, np.float32)
    code.run("vectors", 1, 64, a, b, c, d, out, 64)
    tile = a + np.stack([b[:, 0], c[:, 1], d[:, 0], b[:, 3]], 1).astype(np.float32)
    want = tile[::-1].copy()
    want[:, 0] += c[:, 3]
    np.testing.assert_array_equal(out[:256].reshape(64, 4), want)
    np.testing.assert_array_equal(out[256:].reshape(64, 2), want[:, 2:])


def test_generic_pointers_reach_every_space(code: Code) -> None:
    x, out = ints(32), np.zeros(96, np.int32)
    code.run("generic_pointers", 1, 32, x, out)
    for t in range(32):
        value, space = [(x[t], 1), (x[31 - t], 2), (3 + (t & 1), 4)][t % 3]
        assert out[t] == value * 10 + space
        assert out[32 + t] == (0 if t % 2 else 5)
        assert out[64 + t] == x[t] + (5 if t % 2 else 0)


def test_special_registers(code: Code) -> None:
    out = np.zeros((12, 48, 8), np.uint32)
    code.run("specials", (2, 3, 2), (4, 6, 2), out, shared=128)
    for b in range(12):
        for t in range(48):
            lane = t % 32
            want = [lane, (1 << lane) - 1, 0xFFFFFFFF & ~((1 << lane) - 1), t // 32, 128]
            want += [t % 4 + 10 * (t // 4 % 6) + 100 * (t // 24), b % 2 + 10 * (b // 2 % 3) + 100 * (b // 6), 1]
            assert out[b, t].tolist() == want


def test_several_launches_with_scratch_memory(code: Code) -> None:
    x, out = ints(64).astype(np.float32), np.zeros(2, np.float32)
    scratch = address_of(300)
    steps = [
        Allocate(slot=300, size=256),
        Fill(address=address_of(1), value=0, count=8),
        code.launch("scale", 1, 64, address_of(0), scratch, 2.0),
        code.launch("total", 1, 1, scratch, address_of(1), 64),
        Copy(target=address_of(1) + 4, source=address_of(1), size=4),
        Upload(target=scratch, data=np.ones(64, np.float32).tobytes()),
        code.launch("total", 1, 1, scratch, address_of(1), 64),
        Release(slot=300),
    ]
    out[:] = np.nan
    run = code.execute(steps, x, out, checked=True)
    assert not run.faults
    assert run.complete
    assert out.tolist() == [2 * x.sum() + 64, 2 * x.sum()]
    assert [launch.kernel for launch in run.launches] == ["scale", "total", "total"]


def test_module_variables_start_afresh(code: Code) -> None:
    out = np.zeros(32, np.int32)
    launch = code.launch("count_up", 1, 32, address_of(0))
    for _ in range(2):
        assert not code.execute([launch, launch], out).faults
        assert (out == 2).all()


def test_printf_is_ignored(code: Code) -> None:
    code.run("say", 1, 32, 5)


def test_results_do_not_depend_on_how_they_are_observed(code: Code) -> None:
    x = ints(1000)
    fast, slow = np.zeros(1000, np.int32), np.zeros(1000, np.int32)
    code.run("nested", 4, 256, x, slow, 1000)
    run = code.try_run("nested", 4, 256, x, fast, 1000, checked=False)
    assert run.launches[0].counters is None
    np.testing.assert_array_equal(fast, slow)
