"""A profile: what a profiler would say of one source on one device, launch by launch.

The simulated GPU runs the source once at the spec's timing shape and its clock says where the time goes. A profile
judges nothing: whether the numbers are right, and what they earn, only `cudagym grade` says.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from cudagym.build.builder import Builder
from cudagym.build.names import kernel_title
from cudagym.build.program import Dim3, Kernel, Launch
from cudagym.device import Counters, KernelTime, LaunchRun, Limiter
from cudagym.devices import gpu_of, resolve_device
from cudagym.errors import CandidateError, UsageError
from cudagym.hardware import GPU, MathMode
from cudagym.record import Record, Shape, shape_text
from cudagym.roofline import least_time_us, math_mode
from cudagym.simulator.clock.bounds import blocks_by_resource
from cudagym.simulator.gpu import SimulatedGPU
from cudagym.specs.inputs import make_inputs
from cudagym.specs.spec import KernelSpec
from cudagym.workspace import Workspace

WARP, SECTOR_BYTES, WAVEFRONT_BYTES = 32, 32, 128
GRID = "grid"
WAITS = {
    "fixed": "arithmetic results",
    "short": "shared memory and special functions",
    "long": "global memory",
    "barrier": "barriers",
    "busy": "busy pipes",
    "queue": "the load/store unit",
    "others": "other warps' turns",
}
"""What the reasons of the clock's replay mean."""
LEAST_LINE = 0.005
"""Share of what is issued or waited, below which a line is not worth naming."""


class Occupancy(Record):
    """How many warps an SM holds, and what keeps it from more."""

    blocks: int
    """Resident on one SM."""
    warps: int
    of: int
    """The most warps that the SM holds."""
    by_resource: dict[str, int]
    """Blocks that would fit were each resource the only one."""
    bound_by: tuple[str, ...]
    """The scarcest resources; the grid, where it has too few blocks to fill the SMs; nothing where all warps fit."""


class Level(Record):
    """Bytes that pass one level of the memory, whole launch."""

    name: str
    bytes: float
    gb_s: float
    peak_gb_s: float
    """What the level can deliver at boost clock: as measured on such a card, the datasheet's for DRAM."""

    @property
    def share(self) -> float:
        return self.gb_s / self.peak_gb_s


class Access(Record):
    """How the warps of a launch address memory, on average over instructions. None where there are none."""

    load_sectors: float | None
    """32-byte sectors per global load: 4 when 32 lanes read neighbouring words of 4 bytes, 16 of 16, at most 32."""
    load_lines: float | None
    """128-byte lines per global load: 1 and 4 for the same."""
    store_sectors: float | None
    store_lines: float | None
    wavefronts: float | None
    """Passes through the banks of shared memory per access: without conflicts 1 for 4 bytes per lane, 4 for 16."""
    atomic_conflicts: float | None
    """Lanes per atomic that wait for another lane's update of the same word."""


class HotLine(Record):
    """A source line, and its shares of what the launch's warps issue and of the time they wait."""

    line: int
    text: str
    issued: float
    stalled: float
    reason: str


class LaunchProfile(Record):
    """One launch."""

    kernel: str
    """Its plain name."""
    grid: Dim3
    block: Dim3
    registers: int
    """Per thread."""
    shared_bytes: int
    """Per block, static and dynamic."""
    spill_bytes: int
    """Per thread, loads and stores of spilled registers in the code."""
    time_us: float
    waves: float
    limiters: tuple[Limiter, ...]
    """Slowest first."""
    stalls: dict[str, float]
    """Shares of the time that warps wait, by reason, largest first."""
    occupancy: Occupancy
    levels: tuple[Level, ...]
    """From the SM outwards."""
    access: Access
    lanes: float
    """Active per instruction, of 32."""
    mix: dict[str, float]
    """Shares of the executed PTX instructions by pipe, largest first."""
    lines: tuple[HotLine, ...]
    """The costliest source lines first."""
    coarse: str
    """Why its time comes from counters alone; empty where its machine code was followed."""

    @property
    def advised(self) -> tuple[Limiter, ...]:
        """The slowest limits that there is advice for: the first, and a second that takes nearly half the time."""
        known = [limiter for limiter in self.limiters if limiter.advice]
        return tuple(known[:1] + [limiter for limiter in known[1:2] if limiter.time_us >= 0.4 * self.time_us])


