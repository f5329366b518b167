"""A run as one HTML page that needs nothing else: what ran, what came of it, and what is still to be made.

Whatever a run lacks is left out, with the command that would make it.
"""

from __future__ import annotations

import json
import shlex
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from markupsafe import Markup

from cudagym import charts, page, profile_page, report, specs
from cudagym.agents import evaluations, history, ledger
from cudagym.agents.evaluation import Evaluation, spread
from cudagym.agents.history import Logs
from cudagym.agents.tally import TRAINING, Tally
from cudagym.charts import Axis, Row
from cudagym.errors import CudagymError, UsageError
from cudagym.profile import hot_lines, profile, waits
from cudagym.record import Record, complaint
from cudagym.report import ALL, ComparisonRow, Estimate, ScoreRow, Spread
from cudagym.rewards.terms import TERMS
from cudagym.rollouts import Rollout, read
from cudagym.runs import RunFolder, write_atomic
from cudagym.verdict import STATUSES

NAME = "report.html"
SUPERVISED = {"pretrained": "SFT of every weight", "sft": "SFT of the adapter"}
STAGES = {"base": "the policy before training", **SUPERVISED, "grpo": "GRPO"}
"""Folders of checkpoints, in the order they are made."""
MOST_SOURCE, MOST_MESSAGE = 12_000, 2_000
"""Characters of a source and a message that are shown."""
_TEMPLATE = Path(__file__).with_name("run_page.html.j2")


class PolicyScores(Record):
    """What `Evaluation.summary` says of one policy."""

    policy: str
    checkpoint: str
    device: str
    rows: tuple[ScoreRow, ...]
    families: tuple[ScoreRow, ...]
    demonstrated: Estimate
    unique_correct: int
    ungraded: int


class Scores(Record):
    """`scores.json`."""

    policies: tuple[PolicyScores, ...]
    comparisons: tuple[ComparisonRow, ...]


class StageRow(NamedTuple):
    """One line of what ran. `when` is empty where nobody wrote it down."""

    stage: str
    result: str
    when: str = ""


class Kernel(NamedTuple):
    """The best kernel for a spec. `parts` is the whole profile, if it was asked for; `trouble` why there is none."""

    rollout: Rollout
    family: str
    split: str
    parts: Mapping[str, Any] | None
    trouble: str

    @property
    def fraction(self) -> float:
        return self.rollout.verdict.fraction_of_peak or 0.0


class Cost(NamedTuple):
    """What the ledger says. `usd` counts what was lost and dropped, too; `open_usd` is what requests in flight can
    still cost."""

    usd: float
    open_usd: float
    answers: int
    correct: int
    stops: Mapping[str, int]
    models: Mapping[str, tuple[int, float]]
    tokens: Mapping[str, int]


