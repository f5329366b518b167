"""The loop: teacher, demonstrations, SFT, GRPO, held-out evaluation, in one run folder.

Every stage leaves what it made in the folder and is skipped when that is already there, so a run that was
interrupted goes on where it stopped. `cudagym demo` runs all stages; `collect`, `sft`, `grpo`, `evaluate` run up to
theirs.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from cudagym import report, specs
from cudagym.agents import demonstrations, grpo, policy, sft
from cudagym.agents.claude import dollars
from cudagym.agents.collect import collect
from cudagym.agents.collector import Collector, Summary
from cudagym.agents.demonstrations import TEACHERS, Verified
from cudagym.agents.evaluate import Evaluation, check_name, compare, evaluate
from cudagym.agents.ledger import Ledger
from cudagym.agents.rollout import make_rollout
from cudagym.agents.stage import weights_digest
from cudagym.config import RunConfig
from cudagym.errors import UsageError
from cudagym.grader import Progress as Report
from cudagym.grader import resolve_device
from cudagym.hardware import gpu
from cudagym.report import Estimate
from cudagym.rewards.terms import Weights
from cudagym.rewards.trl import Graded, make_reward_functions
from cudagym.rollouts import Rollout, RolloutLog, read
from cudagym.runs import RunFolder, write_atomic, write_json
from cudagym.specs.spec import SPLITS, KernelSpec

POLICIES = ("base", "sft", "grpo")
"""The checkpoints an evaluation compares, in the order they are made."""
LINE_SECONDS = 15.0
"""Between two lines of progress where there is no terminal to draw a bar on."""


class Loop:
    """The stages of one run. Each does what it needs of the stages before it."""

    def __init__(self, run: RunFolder, config: RunConfig, console: Console | None = None) -> None:
        self.run, self.config = run, config
        self.console = console or Console(stderr=True, highlight=False)
        self.device = resolve_device(config.device)
        self.gpu = gpu(self.device.removeprefix("sim:"))
        self.weights = Weights.parse(config.rewards)

    def demonstrate(self) -> None:
        """Have the scripted teacher write kernels for the train specs, graded and logged as rollouts."""
        with (
            self.run.open_rollouts() as log,
            self._progress("collect", "grading the teacher's kernels") as report_,
        ):
            collect(
                self._taught(),
                log,
                variants=self.config.collect.variants,
                device=self.device,
                seed=self.config.seed,
                weights=self.weights,
                progress=report_,
            )

    def ask_claude(self) -> Summary:
        """Have Claude write kernels for the train specs, within `claude.budget_usd`, graded and logged as rollouts."""
        kernels, asked = self._taught(), self.config.claude
        with (
            Ledger(self.run.claude, asked.budget_usd) as ledger,
            self.run.open_rollouts() as log,
            self._progress("collect", "conversations", lambda: _spent(ledger)) as report_,
        ):
            collector = Collector(
                kernels,
                asked,
                ledger,
                log,
                device=self.device,
                seed=self.config.seed,
                weights=self.weights,
                progress=report_,
                say=lambda text: self._say("collect", text),
            )
            return asyncio.run(collector.run())

    def _taught(self) -> tuple[KernelSpec, ...]:
        """The specs to collect for. Raises UsageError for a held-out one."""
        kernels = specs.select(self.config.collect.specs)
        for kernel in kernels:
            demonstrations.check_trainable(kernel.name, specs.split_on(kernel, self.device))
        return kernels

    @cached_property
    def verified(self) -> list[Verified]:
        """The teachers' correct kernels for the train specs.

        What Claude wrote so far is taken as it is. The scripted teacher is asked, or asked on, unless Claude is the
        only one that the run has asked.
        """
        claude_was_asked = self.run.claude.exists() and self.run.claude.stat().st_size > 0
        if not claude_was_asked or any(rollout.agent == "scripted" for rollout in self._rollouts()):
            self.demonstrate()
        rollouts = [rollout for rollout in self._rollouts() if rollout.agent in TEACHERS]
        found = demonstrations.verified(rollouts)
        self._say("collect", f"{len(found)} of {len(rollouts)} demonstrations are correct")
        if not found:
            raise UsageError(f"{self.run.rollouts} has no correct kernel to learn from: collect more demonstrations.")
        return found

    def base(self) -> Path:
        """A policy that knows its vocabulary and nothing else."""
        folder = self.run.checkpoints / "base"
        if not folder.exists():
            rows = demonstrations.rows(self.verified, self.gpu)
            aside = folder.with_name("base.partial")
            policy.create(self.config.policy, rows, seed=self.config.seed).save(aside)
            aside.rename(folder)
        return folder

    def sft(self) -> Path:
        """The policy after both supervised stages: every weight on all demonstrations, LoRA on the fastest."""
        known = self.verified
        config, seed = self.config, self.config.seed
        with self._timed("sft"):
            pretrained = sft.pretrain(
                self.base(),
                demonstrations.rows(known, self.gpu, variations=config.sft.variations, seed=seed),
                config.sft,
                self.run.checkpoints / "pretrained",
                seed=seed,
            )
            best = demonstrations.fastest(known, config.sft_lora.best)
            return sft.adapt(
                pretrained,
                demonstrations.rows(best, self.gpu, variations=config.sft_lora.variations, seed=seed),
                config.sft_lora,
                self.run.checkpoints / "sft",
                seed=seed,
            )

    def grpo(self) -> Path:
        """The policy after GRPO on the environment's own reward."""
        start = self.sft()
        names = [kernel.name for kernel in specs.select(self.config.collect.specs)]
        with self._timed("grpo"), self.run.open_rollouts() as log:
            functions = make_reward_functions(
                device=self.device, seed=self.config.seed, listener=lambda step, batch: self._keep(log, step, batch)
            )
            return grpo.refine(
                start,
                demonstrations.prompt_rows(names, self.gpu),
                list(zip(functions, self.weights.in_order(), strict=True)),
                self.config.grpo,
                self.run.checkpoints / "grpo",
                seed=self.config.seed,
            )

    def evaluate(self, checkpoint: Path, name: str) -> Evaluation:
        """Samples of a checkpoint on the evaluation's specs, graded. `name` is what the table calls it.

        Raises UsageError for a name that cannot be, and when the run already has an evaluation of this name of
        other weights.
        """
        check_name(name)
        kept = self.run.path / "evaluations" / f"{name}.json"
        if kept.exists():
            known = Evaluation.model_validate_json(kept.read_text(encoding="utf-8"))
            if known.checkpoint == weights_digest(checkpoint):
                return known
            raise UsageError(f"{kept} is of other weights than {checkpoint}: choose another name for this policy.")
        demonstrated = [rollout.source for rollout in self._rollouts() if rollout.agent in TEACHERS]
        with self.run.open_rollouts() as log, self._progress(f"evaluate {name}", "grading samples") as report_:
            evaluation = evaluate(
                checkpoint,
                self._evaluated(),
                self.config.evaluate,
                name=name,
                device=self.device,
                seed=self.config.seed,
                weights=self.weights,
                log=log,
                demonstrated=demonstrated,
                progress=report_,
            )
        kept.parent.mkdir(exist_ok=True)
        write_json(kept, evaluation.model_dump(mode="json"))
        return evaluation

    def demo(self) -> str:
        """All stages. Returns the table that is also left in `table.txt`."""
        checkpoints = dict(zip(POLICIES, (self.base(), self.sft(), self.grpo()), strict=True))
        evaluations = {name: self.evaluate(folder, name) for name, folder in checkpoints.items()}
        text = self._summary(evaluations)
        write_atomic(self.run.path / "table.txt", text + "\n")
        return text

    def _summary(self, evaluations: dict[str, Evaluation]) -> str:
        before, after = evaluations["sft"], evaluations["grpo"]
        present = {attempt.split for attempt in before.attempts}
        gains: dict[str, Estimate] = {
            split: compare(_of_split(before, split), _of_split(after, split)) for split in SPLITS if split in present
        }
        gains["all"] = compare(before, after)
        write_json(
            self.run.metrics,
            {
                "rows": {name: [row.model_dump(mode="json") for row in e.rows] for name, e in evaluations.items()},
                "grpo_less_sft": {split: gain.model_dump() for split, gain in gains.items()},
                "demonstrated": {name: e.demonstrated.model_dump() for name, e in evaluations.items()},
                "unique_correct": {name: e.unique_correct for name, e in evaluations.items()},
                "ungraded": {name: e.ungraded for name, e in evaluations.items()},
            },
        )
        rows = [row for name in POLICIES for row in evaluations[name].rows]
        lines = [
            report.to_text(report.scores_table(rows), width=130),
            "GRPO's mean reward less SFT's on the same specs and samples:",
            *(f"  {split:13} {_interval(gain)}" for split, gain in gains.items()),
        ]
        lines += [
            f"{name}: {report.percent(e.demonstrated)} of completions repeat a demonstration;"
            f" {e.unique_correct} different correct sources; {e.ungraded} ungraded"
            for name, e in evaluations.items()
        ]
        return "\n".join(lines)

    def _keep(self, log: RolloutLog, step: int, batch: Sequence[Graded]) -> None:
        """Log what GRPO sampled. A step that is repeated after an interruption is logged again."""
        for number, (name, prompt, completion, verdict) in enumerate(batch):
            key = f"training/{name}/{step}.{number}"
            log.append(
                make_rollout(
                    key,
                    specs.get(name),
                    str(prompt),
                    completion,
                    verdict,
                    weights=self.weights,
                    seed=self.config.seed,
                )
            )

    def _evaluated(self) -> tuple[KernelSpec, ...]:
        return specs.select(self.config.evaluate.specs)

    def _rollouts(self) -> Iterator[Rollout]:
        return read(self.run.rollouts) if self.run.rollouts.exists() else iter(())

    def _say(self, stage: str, text: str) -> None:
        self.console.print(f"[bold]{stage}[/bold]  {text}", soft_wrap=True)

    @contextmanager
    def _timed(self, stage: str) -> Iterator[None]:
        start = time.monotonic()
        yield
        self._say(stage, f"done in {time.monotonic() - start:.0f} s")

    def _lines(self, stage: str, note: Callable[[], str]) -> Report:
        """Progress as one line at the start, at the end and every 15 seconds between."""
        last, shown = -LINE_SECONDS, ""

        def report_(reached: int, wanted: int) -> None:
            nonlocal last, shown
            text = f"{reached} of {wanted}  {note()}".rstrip()
            if text != shown and (time.monotonic() - last >= LINE_SECONDS or reached == wanted):
                last, shown = time.monotonic(), text
                self._say(stage, text)

        return report_

    @contextmanager
    def _progress(self, stage: str, text: str, note: Callable[[], str] = str) -> Iterator[Report]:
        """A bar with what is done, what is wanted, the time left and `note`; in a log file, a line now and then."""
        if not self.console.is_terminal:
            yield self._lines(stage, note)
            return
        columns = (
            TextColumn(f"[bold]{stage}[/bold]  {text}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
        )
        with Progress(*columns, console=self.console) as bar:
            task = bar.add_task(stage, total=None, note=note())
            yield lambda reached, wanted: bar.update(task, completed=reached, total=wanted, note=note())


def _spent(ledger: Ledger) -> str:
    return f"{dollars(ledger.spent)} of {dollars(ledger.budget)} spent"


def _of_split(evaluation: Evaluation, split: str) -> Evaluation:
    """The evaluation with the attempts of one split."""
    attempts = tuple(attempt for attempt in evaluation.attempts if attempt.split == split)
    return evaluation.model_copy(update={"attempts": attempts})


def _interval(estimate: Estimate) -> str:
    return f"{estimate.mean:+.3f} [{estimate.low:+.3f}, {estimate.high:+.3f}]"
