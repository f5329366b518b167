"""A process that works for the judge: it is sent requests one at a time, and answers each.

Both ends talk over a socket pair in messages: what it is, how long it is, and that many bytes. A request has file
descriptors beside it; while the child works on it, it may put questions. It holds no seed, reference or tolerance. It
ends by itself when the judge's process ends, even in the middle of a request. As it runs a candidate's code, nothing
that it says is trusted to make sense or to end.
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
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeVar

from cudagym.errors import CudagymError, Disturbed, GraderError, InfrastructureError, LaunchFailed, Unsupported
from cudagym.record import Record

MAX_FDS = 64
"""Descriptors beside one message. The kernel's limit is 253."""
_REAP_SECONDS = 60.0
"""That a killed child may take to end: a driver may have to tear down a context under a kernel that never ends."""
_HEAD = struct.Struct("<cQ")
_REQUEST, _REPLY, _QUESTION, _ANSWER = b"r", b"=", b"?", b"!"
_MOST_SLOWED = 4.0
"""How much longer than on an idle machine an answer may take."""
_LARGEST_BYTES = 256 << 20
"""Of a message of the child."""
_MAX_MESSAGES = 4096
"""Of the child to one request."""
T = TypeVar("T", bound=Record)
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


class NoAnswer(TimeoutError):
    """A child did not answer in time. It had a processor for `worked` seconds."""

    def __init__(self, worked: float) -> None:
        super().__init__()
        self.worked = worked


class Child:
    """The judge's handle on the process that `python -m module` makes: started on first use, and after it ended."""

    def __init__(
        self,
        module: str,
        *arguments: str,
        kept: Sequence[str] = (),
        given: Mapping[str, str] | None = None,
        mute: bool = False,
    ) -> None:
        """`kept` names environment variables that it needs beside the usual, `given` holds others. What a
        child writes to standard output is nobody's; a `mute` one has no standard error either.
        """
        self._module, self._arguments, self._kept, self._given = module, arguments, kept, given or {}
        self._errors = subprocess.DEVNULL if mute else None
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None

    def ask(
        self,
        body: bytes,
        fds: Sequence[int],
        seconds: float,
        doing: str,
        form: type[T],
        advise: Callable[[bytes], bytes] | None = None,
    ) -> T:
        """Its answer, of this form, within `seconds`, waits for a busy machine left out. Calls must not overlap.

        `advise` answers the child's questions, and raises ValueError for those that make no sense.
        Raises what the child's failure says, NoAnswer, Disturbed when it was killed, or GraderError when it died
        otherwise or talks nonsense: it had been `doing` what.
        """
        connection, end = self._connect(), time.monotonic() + seconds
        before, waited = self._processor_seconds(), self._waited_seconds()
        latest = end + (_MOST_SLOWED - 1) * seconds
        line = Line(connection, end, lambda: min(end + self._waited_seconds() - waited, latest))
        try:
            line.send(_REQUEST, body, fds)
            reply = json.loads(_reply(line, advise))
            failure = Failure.model_validate(reply["failure"]) if "failure" in reply else None
            answer = None if failure else form.model_validate(reply["answer"])
        except TimeoutError:
            worked = self._processor_seconds() - before
            self.stop()
            raise NoAnswer(worked) from None
        except BaseException as error:
            code = self.stop()
            if isinstance(error, OSError | EOFError):
                if code == -signal.SIGKILL:
                    raise Disturbed(f"the executor was killed while it {doing}") from None
                how = f"of {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
                raise GraderError(f"the executor died {how} while it {doing}") from None
            if isinstance(error, ValueError | LookupError | TypeError | RecursionError):
                raise GraderError(f"the executor talked nonsense while it {doing}: {str(error)[:200]}") from None
            raise
        if answer is None:
            assert failure is not None
            raise failure.raised()
        return answer

    @property
    def is_running(self) -> bool:
        return self._socket is not None and self._process is not None and self._process.poll() is None

    def _processor_seconds(self) -> float:
        """That the process has used so far (proc_pid_stat(5): `utime` and `stime`)."""
        assert self._process is not None
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def _waited_seconds(self) -> float:
        """That it could have worked so far and had no processor: of its threads, the one that waited longest
        (Linux, "Scheduler Statistics", /proc/<pid>/schedstat). 0 where the kernel does not count it."""
        assert self._process is not None
        found = [0.0]
        for task in Path(f"/proc/{self._process.pid}/task").glob("*/schedstat"):
            with contextlib.suppress(OSError):
                found.append(int(task.read_text().split()[1]) / 1e9)
        return max(found)

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
            self._process = _starter(os.getpid()).submit(self._start, theirs.fileno()).result()
        self._socket = ours
        return ours

    def _start(self, connection: int) -> subprocess.Popen[bytes]:
        # A session of its own: Ctrl-C in the terminal reaches the judge, which then closes the socket.
        return subprocess.Popen(
            [sys.executable, "-m", self._module, str(connection), *self._arguments],
            pass_fds=[connection],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._errors,
            start_new_session=True,
            env=environment(self._kept) | dict(self._given),
        )


