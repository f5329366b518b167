"""A program's time: the sum over its steps, each launch as the model says or, where it cannot, as its bounds do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cudagym.build.program import Allocate, Copy, Fill, Launch, Program, Upload
from cudagym.device import Buffer, KernelTime, LaunchRun, Limiter, ModelledTime, Run
from cudagym.hardware import GPU
from cudagym.simulator.clock.bounds import (
    DRAM_EFFICIENCY,
    LAUNCH_US,
    SECTOR_BYTES,
    Footprint,
    first_touched_us,
    kernel_time,
)
from cudagym.simulator.clock.decode import Unfollowable
from cudagym.simulator.clock.image import read_image
from cudagym.simulator.clock.model import Code, Modelled, model
from cudagym.simulator.clock.sass import read

MOST_APART = 1.5
"""Bytes by the counters over those of the blocks followed. Of honest kernels they differ by a tenth."""
SMALL = 1 << 20
"""Bytes that make no difference."""
WORK = {
    "issue slots": 2.0, "fp32 pipe": 1.5, "fp16 pipe": 2.0, "fp64 pipe": 1.5, "tensor cores": 1.5,
}  # fmt: skip
"""How much more than the blocks followed the others may do, as time by the counters over time by the clock. Of honest
kernels that is 1.5 at most, of plain arithmetic 1.3. Of atomics and the load/store unit the counters know less."""


class Alike(NamedTuple):
    """A figure that machine code and PTX count alike."""

    slack: float
    """How many times as much of it a block may do when it runs."""
    limiters: tuple[str, ...]
    """What it bounds."""


EXACT = 1.05
"""Slack up to which machine code and PTX count the same."""
_DEVICE = ("L2 bandwidth", "DRAM bandwidth")
ALIKE = {
    "unique_load_sectors": Alike(EXACT, _DEVICE),
    "unique_store_sectors": Alike(EXACT, _DEVICE),
    "global_load_sectors": Alike(1.25, ("load/store unit",)),
    "global_store_sectors": Alike(EXACT, ("load/store unit", *_DEVICE)),
    "shared_wavefronts": Alike(4.5, ("load/store unit",)),
    "atomics": Alike(EXACT, ("atomics",)),
    "fp32": Alike(1.15, ("fp32 pipe",)),
    "fp16": Alike(2.2, ("fp16 pipe",)),
    "fp64": Alike(EXACT, ("fp64 pipe",)),
    "special": Alike(EXACT, ("special function unit",)),
    **{f"tensor_{kind}": Alike(EXACT, ("tensor cores",)) for kind in ("fp64", "tf32", "fp16", "bf16", "int8")},
}
"""What blocks that were followed are held against when they run. ptxas makes one access to shared memory of four, one
instruction of two on halves, and finds an operation to leave out now and then; of honest kernels most figures are
equal, and all of them within this."""
NOISE = 1.01
"""Differences between samples that are let go."""
MATTERS = 0.4
"""Of the clock's time: what work takes less cannot make it much too short."""
COARSE = 1.5
"""A launch that cannot be followed counts this much more than its bounds, which are coarse, so that nobody gains by
writing one on purpose."""
_WAITS = {
    "fixed": "each warp waits for its own last result: give it independent work, or use more warps",
    "short": "warps wait for shared memory, shuffles or special functions: give each independent work between",
    "long": "warps wait for memory: load several elements before the first is used, or use more warps",
    "barrier": "warps wait at barriers: let them do more between two, or use smaller blocks",
}
"""What to do about the reasons of replay.c."""


class Clock:
    """Times the launches of one program, one after the other, in the process that executes it."""

    def __init__(self, gpu: GPU, program: Program, input_bytes: int, listing: str, seed: int) -> None:
        """`input_bytes`: what the program's arrays hold before it runs. `listing`: the program's machine code as
        nvdisasm writes it. `seed` chooses the sample."""
        self.gpu, self.program, self.seed = gpu, program, seed
        module = program.module
        self.code = Code(read(listing), read_image(module.cubin), module.variables)
        self.inputs = input_bytes

    def launch(self, launch: Launch, memory: Mapping[int, NDArray[np.uint8]]) -> Modelled | str:
        """The time of the launch that is about to run on `memory` (by slot), or why its code cannot be followed.

        Caches are cold for what the program reads, for later launches too: otherwise a launch that only touches
        an input would make the next one faster than it is.
        """
        kernel = self.program.module.kernel(launch.kernel)
        total = sum(view.size for view in memory.values())
        try:
            return model(
                self.gpu,
                kernel,
                self.code,
                launch,
                memory,
                Footprint(readable=self.inputs, total=total),
                warm=False,
                seed=self.seed,
            )
        except Unfollowable as error:
            return str(error)