class Run:
    """Everything the page shows, read from a run's folder. Raises UsageError for a folder that is no run's, and for a
    file in it that cannot be read."""

    def __init__(self, path: Path) -> None:
        self.folder = folder = RunFolder(path)
        if not path.is_dir():
            raise UsageError(f"there is no run at {path}: give the folder of one, such as runs/demo.")
        known = (folder.config, folder.rollouts, folder.claude, folder.checkpoints, folder.evaluations)
        if not any(each.exists() for each in known) and any(path.iterdir()):
            raise UsageError(f"{path} holds no run: give the folder of one, such as runs/demo.")
        try:
            self.config = _text(folder.config)
            self.versions: dict[str, Any] = _json(folder.versions)
            self.seeds: dict[str, Any] = _json(folder.seeds)
            self.tally = Tally(read(folder.rollouts) if folder.rollouts.exists() else ())
            self.evaluations = sorted(evaluations.load_all(folder), key=self._made)
            self.scores = self._scores()
            self.events = ledger.read(folder.claude)
        except OSError as error:
            raise UsageError(f"cannot read {error.filename or path}: {error.strerror}") from None
        self.logs = {stage: history.read(folder.checkpoints / stage) for stage in STAGES}

    def _made(self, evaluation: Evaluation) -> tuple[int, str]:
        """Checkpoints in the order of their stages, then other policies."""
        order = [*STAGES, evaluation.policy]
        return order.index(evaluation.policy), evaluation.policy

    def _scores(self) -> Scores:
        """Those that were kept, or new ones if they are not of the evaluations that are there."""
        file = self.folder.path / "scores.json"
        kept = _json(file)
        if kept:
            try:
                scores = Scores.model_validate(kept)
            except ValueError as error:
                raise UsageError(f"{file} holds no scores ({complaint(error)}): delete it.") from None
            known = {(each.policy, each.checkpoint): each for each in scores.policies}
            now = [(each.policy, each.checkpoint) for each in self.evaluations]
            if known.keys() == set(now):
                return scores.model_copy(update={"policies": tuple(known[each] for each in now)})
        gains = evaluations.compare_like(self.evaluations)
        return Scores.model_validate(evaluations.scores(self.evaluations, gains))

    def command(self, verb: str, *more: str) -> str:
        """`cudagym <verb>` for this run, as one would type it."""
        path = self.folder.path
        given = ["--config", str(self.folder.config)] if self.config else []
        where = [] if path.parent == Path("runs") else ["--runs", str(path.parent)]
        return shlex.join(["cudagym", verb, *given, "--name", path.name, *where, *more])

    @property
    def checkpoint(self) -> str:
        """The last one there is, or the one that there will be."""
        made = [stage for stage in STAGES if (self.folder.checkpoints / stage).is_dir()]
        return str(self.folder.checkpoints / (made[-1] if made else "sft"))

    @property
    def families(self) -> dict[str, str]:
        """The family of every spec that is known here, or that was evaluated."""
        evaluated = {a.spec: a.family for each in self.evaluations for a in each.attempts}
        return {spec.name: spec.family for spec in specs.all_specs()} | evaluated

    @property
    def stages(self) -> list[StageRow]:
        """What ran, and how far it came."""
        agents = self.tally.agents
        evaluated = {each.policy: each for each in self.evaluations}
        rows = []
        for agent, samples in agents.items():
            if agent == TRAINING or agent in evaluated:
                continue
            times = sorted(sample.created for sample in samples)
            correct = sum(sample.status == "correct" for sample in samples)
            when = f"{times[0]:%Y-%m-%d %H:%M} to {times[-1]:%H:%M} UTC"
            what = agent if agent in ("scripted", "claude") else f"{agent}, not yet an evaluation"
            rows.append(StageRow(f"attempts of {what}", f"{len(samples)} graded, {correct} correct", when))
        rows += [StageRow(f"checkpoint {stage}", text) for stage in STAGES if (text := self._reached(stage))]
        for name, each in evaluated.items():
            times = sorted(sample.created for sample in agents.get(name, []))
            when = f"{times[0]:%Y-%m-%d %H:%M} to {times[-1]:%H:%M} UTC" if times else ""
            count = len({a.spec for a in each.attempts})
            rows.append(StageRow(f"evaluation of {name}", f"{len(each.attempts)} attempts at {count} specs", when))
        return rows

    def _reached(self, stage: str) -> str:
        folder = self.folder.checkpoints / stage
        if not folder.is_dir():
            return ""
        finished = _json(folder / "finished.json")
        steps = max(self.logs[stage], default=0)
        if finished:
            return f"{STAGES[stage]}: {finished.get('steps')} steps in {finished.get('seconds')} s"
        if stage == "base":
            return STAGES[stage]
        return f"{STAGES[stage]}: unfinished, {f'step {steps} was logged last' if steps else 'no step logged'}"

    @property
    def spreads(self) -> dict[str, dict[str, Spread]]:
        """How the fractions of peak of correct kernels are distributed, by family and agent."""
        families = self.families
        found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
        evaluated = {each.policy for each in self.evaluations}
        for agent, samples in self.tally.agents.items():
            for sample in samples:
                if sample.fraction is not None and agent not in evaluated:
                    found[families.get(sample.spec, "other specs")][agent].append(sample.fraction)
        for each in self.evaluations:
            for attempt in each.attempts:
                if attempt.status == "correct":
                    found[attempt.family][each.policy].append(attempt.fraction)
        return {
            family: {agent: spread(values) for agent, values in agents.items()}
            for family, agents in sorted(found.items())
        }

    @property
    def cost(self) -> Cost | None:
        """What Claude cost; None when it was never asked."""
        if not self.events:
            return None
        open_usd: dict[str, float] = {}
        answers: list[ledger.Answered] = []
        usd = 0
        for event in self.events:
            if isinstance(event, ledger.Asked):
                open_usd[event.id] = event.most_usd
            elif isinstance(event, ledger.Answered | ledger.Dropped):
                open_usd.pop(event.id, None)
            if isinstance(event, ledger.Answered):
                answers.append(event)
            usd += ledger.nano(getattr(event, "usd", 0.0))
        stops: dict[str, int] = defaultdict(int)
        models: dict[str, tuple[int, float]] = defaultdict(lambda: (0, 0.0))
        tokens: dict[str, int] = defaultdict(int)
        for each in answers:
            stops[each.stop_reason] += 1
            count, spent = models[each.model]
            models[each.model] = (count + 1, spent + each.usd)
            for name, value in each.usage.model_dump().items():
                tokens[name] += value
        keys = {each.key for each in answers}
        correct = self.tally.correct(keys)
        return Cost(usd / ledger.NANO, sum(open_usd.values()), len(answers), correct, stops, models, tokens)

    def kernels(self, profiles: int, say: Callable[[str], None]) -> list[Kernel]:
        """The best kernel of each spec, by family. Those of the `profiles` that are farthest from peak are profiled."""
        families = self.families
        best = sorted(self.tally.best.values(), key=lambda each: (families.get(each.spec, ""), each.spec))
        slowest = sorted(best, key=lambda each: each.verdict.fraction_of_peak or 0.0)[:profiles]
        found = []
        for each in best:
            parts, trouble = None, ""
            if each in slowest:
                say(f"profiling the best kernel for {each.spec}")
                parts, trouble = _profiled(each)
            family = families.get(each.spec, "")
            found.append(Kernel(each, family, each.split, parts, trouble))
        return found


