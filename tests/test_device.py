"""Times say what they are."""

from __future__ import annotations

from typing import Any

import pytest

from cudagym.device import KernelTime, MeasuredTime, ModelledTime

KERNEL = KernelTime(kernel="k", time_us=1.0, occupancy=1.0, waves=1.0, limiters=())


def test_times_of_one_kind_compare_and_add() -> None:
    short, long = ModelledTime(time_us=1.0, kernels=(KERNEL,)), ModelledTime(time_us=2.0, kernels=(KERNEL,))
    assert short < long
    both = short + long
    assert (both.time_us, len(both.kernels), both.kind) == (3.0, 2, "modelled")


@pytest.mark.parametrize("operation", [lambda a, b: a < b, lambda a, b: a > b, lambda a, b: a + b])
def test_a_modelled_and_a_measured_time_do_neither(operation: Any) -> None:
    with pytest.raises(TypeError, match="cannot be"):
        operation(ModelledTime(time_us=1.0), MeasuredTime(time_us=1.0))


def test_a_kind_cannot_be_claimed() -> None:
    with pytest.raises(ValueError):
        ModelledTime(time_us=1.0, kind="measured")  # type: ignore[arg-type]
