"""Every status, reached by a real source through the one public door."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from candidates import CANDIDATES, CORRECT

from cudagym import Grader
from cudagym.verdict import STATUSES, Verdict


@pytest.fixture(scope="module")
def grader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grader]:
    with Grader("sim:h100", cached=False) as grader:
        yield grader


@pytest.fixture(scope="module")
def verdicts(grader: Grader) -> dict[str, Verdict]:
    graded = grader.grade_many([("relu_fp32", source) for source, _, _ in CANDIDATES.values()])
    return dict(zip(CANDIDATES, graded, strict=True))


@pytest.mark.parametrize("name", CANDIDATES)
def test_candidate_gets_its_status_and_a_message_that_helps(name: str, verdicts: dict[str, Verdict]) -> None:
    _, status, said = CANDIDATES[name]
    verdict = verdicts[name]
    assert (verdict.status, said in verdict.message) == (status, True), verdict.message
    assert "Traceback" not in verdict.message
    assert "/tmp" not in verdict.message + verdict.build_log


def test_every_status_but_suspect_is_reached() -> None:
    assert {status for _, status, _ in CANDIDATES.values()} == set(STATUSES) - {"suspect"}


def test_correct_verdict_says_what_limits_the_kernel(verdicts: dict[str, Verdict]) -> None:
    verdict = verdicts["correct"]
    assert verdict.time_kind == "modelled"
    assert verdict.kernels[0].limiters[0].name == "DRAM bandwidth"
    assert verdict.fraction_of_peak is not None
    assert 0.7 < verdict.fraction_of_peak < 1


def test_fault_is_located(verdicts: dict[str, Verdict]) -> None:
    fault = verdicts["out of bounds"].faults[0]
    assert fault.line == 1
    assert fault.buffer in ("x", "y")
    assert fault.thread is not None
    assert fault.block is not None


def test_first_mismatch_is_the_first(verdicts: dict[str, Verdict]) -> None:
    mismatch = verdicts["copy"].mismatch
    assert mismatch is not None
    assert isinstance(mismatch.got, float)
    assert mismatch.got < 0 == mismatch.want


def test_same_seed_same_verdict_and_comments_do_not_matter(grader: Grader) -> None:
    first, second = grader.grade_many([("relu_fp32", CORRECT), ("relu_fp32", CORRECT + "\n// again\n")])
    drop = {"seconds", "source_sha256"}
    assert first.model_dump(exclude=drop) == second.model_dump(exclude=drop)
    third = grader.grade("relu_fp32", CORRECT, seed=1)
    assert third.status == "correct"
    assert third.timed_shape != first.timed_shape
