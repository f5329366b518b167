"""The process that runs candidates' device code on a card, and the judge's handle on it.

One per card. A fault or a hang costs the process its context, and the judge ends it: the next one begins with a look
at the card's health. A kernel that never ends, ends with the process that launched it.
"""

from __future__ import annotations

import socket
import sys
import threading
import time
from contextlib import suppress
from typing import Any

from cudagym.build.program import Program
from cudagym.child import MAX_FDS, Child, Failure, Line, begin, serve
from cudagym.cuda.card import ENVIRONMENT, KEPT, Monitor, Reading
from cudagym.cuda.context import Context, Hung
from cudagym.cuda.driver import DriverError
from cudagym.cuda.queue import turn
from cudagym.cuda.replay import Contents, Replay, fault_of
from cudagym.cuda.rounds import Rounds as Repeated
from cudagym.cuda.timing import Lap, Protocol, Timing, measure, warm_up
from cudagym.device import Buffer, Fault, KernelTime, Limits, MeasuredTime, Measurement, Rounds, Run
from cudagym.errors import GraderError, InfrastructureError
from cudagym.memory import map_shared
from cudagym.record import Record

_GRACE_SECONDS = 60.0
"""On top of a run's own limit: starting, a context, copies in and out."""
_READ_EVERY = 8
"""Laps between two looks at clocks and temperature."""


class Request(Record):
    """One run: whole, or repeated by `protocol`. The descriptors beside it are those of all buffers, the card's lock
    last."""

    program: Program
    buffers: tuple[Buffer, ...]
    limits: Limits
    rounds: Rounds = Rounds()
    protocol: Protocol | None = None
    sweep_bytes: int = 0
    """That are written before each repetition."""
    seed: int = 0
    hang_seconds: float
    """That the card may take for one thing that is waited for, as for one repetition."""

    @property
    def sets(self) -> tuple[tuple[Buffer, ...], ...]:
        """The buffers of every round."""
        return (self.buffers, *self.rounds.others)


class Answer(Record):
    """What came of a request."""

    run: Run
    time: MeasuredTime | None = None
    lost: bool = False
    """Whether the process must end, its context with it."""


class Executor:
    """A card's process, which runs one request at a time: started on first use, and anew after every fault."""

    def __init__(self, index: int, uuid: str) -> None:
        self._uuid = uuid
        self._lock = threading.Lock()
        # Kernels can print, and the driver prints their failed assertions: neither belongs in a terminal.
        self._child = Child("cudagym.cuda.executor", str(index), kept=KEPT, given=ENVIRONMENT, mute=True)
        self._served: object = None

    def run(self, request: Request, owner: object, stopped: threading.Event) -> Answer:
        """Run a request for `owner`, when it is its turn.

        Raises LaunchFailed for what the card refuses, InfrastructureError when the card, its driver or its memory
        fail, Disturbed when `stopped` was set or the child was killed, GraderError when it died otherwise.
        """
        seconds = request.limits.wall_seconds + _GRACE_SECONDS
        fds = [buffer.fd for buffers in request.sets for buffer in buffers]
        if len(fds) >= MAX_FDS:
            raise GraderError(f"{len(fds)} buffers are more than can be sent at once")
        body = request.model_dump_json().encode()
        with turn(self._uuid, stopped) as queue, self._lock:
            self._served = owner
            try:
                answer = self._child.ask(body, [*fds, queue], seconds, "ran the candidate's kernels", Answer)
            except TimeoutError:
                raise InfrastructureError(
                    f"the card's driver gave no answer within {seconds:.0f} s; look at nvidia-smi and the kernel's log"
                ) from None
            except BaseException:
                self._child.stop()
                raise
            finally:
                self._served = None
            if answer.lost:
                with suppress(InfrastructureError):  # whoever needs the card next is told that it does not end
                    self._child.stop()
        return answer

    def interrupt(self, owner: object) -> None:
        """Kill the child if it works for `owner`, from any thread."""
        if self._served is owner:
            self._child.kill()

    def close(self) -> None:
        """End the child. Idempotent."""
        with self._lock:
            self._child.stop()


