"""Files of lines that survive crashes: appended to by one `write` each, torn only at the end.

A descriptor opened for appending keeps concurrent writers from interleaving, so a crash can tear only the last line.
Opening the file drops a torn last line.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from cudagym.errors import UsageError


class LineFile:
    """An append-only file of lines. Use as a context manager, or call `close`.

    Any number of processes may append, unless one opened it `exclusive`: it then has the file to itself, and every
    other one's opening raises UsageError.
    """

    def __init__(self, path: Path, *, exclusive: bool = False) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._exclusive = exclusive
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        if exclusive:
            try:
                fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(self._fd)
                raise UsageError(f"another process is writing to {path}: wait for it to end, or end it") from None
        self._drop_torn_line()

    def _drop_torn_line(self) -> None:
        """Cut the file behind its last newline. Under a lock: another process may be opening it, too."""
        self._lock(fcntl.LOCK_EX)
        try:
            size = end = os.fstat(self._fd).st_size
            tail = b""
            while end > 0 and b"\n" not in tail:
                start = max(0, end - (1 << 16))
                tail, end = os.pread(self._fd, end - start, start), start
            keep = end + tail.rfind(b"\n") + 1
            if keep < size:
                os.ftruncate(self._fd, keep)
        finally:
            self._lock(fcntl.LOCK_UN)

    def _lock(self, operation: int) -> None:
        if not self._exclusive:
            fcntl.flock(self._fd, operation)

    def write(self, lines: bytes, *, durable: bool = False) -> None:
        """Append whole lines; `durable` waits until they are on the disk.

        Raises OSError when they cannot be written whole; the file stays readable then.
        """
        self._lock(fcntl.LOCK_SH)
        try:
            written = os.write(self._fd, lines)
        finally:
            self._lock(fcntl.LOCK_UN)
        if written != len(lines):
            self._drop_torn_line()
            raise OSError(f"only {written} of {len(lines)} bytes fitted into {self.path}")
        if durable:
            os.fsync(self._fd)

    def close(self) -> None:
        """Flush to the disk and close. Idempotent."""
        if self._fd >= 0:
            os.fsync(self._fd)
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
