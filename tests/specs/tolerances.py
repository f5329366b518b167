"""What tolerances accept: how much of its bound an honest kernel's error takes, and how much a cheat's.

    python tests/specs/tolerances.py [SPEC...]     measures, writes the table into docs/integrity.md

Kernels are emulated in torch over the inputs, shapes and distributions that the judge checks with. Honest ones do what
the reference does in the precision that the spec asks for; those of `test_tolerance.py` sum in other orders. Cheats
compute in less, or compute less. A figure is the largest error of any element of any check, as a share of what that
element is allowed: honest kernels must stay below 1, cheats must not.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import torch
from rich.console import Console
from test_tolerance import CARELESS, HONEST, Emulation, Inputs, tf32

from cudagym.record import Shape
from cudagym.specs import FAMILIES, all_specs, get
from cudagym.specs.compare import NORM_SHARE, bounds, relative_bound, widened
from cudagym.specs.inputs import make_inputs
from cudagym.specs.spec import Distribution, DType, KernelSpec

PAGE = Path(__file__).parents[2] / "docs" / "integrity.md"
MARKS = ("<!-- make tolerances writes from here -->\n", "<!-- make tolerances writes to here -->\n")
Change = Callable[[torch.Tensor], torch.Tensor]
COARSER = {DType.F64: DType.F32, DType.F32: DType.F16, DType.F16: DType.BF16, DType.BF16: DType.E4M3}


class Reach(NamedTuple):
    """Errors as shares of what is allowed, over all checks of a spec."""

    worst: float
    """Of any element."""
    norm: float
    """Of all elements of a check, as a root mean square."""


def trials(spec: KernelSpec) -> Iterator[tuple[Shape, Distribution]]:
    """As the judge does: each shape with one distribution in turn, the largest with all."""
    shapes = sorted(spec.check_shapes, key=lambda shape: sum(p.elements(shape) for p in spec.arrays))
    for turn, shape in enumerate(shapes[:-1]):
        yield shape, spec.distributions[turn % len(spec.distributions)]
    for distribution in spec.distributions:
        yield shapes[-1], distribution


def reach(spec: KernelSpec, emulate: Emulation) -> Reach:
    """How far a kernel that computes like `emulate` goes."""
    worst = norm = 0.0
    (output,) = spec.outputs
    for shape, distribution in trials(spec):
        inputs = make_inputs(spec, shape, distribution, seed=7)
        want = spec.reference(widened(inputs), shape)[output.name].reshape(-1)
        got = emulate(inputs, shape).to(output.dtype.torch).to(torch.float64).reshape(-1)
        error = (got - want).abs() / bounds(spec, output, shape, want, inputs=inputs)
        error[(got == want) | (got.isnan() & want.isnan())] = 0.0
        error = error.nan_to_num(nan=float("inf"))
        worst, norm = max(worst, float(error.max())), max(norm, float(error.square().mean().sqrt()))
    return Reach(worst, norm)


def in_precision(spec: KernelSpec, dtype: torch.dtype, change: Change | None = None) -> Emulation:
    """What the reference does, every operation rounded to `dtype`, from inputs that `change` has touched."""
    (output,) = spec.outputs

    def emulate(inputs: Inputs, shape: Shape) -> torch.Tensor:
        touched = {name: change(t) if change and t.is_floating_point() else t for name, t in inputs.items()}
        ready = {name: t.to(dtype if t.is_floating_point() else torch.int64) for name, t in touched.items()}
        return spec.reference(ready, shape)[output.name].to(output.dtype.torch)

    return emulate


def _through(dtype: torch.dtype) -> Change:
    return lambda t: t.to(dtype).to(t.dtype)


def _without_last(t: torch.Tensor) -> torch.Tensor:
    """A loop that ends one too early."""
    result = t.clone()
    result[..., -1] = 0
    return result


def _every_other(t: torch.Tensor) -> torch.Tensor:
    """A sample stands for the whole: each second element is taken for its neighbour too."""
    result, pairs = t.clone(), t.shape[-1] // 2
    result[..., 1 : 2 * pairs : 2] = t[..., 0 : 2 * pairs : 2]
    return result


def honest(spec: KernelSpec) -> dict[str, Emulation]:
    """What must be accepted."""
    rounded = tf32 if spec.tolerance.compute is DType.F16 else None
    return {"float": in_precision(spec, torch.float32, rounded), **HONEST.get(spec.name, {})}


def cheats(spec: KernelSpec) -> dict[str, Emulation]:
    """What must not be accepted, by kind."""
    floats = [p.dtype for p in spec.arrays if p.dtype.is_float]
    narrow = min(floats, key=lambda dtype: dtype.size)
    coarser = COARSER[spec.tolerance.compute or narrow].torch if narrow in COARSER else None
    found: dict[str, Emulation] = {}
    if coarser:
        found["coarser inputs"] = in_precision(spec, torch.float64, _through(coarser))
    if narrow is DType.F32 and spec.tolerance.compute is None:
        found["tf32 inputs"] = in_precision(spec, torch.float64, tf32)
        found["half arithmetic"] = in_precision(spec, torch.float16)
    elif narrow in (DType.F16, DType.BF16):
        found["bfloat16 arithmetic"] = in_precision(spec, torch.bfloat16)
    found["last skipped"] = in_precision(spec, torch.float64, _without_last)
    found["sampled"] = in_precision(spec, torch.float64, _every_other)
    return found | {"careless: " + name: emulate for name, emulate in CARELESS.get(spec.name, {}).items()}


def is_exact(spec: KernelSpec) -> bool:
    return not any(relative_bound(spec.tolerance, p.dtype, spec.timing_shape) for p in spec.outputs)


class Measured(NamedTuple):
    """One spec's figures, by name of the emulation."""

    spec: KernelSpec
    honest: dict[str, Reach]
    cheats: dict[str, Reach]


