"""The loop: teacher, demonstrations, SFT, GRPO, held-out evaluation, in one run folder.

Every stage leaves what it made in the folder and is skipped when that is already there, so a run that was
interrupted goes on where it stopped. `cudagym demo` runs all stages; `collect`, `sft`, `grpo`, `evaluate` run up to
theirs.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from rich.console import Console

from cudagym import report, specs
from cudagym.agents import curriculum, demonstrations, evaluations, grpo, guard, policy, sft
from cudagym.agents.claude import dollars
from cudagym.agents.collect import collect
from cudagym.agents.collector import Collector, Summary
from cudagym.agents.demonstrations import TEACHERS, Verified
from cudagym.agents.evaluate import check_name, claude_digest, evaluate, evaluate_claude
from cudagym.agents.evaluation import Evaluation, compare
from cudagym.agents.ledger import Asked, Ledger
from cudagym.agents.ledger import read as read_ledger
from cudagym.agents.progress import console as first_process
from cudagym.agents.progress import progress
from cudagym.agents.rollout import make_rollout
from cudagym.agents.samples import Samples
from cudagym.agents.trouble import trouble
from cudagym.agents.writers import Checkpoint, Laziness, Lazy, Scripted, Writer, check_scripted
from cudagym.config import RunConfig
from cudagym.devices import gpu_of, resolve_device
from cudagym.envs.episode import Episode
from cudagym.errors import UsageError
from cudagym.grader import Progress as Report
from cudagym.rewards.terms import Weights
from cudagym.rewards.trl import Graded, make_reward_functions
from cudagym.rollouts import Message, Rollout, RolloutLog, read
from cudagym.runs import RunFolder, write_atomic, write_json
from cudagym.specs.spec import KernelSpec

POLICIES = ("base", "sft", "grpo")
"""The checkpoints an evaluation compares, in the order they are made."""
RANK = f"{rank}." if (rank := os.environ.get("RANK", "0")) != "0" else ""
"""Which of several training processes this is, for the keys of what it samples; the first one is not named."""


class Loop:
    """The stages of one run. Each does what it needs of the stages before it."""

    def __init__(self, run: RunFolder, config: RunConfig, console: Console | None = None) -> None:
        self.run, self.config = run, config
        self.console = console or first_process()
        self.device = resolve_device(config.device)
        self.gpu = gpu_of(self.device)
        self.weights = Weights.parse(config.rewards)

    def demonstrate(self) -> None:
        """Have the scripted teacher write kernels for the train specs, graded and logged as rollouts."""
        with (
            self.run.open_rollouts() as log,
            self._progress("collect", "kernels graded") as report_,
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
        asked = (event.key for event in read_ledger(self.run.claude) if isinstance(event, Asked))
        claude_was_asked = any(key.startswith("claude/") for key in asked)
        if not claude_was_asked or any(rollout.agent == "scripted" for rollout in self._rollouts()):
            self.demonstrate()
        rollouts = [rollout for rollout in self._rollouts() if rollout.agent in TEACHERS]
        for rollout in rollouts:
            guard.check(rollout)
        found = demonstrations.verified(rollouts)
        self._say("collect", f"{len(found)} of {len(rollouts)} demonstrations are correct")
        if not found:
            raise UsageError(f"{self.run.rollouts} has no correct kernel to learn from: collect more demonstrations.")
        return found

    def base(self) -> Path:
        """The pretrained model, or a policy that knows its vocabulary and nothing else."""
        if self.config.policy.model is not None:
            folder = policy.resolve(self.config.policy.model)
            policy.check_checkpoint(folder)
            return folder
        folder = self.run.checkpoints / "base"
        if not folder.exists():
            rows = demonstrations.rows(self.verified, self.gpu, **self._asked)
            aside = folder.with_name("base.partial")
            with trouble("sft", folder):
                policy.create(self.config.policy, rows, seed=self.config.seed).save(aside)
            aside.rename(folder)
        return folder

    def sft(self) -> Path:
        """The policy after both supervised stages: every weight on all demonstrations, LoRA on the fastest."""
        if self.config.policy.model is not None:
            self.base()  # before anything is collected for a model that is not there
        known = self.verified
        config, seed = self.config, self.config.seed
        how: dict[str, Any] = {"seed": seed, "turns": config.grpo.turns, **self._asked}
        with self._timed("sft"):
            pretrained = sft.pretrain(
                self.base(),
                demonstrations.rows(known, self.gpu, variations=config.sft.variations, **how),
                config.sft,
                self.run.checkpoints / "pretrained",
                seed=seed,
            )
            best = demonstrations.fastest(known, config.sft_lora.best)
            return sft.adapt(
                pretrained,
                demonstrations.rows(best, self.gpu, variations=config.sft_lora.variations, **how),
                config.sft_lora,
                self.run.checkpoints / "sft",
                seed=seed,
            )

    def grpo(self) -> Path:
        """The policy after GRPO on the environment's own reward. Raises InfrastructureError for a missing vLLM."""
        grpo.check_sampler(self.config.grpo)
        start = self.sft()
        rates = self.pass_rates() if self.config.grpo.curriculum else {}
        names = curriculum.repeated([kernel.name for kernel in self._taught()], rates)
        with self._timed("grpo"), self.run.open_rollouts() as log:
            samples = Samples()

            def keep(step: int, batch: Sequence[Graded]) -> None:
                self._keep(log, step, batch)
                samples(step, batch)

            functions = make_reward_functions(
                device=self.device,
                seed=self.config.seed,
                listener=keep,
                shuffled=self.config.grpo.shuffle_rewards,
            )
            return grpo.refine(
                start,
                demonstrations.prompt_rows(names, self.gpu, **self._asked),
                list(zip(functions, self.weights.in_order(), strict=True)),
                self.config.grpo,
                self.run.checkpoints / "grpo",
                seed=self.config.seed,
                environment=self._episode if self.config.grpo.turns > 1 else None,
            )

    def _episode(self) -> Episode:
        return Episode(device=self.device, seed=self.config.seed, turns=self.config.grpo.turns)

    def pass_rates(self) -> dict[str, float]:
        """How often the policy that GRPO starts from is right, by spec: measured once, and kept in `pass_rates.json`.

        Raises UsageError where one of several processes would have to measure them.
        """
        start, kernels, file = self.sft(), self._taught(), self.run.path / "pass_rates.json"
        if file.exists():
            known: dict[str, float] = json.loads(file.read_text(encoding="utf-8"))
            return known
        if int(os.environ.get("WORLD_SIZE", "1")) > 1:
            raise UsageError(
                "the curriculum's pass rates are measured by one process: run `cudagym grpo --pass-rates` with the "
                "same settings and name first, without accelerate, or set grpo.curriculum=0."
            )
        settings = self.config.evaluate.model_copy(update={"samples": max(1, self.config.grpo.curriculum)})
        writer = Checkpoint(start, settings, chat=self.config.prompt == "chat")
        with self.run.open_rollouts() as log, self._progress("grpo", "samples for pass rates") as report_:
            found = evaluate(
                writer,
                kernels,
                settings,
                log,
                name="probe",
                device=self.device,
                seed=self.config.seed,
                style="compact" if self.config.prompt == "compact" else "full",
                weights=self.weights,
                progress=report_,
            )
        rates = curriculum.pass_rates(found)
        write_json(file, rates)
        return rates

    @property
    def _asked(self) -> dict[str, Any]:
        """How policies are asked."""
        return {"prompt": self.config.prompt, "weights": self.weights.model_dump()}

    def checkpoint(self, folder: Path, base: Path | None = None) -> Checkpoint:
        """A checkpoint or adapter, asked as the configuration says."""
        return Checkpoint(folder, self.config.evaluate, chat=self.config.prompt == "chat", base=base)

    def teacher(self) -> Scripted:
        """The scripted teacher. Raises UsageError when it cannot write one of the evaluation's specs."""
        check_scripted(self._evaluated())
        return Scripted(self.config.evaluate.samples, self.config.seed)

    def lazy(self, kind: Laziness) -> Lazy:
        return Lazy(kind)

    def evaluate(self, writer: Writer, name: str) -> Evaluation:
        """Samples of a policy on the evaluation's specs, graded. `name` is what the table calls it.

        Raises UsageError for a name that cannot be, and when the run already has an evaluation of this name of
        another policy.
        """
        if (known := self._kept(name, writer.digest)) is not None:
            return known
        with self.run.open_rollouts() as log, self._progress(f"evaluate {name}", "samples") as report_:
            found = evaluate(
                writer,
                self._evaluated(),
                self.config.evaluate,
                log,
                name=name,
                device=self.device,
                seed=self.config.seed,
                style="compact" if self.config.prompt == "compact" else "full",
                weights=self.weights,
                demonstrated=self._demonstrated(),
                progress=report_,
            )
        return self._keep_evaluation(found)

    def evaluate_claude(self, name: str) -> Evaluation:
        """The same of Claude, as section `claude` of the configuration says and within its budget, one answer each."""
        if (known := self._kept(name, claude_digest(self.config.claude))) is not None:
            return known
        with (
            Ledger(self.run.claude, self.config.claude.budget_usd) as ledger,
            self.run.open_rollouts() as log,
            self._progress(f"evaluate {name}", "answers", lambda: _spent(ledger)) as report_,
        ):
            found = evaluate_claude(
                self.config.claude,
                self._evaluated(),
                self.config.evaluate,
                log,
                ledger,
                name=name,
                device=self.device,
                seed=self.config.seed,
                weights=self.weights,
                demonstrated=self._demonstrated(),
                progress=report_,
                say=lambda text: self._say(f"evaluate {name}", text),
            )
        return self._keep_evaluation(found)

    def _kept(self, name: str, digest: str) -> Evaluation | None:
        """The run's evaluation of this name, if it has one. Raises UsageError when it is another policy's."""
        check_name(name)
        file = self.run.evaluations / f"{name}.json"
        if not file.exists():
            return None
        known = evaluations.load(file)
        if known.checkpoint != digest:
            raise UsageError(f"{file} is of another policy than this one: choose another name for it.")
        return known

    def _keep_evaluation(self, evaluation: Evaluation) -> Evaluation:
        evaluations.save(evaluation, self.run)
        return evaluation

    def _demonstrated(self) -> list[str]:
        return [rollout.source for rollout in self._rollouts() if rollout.agent in TEACHERS]

    def demo(self) -> str:
        """All stages. Returns the table that is also left in `table.txt`."""
        checkpoints = dict(zip(POLICIES, (self.base(), self.sft(), self.grpo()), strict=True))
        found = {name: self.evaluate(self.checkpoint(folder), name) for name, folder in checkpoints.items()}
        text = self._summary(found)
        write_atomic(self.run.path / "table.txt", text + "\n")
        return text

    def _summary(self, found: dict[str, Evaluation]) -> str:
        gains = [row for row in compare(found["sft"], found["grpo"]) if row.family == report.ALL]
        write_json(
            self.run.metrics,
            {
                "policies": {name: each.summary() for name, each in found.items()},
                "grpo_less_sft": [row.model_dump(mode="json") for row in gains],
            },
        )
        rows = [row for name in POLICIES for row in found[name].rows]
        lines = [
            report.to_text(report.scores_table(rows), width=report.WIDE),
            "GRPO's mean reward less SFT's on the same specs and samples:",
            *(f"  {row.split:13} {report.signed(row.reward)}" for row in gains),
        ]
        lines += [
            f"{name}: {report.percent(e.demonstrated)} of completions repeat a demonstration;"
            f" {e.unique_correct} different correct sources; {e.ungraded} ungraded"
            for name, e in found.items()
        ]
        return "\n".join(lines)

    def _keep(self, log: RolloutLog, step: int, batch: Sequence[Graded]) -> None:
        """Log what GRPO sampled. A step that is repeated after an interruption is logged again."""
        for number, (name, prompt, completion, verdict) in enumerate(batch):
            key = f"training/{name}/{step}.{RANK}{number}"
            log.append(
                make_rollout(
                    key,
                    specs.get(name),
                    prompt if isinstance(prompt, str) else tuple(_message(each) for each in prompt),
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

    def _progress(self, stage: str, text: str, note: Callable[[], str] = str) -> AbstractContextManager[Report]:
        return progress(self.console, stage, text, note)


def _message(said: Mapping[str, Any]) -> Message:
    return Message(role=said["role"], content=str(said["content"]))


def _spent(ledger: Ledger) -> str:
    return f"{dollars(ledger.spent)} of {dollars(ledger.budget)} spent"
