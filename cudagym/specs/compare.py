"""Whether an output is right: float64 references, for all elements or some, and the bound on each error.

Reference and scale of a huge output are evaluated for just the elements asked for, by slicing the inputs along
the spec's independent axes. The elements are covered by boxes (products of index sets, one per axis), so that
tiles written by a few thread blocks of a matrix product cost no more than those tiles.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import inf, sqrt

import torch

from cudagym.errors import UsageError
from cudagym.record import Shape
from cudagym.specs.spec import DType, KernelSpec, Parameter, Tensors, Tolerance
from cudagym.verdict import Mismatch

CHUNK = 1 << 16
"""Elements compared at a time: 512 KiB of float64, so that intermediate results stay in the cache."""
MAX_BOXES = 512
"""Per axis: index sets scattered over more boxes are covered by this many larger ones."""
BOX_ELEMENTS = 1 << 23
"""A box is cut along its first axis until its arrays have about this many elements (64 MiB in float64)."""
NORM_SHARE, NORM_FACTOR, NORM_ELEMENTS = 0.5, 4.0, 64
"""Of so many elements or more, errors may reach half of their bounds as a root mean square, or four times what an
honest implementation reaches there, if that is more. Most honest kernels reach less than a quarter; a thread that adds
thousands of positive terms one after another reaches more."""
FLUSHED = 2.0**-126
"""The smallest normal float32: kernels may flush anything below it to zero."""

Evaluate = Callable[[Tensors, Shape], Tensors]


def compare(
    spec: KernelSpec,
    parameter: Parameter,
    shape: Shape,
    got: torch.Tensor,
    want: torch.Tensor,
    *,
    inputs: Tensors,
    distribution: str,
    elements: torch.Tensor | None = None,
) -> Mismatch | None:
    """The first wrong element of one output, or None when all are within the spec's tolerance.

    `got` is the output in its own dtype, `want` its reference (float64, or int64 for integers), both whole, or
    both one-dimensional with the values at the flat indices `elements` (int64, ascending). `inputs` are the
    arrays the candidate was given, `distribution` names them. A NaN is right only where NaN is wanted, an
    infinity only where the same infinity is. Where each error is within its bound but all together are too large
    (`NORM_SHARE`), the largest is named. Raises UsageError when the spec's reference gives the wrong number or type
    of elements.
    """
    flat_got, flat_want = got.reshape(-1), want.reshape(-1)
    _check_reference(spec, parameter, flat_got, flat_want)
    bound = bounds(spec, parameter, shape, flat_want, inputs=inputs, elements=elements)
    wrong, first = 0, -1
    for start in range(0, flat_got.numel(), CHUNK):
        part = slice(start, start + CHUNK)
        bad = _is_wrong(flat_got[part], flat_want[part], bound[part])
        count = int(bad.sum())
        if count and first < 0:
            first = start + int(bad.to(torch.uint8).argmax())
        wrong += count
    if not wrong:
        if len(flat_got) < NORM_ELEMENTS or not parameter.dtype.is_float:
            return None
        share = _shares(flat_got, flat_want, bound)
        if _norm(share) <= NORM_SHARE:
            return None
        honest = _in_float32(spec, parameter, shape, inputs, elements)
        if honest is not None and _norm(share) <= NORM_FACTOR * _norm(_shares(honest, flat_want, bound)):
            return None
        first, wrong, bound = int(share.argmax()), int((share > NORM_SHARE).sum()), NORM_SHARE * bound
    flat_index = first if elements is None else int(elements[first])
    index = torch.unravel_index(torch.tensor(flat_index), parameter.extents(shape))
    return Mismatch(
        output=parameter.name,
        index=tuple(int(i) for i in index),
        got=_plain(flat_got[first].item()),
        want=flat_want[first].item(),
        bound=float(bound[first]),
        wrong=wrong,
        of=flat_got.numel(),
        shape=dict(shape),
        distribution=distribution,
    )


def bounds(
    spec: KernelSpec,
    parameter: Parameter,
    shape: Shape,
    want: torch.Tensor,
    *,
    inputs: Tensors,
    elements: torch.Tensor | None = None,
) -> torch.Tensor:
    """What each element's error may be, for a flat `want`: float64, zero where it must be exact. See `compare`."""
    relative = relative_bound(spec.tolerance, parameter.dtype, shape)
    if not relative:
        return torch.zeros(want.shape, dtype=torch.float64)
    scale = _scale(spec, parameter, shape, want, inputs, elements)
    underflow = FLUSHED + relative * torch.finfo(parameter.dtype.torch).smallest_normal
    return want.abs().add_(scale).mul_(relative).add_(underflow)


