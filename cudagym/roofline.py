"""The roofline: the least time a spec can take on a card, and the time below which physics says no."""

from __future__ import annotations

from collections.abc import Mapping

from cudagym.hardware import GPU, MathMode
from cudagym.record import Shape
from cudagym.specs.spec import KernelSpec

_INSTEAD: Mapping[MathMode, MathMode] = {"fp8": "fp16"}
"""What multiplies the same numbers exactly on cards that lack the pipe."""


def math_mode(spec: KernelSpec, gpu: GPU) -> MathMode:
    """The pipe that bounds the spec's flops on this card. Where it lacks the spec's own that is one as exact, or else
    plain fp32."""
    wanted = (spec.math, _INSTEAD.get(spec.math, "fp32"))
    return next((mode for mode in wanted if mode in gpu.peak_tflops), "fp32")


def least_time_us(spec: KernelSpec, shape: Shape, gpu: GPU) -> float:
    """Every input read once and every output written once at the datasheet's bandwidth, or the flops at the peak
    of the spec's pipe, whichever takes longer; caches cold."""
    moving = spec.least_bytes(shape) / gpu.bandwidth
    computing = spec.flops(shape) / gpu.peak_flops(math_mode(spec, gpu))
    return max(moving, computing) * 1e6


def impossible_time_us(spec: KernelSpec, shape: Shape, gpu: GPU) -> float:
    """Faster than this is suspect: the data would have to pass the L2, or the flops the chip's fastest pipe, at
    more than their peak. Clever arithmetic can beat the spec's own roofline, but never this."""
    moving = spec.least_bytes(shape) / gpu.l2_bandwidth
    computing = spec.flops(shape) / gpu.fastest_flops
    return max(moving, computing) * 1e6
