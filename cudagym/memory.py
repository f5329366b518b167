"""Memory that the judge and a device's process both see, without copying: one memfd and its mappings."""

from __future__ import annotations

import fcntl
import mmap
import os
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from cudagym.errors import InfrastructureError


class SharedMemory:
    """`size` zeroed bytes behind a memfd, which nobody can shrink. Closing it unmaps and gives the memory back.

    Raises InfrastructureError when the machine has not that much memory.
    """

    def __init__(self, name: str, size: int) -> None:
        self.name, self.size = name, size
        self.fd = os.memfd_create(f"cudagym-{name}", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            os.ftruncate(self.fd, max(size, 1))
            fcntl.fcntl(self.fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)
            self._map = mmap.mmap(self.fd, max(size, 1))
        except OSError as error:
            os.close(self.fd)
            raise InfrastructureError(f"no memory for {name} ({size / 2**20:.0f} MiB): {error.strerror}") from error
        self.bytes: NDArray[np.uint8] = np.frombuffer(self._map, dtype=np.uint8)[:size]

    def close(self) -> None:
        """Idempotent. Views handed out before stay readable until they are dropped."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1
            del self.bytes, self._map

    def __enter__(self) -> SharedMemory:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def map_shared(fd: int, size: int, *, private: bool) -> NDArray[np.uint8]:
    """Another process's view of a SharedMemory, writable. A private one keeps its changes to itself."""
    flags = mmap.MAP_PRIVATE if private else mmap.MAP_SHARED
    mapping = mmap.mmap(fd, max(size, 1), flags=flags, prot=mmap.PROT_READ | mmap.PROT_WRITE)
    return np.frombuffer(mapping, dtype=np.uint8)[:size]
