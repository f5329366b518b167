"""CudaGPU: a device that is an NVIDIA card. Right numbers, and times that are measured."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from cudagym.build.program import Program
from cudagym.cuda.card import Card, find_cards
from cudagym.cuda.evidence import Examiner
from cudagym.cuda.executor import Answer, Executor, Request
from cudagym.cuda.timing import Protocol
from cudagym.device import Buffer, Limits, MeasuredTime, Rounds, Run, TimeKind
from cudagym.errors import InfrastructureError, UsageError
from cudagym.hardware import GPU

HANG_SECONDS = 10.0
"""Of a checked run, all its launches together, and of one timed repetition: honest ones take milliseconds on a card."""

SWEEPS = 2
"""Before each repetition this many times the L2's size is written, at least."""

_executors: dict[str, tuple[Executor, set[int]]] = {}
"""By the card's UUID: its process, and which devices of this process use it."""
_executors_lock = threading.Lock()


class CudaGPU:
    """The card cuda:`index`. All devices of one card share its executor process and take turns on it."""

    def __init__(self, index: int = 0, *, protocol: Protocol | None = None, hang_seconds: float = HANG_SECONDS) -> None:
        """Raises UsageError when there is no such card, InfrastructureError when it cannot be used."""
        self.card = card_at(index)
        self._gpu = self.card.gpu
        self._protocol, self._hang_seconds = protocol or Protocol(), hang_seconds
        self._stopped = threading.Event()
        with _executors_lock:
            self._executor, users = _executors.setdefault(self.card.uuid, (Executor(index, self.card.uuid), set()))
            users.add(id(self))

    @property
    def name(self) -> str:
        return f"cuda:{self._gpu.name}"

    @property
    def gpu(self) -> GPU:
        return self._gpu

    @property
    def time_kind(self) -> TimeKind:
        return "measured"

    def execute(
        self,
        program: Program,
        buffers: Sequence[Buffer],
        *,
        checked: bool = False,
        limits: Limits | None = None,
    ) -> Run:
        """Run the whole program. The card checks addresses and alignment; guard zones and inputs are looked at after
        every run, `checked` or not. See Device.execute."""
        limits, hang = limits or Limits(), self._hang_seconds
        limits = limits.model_copy(update={"wall_seconds": min(limits.wall_seconds, hang)})
        request = Request(program=_on_a_card(program), buffers=tuple(buffers), limits=limits, hang_seconds=hang)
        return self._run(request).run

    def time(
        self,
        program: Program,
        buffers: Sequence[Buffer],
        *,
        seed: int,
        blocks: int = 8,
        limits: Limits | None = None,
        rounds: Rounds | None = None,
    ) -> tuple[Run, MeasuredTime | None]:
        """Repeat the program until its median time is known. See Device.time and cudagym.cuda.rounds."""
        answer = self._run(
            Request(
                program=_on_a_card(program),
                buffers=tuple(buffers),
                limits=limits or Limits(),
                rounds=rounds or Rounds(),
                protocol=self._protocol,
                sweep_bytes=max(SWEEPS * self.card.l2_bytes, int(self._protocol.sweep_us * self._gpu.bandwidth / 1e6)),
                seed=seed,
                hang_seconds=self._hang_seconds,
            )
        )
        return answer.run, answer.time

    @property
    def witness(self) -> Examiner:
        """NVIDIA's tools, watching this card. What they do, `interrupt` ends too."""
        return Examiner(self.card, self._stopped)

    def interrupt(self) -> None:
        self._stopped.set()
        self._executor.interrupt(self)

    def close(self) -> None:
        """The card's process ends with its last user in this process."""
        with _executors_lock:
            executor, users = _executors.get(self.card.uuid, (None, set[int]()))
            users.discard(id(self))
            if executor is not None and not users:
                del _executors[self.card.uuid]
                executor.close()

    def _run(self, request: Request) -> Answer:
        self._stopped.clear()
        return self._executor.run(request, self, self._stopped)


def card_at(index: int) -> Card:
    """The card that cuda:`index` names.

    Raises UsageError when the driver sees no such card, InfrastructureError when the driver itself is the problem.
    """
    found = find_cards()
    if found.problem and found.has_driver:
        raise InfrastructureError(found.problem)
    if 0 <= index < len(found.cards):
        return found.cards[index]
    seen = ", ".join(f"cuda:{card.index} ({card.name})" for card in found.cards)
    raise UsageError(
        f"there is no device cuda:{index}: "
        + (f"there are {seen}" if seen else f"{found.problem or 'there is no card'}")
    )


def _on_a_card(program: Program) -> Program:
    """Cards take machine code; the PTX need not travel."""
    return program.model_copy(update={"module": program.module.model_copy(update={"ptx": ""})})
