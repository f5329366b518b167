"""Inputs are finite, reproducible and of the declared types; timed shapes stay near the nominal one."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest
import torch

from cudagym import specs
from cudagym.specs.inputs import make_inputs, timing_shape_near
from cudagym.specs.poison import is_poison, poison
from cudagym.specs.spec import DType, KernelSpec


@pytest.mark.parametrize("spec", specs.all_specs(), ids=lambda s: s.name)
def test_inputs_are_what_is_declared_and_reproducible(spec: KernelSpec) -> None:
    shape = spec.check_shapes[-1]
    for distribution in spec.distributions:
        arrays = make_inputs(spec, shape, distribution, seed=11)
        again, other = (make_inputs(spec, shape, distribution, seed) for seed in (11, 12))
        assert list(arrays) == [p.name for p in spec.inputs]
        for parameter in spec.inputs:
            array = arrays[parameter.name]
            assert array.dtype == parameter.dtype.torch
            assert array.shape == parameter.extents(shape)
            assert array.is_contiguous()
            assert torch.equal(array, again[parameter.name])
            assert not torch.equal(array, other[parameter.name])
            if parameter.dtype.is_float:
                values = array.float()
                assert bool(values.isfinite().all())
                magnitude = values[values != 0].abs()
                assert float(magnitude.min()) >= torch.finfo(array.dtype).smallest_normal / 64
        values = list(arrays.values())
        assert not any(a.shape == b.shape and torch.equal(a, b) for a, b in pairwise(values))


def test_hard_distributions_are_hard() -> None:
    def drawn(name: str, distribution: str) -> torch.Tensor:
        spec = specs.get(name)
        chosen = {d.name: d for d in spec.distributions}[distribution]
        return next(iter(make_inputs(spec, spec.check_shapes[-1], chosen, seed=2).values()))

    assert bool(drawn("softmax_fp32", "large_logits").exp().isinf().any())
    assert float(drawn("reduce_max_fp32", "negative").max()) < -100
    x = drawn("layernorm_fp32", "offset")
    assert float((x.mean() / x.std()).abs()) > 500
    assert len(torch.unique(drawn("argmax_fp32", "ties"))) == 5
    assert len(torch.unique(drawn("matmul_i8", "full_range"))) == 256
    scanned = drawn("exclusive_scan_i32", "full_range")
    assert int(scanned.min()) < -(2**30) and int(scanned.max()) > 2**30  # noqa: PT018
    wide = drawn("vector_add_fp32", "wide").abs()
    assert float(wide.max() / wide.min()) > 2**35


def test_drawing_is_fast() -> None:
    spec = specs.get("relu_fp32")
    start = time.process_time()
    make_inputs(spec, {"n": 1 << 24}, spec.distributions[0], seed=1)
    assert time.process_time() - start < 1.5, "16 Mi values should take about 0.1 s"


@pytest.mark.parametrize("spec", specs.all_specs(), ids=lambda s: s.name)
def test_timed_shape_is_near_and_as_divisible(spec: KernelSpec) -> None:
    nominal = spec.timing_shape
    shapes = [timing_shape_near(spec, seed) for seed in range(20)]
    assert shapes[0] == timing_shape_near(spec, 0)
    assert len({tuple(shape.items()) for shape in shapes}) > 1
    axes = {axis for p in spec.arrays for axis in p.axes}
    for shape in shapes:
        assert list(shape) == list(nominal)
        assert spec.least_bytes(shape) >= 0.95 * spec.least_bytes(nominal)
        for name, value in shape.items():
            if name not in axes:
                assert value == nominal[name]
                continue
            assert isinstance(value, int)
            size = int(nominal[name])
            assert abs(value - size) <= size / 16
            assert value % min(size & -size, 256, 32) == 0
            assert size % 2 == value % 2


@pytest.mark.parametrize("dtype", DType)
def test_poison_is_recognised_and_nothing_else_is(dtype: DType) -> None:
    array = torch.zeros(3, 5, dtype=dtype.torch)
    assert not bool(is_poison(array).any())
    poison(array)
    assert is_poison(array).shape == (3, 5)
    assert bool(is_poison(array).all())
    if dtype.is_float and dtype.size > 1:
        assert bool(array.isnan().all())
        computed = array + 1 - 1
        array.fill_(float("nan"))
        assert not bool(is_poison(array).any())
        assert bool(computed.isnan().all())
    array.view(-1)[7] = 1
    assert not bool(is_poison(array).view(-1)[7])
