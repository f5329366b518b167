"""Runs untrusted steps (the compiler, a candidate's host code) in a box that ends with them.

A box is a process group of its own with an almost empty environment, no inherited file descriptors, no way to
gain privileges, resource limits and a wall clock. With a `Reach` it opens only the files named there and those of its
private folder, and no connection (Landlock); compilers are held to the system calls that they need (seccomp). Root's
boxes with a reach run as users of their own. When it ends, nothing that it started lives on; when the thread that
called `run_boxed` dies with its process, the box is killed too. `box.c` does the work. The recorder's worker closes
itself further before it loads candidate code.

Where the kernel has no Landlock or seccomp, boxes with a reach do not start, unless $CUDAGYM_UNSAFE says that they may.
"""

from __future__ import annotations

import errno
import fcntl
import functools
import os
import re
import secrets
import selectors
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from cudagym.build.native import native
from cudagym.cgroup import group_of_boxes
from cudagym.errors import Disturbed, GraderError, InfrastructureError
from cudagym.record import Record

SYSTEM_FILES = tuple(
    Path(name)
    for name in (
        *(f"{root}/{folder}" for root in ("/usr", "/usr/local") for folder in ("bin", "lib", "libexec", "include")),
        *("/usr/lib32", "/usr/lib64", "/bin", "/lib", "/lib32", "/lib64", "/etc/ld.so.cache", "/nix/store"),
    )
)
"""Where programs and what they load or include lies: no home folder, no configuration, no data."""
_PREFIX = "cudagym-box-"
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
_FRESH_SECONDS = 60
"""Younger folders may be about to be held by whoever made them."""
_REPORT = re.compile(rb"status=(\d+) cut=(\d) oom=(\d) cpu_us=(\d+) peak_kb=(\d+) wall_us=(\d+)")


class BoxLimits(Record):
    """What one boxed command may use. CPU, memory and open files count per process, the wall clock for all, and where
    boxes with a reach have control groups, memory for all too."""

    wall_seconds: float
    cpu_seconds: int | None = None
    memory_bytes: int | None = None
    """Address space."""
    file_bytes: int | None = None
    """Size of the largest file it may write."""
    open_files: int | None = None


class Reach(Record):
    """What a boxed command reaches beside its private folder, where it reads and writes but runs nothing."""

    files: tuple[Path, ...]
    """Files, and folders with all below them, that it may read and run. Those that are not there are left out."""
    compiler: bool = False
    """Whether it makes only the system calls that compilers make."""


class BoxReport(Record):
    """How a boxed command ended, and what it cost with all its descendants."""

    exit_code: int | None
    """None when a signal ended it."""
    signal: int | None
    timed_out: bool
    """Cut off by the wall clock."""
    out_of_memory: bool
    """Killed because all its processes together went beyond `memory_bytes`, which only a control group counts."""
    cpu_seconds: float
    wall_seconds: float
    peak_bytes: int

    @property
    def over_cpu(self) -> bool:
        return self.signal == signal.SIGXCPU

    @property
    def was_killed(self) -> bool:
        """Not by the box; perhaps by the limit of CPU time, if it ignored the warning."""
        return self.signal == signal.SIGKILL and not self.timed_out and not self.out_of_memory


class BoxResult(BoxReport):
    """How it ended, with what it wrote: `output` to stdout and stderr, `channel` to file descriptor 3."""

    output: bytes
    channel: bytes


def box_command(
    argv: Sequence[str | Path],
    limits: BoxLimits,
    *,
    reach: Reach | None = None,
    report_fd: int,
    channel_fd: int | None = None,
) -> list[str]:
    """The command line that runs `argv` in a box: for callers that cannot wait for it themselves (ninja).

    Its private folder is the one that it is started in. With a reach, `hand_over` that folder first.
    """
    options = {
        "-w": round(limits.wall_seconds * 1000),
        "-c": limits.cpu_seconds,
        "-a": limits.memory_bytes,
        "-f": limits.file_bytes,
        "-n": limits.open_files,
        "-o": channel_fd,
        "-r": report_fd,
    }
    given = [str(word) for item in options.items() if item[1] is not None for word in item]
    if reach:
        given += [word for path in reach.files if path.exists() for word in ("-x", str(path))]
        if group := group_of_boxes():
            given += ["-g", str(group)]
        given += (
            ["-s"] * reach.compiler + ["-p"] * bool(_private_users()) + ["-u"] * bool(os.environ.get("CUDAGYM_UNSAFE"))
        )
    return [str(_box()), *given, "--", *map(str, argv)]


