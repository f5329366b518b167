"""SimulatedGPU: a device made of software. Right numbers, explained faults, a predicted time."""

from __future__ import annotations

from collections.abc import Sequence

from cudagym.build.program import Program
from cudagym.device import Buffer, Limits, ModelledTime, Rounds, Run, TimeKind
from cudagym.hardware import GPU
from cudagym.hardware import gpu as gpu_named
from cudagym.simulator.clock.program import predict
from cudagym.simulator.clock.sass import listing
from cudagym.simulator.executor import Executor, Request


class SimulatedGPU:
    """One simulated card with an executor process of its own. Calls from several threads queue up."""

    def __init__(self, card: str, *, threads: int = 1) -> None:
        """`threads` of this machine may run the blocks of a launch at a time."""
        self._gpu, self._threads = gpu_named(card), threads
        self._executor = Executor()

    @property
    def name(self) -> str:
        return f"sim:{self._gpu.name}"

    @property
    def gpu(self) -> GPU:
        return self._gpu

    @property
    def time_kind(self) -> TimeKind:
        return "modelled"

    def execute(
        self,
        program: Program,
        buffers: Sequence[Buffer],
        *,
        checked: bool = False,
        limits: Limits | None = None,
    ) -> Run:
        """Run the whole program. See Device.execute."""
        return self._executor.run(
            Request(
                gpu=self._gpu.name,
                program=_without_cubin(program),
                buffers=tuple(buffers),
                limits=limits or Limits(threads=self._threads),
                checked=checked,
            )
        )

    def time(
        self,
        program: Program,
        buffers: Sequence[Buffer],
        *,
        seed: int,
        blocks: int = 8,
        limits: Limits | None = None,
        rounds: Rounds | None = None,
    ) -> tuple[Run, ModelledTime | None]:
        """Observe a sample of blocks of every launch and predict the program's time. See Device.time."""
        run = self._executor.run(
            Request(
                gpu=self._gpu.name,
                program=program,
                buffers=tuple(buffers),
                limits=limits or Limits(),
                sample=blocks,
                seed=seed,
                listing=listing(program.module.cubin) if program.module.cubin else "",
            )
        )
        if run.faults:
            return run, None
        return run, predict(self._gpu, program, run, buffers)

    def interrupt(self) -> None:
        self._executor.interrupt()

    def close(self) -> None:
        self._executor.close()


def _without_cubin(program: Program) -> Program:
    """The simulated GPU executes PTX, and reads machine code as text; the cubin need not travel."""
    return program.model_copy(update={"module": program.module.model_copy(update={"cubin": b""})})
