"""How near the clock's predictions are to published times: `make clock`, or `python -m benchmarks.clock --table T01`.

Every case is predicted and held against its row, beside a plain roofline (least bytes at the datasheet's bandwidth, or
operations at the peak, whichever takes longer). Pairs of kernels that differ in one cause follow: there the order
counts. Without `--table` the figures and the plot go into docs/clock.md.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import tyro
from rich.console import Console
from rich.table import Table

from benchmarks.clock.evidence import (
    FITTED_ON,
    Prediction,
    all_cases,
    by_table,
    good,
    predictions,
    summary,
    table_score,
)
from benchmarks.clock.pairs import PAIRS, Pair
from benchmarks.clock.plot import scatter

PAGE = Path(__file__).parents[2] / "docs" / "clock.md"
BEGIN, END = "<!-- written by make clock -->\n", "<!-- until here -->\n"
KINDS = {
    "sgemm": "fp32 products",
    "sgemm_guarded": "fp32 products",
    "matmul": "fp32 products",
    "tensor_gemm": "tensor-core products",
    "attention": "attention",
    "attention_fp32": "attention",
    "reduction": "sums and scans",
    "scan": "sums and scans",
    "transpose": "copies and transposes",
    "copy": "copies and transposes",
}
"""By source; the rest is elementwise work and norms."""

Row = tuple[str, ...]
COLUMNS: Row = ("table", "cards", "rows", "Spearman", "median", "worst", "roofline: Spearman", "median", "worst")


def table_rows(found: Sequence[Prediction]) -> list[Row]:
    """One row per table, in the columns above; misses as factors."""
    rows = []
    for name, members in by_table(found).items():
        if not (usable := good(members)):
            continue
        ours, plain = table_score(usable), table_score(usable, roofline=True)
        cards = sorted({p.case.gpu for p in usable})
        figures = [
            cell
            for each in (ours, plain)
            for cell in (_number(each.spearman), _factor(each.median), _factor(each.worst))
        ]
        fitted = "*" if name in FITTED_ON else ""
        rows.append((name + fitted, cards[0] if len(cards) == 1 else f"{len(cards)} cards", str(len(usable)), *figures))
    return rows


def summary_rows(found: Sequence[Prediction]) -> list[Row]:
    """What the figures come to: over all rows, over tables that nothing was fitted on, over cards that nothing was."""
    fitted_cards = {p.case.gpu for p in found if p.case.table in FITTED_ON}
    parts = (
        found,
        [p for p in found if p.case.table not in FITTED_ON],
        [p for p in found if p.case.gpu not in fitted_cards],
    )
    sums = [summary(part) for part in parts if good(part)]
    return [
        ("tables", *(str(s.tables) for s in sums)),
        ("rows", *(str(s.rows) for s in sums)),
        ("cards", *(str(s.cards) for s in sums)),
        ("Spearman, median over tables", *(_number(s.spearman) for s in sums)),
        ("tables under 0.6", *(", ".join(s.out_of_order) or "none" for s in sums)),
        ("rows whose time counts, not only their order", *(str(s.absolute_rows) for s in sums)),
        ("median miss of these, as a factor", *(_factor(s.median) for s in sums)),
        ("nine in ten of these within", *(_factor(s.ninetieth) for s in sums)),
        ("median miss without tensor cores at a stated clock", *(_factor(s.known) for s in sums)),
    ]


def summary_columns(rows: Sequence[Row]) -> Row:
    return ("", "all", "tables without a part in the fit", "cards without a part in it")[: len(rows[0])]


def pair_rows(pairs: Sequence[Pair], found: Sequence[Prediction]) -> list[Row]:
    """The cause, both times, and how much slower the slow one is said to be."""
    rows = []
    for pair, slow, fast in zip(pairs, found[::2], found[1::2], strict=True):
        times = (f"{slow.time_us:,.1f}", f"{fast.time_us:,.1f}", f"{slow.time_us / fast.time_us:.2f}")
        rows.append((pair.cause, *times))
    return rows


PAIR_COLUMNS: Row = ("cause", "slow, us", "fast, us", "slow / fast")


def _number(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.2f}"


def _factor(miss: float) -> str:
    return "" if math.isnan(miss) else f"{math.exp(miss):.2f}"


def shown(columns: Row, rows: Sequence[Row], title: str = "") -> Table:
    """As the terminal shows it."""
    table = Table(*columns, title=title)
    for row in rows:
        table.add_row(*row)
    return table


def markdown(columns: Row, rows: Sequence[Row]) -> str:
    lines = [columns, ("---",) * len(columns), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def case_rows(found: Sequence[Prediction]) -> list[Row]:
    """Every case of a table with its limit."""
    return [
        (
            p.row.id,
            p.row.kernel[:48],
            p.row.problem[:24],
            p.case.gpu,
            f"{p.row.time_us:,.1f}",
            f"{p.time_us:,.1f}",
            p.error[:60] or f"{p.time_us / p.row.time_us:.2f}",
            p.limit,
            f"{p.seconds:.1f}",
        )
        for p in found
    ]


def write_page(found: Sequence[Prediction], pairs: Sequence[Row]) -> None:
    """Puts tables and plot into docs/clock.md."""
    groups: dict[str, list[tuple[float, float]]] = {}
    for p in good(found):
        if p.row.use == "abs":
            kind = KINDS.get(Path(p.case.source).stem, "elementwise and norms")
            groups.setdefault(kind, []).append((p.row.time_us, p.time_us))
    sums = summary_rows(found)
    PAGE.with_suffix(".svg").write_text(scatter(groups))
    text = PAGE.read_text()
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    parts = [
        markdown(summary_columns(sums), sums),
        "\n![Predicted against published times](clock.svg)\n\n",
        markdown(COLUMNS, table_rows(found)),
        "\n",
        markdown(PAIR_COLUMNS, pairs),
    ]
    PAGE.write_text(before + BEGIN + "\n" + "".join(parts) + "\n" + END + after)


def main(table: tuple[str, ...] = (), rows: bool = False, jobs: int = 2) -> None:
    """Predicts every case, or those of some tables, and prints how near they are.

    Args:
        table: tables to take, all unless given.
        rows: print each row too.
        jobs: processes to use.
    """
    console = Console()
    found = predictions([case for case in all_cases() if not table or case.table in table], jobs)
    if rows:
        columns = ("row", "kernel", "problem", "card", "published us", "predicted us", "ratio", "limit", "s")
        for name, members in by_table(found).items():
            console.print(shown(columns, case_rows(members), name))
    console.print(shown(COLUMNS, table_rows(found), "misses as factors; *: a table that constants were chosen on"))
    sums = summary_rows(found)
    console.print(shown(summary_columns(sums), sums))
    for p in found:
        if p.error:
            console.print(f"[red]{p.row.id}[/red] {p.error}")
    if table:
        return
    sides = predictions([case for pair in PAIRS for case in (pair.slow, pair.fast)], jobs)
    pairs = pair_rows(PAIRS, sides)
    console.print(shown(PAIR_COLUMNS, pairs))
    write_page(found, pairs)


if __name__ == "__main__":
    tyro.cli(main)
