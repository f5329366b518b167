"""Compiled kernels, kept so that a kernel is compiled once."""

from __future__ import annotations

from typing import NamedTuple

from cudagym.build.cache import Store


class Compiled(NamedTuple):
    """A kernel that LLVM has compiled."""

    code: bytes
    """A relocatable object."""
    register_bytes: int
    """That a warp needs for its registers."""


class Objects:
    """Compiled kernels by key, on disk."""

    def get(self, key: str) -> Compiled | None:
        return Store("jit").read(key, lambda files: Compiled(files["kernel.o"], int(files["registers"])))

    def put(self, key: str, compiled: Compiled) -> None:
        Store("jit").put(key, {"kernel.o": compiled.code, "registers": str(compiled.register_bytes).encode()})
