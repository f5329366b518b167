"""The control group that boxes get theirs in, where this machine has one to give.

Limits of resources count every process by itself; a control group counts all processes of a box together. It takes
version 2 with the controllers `memory` and `pids` handed down to where this process may make groups: beside its own, as
systemd has it for what a desktop starts and for root. Most containers do not, and boxes do without.
"""

from __future__ import annotations

import atexit
import fcntl
import functools
import os
import re
import secrets
import subprocess
import time
from contextlib import suppress
from pathlib import Path

_PREFIX = "cudagym-"
_MOUNT = re.compile(r"^\d+ \d+ \S+ (\S+) (\S+) .* - cgroup2 ", re.MULTILINE)
"""A line of mountinfo: the group that is mounted, and where."""
_OWN = re.compile(r"^0::(.*)$", re.MULTILINE)


@functools.cache
def group_of_boxes() -> Path | None:
    """This process's own group, for `box -g`, which is gone when it ends; None where there is none to have."""
    parent = _parent()
    if parent is None:
        return None
    folder = parent / f"{_PREFIX}{secrets.token_hex(8)}"
    try:
        _sweep(parent)
        folder.mkdir()
        fcntl.flock(os.open(folder, os.O_RDONLY), fcntl.LOCK_SH | fcntl.LOCK_NB)  # until this process ends
        (folder / "cgroup.subtree_control").write_text("+memory +pids")
        _try_out(folder / "trial")
    except OSError:
        _remove(folder)
        return None
    atexit.register(_remove_as, os.getpid(), folder)
    return folder


def _parent() -> Path | None:
    """The group to make groups in: the one above ours, as a group with processes hands nothing down but at the top."""
    mount = _MOUNT.search(Path("/proc/self/mountinfo").read_text())
    own = _OWN.search(Path("/proc/self/cgroup").read_text())
    if mount is None or own is None or not Path(own[1]).is_relative_to(mount[1]):
        return None
    root = Path(mount[2])
    group = root / Path(own[1]).relative_to(mount[1])
    if (group / "cgroup.type").exists():  # which the topmost of all has not
        if group == root:
            return None
        group = group.parent
    try:
        handed_down = (group / "cgroup.subtree_control").read_text().split()
    except OSError:
        return None
    return group if {"memory", "pids"} <= set(handed_down) and os.access(group, os.W_OK) else None


def _try_out(group: Path) -> None:
    """Raises OSError where no process of ours may be moved to a new group."""
    group.mkdir()
    with subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE) as moved:
        (group / "cgroup.procs").write_text(str(moved.pid))
    deadline = time.monotonic() + 0.1
    while "populated 0" not in (group / "cgroup.events").read_text() and time.monotonic() < deadline:
        time.sleep(0.001)
    group.rmdir()


def _sweep(parent: Path) -> None:
    """Removes the groups of processes that were killed, which nobody holds."""
    for folder in parent.glob(f"{_PREFIX}*"):
        with suppress(OSError):
            held = os.open(folder, os.O_RDONLY)
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _remove(folder)
            finally:
                os.close(held)


def _remove_as(maker: int, folder: Path) -> None:
    if os.getpid() == maker:  # and not a fork of it, which ends earlier
        _remove(folder)


def _remove(folder: Path) -> None:
    with suppress(OSError):
        for group in folder.iterdir():
            if group.is_dir():
                group.rmdir()
        folder.rmdir()
