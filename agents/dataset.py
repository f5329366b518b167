"""Data sets: the best kernels of runs, chosen for people who train elsewhere, as Parquet files with a card.

From many rollouts per spec the correct ones are taken, near-duplicates dropped, the rest grouped by how they behave on
the device, and of each spec the fastest of every group kept, until there are enough. The same rollouts give pairs for
preference training. Nothing held out gets in: see `cudagym.agents.guard`.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from cudagym import specs
from cudagym.agents import card, guard
from cudagym.agents.demonstrations import TEACHERS
from cudagym.agents.structure import Shingles, behaviour, is_near, normalised, shingles
from cudagym.errors import UsageError
from cudagym.record import Record
from cudagym.rollouts import Message, Rollout, read
from cudagym.runs import RunFolder

LICENCE = "apache-2.0"
Row = dict[str, Any]


class Selection(Record):
    """Which rollouts a data set is made from, and how many of them are kept."""

    agents: tuple[str, ...] = TEACHERS
    """Whose rollouts count, by the first part of their keys. GRPO's samples are `training`."""
    keep: int = Field(default=4, ge=1)
    """Kernels per spec and device, at most."""
    least: float = Field(default=0.0, ge=0, le=1)
    """The least fraction of peak of a kernel, relative to the best one of its spec and device."""
    near: float = Field(default=0.85, gt=0, le=1)
    """Sources that share this much, names and numbers apart, are near-duplicates: the faster one stays."""
    pairs: int = Field(default=8, ge=0)
    """Preference pairs per question, at most."""
    margin: float = Field(default=1.25, ge=1)
    """How much faster a correct kernel must be to be preferred to another correct one."""


def selection(values: Mapping[str, Any]) -> Selection:
    """The selection with these fields. Raises UsageError for a value that is out of range."""
    try:
        return Selection.model_validate(dict(values))
    except ValidationError as error:
        first = error.errors()[0]
        raise UsageError(f"{first['loc'][0]} is {first['input']!r}: {first['msg'].lower()}") from None


class Summary(Record):
    """What became of the rollouts."""

    rollouts: int
    """Of the agents asked for."""
    correct: int
    duplicates: int
    """Correct ones left out as near-duplicates of faster ones."""
    slow: int
    """Correct ones left out for `least`."""
    crowded: int
    """Correct ones left out because their spec and device had enough others."""
    samples: int
    conversations: int
    """Samples that took more than one answer."""
    pairs: int
    specs: tuple[str, ...]
    other_agents: dict[str, int]
    """Rollouts of agents that were not asked for."""


class Sample(Record):
    """A rollout that was chosen, and the group of its kind of kernel within its spec and device."""

    rollout: Rollout
    run: str
    group: int


Origin = tuple[Rollout, str]
"""A rollout, and the name of its run."""


def build(runs: Sequence[Path], out: Path, wanted: Selection | None = None) -> Summary:
    """Write the data set of some runs' rollouts to the new folder `out`: `sft`, `conversations` and `preferences`,
    each as Parquet, and a card (`README.md`).

    Raises UsageError when a chosen rollout is for something held out, when there is no run, nothing to learn from, or
    something at `out` already. Nothing is left at `out` unless all of it is written.
    """
    wanted = wanted or Selection()
    if out.exists():
        raise UsageError(f"there is already something at {out}: choose another folder, or delete it")
    found, others = _read(runs, wanted.agents)
    correct = [(rollout, run) for rollout, run in found if rollout.verdict.status == "correct"]
    if not correct:
        known = ", ".join(f"{count} of {agent}" for agent, count in others.items()) or "none"
        raise UsageError(
            f"there is no correct kernel by {' or '.join(wanted.agents)} in {', '.join(map(str, runs))}: "
            f"of {len(found)} rollouts by them none is correct, others are {known}."
        )
    samples, dropped = choose(correct, wanted)
    pairs = prefer([rollout for rollout, _ in found], wanted)
    summary = Summary(
        rollouts=len(found),
        correct=len(correct),
        duplicates=dropped["duplicates"],
        slow=dropped["slow"],
        crowded=dropped["crowded"],
        samples=len(samples),
        conversations=sum(_answers(sample.rollout) > 1 for sample in samples),
        pairs=len(pairs),
        specs=tuple(dict.fromkeys(sample.rollout.spec for sample in samples)),
        other_agents=dict(others),
    )
    tables = {
        "sft": [_sft_row(sample) for sample in samples],
        "conversations": [_conversation_row(sample) for sample in samples],
        "preferences": [_pair_row(chosen, rejected) for chosen, rejected in pairs],
    }
    _write(out, {name: rows for name, rows in tables.items() if rows}, summary, wanted, samples)
    return summary