@cache
def _starter(process: int) -> ThreadPoolExecutor:
    """The thread of this `process` that starts children: as the kernel ends some with it, it must outlive callers."""
    del process  # after a fork there is none
    return ThreadPoolExecutor(1, "cudagym-children")


def environment(kept: Sequence[str] = ()) -> dict[str, str]:
    """Only what a child needs: where Python finds the package, where caches lie, and what is named."""
    found = {name: os.environ[name] for name in (*_KEPT, *kept) if name in os.environ}
    root = str(Path(__file__).resolve().parents[1])
    found["PYTHONPATH"] = os.pathsep.join(filter(None, [root, found.get("PYTHONPATH")]))
    return found


def begin(*, watched: bool = True) -> None:
    """The child's first step. A thread of its own sees to it that it ends with its parent, if it is `watched`."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if watched:
        _die_with_parent(os.getppid())


def serve(line: Line, answer: Callable[[bytes, list[int]], dict[str, Any]]) -> None:
    """The child's loop: answer requests until the judge closes its end. Descriptors are closed after each."""
    while True:
        try:
            body, fds = line.receive_with_fds()
        except (EOFError, ConnectionResetError):
            return
        reply = answer(body, fds)
        for fd in fds:
            os.close(fd)
        line.send(_REPLY, json.dumps(reply).encode())


class Line:
    """One end of the socket, with an end to its patience (on time.monotonic) where the other end is not trusted.

    `later` says, when that end has come, whether there is a later one.
    """

    def __init__(
        self, connection: socket.socket, until: float | None = None, later: Callable[[], float] | None = None
    ) -> None:
        self._socket, self._until, self._later = connection, until, later

    def send(self, kind: bytes, body: bytes, fds: Sequence[int] = ()) -> None:
        self._be_patient()
        head = _HEAD.pack(kind, len(body))
        if fds:
            socket.send_fds(self._socket, [head], list(fds))
        else:
            self._socket.sendall(head)
        self._socket.sendall(body)

    def receive(self) -> tuple[bytes, bytes]:
        """What the next message is, and its bytes; descriptors beside it are not taken.

        Raises EOFError when the other end has closed, ValueError when the message is too long.
        """
        return self._rest(self._some(_HEAD.size))

    def receive_with_fds(self) -> tuple[bytes, list[int]]:
        """The bytes of the next message, and the descriptors beside it. Raises EOFError."""
        head, fds, _, _ = socket.recv_fds(self._socket, _HEAD.size, MAX_FDS)
        return self._rest(head or self._some(1))[1], fds

    def ask(self, question: bytes) -> bytes:
        """The judge's answer to a question of the child."""
        self.send(_QUESTION, question)
        return self.receive()[1]

    def _rest(self, head: bytes) -> tuple[bytes, bytes]:
        while len(head) < _HEAD.size:
            head += self._some(_HEAD.size - len(head))
        kind, length = _HEAD.unpack(head)
        if self._until is not None and length > _LARGEST_BYTES:
            raise ValueError(f"a message of {length} bytes")
        body = bytearray()
        while len(body) < length:
            body += self._some(min(length - len(body), 1 << 20))
        return kind, bytes(body)

    def _some(self, size: int) -> bytes:
        while True:
            self._be_patient()
            try:
                data = self._socket.recv(size)
            except TimeoutError:
                if not self._is_to_wait_on():
                    raise
                continue
            if not data:
                raise EOFError
            return data

    def _be_patient(self) -> None:
        if self._until is not None:
            self._socket.settimeout(max(self._until - time.monotonic(), 1e-3))

    def _is_to_wait_on(self) -> bool:
        """Whether there is time left after all."""
        if self._later is not None:
            self._until = self._later()
        return self._until is not None and self._until > time.monotonic()


def _reply(line: Line, advise: Callable[[bytes], bytes] | None) -> bytes:
    """What the child says in the end, after its questions. Raises ValueError for nonsense."""
    for _ in range(_MAX_MESSAGES):
        kind, body = line.receive()
        if kind == _REPLY:
            return body
        if kind != _QUESTION or advise is None:
            raise ValueError(f"a message of kind {kind!r}")
        line.send(_ANSWER, advise(body))
    raise ValueError("more questions than work")


def _die_with_parent(parent: int) -> None:
    """End this process as soon as the judge's is gone, even during a run (which does not hold the GIL)."""

    def watch() -> None:
        pidfd = os.pidfd_open(parent)
        select.select([pidfd], [], [])
        os._exit(0)

    threading.Thread(target=watch, daemon=True).start()
