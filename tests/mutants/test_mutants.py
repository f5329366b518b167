"""The checks notice faults: those that went unnoticed once, and a few of some specs. `make mutants` grades all."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest
from mutation import OPERATORS, Mutant, mutants
from report import FEWEST, SAME_CODE, Bench, Ledger, Outcome, count, equivalent

from cudagym.specs import all_specs, get

MENDED = {
    "log_softmax_fp32": ("e325ffa41d41", "6ad60cc3a9a6", "dace7a8c0d37", "f86350aa661d"),
    "hwc_to_chw_u8": ("634938e66e17",),
    "cumsum_fp32": ("c5201f4c24e5",),
    "compact_positive_fp32": ("cb68912e168c",),
    "matmul_fp32": ("54a49c4865f7",),
    "scaled_matmul_fp8": ("80a57b98f500",),
}
"""Mutants that all checks passed before specs and simulator were mended, by spec."""
SOME = ("bin_count_i32", "sort_rows_fp32")


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    bench = Bench(jobs=2)
    yield bench
    bench.close()


@pytest.mark.parametrize("name", MENDED)
def test_what_survived_once_is_noticed(bench: Bench, name: str) -> None:
    found = [mutant for mutant in mutants(get(name)) if mutant.key in MENDED[name]]
    assert len(found) == len(MENDED[name])
    for outcome in bench.grade(get(name), found):
        assert outcome.is_killed, outcome


@pytest.mark.parametrize("name", SOME)
def test_the_first_mutants_of_a_spec_are_noticed(bench: Bench, name: str) -> None:
    outcomes = bench.grade(get(name), list(islice(mutants(get(name)), 5)))
    assert count(get(name), outcomes).survived == []
    assert any(outcome.is_killed for outcome in outcomes)


def test_an_original_is_no_mutant_and_survives_as_one(bench: Bench) -> None:
    spec = get("relu_fp32")
    source = next(mutants(spec)).original
    same = Mutant(spec.name, "any", "a barrier is missing", source, source)
    host = same._replace(operator="a block is missing")
    assert [outcome.status for outcome in bench.grade(spec, [same, host])] == [SAME_CODE, "correct"]


def test_every_spec_has_mutants_enough_and_every_operator_some() -> None:
    used: set[str] = set()
    for spec in all_specs():
        found = list(mutants(spec))
        assert len(found) > FEWEST, spec.name
        assert len({mutant.source for mutant in found}) == len(found)
        assert all(mutant.source != mutant.original for mutant in found)
        used |= {mutant.operator for mutant in found}
    assert used >= set(OPERATORS)
    assert list(mutants(get("relu_fp32"))) == list(mutants(get("relu_fp32")))


def test_reasons_are_given_for_mutants_that_exist() -> None:
    text = (Path(__file__).parent / "equivalent.txt").read_text()
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert len(lines) == len(equivalent())
    for line in lines:
        key, where, reason = line.split(" | ", 2)
        name, _, operator = where.partition(", ")
        assert any(mutant.key == key and mutant.operator == operator for mutant in mutants(get(name))), line
        assert reason.endswith("."), line


class _Told(Bench):
    """A bench that needs no device: it says what it was told, in turn, and what it was asked for."""

    def __init__(self, *statuses: str) -> None:
        self.statuses, self.asked = list(statuses), 0

    def grade(self, spec: object, some: list[Mutant]) -> list[Outcome]:
        self.asked += len(some)
        return [Outcome(m.spec, m.key, m.operator, m.change, self.statuses.pop(0), "") for m in some]


def test_what_does_not_count_is_replaced_and_what_is_known_not_graded_again(tmp_path: Path) -> None:
    spec, path = get("softmax_fp32"), tmp_path / "ledger"
    first = _Told("wrong", "build_failed", SAME_CODE, "correct", "faulted")
    found = count(spec, Ledger(path).outcomes(spec, first, 3))
    assert (found.killable, found.killed.total(), len(found.survived)) == (3, 2, 1)
    assert (found.same_code, found.not_compiled, first.asked) == (1, 1, 5)

    second = _Told("wrong")
    assert count(spec, Ledger(path).outcomes(spec, second, 4)).killable == 4
    assert second.asked == 1

    again = _Told("timed_out")
    assert count(spec, Ledger(path, again=True).outcomes(spec, again, 4)).share == 1.0
    assert again.asked == 1
