"""Bench: one judge on the stand-in card and one on the simulated GPU, which share their builds.

`python bench.py FOLDER SPEC SOURCE` examines a source on the stand-in with this folder and prints the verdict's status.
"""

from __future__ import annotations

import sys
from pathlib import Path

from standin_driver.driver import tell

from cudagym.build.builder import Build, Builder
from cudagym.build.program import Program
from cudagym.cuda.gpu import CudaGPU
from cudagym.cuda.timing import Protocol
from cudagym.errors import BuildFailed
from cudagym.hardware import GPU
from cudagym.judge import Judge
from cudagym.record import Shape
from cudagym.simulator.gpu import SimulatedGPU
from cudagym.specs import get
from cudagym.specs.spec import KernelSpec
from cudagym.verdict import Verdict

SHORT = Protocol(warm_seconds=0, window=2, least=6, most=12, budget_seconds=2, sweep_us=0, host_excess_us=1e9)
"""The stand-in's times barely vary, but the host sees how long it simulates."""
PATIENCE, LITTLE_PATIENCE = 60.0, 3.0
"""Seconds that a run may take: ample on a busy machine, and enough to be sure of what hangs."""
SECRET = bytes(32)


class Telling(Builder):
    """A builder that tells a stand-in what it made."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder

    def record(self, build: Build, spec: KernelSpec, shape: Shape, gpu: GPU) -> Program:
        tell(self._folder, build.module)
        return super().record(build, spec, shape, gpu)


class Bench:
    """Examines sources on the stand-in, and on the simulated GPU beside it."""

    def __init__(self, folder: Path) -> None:
        cards = [CudaGPU(0, protocol=SHORT, hang_seconds=seconds) for seconds in (PATIENCE, LITTLE_PATIENCE)]
        self.builder, self.gpu = Telling(folder), cards[0].gpu
        self.measuring, self.impatient = (Judge(card, self.builder, SECRET) for card in cards)
        self.modelling = Judge(SimulatedGPU(self.gpu.name), self.builder, SECRET)

    def measured(self, spec: KernelSpec, source: str, *, hangs: bool = False) -> Verdict:
        """`hangs`: whether it is expected to."""
        judge = self.impatient if hangs else self.measuring
        return judge.examine(spec, source, self._build(spec, source), seed=1)

    def modelled(self, spec: KernelSpec, source: str) -> Verdict:
        return self.modelling.examine(spec, source, self._build(spec, source), seed=1)

    def _build(self, spec: KernelSpec, source: str) -> Build | BuildFailed:
        (build,) = self.builder.build_many([(spec, source)], self.gpu)
        assert not isinstance(build, BaseException) or isinstance(build, BuildFailed), build
        return build

    def prepare(self, items: list[tuple[KernelSpec, str]]) -> None:
        """Builds all as one group, so that examining them finds them built."""
        self.builder.build_many(items, self.gpu)

    def close(self) -> None:
        for judge in (self.measuring, self.impatient, self.modelling):
            judge.close()


def brief(spec: KernelSpec) -> KernelSpec:
    """The spec, timed at a small one of its check shapes: every repetition is simulated whole."""
    return spec.model_copy(update={"timing_shape": sorted(spec.check_shapes, key=spec.least_bytes)[1]})


if __name__ == "__main__":
    bench = Bench(Path(sys.argv[1]))
    try:
        print(bench.measured(brief(get(sys.argv[2])), Path(sys.argv[3]).read_text()).status)
    finally:
        bench.close()
