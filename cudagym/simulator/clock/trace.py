"""What `follow` writes down of thread blocks, as Python sees it. See trace.h."""

from __future__ import annotations

import ctypes
from typing import Literal, Protocol

Space = Literal["global", "shared", "local", "constant"]
SPACES: tuple[Space | None, ...] = (None, "global", "shared", "local", "constant")
"""In the order of enum Space."""


class Run(ctypes.Structure):
    """struct Run."""

    _fields_ = [("start", ctypes.c_uint32), ("length", ctypes.c_uint32)]


class Access(ctypes.Structure):
    """struct Access."""

    _fields_ = [
        ("first", ctypes.c_uint32),
        *((name, ctypes.c_uint16) for name in ("lines", "wavefronts", "contention")),
        *((name, ctypes.c_uint8) for name in ("lanes", "bytes")),
    ]


class Warp(ctypes.Structure):
    """struct Warp."""

    _fields_ = [(name, ctypes.c_uint64) for name in ("first_run", "runs", "first_access", "accesses", "instructions")]


class Trace(ctypes.Structure):
    """struct Trace. `runs` is of Run, `accesses` of Access, `lines` of 64-bit words."""

    _fields_ = [
        ("block", ctypes.c_uint32),
        ("warps", ctypes.c_uint32),
        ("warp", ctypes.POINTER(Warp)),
        *((name, ctypes.c_void_p) for name in ("runs", "accesses", "lines")),
        ("whole", ctypes.c_uint32),
    ]


class Traces(Protocol):
    """Traces of several blocks, alive as long as this object."""

    def __len__(self) -> int: ...

    @property
    def records(self) -> ctypes.Array[Trace]:
        """struct Trace, one per block."""
        ...
