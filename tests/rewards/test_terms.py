"""What each verdict is worth."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from cudagym.device import Fault
from cudagym.rewards.terms import TERMS, Terms, Weights, score, terms_of
from cudagym.verdict import STATUSES, Status, Verdict


def verdict(status: Status, fraction: float = 0.5) -> Verdict:
    """A verdict of each status, as small as it may be."""
    extra: dict[str, object] = {"owner": "grader" if status == "grader_error" else "candidate"}
    if status == "correct":
        extra = {"time_us": 10.0, "time_kind": "modelled", "fraction_of_peak": fraction}
    if status == "faulted":
        extra["faults"] = (Fault(kind="race", kernel="k", message="a race"),)
    return Verdict.model_validate(
        {"spec": "s", "device": "sim:h100", "source_sha256": "0", "status": status, "message": "m", **extra}
    )


# The status table, written out by hand: (compile, numeric, throughput), or None.
TABLE: dict[Status, tuple[float, float, float] | None] = {
    "correct": (1, 1, 0.5),
    "wrong": (1, 0, 0),
    "build_failed": (0, 0, 0),
    "rejected": (1, 0, 0),
    "violation": (0, 0, 0),
    "launch_failed": (1, 0, 0),
    "faulted": (1, 0, 0),
    "timed_out": (1, 0, 0),
    "suspect": (0, 0, 0),
    "grader_error": None,
}


@pytest.mark.parametrize("status", STATUSES)
def test_every_status_has_its_terms(status: Status) -> None:
    terms = terms_of(verdict(status))
    assert (terms and (terms.compile, terms.numeric, terms.throughput)) == TABLE[status]


@pytest.mark.parametrize("status", STATUSES)
def test_the_total_is_the_weighted_sum(status: Status) -> None:
    reward = score(verdict(status))
    row = TABLE[status]
    if row is None:
        assert reward is None
    else:
        assert reward is not None
        assert reward.total == pytest.approx(0.1 * row[0] + 0.3 * row[1] + 0.6 * row[2])
        assert reward.weights == Weights()


def test_weights_scale_their_own_term() -> None:
    reward = score(verdict("correct", 0.25), Weights(compile=0, numeric=1, throughput=4))
    assert reward is not None
    assert reward.total == pytest.approx(2.0)


def test_a_perfect_kernel_is_worth_one() -> None:
    reward = score(verdict("correct", 1.0))
    assert reward is not None
    assert reward.total == pytest.approx(1.0)


@pytest.mark.parametrize("weights", [{"compile": -1}, {"compile": 0, "numeric": 0, "throughput": 0}, {"correct": 1.0}])
def test_senseless_weights_are_refused(weights: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        Weights.model_validate(weights)


def test_terms_and_weights_share_one_order() -> None:
    assert tuple(Terms.model_fields) == tuple(Weights.model_fields) == TERMS
    assert Weights(compile=1, numeric=2, throughput=3).in_order() == [1, 2, 3]
