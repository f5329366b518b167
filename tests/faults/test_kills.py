"""Any process below the grader may be killed at any moment: the candidate is not to blame, and gets its verdict."""

from __future__ import annotations

import signal

import pytest
from kernels import KERNEL, told, unseen
from victims import Is, Killer, busy_executor, executor, named

from cudagym.device import Limits
from cudagym.grader import Grader
from cudagym.specs.spec import KernelSpec
from cudagym.verdict import Verdict

PARTS = ("ninja", "box", "sh", "cudafe++", "cicc", "ptxas", "cc1plus", "as")
recorder, compiler = named("recorder"), named("sh")
LONG_ON_THE_HOST = KERNEL.replace("{ relu<<<", "{ for (volatile int i = 0; i < 10000000; ++i) {} relu<<<")


@pytest.fixture(scope="module")
def undisturbed(spec: KernelSpec) -> Verdict:
    with Grader("sim:h100", workers=1, cached=False) as grader:
        return grader.grade(spec, KERNEL)


@pytest.mark.parametrize("part", PARTS)
def test_killed_compilers_change_nothing(part: str, grader: Grader, spec: KernelSpec, undisturbed: Verdict) -> None:
    for _ in range(5):  # some live so shortly that the killer may come too late
        with Killer(named(part)) as killer:
            verdict = grader.grade(spec, unseen())
        if killer.killed:
            break
    assert killer.killed
    assert told(verdict) == told(undisturbed)


@pytest.mark.parametrize("is_it", [executor, busy_executor, recorder])
def test_what_runs_candidates_may_be_killed(is_it: Is, grader: Grader, spec: KernelSpec, undisturbed: Verdict) -> None:
    with Killer(is_it) as killer:
        verdict = grader.grade(spec, unseen(LONG_ON_THE_HOST))
    assert killer.killed
    assert told(verdict) == told(undisturbed)


@pytest.mark.parametrize("is_it", [busy_executor, recorder, compiler])
def test_what_is_killed_again_and_again_is_no_fault_of_the_candidate(
    is_it: Is, grader: Grader, spec: KernelSpec
) -> None:
    with Killer(is_it, times=100) as killer:
        verdict = grader.grade(spec, unseen(LONG_ON_THE_HOST))
    assert len(killer.killed) > 1
    assert (verdict.status, verdict.owner) == ("grader_error", "infrastructure"), verdict.message
    assert "killed" in verdict.message
    assert grader.grade(spec, KERNEL).status == "correct"


def test_an_executor_that_is_stopped_is_replaced(
    grader: Grader, spec: KernelSpec, undisturbed: Verdict, monkeypatch: pytest.MonkeyPatch
) -> None:
    grader.grade(spec, KERNEL)  # so that it is running
    monkeypatch.setattr("cudagym.simulator.executor._GRACE_SECONDS", 5.0 - Limits().wall_seconds)
    with Killer(busy_executor, by=signal.SIGSTOP, then=monkeypatch.undo) as killer:
        verdict = grader.grade(spec, unseen(LONG_ON_THE_HOST))
    assert killer.killed
    assert told(verdict) == told(undisturbed)
