"""The executor's box: what a candidate that has taken over the executor's process can still do."""

from __future__ import annotations

import errno
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cudagym.build.program import LaunchPlan, Module, Program
from cudagym.child import Child
from cudagym.device import Limits
from cudagym.errors import Disturbed, GraderError
from cudagym.memory import SharedMemory
from cudagym.simulator import executor
from cudagym.simulator.executor import Executor, Request
from cudagym.simulator.objects import Compiled

ATTEMPTS = """
import ctypes, errno, fcntl, json, mmap, os, resource, signal, socket, sys, threading, time
from cudagym.sandbox import private_user
from cudagym.simulator.enclosure import enclose

home, victim, connection, memory, parent = sys.argv[1], *map(int, sys.argv[2:])
line = socket.socket(fileno=connection)
calls = dict(ptrace=(101, 117), process_vm_readv=(310, 270), prlimit64=(302, 261), prctl=(157, 167), unshare=(272, 97))
calls |= dict(seccomp=(317, 277), io_uring_setup=(425, 425))
libc = ctypes.CDLL(None, use_errno=True)

def call(name, *words):
    number = calls[name][os.uname().machine != "x86_64"]
    if libc.syscall(*map(ctypes.c_long, (number, *words))) < 0:
        raise OSError(ctypes.get_errno(), "")

def thread():
    done = []
    one = threading.Thread(target=done.append, args=(1,))
    one.start()
    one.join()
    assert done

def run_code():
    code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    code[:4] = bytes.fromhex("c3000000" if os.uname().machine == "x86_64" else "c0035fd6")
    ctypes.CFUNCTYPE(None)(ctypes.addressof(ctypes.c_char.from_buffer(code)))()

attempts = {
    "compute": lambda: mmap.mmap(-1, 1 << 20),
    "run code": run_code,
    "thread": thread,
    "map what was handed over": lambda: mmap.mmap(memory, 4096).write(b"x"),
    "read": lambda: open(home + "/.ssh/id_rsa"),
    "read itself": lambda: open("/proc/self/mem", "rb"),
    "read the parent": lambda: open(f"/proc/{parent}/environ"),
    "list": lambda: os.listdir(home),
    "write": lambda: open(home + "/new", "w"),
    "write to /tmp": lambda: open("/tmp/cudagym-new", "w"),
    "write to /dev/shm": lambda: open("/dev/shm/cudagym-new", "w"),
    "look for a file": lambda: os.stat("/etc/passwd"),
    "leave": lambda: os.chdir("/"),
    "delete": lambda: os.unlink(home + "/.ssh/id_rsa"),
    "run a program": lambda: os.execv("/bin/true", ["true"]),
    "fork": lambda: os.fork() or os._exit(0),
    "connect": lambda: socket.socket().connect(("127.0.0.1", 1)),
    "send a datagram": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
    "socket pair": socket.socketpair,
    "kill the parent": lambda: os.kill(parent, 9),
    "kill a neighbour": lambda: os.kill(victim, 9),
    "kill everybody": lambda: os.kill(-1, 9),
    "kill itself": lambda: os.kill(os.getpid(), 9),
    "signal through a descriptor": lambda: fcntl.fcntl(connection, fcntl.F_SETOWN, victim),
    "trace": lambda: call("ptrace", 16, victim, 0, 0),
    "read a neighbour": lambda: call("process_vm_readv", victim, 0, 0, 0, 0, 0),
    "descriptor of a neighbour": lambda: os.pidfd_open(victim),
    "send a descriptor": lambda: socket.send_fds(line, [b"x"], [memory]),
    "shrink what was handed over": lambda: os.truncate(memory, 0),
    "change a limit": lambda: call("prlimit64", 0, resource.RLIMIT_AS, 0, 0),
    "handle a signal": lambda: signal.signal(signal.SIGXCPU, signal.SIG_IGN),
    "outlive the parent": lambda: call("prctl", 1, 0, 0, 0, 0),
    "session": os.setsid,
    "become root": lambda: os.setuid(0),
    "new namespace": lambda: call("unshare", 0x10000000),
    "another filter": lambda: call("seccomp", 1, 0, 0),
    "io_uring": lambda: call("io_uring_setup", 1, 0),
}
def outcome(attempt):
    try:
        attempt()
    except OSError as error:
        return errno.errorcode[error.errno]
    except BaseException as error:
        return repr(error)
    return "done"

enclose(parent=parent, user=private_user())
found = {name: outcome(attempt) for name, attempt in attempts.items()}
found["user"] = os.getuid()
line.sendall(json.dumps(found).encode())
time.sleep(60)
"""


