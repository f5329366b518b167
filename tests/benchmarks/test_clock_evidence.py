"""How predictions are scored, on figures worked out by hand."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET

import pytest

from benchmarks.clock.__main__ import markdown
from benchmarks.clock.cases import Array, Case
from benchmarks.clock.evidence import Prediction, Row, published, ranks, score, spearman, summary
from benchmarks.clock.plot import scatter


def test_equal_values_share_a_rank() -> None:
    assert ranks([3.0, 1.0, 3.0, 2.0]).tolist() == [2.5, 0.0, 2.5, 1.0]


def test_rank_correlation() -> None:
    assert spearman([1, 2, 3], [10, 20, 30]) == pytest.approx(1.0)
    assert spearman([1, 2, 3], [30, 20, 10]) == pytest.approx(-1.0)
    # 1 - 6 * sum(d^2) / (n (n^2 - 1)) with differences 0, 1, 1, 0
    assert spearman([1, 2, 3, 4], [1, 3, 2, 4]) == pytest.approx(1 - 6 * 2 / 60)
    assert math.isnan(spearman([1, 1], [1, 2]))


def test_misses_are_logarithms() -> None:
    found = score([2.0, 1.0, 5.0], [1.0, 1.0, 10.0])
    assert found.median == pytest.approx(math.log(2))
    assert found.worst == pytest.approx(math.log(2))


def case(table: str, number: int) -> Case:
    return Case(
        table=table,
        row=f"{table}-{number}",
        gpu="a100",
        source="copy.cu",
        arrays=(Array(bytes=4),),
        calls=(),
        flops=0,
        least_bytes=1,
        warm=True,
    )


def prediction(
    table: str, number: int, time_us: float, truth_us: float, use: str = "abs", error: str = ""
) -> Prediction:
    row = Row(table, f"{table}-{number}", "kernel", "problem", truth_us, use, False)
    return Prediction(case(table, number), row, time_us, 1.0, "", 0.1, error)


def test_a_summary_counts_what_failed_as_not_predicted_and_names_tables_out_of_order() -> None:
    ordered = [prediction("T90", n, 1.1 * n, float(n)) for n in range(1, 6)]
    reversed_ = [prediction("T91", n, 6.0 - n, float(n), use="rank") for n in range(1, 6)]
    failed = [prediction("T92", 1, math.nan, 1.0, error="Unfollowable: no")]
    found = summary([*ordered, *reversed_, *failed])
    assert (found.tables, found.rows, found.absolute_rows) == (2, 10, 5)
    assert found.out_of_order == ("T91",)
    assert found.median == pytest.approx(math.log(1.1))


def test_every_published_row_is_read() -> None:
    rows = published()
    assert len(rows) == 576
    assert rows["T01-01"].time_us == pytest.approx(444786.257)


def test_the_plot_is_a_picture_with_a_dot_for_each_pair() -> None:
    picture = ET.fromstring(scatter({"products & sums": [(10.0, 12.0), (1000.0, 900.0)], "copies": [(3.0, 3.0)]}))
    space = "{http://www.w3.org/2000/svg}"
    assert len(picture.findall(f"{space}circle")) == 3 + 2  # and one per entry of the legend
    assert any("products & sums" in (text.text or "") for text in picture.findall(f"{space}text"))


def test_markdown_rows() -> None:
    assert markdown(("a", "b"), [("1", "2")]) == "| a | b |\n| --- | --- |\n| 1 | 2 |\n"
