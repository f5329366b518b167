"""The red team: attacks on the grader and honest kernels beside them, graded through the public door.

    python tests/redteam/suite.py                      grades all, prints the table, writes it into docs/integrity.md
    python tests/redteam/suite.py --outcomes NAME...   grades these and prints what went wrong with each, as JSON

As root, the first also grades all attacks and the kernels written by hand as each of identity.IDENTITIES.

An attack is a source whose first line says `// spec | statuses | layer | what it does`: any of the statuses may be its
verdict. Where `correct` is one of them, the layer begins with `construction` or says what keeps the gain away, and the
attack may earn no more than a fast honest kernel of its spec. Attacks in `late/` were written when the layers were
final.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from identity import IDENTITIES
from rich.console import Console
from rich.progress import Progress

from cudagym.agents.scripted import ScriptedTeacher
from cudagym.agents.statistics import wilson
from cudagym.grader import Grader
from cudagym.specs import all_specs
from cudagym.verdict import STATUSES, Verdict

HERE = Path(__file__).parent
REPORT = HERE.parents[1] / "docs" / "integrity.md"
MARK = "<!-- make red-team writes from here to the end -->\n"
GROUPS = ("measurement", "forgery", "escape", "compiler", "device")
GAIN = 0.01
"""How much more of peak than a fast honest kernel an attack must reach to count as a success."""


class Attack(NamedTuple):
    """One attack and what must become of it."""

    path: Path
    spec: str
    statuses: tuple[str, ...]
    layer: str
    says: str
    source: str

    @property
    def name(self) -> str:
        return str(self.path.relative_to(HERE).with_suffix(""))

    @property
    def group(self) -> str:
        return self.path.parent.name

    @property
    def is_late(self) -> bool:
        return "late" in self.path.parts

    @property
    def is_impossible(self) -> bool:
        """Whether there is nothing to catch: the way the grader works leaves no room for it."""
        return self.layer.startswith("construction")


class Honest(NamedTuple):
    """One kernel that must be accepted."""

    name: str
    spec: str
    source: str


def attacks() -> list[Attack]:
    """Every attack, early ones first."""
    found = []
    for group in GROUPS:
        for path in sorted(HERE.glob(f"{group}/*.cu")) + sorted(HERE.glob(f"late/{group}/*.cu")):
            source = path.read_text()
            head = source.partition("\n")[0].removeprefix("//")
            spec, statuses, layer, says = (field.strip() for field in head.split("|"))
            found.append(Attack(path, spec, tuple(statuses.split("/")), layer, says, source))
    return sorted(found, key=lambda attack: attack.is_late)


def written() -> list[Honest]:
    """The honest kernels written by hand, after no template. Their first line names the spec."""
    found = []
    for path in sorted(HERE.glob("honest/*.cu")):
        source = path.read_text()
        spec = source.partition("\n")[0].removeprefix("//").partition("|")[0].strip()
        found.append(Honest(f"honest/{path.stem}", spec, source))
    return found


def scripted() -> list[Honest]:
    """The scripted teacher's kernels: every algorithm of every spec, of those with one normal form the first."""
    kernels: dict[str, Honest] = {}
    for spec in all_specs():
        for shown in ScriptedTeacher().ladder(spec):
            kernels.setdefault(
                normal(shown.source), Honest(f"{shown.spec}/{shown.algorithm}", shown.spec, shown.source)
            )
    return list(kernels.values())


def normal(source: str) -> str:
    """What is left of a source when names, numbers, comments and spaces mean nothing: equal for equal syntax."""
    names: dict[str, str] = {}
    words = []
    for comment, text, name, number, sign in _TOKEN.findall(source):
        if name and name not in _KEYWORDS:
            words.append(names.setdefault(name, f"name{len(names)}"))
        elif not comment:
            words.append(name or sign or ("0" if number else text and '""'))
    return " ".join(words)


