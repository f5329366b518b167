"""What verdicts, specs and evaluations look like in a terminal.

Functions make rich renderables; `to_text` turns one into plain text for logs and files. Text that comes from a
candidate or its compiler is shown with control characters escaped, so that no source can write to a terminal.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from cudagym.build.names import kernel_title
from cudagym.record import Record, shape_text
from cudagym.verdict import Status, Verdict

if TYPE_CHECKING:
    from cudagym.specs.spec import KernelSpec

_COLOURS: Mapping[Status, str] = {"correct": "green", "grader_error": "magenta", "suspect": "magenta"}


class Estimate(Record):
    """A mean with its confidence interval. Without an interval `low` and `high` equal `mean`."""

    mean: float
    low: float
    high: float


class ScoreRow(Record):
    """How one policy did on one split."""

    policy: str
    split: str
    attempts: int
    compiled: Estimate
    """The share of attempts that compiled."""
    correct: Estimate
    """The share of attempts that were correct."""
    fraction: Estimate
    """The mean fraction of peak, an incorrect attempt counting as 0."""
    fast: Mapping[float, Estimate]
    """fast_p by p: the share of attempts that are correct and reach more than the fraction p of peak."""
    reward: Estimate


def visible(text: str) -> Text:
    """`text` with everything unprintable except newlines and tabs escaped, and no markup interpreted."""
    return Text("".join(c if c.isprintable() or c in "\n\t" else ascii(c)[1:-1] for c in text))


def to_text(renderable: RenderableType, width: int = 110) -> str:
    """A renderable as plain text without colours, `width` columns wide at most, without a final newline."""
    stream = io.StringIO()
    console = Console(file=stream, width=width, color_system=None, force_terminal=False)
    console.print(renderable)
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines())


def verdict_table(verdict: Verdict, reward: float | None = None) -> RenderableType:
    """One verdict: status and message, what limits a correct kernel, and how long grading took by stage."""
    table = Table(box=box.ROUNDED, show_header=False, pad_edge=False, padding=(0, 1))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row("status", Text(verdict.status, style=_COLOURS.get(verdict.status, "red")))
    table.add_row("spec", f"{verdict.spec} on {verdict.device}")
    table.add_row("message", visible(verdict.message))
    if verdict.time_us is not None and verdict.timed_shape is not None:
        table.add_row("time", f"{verdict.time_us:,.1f} µs ({verdict.time_kind}) at {shape_text(verdict.timed_shape)}")
    if verdict.fraction_of_peak is not None:
        table.add_row("of peak", _of_peak(verdict))
    for kernel in verdict.kernels:
        slowest = ", ".join(f"{limit.name} {limit.time_us:,.1f} µs" for limit in kernel.limiters[:3])
        table.add_row("limits", visible(f"{kernel_title(kernel.kernel)}: {slowest} (occupancy {kernel.occupancy:.0%})"))
    for diagnostic in verdict.diagnostics:
        if diagnostic.text not in verdict.message:
            table.add_row("advice", visible(diagnostic.text))
    if reward is not None:
        table.add_row("reward", f"{reward:.3f}")
    stages = ", ".join(f"{stage} {seconds:.2f} s" for stage, seconds in verdict.seconds.items())
    if verdict.cached:
        table.add_row("graded", "earlier; this answer comes from the cache")
    elif stages:
        table.add_row("graded in", stages)
    return table


def specs_table(specs: Sequence[KernelSpec]) -> RenderableType:
    """Specs by name, with family, split, formula and the shape they are timed on."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("name", "family", "split", "computes", "timed at"):
        table.add_column(heading, no_wrap=heading in ("name", "family", "split"), overflow="fold")
    for spec in specs:
        table.add_row(spec.name, spec.family, spec.split, visible(spec.formula), shape_text(spec.timing_shape))
    return table


def scores_table(rows: Sequence[ScoreRow]) -> RenderableType:
    """Evaluations, one row per policy and split, about 120 columns wide. Intervals stand beside all but the fast_p,
    whose intervals are in the records."""
    thresholds = sorted({p for row in rows for p in row.fast})
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("policy", no_wrap=True)
    table.add_column("split", no_wrap=True)
    fasts = [f"fast\n{p:g}" for p in thresholds]
    for heading in ["tries", "compiled", "correct", "of peak", *fasts, "reward"]:
        table.add_column(heading, justify="right", no_wrap=True)
    for row, following in zip(rows, [*rows[1:], None], strict=True):
        fast = [f"{row.fast[p].mean:.0%}" if p in row.fast else "" for p in thresholds]
        reward = f"{row.reward.mean:.3f} [{row.reward.low:.2f}, {row.reward.high:.2f}]"
        shares = [percent(share) for share in (row.compiled, row.correct, row.fraction)]
        cells = [row.policy, row.split, str(row.attempts), *shares, *fast, reward]
        last_of_policy = following is not None and following.policy != row.policy
        table.add_row(*(visible(cell) for cell in cells), end_section=last_of_policy)
    return table


def doctor_table(found: Mapping[str, Any]) -> RenderableType:
    """What `cudagym.doctor.examine` found: toolkit, devices, sandbox, versions, and problems last."""
    table = Table(box=box.ROUNDED, show_header=False, pad_edge=False, padding=(0, 1))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    toolkit = found["toolkit"]
    table.add_row("compiler", f"nvcc {toolkit['version']}\n{toolkit['nvcc']}" if toolkit else Text("none", style="red"))
    names = [f"{each['name']}  {each['title']}{'  (default)' * each['default']}" for each in found["devices"]]
    table.add_row("devices", "\n".join(names))
    boxed = [f"{name.replace('_', ' ')}: {'yes' if holds else 'no'}" for name, holds in found["sandbox"].items()]
    table.add_row("sandbox", "\n".join(boxed))
    table.add_row("versions", ", ".join(f"{name} {version}" for name, version in found["versions"].items()))
    asking = [f"{name}: {'yes' if there else 'no'}" for name, there in found["claude"].items()]
    table.add_row("claude", "\n".join(asking))
    table.add_row("cache", found["cache"])
    for problem in found["problems"]:
        table.add_row(Text("problem", style="red"), visible(problem))
    return table


def _of_peak(verdict: Verdict) -> str:
    bound = f", {verdict.least_time_us:,.1f} µs at best" if verdict.least_time_us is not None else ""
    return f"{verdict.fraction_of_peak:.1%}{bound}"


def percent(estimate: Estimate) -> str:
    """`96% [87, 99]`: a share and its interval, in percent."""
    return f"{estimate.mean:.0%} [{100 * estimate.low:.0f}, {100 * estimate.high:.0f}]"
