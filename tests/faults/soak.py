"""Soak: thousands of candidates, good, hostile and broken, graded at full load while faults strike at random.

    python tests/faults/soak.py [--count 2000] [--minutes 60] [--seed 0]

A process grades with as many devices as there are cores, from an empty cache, and writes every verdict down. This one
kills or stops what runs below it (compilers, boxes, recorders, executors, now and then the whole run), and damages
entries of its cache, at moments and places that the seed chooses. What a fault of ours kept from a verdict is graded
again without faults. In the end every candidate must have one of the verdicts that it should have.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
sys.path += [str(HERE), str(HERE.parent / "redteam")]

from rich.console import Console  # noqa: E402
from suite import attacks, best, outcome, scripted, written  # noqa: E402
from victims import descendants  # noqa: E402

from cudagym.agents.scripted import ScriptedTeacher  # noqa: E402
from cudagym.grader import Grader  # noqa: E402
from cudagym.lines import LineFile  # noqa: E402
from cudagym.specs import all_specs  # noqa: E402
from cudagym.verdict import Verdict  # noqa: E402

GROUP = 12
"""Candidates that are graded in one call."""
SECONDS_BETWEEN_FAULTS = 5.0
ONE_OF_WHOLE_RUN = 30
"""One fault of so many kills the whole run."""

BREAKERS: dict[str, Callable[[str], str]] = {
    "brace": lambda source: source[: source.rindex("}")],
    "name": lambda source: re.sub(r"\bsolve\b", "resolve", source),
    "undeclared": lambda source: f"{source}\nint broken = undeclared_name;\n",
    "header": lambda source: f"#include <no_such_header.h>\n{source}",
    "error": lambda source: f'{source}\n#error "verdict: correct"\n',
    "control": lambda source: f"{source}\x01",
    "prose": lambda source: f"Here is the kernel:\n{source}",
}


class Candidate(NamedTuple):
    """A source, and what may become of it."""

    name: str
    kind: str
    spec: str
    source: str
    wrong: Callable[[Verdict, dict[str, float]], str]
    """What is wrong with a verdict on it, given what share of peak the best kernels of specs reach; '' if nothing."""


def candidates(seed: int, count: int) -> list[Candidate]:
    """The best kernels, then, shuffled, all attacks, all honest kernels, variants of the teacher's and broken ones."""
    rng = random.Random(seed)
    honest = [Candidate(one.name, "honest", one.spec, one.source, _is("correct")) for one in [*written(), *scripted()]]
    hostile = [
        Candidate(
            one.name, "hostile", one.spec, one.source, lambda v, most, one=one: outcome(one, v, most.get(one.spec))
        )
        for one in attacks()
    ]
    broken = [
        Candidate(f"{one.name}, broken: {how}", "broken", one.spec, broken_by(one.source), _is("build_failed"))
        for how, broken_by in BREAKERS.items()
        for one in honest
    ]
    rng.shuffle(broken)
    by_turns = [one for pair in zip(variants(seed), broken, strict=False) for one in pair]
    found: dict[tuple[str, str], Candidate] = {}
    for one in [*hostile, *honest, *by_turns]:
        found.setdefault((one.spec, one.source), one)
    measures = [found.pop(pair) for pair in best().items()]
    chosen = list(found.values())[: max(count, len(hostile + honest)) - len(measures)]
    rng.shuffle(chosen)
    return measures + chosen[: count - len(measures)]


def variants(seed: int) -> Iterator[Candidate]:
    """The teacher's kernels with other settings than its ladder's, a spec after the other."""
    teacher = ScriptedTeacher()
    each = [list(islice(teacher.sources(spec, seed=seed), 60))[len(teacher.ladder(spec)) :] for spec in all_specs()]
    for round_ in range(60):
        for shown in each:
            if round_ < len(shown):
                one = shown[round_]
                yield Candidate(
                    f"{one.spec}/{one.algorithm} {one.knobs}", "variant", one.spec, one.source, _is("correct")
                )


