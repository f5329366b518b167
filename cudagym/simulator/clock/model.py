"""The model of a launch: which blocks to look at, and how their replay becomes the time of the whole grid.

One SM's blocks are followed and replayed; the other SMs are assumed to do the like. How often the L2 has what the SMs
ask for comes from playing the accesses of one or two whole waves, cut short where that would cost too much. The cost
of it all depends on the sample, whose size is bounded, and not on the problem.
"""

from __future__ import annotations

import ctypes
import math
import random
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cudagym.build.names import kernel_title
from cudagym.build.program import Kernel, Launch, Variable
from cudagym.device import Counters, KernelTime, Limiter, LineCost, Traffic
from cudagym.hardware import GPU
from cudagym.simulator.clock.bounds import Footprint, occupancy
from cudagym.simulator.clock.decode import Unfollowable
from cudagym.simulator.clock.follow import FollowLimits, Traces, follow
from cudagym.simulator.clock.image import Image
from cudagym.simulator.clock.pipes import KINDS, PARTITIONS, Op, ops_of
from cudagym.simulator.clock.replay import REASONS, Asked, Chip, Replay, replay, wave
from cudagym.simulator.clock.sass import SassKernel
from cudagym.simulator.clock.work import work_of

SECTOR_BYTES = 32
REPLAYED = 3_000_000
"""Warp instructions that one SM replays, about."""
LONGEST_BLOCK = 24_000_000
"""Warp instructions, beyond which a launch is timed by its bounds."""
MOST_REPLAYED = 8_000_000
"""Beyond this, blocks are cut short."""
PLAYED = 3_000_000
"""Warp instructions of the waves that are played over the L2, about."""
SECONDS = 20.0
"""That following one set of blocks may take."""
MOST_WAVES, MOST_PLACES = 6, 3
PACE, AT_LEAST = 0.95, 0.75
"""Shares of a replay's pace, and of its mean time per block, that the blocks behind it take at least. Of honest kernels
both are a little too long: they know the first wave's start, too."""
PROBES, PROBED = 2, 500_000
"""Blocks besides the middle one that say how long blocks are, and the warp instructions that each may take at least."""
MOST_LINES = 12
SAMPLED, SAMPLED_INSTRUCTIONS = 32, 4_000_000
"""Replayed blocks that are compared with what they do when they run, and what they may cost, or one twice of it."""

ATOMIC = KINDS.index("atomic")
STORES = (KINDS.index("store"), ATOMIC)
READ_ALONE, DRAM_WRITE = 1.045, 1.19
"""Reading alone gets this much more of DRAM than the card's mean share, and a written byte costs this much more than
a read one, so that copies get as much less: DRAM loses time when it turns from reading to writing."""
LSU_CYCLES = {False: (1.0, 1.5), True: (1.7, 2.0)}
"""Cycles of the load/store unit that an access to shared memory, and one to global memory, takes at least; by whether
the card's L1 is of the narrow kind that gives 64 bytes per cycle."""
SLICE_BYTES = 64
"""That a slice of the L2 passes per cycle."""
PARTIAL_WRITE = 2.0
"""How much more of a slice's time a store of part of a sector takes, which the slice has to merge."""
LAUNCH_US = 1.5
"""From one kernel's end to the next one's start in a stream; also the least a launch takes."""
L2_USABLE = 0.8
"""The share of the L2 that a working set may take and still be found in it."""


class Code(NamedTuple):
    """The machine code of a program."""

    kernels: Mapping[str, SassKernel]
    image: Image
    variables: tuple[Variable, ...]


class Sample(NamedTuple):
    """Some of the blocks that were replayed, drawn by lot, and what they did."""

    blocks: tuple[int, ...]
    """Linear indices, ascending."""
    work: Counters
    share: float
    """Instructions of the average one of them, over those of the average replayed block."""


class Modelled(NamedTuple):
    """A launch's time and how it came about."""

    time: KernelTime
    replay: Replay
    traffic: Asked
    ops: ctypes.Array[Op]
    blocks_on_sm: float
    sample: Sample


