"""Endurance: what one process uses up over thousands of verdicts, none of them from the cache of verdicts.

    python tests/faults/endurance.py [--verdicts 5000] [--sources 500] [--minutes 60]

Grades the same candidates (good, hostile and broken, checked on every shape and timed on a small one) round after
round, with another seed each time, and prints after every so many verdicts what there is of processes, descriptors,
files and memory. The table goes into docs/integrity.md.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
sys.path += [str(HERE), str(HERE.parent / "redteam")]

from rich.console import Console  # noqa: E402
from soak import candidates  # noqa: E402
from test_attacks import SLOW  # noqa: E402
from victims import descendants, executor  # noqa: E402

from cudagym.grader import Grader  # noqa: E402
from cudagym.specs import get  # noqa: E402
from cudagym.specs.spec import KernelSpec  # noqa: E402

REPORT = HERE.parents[1] / "docs" / "integrity.md"
BEGIN, END = "<!-- endurance.py writes from here -->\n", "<!-- to here -->"
GROUP = 20


class Footprint(NamedTuple):
    """What there is of everything at one moment, between two groups of candidates."""

    verdicts: int
    processes: int
    threads: int
    descriptors: int
    """Of the grader and its executors."""
    temporary: int
    """Files and folders in the folder for temporary files, and in /dev/shm."""
    cached: int
    """Files in the cache folder."""
    cache_mib: int
    grader_mib: int
    """Resident memory."""
    executors_mib: int

    @classmethod
    def now(cls, verdicts: int, cache: Path, temporary: Path) -> Footprint:
        below = list(descendants(os.getpid()))
        executors = [pid for pid in below if executor(pid)]
        files = [file for file in cache.rglob("*") if file.is_file()]
        return cls(
            verdicts,
            1 + len(below),
            len(list(Path("/proc/self/task").iterdir())),
            sum(len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in [os.getpid(), *executors]),
            len(list(temporary.rglob("*"))) + len(list(Path("/dev/shm").iterdir())),
            len(files),
            sum(file.stat().st_size for file in files) >> 20,
            _resident(os.getpid()),
            sum(map(_resident, executors)),
        )


def _resident(pid: int) -> int:
    """MiB."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") >> 20


def sources(count: int) -> list[tuple[KernelSpec, str]]:
    """Candidates of all kinds but those that take long to refuse; their specs' timed shapes are made small."""
    quick = [one for one in candidates(0, 2000) if one.name not in SLOW]
    chosen = random.Random(0).sample(quick, count)
    return [(_small(get(one.spec)), one.source) for one in chosen]


def _small(spec: KernelSpec) -> KernelSpec:
    return spec.model_copy(update={"timing_shape": spec.check_shapes[-1]})


def measure(options: argparse.Namespace, folder: Path) -> Iterator[Footprint]:
    """Grades and looks, until enough verdicts are there or time is up."""
    items = sources(options.sources)
    until, done = time.monotonic() + 60 * options.minutes, 0
    with Grader("sim:h100", cached=False) as grader:
        while done < options.verdicts and time.monotonic() < until:
            start = done % len(items)
            group = items[start : start + GROUP]
            done += len(grader.grade_many(group, seed=done // len(items)))
            if done % options.every < GROUP:
                yield Footprint.now(done, folder / "cache", folder / "temporary")


def table(footprints: list[Footprint]) -> str:
    """The first row, and one for every tenth of the way."""
    titles = "verdicts | processes | threads | descriptors | temporary files | files in the cache | MiB of cache"
    titles += " | MiB of the grader | MiB of executors"
    chosen = {0, *(len(footprints) * tenth // 10 - 1 for tenth in range(1, 11))} - {-1}
    rows = [" | ".join(map(str, footprints[number])) for number in sorted(chosen)]
    return "".join(f"| {row} |\n" for row in [titles, " | ".join(["---:"] * len(Footprint._fields)), *rows])


def main() -> None:
    parser = argparse.ArgumentParser(description="Prints what a process uses up over thousands of verdicts.")
    parser.add_argument("--verdicts", type=int, default=5000)
    parser.add_argument("--sources", type=int, default=500)
    parser.add_argument("--every", type=int, default=100, help="verdicts between two looks")
    parser.add_argument("--minutes", type=float, default=60.0)
    options = parser.parse_args()
    console = Console(width=140)
    footprints = []
    with tempfile.TemporaryDirectory(prefix="cudagym-endurance-") as name:
        folder = Path(name)
        (folder / "temporary").mkdir()
        os.environ["CUDAGYM_CACHE"] = str(folder / "cache")
        os.environ["TMPDIR"] = tempfile.tempdir = str(folder / "temporary")
        for footprint in measure(options, folder):
            footprints.append(footprint)
            console.print(f"{time.strftime('%H:%M:%S')} {footprint}", highlight=False)
    text = table(footprints)
    console.print(text, highlight=False)
    before, _, rest = REPORT.read_text().partition(BEGIN)
    REPORT.write_text(before + BEGIN + "\n" + text + "\n" + END + rest.partition(END)[2])


if __name__ == "__main__":
    main()