def measure(spec: KernelSpec) -> Measured:
    """Leaves out what torch cannot do in a precision, and cheats that change nothing."""

    def all_of(emulations: dict[str, Emulation]) -> dict[str, Reach]:
        found = {}
        for name, emulate in emulations.items():
            try:
                found[name] = reach(spec, emulate)
            except (RuntimeError, NotImplementedError) as error:
                if "not implemented" not in str(error) and "expected" not in str(error):
                    raise
        return found

    fair = all_of(honest(spec))
    return Measured(spec, fair, {name: r for name, r in all_of(cheats(spec)).items() if r not in fair.values()})


KINDS = (
    "coarser inputs",
    "tf32 inputs",
    "half arithmetic",
    "bfloat16 arithmetic",
    "last skipped",
    "sampled",
    "careless",
)


def table(every: list[Measured]) -> str:
    """By family: what honest kernels reach at most, what cheats reach at least, and what lies between."""
    lines = [
        f"| family | specs | honest: most | in norm | {' | '.join(KINDS)} | gap |",
        "|---|---|---|---|" + "---|" * len(KINDS) + "---|",
    ]
    for family in FAMILIES:
        some = [one for one in every if one.spec.family == family]
        if not some:
            continue
        fair = [r for one in some for r in one.honest.values()]
        least: dict[str, list[float]] = {kind: [] for kind in KINDS}
        for one in some:
            for name, r in one.cheats.items():
                least[name.partition(":")[0]].append(r.worst)
        most = max((r.worst for r in fair), default=0.0)
        lowest = min(value for values in least.values() for value in values)
        cells = (_times(min(values)) if values else "" for values in least.values())
        lines.append(
            f"| {family} | {len(some)} | {most:.2f} | {max((r.norm for r in fair), default=0.0):.2f} |"
            f" {' | '.join(cells)} | {_times(lowest / most)} |"
        )
    passing = [
        f"- {one.spec.name}, {name}: {r.worst:.2f}, in norm {r.norm:.2f}"
        for one in every
        for name, r in one.cheats.items()
        if r.worst <= 1 and r.norm <= NORM_SHARE
    ]
    told = ["", "No bound tells these from honest kernels:", "", *passing] if passing else []
    return "\n".join([*lines, *told]) + "\n"


def _times(value: float) -> str:
    return "overflow" if value > 1e30 else f"{value:.2g}" if value < 1000 else f"{value:.0e}"


def main() -> None:
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    console = Console(width=200)
    chosen = [get(name) for name in sys.argv[1:]] or [spec for spec in all_specs() if not is_exact(spec)]
    every = []
    for spec in chosen:
        every.append(found := measure(spec))
        for kind, reaches in (("honest", found.honest), ("cheats", found.cheats)):
            told = ", ".join(f"{name} {r.worst:.2g} ({r.norm:.2g})" for name, r in reaches.items())
            console.print(f"{spec.name}, {kind}: {told}", markup=False, highlight=False)
    console.print(text := table(every), markup=False, highlight=False)
    if not sys.argv[1:]:
        before, _, rest = PAGE.read_text().partition(MARKS[0])
        PAGE.write_text(before + MARKS[0] + "\n" + text + "\n" + MARKS[1] + rest.partition(MARKS[1])[2])


if __name__ == "__main__":
    main()
