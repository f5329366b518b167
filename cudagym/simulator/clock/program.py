"""A program's time: the sum over its steps, each launch as the model says or, where it cannot, as its bounds do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from cudagym.build.program import Allocate, Copy, Fill, Launch, Program, Upload
from cudagym.device import Buffer, KernelTime, LaunchRun, Limiter, ModelledTime, Run
from cudagym.hardware import GPU
from cudagym.simulator.clock.bounds import DRAM_EFFICIENCY, LAUNCH_US, SECTOR_BYTES, Footprint, kernel_time
from cudagym.simulator.clock.decode import Unfollowable
from cudagym.simulator.clock.image import read_image
from cudagym.simulator.clock.model import Code, model
from cudagym.simulator.clock.sass import read

MOST_APART = 1.5
"""Bytes by the counters over those of the blocks followed. Of honest kernels they differ by a tenth."""
SMALL = 1 << 20
"""Bytes that make no difference."""
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

    def launch(self, launch: Launch, memory: Mapping[int, NDArray[np.uint8]]) -> KernelTime | str:
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
            ).time
        except Unfollowable as error:
            return str(error)


def predict(gpu: GPU, program: Program, run: Run, buffers: Sequence[Buffer]) -> ModelledTime:
    """The program's time on `gpu`, from a run over `buffers` that observed every launch of the plan."""
    scratch = sum(step.size for step in program.plan.steps if isinstance(step, Allocate))
    footprint = Footprint(
        readable=scratch + sum(buffer.size for buffer in buffers if buffer.holds_input),
        total=scratch + sum(buffer.size for buffer in buffers),
    )
    kernels = []
    for launch, observed in zip(program.plan.launches, run.launches, strict=True):
        bounds = kernel_time(gpu, program.module.kernel(launch.kernel), launch, observed, footprint)
        if observed.time is None or _did_less(observed.time, observed):
            why = "the blocks followed move less than others of the grid" if observed.time else observed.unfollowable
            kernels.append(bounds.slowed(COARSE if why else 1.0).model_copy(update={"from_counters": why}))
        else:
            kernels.append(_advised(observed.time, bounds))
    return ModelledTime(
        time_us=sum(kernel.time_us for kernel in kernels) + _transfers_us(gpu, program),
        kernels=tuple(kernels),
    )


def _did_less(time: KernelTime, observed: LaunchRun) -> bool:
    """Whether the blocks that were followed moved far less than those observed among all others.

    They are followed before any has run: a kernel that counts arrivals takes them for the first of the grid, and could
    give those little to do.
    """
    c, traffic = observed.counters, time.traffic
    if c is None or traffic is None or not c.blocks:
        return False
    scale = observed.blocks / c.blocks * SECTOR_BYTES
    loaded, stored = c.global_load_sectors * scale, c.global_store_sectors * scale
    return loaded > MOST_APART * traffic.l1_bytes + SMALL or stored > MOST_APART * traffic.l2_bytes + SMALL


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
