"""The replay of one SM against figures worked out by hand."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import NamedTuple

import pytest

from cudagym.simulator.clock.pipes import KINDS, PARTITIONS, PIPES, Op
from cudagym.simulator.clock.replay import Chip, Replay, replay, wave
from cudagym.simulator.clock.trace import SPACES, Access, Run, Trace, Warp

L1 = 64 << 10


class Lines(NamedTuple):
    """One warp's access to memory: line numbers with their sectors, or passes through shared memory."""

    lines: tuple[tuple[int, int], ...] = ()
    wavefronts: int = 0
    lanes: int = 32
    bytes: int = 4


class HandMade:
    """Traces of blocks whose warps all execute the same runs; each has its own accesses."""

    def __init__(self, runs: Sequence[tuple[int, int]], blocks: Sequence[Sequence[Sequence[Lines]]]) -> None:
        self.keep: list[object] = []
        self.records = (Trace * len(blocks))()
        for number, warps in enumerate(blocks):
            lines: list[int] = []
            accesses: list[Access] = []
            warp_records = (Warp * len(warps))()
            for record, mine in zip(warp_records, warps, strict=True):
                record.runs, record.first_access, record.accesses = len(runs), len(accesses), len(mine)
                record.instructions = sum(length for _, length in runs)
                for a in mine:
                    accesses.append(
                        Access(
                            first=len(lines), lines=len(a.lines), wavefronts=a.wavefronts, lanes=a.lanes, bytes=a.bytes
                        )
                    )
                    lines.extend(line << 4 | sectors for line, sectors in a.lines)
            arrays = (
                warp_records,
                (Run * len(runs))(*(Run(*run) for run in runs)),
                (Access * max(1, len(accesses)))(*accesses),
                (ctypes.c_uint64 * max(1, len(lines)))(*lines),
            )
            self.keep.extend(arrays)
            first, *others = arrays
            self.records[number] = Trace(number, len(warps), first, *map(ctypes.addressof, others), 1)

    def __len__(self) -> int:
        return len(self.records)


def chip(**changes: float) -> Chip:
    """An SM whose rates and latencies are round."""
    figures: dict[str, float] = {
        "l1_bytes": L1,
        "lsu_interval": 1,
        "shared_interval": 1,
        "l1_bytes_per_cycle": 128,
        "port_bytes_per_cycle": 64,
        "l2_bytes_per_cycle": 32,
        "dram_bytes_per_cycle": 8,
        "shared_latency": 20,
        "l1_latency": 30,
        "l2_latency": 200,
        "dram_latency": 500,
        "constant_latency": 30,
        "barrier_latency": 20,
        "queue_cycles": 64,
        "store_cycles": 2000,
        "launch_cycles": 0,
        "partial_write": 1,
        "dram_write": 1,
        "line_passes": 1,
        "heavy_only": 0,
    }
    return Chip(**figures | changes)


def op(pipe: str = "alu", kind: str = "plain", space: str | None = None, stall: int = 1, **fields: float) -> Op:
    return Op(
        pipe=PIPES.index(pipe),
        kind=KINDS.index(kind),
        space=SPACES.index(space),  # type: ignore[arg-type]
        stall=stall,
        **{"interval": 1, "write_board": -1, "read_board": -1} | fields,
    )


def play(ops: Sequence[Op], warps: Sequence[Sequence[Lines]], repeat: int = 1, sm: Chip | None = None) -> Replay:
    """One block of warps that each execute all `ops` `repeat` times."""
    table = (Op * len(ops))(*ops)
    return replay(table, sm or chip(), HandMade([(0, len(ops))] * repeat, [warps]), [0], 1)


def load(**fields: float) -> Op:
    return op("lsu", "load", "global", write_board=0, **fields)


WAIT = {"wait": 1}


def test_a_lone_warp_waits_out_its_stall_counts() -> None:
    assert play([op(stall=4)], [[]], repeat=1000).cycles == pytest.approx(4000, abs=5)


def test_warps_of_a_partition_hide_each_others_stalls() -> None:
    assert play([op(stall=4)], [[]] * 4 * PARTITIONS, repeat=1000).cycles == pytest.approx(4000, rel=0.01)
    assert play([op(stall=4)], [[]] * 8 * PARTITIONS, repeat=1000).cycles == pytest.approx(8000, rel=0.01)


def test_a_pipe_takes_an_instruction_per_interval() -> None:
    done = play([op(interval=2)], [[]] * 4 * PARTITIONS, repeat=500)
    assert done.cycles == pytest.approx(4 * 500 * 2, rel=0.01)
    assert done.busy["alu"] == 16 * 500 * 2


@pytest.mark.parametrize(("heavy_only", "cycles"), [(1, 4), (0, 3)])
def test_integer_products_and_fp32_share_a_pipe_on_some_cards(heavy_only: int, cycles: int) -> None:
    interval = 2 if heavy_only else 1
    pair = [op("fp32", interval=interval), op("heavy", interval=2)]
    done = play(pair, [[]] * 4 * PARTITIONS, repeat=500, sm=chip(heavy_only=heavy_only))
    assert 4 * 500 * 2 <= done.cycles <= 4 * 500 * cycles * 1.01


