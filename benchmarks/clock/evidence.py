"""Published rows, the clock's predictions of them, and how near they are."""

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
from rich.progress import track

from benchmarks.clock.cases import HERE, Case, compile_cases
from cudagym.build.program import Program
from cudagym.build.toolchain import find_toolchain
from cudagym.hardware import gpu

FITTED_ON = frozenset({"T01", "T03", "T08", "T10", "T19", "T20", "T47", "T52"})
"""Tables that the constants of model.py without a source were chosen on; the others had no part in it."""


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
    """Every case of the modules beside this one that has a published row."""
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
    # Pairs have no published time.
    rows |= {c.row: Row(c.table, c.row, c.row, "", math.nan, "none", False) for c in cases if c.row not in rows}
    programs = compile_cases(cases, find_toolchain())
    with ProcessPoolExecutor(jobs) as pool:
        waiting = [pool.submit(predict, c, p, rows[c.row]) for c, p in zip(cases, programs, strict=True)]
        return [future.result() for future in track(waiting, description="predicting", transient=True)]


def by_table(found: Iterable[Prediction]) -> dict[str, list[Prediction]]:
    tables: dict[str, list[Prediction]] = {}
    for p in found:
        tables.setdefault(p.case.table, []).append(p)
    return dict(sorted(tables.items()))


def good(found: Iterable[Prediction]) -> list[Prediction]:
    """Those that came to a time."""
    return [p for p in found if not p.error]


def table_score(members: Sequence[Prediction], *, roofline: bool = False) -> Score:
    """Of one table's rows."""
    return score([p.roofline_us if roofline else p.time_us for p in members], [p.row.time_us for p in members])


class Summary(NamedTuple):
    """Figures over several tables. Misses are |ln(predicted / published)|."""

    tables: int
    rows: int
    cards: int
    spearman: float
    """Median over tables."""
    out_of_order: tuple[str, ...]
    """Tables of five or more different times whose rank correlation is under 0.6."""
    absolute_rows: int
    median: float
    """Over the rows whose time counts, not only their order."""
    ninetieth: float
    known: float
    """Median over those of them without tensor cores whose clock the source states."""


def summary(found: Sequence[Prediction]) -> Summary:
    tables = {name: good(members) for name, members in by_table(found).items()}
    tables = {name: members for name, members in tables.items() if members}
    ranks_of = {name: table_score(members).spearman for name, members in tables.items()}
    absolute = [p for members in tables.values() for p in members if p.row.use == "abs"]
    misses = sorted(abs(p.miss) for p in absolute)
    known = [abs(p.miss) for p in absolute if p.case.clock_mhz and p.case.math in ("fp32", "fp64")]
    return Summary(
        tables=len(tables),
        rows=sum(map(len, tables.values())),
        cards=len({p.case.gpu for members in tables.values() for p in members}),
        spearman=statistics.median(value for value in ranks_of.values() if not math.isnan(value)),
        out_of_order=tuple(
            name
            for name, members in tables.items()
            if len({p.row.time_us for p in members}) >= 5 and ranks_of[name] < 0.6
        ),
        absolute_rows=len(absolute),
        median=statistics.median(misses) if misses else math.nan,
        ninetieth=misses[int(0.9 * len(misses))] if misses else math.nan,
        known=statistics.median(known) if known else math.nan,
    )