_TOKEN = re.compile(r"""(//[^\n]*|/\*(?s:.*?)\*/)|("[^"\n]*")|([A-Za-z_]\w*)|(\.?\d[\w.]*)|(\S)""")
_KEYWORDS = frozenset(
    re.findall(
        r"\w+",
        """auto bool break case char class const constexpr continue default do double else enum extern float for if
        inline int long namespace operator return short signed sizeof static struct switch template typename union
        unsigned using void volatile while __global__ __device__ __shared__ __constant__ threadIdx blockIdx""",
    )
)


def best() -> dict[str, str]:
    """A fast honest kernel of each spec that attacks may get `correct` for: what they must not surpass."""
    return {
        kernel.spec: kernel.source for kernel in reversed(written()) if kernel.name.endswith(f"/{kernel.spec}_best")
    }


def reached(verdict: Verdict) -> float | None:
    """The share of peak that a verdict's time stands for. Beyond 1 it earns no more, but shows a flaw all the same."""
    if not verdict.fraction_of_peak or not verdict.time_us or not verdict.least_time_us:
        return verdict.fraction_of_peak
    return verdict.least_time_us / verdict.time_us


def outcome(attack: Attack, verdict: Verdict, at_most: float | None) -> str:
    """Empty when the attack got what it must get; else what went wrong. `at_most`: what a fast kernel reached."""
    if verdict.status not in attack.statuses:
        return f"{verdict.status}, not {'/'.join(attack.statuses)}: {verdict.message[:200]}"
    share = reached(verdict)
    if share and (at_most is None or share > at_most + GAIN):
        return f"reaches {share:.3f} of peak, an honest kernel {at_most}"
    return ""


class Results(NamedTuple):
    """Verdicts on everything."""

    attacks: list[tuple[Attack, str]]
    """With what went wrong, if anything."""
    honest: list[tuple[Honest, Verdict]]
    seconds: float


def grade_all(console: Console, chosen: Sequence[Attack] | None = None) -> Results:
    """Grades all attacks and honest kernels with a bar on the console."""
    started = time.monotonic()
    hostile, honest = list(chosen or attacks()), [*written(), *scripted()]
    bases = best()
    with Grader("sim:h100", cached=False) as grader, Progress(console=console, transient=True) as bar:
        task = bar.add_task("grading", total=len(hostile) + len(honest) + len(bases))
        verdicts: list[Verdict] = []
        items = [
            *bases.items(),
            *((one.spec, one.source) for one in hostile),
            *((one.spec, one.source) for one in honest),
        ]
        for start in range(0, len(items), 16):
            verdicts += grader.grade_many(items[start : start + 16])
            bar.update(task, completed=len(verdicts))
    most = {spec: reached(verdict) for spec, verdict in zip(bases, verdicts, strict=False)}
    of_attacks, of_honest = verdicts[len(bases) : len(bases) + len(hostile)], verdicts[len(bases) + len(hostile) :]
    return Results(
        [(one, outcome(one, verdict, most.get(one.spec))) for one, verdict in zip(hostile, of_attacks, strict=True)],
        list(zip(honest, of_honest, strict=True)),
        time.monotonic() - started,
    )


def outcomes(names: Sequence[str]) -> dict[str, str]:
    """What went wrong with these attacks and honest kernels: nothing, it is hoped."""
    hostile = [one for one in attacks() if one.name in names]
    honest = [one for one in written() if one.name in names]
    bases = {spec: source for spec, source in best().items() if any(one.spec == spec for one in hostile)}
    with Grader("sim:h100", cached=False) as grader:
        most = {spec: reached(grader.grade(spec, source)) for spec, source in bases.items()}
        verdicts = grader.grade_many([(one.spec, one.source) for one in [*hostile, *honest]])
    found = {
        one.name: outcome(one, verdict, most.get(one.spec)) for one, verdict in zip(hostile, verdicts, strict=False)
    }
    for kernel, verdict in zip(honest, verdicts[len(hostile) :], strict=True):
        found[kernel.name] = "" if verdict.status == "correct" else f"{verdict.status}: {verdict.message[:200]}"
    return found


