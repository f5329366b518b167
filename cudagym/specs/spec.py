"""KernelSpec: what a candidate must compute, on which shapes, how well, and what it costs at least."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from math import prod
from typing import Literal, Self

import torch
from pydantic import Field, model_validator

from cudagym.hardware import MathMode
from cudagym.record import Record, Shape

Tensors = Mapping[str, torch.Tensor]
Role = Literal["in", "out", "inout", "scalar"]
Split = Literal["train", "unseen_shape", "unseen_op", "unseen_dtype", "unseen_family"]
SPLITS: tuple[Split, ...] = ("train", "unseen_shape", "unseen_op", "unseen_dtype", "unseen_family")


class DType(StrEnum):
    """An element type. `c` is its name in CUDA C++, `torch` the torch dtype, `size` its bytes."""

    F64 = "f64"
    F32 = "f32"
    F16 = "f16"
    BF16 = "bf16"
    E4M3 = "e4m3"
    I64 = "i64"
    I32 = "i32"
    I8 = "i8"
    U8 = "u8"

    @property
    def c(self) -> str:
        return _C_NAMES[self]

    @property
    def torch(self) -> torch.dtype:
        return _TORCH_TYPES[self]

    @property
    def size(self) -> int:
        return self.torch.itemsize

    @property
    def is_float(self) -> bool:
        return self.torch.is_floating_point


_C_NAMES = {
    DType.F64: "double",
    DType.F32: "float",
    DType.F16: "__half",
    DType.BF16: "__nv_bfloat16",
    DType.E4M3: "__nv_fp8_e4m3",
    DType.I64: "long long",
    DType.I32: "int",
    DType.I8: "signed char",
    DType.U8: "unsigned char",
}
_TORCH_TYPES = {
    DType.F64: torch.float64,
    DType.F32: torch.float32,
    DType.F16: torch.float16,
    DType.BF16: torch.bfloat16,
    DType.E4M3: torch.float8_e4m3fn,
    DType.I64: torch.int64,
    DType.I32: torch.int32,
    DType.I8: torch.int8,
    DType.U8: torch.uint8,
}
HEADERS = {DType.F16: "cuda_fp16.h", DType.BF16: "cuda_bf16.h", DType.E4M3: "cuda_fp8.h"}
"""The headers of the toolkit that declare the C types which CUDA C++ does not know by itself."""


class Parameter(Record):
    """One parameter of `solve`: a scalar, or a row-major device array whose extents are `axes`.

    An axis is the name of an integer scalar parameter or a literal extent.
    """

    name: str = Field(pattern=r"^[A-Za-z_]\w*$")
    dtype: DType
    role: Role
    axes: tuple[str | int, ...] = ()
    below: str | None = None
    """Of an array of indices: the integer scalar that they stay below. None is negative."""

    @model_validator(mode="after")
    def _axes_fit_role(self) -> Self:
        if (self.role == "scalar") != (not self.axes):
            raise ValueError(f"parameter {self.name}: scalars have no axes, arrays have at least one")
        if self.below and (self.role != "in" or self.dtype.is_float):
            raise ValueError(f"parameter {self.name}: only an input array of integers can be `below` something")
        return self

    @property
    def declaration(self) -> str:
        """The C declaration: `const float* x`, `float* y`, `int n`."""
        if self.role == "scalar":
            return f"{self.dtype.c} {self.name}"
        return f"{'const ' if self.role == 'in' else ''}{self.dtype.c}* {self.name}"

    def extents(self, shape: Shape) -> tuple[int, ...]:
        """The array's extents at `shape`, outermost first."""
        return tuple(axis if isinstance(axis, int) else int(shape[axis]) for axis in self.axes)

    def elements(self, shape: Shape) -> int:
        return prod(self.extents(shape))

    def bytes(self, shape: Shape) -> int:
        return self.elements(shape) * self.dtype.size


def tensor_in(name: str, dtype: DType, *axes: str | int, below: str | None = None) -> Parameter:
    """An input array: read-only for the candidate. One of indices stays `below` a scalar."""
    return Parameter(name=name, dtype=dtype, role="in", axes=axes, below=below)


def tensor_out(name: str, dtype: DType, *axes: str | int) -> Parameter:
    """An output array: poisoned before the candidate runs."""
    return Parameter(name=name, dtype=dtype, role="out", axes=axes)


def tensor_inout(name: str, dtype: DType, *axes: str | int) -> Parameter:
    """An array that is read and overwritten in place."""
    return Parameter(name=name, dtype=dtype, role="inout", axes=axes)


def scalar(name: str, dtype: DType = DType.I32) -> Parameter:
    """A scalar passed by value."""
    return Parameter(name=name, dtype=dtype, role="scalar")


