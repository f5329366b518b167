"""Honest kernels of many styles are all accepted: a part of them by default, all with CUDAGYM_LONG_TESTS set."""

from __future__ import annotations

import os
from collections import Counter
from zlib import crc32

import pytest
from suite import Honest, normal, scripted, written

from cudagym import Grader
from cudagym.specs import get
from cudagym.verdict import Verdict

LONG = bool(os.environ.get("CUDAGYM_LONG_TESTS"))


def chosen() -> list[Honest]:
    return [kernel for kernel in [*written(), *scripted()] if LONG or crc32(kernel.name.encode()) % 10 == 0]


@pytest.fixture(scope="module")
def verdicts() -> dict[str, Verdict]:
    some = chosen()
    with Grader("sim:h100", cached=False) as grader:
        graded = grader.grade_many([(kernel.spec, kernel.source) for kernel in some])
    return {kernel.name: verdict for kernel, verdict in zip(some, graded, strict=True)}


@pytest.mark.parametrize("kernel", chosen(), ids=lambda kernel: kernel.name)
def test_kernel_is_accepted(kernel: Honest, verdicts: dict[str, Verdict]) -> None:
    assert verdicts[kernel.name].status == "correct", verdicts[kernel.name].message


def test_kernels_are_many_and_no_two_alike() -> None:
    by_hand, of_templates = written(), scripted()
    assert len(by_hand) >= 40
    assert len(by_hand) + len(of_templates) >= 100
    forms = Counter(normal(kernel.source) for kernel in [*by_hand, *of_templates])
    assert [form for form, count in forms.items() if count > 1] == []
    assert len({get(kernel.spec).family for kernel in by_hand}) >= 10


def test_normal_forms_see_through_names_numbers_and_layout() -> None:
    one = "__global__ void f(float* a) { a[threadIdx.x] = 2.0f; } // one"
    two = "__global__ void g(float*b)\n{ b[ threadIdx.x ] = 0x10; }"
    assert normal(one) == normal(two)
    assert normal(one) != normal(two.replace("=", "+="))
