"""The folder where cudagym keeps what is costly to make, and a content-addressed store inside it.

An entry is a folder of files under a key. It appears whole or not at all (written aside, then renamed), carries
the checksum of every file, and may be used by any number of processes at once. An entry that does not match its
checksums counts as absent and is removed, so a torn or tampered entry costs a rebuild and never a wrong result; so
does one that its reader cannot make sense of. Where nothing can be written (a full disk, a folder of somebody else's),
a store keeps nothing and says so once. The least recently used entries go when a store outgrows its bound.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

_MANIFEST = "checksums.json"
_SWEPT = ".swept"
_SECONDS_BETWEEN_SWEEPS = 600


def cache_dir() -> Path:
    """$CUDAGYM_CACHE, else $XDG_CACHE_HOME/cudagym, else ~/.cache/cudagym. Not created here."""
    if chosen := os.environ.get("CUDAGYM_CACHE"):
        return Path(chosen).absolute()
    if base := os.environ.get("XDG_CACHE_HOME"):
        return Path(base).absolute() / "cudagym"
    return Path.home() / ".cache" / "cudagym"


def key_of(*parts: str | bytes) -> str:
    """A key (64 hex digits) for these parts; `("ab", "c")` and `("a", "bc")` differ."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "little"))
        digest.update(data)
    return digest.hexdigest()


class Store:
    """Entries by key in `cache_dir()/name`, at most about `max_bytes` of them."""

    def __init__(self, name: str, *, max_bytes: int = 2 << 30) -> None:
        self.folder = cache_dir() / name
        self.max_bytes = max_bytes

    def get(self, key: str) -> dict[str, bytes] | None:
        """The files of an intact entry by name; None when it is absent or was damaged."""
        return self.read(key, dict)

    def read(self, key: str, meaning: Callable[[dict[str, bytes]], T]) -> T | None:
        """What `meaning` makes of the files of an intact entry.

        None when it is absent, was damaged, or has another form than `meaning` expects, which then raises a LookupError
        or a ValueError.
        """
        entry = self.folder / key
        try:
            sums = dict(json.loads((entry / _MANIFEST).read_bytes()))
            files = {name: (entry / name).read_bytes() for name in sums}
            if any(hashlib.sha256(data).hexdigest() != sums[name] for name, data in files.items()):
                raise ValueError("a checksum differs")
            found = meaning(files)
        except (OSError, LookupError, ValueError, TypeError):
            if os.path.lexists(entry):
                self._discard(entry)
            return None
        with suppress(OSError):  # the time of last use, for `sweep`
            os.utime(entry / _MANIFEST)
        return found

    def put(self, key: str, files: Mapping[str, bytes]) -> None:
        """Stores an entry if it can. When another process was first, its entry stays (same key, same content)."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            aside = Path(tempfile.mkdtemp(prefix=".new-", dir=self.folder))
            try:
                for name, data in files.items():
                    (aside / name).write_bytes(data)
                    (aside / name).chmod(0o755)  # boxes run some as other users; the folder is closed to them
                sums = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
                (aside / _MANIFEST).write_text(json.dumps(sums))
                with suppress(OSError):  # renaming onto a filled folder fails: someone else's entry stands
                    aside.rename(self.folder / key)
            finally:
                shutil.rmtree(aside, ignore_errors=True)
            if self._sweep_is_due():
                self.sweep()
        except OSError as error:
            self._complain(error)

    def path(self, key: str, name: str) -> Path:
        """Where file `name` of an entry lies. Valid while the entry is not swept; see `get` for its content."""
        return self.folder / key / name

    def _sweep_is_due(self) -> bool:
        """Whether no process has swept for a while; if so, this one is about to."""
        stamp = self.folder / _SWEPT
        with suppress(FileNotFoundError):
            # A stamp of the future was made before the clock was set back.
            if 0 <= time.time() - stamp.stat().st_mtime < _SECONDS_BETWEEN_SWEEPS:
                return False
        stamp.touch()
        return True

    def sweep(self) -> None:
        """Removes the least recently used entries until the store is within its bound again."""
        entries: list[tuple[float, int, Path]] = []
        for entry in self.folder.iterdir():
            with suppress(OSError):
                if entry.name.startswith("."):
                    if entry.is_dir() and entry.stat().st_mtime < time.time() - 3600:
                        shutil.rmtree(entry, ignore_errors=True)  # of a process that was killed half-way
                    continue
                size = sum(file.stat().st_size for file in entry.iterdir())
                entries.append(((entry / _MANIFEST).stat().st_mtime, size, entry))
        total = sum(size for _, size, _ in entries)
        for _, size, entry in sorted(entries):
            if total <= self.max_bytes:
                break
            self._discard(entry)
            total -= size

    def _discard(self, entry: Path) -> None:
        """Takes an entry out of sight in one step, then deletes it."""
        with suppress(OSError):  # another process may have discarded it, or the folder cannot be written
            grave = Path(tempfile.mkdtemp(prefix=".old-", dir=self.folder))
            with suppress(OSError):
                entry.rename(grave / "entry")
            shutil.rmtree(grave, ignore_errors=True)

    def _complain(self, error: OSError) -> None:
        """Says, once per process and place, that nothing is kept here."""
        warnings.warn(
            f"cannot write to the cache folder {self.folder}: {error.strerror}. Work will be done again; free some "
            "space or point CUDAGYM_CACHE at another folder",
            stacklevel=3,
        )