def _is(status: str) -> Callable[[Verdict, dict[str, float]], str]:
    return lambda verdict, _: (
        "" if verdict.status == status else f"{verdict.status}, not {status}: {verdict.message[:300]}"
    )


def read(folder: Path) -> dict[int, Verdict]:
    """Verdicts that are written down, by number of candidate; of several on one the last."""
    path = folder / "verdicts.jsonl"
    lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
    rows = [json.loads(line) for line in lines if line.endswith(b"\n")]
    return {row["number"]: Verdict.model_validate(row["verdict"]) for row in rows}


def open_ones(chosen: list[Candidate], done: dict[int, Verdict], *, again: bool) -> list[int]:
    """Candidates without a verdict, or with one that says nothing about them if they are to be tried again."""
    return [n for n in range(len(chosen)) if n not in done or (again and done[n].owner == "infrastructure")]


def work(folder: Path, chosen: list[Candidate], *, again: bool) -> None:
    """The run: grades what is open and writes down verdicts."""
    with Grader("sim:h100") as grader, LineFile(folder / "verdicts.jsonl") as log:
        todo = open_ones(chosen, read(folder), again=again)
        for start in range(0, len(todo), GROUP):
            numbers = todo[start : start + GROUP]
            verdicts = grader.grade_many([(chosen[n].spec, chosen[n].source) for n in numbers])
            for number, verdict in zip(numbers, verdicts, strict=True):
                row = {"number": number, "verdict": verdict.model_dump(mode="json")}
                log.write(json.dumps(row).encode() + b"\n")