@pytest.fixture(autouse=True)
def single_threaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the executor is started, so that no library begins with threads of its own."""
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.setenv(name, "1")


HARMLESS = {"compute", "run code", "thread", "map what was handed over"}


@pytest.fixture
def taken_over(tmp_path: Path) -> Iterator[dict[str, str | int]]:
    """What came of each attempt by a process in the executor's box."""
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "id_rsa").write_text("secret")
    victim = subprocess.Popen(["/bin/sleep", "60"])
    ours, theirs = socket.socketpair()
    memory = os.memfd_create("memory")
    os.truncate(memory, 4096)
    numbers = [str(number) for number in (victim.pid, theirs.fileno(), memory, os.getpid())]
    one = subprocess.Popen(
        [sys.executable, "-c", ATTEMPTS, str(tmp_path), *numbers], pass_fds=[theirs.fileno(), memory]
    )
    theirs.close()
    ours.settimeout(60)
    try:
        yield json.loads(ours.recv(1 << 16))
        assert one.poll() is None, "it goes on after what it tried"
        assert victim.poll() is None
        assert os.fstat(memory).st_size == 4096
        assert [entry.name for entry in tmp_path.rglob("*")] == [".ssh", "id_rsa"]
    finally:
        for process in (one, victim):
            process.kill()
            process.wait()
        ours.close()
        os.close(memory)


def test_whoever_takes_the_executor_over_stays_in_it(taken_over: dict[str, str | int]) -> None:
    user = taken_over.pop("user")
    assert {name for name, outcome in taken_over.items() if outcome == "done"} == HARMLESS
    refused = {name: outcome for name, outcome in taken_over.items() if name not in HARMLESS}
    assert len(refused) > 30
    assert set(refused.values()) <= {"EPERM", "EACCES", "ENOSYS"}, refused
    if os.getuid() == 0:
        assert user != 0


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="other doors of x86-64")
def test_the_other_doors_of_the_kernel_are_shut(tmp_path: Path) -> None:
    """int 0x80 with the number of the 32-bit getpid, and getpid of the x32 interface."""
    script = """
import ctypes, mmap, os, sys
from cudagym.sandbox import private_user
from cudagym.simulator.enclosure import enclose
code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
code[:8] = bytes.fromhex("b814000000cd80c3")
enter = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))
libc = ctypes.CDLL(None, use_errno=True)
enclose(parent=os.getppid(), user=private_user())
if sys.argv[1] == "x32":
    failed = libc.syscall(ctypes.c_long(0x40000000 + 39)) < 0
    os._exit(ctypes.get_errno() if failed else 0)
enter()
os._exit(0)
"""
    ended = {
        door: subprocess.run([sys.executable, "-c", script, door], check=False).returncode for door in ("x32", "int80")
    }
    assert ended == {"x32": errno.EPERM, "int80": -31}  # SIGSYS


def test_it_ends_with_whoever_started_it() -> None:
    script = """
import os, subprocess, sys
inner = "import os, sys, time; from cudagym.simulator.enclosure import enclose; enclose(parent=os.getppid()); "
inner += "os.write(int(sys.argv[1]), b'x'); time.sleep(60)"
read, write = os.pipe()
child = subprocess.Popen([sys.executable, "-c", inner, str(write)], pass_fds=[write])
os.close(write)
assert os.read(read, 1)
print(child.pid, flush=True)
os.kill(os.getpid(), 9)
"""
    child = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, check=False).stdout
    stat, end = Path(f"/proc/{int(child)}/stat"), time.monotonic() + 10
    while time.monotonic() < end:
        try:
            if stat.read_text().rpartition(")")[2].split()[0] in "ZX":
                return
        except OSError:
            return
        time.sleep(0.02)
    pytest.fail("it goes on")


WITHOUT = """
import ctypes, os, struct, sys
from cudagym.errors import InfrastructureError
from cudagym.simulator.enclosure import enclose
rules = [(0x20, 0, 0, 0), (0x15, 0, 1, int(sys.argv[1])), (0x06, 0, 0, 0x50000 | 38), (0x06, 0, 0, 0x7FFF0000)]
code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *rule) for rule in rules))
program = struct.pack("HxxxxxxQ", len(rules), ctypes.addressof(code))
libc = ctypes.CDLL(None)
assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, program, 0, 0) == 0
said = os.dup(1)
try:
    enclose(parent=os.getppid())
    os.write(said, b"went on")
except InfrastructureError as error:
    os.write(said, str(error).encode())
"""
LANDLOCK_CREATE_RULESET = 444
SECCOMP = 317 if os.uname().machine == "x86_64" else 277


