"""Writers: whatever is evaluated. A checkpoint samples; the scripted teacher and lazy sources are baselines.

A writer is asked for whole batches, and what it writes depends on the batch and the seed alone, so that an evaluation
that was interrupted inside a batch asks for the same batch again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

from cudagym.agents import policy, scripted
from cudagym.agents.scripted import ScriptedTeacher
from cudagym.agents.stage import weights_digest
from cudagym.config import EvaluateConfig
from cudagym.errors import UsageError
from cudagym.specs.spec import HEADERS, KernelSpec

Laziness = Literal["empty", "zeros"]


class Task(NamedTuple):
    """One completion to write."""

    spec: KernelSpec
    sample: int
    """Which of the spec's samples, from 0."""
    question: str


class Writer(Protocol):
    """Writes completions."""

    @property
    def digest(self) -> str:
        """A short name for everything that decides what it writes, the seed and the sampling settings apart."""

    def write(self, tasks: Sequence[Task], *, seed: int) -> list[str]:
        """One completion per task, in order."""


class Checkpoint:
    """A local model: a checkpoint's folder, or an adapter's, on `base` when that is not the one it names."""

    def __init__(self, folder: Path, settings: EvaluateConfig, *, chat: bool = False, base: Path | None = None) -> None:
        """Raises UsageError when there is no checkpoint. Weights are loaded when they are first needed."""
        policy.check_checkpoint(folder, base)
        self.folder, self.settings, self.chat, self.base = folder, settings, chat, base

    @cached_property
    def digest(self) -> str:
        under = policy.base_of(self.folder, self.base)
        own = weights_digest(self.folder)
        return own if under is None else hashlib.sha256(f"{own} {weights_digest(under)}".encode()).hexdigest()[:16]

    @cached_property
    def _policy(self) -> policy.Policy:
        return policy.load(self.folder, self.base).placed()

    def write(self, tasks: Sequence[Task], *, seed: int) -> list[str]:
        """Raises UsageError when a chat is asked for and the tokenizer has no template for one."""
        return policy.complete(
            self._policy,
            [policy.chat(self._policy, task.question) if self.chat else task.question for task in tasks],
            seed=seed,
            temperature=self.settings.temperature,
            max_new_tokens=self.settings.max_new_tokens,
            batch_size=len(tasks),
        )


class Scripted:
    """The scripted teacher: per spec its variants in a drawn order, from the first again when there are no more."""

    def __init__(self, samples: int, seed: int) -> None:
        self.samples, self.seed = samples, seed

    @cached_property
    def digest(self) -> str:
        folder = Path(scripted.__file__).parent
        files = sorted((*folder.glob("kernels/*.cu"), folder / "scripted.py", folder / "skeletons.py"))
        return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()[:16]

    def write(self, tasks: Sequence[Task], *, seed: int) -> list[str]:
        """Raises UsageError for a spec that it has no algorithm for."""
        known = {task.spec.name: task.spec for task in tasks}
        teacher = ScriptedTeacher()
        sources = {
            name: [each.source for each in teacher.sources(spec, limit=self.samples, seed=self.seed)]
            for name, spec in known.items()
        }
        return [sources[task.spec.name][task.sample % len(sources[task.spec.name])] for task in tasks]


class Lazy:
    """Sources that do nothing for their reward: `empty` has a body without statements, `zeros` clears the outputs.

    What they earn is what any source earns that compiles. They must never be correct.
    """

    def __init__(self, kind: Laziness) -> None:
        self.kind = kind

    @property
    def digest(self) -> str:
        return f"{self.kind}-1"

    def write(self, tasks: Sequence[Task], *, seed: int) -> list[str]:
        return [lazy_source(task.spec, self.kind) for task in tasks]


def lazy_source(spec: KernelSpec, kind: Laziness) -> str:
    """A source for `spec` that compiles, and computes nothing."""
    statements = []
    for each in spec.outputs if kind == "zeros" else ():
        extents = " * ".join(f"(size_t){axis}" for axis in each.axes)
        statements.append(f"    cudaMemsetAsync({each.name}, 0, {extents} * sizeof(*{each.name}), 0);\n")
    needed = dict.fromkeys(HEADERS[each.dtype] for each in spec.parameters if each.dtype in HEADERS)
    headers = "".join(f"#include <{name}>\n" for name in needed)
    return f'{headers}extern "C" {spec.signature} {{\n{"".join(statements)}}}\n'


def check_scripted(specs: Sequence[KernelSpec]) -> None:
    """Raises UsageError naming the specs that the scripted teacher cannot write."""
    lacking = []
    for spec in specs:
        try:
            ScriptedTeacher().ladder(spec)
        except UsageError:
            lacking.append(spec.name)
    if lacking:
        raise UsageError(
            f"the scripted teacher has no algorithm for {', '.join(lacking)}: evaluate it on other specs, with "
            "--set 'evaluate.specs=[...]' or --split."
        )
