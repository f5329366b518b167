"""Every source in this repository as one corpus: what the teacher writes, what the tests judge, and ways to fail.

It is what `builds.py` measures builds on, and what tests compare two ways of building on. The order is fixed and
nothing is drawn at random. Left out are sources that tests generate: random kernels and launch syntax.
"""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Literal

from cudagym import specs
from cudagym.agents.scripted import ScriptedTeacher
from cudagym.record import Record, Shape
from cudagym.specs.spec import KernelSpec

Kind = Literal["scripted", "honest", "hostile", "failing"]
KINDS: tuple[Kind, ...] = ("scripted", "honest", "hostile", "failing")
"""By the teacher; right or merely slow; wrong, forbidden or cheating, but it compiles; it does not compile."""

_ROOT = Path(__file__).resolve().parent.parent
_MORE_KNOBS = 2
"""How many demonstrations per spec, beyond one for each algorithm."""
_DERIVED = 22
"""With these, about 12 percent of all sources do not compile."""

_DEFECTS: tuple[tuple[str, str, str], ...] = (
    ("undeclared identifier", r"\bthreadIdx\b", "threadIndex"),
    ("missing semicolon", r";\n", "\n"),
    ("wrong argument type", r">>>\((\w+), (.*), (\w+)\);", r">>>(\3, \2, \1);"),
    ("missing solve", r'extern "C" void solve\(', "void launch("),
    ("missing include", r"\n(?=__global__|__device__)", "\nnamespace cg = cooperative_groups;\n"),
    ("unknown header", r"\n", '\n#include "helper_math.h"\n'),
    ("other types than asked for", r"\bint (\w+)(?=\) \{\n[^}]*\}\s*\Z)", r"long \1"),
    ("host function in a kernel", r"__device__ (?=[\w ]+\()", ""),
    ("cut off", r"\}\s*\Z", ""),
    ("markdown", r"\Z", "```\n"),
    (
        "too much shared memory",
        r"(__global__ void [^{]*\{)",
        r"\1\n    __shared__ volatile float staged[65536];\n    staged[threadIdx.x] = 0.0f;",
    ),
)
"""What a policy gets wrong: name, what to look for, what to put in its place the first time it is found."""


class Subject(Record):
    """One source, the spec that it is for, and the shapes to record it with: at least one."""

    name: str
    """Unique, as `scripted/relu_fp32/packed` or `hostile/candidates/fork`."""
    kind: Kind
    spec: KernelSpec
    source: str
    shapes: tuple[Shape, ...]
    """Where `solve` does something else for each n, all of those; otherwise the smallest shape that is checked."""


@cache
def corpus() -> tuple[Subject, ...]:
    """All subjects, by kind. No two have the same source and prototype."""
    scripted = list(_scripted())
    found = [*scripted, *_tested(), *_quoted(), *_broken([subject for subject in scripted if "=" not in subject.name])]
    distinct: dict[tuple[str, str], Subject] = {}
    for subject in found:
        distinct.setdefault((subject.spec.signature, subject.source), subject)
    return tuple(sorted(distinct.values(), key=lambda subject: KINDS.index(subject.kind)))


def _subject(kind: Kind, name: str, spec: KernelSpec, source: str, shapes: Iterable[Shape] = ()) -> Subject:
    smallest = min(spec.check_shapes, key=lambda shape: sum(array.elements(shape) for array in spec.arrays))
    return Subject(name=f"{kind}/{name}", kind=kind, spec=spec, source=source, shapes=(*shapes,) or (smallest,))


def _scripted() -> Iterator[Subject]:
    """The teacher's ladder for every spec, then some with other knobs."""
    teacher = ScriptedTeacher()
    for spec in specs.all_specs():
        ladder = len(teacher.ladder(spec))
        for number, each in enumerate(teacher.sources(spec, limit=ladder + _MORE_KNOBS)):
            knobs = "" if number < ladder else "".join(f" {name}={value}" for name, value in each.knobs.items())
            yield _subject("scripted", f"{spec.name}/{each.algorithm}{knobs}", spec, each.source)


