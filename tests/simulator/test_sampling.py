"""Counters of observed blocks, which blocks are observed, and when the others run."""

from __future__ import annotations

import random
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from cudagym.build.program import address_of
from cudagym.device import Counters, Limits, Run
from cudagym.simulator import machine as machine_module
from cudagym.simulator.machine import Machine, choose_blocks

if TYPE_CHECKING:
    from machine_code import Builds, Code
from machine_code import memory_of


@pytest.fixture
def code(builds: Builds) -> Code:
    return builds["patterns"]


def counters(code: Code, *arguments: Any) -> Counters:
    found = code.run(*arguments).counters
    assert found is not None
    return found


@pytest.mark.parametrize(("stride", "sectors", "lines"), [(1, 4, 1), (2, 8, 2), (8, 32, 8), (32, 32, 32)])
def test_sectors_and_lines_of_global_loads(code: Code, stride: int, sectors: int, lines: int) -> None:
    x, y = np.zeros(256 * stride, np.float32), np.zeros(256, np.float32)
    c = counters(code, "stride_copy", 2, 128, x, y, stride)
    assert (c.blocks, c.warps, c.global_loads, c.global_stores) == (2, 8, 8, 8)
    assert (c.global_load_sectors, c.global_load_lines) == (8 * sectors, 8 * lines)
    assert (c.global_store_sectors, c.global_store_lines) == (8 * 4, 8)
    assert (c.unique_load_sectors, c.unique_store_sectors) == (8 * sectors, 8 * 4)


def test_wide_and_repeated_loads(code: Code) -> None:
    x, y = np.zeros(512, np.float32), np.zeros(512, np.float32)
    c = counters(code, "wide_copy", 1, 128, x, y)
    assert (c.global_loads, c.global_load_sectors, c.global_load_lines) == (4, 64, 16)
    c = counters(code, "same_element", 2, 128, x, y)
    assert (c.global_loads, c.global_load_sectors, c.unique_load_sectors) == (16, 16, 2)


def test_a_copy_that_fills_up_with_zeros_reads_as_wide_as_one_that_does_not(code: Code) -> None:
    x, y = np.arange(1, 129, dtype=np.float32), np.zeros(128, np.float32)
    assert counters(code, "copied", 1, 32, x, y, 128).global_load_sectors == 16
    c = counters(code, "copied", 1, 32, x, y, 126)
    assert c.unique_load_sectors == 16
    assert c.global_load_sectors == 16 + 2, "the last thread's two words are an access of their own each"
    assert y.tolist() == [*range(1, 127), 0, 0]


@pytest.mark.parametrize(("stride", "passes"), [(1, 1), (2, 2), (4, 4), (32, 32), (33, 1)])
def test_bank_conflicts(code: Code, stride: int, passes: int) -> None:
    c = counters(code, "banks", 1, 32, np.zeros(32, np.float32), stride)
    assert (c.shared_stores, c.shared_loads) == (1, 1)
    assert c.shared_wavefronts == passes + 1, "a broadcast takes one pass"


def test_bank_conflicts_of_wide_accesses(code: Code) -> None:
    y = np.zeros(128, np.float32)
    assert counters(code, "wide_banks", 1, 32, y, 1).shared_wavefronts == 2 * 4
    assert counters(code, "wide_banks", 1, 32, y, 8).shared_wavefronts == 2 * 4 * 8
    assert counters(code, "wide_banks", 1, 32, y, 9).shared_wavefronts == 2 * 4


def test_atomics_and_their_conflicts(code: Code) -> None:
    bins = np.zeros(64, np.int32)
    c = counters(code, "counting", 1, 64, bins, np.arange(64, dtype=np.int32))
    assert (c.atomics, c.atomic_conflicts, c.atomic_sectors) == (2, 0, 8)
    c = counters(code, "counting", 1, 64, bins, np.zeros(64, np.int32))
    assert (c.atomics, c.atomic_conflicts, c.atomic_sectors) == (2, 62, 2)


def test_active_lanes(code: Code) -> None:
    x = np.zeros(32, np.float32)
    c = counters(code, "half_active", 1, 32, x, x.copy())
    assert c.fp32 == 1
    assert 16 * c.instructions < c.active_lanes < 32 * c.instructions


def test_classes_of_instructions(code: Code) -> None:
    x = np.ones(64, np.float32)
    c = counters(code, "classes", 1, 64, x, np.zeros(64), np.zeros(64, np.int32))
    assert (c.fp32, c.fp64, c.special, c.shuffles, c.barriers) == (2, 2, 2, 2, 2)
    assert c.conversions == 4
    assert c.instructions == c.dependent_steps * 2


def test_the_slowest_warp_counts(code: Code) -> None:
    c = counters(code, "uneven", 2, 128, np.zeros(256, np.int32))
    assert c.instructions / 8 < c.dependent_steps / 2 < c.instructions / 2


