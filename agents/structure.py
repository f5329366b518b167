"""What makes two kernels structurally alike: their text without names and numbers, and what they do on the device."""

from __future__ import annotations

import re
from collections.abc import Iterable
from math import log2

from cudagym.source import without_comments
from cudagym.verdict import Verdict

SHINGLE = 4
"""Tokens in a row that are compared as one."""
_TOKEN = re.compile(r"[A-Za-z_]\w*|\d[\w.]*|[^\w\s]")
_DEFINED = re.compile(
    r"""(?:\b(?:void|bool|char|short|int|long|float|double|unsigned|signed|auto|half2?|dim3|struct|class|typename|\w+_t
        |u?(?:char|short|int|long|float|double)[1-4]|__half2?|__nv_\w+)\b|(?<=\w)>(?=\s)|\#define\b)
        (?:\s+|\bconst\b|__restrict__|[*&])*(?P<name>\b[A-Za-z_]\w*)""",
    re.VERBOSE,
)
"""A name behind a type: a declaration. Other types of one's own are rare, and their variables keep their names."""
_LANGUAGE = """
alignas auto bool break case char class const constexpr continue default do double else enum extern false float for if
inline int long namespace operator return short signed sizeof static struct switch template true typedef typename union
unsigned using void volatile while __global__ __device__ __host__ __shared__ __restrict__ __launch_bounds__ __constant__
threadIdx blockIdx blockDim gridDim x y z solve
"""
_KEPT = frozenset(_LANGUAGE.split())

Shingles = frozenset[tuple[str, ...]]
Behaviour = tuple[tuple[object, ...], ...]


def shingles(tokens: list[str]) -> Shingles:
    """All runs of SHINGLE tokens; of fewer tokens, the one run there is."""
    last = max(1, len(tokens) - SHINGLE + 1)
    return frozenset(tuple(tokens[start : start + SHINGLE]) for start in range(last))


def likeness(one: Shingles, other: Shingles) -> float:
    """The share of all shingles that both have, from 0 to 1."""
    return len(one & other) / len(one | other) if one or other else 1.0


def normalised(source: str) -> list[str]:
    """The source's tokens without comments; names that it defines itself become their number in order of appearance,
    numbers become 0. Sources that differ in names, spacing and knobs alone come out equal."""
    text = without_comments(source)
    own = set(_DEFINED.findall(text)) - _KEPT
    order: dict[str, str] = {}
    tokens = []
    for token in _TOKEN.findall(text):
        if token[0].isdigit():
            token = "0"
        elif token in own:
            token = order.setdefault(token, f"name{len(order)}")
        tokens.append(token)
    return tokens


def behaviour(verdict: Verdict) -> Behaviour:
    """How a correct kernel spends its time, launch by launch and coarsely: kernels of one structure come out equal.

    Of each launch the occupancy in eighths, the waves and each limiter's time over the roofline's in octaves.
    """
    least = verdict.least_time_us or 1.0
    return tuple(
        (
            round(8 * kernel.occupancy),
            _octave(kernel.waves),
            *sorted((limiter.name, _octave(limiter.time_us / least)) for limiter in kernel.limiters),
        )
        for kernel in verdict.kernels
    )


def _octave(value: float) -> int:
    return round(log2(max(value, 2**-10)))


def is_near(cut: Shingles, others: Iterable[Shingles], near: float) -> bool:
    """Whether the likeness of `cut` to any of the others is `near` or more."""
    # Of two sets the smaller's size over the larger's is the most their likeness can be.
    return any(
        near * max(len(cut), len(other)) <= min(len(cut), len(other)) and likeness(cut, other) >= near
        for other in others
    )
