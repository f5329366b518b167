"""The box of the executor: a process shuts itself in once it has loaded what it needs. enclosure.c does the work."""

from __future__ import annotations

import ctypes
import os
from functools import cache
from pathlib import Path

from cudagym.build.native import native
from cudagym.errors import InfrastructureError


def enclose(*, parent: int, user: int = 0) -> None:
    """Leaves this process its memory, its threads and the descriptors that it has; it ends with its parent.

    Call it with a single thread, before what is not trusted. As root, `user` becomes its user unless 0. What it prints
    from now on is lost. Raises InfrastructureError where the kernel lacks what this needs; $CUDAGYM_UNSAFE forgives it.
    """
    library = enclosure()
    if len(list(Path("/proc/self/task").iterdir())) > 1:  # Landlock holds the thread that asks for it
        raise InfrastructureError("the executor cannot shut itself in: a library that it loads has started a thread")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (1, 2):
        os.dup2(nowhere, stream)
    os.close(nowhere)
    lacking = library.enclose(user, parent, bool(os.environ.get("CUDAGYM_UNSAFE")))
    if lacking:
        raise InfrastructureError(
            f"the executor cannot shut itself in ({lacking.decode()}: {os.strerror(ctypes.get_errno())}); use Linux "
            "5.13 or newer (a container may hide it), or set CUDAGYM_UNSAFE=1 for sources that you trust"
        )


@cache
def enclosure() -> ctypes.CDLL:
    """The C library, built when the cache has none. Raises InfrastructureError without a C compiler."""
    here = Path(__file__).parent
    sources = [here / "enclosure.c", here.parent / "confine.h"]
    library = ctypes.CDLL(str(native("enclosure.so", sources, ["-fPIC", "-shared"])), use_errno=True)
    library.enclose.argtypes, library.enclose.restype = [ctypes.c_uint, ctypes.c_int, ctypes.c_int], ctypes.c_char_p
    return library
