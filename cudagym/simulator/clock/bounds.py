"""Bounds: what a launch could take at least, limit by limit, from counters of a few observed blocks.

For every launch the work of an average block is scaled to the grid and held against each thing that could bound
it: issue slots and pipes of an SM, its load/store unit, the L2, DRAM, the latency of one warp's own instructions,
and serialised atomics. They overlap, though not perfectly: the launch's time is their `OVERLAP`-norm, a little
above the slowest. Nothing here looks at names or source text. It stands in where machine code cannot be followed, and
knows what to advise.

Constants are round figures between what micro-benchmark studies measure on several architectures:

[J] Jia, Maggioni, Staiger, Scarpazza: "Dissecting the NVIDIA Volta GPU Architecture via Microbenchmarking", 2018
[L] Luo, Fan, Li, Du, Wang, Chu: "Benchmarking and Dissecting the Nvidia Hopper GPU Architecture", 2024
[G] CUDA C++ Programming Guide 13.0: throughput of arithmetic instructions, and "Compute Capabilities"
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import NamedTuple

from cudagym.build.program import Kernel, Launch
from cudagym.device import Counters, KernelTime, LaunchRun, Limiter, Traffic
from cudagym.hardware import GPU, MathMode

WARP = 32
SECTOR_BYTES = 32
OVERLAP = 4.0
LAUNCH_US = 2.0
"""From one kernel's end to the next one's start in a stream; also the least a launch takes."""
DRAM_EFFICIENCY = 0.92
"""The share of the datasheet's bandwidth that a long copy reaches [J, L]."""
L2_EFFICIENCY = 0.7
"""The share of the L2's port width that loads reach [J, L]."""
TENSOR_MODES: tuple[MathMode, ...] = ("fp64", "tf32", "fp16", "bf16", "int8")
"""The pipes of the tensor cores, each with a counter of its own. A card without one takes plain fp32's time."""
STEP_CYCLES = 2.75
"""Between two instructions of one warp: 4.5 cycles when the second needs the first's result [J, L], 1 otherwise;
taken half and half."""
SHARED_LATENCY, L1_LATENCY, L2_LATENCY, DRAM_LATENCY = 27.0, 35.0, 240.0, 520.0
"""Cycles of a load by where it hits [J, L]."""
BARRIER_LATENCY = 20.0
L1_CYCLES_PER_LINE = 2.0
"""A global access pays the tag stage and the data stage for each 128-byte line; shared memory has no tags."""
L2_TO_SM_BYTES_PER_CYCLE = 64.0
"""[J]: the port between an SM and the L2."""
INSTRUCTIONS_PER_PTX = 0.75
"""Machine instructions per PTX instruction: moves, parameter loads and address conversions mostly vanish."""
L2_USABLE = 0.8
"""The share of the L2 that keeps data between blocks before streaming evicts it."""


def occupancy(gpu: GPU, kernel: Kernel, launch: Launch) -> int:
    """Blocks of this launch that fit one SM at a time; 0 when not even one does."""
    return min(blocks_by_resource(gpu, kernel, launch).values())


def blocks_by_resource(gpu: GPU, kernel: Kernel, launch: Launch) -> dict[str, int]:
    """How many blocks of this launch would fit one SM if each of its resources were the only scarce one. As in
    NVIDIA's cuda_occupancy.h."""
    sm = gpu.sm
    warps = math.ceil(launch.threads / WARP)
    registers = math.ceil(max(kernel.registers, 1) * WARP / sm.register_granule) * sm.register_granule
    shared = kernel.static_shared_bytes + launch.dynamic_shared_bytes + sm.shared_reserved
    shared = math.ceil(max(shared, 1) / sm.shared_granule) * sm.shared_granule
    return {
        "blocks": sm.max_blocks,
        "warps": sm.max_warps // warps,
        "registers": sm.registers // sm.schedulers // registers * sm.schedulers // warps,
        "shared memory": sm.shared_bytes // shared,
    }


