"""The mutation report: of every spec, what share of mutants the checks kill.

    python tests/mutants/report.py [SPEC...]     grades what is not graded yet, writes docs/integrity.md

The mutants of a spec are the first `PER_SPEC` of its list that count, or all where there are fewer: they compile, to
other code than their originals, and `equivalent.txt` does not say why they compute the same. Those that pass all checks
are timed as well, where the judge compares again; what is left survives. Verdicts are kept in the cache folder, so that
the program can be ended and started again. One spec of each family comes first.
"""

from __future__ import annotations

import argparse
import json
import os
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from queue import SimpleQueue
from typing import NamedTuple

import torch
from mutation import OPERATORS, Mutant, mutants
from rich.console import Console

from cudagym.build.builder import Build, Builder
from cudagym.build.cache import cache_dir, key_of
from cudagym.errors import BuildFailed
from cudagym.hardware import GPUS
from cudagym.judge import Judge
from cudagym.simulator.gpu import SimulatedGPU
from cudagym.specs import FAMILIES, all_specs, get, spec_hash
from cudagym.specs.spec import KernelSpec
from cudagym.verdict import Verdict

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "integrity.md"
MARKS = ("<!-- make mutants writes from here -->\n", "<!-- make mutants writes to here -->\n")
GPU = GPUS["h100"]
PER_SPEC, FEWEST = 40, 20
SAME_CODE = "same code"
KILLING = frozenset({"wrong", "faulted", "timed_out", "rejected", "violation", "launch_failed"})


class Outcome(NamedTuple):
    """What became of one mutant."""

    spec: str
    key: str
    operator: str
    change: str
    status: str
    """Of its verdict, or `same code`."""
    message: str

    @property
    def is_killed(self) -> bool:
        return self.status in KILLING

    @property
    def counts(self) -> bool:
        """Whether there is a mutant at all: a program, and another one than before."""
        return self.status not in (SAME_CODE, "build_failed")


class Bench:
    """Grades mutants with the judge's checks, on several simulated GPUs at once. Close it."""

    def __init__(self, jobs: int) -> None:
        self._builder = Builder(jobs=jobs)
        self._judges: SimpleQueue[Judge] = SimpleQueue()
        self._pool = ThreadPoolExecutor(jobs, initializer=torch.set_num_threads, initargs=(1,))
        self._all = [Judge(SimulatedGPU(GPU.name, threads=1), self._builder, b"mutants") for _ in range(jobs)]
        for judge in self._all:
            self._judges.put(judge)

    def grade(self, spec: KernelSpec, some: list[Mutant]) -> list[Outcome]:
        """One outcome per mutant, in order."""
        originals = {mutant.original: "" for mutant in some}
        builds = self._builder.build_many([(spec, source) for source in [*originals, *(m.source for m in some)]], GPU)
        for source, build in zip(originals, builds, strict=False):
            originals[source] = build.compiled.ptx if isinstance(build, Build) else ""
        pairs = zip(some, builds[len(originals) :], strict=True)
        return list(self._pool.map(lambda pair: self._grade(spec, *pair, originals[pair[0].original]), pairs))

    def close(self) -> None:
        self._pool.shutdown()
        for judge in self._all:
            judge.close()

    def _grade(self, spec: KernelSpec, mutant: Mutant, build: Build | BuildFailed, original: str) -> Outcome:
        head = (spec.name, mutant.key, mutant.operator, mutant.change)
        if isinstance(build, Build) and mutant.operator in OPERATORS and build.compiled.ptx == original:
            return Outcome(*head, SAME_CODE, "")
        verdict = self._verdict(spec, mutant.source, build)
        return Outcome(*head, verdict.status, verdict.message[:300])

    def _verdict(self, spec: KernelSpec, source: str, build: Build | BuildFailed) -> Verdict:
        judge = self._judges.get()
        try:
            return judge.check(spec, source, build, seed=0) or judge.examine(spec, source, build, seed=0)
        finally:
            self._judges.put(judge)


class Ledger:
    """Outcomes by mutant and spec as it was, in a file that grows."""

    def __init__(self, path: Path, *, again: bool = False) -> None:
        """`again`: what survived is not known."""
        self._path = path
        lines = path.read_text().splitlines() if path.exists() else []
        known = {line["id"]: Outcome(*line["outcome"]) for line in map(json.loads, lines)}
        # An error of the grader says nothing about the mutant.
        forgotten = {"correct", "suspect", "grader_error"} if again else {"grader_error"}
        self._known = {key: one for key, one in known.items() if one.status not in forgotten}

    def outcomes(self, spec: KernelSpec, bench: Bench | None, count: int = PER_SPEC) -> list[Outcome]:
        """Of the first mutants until `count` of them count; without a bench, of those that are known."""
        found: list[Outcome] = []
        queue, apart = mutants(spec), equivalent()
        while missing := count - sum(o.counts and o.key not in apart for o in found):
            some = list(islice(queue, missing))
            new = [mutant for mutant in some if self._id(spec, mutant) not in self._known]
            if not some or (new and bench is None):
                break
            if new and bench is not None:
                with self._path.open("a") as file:
                    for mutant, outcome in zip(new, bench.grade(spec, new), strict=True):
                        self._known[self._id(spec, mutant)] = outcome
                        file.write(json.dumps({"id": self._id(spec, mutant), "outcome": outcome}) + "\n")
            found += [self._known[self._id(spec, mutant)] for mutant in some]
        return found

    def _id(self, spec: KernelSpec, mutant: Mutant) -> str:
        return key_of(spec_hash(spec), mutant.operator, mutant.source)[:24]


