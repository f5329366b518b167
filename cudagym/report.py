"""What verdicts, profiles, specs and evaluations look like in a terminal.

Functions make rich renderables; `to_text` turns one into plain text for logs and files. Text that comes from a
candidate or its compiler is shown with control characters escaped, so that no source can write to a terminal.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from cudagym.build.names import kernel_title
from cudagym.record import Record, shape_text
from cudagym.verdict import Status, Verdict

if TYPE_CHECKING:
    from cudagym.profile import LaunchProfile, Profile
    from cudagym.specs.spec import KernelSpec

_COLOURS: Mapping[Status, str] = {"correct": "green", "grader_error": "magenta", "suspect": "magenta"}


class Estimate(Record):
    """A mean with its confidence interval. Without an interval `low` and `high` equal `mean`."""

    mean: float
    low: float
    high: float


WIDE = 140
"""Columns that a table of scores needs."""
ALL = "all"
"""What stands for the split and the family in a row over all of them."""


class Spread(Record):
    """How the fractions of peak of correct attempts are distributed. Without any, `quantiles` is empty."""

    quantiles: Mapping[float, float]
    histogram: tuple[int, ...]
    """Counts in bins of equal width from 0 to 1."""


class ScoreRow(Record):
    """How one policy did on one split or family."""

    policy: str
    split: str = ALL
    family: str = ALL
    specs: int
    attempts: int
    compiled: Estimate
    """The share of attempts that compiled."""
    correct: Estimate
    """The share of attempts that were correct."""
    pass_at: Mapping[int, Estimate]
    """pass@k by k."""
    fraction: Estimate
    """The mean fraction of peak, an incorrect attempt counting as 0."""
    spread: Spread
    fast: Mapping[float, Estimate]
    """fast_p by p: the share of attempts that are correct and reach at least the fraction p of peak."""
    reward: Estimate


class ComparisonRow(Record):
    """What one policy has more than another on the same specs and samples, of one split, one family, or all."""

    before: str
    after: str
    split: str = ALL
    family: str = ALL
    specs: int
    pairs: int
    correct: Estimate
    fraction: Estimate
    reward: Estimate
    p_value: float
    """Of the difference in reward, two-sided, when each spec's could as well have had the other sign."""


def visible(text: str) -> Text:
    """`printable` text, with no markup interpreted."""
    return Text(printable(text))


def printable(text: str) -> str:
    """`text` with everything unprintable except newlines and tabs escaped."""
    return "".join(c if c.isprintable() or c in "\n\t" else ascii(c)[1:-1] for c in text)


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
        label, figures = ("limits", slowest) if slowest else ("launch", f"{kernel.time_us:,.1f} µs")
        table.add_row(label, visible(f"{kernel_title(kernel.kernel)}: {figures} (occupancy {kernel.occupancy:.0%})"))
    for diagnostic in verdict.diagnostics:
        if diagnostic.text not in verdict.message:
            table.add_row("advice", visible(diagnostic.text))
    if verdict.evidence is not None:
        for fault in verdict.evidence.faults:
            table.add_row("evidence", visible(fault.message))
        for note in verdict.evidence.notes:
            table.add_row("evidence", visible(note))
    if reward is not None:
        table.add_row("reward", f"{reward:.3f}")
    stages = ", ".join(f"{stage} {seconds:.2f} s" for stage, seconds in verdict.seconds.items())
    if verdict.cached:
        table.add_row("graded", "earlier; this answer comes from the cache")
    elif stages:
        table.add_row("graded in", stages)
    return table


def profile_report(profile: Profile, most: int = 6) -> RenderableType:
    """What was profiled, then a table for each of the `most` slowest launches."""
    head = (
        f"{profile.spec} on {profile.device} ({profile.title}) at {shape_text(profile.shape)}: "
        f"{profile.time_us:,.1f} µs (modelled), {profile.fraction_of_peak:.1%} of peak, "
        f"{profile.least_time_us:,.1f} µs at best"
    )
    slowest = sorted(enumerate(profile.launches, start=1), key=lambda each: -each[1].time_us)
    shown = sorted(slowest[:most], key=lambda each: each[0])
    parts: list[RenderableType] = [Text(head, style="bold")]
    parts += [_launch_table(launch, f"launch {number} of {len(slowest)}") for number, launch in shown]
    if len(slowest) > most:
        rest = sum(launch.time_us for _, launch in slowest[most:])
        parts.append(Text(f"{len(slowest) - most} more launches take {rest:,.1f} µs together; --json has them."))
    return Group(*parts)