class _Server:
    """The child's side: a context on first use, then one request after the other."""

    def __init__(self, index: int) -> None:
        self._index = index
        self._context: Context | None = None

    def answer(self, body: bytes, fds: list[int]) -> dict[str, Any]:
        try:
            request = Request.model_validate_json(body)
            if self._context is None:
                self._context = Context(self._index)
            return {"answer": self._run(self._context, request, fds).model_dump(mode="json")}
        except DriverError as error:
            failure = Failure.of(error.as_infrastructure(), "the card")
        except Exception as error:
            failure = Failure.of(error, "the card's executor")
        return {"failure": failure.model_dump(mode="json")}

    def _run(self, context: Context, request: Request, fds: list[int]) -> Answer:
        start = time.monotonic()
        given = iter(fds)
        contents: list[Contents] = [
            [map_shared(next(given), buffer.size, private=buffer.read_only) for buffer in buffers]
            for buffers in request.sets
        ]
        replay = Replay(context, request.program, request.buffers, request.limits, request.hang_seconds)
        if request.protocol is None:
            replay.fill(contents[0])
            faults, repeated, timed = replay.run(), None, None
            lost = bool(faults)
            if not lost:
                faults = replay.trespasses(contents[0])
                for buffer, data in zip(request.buffers, contents[0], strict=True):
                    if not buffer.read_only:
                        context.memory.read(replay.arrays[buffer.slot].address, data)
        else:
            repeated = Repeated(replay, contents, request.rounds.probes, request.sweep_bytes, request.seed)
            faults, timed, lost = self._measured(context, repeated, request.protocol)
        if not lost:
            replay.close()
        run = Run(
            faults=faults,
            launches=replay.launch_runs(),
            samples=repeated.samples if repeated else (),
            seconds=time.monotonic() - start,
        )
        return Answer(run=run, time=None if faults else timed, lost=lost)

    def _measured(
        self, context: Context, repeated: Repeated, protocol: Protocol
    ) -> tuple[tuple[Fault, ...], MeasuredTime | None, bool]:
        """Faults, the time, and whether the context is lost."""
        monitor, readings = Monitor(context.pci), list[Reading]()

        def lap() -> Lap:
            taken = repeated.lap()
            if repeated.repetitions % _READ_EVERY == 0 and (reading := monitor.read()):
                readings.append(reading)
            return taken

        try:
            warm_up(lap, protocol)
            readings.clear()
            timing = measure(lap, protocol)
            if reading := monitor.read():
                readings.append(reading)
            kernels = self._kernels(repeated, timing)
            faults = repeated.finish()
        except (Hung, DriverError) as error:
            return (fault_of(error, "the program"),), None, True
        measurement = Measurement(
            interval_us=timing.interval_us,
            repetitions=timing.repetitions,
            settled=timing.settled,
            host_excess_us=timing.host_excess_us,
            clocks_agree=timing.clocks_agree,
            sm_mhz=_span([reading.sm_mhz for reading in readings]),
            memory_mhz=_span([reading.memory_mhz for reading in readings]),
            celsius=max((reading.celsius for reading in readings), default=None),
            throttled=tuple(dict.fromkeys(why for reading in readings for why in reading.throttled)),
        )
        return faults, MeasuredTime(time_us=timing.median_us, kernels=kernels, measurement=measurement), False

    def _kernels(self, repeated: Repeated, timing: Timing) -> tuple[KernelTime, ...]:
        """Where the time goes, launch by launch. One alone takes all of it."""
        launches = repeated.replay.program.plan.launches
        times = repeated.launches() if len(launches) > 1 else (timing.median_us,) * len(launches)
        found = []
        for launch, time_us in zip(launches, times, strict=True):
            occupancy, waves = repeated.replay.occupancy(launch)
            found.append(KernelTime(kernel=launch.kernel, time_us=time_us, occupancy=occupancy, waves=waves))
        return tuple(found)


def _span(values: list[int]) -> tuple[int, int] | None:
    return (min(values), max(values)) if values else None


if __name__ == "__main__":
    begin()
    serve(Line(socket.socket(fileno=int(sys.argv[1]))), _Server(int(sys.argv[2])).answer)
