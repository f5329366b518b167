"""Boxes: limits hold, output is bounded, and nothing outlives its box."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cudagym.errors import GraderError
from cudagym.sandbox import (
    SYSTEM_FILES,
    BoxLimits,
    BoxResult,
    Reach,
    describe,
    level,
    private_folder,
    private_user,
    run_boxed,
)

LIMITS = BoxLimits(wall_seconds=10, cpu_seconds=1, memory_bytes=256 << 20, file_bytes=1 << 16, open_files=32)


def shell(script: str, folder: Path, limits: BoxLimits = LIMITS, **more: object) -> BoxResult:
    return run_boxed(["/bin/sh", "-c", script], cwd=folder, limits=limits, **more)  # type: ignore[arg-type]


def alive(mark: str) -> bool:
    """Whether a process has `mark` among its arguments."""
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if mark.encode() in entry.read_bytes().split(b"\0"):
                return True
        except OSError:
            continue
    return False


def wait_until(condition: object, seconds: float = 10) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():  # type: ignore[operator]
            return True
        time.sleep(0.02)
    return False


def test_a_box_reports_output_and_exit_code(tmp_path: Path) -> None:
    result = shell("cat; echo two >&2; exit 3", tmp_path, stdin=b"one\n")
    assert (result.exit_code, result.signal, result.timed_out) == (3, None, False)
    assert result.output == b"one\ntwo\n"
    assert 0 < result.cpu_seconds < 1
    assert result.peak_bytes > 0


def test_the_environment_is_almost_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "x")
    names = {line.split(b"=")[0] for line in shell("env", tmp_path).output.splitlines()}
    assert names - {b"PWD", b"SHLVL", b"_"} == {b"PATH", b"LC_ALL", b"HOME", b"TMPDIR"}


def test_no_descriptor_is_inherited(tmp_path: Path) -> None:
    with (tmp_path / "open").open("w") as file:
        os.set_inheritable(file.fileno(), True)
        listing = shell("ls /proc/self/fd", tmp_path).output.split()
    assert listing == [b"0", b"1", b"2", b"3"]  # the last is ls reading the folder


def test_the_channel_is_apart_from_the_output_and_both_are_bounded(tmp_path: Path) -> None:
    script = "head -c 300000 /dev/zero >&3; head -c 300000 /dev/zero; echo done >&2"
    result = shell(script, tmp_path, output_bytes=1000, channel_bytes=2000)
    assert (result.exit_code, len(result.output), len(result.channel)) == (0, 1000, 2000)


@pytest.mark.parametrize(
    ("script", "number"),
    [("while :; do :; done", signal.SIGXCPU), ("head -c 100000 /dev/zero > big; kill -9 $$", signal.SIGKILL)],
)
def test_limits_on_cpu_time_and_files(tmp_path: Path, script: str, number: int) -> None:
    result = shell(script, tmp_path, LIMITS.model_copy(update={"wall_seconds": 120.0}))
    assert result.signal == number
    assert result.over_cpu == (number == signal.SIGXCPU)
    assert not (tmp_path / "big").exists() or (tmp_path / "big").stat().st_size <= 1 << 16


def test_memory_is_limited(tmp_path: Path) -> None:
    command = [sys.executable, "-I", "-S", "-c", "bytearray(1 << 30)"]
    assert b"MemoryError" in run_boxed(command, cwd=tmp_path, limits=LIMITS).output


def test_the_wall_clock_ends_everything_that_was_started(tmp_path: Path) -> None:
    script = "(setsid sleep 98701 &); sleep 98702 & sleep 98703"
    start = time.monotonic()
    result = shell(script, tmp_path, BoxLimits(wall_seconds=0.3))
    assert result.timed_out
    assert time.monotonic() - start < 5
    assert not any(alive(str(mark)) for mark in (98701, 98702, 98703))


def test_orphans_end_with_the_command(tmp_path: Path) -> None:
    assert shell("(setsid sleep 98711 >/dev/null 2>&1 &) ; exit 0", tmp_path).exit_code == 0
    assert not alive("98711")


def test_a_box_dies_with_its_caller(tmp_path: Path) -> None:
    script = f"""
from pathlib import Path
from cudagym.sandbox import BoxLimits, run_boxed
run_boxed(["/bin/sh", "-c", "(setsid sleep 98721 &); sleep 98722"], cwd=Path({str(tmp_path)!r}),
          limits=BoxLimits(wall_seconds=60))
"""
    caller = subprocess.Popen([sys.executable, "-c", script])
    assert wait_until(lambda: alive("98721") and alive("98722"))
    caller.kill()
    caller.wait()
    assert wait_until(lambda: not alive("98721") and not alive("98722"))


def test_an_interrupted_caller_leaves_nothing(tmp_path: Path) -> None:
    script = f"""
