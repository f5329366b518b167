"""What a build costs: seconds from source to recorded plan, over every source in the repository.

Run it with `make bench-build`; `python benchmarks/builds.py --limit 20` takes a quick look. nvcc's stages and nvcc
itself take turns on each source, with nothing built before. A source that does not compile, or whose recording is
refused, is timed until its error. CPU seconds are those of all processes. What is paid once per machine (cudagym's
own C programs, the index of each set of headers) is paid in a warm-up and printed apart.
"""

from __future__ import annotations

import os
import re
import resource
import shutil
import statistics
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
import tyro
from corpus import KINDS, Subject, corpus
from rich.console import Console
from rich.progress import track
from rich.table import Table
from verdicts import machine

from cudagym import specs
from cudagym.build.builder import Build, Builder
from cudagym.build.cache import cache_dir
from cudagym.build.compiler import Via, unfit
from cudagym.build.toolchain import Toolchain
from cudagym.errors import CandidateError
from cudagym.hardware import gpu
from cudagym.sandbox import BoxLimits, private_folder, run_boxed
from cudagym.specs.spec import KernelSpec

GPU = gpu("h100")
PATHS: tuple[Via, ...] = ("stages", "nvcc")
ONCE = ("native", "headers")
"""The stores of the cache that the warm-up fills for all sources."""
INLINE_SOURCES, INLINE_ARCH = 5, "9.0a"
_INCLUDE = re.compile(r"^[ \t]*#[ \t]*include[^\n]*", re.MULTILINE)
_HALF = re.compile(r"__half|__nv_bfloat16")
_HALF_HEADERS = re.compile(r"#include <cuda_(fp16|bf16)\.h>| ")
T = TypeVar("T")


@dataclass(frozen=True)
class Cost:
    """What one source cost in seconds, and what became of it."""

    wall: float
    cpu: float
    outcome: str = "recorded"
    via: Via | None = None
    """What compiled it; None when it did not compile."""


def main(limit: int | None = None) -> None:
    """Measures builds.

    Args:
        limit: How many sources to take, spread over all of them.
    """
    console = Console(width=120)
    # No compiler is started for an empty source and its like.
    subjects = [subject for subject in corpus() if not unfit(subject.source, subject.spec.signature)]
    subjects = _spread(subjects, limit or len(subjects))
    with tempfile.TemporaryDirectory(prefix="cudagym-bench-") as cache:
        os.environ["CUDAGYM_CACHE"] = cache
        builders = {via: Builder(via=via) for via in PATHS}
        once = _warm_up(subjects, builders)
        single: dict[Via, list[Cost]] = {via: [] for via in PATHS}
        disturbed = _others_share()
        for number, subject in enumerate(_tracked(subjects, "one at a time", console)):
            for via in PATHS if number % 2 else PATHS[::-1]:
                _forget()
                single[via].append(_cost(builders[via], subject))
        others = disturbed()
        _forget()
        grouped = {via: _group(builders[via], subjects) for via in _tracked(PATHS, "as a group", console)}
        for subject in _tracked(subjects, "recording", console):  # The group was not recorded.
            _cost(builders["stages"], subject)
        cached = [_cost(builders["stages"], subject) for subject in _tracked(subjects, "cached", console)]
        builds = [_cost(builders["stages"], subject, record=False) for subject in subjects]
        inline = _load_inline(subjects, builders["nvcc"].toolchain, Path(cache), console)

    table = Table(title=f"milliseconds per source, {len(subjects)} sources, {machine()}")
    for column in ("", "median wall", "p95 wall", "median CPU", "p95 CPU", "fast path", "nvcc's wall / this"):
        table.add_column(column, justify="right" if column else "left")
    for via in PATHS:
        table.add_row(f"one at a time, {via}", *_figures(single[via]), _ratio(single["nvcc"], single[via]))
    for via in PATHS:  # Only the sum was measured.
        mean, _, cpu, _, share = _figures(grouped[via])
        table.add_row(f"as a group, {via}", mean, "", cpu, "", share, _ratio(grouped["nvcc"], grouped[via]))
    table.add_row("cached", *_figures(cached), _ratio(single["nvcc"], cached))
    table.add_row("cached, not recorded", *_figures(builds), _ratio(single["nvcc"], builds))
    if not isinstance(inline, str):
        table.add_row(f"load_inline, {len(inline)} sources", *_figures(inline), _ratio(single["nvcc"], inline))
    console.print(table, _by_group(subjects, single), sep="\n")
    if isinstance(inline, str):
        console.print(f"load_inline: left out, {inline}")
    console.print(f"paid once, before: {once}")
    console.print(_box_cost())
    console.print(f"one at a time: other processes kept {others:.2f} cores busy meanwhile")
    for line in (*_targets(single["stages"], cached), *_remarks(subjects, single)):
        console.print(line, highlight=False, soft_wrap=True)


