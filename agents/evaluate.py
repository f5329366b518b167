"""Evaluating: completions of a writer, graded through `cudagym.grader` like everybody's, as an Evaluation.

Batches of completions are written with seeds of their own, graded, and kept as rollouts a few at a time. What the log
has is neither graded nor asked for again: an evaluation that was interrupted goes on, and ends as it would have.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence

from cudagym import grader, prompts, runs, specs
from cudagym.agents import claude
from cudagym.agents.claude import dollars
from cudagym.agents.collector import Collector
from cudagym.agents.demonstrations import TEACHERS
from cudagym.agents.evaluation import Attempt, Evaluation
from cudagym.agents.ledger import Asked, Ledger
from cudagym.agents.ledger import read as read_ledger
from cudagym.agents.rollout import make_rollout
from cudagym.agents.writers import Task, Writer
from cudagym.config import ClaudeConfig, EvaluateConfig
from cudagym.devices import gpu_of, resolve_device
from cudagym.errors import UsageError
from cudagym.grader import Progress
from cudagym.prompts import Style
from cudagym.rewards.terms import Weights, terms_of
from cudagym.rollouts import Rollout, RolloutLog, read
from cudagym.source import without_comments
from cudagym.specs.spec import KernelSpec

RESERVED = (*TEACHERS, "training")
"""The first part of the keys of rollouts that are a teacher's, or were sampled while training. GRPO's measuring of pass
rates is called `probe`."""
GRADED_AT_ONCE = 32
"""Completions graded between two writes to the log: what an interruption can cost."""


def evaluate(
    writer: Writer,
    kernels: Sequence[KernelSpec],
    settings: EvaluateConfig,
    log: RolloutLog,
    *,
    name: str,
    device: str = "auto",
    seed: int = 0,
    style: Style = "compact",
    weights: Weights | None = None,
    demonstrated: Iterable[str] = (),
    progress: Progress | None = None,
) -> Evaluation:
    """Have `writer` write `settings.samples` completions per spec, and grade those that `log` does not have yet.

    `name` says which policy it is, in the rollouts (`<name>/<spec>/<sample>`) and the scores. `demonstrated` are the
    sources that the policy was trained on. Equal arguments give equal attempts. Raises UsageError when there is no
    spec, for a name that cannot be, and when the log has rollouts of this name that another writer wrote.
    """
    check_name(name)
    _check_specs(kernels)
    card, weights = gpu_of(resolve_device(device)), weights or Weights()
    stored = {rollout.key: rollout for rollout in read(log.path) if rollout.agent == name}
    for rollout in stored.values():
        if rollout.versions.get("model") != writer.digest:
            raise UsageError(f"{log.path} has rollouts of another {name}: choose another name for this policy.")
    questions = {spec.name: prompts.render(spec, card, style, weights=weights.model_dump()) for spec in kernels}
    tasks = [Task(spec, sample, questions[spec.name]) for spec in kernels for sample in range(settings.samples)]
    keys = {_key(name, task): task for task in tasks}
    report = progress or (lambda reached, of: None)
    report(sum(key in stored for key in keys), len(keys))
    for start in range(0, len(tasks), settings.batch_size):
        batch = tasks[start : start + settings.batch_size]
        if all(_key(name, task) in stored for task in batch):
            continue
        written = list(zip(batch, writer.write(batch, seed=_seed(seed, start)), strict=True))
        todo = [(task, completion) for task, completion in written if _key(name, task) not in stored]
        for first in range(0, len(todo), GRADED_AT_ONCE):
            some = todo[first : first + GRADED_AT_ONCE]
            items = [(task.spec, prompts.extract_source(completion)) for task, completion in some]
            for (task, completion), verdict in zip(
                some, grader.grade_many(items, device=device, seed=seed), strict=True
            ):
                key = _key(name, task)
                rollout = make_rollout(
                    key, task.spec, task.question, completion, verdict, weights=weights, seed=seed, model=writer.digest
                )
                log.append(rollout)
                stored[key] = rollout
            report(sum(key in stored for key in keys), len(keys))
    known = {without_comments(source) for source in demonstrated}
    return Evaluation(
        policy=name,
        checkpoint=writer.digest,
        device=resolve_device(device),
        seed=seed,
        specs=_hashes(kernels),
        weights=weights.model_dump(),
        attempts=tuple(_attempt(task.spec, task.sample, stored[key], known) for key, task in keys.items()),
    )


def evaluate_claude(
    config: ClaudeConfig,
    kernels: Sequence[KernelSpec],
    settings: EvaluateConfig,
    log: RolloutLog,
    ledger: Ledger,
    *,
    name: str,
    device: str = "auto",
    seed: int = 0,
    weights: Weights | None = None,
    demonstrated: Iterable[str] = (),
    progress: Progress | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Evaluation:
    """The same of Claude, asked once per sample within the ledger's budget, and for nothing that the ledger has.

    A refusal, or an answer that was cut off, is a failed attempt; one that never came is an ungraded one. Raises
    UsageError, with all answers stored, when the budget is used up before the last one.
    """
    check_name(name)
    _check_specs(kernels)
    for event in read_ledger(ledger.path):
        if isinstance(event, Asked) and _of(event.key, name) and event.request != claude.parameters(config):
            raise UsageError(
                f"{ledger.path} has answers of {name} to other settings of section `claude`: choose another name."
            )
    asked = config.model_copy(update={"samples": settings.samples, "attempts": 1})
    weights = weights or Weights()
    collector = Collector(
        kernels,
        asked,
        ledger,
        log,
        device=device,
        seed=seed,
        weights=weights,
        agent=name,
        progress=progress,
        say=say,
    )
    summary = asyncio.run(collector.run())
    if summary.unfinished:
        raise UsageError(
            f"the budget of {dollars(ledger.budget)} was used up after {summary.answers} of {summary.conversations} "
            "answers. They are stored: raise claude.budget_usd and repeat the command to go on."
        )
    known = {without_comments(source) for source in demonstrated}
    graded = {rollout.key: rollout for rollout in read(log.path) if rollout.agent == name}
    attempts = []
    for each in collector.conversations:
        key = f"{name}/{each.spec.name}/{each.sample}.0"
        if key in graded:
            attempts.append(_attempt(each.spec, each.sample, graded[key], known))
        else:
            attempts.append(_unanswered(each.spec, each.sample, device, answered=key in ledger.answers))
    return Evaluation(
        policy=name,
        checkpoint=claude_digest(config),
        device=resolve_device(device),
        seed=seed,
        specs=_hashes(kernels),
        weights=weights.model_dump(),
        attempts=tuple(sorted(attempts, key=lambda a: (list(_hashes(kernels)).index(a.spec), a.sample))),
    )


def claude_digest(config: ClaudeConfig) -> str:
    """A short name for how Claude is asked."""
    return hashlib.sha256(json.dumps(claude.parameters(config), sort_keys=True).encode()).hexdigest()[:16]


def check_name(name: str) -> None:
    """Raises UsageError unless a policy may be called `name`, in files and in the keys of its rollouts."""
    if name in RESERVED:
        raise UsageError(f"a policy cannot be called {name!r}, as other rollouts of a run are: choose another name")
    runs.check_name("policy", name)


def _check_specs(kernels: Sequence[KernelSpec]) -> None:
    if not kernels:
        raise UsageError("nothing to evaluate on: select at least one spec.")


def _hashes(kernels: Sequence[KernelSpec]) -> Mapping[str, str]:
    return {spec.name: specs.spec_hash(spec) for spec in kernels}


def _key(name: str, task: Task) -> str:
    return f"{name}/{task.spec.name}/{task.sample}"


def _of(key: str, name: str) -> bool:
    return key.partition("/")[0] == name


def _seed(seed: int, start: int) -> int:
    """Of the batch that begins with task `start`, so that it does not depend on the batches before."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{start}".encode()).digest()[:4])


def _attempt(spec: KernelSpec, sample: int, rollout: Rollout, known: set[str]) -> Attempt:
    terms = terms_of(rollout.verdict)
    program = without_comments(rollout.source)
    return Attempt(
        spec=spec.name,
        family=spec.family,
        split=rollout.split,
        sample=sample,
        status=rollout.verdict.status,
        compiled=terms is not None and terms.compile > 0,
        fraction=rollout.verdict.fraction_of_peak or 0.0,
        reward=rollout.reward,
        demonstrated=program in known,
        program=program,
    )


def _unanswered(spec: KernelSpec, sample: int, device: str, *, answered: bool) -> Attempt:
    return Attempt(
        spec=spec.name,
        family=spec.family,
        split=specs.split_on(spec, resolve_device(device)),
        sample=sample,
        status="no_answer",
        compiled=False,
        fraction=0.0,
        reward=0.0 if answered else None,
        demonstrated=False,
        program="",
    )