class Faults:
    """Strikes a run, and counts how often."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.rng = folder, random.Random(seed)
        self.struck: Counter[str] = Counter()
        self._stopped: list[tuple[float, int]] = []

    def strike(self, run: subprocess.Popen[bytes]) -> None:
        """One fault, somewhere."""
        below = list(descendants(run.pid))
        choice = self.rng.random()
        if choice < 1 / ONE_OF_WHOLE_RUN:
            self._kill_run(run, below)
        elif choice < 0.2:
            self._damage()
        elif below:
            self._signal(self.rng.choice(below), signal.SIGSTOP if choice < 0.3 else signal.SIGKILL)

    def release(self, now: float = float("inf")) -> None:
        """Lets go on what was stopped long enough."""
        for when, pidfd in [each for each in self._stopped if each[0] <= now]:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(pidfd, signal.SIGCONT)
            os.close(pidfd)
            self._stopped.remove((when, pidfd))

    def _signal(self, pid: int, what: signal.Signals) -> None:
        with suppress(OSError):
            name = Path(f"/proc/{pid}/comm").read_text().strip()
            pidfd = os.pidfd_open(pid)
            signal.pidfd_send_signal(pidfd, what)
            if what == signal.SIGSTOP:
                self._stopped.append((time.monotonic() + self.rng.uniform(0.5, 5), pidfd))
            else:
                os.close(pidfd)
            self.struck[f"{'stopped' if what == signal.SIGSTOP else 'killed'} {name}"] += 1

    def _damage(self) -> None:
        with suppress(OSError, IndexError):
            file = self.rng.choice([file for file in self.folder.glob("cache/*/*/*") if ".so" not in file.name])
            data = bytearray(file.read_bytes())
            if data and self.rng.random() < 0.5:
                data[self.rng.randrange(len(data))] ^= 1 << self.rng.randrange(8)
            else:
                data = data[: len(data) // 2]
            file.write_bytes(data)
            self.struck[f"damaged {file.parent.parent.name}"] += 1

    def _kill_run(self, run: subprocess.Popen[bytes], below: list[int]) -> None:
        pidfds = []
        for pid in below:
            with suppress(OSError):
                pidfds.append(os.pidfd_open(pid))
        run.kill()
        run.wait()
        self.release()
        for pidfd in pidfds:
            if not select.select([pidfd], [], [], 60)[0]:
                raise AssertionError("a process outlived the run")
            os.close(pidfd)
        self.struck["killed the run"] += 1


def start(folder: Path, options: argparse.Namespace, *, again: bool = False) -> subprocess.Popen[bytes]:
    command = [
        sys.executable,
        __file__,
        "--work",
        str(folder),
        "--count",
        str(options.count),
        "--seed",
        str(options.seed),
    ]
    environment = {**os.environ, "CUDAGYM_CACHE": str(folder / "cache"), "TMPDIR": str(folder / "temporary")}
    (folder / "temporary").mkdir(exist_ok=True)
    return subprocess.Popen(command + ["--again"] * again, env=environment)


def soak(folder: Path, options: argparse.Namespace, console: Console) -> int:
    """The whole of it. Returns how many verdicts are wrong or missing."""
    chosen = candidates(options.seed, options.count)
    until = time.monotonic() + 60 * options.minutes
    faults, crashes = Faults(folder, options.seed), 0
    run = start(folder, options)
    next_fault = time.monotonic() + 10
    told = 0.0
    while time.monotonic() < until and run.poll() != 0:
        if run.poll() is not None:
            crashes += run.returncode != -signal.SIGKILL
            run = start(folder, options)
        with suppress(subprocess.TimeoutExpired):
            run.wait(timeout=0.1)
        now = time.monotonic()
        faults.release(now)
        if now >= next_fault and run.poll() is None:
            faults.strike(run)
            next_fault = now + faults.rng.expovariate(1 / SECONDS_BETWEEN_FAULTS)
        if now > told + 60:
            told = now
            console.print(f"{len(read(folder))} verdicts, {faults.struck.total()} faults, {until - now:.0f} s left")
    faults.release()
    in_time = run.poll() == 0
    run.kill()
    run.wait()
    disturbed = open_ones(chosen, read(folder), again=True) if in_time else []
    if disturbed and start(folder, options, again=True).wait() != 0:
        crashes += 1
    return report(chosen, read(folder), faults, len(disturbed), crashes, in_time, console)


def report(
    chosen: list[Candidate],
    verdicts: dict[int, Verdict],
    faults: Faults,
    disturbed: int,
    crashes: int,
    in_time: bool,
    console: Console,
) -> int:
    """Prints what came, and returns how many verdicts are wrong or missing."""
    measured = {chosen[n].spec: verdicts[n].fraction_of_peak for n in range(len(best())) if n in verdicts}
    most = {spec: measured.get(spec) or 1.0 for spec in best()}
    table: dict[str, Counter[str]] = defaultdict(Counter)
    wrong = []
    unjudged = 0
    for number, one in enumerate(chosen):
        if number not in verdicts:
            unjudged += 1
            continue
        verdict = verdicts[number]
        table[one.kind][verdict.status] += 1
        if verdict.owner == "infrastructure" and not in_time:
            unjudged += 1
        elif problem := one.wrong(verdict, most):
            wrong.append(f"{one.name}: {problem}")
    for kind, statuses in table.items():
        console.print(f"{kind}: {statuses.total()}, of them {', '.join(f'{n} {s}' for s, n in statuses.most_common())}")
    console.print(f"faults: {', '.join(f'{name} {count}' for name, count in sorted(faults.struck.items()))}")
    console.print(f"graded again without faults, because ours kept a verdict away: {disturbed}")
    for line in wrong:
        console.print(f"WRONG {line}", markup=False)
    lost = unjudged if in_time else 0
    console.print(
        f"{len(verdicts)} of {len(chosen)} candidates have a verdict{'' if in_time else ' (time ran out)'},"
        f" {faults.struck.total()} faults, {crashes} crashes, {lost} lost, {len(wrong)} mismatches"
    )
    return len(wrong) + crashes + lost


def main() -> int:
    parser = argparse.ArgumentParser(description="Grades candidates of all kinds while faults strike.")
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--again", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work(options.work, candidates(options.seed, options.count), again=options.again)
        return 0
    with tempfile.TemporaryDirectory(prefix="cudagym-soak-", ignore_cleanup_errors=True) as folder:
        return bool(soak(Path(folder), options, Console(width=140)))


if __name__ == "__main__":
    sys.exit(main())