def _launch_table(launch: LaunchProfile, number: str) -> RenderableType:
    table = Table(box=box.ROUNDED, show_header=False, pad_edge=False, padding=(0, 1))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    grid, block = (" x ".join(map(str, size)) for size in (launch.grid, launch.block))
    table.add_row(
        "kernel", visible(f"{launch.kernel} ({number}), grid {grid}, block {block}, {launch.waves:.1f} waves")
    )
    coarse = f", coarse: {launch.coarse}" if launch.coarse else ""
    table.add_row("time", visible(f"{launch.time_us:,.1f} µs{coarse}"))
    limits = [limiter for limiter in launch.limiters if limiter.time_us >= 0.05 * launch.time_us][:6]
    shares = [
        f"{bar(each.time_us / launch.time_us)} {each.time_us / launch.time_us:4.0%}  {each.name}" for each in limits
    ]
    if limits:
        table.add_row("limits", "\n".join(shares))
    for limiter in launch.advised:
        table.add_row("advice", visible(f"{limiter.name}: {limiter.advice}"))
    if launch.stalls:
        stalls = [f"{name} {share:.0%}" for name, share in launch.stalls.items() if share >= 0.01]
        table.add_row("waits for", ", ".join(stalls))
    table.add_row("occupancy", "\n".join(occupancy_lines(launch)))
    for level in launch.levels:
        if level.bytes:
            rate = f"{level.gb_s:7,.0f} of {level.peak_gb_s:,.0f} GB/s"
            table.add_row(level.name, f"{bar(level.share)} {level.share:4.0%}  {amount(level.bytes):>8}  {rate}")
    table.add_row("accesses", "\n".join(access_lines(launch)))
    mix = [f"{name} {share:.0%}" for name, share in launch.mix.items() if share >= 0.01]
    table.add_row("PTX mix", ", ".join(mix))
    if launch.lines:
        table.add_row("lines", _hot_lines(launch))
    return table


def _hot_lines(launch: LaunchProfile) -> RenderableType:
    table = Table(box=None, pad_edge=False, expand=True)
    for heading in ("line", "issued", "waits"):
        table.add_column(heading, justify="right", no_wrap=True, style="default")
    table.add_column("for", no_wrap=True)
    table.add_column("", no_wrap=True, overflow="ellipsis", ratio=1)
    for line in launch.lines:
        reason = line.reason if line.stalled >= 0.01 else ""
        table.add_row(str(line.line), f"{line.issued:.1%}", f"{line.stalled:.1%}", reason, visible(line.text))
    return table


def bar(share: float, width: int = 12) -> str:
    """A share as a bar of fixed width, full from 1 on."""
    filled = round(width * min(1.0, max(0.0, share)))
    return "█" * filled + "░" * (width - filled)


def amount(size: float) -> str:
    """`1.24 GB`: bytes with three digits, in powers of 1000."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 999.5:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:,.3g} TB"


def occupancy_lines(launch: LaunchProfile) -> list[str]:
    """How many warps are resident and what bounds them, then the blocks that each resource allows."""
    o = launch.occupancy
    bound = {(): "nothing keeps more out", ("grid",): "the grid has no more blocks"}.get(
        o.bound_by, f"bound by {' and '.join(o.bound_by)}"
    )
    fits = ", ".join(f"{name} {blocks}" for name, blocks in o.by_resource.items())
    kept = f"{launch.registers} registers per thread, {launch.shared_bytes:,} bytes of shared memory per block"
    spilled = f", {launch.spill_bytes} bytes spilled per thread" if launch.spill_bytes else ""
    return [
        f"{o.warps} of {o.of} warps ({o.warps / o.of:.0%}) in {o.blocks} block{'s' * (o.blocks > 1)} per SM: {bound}",
        f"{kept}{spilled}",
        f"blocks that fit by: {fits}",
    ]


def access_lines(launch: LaunchProfile) -> list[str]:
    """Coalescing, bank conflicts, contention and divergence, as far as there is anything to say."""
    a, found = launch.access, []
    for name, sectors, lines in (
        ("load", a.load_sectors, a.load_lines),
        ("store", a.store_sectors, a.store_lines),
    ):
        if sectors is not None and lines is not None:
            spread = "scattered" if lines > 1.5 * max(sectors / 4, 1) else "coalesced"
            found.append(f"global {name}: {sectors:.1f} sectors in {lines:.1f} lines per request, {spread}")
    if a.wavefronts is not None:
        found.append(f"shared memory: {a.wavefronts:.2f} passes per access (1 for 4 bytes a lane, 4 for 16)")
    if a.atomic_conflicts is not None:
        found.append(f"atomics: {a.atomic_conflicts:.1f} lanes wait for another per instruction")
    return [*found, f"divergence: {launch.lanes:.1f} of 32 lanes active"]


def specs_table(specs: Sequence[KernelSpec]) -> RenderableType:
    """Specs by name, with family, split, formula and the shape they are timed on."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("name", "family", "split", "computes", "timed at"):
        table.add_column(heading, no_wrap=heading in ("name", "family", "split"), overflow="fold")
    for spec in specs:
        table.add_row(spec.name, spec.family, spec.split, visible(spec.formula), shape_text(spec.timing_shape))
    return table


