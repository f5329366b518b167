"""A spec that is checked and timed on little, and a grader without a cache of verdicts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cudagym.grader import Grader
from cudagym.specs import get
from cudagym.specs.spec import KernelSpec


@pytest.fixture(scope="session")
def spec() -> KernelSpec:
    return get("relu_fp32").model_copy(update={"timing_shape": {"n": 1 << 20}})


@pytest.fixture
def grader() -> Iterator[Grader]:
    with Grader("sim:h100", workers=1, cached=False) as grader:
        yield grader
