"""Sample kernels of GRPO in Weights & Biases: a small table now and then, to see what the curves are made of.

All completions are in the run's `rollouts.jsonl`; this is what one looks at while it trains.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from cudagym.build.compile_error import compile_error
from cudagym.prompts import extract_source
from cudagym.rewards.trl import Graded
from cudagym.verdict import STATUSES

EVERY = 10
"""Steps between two tables."""
CORRECT = 3
"""Kernels in a table that are correct: the fastest. Of every other status there is one."""
COLUMNS = ("step", "spec", "status", "compile_error", "fraction_of_peak", "message", "source")


class Samples:
    """A listener of `cudagym.rewards.trl.make_reward_functions` that logs the table `kernels`."""

    def __init__(self) -> None:
        self._last: int | None = None

    def __call__(self, step: int, batch: Sequence[Graded]) -> None:
        """Log some of the batch with the trainer's next log, if the last table is old and a run of wandb is open."""
        wandb: Any = sys.modules.get("wandb")
        if wandb is None or wandb.run is None or (self._last is not None and step - self._last < EVERY):
            return
        self._last = step
        table = wandb.Table(columns=list(COLUMNS), data=[_row(step, each) for each in chosen(batch)])
        wandb.run.log({"kernels": table}, commit=False)


def chosen(batch: Sequence[Graded]) -> list[Graded]:
    """The fastest correct completions, of different sources, and one of every other status."""
    found = []
    fastest = sorted(batch, key=lambda each: -(each.verdict.fraction_of_peak or 0.0))
    for status in STATUSES:
        sources = {extract_source(each.completion): each for each in fastest if each.verdict.status == status}
        found += list(sources.values())[: CORRECT if status == "correct" else 1]
    return found


def _row(step: int, each: Graded) -> list[Any]:
    verdict = each.verdict
    error = compile_error(verdict.message) if verdict.status == "build_failed" else ""
    source = extract_source(each.completion)
    return [step, each.spec, verdict.status, error, verdict.fraction_of_peak, verdict.message, source]
