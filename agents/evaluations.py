"""Evaluations of a run as files: one per policy, and the scores of all, with every pair compared.

evaluations/<policy>.json   every attempt
scores.json                 scores per split and family of every policy, and comparisons of every pair
scores.txt                  the same as tables
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

from cudagym import report
from cudagym.agents.evaluation import Evaluation, compare
from cudagym.errors import UsageError
from cudagym.record import complaint
from cudagym.report import ComparisonRow
from cudagym.runs import RunFolder, write_atomic, write_json


def load(file: Path) -> Evaluation:
    """Raises UsageError when the file is not there, or is no evaluation."""
    try:
        return Evaluation.model_validate_json(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        known = ", ".join(sorted(path.stem for path in file.parent.glob("*.json"))) or "none"
        raise UsageError(f"there is no evaluation {file}; that run has {known}.") from None
    except ValueError as error:
        raise UsageError(
            f"{file} is no evaluation that this version of cudagym wrote ({complaint(error)}): delete it and evaluate "
            "again."
        ) from None


def load_all(run: RunFolder) -> list[Evaluation]:
    """All of a run, in the order they were made."""
    files = sorted(run.evaluations.glob("*.json"), key=lambda file: (file.stat().st_mtime_ns, file.name))
    return [load(file) for file in files]


def save(evaluation: Evaluation, run: RunFolder) -> None:
    """Keep an evaluation, and bring the run's scores up to date."""
    run.evaluations.mkdir(exist_ok=True)
    write_json(run.evaluations / f"{evaluation.policy}.json", evaluation.model_dump(mode="json"))
    found = load_all(run)
    gains = compare_like(found, evaluation)
    write_json(run.path / "scores.json", scores(found, gains))
    write_atomic(run.path / "scores.txt", tables(found, gains) + "\n")


def scores(found: Sequence[Evaluation], gains: Sequence[ComparisonRow]) -> dict[str, object]:
    """Everything that follows from evaluations, as plain values."""
    return {
        "policies": [each.summary() for each in found],
        "comparisons": [row.model_dump(mode="json") for row in gains],
    }


def named(texts: Sequence[str]) -> list[Evaluation]:
    """Evaluations by `RUN` (all of a run's folder) or `RUN:POLICY`. Those of several runs are called `run:policy`.

    Raises UsageError for what is not there.
    """
    found: list[tuple[str, Evaluation]] = []
    for text in texts:
        path, _, policy = (text, "", "") if Path(text).is_dir() else text.rpartition(":")
        run = RunFolder(Path(path))
        if not path or not run.path.is_dir():
            raise UsageError(f"{text} is no run: give the folder of one, such as runs/demo, or runs/demo:grpo.")
        files = [run.evaluations / f"{policy}.json"] if policy else sorted(run.evaluations.glob("*.json"))
        if not files:
            raise UsageError(f"{run.path} has no evaluations: make some with cudagym evaluate --name {run.name}")
        found += [(run.path.resolve().name, load(file)) for file in files]
    if len({run for run, _ in found}) == 1:
        return [each for _, each in found]
    return [each.model_copy(update={"policy": f"{run}:{each.policy}"}) for run, each in found]


def compare_all(found: Sequence[Evaluation]) -> list[ComparisonRow]:
    """Every pair, the later less the earlier."""
    return [row for before, after in combinations(found, 2) for row in compare(before, after)]


def compare_like(found: Sequence[Evaluation], one: Evaluation | None = None) -> list[ComparisonRow]:
    """Every pair of those that can be compared with `one`, or with the last."""
    like = one or (found[-1] if found else None)
    return compare_all([each for each in found if like is not None and _is_like(each, like)])


def tables(found: Sequence[Evaluation], gains: Sequence[ComparisonRow]) -> str:
    """Scores per split and per family, and what changed per split, as text."""
    parts = [
        report.scores_table([row for each in found for row in each.rows]),
        report.families_table([row for each in found for row in each.families]),
    ]
    if gains:
        parts.append(report.comparisons_table([row for row in gains if row.family == report.ALL]))
    return "\n".join(report.to_text(part, width=report.WIDE) for part in parts)


def _is_like(one: Evaluation, other: Evaluation) -> bool:
    """Whether two can be compared."""
    shared = one.specs.keys() & other.specs.keys()
    alike = all(one.specs[name] == other.specs[name] for name in shared)
    return bool(shared) and alike and (one.device, one.weights) == (other.device, other.weights)
