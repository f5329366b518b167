"""What a verdict costs: wall seconds by stage, cold and cached, for four kernels. Run it with `make bench`.

Cold means empty caches: the first verdict on a source that nobody has seen. Warm means that the compiler's and the
JIT's results are there but the verdict is not, as when a source is graded with a new seed. Cached means that the
verdict itself is known.
"""

from __future__ import annotations

import os
import platform
import statistics
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table

from cudagym import specs
from cudagym.agents.scripted import ScriptedTeacher
from cudagym.judge import STAGES
from cudagym.verdict import Verdict

SUBJECTS = {
    "vector_add_fp32": "elementwise",
    "softmax_fp32": "softmax",
    "matmul_fp32": "tiled matmul",
    "attention_fp32": "attention",
}
REPEATS = 3


def main() -> None:
    console = Console(width=120)
    with tempfile.TemporaryDirectory(prefix="cudagym-bench-") as cache:
        os.environ["CUDAGYM_CACHE"] = cache
        from cudagym.grader import Grader

        rows: list[tuple[str, str, list[tuple[float, Verdict]]]] = []
        with Grader("sim:h100", workers=1) as grader:
            # The recorder and the runtime library are built once per machine, not per verdict.
            grader.grade("relu_fp32", ScriptedTeacher().ladder(specs.get("relu_fp32"))[0].source)
            for name, label in track(SUBJECTS.items(), "grading", console=console, transient=True):
                ladder = ScriptedTeacher().ladder(specs.get(name))
                source = ladder[len(ladder) // 2].source
                rows.append((label, "cold", [_timed(grader, name, source, 0)]))
                rows.append((label, "warm", [_timed(grader, name, source, seed) for seed in range(1, REPEATS + 1)]))
                rows.append((label, "cached", [_timed(grader, name, source, 0) for _ in range(REPEATS)]))
    console.print(_table(rows))


def _timed(grader: object, name: str, source: str, seed: int) -> tuple[float, Verdict]:
    start = time.perf_counter()
    verdict = grader.grade(name, source, seed=seed)  # type: ignore[attr-defined]
    return time.perf_counter() - start, verdict


def _table(rows: list[tuple[str, str, list[tuple[float, Verdict]]]]) -> Table:
    table = Table(title=f"seconds per verdict, {machine()}", caption=f"warm and cached: medians of {REPEATS}")
    for column in ("kernel", "caches", "status", *STAGES, "total"):
        table.add_column(column, justify="left" if column in ("kernel", "caches", "status") else "right")
    for label, kind, runs in rows:
        stages = [statistics.median(verdict.seconds[stage] for _, verdict in runs) for stage in STAGES]
        total = statistics.median(seconds for seconds, _ in runs)
        table.add_row(label, kind, runs[0][1].status, *(f"{s:.3f}" for s in stages), f"{total:.3f}")
    return table


def machine() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    model = models[0] if models else platform.machine()
    return f"{len(os.sched_getaffinity(0))} cores of {model}"


if __name__ == "__main__":
    main()
