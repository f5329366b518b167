"""The process that runs candidates' device code on the simulated GPU, and the judge's handle on it.

It is handed a program and memory, and answers with faults and counters. Since it runs code compiled from hostile PTX,
it shuts itself in beforehand (see enclosure.c): it opens no file and starts no process. Even the cache of compiled
kernels is the judge's to read and write, under keys that no other program shares.
"""

from __future__ import annotations

import os
import re
import resource
import socket
import struct
import sys
import threading
from functools import cached_property
from typing import Any

from pydantic import Field

from cudagym.build.cache import key_of
from cudagym.build.program import Program
from cudagym.child import MAX_FDS, Child, Failure, Line, NoAnswer, begin, serve
from cudagym.device import Buffer, Limits, Run
from cudagym.errors import CudagymError, Disturbed, GraderError
from cudagym.hardware import gpu as gpu_named
from cudagym.memory import map_shared
from cudagym.record import Record
from cudagym.sandbox import private_user
from cudagym.simulator.enclosure import enclose, enclosure
from cudagym.simulator.objects import Compiled, Objects

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
        self._child = Child("cudagym.simulator.executor", kept=("CUDAGYM_UNSAFE",), given=_SINGLE_THREADED)

    def run(self, request: Request) -> Run:
        """Run a request.

        Raises what the machine raised (LaunchFailed, Unsupported, InfrastructureError), Disturbed when the child was
        killed or kept from working, or GraderError when it died otherwise or did not answer in time.
        """
        seconds = request.limits.wall_seconds + _GRACE_SECONDS
        fds = [buffer.fd for buffer in request.buffers]
        with self._lock:
            if not self._child.is_running:
                _load()  # here, where a C compiler has all the time it needs
            try:
                body = request.model_dump_json().encode()
                shelf = _Shelf(request.program)
                return self._child.ask(body, fds, seconds, "ran the candidate's kernels", Run, shelf.advise)
            except NoAnswer as silence:
                said = f"the executor gave no answer within {seconds:.0f} s, {silence.worked:.0f} s of them at work"
                raise (Disturbed if silence.worked < seconds / 4 else GraderError)(said) from None

    def interrupt(self) -> None:
        """Kill the child, from any thread: a run in progress raises Disturbed, the next one starts another."""
        self._child.kill()

    def close(self) -> None:
        """End the child. Idempotent."""
        with self._lock:
            self._child.stop()


_SINGLE_THREADED = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
"""Libraries of the child start no threads of their own before it has shut itself in."""
_KEY = re.compile(rb"[0-9a-f]{64}")
_COUNT = struct.Struct("<Q")
_LINE_NUMBER = re.compile(r"^\s*\.loc\s\d+ \d+ \d+(, function_name [\w$]+, inlined_at \d+ \d+ \d+)?$", re.MULTILINE)
"""Lines of PTX that change when a comment is added, and that code does not depend on."""


class _Shelf(Objects):
    """The compiled kernels of one program: whoever takes over a child cannot leave code for other programs."""

    def __init__(self, program: Program) -> None:
        self._program = program

    @cached_property
    def _digest(self) -> str:
        return key_of(_LINE_NUMBER.sub("", self._program.module.ptx))

    def get(self, key: str) -> Compiled | None:
        return super().get(key_of(key, self._digest))

    def put(self, key: str, compiled: Compiled) -> None:
        super().put(key_of(key, self._digest), compiled)

    def advise(self, question: bytes) -> bytes:
        """What the child hears: to a key, what there is under it; to a key and a kernel, nothing. Raises ValueError."""
        key = _KEY.match(question)
        if key is None or 0 < len(question) - key.end() < _COUNT.size:
            raise ValueError("a question that is none")
        if key.end() < len(question):
            self.put(key[0].decode(), _unpacked(question[key.end() :]))
            return b""
        found = self.get(key[0].decode())
        return _packed(found) if found else b""


class _Lent(Objects):
    """The child's side: what the judge keeps for it."""

    def __init__(self, line: Line) -> None:
        self._line = line

    def get(self, key: str) -> Compiled | None:
        found = self._line.ask(key.encode())
        return _unpacked(found) if found else None

    def put(self, key: str, compiled: Compiled) -> None:
        self._line.ask(key.encode() + _packed(compiled))


def _packed(compiled: Compiled) -> bytes:
    return _COUNT.pack(compiled.register_bytes) + compiled.code


def _unpacked(body: bytes) -> Compiled:
    return Compiled(body[_COUNT.size :], *_COUNT.unpack_from(body))


class _Machines:
    """One machine per card, and the requests they answer. With a hindrance, that is every answer."""

    def __init__(self, hindrance: CudagymError | None = None) -> None:
        self._machines: dict[str, Any] = {}
        self._hindrance = hindrance

    def answer(self, body: bytes, fds: list[int]) -> dict[str, Any]:
        """Run one request and put its outcome into a reply."""
        try:
            if self._hindrance:
                raise self._hindrance
            run = self._run(Request.model_validate_json(body), fds)
        except Exception as error:
            return {"failure": Failure.of(error, "the simulated GPU").model_dump(mode="json")}
        return {"answer": run.model_dump(mode="json")}

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


def _load() -> None:
    """Loads the native code that requests need; builds what the cache has not got. Raises InfrastructureError."""
    from cudagym.simulator.clock.follow import follower
    from cudagym.simulator.clock.replay import replayer
    from cudagym.simulator.native import initialise

    for load in (enclosure, initialise, follower, replayer):
        load()


def _prepare(line: Line) -> None:
    """Loads all that requests need, and shuts this process in. Raises InfrastructureError."""
    import cudagym.simulator.machine  # noqa: F401 -- for `_Machines`
    from cudagym.simulator.native import keep_objects_in

    _load()
    enclose(parent=os.getppid(), user=private_user())
    keep_objects_in(_Lent(line))


def main(connection: int) -> None:
    """The child."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    begin(watched=False)
    line = Line(socket.socket(fileno=connection))
    hindrance = None
    try:
        _prepare(line)
    except CudagymError as error:
        hindrance = error
    serve(line, _Machines(hindrance).answer)


if __name__ == "__main__":
    main(int(sys.argv[1]))