def _box_cost(times: int = 200) -> str:
    """What a box adds to a program that does nothing."""

    def milliseconds(run: Callable[[], object]) -> str:
        walls = []
        for _ in range(times):
            start = time.perf_counter()
            run()
            walls.append(1000 * (time.perf_counter() - start))
        return f"{statistics.median(walls):.1f} ms (least {min(walls):.1f})"

    with private_folder() as folder:
        boxed = milliseconds(lambda: run_boxed(["/bin/true"], cwd=folder, limits=BoxLimits(wall_seconds=10)))
    return f"/bin/true in a box: {boxed}, alone: {milliseconds(lambda: subprocess.run(['/bin/true'], check=True))}"


def _warm_up(subjects: Iterable[Subject], builders: Mapping[Via, Builder]) -> str:
    """Builds a program that does nothing: first without headers, then with each set of headers that a subject has."""
    by_headers = {(_includes(subject), _HALF.findall(subject.spec.signature) != []): subject for subject in subjects}
    first = _nothing(specs.get("relu_fp32"), ())
    seconds = _cost(builders["stages"], first).wall
    _cost(builders["nvcc"], first)
    others = [_nothing(subject.spec, includes) for (includes, half), subject in by_headers.items() if includes or half]
    more = 0.0
    for _ in range(2):  # Large headers are indexed when a process meets them for the second time.
        _forget()
        more += sum(_cost(builders["stages"], other).wall for other in others)
    return (
        f"{seconds:.1f} s for cudagym's C programs, nvcc's list of stages and the index of cuda_runtime.h; "
        f"{more:.1f} s for {len(others)} other sets of headers"
    )


def _nothing(spec: KernelSpec, includes: Iterable[str]) -> Subject:
    source = "\n".join([*includes, f'extern "C" {spec.signature} {{}}\n'])
    return Subject(name="nothing", kind="honest", spec=spec, source=source, shapes=spec.check_shapes)


def _cost(builder: Builder, subject: Subject, *, record: bool = True) -> Cost:
    outcome, via = "recorded", None
    start, cpu = time.perf_counter(), _cpu_seconds()
    try:
        build = builder.build(subject.spec, subject.source, GPU)
        via = build.compiled.via
        if record:
            builder.record(build, subject.spec, subject.shapes[0], GPU)
    except CandidateError as error:
        outcome = type(error).__name__
    return Cost(time.perf_counter() - start, _cpu_seconds() - cpu, outcome, via)


def _group(builder: Builder, subjects: Sequence[Subject]) -> list[Cost]:
    """All sources as one group, on every core, without recording. Each is given an equal part of the cost."""
    start, cpu = time.perf_counter(), _cpu_seconds()
    results = builder.build_many([(subject.spec, subject.source) for subject in subjects], GPU)
    wall, cpu = (time.perf_counter() - start) / len(subjects), (_cpu_seconds() - cpu) / len(subjects)
    return [Cost(wall, cpu, via=result.compiled.via if isinstance(result, Build) else None) for result in results]


def _load_inline(subjects: Sequence[Subject], toolchain: Toolchain, folder: Path, console: Console) -> list[Cost] | str:
    """What torch's own way of building costs until the library is loaded, or why that was not measured."""
    if torch.version.cuda is None:
        return f"torch {torch.__version__} is built without CUDA"
    os.environ |= {"CUDA_HOME": str(toolchain.root), "TORCH_CUDA_ARCH_LIST": INLINE_ARCH}
    from torch.utils.cpp_extension import load_inline

    (folder / "libcudart.so").symlink_to(toolchain.cudart)  # A wheel of the runtime lacks the name to link with.
    costs = []
    chosen = _spread([subject for subject in subjects if subject.kind == "scripted"], INLINE_SOURCES)
    for number, subject in enumerate(_tracked(chosen, "load_inline", console)):
        name = f"inline_{number}"
        (folder / name).mkdir()
        start, cpu = time.perf_counter(), _cpu_seconds()
        try:
            load_inline(  # type: ignore[no-untyped-call]
                name,
                cpp_sources="",
                cuda_sources=subject.source,
                extra_cuda_cflags=["-O3"],
                extra_ldflags=[f"-L{folder}"],
                build_directory=str(folder / name),
                is_python_module=False,
            )
        except (RuntimeError, OSError) as error:
            return f"it does not work here: {error}"
        costs.append(Cost(time.perf_counter() - start, _cpu_seconds() - cpu))
    return costs