class Profile(Record):
    """One source on one device at the spec's timing shape."""

    spec: str
    device: str
    title: str
    """The card's name, and whose machine code stands in where nvcc no longer makes the card's own."""
    shape: Shape
    time_us: float
    """Of the whole program: its launches, and fills and copies between them."""
    least_time_us: float
    """The roofline's bound for the spec at this shape."""
    flops: float
    """That the spec needs; 0 for one that only moves data."""
    math: MathMode
    peak_tflops: float
    """Of the spec's pipe on this card."""
    fp32_tflops: float
    launches: tuple[LaunchProfile, ...]

    @property
    def fraction_of_peak(self) -> float:
        return min(1.0, self.least_time_us / self.time_us)

    def bytes(self, level: str) -> float:
        """What all launches move through one level."""
        return sum(each.bytes for launch in self.launches for each in launch.levels if each.name == level)


def profile(spec: KernelSpec, source: str, *, device: str = "auto", seed: int = 0) -> Profile:
    """Compiles `source`, runs it at the spec's timing shape and says where its time goes.

    `seed` decides the inputs and which blocks are observed. Of a real card the simulated one of the same model is
    profiled: only that sees inside. Raises UsageError with what is wrong with the source when
    it does not compile, cannot be recorded, or breaks a rule while it runs.
    """
    with_device = SimulatedGPU(gpu_of(resolve_device(device)).name)
    try:
        return _profile(spec, source, with_device, seed)
    except CandidateError as error:
        raise UsageError(f"there is nothing to profile ({error.status.replace('_', ' ')}): {error}") from error
    finally:
        with_device.close()


def _profile(spec: KernelSpec, source: str, device: SimulatedGPU, seed: int) -> Profile:
    gpu, builder, shape = device.gpu, Builder(), spec.timing_shape
    program = builder.record(builder.build(spec, source, gpu), spec, shape, gpu)
    if not program.plan.launches:
        raise UsageError(f"there is nothing to profile: solve launches no kernel at {shape_text(shape)}")
    with Workspace(spec, shape, make_inputs(spec, shape, spec.distributions[0], seed)) as workspace:
        run, time = device.time(program, workspace.buffers, seed=seed)
    if time is None:
        raise UsageError(f"there is nothing to profile: {run.faults[0].message} (at {shape_text(shape)})")
    lines = source.splitlines()
    math = math_mode(spec, gpu)
    return Profile(
        spec=spec.name,
        device=device.name,
        title=f"{gpu.title}, standing in with code for {gpu.arch}" if gpu.is_stand_in else gpu.title,
        shape=dict(shape),
        time_us=time.time_us,
        least_time_us=least_time_us(spec, shape, gpu),
        flops=spec.flops(shape),
        math=math,
        peak_tflops=gpu.peak_tflops[math],
        fp32_tflops=gpu.peak_tflops["fp32"],
        launches=tuple(
            _launch(gpu, program.module.kernel(launch.kernel), launch, observed, timed, lines)
            for launch, observed, timed in zip(program.plan.launches, run.launches, time.kernels, strict=True)
        ),
    )


def _launch(
    gpu: GPU, kernel: Kernel, launch: Launch, observed: LaunchRun, timed: KernelTime, source: Sequence[str]
) -> LaunchProfile:
    counters = observed.counters or Counters()
    return LaunchProfile(
        kernel=kernel_title(kernel.name),
        grid=launch.grid,
        block=launch.block,
        registers=kernel.registers,
        shared_bytes=kernel.static_shared_bytes + launch.dynamic_shared_bytes,
        spill_bytes=kernel.spill_bytes,
        time_us=timed.time_us,
        waves=timed.waves,
        limiters=timed.limiters,
        stalls=waits(timed),
        occupancy=_occupancy(gpu, kernel, launch),
        levels=_levels(gpu, launch, observed, counters, timed),
        access=_access(counters),
        lanes=counters.active_lanes / max(counters.instructions, 1),
        mix=_mix(counters),
        lines=hot_lines(timed, source),
        coarse=timed.from_counters,
    )