def _read(runs: Sequence[Path], agents: Sequence[str]) -> tuple[list[Origin], Counter[str]]:
    """The rollouts of these agents, all of them checked, and how many there are of each other agent."""
    found: list[Origin] = []
    others: Counter[str] = Counter()
    for path in runs:
        run = RunFolder(path.resolve())
        if not run.rollouts.is_file():
            raise UsageError(f"{path} is no run: it has no {run.rollouts.name}. Runs lie in runs/, such as runs/demo.")
        for rollout in read(run.rollouts):
            if rollout.agent in agents:
                guard.check(rollout)
                found.append((rollout, run.name))
            else:
                others[rollout.agent] += 1
    return found, others


def choose(correct: Iterable[Origin], selection: Selection) -> tuple[list[Sample], Counter[str]]:
    """For every spec and device the best kernels that differ in structure, and why others were left out."""
    by_task: dict[tuple[str, str], list[Origin]] = defaultdict(list)
    for origin in correct:
        by_task[origin[0].spec, origin[0].verdict.device].append(origin)
    samples: list[Sample] = []
    dropped: Counter[str] = Counter()
    for origins in by_task.values():
        samples += _choose(sorted(origins, key=_speed), selection, dropped)
    return samples, dropped


def _choose(origins: list[Origin], selection: Selection, dropped: Counter[str]) -> list[Sample]:
    """Of one spec and device's correct kernels, fastest first: the fastest of each group, then the second ones, ..."""
    best = _fraction(origins[0][0])
    seen: list[Shingles] = []
    groups: dict[object, list[Origin]] = defaultdict(list)
    for rollout, run in origins:
        if _fraction(rollout) < selection.least * best:
            dropped["slow"] += 1
        elif is_near(cut := shingles(normalised(rollout.source)), seen, selection.near):
            dropped["duplicates"] += 1
        else:
            seen.append(cut)
            groups[behaviour(rollout.verdict)].append((rollout, run))
    ranked = [
        (place, number, origin)
        for number, members in enumerate(groups.values())
        for place, origin in enumerate(members)
    ]
    ranked.sort(key=lambda each: each[:2])
    dropped["crowded"] += max(0, len(ranked) - selection.keep)
    return [Sample(rollout=origin[0], run=origin[1], group=number) for _, number, origin in ranked[: selection.keep]]


def prefer(rollouts: Iterable[Rollout], selection: Selection) -> list[tuple[Rollout, Rollout]]:
    """Pairs (preferred, rejected) of different answers to the same question: a correct one and one that fails, or one
    that is slower by the margin.

    Of each question the fastest are preferred, and what is rejected comes from failures and slower kernels in turn.
    """
    by_question: dict[tuple[str, tuple[Message, ...]], dict[str, Rollout]] = defaultdict(dict)
    for rollout in rollouts:
        if rollout.verdict.is_valid and rollout.completion.strip():
            by_question[rollout.verdict.device, rollout.messages].setdefault(rollout.completion, rollout)
    found: list[tuple[Rollout, Rollout]] = []
    for answers in by_question.values():
        found += _pairs(list(answers.values()), selection)
    return found


def _pairs(answers: list[Rollout], selection: Selection) -> list[tuple[Rollout, Rollout]]:
    right = sorted((a for a in answers if a.verdict.status == "correct"), key=lambda a: -_fraction(a))
    failed = [a for a in answers if a.verdict.status != "correct"]
    pairs: list[tuple[Rollout, Rollout]] = []
    for rank, better in enumerate(right[: selection.pairs]):
        failure = failed[rank % len(failed)] if failed else None
        slower = next((a for a in right if _fraction(a) * selection.margin <= _fraction(better)), None)
        pairs += [(better, worse) for worse in (failure, slower) if worse]
    return pairs[: selection.pairs]


def _speed(origin: Origin) -> tuple[float, str]:
    return -_fraction(origin[0]), origin[0].key


def _fraction(rollout: Rollout) -> float:
    return rollout.verdict.fraction_of_peak or 0.0


def _answers(rollout: Rollout) -> int:
    """How many answers the conversation has, this one included."""
    return 1 + sum(message.role == "assistant" for message in rollout.messages)