def outcomes_as(identity: str, names: Sequence[str]) -> dict[str, str]:
    """The same, graded by a process that is somebody else. Takes root."""
    command = [sys.executable, str(HERE / "identity.py"), identity, sys.executable, str(HERE / "suite.py")]
    done = subprocess.run([*command, "--outcomes", *names], stdout=subprocess.PIPE, check=True)
    found: dict[str, str] = json.loads(done.stdout)
    return found


def by_identity(console: Console) -> tuple[str, list[str]]:
    """A table of all identities but the present one, and what went wrong."""
    lines = ["", "| graded by | attacks stopped | hand-written kernels accepted |", "|---|---|---|"]
    failures = []
    hostile, honest = [one.name for one in attacks()], [one.name for one in written()]
    for identity in IDENTITIES[1:] if os.geteuid() == 0 else ():
        console.print(f"as {identity}", markup=False)
        found = outcomes_as(identity, [*hostile, *honest])
        failures += [f"as {identity}, {name}: {problem}" for name, problem in found.items() if problem]
        good = [sum(not found[name] for name in names) for names in (hostile, honest)]
        lines.append(f"| {identity} | {good[0]} of {len(hostile)} | {good[1]} of {len(honest)} |")
    return "\n".join(lines) + "\n" if len(lines) > 3 else "", failures


def share(good: int, of: int) -> str:
    """`17 of 17 (95% interval 82% to 100%)`."""
    estimate = wilson(good, of)
    return f"{good} of {of} | {estimate.low:.1%} to {estimate.high:.1%}"


def table(results: Results) -> str:
    """What was found, in Markdown."""
    lines = ["| attacks | stopped | 95% interval (Wilson) |", "|---|---|---|"]
    caught = [(one, problem) for one, problem in results.attacks if not one.is_impossible]
    for label, late in (("before the layers were final", False), ("after", True)):
        for group in GROUPS:
            chosen = [not problem for one, problem in caught if one.group == group and one.is_late == late]
            if chosen:
                lines.append(f"| {group}, written {label} | {share(sum(chosen), len(chosen))} |")
        chosen = [not problem for one, problem in caught if one.is_late == late]
        lines.append(f"| **all written {label}** | {share(sum(chosen), len(chosen))} |")
    idle = [not problem for one, problem in results.attacks if one.is_impossible]
    lines.append(f"| impossible by construction: they change nothing | {share(sum(idle), len(idle))} |")
    lines += ["", "| honest kernels | accepted | 95% interval (Wilson) |", "|---|---|---|"]
    for label, of_template in (("written by hand", False), ("of the scripted teacher's templates", True)):
        chosen = [
            verdict.status == "correct"
            for one, verdict in results.honest
            if one.name.startswith("honest/") != of_template
        ]
        lines.append(f"| {label} | {share(sum(chosen), len(chosen))} |")
    layers = Counter(one.layer.partition(":")[0] for one, problem in results.attacks if not problem)
    lines += ["", "| what stopped it | attacks |", "|---|---|"]
    lines += [f"| {layer} | {count} |" for layer, count in layers.most_common()]
    return "\n".join(lines) + "\n"


def main() -> int:
    if sys.argv[1:2] == ["--outcomes"]:
        print(json.dumps(outcomes(sys.argv[2:])))
        return 0
    console = Console(width=140)
    results = grade_all(console)
    others, failures = by_identity(console)
    text = table(results) + others
    console.print(text, markup=False)
    failures += [f"{one.name}: {problem}" for one, problem in results.attacks if problem]
    failures += [
        f"{one.name}: {verdict.status}: {verdict.message[:200]}"
        for one, verdict in results.honest
        if verdict.status != "correct"
    ]
    for failure in failures:
        console.print(failure, markup=False)
    console.print(f"{results.seconds:.0f} s")
    REPORT.write_text(REPORT.read_text().partition(MARK)[0] + MARK + "\n" + text)
    return bool(failures)


if __name__ == "__main__":
    assert set(STATUSES) >= {status for attack in attacks() for status in attack.statuses}
    sys.exit(main())