def equivalent() -> dict[str, str]:
    """Why mutants that survive are as right as their originals, by key."""
    lines = (HERE / "equivalent.txt").read_text().splitlines()
    entries = (line.split(" | ", 2) for line in lines if line and not line.startswith("#"))
    return {key: reason for key, _, reason in entries}


class Count(NamedTuple):
    """What became of a spec's mutants."""

    spec: KernelSpec
    killed: Counter[str]
    survived: list[Outcome]
    equivalent: list[Outcome]
    same_code: int
    not_compiled: int

    @property
    def killable(self) -> int:
        return self.killed.total() + len(self.survived)

    @property
    def share(self) -> float:
        return self.killed.total() / max(1, self.killable)


def count(spec: KernelSpec, outcomes: Iterable[Outcome]) -> Count:
    every, known = list(outcomes), equivalent()
    left = [o for o in every if o.counts and not o.is_killed]
    return Count(
        spec,
        Counter(o.status for o in every if o.is_killed),
        [o for o in left if o.key not in known],
        [o for o in left if o.key in known],
        sum(o.status == SAME_CODE for o in every),
        sum(o.status == "build_failed" for o in every),
    )


def table(counts: list[Count]) -> str:
    """The report in Markdown: a line for each spec, sums by family, what survives and what is equivalent."""
    lines = [
        "| spec | mutants | killed | wrong | faulted | otherwise | survive | equivalent | same code | do not compile |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]

    def row(label: str, some: list[Count]) -> str:
        killed = sum((one.killed for one in some), Counter[str]())
        killable = sum(one.killable for one in some)
        others = killed.total() - killed["wrong"] - killed["faulted"]
        figures = (
            f"{killed.total() / max(1, killable):.1%}",
            killed["wrong"],
            killed["faulted"],
            others,
            sum(len(one.survived) for one in some),
            sum(len(one.equivalent) for one in some),
            sum(one.same_code for one in some),
            sum(one.not_compiled for one in some),
        )
        return f"| {label} | {killable} | {' | '.join(map(str, figures))} |"

    lines += [row(one.spec.name, [one]) for one in sorted(counts, key=lambda one: all_specs().index(one.spec))]
    for family in FAMILIES:
        if some := [one for one in counts if one.spec.family == family]:
            lines.append(row(f"**{family}**", some))
    lines.append(row(f"**all: {len(counts)} of {len(all_specs())} specs**", counts))
    if survivors := [outcome for one in counts for outcome in one.survived]:
        lines += ["", "These survive:", ""]
        lines += [f"- `{o.key}` {o.spec}, {o.operator}: {o.change}" for o in survivors]
    return "\n".join(lines) + "\n"


def _place_in_family(spec: KernelSpec) -> int:
    return [other for other in all_specs() if other.family == spec.family].index(spec)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("specs", nargs="*", help="names; all unless given")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--known", action="store_true", help="grade nothing, count what is known")
    parser.add_argument("--again", action="store_true", help="grade what survived once more")
    options = parser.parse_args()
    chosen = [get(name) for name in options.specs] or sorted(all_specs(), key=_place_in_family)
    console = Console(width=200)
    bench, ledger = (
        None if options.known else Bench(options.jobs),
        Ledger(cache_dir() / "mutants.jsonl", again=options.again),
    )
    counts = []
    for spec in chosen:
        one = count(spec, ledger.outcomes(spec, bench))
        if one.killable < FEWEST:
            console.print(f"{spec.name}: only {one.killable} mutants")
            continue
        counts.append(one)
        told = f"{spec.name}: {one.killed.total()} of {one.killable} killed, {len(one.equivalent)} equivalent"
        console.print(told, markup=False)
        for outcome in one.survived:
            console.print(
                f"  {outcome.key} | {spec.name} | {outcome.status} {outcome.operator}: {outcome.change}", markup=False
            )
    if bench:
        bench.close()
    if not options.specs:
        before, _, rest = PAGE.read_text().partition(MARKS[0])
        PAGE.write_text(before + MARKS[0] + "\n" + table(counts) + "\n" + MARKS[1] + rest.partition(MARKS[1])[2])


if __name__ == "__main__":
    main()