def write(path: Path, *, profiles: int = 0, say: Callable[[str], None] = lambda text: None) -> Path:
    """Write a run's `report.html`, and say where it is. Raises UsageError as `Run` does, and when it cannot write."""
    run = Run(path)
    text = render(run, profiles=profiles, say=say)
    file = path / NAME
    try:
        write_atomic(file, text)
    except OSError as error:
        raise UsageError(f"cannot write {file}: {error.strerror}") from None
    return file


def render(run: Run, *, profiles: int = 0, say: Callable[[str], None] = lambda text: None) -> str:
    """The page as text. Everything that comes from a candidate or its compiler is escaped."""
    return page.render(
        _TEMPLATE,
        run=run,
        learning=[chart for chart in (*_supervised(run.logs), *_steps(run)) if chart],
        scoring=_scoring(run.scores),
        fractions=_fractions(run.spreads),
        kernels=run.kernels(profiles, say),
        statuses=[status for status in STATUSES if any(each[status] for each in run.tally.statuses.values())],
        gains=[row for row in run.scores.comparisons if row.family == ALL],
        thresholds=sorted({p for each in run.scores.policies for row in each.rows for p in row.fast}),
        passes=sorted({k for each in run.scores.policies for row in each.rows for k in row.pass_at if k > 1})[-1:],
        report=report,
        waits=waits,
        hot_lines=hot_lines,
        cut=_cut,
        most_source=MOST_SOURCE,
        most_message=MOST_MESSAGE,
        supervised=SUPERVISED,
        training=TRAINING,
    )


def _supervised(logs: Mapping[str, Logs]) -> list[Markup]:
    """The losses of the supervised stages."""
    kinds = {"demonstrations": "loss", "held-out demonstrations": "eval_loss"}
    return [
        charts.lines(
            f"Loss of {title}",
            {shown: _series(logs[stage], name) for shown, name in kinds.items()},
            "step",
            "nats per token",
        )
        for stage, title in SUPERVISED.items()
    ]


def _series(logs: Logs, name: str) -> list[charts.Point]:
    return [(step, log[name]) for step, log in logs.items() if name in log]


def _steps(run: Run) -> list[Markup]:
    """GRPO's reward and its terms, statuses and groups, step by step."""
    steps = run.tally.steps
    graded = {number: step for number, step in steps.items() if step.reward is not None}
    rewards = {"reward": [(number, step.reward or 0.0) for number, step in graded.items()]}
    rewards |= {term: [(number, step.terms[term]) for number, step in graded.items()] for term in TERMS}
    shares = {
        str(status): [(number, step.statuses.get(status, 0) / step.attempts) for number, step in steps.items()]
        for status in STATUSES
    }
    groups = {
        "groups that differ": [(number, 1 - step.flat / step.groups) for number, step in steps.items()],
        "groups without variance": [(number, step.flat / step.groups) for number, step in steps.items()],
    }
    return [
        charts.lines("Mean reward of GRPO's samples, and its terms", rewards, "step", "mean, from 0 to 1", share=True),
        charts.stacked("Verdicts on GRPO's samples", shares, "step", "share of samples"),
        charts.stacked("Groups without variance teach nothing", groups, "step", "share of groups"),
    ]


def _scoring(scores: Scores) -> list[Markup]:
    """What is correct and how fast, with intervals, by split and policy."""
    rows = [row for each in scores.policies for row in each.rows]
    order = {split: rank for rank, split in enumerate(dict.fromkeys(row.split for row in rows))}
    rows.sort(key=lambda row: order[row.split])
    return [
        charts.intervals("Correct", [Row(r.split, r.policy, r.correct) for r in rows], Axis("share of attempts")),
        charts.intervals(
            "Fraction of peak, 0 unless correct",
            [Row(r.split, r.policy, r.fraction) for r in rows],
            Axis("mean fraction of peak"),
        ),
    ]


def _fractions(spreads: Mapping[str, Mapping[str, Spread]]) -> list[Markup]:
    return [charts.histograms(family, rows, "fraction of peak", limit="roofline") for family, rows in spreads.items()]


def _profiled(rollout: Rollout) -> tuple[Mapping[str, Any] | None, str]:
    """What the profile's template asks for, or why there is no profile."""
    try:
        found = profile(specs.get(rollout.spec), rollout.source, device=rollout.verdict.device)
    except CudagymError as error:
        return None, str(error)
    given = profile_page.values(found)
    return {name: given[name] for name in ("profile", "plot", "report", "box")}, ""


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}\n... {len(text) - most:,} more characters"


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="replace") if file.exists() else ""


def _json(file: Path) -> dict[str, Any]:
    """A file's mapping; nothing when there is no such file. Raises UsageError for anything else."""
    try:
        found = json.loads(_text(file) or "{}")
    except ValueError as error:
        raise UsageError(f"{file} is not JSON ({complaint(error)}): delete it to go without.") from None
    if not isinstance(found, dict):
        raise UsageError(f"{file} holds {type(found).__name__} where names and values should be: delete it.")
    return found
