"""The clock's answer for one case."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from benchmarks.clock.cases import Array, Case
from cudagym.build.program import Program
from cudagym.device import KernelTime
from cudagym.hardware import gpu
from cudagym.simulator.clock.bounds import Footprint
from cudagym.simulator.clock.image import read_image
from cudagym.simulator.clock.model import Code, model
from cudagym.simulator.clock.sass import disassemble


def predicted(case: Case, program: Program, seed: int = 0) -> list[KernelTime]:
    """The time of each launch."""
    card, module = gpu(case.gpu), program.module
    code = Code(disassemble(module.cubin), read_image(module.cubin), module.variables)
    memory = {slot: filled(array) for slot, array in enumerate(case.arrays)}
    total = sum(array.bytes for array in case.arrays)
    times = []
    for launch in program.plan.launches:
        done = model(
            card,
            program.module.kernel(launch.kernel),
            code,
            launch,
            memory,
            Footprint(readable=int(min(total, case.least_bytes)), total=total),
            warm=case.warm,
            seed=seed,
            clock_mhz=case.clock_mhz,
        )
        times.append(done.time)
    return times


def filled(array: Array) -> NDArray[np.uint8]:
    """Its content as far as kernels take it for addresses; zeros cost nothing until they are touched."""
    if array.content == "iota":
        return np.arange(array.bytes // 4, dtype=np.uint32).view(np.uint8)
    return np.zeros(array.bytes, np.uint8)