def _sft_row(sample: Sample) -> Row:
    """The kernel as the answer to the first question, as if it had come at once."""
    asked: list[Message] = []
    for message in sample.rollout.messages:
        if message.role == "assistant":
            break
        asked.append(message)
    return {"prompt": _turns(asked), "completion": [_answer(sample.rollout)], **_facts(sample)}


def _conversation_row(sample: Sample) -> Row:
    return {
        "messages": [*_turns(sample.rollout.messages), _answer(sample.rollout)],
        "answers": _answers(sample.rollout),
        **_facts(sample),
    }


def _pair_row(chosen: Rollout, rejected: Rollout) -> Row:
    def facts(rollout: Rollout, side: str) -> Row:
        verdict = rollout.verdict
        return {
            f"{side}_key": rollout.key,
            f"{side}_status": verdict.status,
            f"{side}_fraction_of_peak": verdict.fraction_of_peak,
            f"{side}_message": _printable(verdict.message),
        }

    return {
        "prompt": _turns(chosen.messages),
        "chosen": [_answer(chosen)],
        "rejected": [_answer(rejected)],
        "spec": chosen.spec,
        "device": chosen.verdict.device,
        **facts(chosen, "chosen"),
        **facts(rejected, "rejected"),
    }


def _facts(sample: Sample) -> Row:
    """The verdict, the kind of kernel, and where it came from."""
    rollout, verdict = sample.rollout, sample.rollout.verdict
    spec = {each.name: each for each in specs.all_specs()}.get(rollout.spec)
    return {
        "spec": rollout.spec,
        "family": spec.family if spec else None,
        "spec_hash": specs.spec_hash(spec) if spec else None,
        "device": verdict.device,
        "source": _printable(rollout.source),
        "source_sha256": verdict.source_sha256,
        "status": verdict.status,
        "fraction_of_peak": verdict.fraction_of_peak,
        "time_us": verdict.time_us,
        "time_kind": verdict.time_kind,
        "least_time_us": verdict.least_time_us,
        "launches": len(verdict.kernels),
        "limiters": [kernel.limiters[0].name for kernel in verdict.kernels if kernel.limiters],
        "message": _printable(verdict.message),
        "reward": rollout.reward,
        "group": sample.group,
        "agent": rollout.agent,
        "model": rollout.versions.get("model"),
        "run": sample.run,
        "key": rollout.key,
        "cudagym": rollout.versions.get("cudagym"),
        "nvcc": rollout.versions.get("nvidia-cuda-nvcc"),
        "created": rollout.created.isoformat(),
    }


def _turns(messages: Iterable[Message]) -> list[dict[str, str]]:
    return [{"role": message.role, "content": _printable(message.content)} for message in messages]


def _answer(rollout: Rollout) -> dict[str, str]:
    return {"role": "assistant", "content": _printable(rollout.completion)}


def _printable(text: str) -> str:
    """Lone surrogates, which no UTF-8 holds, become question marks."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _write(
    out: Path, tables: dict[str, list[Row]], summary: Summary, selection: Selection, samples: Sequence[Sample]
) -> None:
    """All files, in a folder beside `out` that takes its name when it is complete."""
    from datasets import Dataset  # type: ignore[import-untyped]

    out.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}."))
    try:
        for name, rows in tables.items():
            (aside / name).mkdir()
            with _no_bars():
                Dataset.from_list(rows).to_parquet(aside / name / "train.parquet")
        text = card.render(
            list(tables),
            summary=summary.model_dump(),
            selection=selection.model_dump(),
            origins=Counter((s.run, s.rollout.agent, s.rollout.versions.get("model", "")) for s in samples),
            families=Counter((_facts(s)["family"] or "", s.rollout.spec) for s in samples),
            fractions=[_fraction(sample.rollout) for sample in samples],
            devices=sorted({sample.rollout.verdict.device for sample in samples}),
            licence=LICENCE,
        )
        (aside / "README.md").write_text(text, encoding="utf-8")
        aside.chmod(0o755)
        aside.rename(out)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


@contextmanager
def _no_bars() -> Iterator[None]:
    """Without the library's progress bars, which would stand between lines of ours."""
    from datasets import disable_progress_bars, enable_progress_bars, is_progress_bar_enabled

    shown = is_progress_bar_enabled()
    disable_progress_bars()
    try:
        yield
    finally:
        if shown:
            enable_progress_bars()