def relative_bound(tolerance: Tolerance, dtype: DType, shape: Shape) -> float:
    """What an output's error may be, relative to |want| + scale. Zero for integers, which must be exact."""
    if not dtype.is_float:
        return 0.0
    computed = torch.finfo((tolerance.compute or dtype).torch)
    unit_roundoff = max(computed.eps, torch.finfo(dtype.torch).eps) / 2
    return float(unit_roundoff * (tolerance.factor + tolerance.growth * sqrt(tolerance.length(shape))))


def reference_at(spec: KernelSpec, inputs: Tensors, shape: Shape, output: str, elements: torch.Tensor) -> torch.Tensor:
    """The reference values (float64 or int64) of the output called `output` at the flat indices `elements`.

    `inputs` may be in their own dtypes: what is needed of them is widened after slicing.
    """
    (parameter,) = (p for p in spec.outputs if p.name == output)
    return _evaluate_at(spec, spec.reference, inputs, shape, parameter, elements)


def _check_reference(spec: KernelSpec, parameter: Parameter, got: torch.Tensor, want: torch.Tensor) -> None:
    dtype = torch.float64 if parameter.dtype.is_float else torch.int64
    if want.shape != got.shape or want.dtype != dtype:
        raise UsageError(
            f"the reference of {spec.name} gives {want.numel()} elements of {want.dtype} for {parameter.name},"
            f" which needs {got.numel()} of {dtype}; mend the spec"
        )


def _is_wrong(got: torch.Tensor, want: torch.Tensor, bound: torch.Tensor) -> torch.Tensor:
    if not got.is_floating_point():
        return got.to(torch.int64) != want
    wide = got.to(torch.float64)
    right = ((wide - want).abs() <= bound) & wide.isfinite()
    return ~(right | (wide == want) | (wide.isnan() & want.isnan()))


def _shares(got: torch.Tensor, want: torch.Tensor, bound: torch.Tensor) -> torch.Tensor:
    """Each error as a share of its bound; zero where the same NaN or infinity is wanted, or none is allowed."""
    return ((got.to(bound.dtype) - want) / bound).abs_().nan_to_num_(0.0, 0.0, 0.0)


def _norm(share: torch.Tensor) -> float:
    """The root mean square."""
    return float(share.norm()) / sqrt(len(share))


def _in_float32(
    spec: KernelSpec, parameter: Parameter, shape: Shape, inputs: Tensors, elements: torch.Tensor | None
) -> torch.Tensor | None:
    """What an honest implementation gives: the reference, evaluated in float32 and rounded. None where it cannot be."""

    def evaluate(tensors: Tensors, shape: Shape) -> Tensors:
        return spec.reference({k: t.float() if t.is_floating_point() else t for k, t in tensors.items()}, shape)

    try:
        if elements is None:
            values = evaluate(widened(inputs), shape)[parameter.name].expand(parameter.extents(shape)).reshape(-1)
        else:
            values = _evaluate_at(spec, evaluate, inputs, shape, parameter, elements)
    except RuntimeError:  # The reference asks for float64.
        return None
    return values.to(parameter.dtype.torch)


def _scale(
    spec: KernelSpec,
    parameter: Parameter,
    shape: Shape,
    want: torch.Tensor,
    inputs: Tensors,
    elements: torch.Tensor | None,
) -> torch.Tensor:
    """What rounding errors are proportional to: one value, or one for each element of `want`."""
    if spec.tolerance.scale is None:
        finite = want[want.isfinite()]
        return finite.square().mean().sqrt().reshape(1) if finite.numel() else want.new_zeros(1)
    if elements is not None:
        return _evaluate_at(spec, spec.tolerance.scale, inputs, shape, parameter, elements)
    scale = spec.tolerance.scale(widened(inputs), shape)[parameter.name]
    return scale.reshape(1) if scale.numel() == 1 else scale.expand(parameter.extents(shape)).reshape(-1)


