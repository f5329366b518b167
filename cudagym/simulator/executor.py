"""The process that runs candidates' device code, and the judge's handle on it.

The child holds no seed, reference or tolerance: it is handed a program and memory, and answers with faults and
counters. The two talk over a socket pair: an 8-byte length, a JSON object, and the buffers' memfds beside it.
The child ends by itself when the parent's process ends, even in the middle of a run.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from cudagym.build.program import Program
from cudagym.device import Buffer, Limits, Run
from cudagym.errors import CudagymError, Disturbed, GraderError, InfrastructureError, LaunchFailed, Unsupported
from cudagym.hardware import gpu as gpu_named
from cudagym.memory import map_shared
from cudagym.record import Record

_LENGTH = struct.Struct("<Q")
_GRACE_SECONDS = 20.0
"""On top of a run's own wall limit: compiling its kernels, and noticing the limit."""
_MAX_BUFFERS = 64
_MEMORY_BYTES = 24 << 30
"""Address space of the child: scratch memory at its limit, what checked runs keep of it, copies, and code."""


class Request(Record):
    """One run. `sample` is None for a whole run, else how many blocks of each launch to observe."""

    gpu: str
    program: Program
    buffers: tuple[Buffer, ...] = Field(max_length=_MAX_BUFFERS)
    limits: Limits
    checked: bool = False
    sample: int | None = None
    seed: int = 0
    listing: str = ""
    """What nvdisasm says of the program's machine code, for the clock; empty: counters alone."""


class Failure(Record):
    """Why a request has no run."""

    kind: Literal["unsupported", "launch_failed", "infrastructure", "grader"]
    message: str
    line: int | None = None

    def raised(self) -> CudagymError:
        """The error to raise in the judge's process."""
        match self.kind:
            case "unsupported":
                return Unsupported(self.message, self.line)
            case "launch_failed":
                return LaunchFailed(self.message)
            case "infrastructure":
                return InfrastructureError(self.message)
            case "grader":
                return GraderError(self.message)


class Executor:
    """A child process that runs one request at a time; started on first use, restarted after a crash."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None

    def run(self, request: Request) -> Run:
        """Run a request.

        Raises what the machine raised (LaunchFailed, Unsupported, InfrastructureError), Disturbed when the child was
        killed, or GraderError when it died otherwise or did not answer in time.
        """
        with self._lock:
            connection = self._connect()
            connection.settimeout(request.limits.wall_seconds + _GRACE_SECONDS)
            body = request.model_dump_json().encode()
            try:
                _send(connection, body, [buffer.fd for buffer in request.buffers])
                answer, _ = _receive(connection)
            except TimeoutError:
                self._stop()
                raise GraderError(
                    f"the executor gave no answer within {request.limits.wall_seconds + _GRACE_SECONDS:.0f} s"
                ) from None
            except BaseException as error:
                code = self._stop()
                if isinstance(error, OSError | EOFError):
                    if code == -signal.SIGKILL:
                        raise Disturbed("the executor was killed while it ran the candidate's kernels") from None
                    how = f"of {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
                    raise GraderError(f"the executor died {how} while it ran the candidate's kernels") from None
                raise
        reply = json.loads(answer)
        if "failure" in reply:
            raise Failure.model_validate(reply["failure"]).raised()
        return Run.model_validate(reply["run"])

    def interrupt(self) -> None:
        """Kill the child, from any thread: a run in progress raises Disturbed, the next one starts another."""
        process = self._process
        if process is not None:
            process.kill()

    def close(self) -> None:
        """End the child. Idempotent."""
        with self._lock:
            self._stop()

    def _connect(self) -> socket.socket:
        if self._socket is not None and self._process is not None and self._process.poll() is None:
            return self._socket
        self._stop()
        ours, theirs = socket.socketpair()
        with theirs:
            # A session of its own: Ctrl-C in the terminal reaches the judge, which then closes the socket.
            self._process = subprocess.Popen(
                [sys.executable, "-m", "cudagym.simulator.executor", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                env=_child_environment(),
            )
        self._socket = ours
        return ours

    def _stop(self) -> int:
        """How the child ended: as Popen's `returncode`, 0 when there was none."""
        code = 0
        if self._socket is not None:
            self._socket.close()
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=0.2)
            self._process.kill()
            code = self._process.wait()
        self._process = self._socket = None
        return code


