"""One group of real builds, shared by every test of this room."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from cudagym.build.builder import Build, Builder
from cudagym.build.program import Program
from cudagym.errors import BuildFailed
from cudagym.hardware import gpu
from cudagym.specs.spec import (
    Distribution,
    DType,
    KernelSpec,
    Parameter,
    scalar,
    tensor_in,
    tensor_inout,
    tensor_out,
)

SOURCES = Path(__file__).parent / "sources"


def spec_of(name: str, *parameters: Parameter) -> KernelSpec:
    """A spec that says only what a build needs: the signature."""
    shape = {p.name: 1 for p in parameters if p.role == "scalar"}
    return KernelSpec(
        name=name,
        family="elementwise",
        split="train",
        summary="nothing",
        parameters=parameters,
        check_shapes=(shape, shape, shape),
        timing_shape=shape,
        reference=lambda inputs, _: dict(inputs),
        flops=lambda _: 1.0,
        independent=(),
        distributions=tuple(
            Distribution(name=name, hard=True, fill=lambda _, parameter, extents: torch.zeros(extents))
            for name in ("zeros", "also_zeros")
        ),
    )


ADD = spec_of(
    "add", tensor_in("a", DType.F32, 256), tensor_in("b", DType.F32, 256), tensor_out("out", DType.F32, 256),
    scalar("n"),
)  # fmt: skip
MIXED = spec_of(
    "mixed",
    scalar("first", DType.I8),
    tensor_in("x", DType.F16, 4),
    scalar("f", DType.F32),
    *(scalar(f"i{k}", DType.I32) for k in range(5)),
    scalar("h", DType.F16),
    scalar("b", DType.BF16),
    *(scalar(f"d{k}", DType.F64) for k in range(8)),
    scalar("late", DType.I64),
    tensor_inout("y", DType.BF16, 8),
    scalar("last", DType.F32),
)

BROKEN = {
    "undeclared": (ADD, "int here;\n\n__global__ void k(float* p) { *p = missing; }\n"),
    "no_solve": (ADD, "__global__ void k(float* p) { *p = 1; }\n"),
    "other_types": (ADD, 'extern "C" void solve(const float* a, const float* b, float* out, long n) {}\n'),
    "blames_the_machine": (ADD, "#error No space left on device\n"),
    "overload": (ADD, "void solve(double* a) {}\n"),
    "brace": (ADD, "__global__ void k(float* p) { *p = 1;\n"),
    "pointer": (ADD, "__global__ void k(float* p) { float q = p; }\n"),
    "twice": (ADD, "int size;\nfloat size;\n"),
    "header": (ADD, "#include <no_such_header.h>\n"),
    "host_call": (ADD, "int f();\n__global__ void k(int* p) { *p = f(); }\n"),
    "shared": (
        ADD,
        "__global__ void k(float* p) { __shared__ float s[100000]; s[threadIdx.x] = *p; *p = s[*(int*)p]; }\n"
        'extern "C" void solve(const float* a, const float* b, float* out, int n) { k<<<1, 1>>>(out); }\n',
    ),
}
"""Sources that do not build."""


@dataclasses.dataclass(frozen=True)
class Workshop:
    """The builder under test, what it was given, and what it made of it."""

    builder: Builder
    items: dict[str, tuple[KernelSpec, str]]
    results: dict[str, Build | BuildFailed]
    broken = frozenset(BROKEN)

    def record(self, name: str, *, card: str = "h100", **scalars: float) -> Program:
        build = self.results[name]
        assert isinstance(build, Build), build
        return self.builder.record(build, self.items[name][0], scalars, gpu(card))


@pytest.fixture(scope="session")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CUDAGYM_CACHE", str(tmp_path_factory.mktemp("cache")))
        items = {path.stem: (ADD, path.read_text()) for path in sorted(SOURCES.glob("*.cu"))}
        items["mixed"] = (MIXED, items["mixed"][1])
        items |= BROKEN
        builder = Builder()
        results = builder.build_many(list(items.values()), gpu("h100"))
        yield Workshop(builder, items, dict(zip(items, results, strict=True)))
