"""What the stand-in driver is told to do wrong: files in `faults/` of its folder, read by the library and its server.

A file's first word says when: after so many more occasions, then once; or `always`, as a second word says how much.
"""

from __future__ import annotations

from pathlib import Path


class Faults:
    """The faults that a stand-in is asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "faults"

    def ask(self, name: str, after: int | str = 0, value: float = 0.0) -> None:
        """From now on the fault happens `after` so many occasions, or "always"."""
        partial = self.folder / f".{name}"
        partial.write_text(f"{after} {value}")
        partial.rename(self.folder / name)

    def heal(self) -> None:
        """Nothing is asked for any more."""
        for path in self.folder.iterdir():
            path.unlink()

    def asked(self, name: str) -> bool:
        return (self.folder / name).exists()

    def value(self, name: str) -> float:
        """How much of a lasting fault; 0 when nobody asked for it."""
        return float((self.folder / name).read_text().split()[1]) if self.asked(name) else 0.0

    def fires(self, name: str) -> bool:
        """Whether the fault happens at this occasion."""
        path = self.folder / name
        if not path.exists():
            return False
        when = path.read_text().split()[0]
        if when == "always":
            return True
        if int(when) > 0:
            self.ask(name, int(when) - 1)
            return False
        path.unlink()
        return True
