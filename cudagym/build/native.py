"""Compiles cudagym's own small C programs once per machine and keeps them in the cache."""

from __future__ import annotations

import functools
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from operator import itemgetter
from pathlib import Path

from cudagym.build.cache import Store, key_of
from cudagym.errors import Disturbed, GraderError, InfrastructureError


def native(name: str, sources: Sequence[Path], flags: Sequence[str], extra: Mapping[str, str] | None = None) -> Path:
    """The program `name`, built from C `sources` and the generated files `extra` (name to text).

    Raises InfrastructureError when the machine has no C compiler or no place to keep the program, GraderError when the
    sources do not compile, Disturbed when something killed the compiler.
    """
    texts = {source.name: source.read_text() for source in sources} | dict(extra or {})
    compiler, identity = _compiler()
    parts = [part for item in sorted(texts.items()) for part in item]
    key = key_of("native-2", name, identity, platform.machine(), *flags, "--", *parts)
    store = Store("native")
    if store.read(key, itemgetter(name)) is None:
        store.put(key, {name: _compile(compiler, name, texts, flags)})
        if store.read(key, itemgetter(name)) is None:
            raise InfrastructureError(
                f"cannot keep cudagym's own programs in {store.folder}: free some space there or point CUDAGYM_CACHE "
                "at a folder you can write to"
            )
    return store.path(key, name)


@functools.cache
def _compiler() -> tuple[str, str]:
    """The C compiler, and what tells its versions apart."""
    path = shutil.which("gcc") or shutil.which("cc")
    if path is None:
        raise InfrastructureError("no C compiler was found; install gcc and g++ (Debian: apt install g++)")
    real = Path(path).resolve()
    return path, f"{real} {real.stat().st_mtime_ns} {real.stat().st_size}"


def _compile(compiler: str, name: str, texts: Mapping[str, str], flags: Sequence[str]) -> bytes:
    with tempfile.TemporaryDirectory(prefix="cudagym-native-") as folder:
        for file, text in texts.items():
            (Path(folder) / file).write_text(text)
        units = [file for file in texts if file.endswith(".c")]
        command = [compiler, "-std=gnu11", "-O2", "-Wall", "-o", name, *units, *flags]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace", check=False)
        if done.returncode < 0 or "Killed signal" in done.stderr:
            raise Disturbed(f"{compiler} was killed while it compiled cudagym's own {name}")
        if done.returncode:
            raise GraderError(f"cudagym's own {name} does not compile with {compiler}:\n{done.stderr[-4000:]}")
        return (Path(folder) / name).read_bytes()