def _cpu_seconds() -> float:
    """CPU time of this process and of all that it has waited for, and they for theirs: boxes wait for everything."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _others_share() -> Callable[[], float]:
    """Starts to watch the machine. Calling the result says how many cores others have used on average since then."""

    def now() -> tuple[float, float]:
        ticks = [int(word) for word in Path("/proc/stat").read_text(encoding="utf-8").split(maxsplit=9)[1:9]]
        user, nice, system, _, _, irq, softirq, stolen = ticks
        busy = (user + nice + system + irq + softirq + stolen) / os.sysconf("SC_CLK_TCK")
        return time.perf_counter(), busy - _cpu_seconds()

    start, before = now()

    def share() -> float:
        end, after = now()
        return max(0.0, (after - before) / (end - start))

    return share


def _includes(subject: Subject) -> tuple[str, ...]:
    return tuple(_INCLUDE.findall(subject.source))


def _forget() -> None:
    """Empties the cache, but for what is made once per machine."""
    for store in cache_dir().iterdir():
        if store.name not in ONCE:
            shutil.rmtree(store)


def _spread(items: Sequence[T], count: int) -> list[T]:
    """At most `count` of the items, evenly from all."""
    count = min(count, len(items))
    return [items[number * len(items) // count] for number in range(count)]


def _tracked(items: Sequence[T], title: str, console: Console) -> Iterable[T]:
    # Drawing is this process's CPU time, too: seldom is enough.
    return track(items, title, console=console, transient=True, refresh_per_second=1)


def _figures(costs: Sequence[Cost]) -> tuple[str, ...]:
    """Median and 95th percentile of wall and CPU time in ms, and the share of what compiled that took the fast path."""
    walls, cpus = [cost.wall for cost in costs], [cost.cpu for cost in costs]
    paths = [cost.via for cost in costs if cost.via]
    share = f"{paths.count('stages') / len(paths):.0%}" if paths else ""
    return (*(f"{1000 * at(values):.1f}" for values in (walls, cpus) for at in (statistics.median, _p95)), share)


def _p95(values: Sequence[float]) -> float:
    """The smallest value that 95 percent of the values do not exceed."""
    return sorted(values)[-(-95 * len(values) // 100) - 1]


def _ratio(base: Iterable[Cost], costs: Iterable[Cost]) -> str:
    base_wall, wall = (statistics.median(cost.wall for cost in each) for each in (base, costs))
    return f"{base_wall / wall:.1f}"


def _by_group(subjects: Sequence[Subject], single: Mapping[Via, Sequence[Cost]]) -> Table:
    """What was measured one at a time, by kind of source and by the headers that sources include."""
    groups: dict[str, list[int]] = {kind: [] for kind in KINDS}
    for number, subject in enumerate(subjects):
        groups[subject.kind].append(number)
    for number, subject in enumerate(subjects):
        headers = " ".join(_includes(subject))
        kind = (
            "no headers" if not headers else "half precision" if not _HALF_HEADERS.sub("", headers) else "other headers"
        )
        groups.setdefault(kind, []).append(number)
    table = Table(title="milliseconds, one at a time: stages | nvcc")
    for column in ("sources", "number", "median wall", "p95 wall", "median CPU", "p95 CPU", "fast path"):
        table.add_column(column, justify="left" if column == "sources" else "right")
    for name, numbers in groups.items():
        if numbers:
            fast, slow = (_figures([single[via][number] for number in numbers]) for via in PATHS)
            pairs = (f"{ours} | {theirs}" for ours, theirs in zip(fast[:4], slow[:4], strict=True))
            table.add_row(name, str(len(numbers)), *pairs, fast[4])
    return table


def _targets(single: Sequence[Cost], cached: Sequence[Cost]) -> Iterator[str]:
    figures = (
        ("median wall, one at a time", 200, statistics.median(cost.wall for cost in single)),
        ("median CPU, one at a time", 200, statistics.median(cost.cpu for cost in single)),
        ("p95 wall, one at a time", 600, _p95([cost.wall for cost in single])),
        ("median wall, cached", 5, statistics.median(cost.wall for cost in cached)),
    )
    for name, target, seconds in figures:
        met = "met" if 1000 * seconds < target else "NOT met"
        yield f"target: {name} under {target} ms: {1000 * seconds:.1f} ms, {met}"


def _remarks(subjects: Sequence[Subject], single: Mapping[Via, Sequence[Cost]]) -> Iterator[str]:
    """What else to know of the runs one at a time: endings, sources left to nvcc, and the slowest."""
    rows = list(zip(subjects, single["stages"], single["nvcc"], strict=True))
    endings = Counter(ours.outcome for _, ours, _ in rows)
    yield "endings: " + ", ".join(f"{count} {ending}" for ending, count in endings.most_common())
    if different := [f"{each.name} ({a.outcome}, {b.outcome})" for each, a, b in rows if a.outcome != b.outcome]:
        yield "the two paths DISAGREE on " + ", ".join(different)
    if left := [each.name for each, ours, _ in rows if ours.via == "nvcc"]:
        yield "compiled, but by nvcc alone: " + ", ".join(left)
    slowest = sorted(rows, key=lambda row: -row[1].wall)[:8]
    yield "slowest: " + ", ".join(f"{each.name} {ours.wall:.2f} s" for each, ours, _ in slowest)


if __name__ == "__main__":
    tyro.cli(main)
