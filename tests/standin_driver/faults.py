"""What the stand-in driver is told to do wrong: files in `faults/` of its folder, read by the library and its server.

A file's first word says after how many more occasions: `3` at the fourth only, `3+` from then on. The second says how
much.
"""

from __future__ import annotations

from pathlib import Path


class Faults:
    """The faults that a stand-in is asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "faults"

    def ask(self, name: str, after: int = 0, *, lasting: bool = False, value: float = 0.0) -> None:
        """The fault shall happen after so many occasions, once or from then on."""
        self._write(name, f"{after}{'+' * lasting} {value}")

    def _write(self, name: str, text: str) -> None:
        partial = self.folder.parent / f"{name}.partial"
        partial.write_text(text)
        partial.rename(self.folder / name)

    def heal(self) -> None:
        """Nothing is asked for any more."""
        for path in self.folder.iterdir():
            path.unlink()

    def asked(self, name: str) -> bool:
        return (self.folder / name).exists()

    def value(self, name: str) -> float:
        """How much was asked for; 0 when it was not."""
        return float((self.folder / name).read_text().split()[1]) if self.asked(name) else 0.0

    def fires(self, name: str) -> bool:
        """Whether the fault happens at this occasion."""
        path = self.folder / name
        if not path.exists():
            return False
        when, value = path.read_text().split()
        left = int(when.removesuffix("+"))
        if left > 0:
            self._write(name, f"{left - 1}{'+' * when.endswith('+')} {value}")
        elif not when.endswith("+"):
            path.unlink()
        return left <= 0
