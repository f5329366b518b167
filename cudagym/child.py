"""A process that works for the judge: it is sent requests one at a time, and answers each.

Both ends talk over a socket pair: an 8-byte length, a JSON object, and file descriptors beside it. The child holds
no seed, reference or tolerance. It ends by itself when the judge's process ends, even in the middle of a request.
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
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from cudagym.errors import CudagymError, Disturbed, GraderError, InfrastructureError, LaunchFailed, Unsupported
from cudagym.record import Record

MAX_FDS = 64
"""Descriptors beside one message. The kernel's limit is 253."""
_REAP_SECONDS = 60.0
"""That a killed child may take to end: a driver may have to tear down a context under a kernel that never ends."""
_LENGTH = struct.Struct("<Q")
_KEPT = ("PATH", "HOME", "CUDAGYM_CACHE", "XDG_CACHE_HOME", "LD_LIBRARY_PATH", "PYTHONPATH", "TMPDIR", "LANG")


class Failure(Record):
    """Why a request has no answer."""

    kind: Literal["unsupported", "launch_failed", "infrastructure", "grader"]
    message: str
    line: int | None = None

    @classmethod
    def of(cls, error: Exception, whose: str) -> Failure:
        """What `error` comes to; anything unforeseen is a fault of `whose` ("the simulated GPU")."""
        match error:
            case Unsupported():
                return cls(kind="unsupported", message=error.what, line=error.line)
            case LaunchFailed():
                return cls(kind="launch_failed", message=str(error))
            case InfrastructureError():
                return cls(kind="infrastructure", message=str(error))
            case MemoryError():
                return cls(kind="infrastructure", message="the executor ran out of memory")
            case _:
                # The one boundary where a bug of ours becomes a verdict (grader_error) instead of an end of the run.
                return cls(kind="grader", message=f"{whose} failed: {type(error).__name__}: {error}")

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


class Child:
    """The judge's handle on the process that `python -m module` makes: started on first use, and after it ended."""

    def __init__(
        self, module: str, *arguments: str, kept: Sequence[str] = (), given: Mapping[str, str] | None = None
    ) -> None:
        """`kept` names environment variables that it needs beside the usual, `given` holds others."""
        self._module, self._arguments, self._kept, self._given = module, arguments, kept, given or {}
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None

    def ask(self, body: bytes, fds: Sequence[int], seconds: float, doing: str) -> dict[str, Any]:
        """Its answer, within `seconds`. Calls must not overlap.

        Raises what the child's failure says, TimeoutError, Disturbed when it was killed, or GraderError when it died
        otherwise: it had been `doing` what.
        """
        connection = self._connect()
        connection.settimeout(seconds)
        try:
            _send(connection, body, fds)
            answer, _ = _receive(connection)
        except TimeoutError:
            self.stop()
            raise
        except BaseException as error:
            code = self.stop()
            if isinstance(error, OSError | EOFError):
                if code == -signal.SIGKILL:
                    raise Disturbed(f"the executor was killed while it {doing}") from None
                how = f"of {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
                raise GraderError(f"the executor died {how} while it {doing}") from None
            raise
        reply: dict[str, Any] = json.loads(answer)
        if "failure" in reply:
            raise Failure.model_validate(reply["failure"]).raised()
        return reply

    @property
    def is_running(self) -> bool:
        return self._socket is not None and self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        """End it at once, from any thread: a request in progress raises Disturbed, the next one starts another."""
        process = self._process
        if process is not None:
            process.kill()

    def stop(self) -> int:
        """End it, and say how it ended as Popen's `returncode` does; 0 when there was none. Idempotent."""
        code = 0
        if self._socket is not None:
            self._socket.close()
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=0.2)
            self._process.kill()
            try:
                code = self._process.wait(timeout=_REAP_SECONDS)
            except subprocess.TimeoutExpired:
                raise InfrastructureError(
                    f"process {self._process.pid} does not end although it was killed; look at the kernel's log"
                ) from None
        self._process = self._socket = None
        return code

    def _connect(self) -> socket.socket:
        if self.is_running and self._socket is not None:
            return self._socket
        self.stop()
        ours, theirs = socket.socketpair()
        with theirs:
            # A session of its own: Ctrl-C in the terminal reaches the judge, which then closes the socket.
            self._process = subprocess.Popen(
                [sys.executable, "-m", self._module, str(theirs.fileno()), *self._arguments],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                env=environment(self._kept) | dict(self._given),
            )
        self._socket = ours
        return ours


def environment(kept: Sequence[str] = ()) -> dict[str, str]:
    """Only what a child needs: where Python finds the package, where caches lie, and what is named."""
    found = {name: os.environ[name] for name in (*_KEPT, *kept) if name in os.environ}
    root = str(Path(__file__).resolve().parents[1])
    found["PYTHONPATH"] = os.pathsep.join(filter(None, [root, found.get("PYTHONPATH")]))
    return found


def serve(connection: socket.socket, answer: Callable[[bytes, list[int]], dict[str, Any]]) -> None:
    """The child's loop: answer requests until the judge closes its end. Descriptors are closed after each."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _die_with_parent(os.getppid())
    while True:
        try:
            body, fds = _receive(connection)
        except (EOFError, ConnectionResetError):
            return
        reply = answer(body, fds)
        for fd in fds:
            os.close(fd)
        _send(connection, json.dumps(reply).encode())


def _send(connection: socket.socket, body: bytes, fds: Sequence[int] = ()) -> None:
    if fds:
        socket.send_fds(connection, [_LENGTH.pack(len(body))], list(fds))
    else:
        connection.sendall(_LENGTH.pack(len(body)))
    connection.sendall(body)


def _receive(connection: socket.socket) -> tuple[bytes, list[int]]:
    """The next message and its descriptors. Raises EOFError when the other end has closed."""
    head, fds, _, _ = socket.recv_fds(connection, _LENGTH.size, MAX_FDS)
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


def _die_with_parent(parent: int) -> None:
    """End this process as soon as the judge's is gone, even during a run (which does not hold the GIL)."""

    def watch() -> None:
        pidfd = os.pidfd_open(parent)
        select.select([pidfd], [], [])
        os._exit(0)

    threading.Thread(target=watch, daemon=True).start()
