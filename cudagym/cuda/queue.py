"""The queue for a card: whoever uses it waits until nobody else does, in this process or another.

A lock on a file per card, which the executor shares while it works: it is free again when the last of the two has
let go, whatever became of the other. Whoever comes next waits at a door, a second lock, which the last user must pass
to come again: nobody is passed over for ever. Compiling, recording and comparing need no card and wait for nobody.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cudagym.errors import Disturbed, InfrastructureError

_NAP_SECONDS = 0.01


@contextmanager
def turn(uuid: str, stopped: threading.Event) -> Iterator[int]:
    """The right to use the card, and the descriptor that holds it.

    Raises Disturbed when `stopped` is set before, InfrastructureError when the lock cannot be opened.
    """
    folder = Path(tempfile.gettempdir())
    door, fd = (_open(folder / f"cudagym-card-{uuid}.{part}") for part in ("door", "lock"))
    try:
        try:
            _wait(door, stopped)
            _wait(fd, stopped)
        finally:
            os.close(door)
        yield fd
        fcntl.flock(fd, fcntl.LOCK_UN)
    finally:
        os.close(fd)


def _wait(fd: int, stopped: threading.Event) -> None:
    """Until the lock is ours."""
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if stopped.wait(_NAP_SECONDS):
                raise Disturbed("the run was interrupted while it waited for the card") from None


def _open(path: Path) -> int:
    """Reading is enough to lock, so that every user of the machine can; creating it again would not be allowed."""
    try:
        for _ in range(100):
            try:
                return os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
            except FileNotFoundError:
                try:
                    os.close(os.open(path, os.O_RDONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644))
                except FileExistsError:
                    continue
        raise InfrastructureError(f"cannot keep the queue for the card in {path}: it comes and goes")
    except OSError as error:
        raise InfrastructureError(f"cannot keep the queue for the card in {path}: {error.strerror}") from error