def _tested() -> Iterator[Subject]:
    """What tests keep in files and module constants."""
    relu, add = specs.get("relu_fp32"), specs.get("vector_add_fp32")
    kind: Kind
    for name, (source, status, _) in _module("judging/candidates.py").CANDIDATES.items():
        kind = {"correct": "honest", "build_failed": "failing"}.get(status, "hostile")  # type: ignore[assignment]
        yield _subject(kind, f"candidates/{name}", relu, source)

    build = _module("build/conftest.py")
    for path in sorted(build.SOURCES.glob("*.cu")):
        source = path.read_text(encoding="utf-8")
        kind = "honest" if path.stem in ("honest", "mixed") else "hostile"
        cases = [{"n": int(n)} for n in re.findall(r"^ +case (\d+):", source, re.MULTILINE)]
        yield _subject(kind, f"build/{path.stem}", build.MIXED if path.stem == "mixed" else build.ADD, source, cases)
    for name, (spec, source) in build.BROKEN.items():
        yield _subject("failing", f"build/{name}", spec, source)

    # These kernels have no host code: one that launches nothing makes them compile.
    for path in sorted((_ROOT / "tests/simulator/kernels").glob("*.cu")):
        source = f'{path.read_text(encoding="utf-8")}\nextern "C" {add.signature} {{}}\n'
        yield _subject("honest", f"simulator/{path.stem}", add, source)
    for path, spec in (("simulator/test_clock.py", relu), ("cli/test_grade_for_real.py", add)):
        for name, value in vars(_module(path)).items():
            if isinstance(value, str) and "__global__" in value:
                kind = "hostile" if name == "ENDLESS" else "honest"
                yield _subject(kind, f"{Path(path).stem}/{name.lower()}", spec, value)


def _quoted() -> Iterator[Subject]:
    """Sources in triple quotes, in tests and in the README. Those of the judge's tests are there to be caught."""
    by_signature = {spec.signature: spec for spec in reversed(specs.all_specs())}
    for path in sorted([*(_ROOT / "tests").rglob("*.py"), _ROOT / "README.md"]):
        for number, text in enumerate(re.findall(r'"""(.*?)"""', path.read_text(encoding="utf-8"), re.DOTALL)):
            prototype = re.search(r'extern "C" (void solve\([^()]*\)) \{', text)
            if prototype and "__global__" in text and (spec := by_signature.get(prototype[1])):
                kind: Kind = "hostile" if path.parent.name == "judging" else "honest"
                yield _subject(kind, f"{path.stem}/{number}", spec, text)


def _broken(good: list[Subject]) -> Iterator[Subject]:
    """Good sources with one defect each: the defects in turn, on sources spread over all of them."""
    for number in range(_DERIVED):
        defect, pattern, replacement = _DEFECTS[number % len(_DEFECTS)]
        start = number * len(good) // _DERIVED
        for subject in good[start:] + good[:start]:
            source, count = re.subn(pattern, replacement, subject.source, count=1)
            if count:
                yield _subject("failing", f"{defect}/{subject.name.partition('/')[2]}", subject.spec, source)
                break


def _module(path: str) -> ModuleType:
    """A module of the tests, which are no package, under a name that nobody else imports.

    What stands beside it can be imported, as by pytest.
    """
    name = "corpus_of_" + re.sub(r"\W", "_", path)
    if name not in sys.modules:
        found = importlib.util.spec_from_file_location(name, _ROOT / "tests" / path)
        assert found is not None
        assert found.loader is not None
        sys.modules[name] = module = importlib.util.module_from_spec(found)
        if (beside := str(_ROOT / "tests" / Path(path).parent)) not in sys.path:
            sys.path.append(beside)
        found.loader.exec_module(module)
    return sys.modules[name]
