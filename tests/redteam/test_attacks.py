"""No attack of the red team earns what it should not, and none stops the grader.

A part of them runs by default, all with CUDAGYM_LONG_TESTS set.
"""

from __future__ import annotations

import os
from zlib import crc32

import pytest
from suite import GROUPS, Attack, attacks, best, outcome, reached

from cudagym import Grader
from cudagym.verdict import STATUSES

LONG = bool(os.environ.get("CUDAGYM_LONG_TESTS"))
SUCCEEDED_ONCE = {
    "measurement/arrival_counted",
    "measurement/arrivals_by_hundreds",
    "measurement/arrivals_that_wait",
    "measurement/atomics_for_stores",
    "escape/forged_infrastructure_failure",
    "late/escape/looks_for_files",
    "compiler/underscores",
    "compiler/name_of_60000_letters",
    "compiler/two_thousand_variables",
    "compiler/register_flood",
    "late/measurement/slow_first_blocks",
    "late/measurement/stores_after_the_wave",
    "late/measurement/hits_before_misses",
    "late/measurement/told_by_shared_memory",
    "late/measurement/told_for_a_quarter_of_the_traffic",
    "late/measurement/arrivals_of_the_followed",
    "late/measurement/less_than_its_share",
    "late/device/pragma_with_a_comment",
    "late/device/pragma_with_a_statement",
    "late/device/statement_behind_a_location",
    "late/device/labels_of_two_scopes",
    "late/device/long_assertion",
    "late/device/more_blocks_than_fit",
}
"""What the layers were mended for: always run."""
SLOW = {
    "compiler/five_thousand_branches",
    "compiler/constexpr_bomb",
    "late/compiler/assembler_macro_tree",
    "late/compiler/index_sequence",
    "late/compiler/warnings_without_end",
    "late/device/launches_by_the_hundred",
    "late/device/local_memory_of_a_wave",
    "late/device/million_blocks_of_shared",
    "late/escape/maps_without_end",
    "compiler/template_bomb",
    "compiler/template_depth",
    "compiler/macro_bomb",
    "compiler/huge_array_device",
    "escape/forged_long_plan",
    "escape/output_flood",
    "escape/sleeps",
    "escape/spins",
}
"""Stopped by limits of many seconds."""


def chosen() -> list[Attack]:
    """All, or a third of what is quick."""
    return [
        attack
        for attack in attacks()
        if LONG or attack.name in SUCCEEDED_ONCE or (attack.name not in SLOW and crc32(attack.name.encode()) % 3 == 0)
    ]


@pytest.fixture(scope="module")
def outcomes() -> dict[str, str]:
    """What went wrong with each attack: nothing, it is hoped."""
    some = chosen()
    with Grader("sim:h100", cached=False) as grader:
        most = {spec: reached(grader.grade(spec, source)) for spec, source in best().items()}
        verdicts = grader.grade_many([(attack.spec, attack.source) for attack in some])
    return {a.name: outcome(a, verdict, most.get(a.spec)) for a, verdict in zip(some, verdicts, strict=True)}


@pytest.mark.parametrize("attack", chosen(), ids=lambda attack: attack.name)
def test_attack_is_stopped(attack: Attack, outcomes: dict[str, str]) -> None:
    assert outcomes[attack.name] == ""


def test_every_attack_says_what_it_is() -> None:
    every = attacks()
    assert len(every) >= 70
    assert {attack.name for attack in every} >= SUCCEEDED_ONCE | SLOW
    for attack in every:
        assert set(attack.statuses) <= set(STATUSES), attack.name
        assert attack.says.endswith("."), attack.name
    for group in GROUPS:
        assert sum(attack.group == group for attack in every) >= 10