def test_a_scoreboard_holds_a_warp_for_the_latency_of_where_it_hits() -> None:
    far = Lines(((7, 15),))
    miss = play([load(dram=1.0), op(**WAIT)], [[far]]).cycles
    from_l2 = play([load(), op(**WAIT)], [[far]]).cycles
    twice = play([load(), op(**WAIT)], [[far, far]], repeat=2).cycles
    assert miss == pytest.approx(500, abs=25)
    assert from_l2 == pytest.approx(200, abs=15)
    assert twice - from_l2 == pytest.approx(30, abs=5)


def test_misses_in_flight_overlap() -> None:
    ops = [load() for _ in range(8)] + [op(**WAIT)]
    one = [Lines(((100 * k, 1),)) for k in range(8)]
    assert play(ops, [one]).cycles == pytest.approx(200, abs=25)


def test_streaming_takes_the_bytes_over_the_rate_of_dram() -> None:
    warps = [[Lines(((1000 * w + k, 15),)) for k in range(64)] for w in range(32)]
    done = play([load(dram=1.0, stall=1), op(**WAIT)], warps, repeat=64)
    assert done.dram_bytes == 32 * 64 * 128
    assert done.cycles == pytest.approx(done.dram_bytes / 8, rel=0.05)


def test_stores_run_ahead_but_not_for_ever() -> None:
    warps = [[Lines(((1000 * w + k, 15),)) for k in range(256)] for w in range(8)]
    done = play([op("lsu", "store", "global", dram=1.0)], warps, repeat=256)
    assert done.cycles == pytest.approx(8 * 256 * 128 / 8, rel=0.15)


def test_bank_conflicts_cost_a_pass_each() -> None:
    def cycles(wavefronts: int) -> float:
        shared = [[Lines(wavefronts=wavefronts)] * 100 for _ in range(16)]
        return play([op("lsu", "load", "shared", write_board=0)], shared, repeat=100).cycles

    assert cycles(32) == pytest.approx(32 * cycles(1), rel=0.05)


def test_a_barrier_makes_fast_warps_wait_for_slow_ones() -> None:
    slow = [Lines(((k, 1),)) for k in range(10)]
    fast = [Lines(lanes=0)] * 10
    ops = [load(), op(**WAIT), op("control", "wait")]
    alone = play(ops, [slow], repeat=10).cycles
    assert play(ops, [slow, fast, fast, fast], repeat=10).cycles == pytest.approx(alone, rel=0.02)


def test_groups_of_copies_are_waited_for_in_order() -> None:
    copy = op("lsu", "copy", "global", past_l1=1)
    group = op("control", "group", write_board=0)
    lines = [Lines(((k, 15),)) for k in range(2)]
    first = play([copy, group, op(stall=150), copy, group, op("control", "group_wait", count=1)], [lines]).cycles
    both = play([copy, group, op(stall=150), copy, group, op("control", "group_wait", count=0)], [lines]).cycles
    assert first < 260 < both


def test_the_next_block_takes_the_place_of_one_that_ended() -> None:
    table = (Op * 1)(op(stall=10))
    traces = HandMade([(0, 1)] * 100, [[[]]] * 6)
    done = replay(table, chip(), traces, range(6), 2)
    assert done.cycles == pytest.approx(3 * 1000, rel=0.02)
    assert len(done.ends) == 6
    assert sorted(done.ends) == list(done.ends)


def test_stalls_are_counted_at_the_instruction_that_waits() -> None:
    done = play([load(), op(), op(**WAIT), op()], [[Lines(((7, 15),))]])
    long = done.stalls[:, 3]
    assert long[2] == pytest.approx(230, abs=40)
    assert long[[0, 1, 3]].sum() == 0


def test_blocks_that_share_lines_fetch_them_once() -> None:
    own = [[[Lines(((100 * b + k, 15),)) for k in range(16)]] for b in range(8)]
    shared = [[[Lines(((k, 15),)) for k in range(16)]] for _ in range(8)]
    table = (Op * 1)(load())

    def fetched(blocks: list[list[list[Lines]]]) -> tuple[float, float]:
        counts = wave(
            table,
            HandMade([(0, 1)] * 16, blocks),
            sms=8,
            resident=1,
            l1_bytes=L1,
            l2_bytes=1 << 20,
            sampling=1,
            counted_from=0,
        )
        return counts.column("asked").sum(), counts.column("fetched").sum()

    assert fetched(own) == (8 * 16 * 4, 8 * 16 * 4)
    assert fetched(shared) == (8 * 16 * 4, 16 * 4)


def test_what_the_l2_cannot_hold_is_fetched_again() -> None:
    passes = [[[Lines(((k, 15),)) for _ in range(2) for k in range(1024)]]]
    table = (Op * 1)(load())
    for l2_bytes, times in ((1 << 20, 1), (32 << 10, 2)):
        counts = wave(
            table,
            HandMade([(0, 1)] * 2048, passes),
            sms=1,
            resident=1,
            l1_bytes=4096,
            l2_bytes=l2_bytes,
            sampling=1,
            counted_from=0,
        )
        assert counts.column("fetched").sum() == times * 1024 * 4


def test_warps_that_were_cut_off_do_not_end_the_clock() -> None:
    assert play([op("control", "wait", count=2), op(stall=100)], [[]], repeat=10).cycles > 1000
    table = (Op * 1)(op(stall=10))
    traces = HandMade([(0, 1)] * 100, [[[], []]] * 3)
    traces.records[0].warp[1].runs = traces.records[1].warp[0].runs = traces.records[1].warp[1].runs = 0
    done = replay(table, chip(), traces, range(3), 1)
    assert done.cycles == pytest.approx(2 * 1000, rel=0.02)
    assert done.instructions == 300
