"""What a prediction owes its user whatever the figures: the same for any sample, bounded work, a time that explains."""

from __future__ import annotations

import pytest

from benchmarks.clock import copy, reduction, sgemm, tensor_gemm, transpose
from benchmarks.clock.cases import Case, compile_cases
from benchmarks.clock.prediction import predicted
from cudagym.build.toolchain import find_toolchain
from cudagym.device import KernelTime
from cudagym.simulator.clock import model as model_room

ROWS = ("T01-10", "T21-03", "T27-05", "T34-01", "T45-05", "T47-23")


def chosen(*rows: str) -> list[Case]:
    cases = [c for room in (copy, reduction, sgemm, tensor_gemm, transpose) for c in room.CASES if c.row in rows]
    assert len(cases) == len(rows)
    return cases


@pytest.fixture(scope="module")
def times() -> dict[str, list[list[KernelTime]]]:
    """Of each row, what three seeds predict."""
    cases = chosen(*ROWS)
    programs = compile_cases(cases, find_toolchain())
    return {c.row: [predicted(c, p, seed) for seed in (1, 2, 3)] for c, p in zip(cases, programs, strict=True)}


@pytest.mark.parametrize("row", ROWS)
def test_other_samples_agree_within_five_percent(row: str, times: dict[str, list[list[KernelTime]]]) -> None:
    totals = [sum(kernel.time_us for kernel in kernels) for kernels in times[row]]
    assert max(totals) <= 1.05 * min(totals)


@pytest.mark.parametrize("row", ROWS)
def test_a_time_explains_itself(row: str, times: dict[str, list[list[KernelTime]]]) -> None:
    for kernel in times[row][0]:
        assert all(0 <= limiter.time_us <= 1.3 * kernel.time_us for limiter in kernel.limiters)
        assert kernel.limiters[0].time_us > 0.2 * kernel.time_us
        assert sum(kernel.stalls.values()) == pytest.approx(1.0, abs=0.01)
        assert kernel.traffic is not None


def test_the_same_seed_gives_the_same_time(times: dict[str, list[list[KernelTime]]]) -> None:
    (case,) = chosen("T45-05")
    (program,) = compile_cases([case], find_toolchain())
    assert predicted(case, program, 1) == times["T45-05"][0]


def test_work_follows_the_sample_and_not_the_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    issued: list[int] = []
    replay = model_room.replay

    def counting(*arguments: object) -> object:
        done = replay(*arguments)  # type: ignore[arg-type]
        issued.append(done.instructions)
        return done

    monkeypatch.setattr(model_room, "replay", counting)
    (case,) = chosen("T47-23")
    (program,) = compile_cases([case], find_toolchain())
    predicted(case, program)
    small, issued[:] = sum(issued), []
    (launch,) = program.plan.launches
    wide = launch.model_copy(update={"grid": (4 * launch.grid[0], 1, 1)})
    predicted(case, program.model_copy(update={"plan": program.plan.model_copy(update={"steps": (wide,)})}))
    assert sum(issued) <= 1.1 * small
