"""Collection: a teacher's sources, graded and kept as rollouts, correct or not."""

from __future__ import annotations

from collections.abc import Sequence

from cudagym import prompts
from cudagym.agents.rollout import make_rollout
from cudagym.agents.scripted import Demonstration, ScriptedTeacher
from cudagym.devices import gpu_of, resolve_device
from cudagym.grader import Progress, grade_many
from cudagym.rewards.terms import Weights
from cudagym.rollouts import RolloutLog
from cudagym.specs.spec import KernelSpec

TEACHER = "scripted"
BATCH = 16
"""Sources graded between two writes to the log: what an interruption can cost."""


def collect(
    kernels: Sequence[KernelSpec],
    log: RolloutLog,
    *,
    variants: int,
    device: str = "auto",
    seed: int = 0,
    weights: Weights | None = None,
    progress: Progress | None = None,
) -> None:
    """Grade about `variants` settings of each algorithm that the scripted teacher has for a spec, into `log`.

    Attempts that the log already has are not made again. Raises UsageError for a spec the teacher has no
    algorithm for.
    """
    card = gpu_of(resolve_device(device))
    teacher = ScriptedTeacher()
    wanted = [
        (f"{TEACHER}/{spec.name}/{_label(demonstration)}", spec, demonstration)
        for spec in kernels
        for demonstration in teacher.sources(spec, limit=variants * len(teacher.ladder(spec)), seed=seed)
    ]
    todo = [each for each in wanted if each[0] not in log]
    for start in range(0, len(todo), BATCH):
        batch = todo[start : start + BATCH]
        before = len(wanted) - len(todo) + start
        verdicts = grade_many(
            [(spec, each.source) for _, spec, each in batch],
            device=device,
            seed=seed,
            progress=progress and _shifted(progress, before, len(wanted)),
        )
        for (key, spec, demonstration), verdict in zip(batch, verdicts, strict=True):
            prompt = prompts.render(spec, card, style="compact")
            log.append(make_rollout(key, spec, prompt, demonstration.source, verdict, weights=weights, seed=seed))


def _shifted(progress: Progress, before: int, wanted: int) -> Progress:
    """Progress of a batch as that of the whole, `before` of which came earlier."""
    return lambda reached, of: progress(before + reached, wanted)


def _label(demonstration: Demonstration) -> str:
    knobs = "".join(f"-{name}{value}" for name, value in sorted(demonstration.knobs.items()))
    return demonstration.algorithm + knobs