def read_report(text: bytes) -> BoxReport:
    """A box's report.

    Raises InfrastructureError where the kernel lacks what a box needs, GraderError when the box could not start its
    command for another reason, and Disturbed when it was killed.
    """
    found = _REPORT.match(text)
    if lacking := re.match(rb"error=no (Landlock|seccomp) in this kernel", text):
        raise InfrastructureError(
            f"this kernel has no {lacking[1].decode()}, so candidates cannot be kept from this machine's files; use "
            "Linux 5.13 or newer (a container may hide it), or set CUDAGYM_UNSAFE=1 for sources that you trust"
        )
    if not text:
        raise Disturbed("a box was killed")
    if found is None:
        reason = text.decode(errors="replace").partition("\n")[0].removeprefix("error=")
        raise GraderError(f"a box did not run its command: {reason}")
    status, cut, oom, cpu, peak, wall = map(int, found.groups())
    return BoxReport(
        exit_code=os.WEXITSTATUS(status) if os.WIFEXITED(status) else None,
        signal=os.WTERMSIG(status) if os.WIFSIGNALED(status) else None,
        timed_out=bool(cut),
        out_of_memory=bool(oom),
        cpu_seconds=cpu / 1e6,
        wall_seconds=wall / 1e6,
        peak_bytes=peak << 10,
    )


def run_boxed(
    argv: Sequence[str | Path],
    *,
    cwd: Path,
    limits: BoxLimits,
    reach: Reach | None = None,
    stdin: bytes = b"",
    output_bytes: int = 1 << 16,
    channel_bytes: int = 0,
) -> BoxResult:
    """Runs `argv` (an absolute program and its arguments) in a box and waits for its end.

    `cwd` is the step's private folder. At most `output_bytes` of its output and `channel_bytes` of its channel
    are kept, the rest is thrown away; without channel bytes there is no channel.
    Raises what `read_report` raises. Blocks: the box would not outlive the calling thread.
    """
    if reach:
        hand_over(cwd)
    reports, report_fd = os.pipe()
    channels, channel_fd = os.pipe() if channel_bytes else (None, None)
    output, output_fd = os.pipe()
    sources = {output: output_bytes, reports: 4096} | ({channels: channel_bytes} if channels is not None else {})
    with _file_of(stdin) as stdin_fd, _closing(sources):
        with _closing(fd for fd in (report_fd, channel_fd, output_fd) if fd is not None):
            box = subprocess.Popen(
                box_command(argv, limits, reach=reach, report_fd=report_fd, channel_fd=channel_fd),
                cwd=cwd,
                env=environment(cwd),
                stdin=stdin_fd,
                stdout=output_fd,
                stderr=output_fd,
                pass_fds=[fd for fd in (report_fd, channel_fd) if fd is not None],
            )
        try:
            read = _read_all(sources)
        finally:
            box.terminate()  # in vain, except when reading was interrupted
            box.wait()
    report = read_report(read[reports])
    return BoxResult(**report.model_dump(), output=read[output], channel=b"" if channels is None else read[channels])