from pathlib import Path
from cudagym.sandbox import BoxLimits, run_boxed
run_boxed(["/bin/sleep", "98731"], cwd=Path({str(tmp_path)!r}), limits=BoxLimits(wall_seconds=60))
"""
    caller = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.PIPE)
    assert wait_until(lambda: alive("98731"))
    caller.send_signal(signal.SIGINT)
    _, error = caller.communicate(timeout=10)
    assert b"KeyboardInterrupt" in error
    assert wait_until(lambda: not alive("98731"))


def test_a_command_that_cannot_start_is_the_graders_error(tmp_path: Path) -> None:
    with pytest.raises(GraderError, match="No such file"):
        run_boxed([tmp_path / "absent"], cwd=tmp_path, limits=LIMITS)


REACH = Reach(files=SYSTEM_FILES, compiler=True)


def test_a_reach_is_all_that_a_box_opens(tmp_path: Path) -> None:
    secret, own = tmp_path / "secret", tmp_path / "own"
    secret.write_text("xyzzy")
    own.mkdir()
    script = "echo mine > a; cat a; cat ../secret; ls ..; echo > ../b; echo > /tmp/cudagym-b; cat /proc/self/environ"
    said = shell(script, own, reach=REACH).output
    assert said.startswith(b"mine\n")
    assert b"xyzzy" not in said
    assert len(said.splitlines()) == 6
    assert not (tmp_path / "b").exists()
    assert not Path("/tmp/cudagym-b").exists()
    assert b"xyzzy" in shell("cat ../secret", own, reach=Reach(files=(*SYSTEM_FILES, secret))).output


def test_what_a_box_writes_it_cannot_run(tmp_path: Path) -> None:
    script = "cp /bin/true here; ./here"
    assert shell(script, tmp_path).exit_code == 0
    assert shell(script, tmp_path, reach=REACH).exit_code == 126


@pytest.mark.parametrize(
    "attempt",
    [
        "socket.socket()",
        "socket.socket(socket.AF_UNIX)",
        "os.kill(os.getppid(), 0)",
        "os.setsid()",
        "os.memfd_create('x')",
        "os.setuid(1)",
        "resource.prlimit(os.getppid(), resource.RLIMIT_CPU)",
    ],
)
def test_a_compiler_makes_no_calls_but_a_compilers(tmp_path: Path, attempt: str) -> None:
    files = (*SYSTEM_FILES, Path(sys.base_prefix))
    command = [os.path.realpath(sys.executable), "-I", "-S", "-c", f"import os, resource, socket; {attempt}"]
    limits = BoxLimits(wall_seconds=10)
    said = run_boxed(command, cwd=tmp_path, limits=limits, reach=Reach(files=files, compiler=True)).output
    assert b"OSError: [Errno 38]" in said or b"PermissionError" in said


@pytest.mark.skipif(not private_user(), reason="only root may run boxes as other users")
def test_roots_boxes_have_users_of_their_own(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("one", "two")]
    users = set()
    for folder in folders:
        folder.mkdir(mode=0o700)
        (folder / "given").write_text("mine\n")
        said = shell("id -u; cat given; echo more >> given; grep CapEff /proc/self/status", folder, reach=PROC).output
        user, given, powers = said.split(maxsplit=2)
        users.add(int(user))
        assert given == b"mine"
        assert int(powers.split()[1], 16) in (2, 4)  # to read what folders hide, within its reach
        assert (folder / "given").read_text() == "mine\nmore\n"
    assert len(users) == 2
    assert 0 not in users
    assert {folder.stat().st_uid for folder in folders} == users


PROC = Reach(files=(*SYSTEM_FILES, Path("/proc")))
WITHOUT_LANDLOCK = """
import ctypes, struct, sys
from pathlib import Path
from cudagym.sandbox import SYSTEM_FILES, BoxLimits, Reach, run_boxed
rules = [(0x20, 0, 0, 0), (0x15, 0, 1, 444), (0x06, 0, 0, 0x50000 | 38), (0x06, 0, 0, 0x7FFF0000)]
code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *rule) for rule in rules))
program = struct.pack("HxxxxxxQ", len(rules), ctypes.addressof(code))
libc = ctypes.CDLL(None)
assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, program, 0, 0) == 0
reach = Reach(files=SYSTEM_FILES, compiler=True)
print(run_boxed(["/bin/echo", "ran"], cwd=Path(sys.argv[1]), limits=BoxLimits(wall_seconds=9), reach=reach).output)
"""


def test_without_landlock_nothing_runs_but_what_is_trusted(tmp_path: Path) -> None:
    """The kernel is made to look like one without it by a filter on this very call."""
    command = [sys.executable, "-c", WITHOUT_LANDLOCK, str(tmp_path)]
    refused = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "InfrastructureError: this kernel has no Landlock" in refused.stderr
    trusted = subprocess.run(
        command, capture_output=True, text=True, check=True, env={**os.environ, "CUDAGYM_UNSAFE": "1"}
    )
    assert "ran" in trusted.stdout


def test_private_folders_are_private_and_go() -> None:
    with private_folder() as folder:
        assert folder.stat().st_mode & 0o777 == 0o700
    assert not folder.exists()


KILLED = """
import os, sys
from cudagym.sandbox import private_folder
with private_folder() as folder:
    (folder / "file").touch()
    os.utime(folder, (0, 0))
    print(folder, flush=True)
    sys.stdin.read()
"""


def test_folders_of_the_killed_go_and_those_in_use_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    command = [sys.executable, "-c", KILLED]
    killed, alive = (
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)
    )
    with killed, alive:
        left, used = (Path(worker.stdout.readline().strip()) for worker in (killed, alive) if worker.stdout)
        killed.kill()
        killed.wait()
        assert left.is_dir()
        subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)
        assert not left.exists()
        assert (used / "file").exists()
    assert list(tmp_path.iterdir()) == []


def test_the_doctor_hears_what_the_box_does() -> None:
    found = describe()
    assert found["no_new_privileges"]
    assert found["system_call_filters"]
    assert found["file_access_rules"]
    assert found["private_user"]
    assert level(found).startswith("full")
    assert "without file access rules" in level({**found, "file_access_rules": False})