def _child_environment() -> dict[str, str]:
    """Only what the child needs: where Python finds the package, and where caches lie."""
    kept = ("PATH", "HOME", "CUDAGYM_CACHE", "XDG_CACHE_HOME", "LD_LIBRARY_PATH", "PYTHONPATH", "TMPDIR", "LANG")
    environment = {name: os.environ[name] for name in kept if name in os.environ}
    root = str(Path(__file__).resolve().parents[2])
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [root, environment.get("PYTHONPATH")]))
    return environment


def _send(connection: socket.socket, body: bytes, fds: Sequence[int] = ()) -> None:
    if fds:
        socket.send_fds(connection, [_LENGTH.pack(len(body))], list(fds))
    else:
        connection.sendall(_LENGTH.pack(len(body)))
    connection.sendall(body)


def _receive(connection: socket.socket) -> tuple[bytes, list[int]]:
    """The next message and its descriptors. Raises EOFError when the other end has closed."""
    head, fds, _, _ = socket.recv_fds(connection, _LENGTH.size, _MAX_BUFFERS)
    while len(head) < _LENGTH.size:
        head += _receive_some(connection, _LENGTH.size - len(head))
    (length,) = _LENGTH.unpack(head)
    body = bytearray()
    while len(body) < length:
        body += _receive_some(connection, min(length - len(body), 1 << 20))
    return bytes(body), fds


def _receive_some(connection: socket.socket, size: int) -> bytes:
    data = connection.recv(size)
    if not data:
        raise EOFError
    return data


def _answer(machines: dict[str, Any], body: bytes, fds: list[int]) -> dict[str, Any]:
    """Run one request and put its outcome into a reply."""
    from cudagym.simulator.machine import Machine, Memory

    try:
        request = Request.model_validate_json(body)
        if request.gpu not in machines:
            machines[request.gpu] = Machine(gpu_named(request.gpu))
        machine = machines[request.gpu]
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
            run = machine.execute(request.program, memory, checked=request.checked, limits=request.limits)
        else:
            run = machine.sample(
                request.program,
                memory,
                seed=request.seed,
                limits=request.limits,
                blocks=request.sample,
                listing=request.listing,
            )
        return {"run": run.model_dump(mode="json")}
    except Unsupported as error:
        failure = Failure(kind="unsupported", message=error.what, line=error.line)
    except LaunchFailed as error:
        failure = Failure(kind="launch_failed", message=str(error))
    except InfrastructureError as error:
        failure = Failure(kind="infrastructure", message=str(error))
    except MemoryError:
        failure = Failure(kind="infrastructure", message="the executor ran out of memory")
    except Exception as error:
        # The one boundary where a bug of ours becomes a verdict (grader_error) instead of an end of the run.
        failure = Failure(kind="grader", message=f"the simulated GPU failed: {type(error).__name__}: {error}")
    return {"failure": failure.model_dump(mode="json")}


def serve(connection: socket.socket) -> None:
    """The child's loop: answer requests until the judge closes its end."""
    machines: dict[str, Any] = {}
    while True:
        try:
            body, fds = _receive(connection)
        except (EOFError, ConnectionResetError):
            return
        reply = _answer(machines, body, fds)
        for fd in fds:
            os.close(fd)
        _send(connection, json.dumps(reply).encode())


def _die_with_parent(parent: int) -> None:
    """End this process as soon as the judge's is gone, even during a run (which does not hold the GIL)."""

    def watch() -> None:
        pidfd = os.pidfd_open(parent)
        select.select([pidfd], [], [])
        os._exit(0)

    threading.Thread(target=watch, daemon=True).start()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _die_with_parent(os.getppid())
    serve(socket.socket(fileno=int(sys.argv[1])))