class Tolerance(Record):
    """How far an output element may lie from its float64 reference.

    `|got - want| <= bound` with
    `bound = unit_roundoff(dtype) * (factor + growth * sqrt(length(shape))) * (|want| + scale)`.

    Rounding errors of a sum of `length` terms grow like sqrt(length) on average (Higham, "Accuracy and
    Stability of Numerical Algorithms", section 4.2). `scale` is the root mean square of `want`, unless a
    function is given: like `reference` it maps inputs to outputs, and says per element (or broadcastable)
    what rounding errors are proportional to, for results that may be much smaller than what they are made of.
    What a float loses to underflow is allowed on top. With `factor` and `growth` zero, and for integers, outputs
    must be exact. `compute` names the precision an honest candidate may compute in when that is coarser than the
    output's own dtype.
    """

    factor: float = 8.0
    growth: float = 2.0
    length: Callable[[Shape], float] = lambda shape: 1.0
    scale: Callable[[Tensors, Shape], Tensors] | None = None
    compute: DType | None = None


class Distribution(Record):
    """One way of filling the inputs. `fill(generator, parameter, extents)` returns a tensor of the
    parameter's dtype. A hard one is built so that careless arithmetic (cancellation, overflow) shows.
    """

    name: str
    hard: bool = False
    fill: Callable[[torch.Generator, Parameter, tuple[int, ...]], torch.Tensor]


class KernelSpec(Record):
    """A kernel to write, declared once. See `cudagym/specs/elementwise.py` for examples."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    family: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    """What it is counted with, one of `cudagym.specs.FAMILIES` or a new one."""
    split: Split
    summary: str
    """What to compute, in words and formulas, complete enough to write the kernel from."""
    formula: str = ""
    """The same as one line of C-like pseudocode, for short prompts: `y[i] = max(x[i], 0)`."""
    parameters: tuple[Parameter, ...]
    check_shapes: tuple[Shape, ...] = Field(min_length=3)
    timing_shape: Shape
    reference: Callable[[Tensors, Shape], Tensors]
    """From every `in`/`inout` array (floats as float64, integers as int64) to every `out`/`inout` array."""
    flops: Callable[[Shape], float]
    """The arithmetic any implementation must do, counting a fused multiply-add as two."""
    math: MathMode = "fp32"
    independent: tuple[str, ...]
    """Axes along which the work splits: the outputs at index i of such an axis depend only on the inputs
    at index i of it (an input without the axis is taken whole). Lets the judge check sampled elements of a
    huge output by evaluating `reference` on slices."""
    ceiling: str = ""
    """Where no kernel comes near the roofline: what keeps it from there, and how far it gets, in sentences."""
    tolerance: Tolerance = Tolerance()
    distributions: tuple[Distribution, ...] = Field(min_length=2)

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        names = [p.name for p in self.parameters]
        scalars = {p.name: p for p in self.scalars}
        if len(set(names)) != len(names):
            raise ValueError(f"{self.name}: two parameters share a name")
        if not self.outputs:
            raise ValueError(f"{self.name}: nothing is written; give one parameter the role out or inout")
        integers = {name for name, p in scalars.items() if not p.dtype.is_float}
        for parameter in self.arrays:
            for axis in parameter.axes:
                if isinstance(axis, str) and axis not in integers:
                    raise ValueError(f"{self.name}: axis {axis!r} of {parameter.name} is no integer scalar")
            if parameter.below and parameter.below not in integers:
                raise ValueError(f"{self.name}: {parameter.name} is below {parameter.below!r}, no integer scalar")
        for shape in (*self.check_shapes, self.timing_shape):
            if list(shape) != list(scalars):
                raise ValueError(f"{self.name}: shape {dict(shape)} must give {list(scalars)}, in that order")
        if unknown := set(self.independent) - integers:
            raise ValueError(f"{self.name}: independent axes {sorted(unknown)} are no integer scalars")
        if not any(d.hard for d in self.distributions):
            raise ValueError(f"{self.name}: at least one input distribution must be hard")
        return self

    @property
    def scalars(self) -> tuple[Parameter, ...]:
        return tuple(p for p in self.parameters if p.role == "scalar")

    @property
    def arrays(self) -> tuple[Parameter, ...]:
        return tuple(p for p in self.parameters if p.role != "scalar")

    @property
    def inputs(self) -> tuple[Parameter, ...]:
        return tuple(p for p in self.parameters if p.role in ("in", "inout"))

    @property
    def outputs(self) -> tuple[Parameter, ...]:
        return tuple(p for p in self.parameters if p.role in ("out", "inout"))

    @property
    def signature(self) -> str:
        """The C prototype of the function to write, without `extern "C"` and semicolon."""
        return f"void solve({', '.join(p.declaration for p in self.parameters)})"

    def least_bytes(self, shape: Shape) -> int:
        """The least traffic with device memory: every input read once, every output written once."""
        return sum(p.bytes(shape) for p in self.inputs) + sum(p.bytes(shape) for p in self.outputs)
