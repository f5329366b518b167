"""Fixtures for every room."""

from __future__ import annotations

import pytest
from fake_grading import FakeGrading

from cudagym import grader


@pytest.fixture
def grading(monkeypatch: pytest.MonkeyPatch) -> FakeGrading:
    fake = FakeGrading()
    monkeypatch.setattr(grader, "grade", fake.grade)
    monkeypatch.setattr(grader, "grade_many", fake.grade_many)
    return fake