@pytest.mark.parametrize(("lacking", "number"), [("Landlock", LANDLOCK_CREATE_RULESET), ("seccomp", SECCOMP)])
def test_without_landlock_or_seccomp_it_refuses(lacking: str, number: int) -> None:
    """The kernel is made to look like one without by a filter on this very call."""
    command = [sys.executable, "-c", WITHOUT, str(number)]
    refused = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    assert f"cannot shut itself in ({lacking}: Function not implemented)" in refused.stdout
    trusted = subprocess.run(
        command, stdout=subprocess.PIPE, text=True, check=False, env={**os.environ, "CUDAGYM_UNSAFE": "1"}
    )
    assert trusted.stdout == "went on"


def program(ptx: str = "") -> Program:
    module = Module(arch="sm_90a", ptx=ptx, cubin=b"", kernels=())
    return Program(module=module, plan=LaunchPlan(steps=()), shape={}, device="sim:h100")


LIAR = """
import array, socket, sys, time
line = socket.socket(fileno=int(sys.argv[1]))
line.recv(1)
says = bytes.fromhex(sys.argv[2])
held = array.array("i", [0] * 16).tobytes() if says.startswith(b"=") else b""
while True:
    line.sendmsg([says], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, held)] if held else [])
    if sys.argv[3] == "once":
        break
time.sleep(60 * bool(says))
"""


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def message(kind: bytes, body: bytes, length: int | None = None) -> bytes:
    return kind + (len(body) if length is None else length).to_bytes(8, "little") + body


@pytest.mark.parametrize(
    ("says", "often", "complaint"),
    [
        (message(b"=", b"{]"), "once", "talked nonsense"),
        (message(b"=", b"", length=1 << 60), "once", "talked nonsense"),
        (message(b"=", b"{}"), "once", "talked nonsense"),
        (message(b"=", b"[" * 30_000), "once", "talked nonsense"),
        (message(b"x", b""), "once", "talked nonsense"),
        (message(b"?", b"0" * 65), "once", "talked nonsense"),
        (message(b"?", b"../" * 21 + b"."), "once", "talked nonsense"),
        (message(b"?", b"0" * 64), "always", "talked nonsense|no answer within"),
        (message(b"=", b"", length=9), "once", "no answer within"),
        (b"", "once", "died with exit code 0"),
    ],
    ids=["json", "endless", "empty", "deep", "unknown", "short", "path", "questions", "silent", "gone"],
)
def test_a_child_that_lies_is_the_graders_error(
    monkeypatch: pytest.MonkeyPatch, says: bytes, often: str, complaint: str
) -> None:
    def start(_: Child, connection: int) -> subprocess.Popen[bytes]:
        words = [sys.executable, "-I", "-S", "-c", LIAR, str(connection), says.hex(), often]
        return subprocess.Popen(words, pass_fds=[connection])

    monkeypatch.setattr(Child, "_start", start)
    monkeypatch.setattr(executor, "_GRACE_SECONDS", 2.0)
    request = Request(gpu="h100", program=program(), buffers=(), limits=Limits(wall_seconds=1))
    held = open_files()
    judge = Executor()
    with pytest.raises((GraderError, Disturbed), match=complaint):
        judge.run(request)
    judge.close()
    assert open_files() == held  # descriptors that it sends are not taken


def test_code_for_one_program_is_not_found_by_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDAGYM_CACHE", str(tmp_path))
    code, key = Compiled(b"code", 8), "0" * 64
    executor._Shelf(program("add;\n\t.loc\t1 2 3\nret;")).put(key, code)
    assert executor._Shelf(program("add;\n\t.loc\t1 7 3\nret;")).get(key) == code
    for other in ("sub;\n\t.loc\t1 2 3\nret;", "add;\n\t.loc\t1 2 3; sub;\nret;", "add;\nret;"):
        assert executor._Shelf(program(other)).get(key) is None


def test_memory_that_is_handed_over_cannot_shrink() -> None:
    with SharedMemory("x", 1 << 16) as memory, pytest.raises(PermissionError):
        os.ftruncate(memory.fd, 0)
