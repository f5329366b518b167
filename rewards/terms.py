"""From a verdict to a reward: three named terms in [0, 1], their weights, and the weighted sum.

| status                                                    | compile | numeric | throughput       |
|-----------------------------------------------------------|---------|---------|------------------|
| correct                                                   | 1       | 1       | fraction of peak |
| wrong, rejected, launch_failed, faulted, timed_out        | 1       | 0       | 0                |
| build_failed, violation, suspect                          | 0       | 0       | 0                |
| grader_error                                              | none: says nothing about the candidate |

`numeric` is all or nothing, so that no share of right elements pays for a wrong kernel.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from pydantic import Field, ValidationError, model_validator

from cudagym.errors import UsageError
from cudagym.record import Record
from cudagym.verdict import Status, Verdict

TERMS = ("compile", "numeric", "throughput")

_COMPILED: Mapping[Status, float] = {
    "correct": 1.0,
    "wrong": 1.0,
    "rejected": 1.0,
    "launch_failed": 1.0,
    "faulted": 1.0,
    "timed_out": 1.0,
    "build_failed": 0.0,
    "violation": 0.0,
    "suspect": 0.0,
}


class Terms(Record):
    """The raw terms, before weighting. A record of numbers that `grade --json` and every rollout carry."""

    compile: float = Field(ge=0.0, le=1.0)
    numeric: float = Field(ge=0.0, le=1.0)
    throughput: float = Field(ge=0.0, le=1.0)


class Weights(Record):
    """What each term counts. With the defaults a total lies in [0, 1]."""

    compile: float = Field(default=0.1, ge=0.0)
    numeric: float = Field(default=0.3, ge=0.0)
    throughput: float = Field(default=0.6, ge=0.0)

    @model_validator(mode="after")
    def _something_counts(self) -> Self:
        if not any(self.in_order()):
            raise ValueError("all weights are 0, so no completion would be better than another")
        return self

    @classmethod
    def parse(cls, values: Mapping[Any, float]) -> Self:
        """Weights by term, as a configuration gives them. Raises UsageError for what they cannot be."""
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "they"
            raise UsageError(f"{dict(values)} are no weights for the reward terms: {where}: {first['msg']}") from None

    def in_order(self) -> list[float]:
        """The weights in the order of `TERMS`, as TRL's `reward_weights` wants them."""
        return [self.compile, self.numeric, self.throughput]


class Reward(Record):
    """Terms, the weights they were given, and the weighted sum."""

    terms: Terms
    weights: Weights
    total: float


def terms_of(verdict: Verdict) -> Terms | None:
    """The three terms of a verdict; None for `grader_error`, which says nothing about the candidate."""
    if not verdict.is_valid:
        return None
    return Terms(
        compile=_COMPILED[verdict.status],
        numeric=1.0 if verdict.status == "correct" else 0.0,
        throughput=verdict.fraction_of_peak or 0.0,
    )


def score(verdict: Verdict, weights: Weights | None = None) -> Reward | None:
    """The reward of a verdict; None for `grader_error`. The default weights are `Weights()`."""
    terms = terms_of(verdict)
    if terms is None:
        return None
    weights = weights or Weights()
    values = [terms.compile, terms.numeric, terms.throughput]
    total = sum(weight * value for weight, value in zip(weights.in_order(), values, strict=True))
    return Reward(terms=terms, weights=weights, total=total)
