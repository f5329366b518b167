"""How near the clock's predictions are to published times: `make clock`, or `python -m benchmarks.clock --table T01`.

Every case is predicted and held against its row. Per table: Spearman's rank correlation, median and worst
|ln(predicted / published)|, and the same for a plain roofline (least bytes at the datasheet's bandwidth, or operations
at the peak, whichever takes longer). Without `--table` the page docs/clock.md gets its table and plot.
"""

from __future__ import annotations

import csv
import importlib
import math
import statistics
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from typing import NamedTuple

import numpy as np
import tyro
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.clock.cases import HERE, Case, compile_cases
from cudagym.build.program import Program
from cudagym.build.toolchain import find_toolchain
from cudagym.hardware import gpu


class Row(NamedTuple):
    """A published row."""

    table: str
    id: str
    kernel: str
    problem: str
    time_us: float
    use: str
    library: bool


class Prediction(NamedTuple):
    """A case, its row, and what the clock says of it."""

    case: Case
    row: Row
    time_us: float
    roofline_us: float
    limit: str
    seconds: float
    """That the prediction took."""
    error: str = ""

    @property
    def miss(self) -> float:
        """ln(predicted / published)."""
        return math.log(self.time_us / self.row.time_us)


class Score(NamedTuple):
    """How well predictions of one table's rows did."""

    rows: int
    spearman: float
    median: float
    worst: float


def published() -> dict[str, Row]:
    """All rows, by id."""
    with (HERE / "published.csv").open() as file:
        return {
            line["id"]: Row(
                line["table"],
                line["id"],
                line["kernel"],
                line["problem"],
                float(line["time_us"] or "nan"),
                line["use"],
                line["library"] == "True",
            )
            for line in csv.DictReader(file)
        }


@cache
def all_cases() -> tuple[Case, ...]:
    """Every case of the modules beside this one."""
    names = sorted(path.stem for path in HERE.glob("*.py") if path.with_suffix(".cu").exists())
    modules = (importlib.import_module(f"benchmarks.clock.{name}") for name in names)
    return tuple(case for module in modules for case in getattr(module, "CASES", ()))


def ranks(values: Sequence[float]) -> np.ndarray:
    """Ranks from 0, the mean rank for equal values."""
    array = np.asarray(values)
    return np.array([(array < v).sum() + ((array == v).sum() - 1) / 2 for v in array])


def spearman(predicted: Sequence[float], measured: Sequence[float]) -> float:
    """Rank correlation; nan where one side has no order."""
    a, b = ranks(predicted), ranks(measured)
    if len(a) < 2 or a.std() == 0 or b.std() == 0:
        return math.nan
    return float(np.corrcoef(a, b)[0, 1])


def score(predicted: Sequence[float], measured: Sequence[float]) -> Score:
    misses = [abs(math.log(p / m)) for p, m in zip(predicted, measured, strict=True)]
    return Score(len(misses), spearman(predicted, measured), statistics.median(misses), max(misses))


def roofline_us(case: Case) -> float:
    card = gpu(case.gpu)
    math_mode = case.math if case.math in card.peak_tflops else "fp32"
    return max(case.least_bytes / card.bandwidth, case.flops / card.peak_flops(math_mode)) * 1e6


def predict(case: Case, program: Program, row: Row) -> Prediction:
    from benchmarks.clock.prediction import predicted

    start = time.perf_counter()
    try:
        kernels = predicted(case, program)
        time_us, error = sum(kernel.time_us for kernel in kernels), ""
        limit = max(kernels, key=lambda kernel: kernel.time_us).limiters[0].name
    except Exception as problem:
        time_us, limit, error = math.nan, "", f"{type(problem).__name__}: {problem}"
    return Prediction(case, row, time_us, roofline_us(case), limit, time.perf_counter() - start, error)


def predictions(cases: Sequence[Case], jobs: int) -> list[Prediction]:
    """All predictions, in the order of the cases."""
    rows = published()
    programs = compile_cases(cases, find_toolchain())
    with ProcessPoolExecutor(jobs) as pool:
        waiting = [pool.submit(predict, c, p, rows[c.row]) for c, p in zip(cases, programs, strict=True)]
        return [future.result() for future in track(waiting, description="predicting", transient=True)]


def by_table(found: Iterable[Prediction]) -> dict[str, list[Prediction]]:
    tables: dict[str, list[Prediction]] = {}
    for p in found:
        tables.setdefault(p.case.table, []).append(p)
    return dict(sorted(tables.items()))


def rows_table(found: Sequence[Prediction]) -> Table:
    shown = Table(
        "row", "kernel", "problem", "GPU", "published us", "predicted us", "ratio", "roofline us", "limit", "s"
    )
    for p in found:
        shown.add_row(
            p.row.id,
            p.row.kernel[:44],
            p.row.problem[:24],
            p.case.gpu,
            f"{p.row.time_us:.1f}",
            f"{p.time_us:.1f}",
            p.error[:60] or f"{p.time_us / p.row.time_us:.2f}",
            f"{p.roofline_us:.1f}",
            p.limit,
            f"{p.seconds:.1f}",
        )
    return shown


def tables_table(found: Sequence[Prediction]) -> Table:
    shown = Table("table", "GPU", "rows", "Spearman", "median |ln|", "worst", "roofline: Spearman", "median", "worst")
    scores: list[tuple[Score, Score]] = []
    for name, members in by_table(found).items():
        good = [p for p in members if not p.error]
        if not good:
            continue
        measured = [p.row.time_us for p in good]
        ours, plain = score([p.time_us for p in good], measured), score([p.roofline_us for p in good], measured)
        scores.append((ours, plain))
        cards = sorted({p.case.gpu for p in good})
        shown.add_row(
            name,
            cards[0] if len(cards) == 1 else f"{len(cards)} cards",
            str(ours.rows),
            f"{ours.spearman:.3f}",
            f"{ours.median:.3f}",
            f"{ours.worst:.2f}",
            f"{plain.spearman:.3f}",
            f"{plain.median:.3f}",
            f"{plain.worst:.2f}",
        )
    if scores:
        shown.add_section()
        cells = [
            f"{statistics.median(values):.3f}" if (values := [v for v in columns if not math.isnan(v)]) else ""
            for k in (0, 1)
            for columns in zip(*((s[k].spearman, s[k].median, s[k].worst) for s in scores), strict=True)
        ]
        shown.add_row("median", "", str(sum(s[0].rows for s in scores)), *cells)
    return shown


def main(table: tuple[str, ...] = (), rows: bool = False, jobs: int = 2, limit: int = 0) -> None:
    """Predicts every case, or those of some tables, and prints how near they are.

    Args:
        table: tables to take, all unless given.
        rows: print each row too.
        jobs: processes to use.
        limit: take only so many rows of each table.
    """
    console = Console(width=180)
    cases = [case for case in all_cases() if not table or case.table in table]
    if limit:
        cases = [c for name in {c.table for c in cases} for c in [x for x in cases if x.table == name][:limit]]
    found = predictions(cases, jobs)
    if rows:
        for members in by_table(found).values():
            console.print(rows_table(members))
    console.print(tables_table(found))
    for p in found:
        if p.error:
            console.print(f"[red]{p.row.id}[/red] {p.error}")


if __name__ == "__main__":
    tyro.cli(main)
