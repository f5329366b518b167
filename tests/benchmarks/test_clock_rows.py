"""Every case of the clock's benchmark stands for one published row."""

from __future__ import annotations

import csv
import importlib

import pytest

from benchmarks.clock.cases import HERE

MODULES = sorted(
    path.stem
    for path in HERE.glob("*.py")
    if path.with_suffix(".cu").exists() and path.stem != "pairs"  # which no one has published
)


@pytest.mark.parametrize("name", MODULES)
def test_rows_are_published(name: str) -> None:
    with (HERE / "published.csv").open(newline="") as file:
        published = {line["id"]: line for line in csv.DictReader(file)}
    cases = importlib.import_module(f"benchmarks.clock.{name}").CASES
    assert len({case.row for case in cases}) == len(cases) > 0
    for case in cases:
        row = published[case.row]
        assert row["table"] == case.table
        assert row["library"] == "False"
        assert row["use"] != "none"