class Footprint(NamedTuple):
    """Bytes of a program's arrays and scratch memory: of those worth reading, and of all of them."""

    readable: int
    total: int


def kernel_time(gpu: GPU, kernel: Kernel, launch: Launch, observed: LaunchRun, footprint: Footprint) -> KernelTime:
    """What bounds a launch, from the counters of its observed blocks. Raises ValueError without counters."""
    if observed.counters is None:
        raise ValueError(f"the launch of {launch.kernel} was not observed")
    return _LaunchModel(gpu, kernel, launch, observed, observed.counters, footprint).time()


def first_touched_us(gpu: GPU, launch: Launch, observed: LaunchRun, footprint: Footprint, writable: int) -> float:
    """What DRAM takes at least: for what observed blocks load or store for the first time, of the inputs and of the
    `writable` bytes no more than there is, of what is stored all but what the L2 may keep."""
    c = observed.counters
    if c is None or not c.blocks:
        return 0.0
    scale = launch.blocks / c.blocks * SECTOR_BYTES
    loaded, stored = min(c.unique_load_sectors * scale, footprint.readable), c.unique_store_sectors * scale
    gone = 1.0 - min(1.0, gpu.l2_bytes / footprint.total)
    return (loaded + gone * min(stored, writable)) / gpu.bandwidth * 1e6