def model(
    gpu: GPU,
    kernel: Kernel,
    code: Code,
    launch: Launch,
    memory: Mapping[int, NDArray[np.uint8]],
    footprint: Footprint,
    *,
    warm: bool,
    seed: int = 0,
    clock_mhz: float | None = None,
) -> Modelled:
    """How long `launch` takes on `gpu`, whose L2 holds what the launch before left (`warm`) or nothing of use.

    `seed` chooses the SM. `clock_mhz`: of the SMs, their boost clock unless given. Raises Unfollowable.
    """
    return _Model(gpu, kernel, code, launch, memory, footprint, warm, seed, clock_mhz or gpu.boost_mhz).run()


class _Model:
    def __init__(
        self,
        gpu: GPU,
        kernel: Kernel,
        code: Code,
        launch: Launch,
        memory: Mapping[int, NDArray[np.uint8]],
        footprint: Footprint,
        warm: bool,
        seed: int,
        clock_mhz: float,
    ) -> None:
        self.gpu, self.kernel, self.code, self.launch = gpu, kernel, code, launch
        self.memory, self.footprint, self.warm, self.seed = memory, footprint, warm, seed
        self.sass = code.kernels[kernel.name]
        self.clock_hz = clock_mhz * 1e6
        self.total = launch.blocks
        self.active = min(gpu.sms, self.total)
        self.on_sm = math.ceil(self.total / gpu.sms)
        """Blocks that the busiest SM runs."""
        self.resident = max(1, min(occupancy(gpu, kernel, launch), self.on_sm))
        self.warps = math.ceil(launch.threads / 32)
        self.waves = math.ceil(self.on_sm / self.resident)
        shared = kernel.static_shared_bytes + launch.dynamic_shared_bytes
        self.l1_bytes = gpu.sm.cache_bytes((shared + gpu.sm.shared_reserved) * self.resident if shared else 0)

    def run(self) -> Modelled:
        if self.launch.cooperative:
            name = kernel_title(self.kernel.name)
            raise Unfollowable(f"the clock cannot follow {name}: its blocks wait for all others of the grid")
        self.ops = ops_of(self.sass.instructions, self.gpu, self.warps)
        probe = self.follow([self.total // 2], LONGEST_BLOCK)
        if not probe.whole:
            name = kernel_title(self.kernel.name)
            raise Unfollowable(
                f"the clock does not follow {name} to its end: a block takes over {LONGEST_BLOCK:,} steps"
            )
        cost = self.longest(max(1, probe.instructions))
        traffic, part = self.play(cost)
        self.apply(traffic, part)
        cycles, done = self.replay(cost)
        time_us = cycles / self.clock_hz * 1e6 + LAUNCH_US
        occupied = self.warps * self.resident / self.gpu.max_warps_per_sm
        time = KernelTime(
            kernel=self.kernel.name,
            time_us=time_us,
            occupancy=min(1.0, occupied),
            waves=self.total / (self.gpu.sms * self.resident),
            limiters=tuple(self.limiters(done, time_us - LAUNCH_US)),
            stalls=self.stalls(done),
            lines=self.lines(done),
            traffic=self.moved(done),
        )
        return Modelled(time, done, traffic, self.ops, self.total / self.active, self.sample)

    def longest(self, cost: int) -> int:
        """Warp instructions of the longest of a few blocks; the middle one, which takes `cost`, may be idle."""
        chooser = random.Random(f"{self.seed} cost")
        blocks = [chooser.randrange(self.total) for _ in range(PROBES)]
        traces = self.follow(blocks, max(2 * cost, PROBED))
        return max(cost, *(int(sum(each.warp[k].instructions for k in range(each.warps))) for each in traces.records))

    def follow(self, blocks: Sequence[int], limit: int) -> Traces:
        """Follows blocks (linear indices), each for at most `limit` warp instructions."""
        code, limits = self.code, FollowLimits(block_instructions=limit, seconds=SECONDS)
        return follow(
            self.sass, code.image, self.launch, blocks, self.memory, code.variables, limits=limits, sms=self.gpu.sms
        )

    # The L2

    def play(self, cost: int) -> tuple[Asked, float]:
        """What waves of blocks at a few places of the grid ask of the L2, and the share of a block that was played.

        Each wave finds in the L2 what the wave before it left, where that can be afforded.
        """
        together = min(self.total, self.gpu.sms * self.resident)
        affordable = PLAYED // (together * cost)
        limit = cost if affordable else max(64, PLAYED // together)
        before = 1 if affordable >= 2 and self.waves > 1 else 0
        places = max(1, min(MOST_PLACES, self.waves // (1 + before), affordable // (1 + before)))
        counts = []
        for place in range(places):
            wave_number = max(before, self.waves * (2 * place + 1) // (2 * places))
            first = (wave_number - before) * together
            blocks = range(first, min(self.total, first + (1 + before) * together))
            counts.append(
                wave(
                    self.ops,
                    self.follow(blocks, limit),
                    sms=self.active,
                    resident=self.resident,
                    l1_bytes=self.l1_bytes,
                    l2_bytes=int(self.gpu.l2_bytes * L2_USABLE),
                    sampling=1,
                    counted_from=before * together,
                )
            )
        whole = Asked(np.sum([each.counts for each in counts], axis=0), sum(each.blocks for each in counts))
        return whole, limit / cost

    def apply(self, traffic: Asked, part: float) -> None:
        """Tells each instruction what share of its sectors DRAM gives or gets; `part` of each block was played."""
        asked, fetched, written = (traffic.column(name) for name in ("asked", "fetched", "written"))
        stores = np.array([op.kind in STORES for op in self.ops])
        kept = kept_share(self.footprint.total / self.gpu.l2_bytes)
        if self.warm:
            reads = writes = 1.0 - kept
        else:
            # What a launch reads for the first time comes from DRAM; what it writes last stays in the L2.
            reads, writes = 1.0, max(0.0, 1.0 - self.gpu.l2_bytes / self.footprint.total)
            if self.footprint.total <= L2_USABLE * self.gpu.l2_bytes:
                whole = fetched[~stores].sum() * SECTOR_BYTES / traffic.blocks * self.total / part
                reads = min(1.0, self.footprint.readable / max(whole, 1.0))
        missed = fetched / np.maximum(asked + written, 1)
        overall = fetched[~stores].sum() / asked.sum() if asked.any() else 1.0
        for op, store, share, seen in zip(self.ops, stores, missed, asked + written, strict=True):
            # What the wave did not come to has no share of its own: a store goes on to DRAM, a load is like the others.
            # An atomic's share is that of a load and a store.
            missed_writes = (reads + writes) / 2 if op.kind == ATOMIC else writes
            op.dram = missed_writes * (share if seen else 1.0) if store else reads * (share if seen else overall)

        self.contend(traffic)

    def contend(self, traffic: Asked) -> None:
        """Tells atomics what they cost the slices of the L2: a cycle per sector, and per lane that wants one word.

        Few words keep few slices busy, wherever the SMs are that want them.
        """
        count, lanes, written, words = (
            traffic.column(name) for name in ("atomics", "contention", "written", "fetched")
        )
        slices = self.gpu.l2_bytes_per_clock / SLICE_BYTES
        for op, n, wanted, sectors, distinct in zip(self.ops, count, lanes, written, words, strict=True):
            if n:
                busy = min(slices, max(1.0, distinct))
                op.atomic = self.active * max(wanted / n / busy, sectors / n / slices)

    # One SM

    def chip(self) -> Chip:
        gpu = self.gpu
        sm = gpu.sm
        shared_cycles, global_cycles = LSU_CYCLES[sm.l1_bytes_per_clock < 100]
        dram = gpu.bandwidth * gpu.dram_share / self.clock_hz / self.active
        return Chip(
            l1_bytes=self.l1_bytes,
            lsu_interval=global_cycles,
            shared_interval=shared_cycles,
            l1_bytes_per_cycle=sm.l1_bytes_per_clock,
            port_bytes_per_cycle=64,
            l2_bytes_per_cycle=gpu.l2_read_bytes_per_clock / self.active,
            dram_bytes_per_cycle=dram * READ_ALONE,
            shared_latency=sm.shared_latency,
            l1_latency=sm.l1_latency,
            l2_latency=gpu.l2_latency,
            dram_latency=gpu.dram_ns * 1e-9 * self.clock_hz,
            constant_latency=30,
            barrier_latency=18,
            queue_cycles=128,
            store_cycles=2000,
            launch_cycles=300,
            partial_write=PARTIAL_WRITE,
            dram_write=DRAM_WRITE,
            line_passes=1,
            heavy_only=sm.fp32 < 128,
        )

    def replay(self, cost: int) -> tuple[float, Replay]:
        """Cycles that the busiest SM takes, and what it did in the part of them that was replayed."""
        per_wave = self.resident * cost
        waves = max(1, min(self.waves, MOST_WAVES, REPLAYED // per_wave))
        limit = MOST_REPLAYED if per_wave <= MOST_REPLAYED else max(1024, MOST_REPLAYED // self.resident)
        chip, blocks = self.chip(), self.sm_blocks(waves)
        traces = self.follow(blocks, limit)
        share = min(1.0, traces.instructions / (cost * len(blocks))) if limit < cost else 1.0
        self.sample = self.draw(blocks, traces, cost)
        done = replay(self.ops, chip, traces, range(len(blocks)), self.resident)
        if len(blocks) >= self.on_sm:
            return done.cycles / share, done
        if waves == 1:
            return done.cycles / share * self.on_sm / len(blocks), done
        one = replay(self.ops, chip, traces, range(self.resident), self.resident)
        return one.cycles + self.per_block(done, one.cycles) * (self.on_sm - self.resident), done

    def draw(self, blocks: Sequence[int], traces: Traces, cost: int) -> Sample:
        """A sample of the replayed `blocks`, one of each of a few equal parts; none where that would cost too much."""
        affordable = max(SAMPLED_INSTRUCTIONS // cost, int(cost <= 2 * SAMPLED_INSTRUCTIONS))
        count = min(SAMPLED, len(blocks), affordable)
        if not count:
            return Sample((), Counters(), 1.0)
        chooser = random.Random(f"{self.seed} sample")
        numbers = [
            chooser.randrange(len(blocks) * part // count, len(blocks) * (part + 1) // count) for part in range(count)
        ]
        drawn = tuple(blocks[number] for number in numbers)
        if not traces.whole:
            traces, numbers = self.follow(drawn, LONGEST_BLOCK), list(range(count))
            blocks = drawn
        work = work_of(self.sass.instructions, traces, numbers)
        return Sample(drawn, work, work.instructions / count / (traces.instructions / len(blocks)))

    def per_block(self, done: Replay, first_wave: float) -> float:
        """Cycles that each block behind the first wave adds.

        That is what the replayed ones added, but never less than the pace at which those between the first wave and
        the last ended: one block of the first wave could outlast all that are replayed, but not all of the grid.
        """
        count, ends = len(done.ends), done.ends
        added = (done.cycles - first_wave) / (count - self.resident)
        pace = 0.0
        if count > 2 * self.resident:
            pace = float(ends[-self.resident - 1] - ends[self.resident - 1]) / (count - 2 * self.resident)
        return max(added, PACE * pace, AT_LEAST * done.cycles / count)

    def sm_blocks(self, waves: int) -> list[int]:
        """Linear indices of blocks for one SM, in `waves` waves spread evenly over the grid.

        The SM gets one block of every `sms` neighbours, at random: a fixed one could always hit those that do less.
        """
        chooser, blocks = random.Random(self.seed), []
        for number in (self.waves * k // waves for k in range(waves)):
            for place in range(self.resident):
                first = (number * self.resident + place) * self.gpu.sms
                if first < self.total:
                    blocks.append(chooser.randrange(first, min(self.total, first + self.gpu.sms)))
        return blocks

    # What binds

    def limiters(self, done: Replay, time_us: float) -> list[Limiter]:
        chip, cycles = self.chip(), max(done.cycles, 1.0)
        per_partition = {name: busy / PARTITIONS / cycles for name, busy in done.busy.items()}
        shared = per_partition["heavy"] if chip.heavy_only else 0.0
        shares = {
            "issue slots": done.instructions / PARTITIONS / cycles,
            "fp32 pipe": per_partition["fp32"] + shared,
            "integer pipe": max(per_partition["alu"], per_partition["heavy"]),
            "fp64 pipe": per_partition["fp64"],
            "fp16 pipe": per_partition["half"],
            "special function unit": per_partition["special"],
            "tensor cores": per_partition["tensor"],
            "load/store unit": done.busy["lsu"] / cycles,
            "L2 bandwidth": (done.l2_bytes + done.up_bytes) / chip.l2_bytes_per_cycle / cycles,
            "atomics": done.busy["none"] / cycles,
            "DRAM bandwidth": done.dram_bytes / chip.dram_bytes_per_cycle / cycles,
        }
        waiting = 1.0 - (done.instructions + done.held) / PARTITIONS / cycles
        # Warps wait for memory, too, where it has no more to give: that is not latency.
        queued = max(shares[name] for name in ("load/store unit", "L2 bandwidth", "DRAM bandwidth"))
        shares["latency"] = max(0.0, waiting) * (1.0 - min(1.0, queued))
        found = [Limiter(name=name, time_us=share * time_us, advice="") for name, share in shares.items()]
        return sorted(found, key=lambda limiter: -limiter.time_us)

    def stalls(self, done: Replay) -> dict[str, float]:
        """Shares of the cycles that warps wait before an instruction."""
        waits = done.stalls[:, 1:].sum(axis=0)
        return dict(zip(REASONS[1:], (waits / max(waits.sum(), 1.0)).round(4).tolist(), strict=True))

    def lines(self, done: Replay) -> tuple[LineCost, ...]:
        """Source lines by what they cost, the costliest first."""
        found: dict[int, NDArray[np.float64]] = {}
        for instruction, row in zip(self.sass.instructions, done.stalls, strict=True):
            if instruction.line is not None:
                found[instruction.line] = found.get(instruction.line, np.zeros(len(REASONS))) + row
        issued, waited = done.stalls[:, 0].sum(), max(done.stalls[:, 1:].sum(), 1.0)
        costs = [
            LineCost(
                line=line,
                issued=round(float(row[0] / issued), 4),
                stalled=round(float(row[1:].sum() / waited), 4),
                reason=REASONS[1 + int(row[1:].argmax())],
            )
            for line, row in found.items()
        ]
        return tuple(sorted(costs, key=lambda cost: -(cost.issued + cost.stalled))[:MOST_LINES])

    def moved(self, done: Replay) -> Traffic:
        """Bytes by level, scaled from the replayed blocks to the grid."""
        scale = self.total / max(len(done.ends), 1)
        return Traffic(
            l1_bytes=done.l1_sectors * SECTOR_BYTES * scale,
            l2_bytes=(done.l2_bytes + done.up_bytes) * scale,
            dram_bytes=done.dram_bytes * scale,
        )


def kept_share(filling: float) -> float:
    """The share of a working set, `filling` times the L2, that each pass over it finds there after the one before.

    Replacement as if at random: a line survives the misses of one pass with probability exp(-misses / lines), and the
    misses are those that did not survive.
    """
    kept = 1.0
    for _ in range(200):
        kept = math.exp(-(1.0 - kept) * filling) if kept < 1.0 or filling <= 1.0 else 0.999
    return kept if filling > 1.0 else 1.0
