"""The card of this machine against the simulated one of the same model: `make gpu-check`.

Every kernel of the scripted teacher, for every spec, is graded on both: the verdicts should be the same, and predicted
times in the order of measured ones. The outcome goes into docs/gpu.md.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import tyro
from rich.console import Console

from benchmarks.clock.__main__ import markdown, shown
from benchmarks.clock.evidence import score
from cudagym import specs
from cudagym.agents.scripted import ScriptedTeacher
from cudagym.cuda.gpu import CudaGPU, card_at
from cudagym.cuda.peaks import Peaks, peaks
from cudagym.errors import CudagymError
from cudagym.grader import Grader
from cudagym.verdict import Verdict

PAGE = Path(__file__).parents[1] / "docs" / "gpu.md"
BEGIN, END = "<!-- written by make gpu-check -->\n", "<!-- until here -->\n"
COLUMNS = (
    "spec",
    "kernel",
    "on the card",
    "simulated",
    "measured µs",
    "interval",
    "predicted µs",
    "predicted / measured",
)


class Pair(NamedTuple):
    """One kernel's verdicts."""

    spec: str
    kernel: str
    measured: Verdict
    modelled: Verdict

    @property
    def agrees(self) -> bool:
        return self.measured.status == self.modelled.status

    @property
    def times_us(self) -> tuple[float, float] | None:
        """Predicted and measured, where both verdicts are correct and the shapes are the same."""
        found = self.modelled.time_us, self.measured.time_us
        if found[0] is None or found[1] is None or self.modelled.timed_shape != self.measured.timed_shape:
            return None
        return found[0], found[1]

    @property
    def row(self) -> tuple[str, ...]:
        """In COLUMNS."""
        predicted, measured = self.times_us or (math.nan, math.nan)
        how = self.measured.measurement
        interval = (
            f"{how.interval_us[0]:.2f} to {how.interval_us[1]:.2f}{'' if how.settled else ' (unsettled)'}"
            if how
            else ""
        )
        figures = (
            ("", "", "")
            if math.isnan(measured)
            else (f"{measured:.2f}", f"{predicted:.2f}", f"{predicted / measured:.2f}")
        )
        statuses = (self.measured.status, self.modelled.status)
        return (self.spec, self.kernel, *statuses, figures[0], interval, *figures[1:])


def suite(limit: int | None = None) -> list[tuple[str, str, str]]:
    """Spec, algorithm and source of every kernel."""
    ladders = [(spec.name, ScriptedTeacher().ladder(spec)) for spec in specs.all_specs()]
    found = [(name, each.algorithm, each.source) for name, ladder in ladders for each in ladder]
    return found[:limit]


def compared(device: str, model: str, kernels: Sequence[tuple[str, str, str]]) -> list[Pair]:
    """Both verdicts on every kernel, for the same inputs and shapes."""
    items = [(spec, source) for spec, _, source in kernels]
    with Grader(device, cached=False) as real, Grader(f"sim:{model}") as simulated:
        verdicts = zip(real.grade_many(items), simulated.grade_many(items), strict=True)
        return [Pair(spec, name, *both) for (spec, name, _), both in zip(kernels, verdicts, strict=True)]


def conclusion(pairs: Sequence[Pair]) -> str:
    """What the comparison says, in a few sentences."""
    agreeing = sum(pair.agrees for pair in pairs)
    text = f"{agreeing} of {len(pairs)} verdicts are the same on the card and simulated."
    if times := [pair.times_us for pair in pairs if pair.times_us]:
        found = score(*zip(*times, strict=True))
        text += (
            f" Of {len(times)} kernels with both times, predicted and measured ones have a rank correlation (Spearman)"
            f" of {found.spearman:.3f}; predictions miss by a factor of {math.exp(found.median):.2f} in the median and"
            f" {math.exp(found.worst):.2f} at worst."
        )
    return text + "\n"


def write_page(page: Path, title: str, reached: Peaks, pairs: Sequence[Pair]) -> None:
    """Puts the outcome into the page."""
    before, rest = page.read_text().split(BEGIN)
    _, after = rest.split(END)
    peak = f"On a {title}. It reaches {reached.copy_gb_s:.0f} GB/s in a copy, {reached.fp32_tflops:.1f} TFLOP/s in fp32"
    peak += f" and {reached.fp16_tflops:.0f} in fp16 products by mma.sync.\n" if reached.fp16_tflops else ".\n"
    body = [peak, conclusion(pairs), markdown(COLUMNS, [pair.row for pair in pairs])]
    page.write_text(before + BEGIN + "\n" + "\n".join(body) + "\n" + END + after)


def main(index: int = 0, limit: int | None = None) -> None:
    """Grade the scripted kernels on a card and on its simulated twin, and compare.

    Args:
        index: the card, as in cuda:0.
        limit: this many kernels only; then nothing is written.
    """
    console = Console()
    try:
        card = card_at(index)
        device = CudaGPU(index)
    except CudagymError as error:
        raise SystemExit(f"gpu-check: {error}") from None
    try:
        reached = peaks(device)
    finally:
        device.close()
    pairs = compared(f"cuda:{index}", card.gpu.name, suite(limit))
    console.print(shown(COLUMNS, [pair.row for pair in pairs]))
    console.print(conclusion(pairs))
    for pair in pairs:
        if not pair.agrees:
            console.print(f"{pair.spec} {pair.kernel}: {pair.measured.message}\n  simulated: {pair.modelled.message}")
    if limit is None:
        write_page(PAGE, f"{card.name} with driver {card.driver}", reached, pairs)


if __name__ == "__main__":
    tyro.cli(main)
