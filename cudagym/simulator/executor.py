"""The process that runs candidates' device code on the simulated GPU, and the judge's handle on it.

It is handed a program and memory, and answers with faults and counters.
"""

from __future__ import annotations

import resource
import socket
import sys
import threading
from typing import Any

from pydantic import Field

from cudagym.build.program import Program
from cudagym.child import MAX_FDS, Child, Failure, serve
from cudagym.device import Buffer, Limits, Run
from cudagym.errors import GraderError
from cudagym.hardware import gpu as gpu_named
from cudagym.memory import map_shared
from cudagym.record import Record

_GRACE_SECONDS = 20.0
"""On top of a run's own wall limit: compiling its kernels, and noticing the limit."""
_MEMORY_BYTES = 24 << 30
"""Address space of the child: scratch memory at its limit, what checked runs keep of it, copies, and code."""


class Request(Record):
    """One run. `sample` is None for a whole run, else how many blocks of each launch to observe."""

    gpu: str
    program: Program
    buffers: tuple[Buffer, ...] = Field(max_length=MAX_FDS)
    limits: Limits
    checked: bool = False
    sample: int | None = None
    seed: int = 0
    listing: str = ""
    """What nvdisasm says of the program's machine code, for the clock; empty: counters alone."""


class Executor:
    """A child process that runs one request at a time; started on first use, restarted after a crash."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._child = Child("cudagym.simulator.executor")

    def run(self, request: Request) -> Run:
        """Run a request.

        Raises what the machine raised (LaunchFailed, Unsupported, InfrastructureError), Disturbed when the child was
        killed, or GraderError when it died otherwise or did not answer in time.
        """
        seconds = request.limits.wall_seconds + _GRACE_SECONDS
        fds = [buffer.fd for buffer in request.buffers]
        with self._lock:
            try:
                body = request.model_dump_json().encode()
                reply = self._child.ask(body, fds, seconds, "ran the candidate's kernels")
            except TimeoutError:
                raise GraderError(f"the executor gave no answer within {seconds:.0f} s") from None
        return Run.model_validate(reply["run"])

    def interrupt(self) -> None:
        """Kill the child, from any thread: a run in progress raises Disturbed, the next one starts another."""
        self._child.kill()

    def close(self) -> None:
        """End the child. Idempotent."""
        with self._lock:
            self._child.stop()


class _Machines:
    """One machine per card, and the requests they answer."""

    def __init__(self) -> None:
        self._machines: dict[str, Any] = {}

    def answer(self, body: bytes, fds: list[int]) -> dict[str, Any]:
        """Run one request and put its outcome into a reply."""
        try:
            run = self._run(Request.model_validate_json(body), fds)
        except Exception as error:
            return {"failure": Failure.of(error, "the simulated GPU").model_dump(mode="json")}
        return {"run": run.model_dump(mode="json")}

    def _run(self, request: Request, fds: list[int]) -> Run:
        from cudagym.simulator.machine import Machine, Memory

        if request.gpu not in self._machines:
            self._machines[request.gpu] = Machine(gpu_named(request.gpu))
        machine: Machine = self._machines[request.gpu]
        memory = {
            buffer.slot: Memory(
                bytes=map_shared(fd, buffer.size, private=buffer.read_only),
                name=buffer.name,
                read_only=buffer.read_only,
                has_content=buffer.holds_input,
            )
            for buffer, fd in zip(request.buffers, fds, strict=True)
        }
        if request.sample is None:
            return machine.execute(request.program, memory, checked=request.checked, limits=request.limits)
        return machine.sample(
            request.program,
            memory,
            seed=request.seed,
            limits=request.limits,
            blocks=request.sample,
            listing=request.listing,
        )


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    serve(socket.socket(fileno=int(sys.argv[1])), _Machines().answer)