def environment(folder: Path) -> dict[str, str]:
    """The whole environment of a boxed step whose private folder is `folder`."""
    return {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C", "HOME": str(folder), "TMPDIR": str(folder)}


@contextmanager
def private_folder() -> Iterator[Path]:
    """A new folder that only this user may enter, gone at the end; after a kill, when the next process asks for one.

    Raises InfrastructureError when there is no room for it or for what is written into it.
    """
    _sweep()
    try:
        with tempfile.TemporaryDirectory(prefix=_PREFIX, ignore_cleanup_errors=True) as folder:
            held = os.open(folder, os.O_RDONLY)
            try:
                fcntl.flock(held, fcntl.LOCK_SH)
                yield Path(folder)
            finally:
                os.close(held)
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        raise InfrastructureError(
            f"cannot write to {tempfile.gettempdir()}: {error.strerror}; free some space or set TMPDIR"
        ) from error


@functools.cache
def _sweep() -> None:
    """Once per process: removes the private folders of processes that were killed, which nobody holds."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        try:
            about = folder.stat()
            is_ours = about.st_uid == os.getuid() or about.st_uid in _private_users()
            if not is_ours or time.time() - about.st_mtime < _FRESH_SECONDS:
                continue
            held = os.open(folder, os.O_RDONLY | os.O_NOFOLLOW)
        except OSError:
            continue
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        except OSError:
            pass  # somebody works in it
        finally:
            os.close(held)


def hand_over(folder: Path) -> None:
    """Gives a box's private folder, and the files in it, a user that nothing else runs as, if this process is root."""
    if not _private_users() or folder.stat().st_uid in _private_users():
        return
    user = private_user()
    for path in (folder, *folder.iterdir()):
        os.chown(path, user, user, follow_symlinks=False)


def private_user() -> int:
    """A user (and group) for one box alone, drawn at random; 0 where this process may not run things as other users."""
    users = _private_users()
    return secrets.choice(users) if users else 0


@functools.cache
def _private_users() -> range:
    """Users that are nobody's: none unless this is root with its usual powers over them."""
    status = Path("/proc/self/status").read_text()
    powers = re.search(r"^CapEff:\s*(\w+)", status, re.MULTILINE)
    if os.geteuid() or powers is None or _POWERS & ~int(powers[1], 16):
        return range(0)
    maps = [Path(f"/proc/self/{kind}_map").read_text().splitlines() for kind in ("uid", "gid")]
    for users in _UNUSED_USERS:
        if all(any(_covers(line, users) for line in lines) for lines in maps):
            return users
    return range(0)


def _covers(line: str, users: range) -> bool:
    """Whether a line of a user namespace's map (first inside, first outside, how many) has these users."""
    first, _, count = map(int, line.split())
    return first <= users.start and users.stop <= first + count


_UNUSED_USERS = (range(0x7000_0000, 0x7FFF_FFFE), range(61184, 65520))
"""The first are in nobody's use by systemd's table of users; the second, which small user namespaces have too, it gives
to services while they run."""
_POWERS = 1 << 0 | 1 << 1 | 1 << 3 | 1 << 5 | 1 << 6 | 1 << 7 | 1 << 8
"""CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_KILL, CAP_SETGID, CAP_SETUID and CAP_SETPCAP."""


def describe() -> dict[str, bool]:
    """What boxes do on this machine, for `cudagym doctor`, found out by running some.

    Raises InfrastructureError or GraderError when boxes do not work here.
    """
    with private_folder() as folder:
        limits = BoxLimits(wall_seconds=10, cpu_seconds=1, open_files=64)
        files = [f"/proc/self/{name}" for name in ("stat", "status", "limits", "cgroup", "environ")]
        reach = Reach(files=(*SYSTEM_FILES, Path("/proc")), compiler=True)
        seen = run_boxed(["/bin/cat", *files, "/etc/passwd"], cwd=folder, limits=limits, reach=reach).output
    process, _, rest = seen.partition(b" ")
    return {
        "own_process_group": rest.split()[3:4] == [process],
        "private_environment": f"HOME={folder}\0".encode() in seen,
        "private_user": re.search(rb"^Uid:\t0\t", seen, re.MULTILINE) is None,
        "resource_limits": re.search(rb"Max cpu time +1 ", seen) is not None,
        "no_new_privileges": b"NoNewPrivs:\t1" in seen,
        "system_call_filters": b"Seccomp:\t2" in seen,
        "file_access_rules": b"/etc/passwd: Permission denied" in seen,
        "control_group": (group := group_of_boxes()) is not None and f"{group.name}/".encode() in seen,
    }


_WELCOME = ("control_group",)
"""What a box does as well without: it bounds what bounds for each process leave to be had several times."""


def level(found: Mapping[str, bool]) -> str:
    """What `describe` found, in a sentence: whether sources that nobody vouches for may be graded here."""
    lacking = ", ".join(name.replace("_", " ") for name, holds in found.items() if not holds and name not in _WELCOME)
    return f"partial, without {lacking}: grade only sources that you trust" if lacking else "full: grade any source"


def _box() -> Path:
    here = Path(__file__).parent
    return native("box", [here / "box.c", here / "confine.h"], [])


@contextmanager
def _closing(fds: Mapping[int, int] | Iterator[int]) -> Iterator[None]:
    try:
        yield
    finally:
        for fd in fds:
            os.close(fd)


@contextmanager
def _file_of(data: bytes) -> Iterator[int]:
    """A file in memory to read `data` from: unlike a pipe it cannot block whoever fills it."""
    fd = os.memfd_create("stdin")
    try:
        with open(fd, "wb", closefd=False) as file:
            file.write(data)
        os.lseek(fd, 0, os.SEEK_SET)
        yield fd
    finally:
        os.close(fd)


def _read_all(sources: Mapping[int, int]) -> dict[int, bytes]:
    """Reads every descriptor to its end, keeping at most the given number of bytes of each."""
    kept = {fd: bytearray() for fd in sources}
    with selectors.DefaultSelector() as selector:
        for fd in sources:
            selector.register(fd, selectors.EVENT_READ)
        while selector.get_map():
            for key, _ in selector.select():
                data = os.read(key.fd, 1 << 16)
                if not data:
                    selector.unregister(key.fd)
                kept[key.fd] += data[: sources[key.fd] - len(kept[key.fd])]
    return {fd: bytes(data) for fd, data in kept.items()}