class _LaunchModel:
    """One launch held against everything that could bound it."""

    def __init__(
        self,
        gpu: GPU,
        kernel: Kernel,
        launch: Launch,
        observed: LaunchRun,
        counters: Counters,
        footprint: Footprint,
    ) -> None:
        self.gpu, self.kernel, self.launch, self.counters = gpu, kernel, launch, counters
        self.footprint = footprint
        self.resident = max(1, occupancy(gpu, kernel, launch))
        self.busiest = math.ceil(launch.blocks / gpu.sms)
        """Blocks that the busiest SM runs."""
        self.weight = max(1.0, observed.weight)
        """Observed blocks may have waited for others, which cost instructions but no traffic: never below 1."""
        self.waves = math.ceil(launch.blocks / (gpu.sms * self.resident))

    def per_block(self, total: float) -> float:
        """A count over the observed blocks as that of an average block of the grid."""
        return self.weight * total / max(self.counters.blocks, 1)

    def sm_us(self, cycles: float) -> float:
        """Microseconds for work that takes the observed blocks `cycles` of one SM's unit in total."""
        return self.per_block(cycles) * self.busiest / self.gpu.boost_mhz

    def chip_us(self, cycles: float) -> float:
        """The same for a unit that all SMs share."""
        return self.per_block(cycles) * self.launch.blocks / self.gpu.boost_mhz

    @cached_property
    def l2_load_bytes(self) -> float:
        """What the L1s fetch: the L1 serves repeated sectors of one block."""
        return self.per_block(self.counters.unique_load_sectors) * self.launch.blocks * SECTOR_BYTES

    @cached_property
    def dram_load_bytes(self) -> float:
        """What the L2 fetches. Blocks that run together share: those of a wave lie in a square patch of the
        problem, so each byte serves about the square root of their number, as far as it is wanted that often."""
        compulsory = min(self.l2_load_bytes, float(self.footprint.readable))
        if self.footprint.total <= L2_USABLE * self.gpu.l2_bytes:
            return compulsory
        together = min(self.launch.blocks, self.gpu.sms * self.resident)
        return max(compulsory, self.l2_load_bytes / math.sqrt(together))

    @cached_property
    def traffic(self) -> Traffic:
        c, grid = self.counters, self.per_block(SECTOR_BYTES) * self.launch.blocks
        # Atomics work in the L2: each sector comes from DRAM and goes back once, if it is not used again and again.
        atomic_bytes = min(c.unique_atomic_sectors * grid, self.footprint.total)
        return Traffic(
            l1_bytes=c.global_load_sectors * grid,
            l2_bytes=self.l2_load_bytes + (c.global_store_sectors + c.atomic_sectors) * grid,
            dram_bytes=self.dram_load_bytes + c.unique_store_sectors * grid + 2 * atomic_bytes,
        )

    @cached_property
    def load_latency(self) -> float:
        """Mean cycles that a load which must be waited for takes."""
        c = self.counters
        if c.global_loads + c.shared_loads == 0:
            return L1_LATENCY
        missing = min(1.0, c.unique_load_sectors / max(c.global_load_sectors, 1))
        from_dram = self.dram_load_bytes / max(self.l2_load_bytes, 1.0)
        device = L1_LATENCY + missing * ((L2_LATENCY - L1_LATENCY) + from_dram * (DRAM_LATENCY - L2_LATENCY))
        return (c.global_loads * device + c.shared_loads * SHARED_LATENCY) / (c.global_loads + c.shared_loads)

    def time(self) -> KernelTime:
        limiters = sorted(self.limiters(), key=lambda limiter: -limiter.time_us)
        slowest = limiters[0].time_us
        norm = slowest * sum((limiter.time_us / slowest) ** OVERLAP for limiter in limiters) ** (1 / OVERLAP)
        warps = math.ceil(self.launch.threads / WARP) * self.resident
        return KernelTime(
            kernel=self.kernel.name,
            time_us=norm + LAUNCH_US,
            occupancy=min(1.0, warps / self.gpu.max_warps_per_sm),
            waves=self.launch.blocks / (self.gpu.sms * self.resident),
            limiters=tuple(limiters),
            traffic=self.traffic,
        )

    def limiters(self) -> list[Limiter]:
        return [*self._pipes(), *self._memory(), self._latency()]

    def _pipes(self) -> list[Limiter]:
        c, gpu = self.counters, self.gpu
        lanes = c.active_lanes / max(c.instructions, 1)
        issue = (
            f"{lanes:.1f} of 32 lanes are active on average: let the lanes of a warp take the same branch"
            if lanes < 24
            else "fewer instructions: wider loads, more work per thread, cheaper index arithmetic"
        )
        special = "fewer exp, log, division and root instructions, or their fast forms"
        pipes = [
            ("issue slots", c.instructions * INSTRUCTIONS_PER_PTX / gpu.schedulers, issue),
            ("fp32 pipe", c.fp32 * WARP / gpu.fp32_per_sm, "already bound by fp32 arithmetic: do less of it"),
            (
                "fp64 pipe",
                c.fp64 * WARP / gpu.fp64_per_sm,
                "use float: a literal such as 1.0 makes arithmetic double",
            ),
            ("fp16 pipe", c.fp16 * 2 * WARP / gpu.fp16_per_sm, "use the two-element half instructions"),
            (
                "integer pipe",
                c.integer * INSTRUCTIONS_PER_PTX * WARP / gpu.integer_per_sm,
                "hoist index arithmetic",
            ),
            ("special function unit", (c.special + c.conversions) * WARP / gpu.special_per_sm, special),
        ]
        limiters = [Limiter(name=name, time_us=self.sm_us(cycles), advice=advice) for name, cycles, advice in pipes]
        return [*limiters, self._tensor_cores()]

    def _tensor_cores(self) -> Limiter:
        """Operations of each type at the datasheet's peak of all SMs, or what the architecture leaves of it to mma."""
        c, gpu = self.counters, self.gpu
        share = gpu.sm.mma_share
        cycles = 0.0
        for math_mode in TENSOR_MODES:
            peak = gpu.peak_tflops.get(math_mode, gpu.peak_tflops["fp32"]) * 1e12
            cycles += getattr(c, f"tensor_{math_mode}") / (share * peak / (gpu.sms * gpu.clock_hz))
        advice = "already bound by matrix instructions: use a narrower type, or do less"
        return Limiter(name="tensor cores", time_us=self.sm_us(cycles), advice=advice)

    def _memory(self) -> list[Limiter]:
        c, gpu = self.counters, self.gpu
        lines = c.global_load_lines + c.global_store_lines + c.local_loads + c.local_stores + c.atomic_sectors
        shared = c.shared_wavefronts
        unit = L1_CYCLES_PER_LINE * lines + shared + c.shuffles
        l2_bytes, dram_bytes = self.traffic.l2_bytes, self.traffic.dram_bytes
        l2_us = max(
            l2_bytes / (gpu.l2_bandwidth * L2_EFFICIENCY) * 1e6,
            self.sm_us((c.unique_load_sectors + c.global_store_sectors) * SECTOR_BYTES / L2_TO_SM_BYTES_PER_CYCLE),
        )
        dram_us = dram_bytes / (gpu.bandwidth * DRAM_EFFICIENCY) * 1e6
        return [
            Limiter(name="load/store unit", time_us=self.sm_us(unit), advice=self._access_advice()),
            Limiter(
                name="L2 bandwidth",
                time_us=l2_us,
                advice=f"{l2_bytes / 1e6:.1f} MB pass between the SMs and the L2: {self._access_advice()}",
            ),
            Limiter(
                name="DRAM bandwidth",
                time_us=dram_us,
                advice=self._dram_advice(dram_bytes),
            ),
            Limiter(
                name="atomics",
                time_us=self.chip_us(c.atomic_conflicts) if c.atomic_sectors else self.sm_us(c.atomic_conflicts),
                advice="lanes wait for each other to update the same word: combine within a warp or block first",
            ),
        ]

    def _dram_advice(self, dram_bytes: float) -> str:
        moved = f"{dram_bytes / 1e6:.1f} MB come from or go to DRAM"
        if dram_bytes <= 1.1 * self.footprint.total:
            return f"{moved}, each array about once: only moving fewer bytes would be faster"
        return f"{moved}, more than the arrays hold: read each input once, keep intermediates on the chip"

    def _access_advice(self) -> str:
        """What the access pattern shows, worst finding first."""
        c = self.counters
        accesses = c.global_loads + c.global_stores
        if c.local_loads + c.local_stores > accesses / 4:
            return "local memory (spills or indexed private arrays) is read and written: use fewer live values"
        if accesses:
            lines = (c.global_load_lines + c.global_store_lines) / accesses
            if lines > 5:
                return (
                    f"a warp's global access touches {lines:.1f} lines of 128 bytes on average, where 1 would do"
                    " for 4-byte elements: let neighbouring lanes access neighbouring addresses"
                )
        shared = c.shared_loads + c.shared_stores
        if shared and c.shared_wavefronts > 1.5 * shared:
            return (
                f"a shared-memory access takes {c.shared_wavefronts / shared:.1f} passes on average: pad rows, or"
                " permute columns, so that the lanes of a warp hit different banks"
            )
        if shared > accesses:
            return "shared memory is read often: keep a tile of several outputs per thread in registers"
        if c.global_load_sectors > 1.5 * c.unique_load_sectors:
            return "a block loads the same data repeatedly: stage tiles of it in shared memory"
        return "accesses are coalesced and nothing is loaded twice: load four elements at a time"

    def _latency(self) -> Limiter:
        """The slowest warp's own chain of instructions, once per wave of resident blocks."""
        c = self.counters
        warps = max(c.warps, 1)
        cycles = (
            self.per_block(c.dependent_steps) * INSTRUCTIONS_PER_PTX * STEP_CYCLES
            + c.load_waits / warps * self.load_latency
            + c.barriers / warps * BARRIER_LATENCY
        )
        threads = self.launch.blocks * self.launch.threads
        if self.launch.blocks < self.gpu.sms:
            advice = f"{self.launch.blocks} blocks leave most of the {self.gpu.sms} SMs idle: use more blocks"
        elif threads < self.gpu.sms * self.gpu.max_warps_per_sm * WARP // 2:
            advice = "too few threads to hide latency: use more of them, or give each independent work"
        else:
            advice = "each warp waits for its own results: unroll, or load several elements before using them"
        return Limiter(name="latency", time_us=self.waves * cycles / self.gpu.boost_mhz, advice=advice)