def waits(timed: KernelTime) -> dict[str, float]:
    """Shares of the time that warps wait, by reason in words, largest first."""
    return _descending({WAITS.get(reason, reason): share for reason, share in timed.stalls.items()})


def hot_lines(timed: KernelTime, source: Sequence[str]) -> tuple[HotLine, ...]:
    """The costliest of the source's lines first."""
    return tuple(
        HotLine(
            line=cost.line,
            text=source[cost.line - 1].strip() if cost.line <= len(source) else "",
            issued=cost.issued,
            stalled=cost.stalled,
            reason=WAITS.get(cost.reason, cost.reason),
        )
        for cost in timed.lines
        if max(cost.issued, cost.stalled) >= LEAST_LINE
    )


def _occupancy(gpu: GPU, kernel: Kernel, launch: Launch) -> Occupancy:
    by_resource = blocks_by_resource(gpu, kernel, launch)
    fit, share = max(1, min(by_resource.values())), math.ceil(launch.blocks / gpu.sms)
    warps = math.ceil(launch.threads / WARP)
    resident = min(fit, share)
    scarce = tuple(name for name, blocks in by_resource.items() if blocks <= fit)
    if share < fit:
        bound_by: tuple[str, ...] = (GRID,)
    else:
        bound_by = () if resident * warps == gpu.max_warps_per_sm else scarce
    return Occupancy(
        blocks=resident, warps=resident * warps, of=gpu.max_warps_per_sm, by_resource=by_resource, bound_by=bound_by
    )


def _levels(gpu: GPU, launch: Launch, observed: LaunchRun, counters: Counters, timed: KernelTime) -> tuple[Level, ...]:
    grid = max(1.0, observed.weight) * launch.blocks / max(counters.blocks, 1)
    per_clock = gpu.sms * gpu.clock_hz / 1e9
    found = [("shared memory", counters.shared_wavefronts * WAVEFRONT_BYTES * grid, 4 * WARP * per_clock)]
    if timed.traffic is not None:
        found += [
            ("L1", timed.traffic.l1_bytes, gpu.sm.l1_bytes_per_clock * per_clock),
            ("L2", timed.traffic.l2_bytes, gpu.l2_read_bytes_per_clock * gpu.clock_hz / 1e9),
            ("DRAM", timed.traffic.dram_bytes, gpu.dram_gb_s),
        ]
    seconds = timed.time_us * 1e-6
    return tuple(
        Level(name=name, bytes=moved, gb_s=moved / seconds / 1e9, peak_gb_s=peak) for name, moved, peak in found
    )


def _access(c: Counters) -> Access:
    def each(total: int, of: int) -> float | None:
        return total / of if of else None

    return Access(
        load_sectors=each(c.global_load_sectors, c.global_loads),
        load_lines=each(c.global_load_lines, c.global_loads),
        store_sectors=each(c.global_store_sectors, c.global_stores),
        store_lines=each(c.global_store_lines, c.global_stores),
        wavefronts=each(c.shared_wavefronts, c.shared_loads + c.shared_stores),
        atomic_conflicts=each(c.atomic_conflicts, c.atomics),
    )


def _mix(c: Counters) -> dict[str, float]:
    """What is in no class (moves, parameter loads, matrix instructions) is `other`."""
    counts = {
        "fp32": c.fp32,
        "fp64": c.fp64,
        "fp16": c.fp16,
        "integer": c.integer,
        "special functions": c.special,
        "conversions": c.conversions,
        "control": c.control,
        "barriers": c.barriers,
        "shuffles": c.shuffles,
        "global memory": c.global_loads + c.global_stores,
        "shared memory": c.shared_loads + c.shared_stores,
        "local memory": c.local_loads + c.local_stores,
        "atomics": c.atomics,
    }
    total = max(c.instructions, 1)
    counts["other"] = max(0, total - sum(counts.values()))
    return _descending({name: count / total for name, count in counts.items()})


def _descending(shares: dict[str, float]) -> dict[str, float]:
    return {name: share for name, share in sorted(shares.items(), key=lambda item: -item[1]) if share > 0}