def scores_table(rows: Sequence[ScoreRow]) -> RenderableType:
    """Evaluations, one row per policy and split, about 130 columns wide. Intervals stand beside all but fast_p and
    pass@k, whose intervals are in the records."""
    thresholds = sorted({p for row in rows for p in row.fast})
    passes = sorted({k for row in rows for k in row.pass_at if k > 1})[-1:]
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("policy", no_wrap=True)
    table.add_column("split", no_wrap=True)
    fasts = [f"fast\n{p:g}" for p in thresholds]
    chances = [f"pass\n@{k}" for k in passes]
    for heading in ["tries", "compiled", "correct", *chances, "of peak", *fasts, "reward"]:
        table.add_column(heading, justify="right", no_wrap=True)
    for row, following in zip(rows, [*rows[1:], None], strict=True):
        fast = [f"{row.fast[p].mean:.0%}" if p in row.fast else "" for p in thresholds]
        chance = [f"{row.pass_at[k].mean:.0%}" if k in row.pass_at else "" for k in passes]
        reward = f"{row.reward.mean:.3f} [{row.reward.low:.2f}, {row.reward.high:.2f}]"
        compiled, correct, fraction = (percent(share) for share in (row.compiled, row.correct, row.fraction))
        cells = [row.policy, row.split, str(row.attempts), compiled, correct, *chance, fraction, *fast, reward]
        last_of_policy = following is not None and following.policy != row.policy
        table.add_row(*(visible(cell) for cell in cells), end_section=last_of_policy)
    return table


def families_table(rows: Sequence[ScoreRow]) -> RenderableType:
    """Per policy and family: how many attempts are correct, and how their fractions of peak are distributed, with a
    histogram from 0 to 1."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    quantiles = sorted({q for row in rows for q in row.spread.quantiles})
    for heading in ("policy", "family"):
        table.add_column(heading, no_wrap=True)
    for heading in ("specs", "tries", "correct", *(f"{q:.0%}" for q in quantiles)):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("of peak, 0 to 1", no_wrap=True)
    for row, following in zip(rows, [*rows[1:], None], strict=True):
        known = [f"{row.spread.quantiles[q]:.2f}" if q in row.spread.quantiles else "" for q in quantiles]
        cells = [row.policy, row.family, str(row.specs), str(row.attempts), percent(row.correct), *known]
        last_of_policy = following is not None and following.policy != row.policy
        bars = _bars(row.spread.histogram)
        table.add_row(*(visible(cell) for cell in cells), bars, end_section=last_of_policy)
    return table


def comparisons_table(rows: Sequence[ComparisonRow]) -> RenderableType:
    """What one policy has more than another, per split, per family and over all."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for heading in ("policy", "less", "on"):
        table.add_column(heading, no_wrap=True)
    for heading in ("specs", "pairs", "correct", "of peak", "reward", "p"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row, following in zip(rows, [*rows[1:], None], strict=True):
        where = row.split if row.split != ALL else row.family
        gains = [signed(gain) for gain in (row.correct, row.fraction, row.reward)]
        cells = [row.after, row.before, where, str(row.specs), str(row.pairs), *gains, f"{row.p_value:.2g}"]
        last = following is not None and (following.before, following.after) != (row.before, row.after)
        table.add_row(*(visible(cell) for cell in cells), end_section=last)
    return table


def signed(estimate: Estimate) -> str:
    """`+0.053 [+0.027, +0.082]`: a difference and its interval."""
    return f"{estimate.mean:+.3f} [{estimate.low:+.3f}, {estimate.high:+.3f}]"


def _bars(counts: Sequence[int]) -> str:
    """A histogram in one line. What is not empty shows."""
    most = max(counts, default=0)
    return "".join(" ▁▂▃▄▅▆▇█"[-(-8 * count // most) if most else 0] for count in counts)


def doctor_table(found: Mapping[str, Any]) -> RenderableType:
    """What `cudagym.doctor.examine` found: toolkit, devices, sandbox, versions, and problems last."""
    table = Table(box=box.ROUNDED, show_header=False, pad_edge=False, padding=(0, 1))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    toolkit = found["toolkit"]
    table.add_row("compiler", f"nvcc {toolkit['version']}\n{toolkit['nvcc']}" if toolkit else Text("none", style="red"))
    names = [f"{each['name']}  {each['title']}{'  (default)' * each['default']}" for each in found["devices"]]
    cards = [
        f"cuda:{each['index']}  {each['name']}  driver {each['driver']}"
        + "  (default)" * each["default"]
        + f"\n{each['problem']}" * bool(each["problem"])
        for each in found["cards"]
    ]
    table.add_row("cards", visible("\n".join(cards) or f"none: {found['cards_problem']}"))
    tools = [f"{name} {tool['version']} ({tool['path']})" for name, tool in found["tools"].items() if tool]
    table.add_row("evidence", visible("\n".join(tools) or "none: neither compute-sanitizer nor ncu (Nsight Compute)"))
    table.add_row("devices", "\n".join(names))
    boxed = [f"{name.replace('_', ' ')}: {'yes' if holds else 'no'}" for name, holds in found["sandbox"].items()]
    table.add_row("sandbox", "\n".join([*boxed, f"isolation: {found['isolation']}"]))
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
