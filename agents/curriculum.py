"""Curriculum: which specs GRPO asks for how often, by how often its policy is right.

A group of completions teaches nothing when all earn the same. Those of a spec that is right with chance p differ most
at p = 1/2, the variance being p (1 - p), so specs in between are asked for up to MOST times as often as the rest.
Nothing is left out: a correct kernel can still become faster, and what is never right may become so.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from cudagym.agents.evaluation import Evaluation

MOST = 4


def pass_rates(evaluation: Evaluation) -> dict[str, float]:
    """The share of graded attempts that are correct, by spec. A spec without any is left out."""
    correct: dict[str, list[bool]] = defaultdict(list)
    for attempt in evaluation.graded:
        correct[attempt.spec].append(attempt.status == "correct")
    return {spec: sum(passed) / len(passed) for spec, passed in sorted(correct.items())}


def copies(rate: float) -> int:
    """How often a spec with this pass rate is asked for where one that is always or never right is asked for once."""
    return 1 + round((MOST - 1) * 4 * rate * (1 - rate))


def repeated(names: Sequence[str], rates: Mapping[str, float]) -> list[str]:
    """The names, each as often as its pass rate says. The trainer shuffles them."""
    return [name for name in names for _ in range(copies(rates.get(name, 0.0)))]
