"""Garbage that outputs hold before a candidate runs, so that elements it never writes are noticed.

Floats get a NaN with a payload that no hardware generates; integers a bit pattern far from small values. A byte
can equal its poison by chance, so for `u8` and `i8` an element that looks untouched may have been written.
"""

from __future__ import annotations

import torch

_PATTERNS = {1: 0xA5, 2: 0x7FE5, 4: 0x7FE5A5C3, 8: 0x7FFE5A5C3965A5D2}
"""By width in bytes. The upper bits make a quiet NaN of float64, float32, float16 and bfloat16 alike."""

_INTEGERS = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


def _pattern(width: int) -> int:
    """The pattern as the signed integer of that width."""
    value, half = _PATTERNS[width], 1 << (8 * width - 1)
    return value - 2 * half if value >= half else value


def poison(tensor: torch.Tensor) -> None:
    """Fill `tensor` (contiguous, any dtype of a spec) with the poison of its width, in place."""
    tensor.view(_INTEGERS[tensor.itemsize]).fill_(_pattern(tensor.itemsize))


def is_poison(tensor: torch.Tensor) -> torch.Tensor:
    """Per element (bool, same extents), whether `tensor` holds exactly the poison of its width."""
    return tensor.view(_INTEGERS[tensor.itemsize]) == _pattern(tensor.itemsize)
