"""What people see: verdicts, specs and scores as terminal tables."""

from __future__ import annotations

from cudagym import specs
from cudagym.device import KernelTime, Limiter
from cudagym.report import (
    Estimate,
    ScoreRow,
    Spread,
    families_table,
    scores_table,
    specs_table,
    to_text,
    verdict_table,
    visible,
)
from cudagym.verdict import Diagnostic, Verdict

CORRECT = Verdict(
    spec="gelu_fp32",
    device="sim:h100",
    source_sha256="0",
    status="correct",
    message="all 12 checks passed",
    time_us=1234.5,
    time_kind="modelled",
    timed_shape={"n": 1 << 20},
    least_time_us=308.6,
    fraction_of_peak=0.25,
    kernels=(
        KernelTime(
            kernel="gelu",
            time_us=1230.0,
            occupancy=0.5,
            waves=3.0,
            limiters=(Limiter(name="DRAM", time_us=1200.0, advice="read less"),),
        ),
    ),
    diagnostics=(Diagnostic(kernel="gelu", text="occupancy is limited by registers"),),
    seconds={"build": 0.75, "execute": 0.5},
)


def test_a_correct_verdict_shows_time_limits_and_advice() -> None:
    text = to_text(verdict_table(CORRECT, reward=0.55))
    for part in ("correct", "1,234.5 µs (modelled) at n=1048576", "25.0%, 308.6 µs at best"):
        assert part in text
    for part in ("DRAM 1,200.0 µs", "occupancy 50%", "registers", "0.550", "build 0.75 s"):
        assert part in text


def test_a_cached_verdict_says_so() -> None:
    text = to_text(verdict_table(CORRECT.model_copy(update={"cached": True})))
    assert "cache" in text
    assert "0.75" not in text


def test_a_message_cannot_write_to_the_terminal() -> None:
    hostile = "\x1b]0;owned\x07[red]bold\ud800\0\nnext line"
    verdict = Verdict(
        spec="s", device="d", source_sha256="0", status="build_failed", owner="candidate", message=hostile
    )
    text = to_text(verdict_table(verdict))
    assert "\x1b" not in text
    assert "\0" not in text
    assert "[red]bold" in text
    assert "\\ud800" in text
    assert text.encode()
    assert visible("é µ\t→").plain == "é µ\t→"


def test_tables_fit_their_width() -> None:
    for renderable in (verdict_table(CORRECT), specs_table(specs.all_specs())):
        assert max(len(line) for line in to_text(renderable, width=100).splitlines()) <= 100


def test_scores_show_intervals_where_there_are_any() -> None:
    sure = Estimate(mean=1.0, low=1.0, high=1.0)
    unsure = Estimate(mean=0.5, low=0.31, high=0.69)
    row = ScoreRow(
        policy="grpo",
        split="unseen_op",
        specs=4,
        attempts=32,
        compiled=sure,
        correct=unsure,
        pass_at={1: unsure, 8: Estimate(mean=0.87, low=0.7, high=0.97)},
        fraction=unsure,
        spread=Spread(quantiles={0.5: 0.42}, histogram=(0, 0, 8, 1, 0, 0, 0, 0, 0, 4)),
        fast={0.25: unsure, 0.5: sure},
        reward=unsure,
    )
    text = to_text(scores_table([row]), width=140)
    assert "50% [31, 69]" in text
    assert "0.500 [0.31, 0.69]" in text
    assert "fast" in text
    assert "0.25" in text
    assert " 100% " in text
    assert " 87% " in text
    text = to_text(families_table([row]), width=140)
    assert "0.42" in text
    assert "  █▁     ▄" in text
