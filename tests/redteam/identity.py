"""Runs a command as somebody else: who grades is not always root on a machine of his own.

    python tests/redteam/identity.py "a user in a container" command...

Only root can become all of these. A container here is what container engines leave a process: a part of root's powers,
and a system-call filter that refuses namespaces, mounts, keys, tracing of the kernel and other machines' business.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import shutil
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

from cudagym.build.cache import cache_dir

USER = 54321
IDENTITIES = ("root", "root in a container", "a user", "a user in a container")
_KEPT_POWERS = (0, 1, 3, 4, 5, 6, 7, 8, 10, 13, 18, 27, 29, 31)
"""chown, dac_override, fowner, fsetid, kill, setgid, setuid, setpcap, net_bind_service, net_raw, sys_chroot, mknod,
audit_write and setfcap: what Docker leaves root."""
# fmt: off
_REFUSED = {
    "x86_64": (
        165, 166, 155, 272, 308, 428, 429, 430, 431, 432, 433, 442,  # mounts and namespaces
        248, 249, 250, 298, 321, 323, 304, 175, 313, 176, 246, 320, 169, 167, 168,  # keys, perf, bpf, modules
        425, 426, 427, 310, 311, 312, 163, 164, 170, 171, 179, 103, 159, 305, 227,  # io_uring, processes, clocks
    ),
    "aarch64": (
        40, 39, 41, 97, 268, 428, 429, 430, 431, 432, 433, 442,
        217, 218, 219, 241, 280, 282, 265, 105, 273, 106, 104, 294, 142, 224, 225,
        425, 426, 427, 270, 271, 272, 89, 170, 161, 162, 60, 116, 171, 266, 112,
    ),
}
# fmt: on
_CLONE = {"x86_64": (56, 435), "aarch64": (220, 435)}
_NEW_NAMESPACES = 0x7E020000
_libc = ctypes.CDLL(None, use_errno=True)


def become(identity: str) -> None:
    """Turns this process into one of IDENTITIES, with a home and a cache folder of its own. Takes root for all."""
    home = Path(tempfile.mkdtemp(prefix="cudagym-identity-"))
    if (native := cache_dir() / "native").is_dir():  # saves compiling it anew
        shutil.copytree(native, home / "cache" / "native", ignore=shutil.ignore_patterns(".*"))
    os.environ |= {"HOME": str(home), "CUDAGYM_CACHE": str(home / "cache"), "TMPDIR": str(home)}
    is_user, is_contained = "user" in identity, "container" in identity
    if is_user:
        _make_reachable(Path(sys.base_prefix))
        for path in (home, *home.rglob("*")):
            os.chown(path, USER, USER)
    if is_contained:
        _enter_container()
    if is_user:
        os.setgroups([])
        os.setresgid(USER, USER, USER)
        os.setresuid(USER, USER, USER)


def _make_reachable(prefix: Path) -> None:
    """Where Python lies in a closed folder, shows others that folder with nothing but Python in it, in a mount
    namespace of its own."""
    closed = next((folder for folder in reversed(prefix.parents) if not folder.stat().st_mode & 0o001), None)
    if closed is None:
        return
    if _libc.unshare(0x20000):  # CLONE_NEWNS
        raise OSError(ctypes.get_errno(), "unshare")
    held = os.open(prefix, os.O_PATH)
    _mount(b"none", b"/", None, 1 << 18 | 1 << 14, None)  # MS_PRIVATE, MS_REC: others go on seeing what was there
    _mount(b"tmpfs", os.fsencode(closed), b"tmpfs", 0, b"mode=755")
    prefix.mkdir(parents=True)
    _mount(b"/proc/self/fd/%d" % held, os.fsencode(prefix), None, 1 << 12, None)  # MS_BIND
    os.close(held)


def _mount(*words: bytes | int | None) -> None:
    if _libc.mount(*words):
        raise OSError(ctypes.get_errno(), "mount")


def _enter_container() -> None:
    for power in range(41):
        if power not in _KEPT_POWERS:
            _libc.prctl(24, power, 0, 0, 0)  # PR_CAPBSET_DROP
    machine = platform.machine()
    load, equal, any_bit, give = 0x20, 0x15, 0x45, 0x06
    refuse, allow = (give, 0, 0, 0x50000 | errno.EPERM), (give, 0, 0, 0x7FFF0000)
    clone, clone3 = _CLONE[machine]
    rules = [(load, 0, 0, 0)]
    for call in _REFUSED[machine]:
        rules += [(equal, 0, 1, call), refuse]
    rules += [(equal, 0, 1, clone3), (give, 0, 0, 0x50000 | errno.ENOSYS)]
    rules += [(equal, 0, 3, clone), (load, 0, 0, 16), (any_bit, 0, 1, _NEW_NAMESPACES), refuse, allow]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *rule) for rule in rules))
    if _libc.prctl(22, 2, struct.pack("HxxxxxxQ", len(rules), ctypes.addressof(code)), 0, 0):
        raise OSError(ctypes.get_errno(), "seccomp")
    kept = sum(1 << power for power in _KEPT_POWERS)
    if _libc.capset(struct.pack("Ii", 0x20080522, 0), struct.pack("6I", kept, kept, 0, 0, 0, 0)):
        raise OSError(ctypes.get_errno(), "capset")


if __name__ == "__main__":
    become(sys.argv[1])
    done = subprocess.run(sys.argv[2:], check=False)
    shutil.rmtree(os.environ["HOME"], ignore_errors=True)
    sys.exit(done.returncode)