def _evaluate_at(
    spec: KernelSpec,
    evaluate: Evaluate,
    inputs: Tensors,
    shape: Shape,
    parameter: Parameter,
    elements: torch.Tensor,
) -> torch.Tensor:
    """`evaluate(...)[parameter.name]` at flat indices, from slices of the inputs where axes are independent."""
    coordinates = torch.unravel_index(elements, parameter.extents(shape))
    axes = [axis for axis in spec.independent if axis in parameter.axes]
    if not axes:
        whole = evaluate(widened(inputs), shape)[parameter.name].expand(parameter.extents(shape))
        return whole[coordinates]
    along = [coordinates[parameter.axes.index(axis)] for axis in axes]
    result = torch.empty(len(elements), dtype=torch.float64 if parameter.dtype.is_float else torch.int64)
    for box, members in _boxes(along, torch.arange(len(elements))):
        for indices, inside in _cut(spec, shape, dict(zip(axes, box, strict=True)), along[0], members):
            smaller = {**shape, **{axis: len(index) for axis, index in indices.items()}}
            sliced = {p.name: _sliced(inputs[p.name], p, indices) for p in spec.inputs}
            values = evaluate(widened(sliced), smaller)[parameter.name].expand(parameter.extents(smaller))
            place = tuple(
                torch.searchsorted(indices[axis], c[inside]) if axis in indices else c[inside]
                for axis, c in zip(parameter.axes, coordinates, strict=True)
            )
            result[inside] = values[place]
    return result


def _boxes(along: list[torch.Tensor], members: torch.Tensor) -> Iterator[tuple[tuple[torch.Tensor, ...], torch.Tensor]]:
    """Boxes that cover the points `along[...][members]`: an ascending index set per axis, and what is inside."""
    if not len(members):
        return
    if len(along) == 1:
        yield (torch.unique(along[0][members]),), members
        return
    for group in _alike(along, members):
        first = torch.unique(along[0][group])
        for rest, inside in _boxes(along[1:], group):
            yield (first, *rest), inside


def _alike(along: list[torch.Tensor], members: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Groups of `members` whose values on the first axis meet the same places on the others.

    All are one group when at least half of the box around them is asked for. Sets of places are told apart by
    the sum of a random word for each; a collision only makes a larger box.
    """
    values, row = torch.unique(along[0][members], return_inverse=True)
    word = torch.zeros(len(members), dtype=torch.int64)
    for axis in along[1:]:
        word = (word ^ axis[members]) * -7046029254386353131  # 2**64 / golden ratio, as a signed word
        word ^= word >> 29
    if len(values) * len(torch.unique(word)) <= 2 * len(members):
        return (members,)
    signature = torch.zeros(len(values), dtype=torch.int64).scatter_add_(0, row, word)
    group = torch.unique(signature, return_inverse=True)[1]
    if int(group.max()) >= MAX_BOXES:
        group = torch.arange(len(values)) * MAX_BOXES // len(values)
    order = group[row].argsort(stable=True)
    return torch.split(members[order], group[row].bincount().tolist())


def _cut(
    spec: KernelSpec,
    shape: Shape,
    box: dict[str, torch.Tensor],
    coordinate: torch.Tensor,
    members: torch.Tensor,
) -> Iterator[tuple[dict[str, torch.Tensor], torch.Tensor]]:
    """The box in pieces along its first axis, each small enough to evaluate at once, with the points inside."""
    axis, indices = next(iter(box.items()))
    one = {**shape, **{name: len(index) for name, index in box.items()}, axis: 1}
    step = max(1, BOX_ELEMENTS // sum(p.elements(one) for p in spec.arrays if axis in p.axes))
    if len(indices) <= step:
        yield box, members
        return
    for piece in torch.split(indices, step):
        place = coordinate[members]
        yield {**box, axis: piece}, members[(place >= piece[0]) & (place <= piece[-1])]


def _sliced(tensor: torch.Tensor, parameter: Parameter, indices: dict[str, torch.Tensor]) -> torch.Tensor:
    for dimension, axis in enumerate(parameter.axes):
        if not isinstance(axis, str) or axis not in indices:
            continue
        index = indices[axis]
        first, count = int(index[0]), len(index)
        if int(index[-1]) - first == count - 1:
            tensor = tensor.narrow(dimension, first, count)
        else:
            tensor = tensor.index_select(dimension, index)
    return tensor


def widened(tensors: Tensors) -> dict[str, torch.Tensor]:
    """What references work on: floats as float64, integers as int64."""
    return {name: t.to(torch.float64 if t.is_floating_point() else torch.int64) for name, t in tensors.items()}


def _plain(value: float | int) -> float | int | str:
    """Infinities and NaN as words, which JSON can hold."""
    return value if isinstance(value, int) or abs(value) < inf else str(value)