def sample(code: Code, steps: list[Any], *arrays: Any, seed: int = 1, blocks: int = 8, **limits: Any) -> Run:
    program, memory = code.program(*steps), memory_of(*arrays)
    return code.machine.sample(program, memory, seed=seed, limits=Limits(**limits), blocks=blocks)


def test_sample_completes_what_is_affordable(code: Code) -> None:
    x, y = np.arange(6400, dtype=np.int32), np.zeros(6400, np.int32)
    launch = code.launch("costly", 100, 64, address_of(0), address_of(1), 10)
    run = sample(code, [launch], x, y)
    (only,) = run.launches
    assert run.complete
    assert len(only.sampled) == 16
    assert only.counters is not None
    assert only.counters.blocks == 8
    want = np.zeros(6400, np.int32)
    code.run("costly", 100, 64, x, want, 10)
    np.testing.assert_array_equal(y, want)


def test_sample_leaves_the_costly_incomplete(code: Code) -> None:
    x, y = np.arange(6400, dtype=np.int32), np.full(6400, -1, np.int32)
    launch = code.launch("costly", 100, 64, address_of(0), address_of(1), 1000)
    run = sample(code, [launch, launch], x, y, warp_instructions=200_000)
    assert not run.faults
    assert [part.complete for part in run.launches] == [False, False]
    written = {i // 64 for i in np.flatnonzero(y != -1)}
    assert written == {block for part in run.launches for block in part.sampled}


def test_launches_share_one_budget(code: Code) -> None:
    x, y = np.arange(6400, dtype=np.int32), np.zeros(6400, np.int32)
    launch = code.launch("costly", 100, 64, address_of(0), address_of(1), 100)
    once = sample(code, [launch], x, y, warp_instructions=120_000)
    assert once.complete
    many = sample(code, [launch] * 5, x, y, warp_instructions=120_000)
    assert not many.faults
    complete = [part.complete for part in many.launches]
    assert complete == sorted(complete, reverse=True)
    assert complete[0]
    assert not complete[-1]


def test_sampled_blocks_that_wait_for_others_run_with_them(code: Code) -> None:
    flags = np.zeros(60, np.int32)
    run = sample(code, [code.launch("chain", 60, 32, address_of(0))], flags)
    assert run.complete
    np.testing.assert_array_equal(flags, np.arange(1, 61))


def test_which_blocks_are_observed(code: Code) -> None:
    launch = code.launch("chain", (10, 7), 32, address_of(0))
    for seed in range(20):
        chosen = choose_blocks(launch, random.Random(seed), 8)
        assert [70 * part // 8 <= block < 70 * (part + 1) // 8 for part, block in enumerate(chosen)] == [True] * 8
        assert chosen == choose_blocks(launch, random.Random(seed), 8)
        others = choose_blocks(launch, random.Random(seed), 8, without=chosen)
        assert len({*chosen, *others}) == 16
        assert list(others) == sorted(others)
    assert len({choose_blocks(launch, random.Random(seed), 8) for seed in range(20)}) > 10
    few = code.launch("chain", 5, 32, address_of(0))
    assert choose_blocks(few, random.Random(0), 8) == (0, 1, 2, 3, 4)
    assert choose_blocks(few, random.Random(0), 8, without=(0, 3)) == (1, 2, 4)
    last = {choose_blocks(few, random.Random(seed), 1, without=(1, 2, 3)) for seed in range(50)}
    assert last == {(0,), (4,)}


def test_faults_in_a_sample(code: Code) -> None:
    run = sample(
        code,
        [code.launch("stride_copy", 100, 64, address_of(0), address_of(1), 1)],
        np.zeros(64, np.float32),
        np.zeros(6400, np.float32),
    )
    assert run.faults[0].kind == "out_of_bounds"


def test_compiled_kernels_are_kept_and_verified(code: Code, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDAGYM_CACHE", str(tmp_path))
    x, y = np.arange(64, dtype=np.int32), np.zeros(64, np.int32)
    machine_module._loaded.cache_clear()
    code.run("costly", 1, 64, x, y, 3)
    (entry,) = (tmp_path / "jit").glob("[!.]*")
    good = (entry / "kernel.o").read_bytes()
    (entry / "kernel.o").write_bytes(good[:100] + b"garbage" + good[107:])
    machine_module._loaded.cache_clear()
    want = y.copy()
    y[:] = 0
    code.run("costly", 1, 64, x, y, 3)
    np.testing.assert_array_equal(y, want)
    assert (entry / "kernel.o").read_bytes() == good
    machine_module._loaded.cache_clear()
    Machine(code.machine.gpu)
    code.run("costly", 1, 64, x, y, 3)
    assert list((tmp_path / "jit").glob("[!.]*")) == [entry]