def predict(gpu: GPU, program: Program, run: Run, buffers: Sequence[Buffer]) -> ModelledTime:
    """The program's time on `gpu`, from a run over `buffers` that observed every launch of the plan."""
    scratch = sum(step.size for step in program.plan.steps if isinstance(step, Allocate))
    footprint = Footprint(
        readable=scratch + sum(buffer.size for buffer in buffers if buffer.holds_input),
        total=scratch + sum(buffer.size for buffer in buffers),
    )
    writable = scratch + sum(buffer.size for buffer in buffers if not buffer.read_only)
    kernels = []
    for launch, observed in zip(program.plan.launches, run.launches, strict=True):
        bounds = kernel_time(gpu, program.module.kernel(launch.kernel), launch, observed, footprint)
        touched = first_touched_us(gpu, launch, observed, footprint, writable)
        time = observed.time.slowed(_outdone(observed.time, observed, bounds)) if observed.time else None
        why = _less(time, observed, bounds, touched) if time else observed.unfollowable
        coarse = bounds.slowed(COARSE if why else 1.0).model_copy(update={"from_counters": why})
        # Who did less than others gains nothing by it: the longer of both times counts.
        if time and (not why or time.time_us > coarse.time_us):
            kernels.append(_advised(time, bounds))
        else:
            kernels.append(coarse)
    return ModelledTime(
        time_us=sum(kernel.time_us for kernel in kernels) + _transfers_us(gpu, program),
        kernels=tuple(kernels),
    )


def _less(time: KernelTime, observed: LaunchRun, bounds: KernelTime, first_touched_us: float) -> str:
    """In which respect the blocks that were followed did far less than those observed among all others; else empty.

    They are followed before any has run, on their own and by their machine code: a kernel that counts arrivals takes
    them for the first of the grid, one that tries what only machine code does knows them, and both could give them
    little to do.
    """
    if twice := observed.followed:
        for figure in _that_matter(time, bounds):
            if getattr(twice.run, figure) > ALIKE[figure].slack * getattr(twice.code, figure):
                return f"the blocks followed do more when they run: {figure.replace('_', ' ')}"
    c, traffic = observed.counters, time.traffic
    if c is None or traffic is None or not c.blocks:
        return ""
    scale = observed.blocks / c.blocks * SECTOR_BYTES
    loaded, stored = c.global_load_sectors * scale, (c.global_store_sectors + c.unique_atomic_sectors) * scale
    if loaded > MOST_APART * traffic.l1_bytes + SMALL or stored > MOST_APART * traffic.l2_bytes + SMALL:
        return "the blocks followed move less than others of the grid"
    followed = {limiter.name: limiter.time_us for limiter in time.limiters}
    if first_touched_us > max(MOST_APART * followed.get("DRAM bandwidth", 0.0), MATTERS * time.time_us):
        return "the blocks followed find in the caches what none has read before"
    for limiter in bounds.limiters:
        most = WORK.get(limiter.name)
        if most and limiter.time_us > max(most * followed.get(limiter.name, 0.0), MATTERS * time.time_us):
            return f"the blocks followed need less of the {limiter.name} than others of the grid"
    return ""


def _outdone(time: KernelTime, observed: LaunchRun, bounds: KernelTime) -> float:
    """How much more than the blocks that `time` comes from the average block does, of what takes long; at least 1.

    The clock follows blocks as if they came first, and a kernel can count arrivals.
    """
    followed, matter = observed.followed, _that_matter(time, bounds)
    first, share = (followed.run, followed.share) if followed else (observed.early, 1.0)
    if first is None:
        return 1.0
    found = [1.0]
    if observed.complete:
        instructions, accesses = observed.weights(first)
        found.append(instructions * share)
        if followed is None or any(name.endswith("sectors") for name in matter):
            found.append(accesses * share)
    if followed and followed.others.blocks:
        others, code = followed.others, followed.code
        # Where all blocks ran it is known how typical the observed ones are.
        typical = observed.weights(others)[0] if observed.complete else 1.0
        for name in matter:
            own = getattr(first, name)
            if ALIKE[name].slack <= EXACT:
                own = min(own, getattr(code, name))
            found.append(getattr(others, name) / others.blocks * typical / (max(own, 1) / first.blocks / share))
    most = max(found)
    return most if most > NOISE else 1.0


def _that_matter(time: KernelTime, bounds: KernelTime) -> list[str]:
    """Those of ALIKE that bound something that takes a good part of the time."""
    large = {limiter.name for limiter in bounds.limiters if limiter.time_us > MATTERS * time.time_us}
    return [figure for figure, (_, limiters) in ALIKE.items() if not large.isdisjoint(limiters)]


def _advised(time: KernelTime, bounds: KernelTime) -> KernelTime:
    """The model's limiters with advice, most of which counters tell."""
    advice = {limiter.name: limiter.advice for limiter in bounds.limiters}
    waits = {reason: share for reason, share in time.stalls.items() if reason in _WAITS}
    if waits and bounds.limiters:
        few = advice["latency"] if "blocks leave" in advice["latency"] else ""
        advice["latency"] = few or _WAITS[max(waits, key=lambda reason: waits[reason])]
    limiters = tuple(
        Limiter(name=limiter.name, time_us=limiter.time_us, advice=advice.get(limiter.name, ""))
        for limiter in time.limiters
    )
    return time.model_copy(update={"limiters": limiters})


def _transfers_us(gpu: GPU, program: Program) -> float:
    """Fills, copies and uploads: a launch's overhead and their bytes at the bandwidth of DRAM."""
    total = 0.0
    for step in program.plan.steps:
        match step:
            case Fill():
                moved = step.count * step.width
            case Copy():
                moved = 2 * step.size
            case Upload():
                moved = len(step.data)
            case _:
                continue
        total += LAUNCH_US + moved / (gpu.bandwidth * DRAM_EFFICIENCY) * 1e6
    return total
