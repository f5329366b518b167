"""The red team's attacks on a card: what stops them on the simulated GPU stops them here, or what a card has instead.

A part of them by default, all with CUDAGYM_LONG_TESTS set.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from zlib import crc32

import pytest
from standin_driver.driver import StandIn

pytest.importorskip("cuda.bindings", reason="needs the extra gpu")

sys.path.append(str(Path(__file__).parents[1] / "redteam"))

from bench import Bench, brief
from suite import Attack, attacks

from cudagym.specs import get

LONG = bool(os.environ.get("CUDAGYM_LONG_TESTS"))
ON_A_CARD = {
    "device/divergent_barrier": ("timed_out",),
    "device/race": ("wrong", "correct"),
    "device/uninitialised": ("wrong",),
    "forgery/expected_values_behind_the_output": ("wrong",),
    "late/device/wide_across_the_end": ("correct",),
}
"""A card checks no reads within a page, and no order: what comes of it is found in the numbers, or is harmless."""
AIMED_AT_LARGE_SHAPES = {
    "device/costly_launches",
    "forgery/sample_of_large_inputs",
    "forgery/wrong_in_one_of_a_hundred",
    "late/forgery/timed_product_of_zeros",
    "late/measurement/grid_shrinks",
    "late/measurement/waits_out_the_budget",
    "measurement/few_heavy_blocks",
    "measurement/skips_on_one_sm",
    "measurement/timed_only",
}
"""They do no harm at the small shapes that can be simulated whole again and again."""
SLOW = {"device/endless_grid", "device/fill_storm", "device/infinite_empty_loop", "device/printf_flood"}
"""As others, after longer."""


def chosen() -> list[Attack]:
    """Those on devices and measurements, or a sixth of them and what ends otherwise here."""
    return [
        attack
        for attack in attacks()
        if attack.group in ("device", "forgery", "measurement")
        and attack.name not in AIMED_AT_LARGE_SHAPES
        and (LONG or attack.name in ON_A_CARD or (attack.name not in SLOW and crc32(attack.name.encode()) % 6 == 0))
    ]


@pytest.fixture(scope="module")
def bench(standin: StandIn) -> Iterator[Bench]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LD_LIBRARY_PATH", standin.environment()["LD_LIBRARY_PATH"])
        made = Bench(standin.folder)
        made.prepare([(get(attack.spec), attack.source) for attack in chosen()])
        yield made
        made.close()


@pytest.mark.parametrize("attack", chosen(), ids=lambda attack: attack.name)
def test_attack_is_stopped(bench: Bench, card: StandIn, attack: Attack) -> None:
    statuses = ON_A_CARD.get(attack.name, attack.statuses)
    verdict = bench.measured(brief(get(attack.spec)), attack.source, hangs="timed_out" in statuses)
    assert verdict.status in statuses, verdict.message
    assert card.misuse() == ""
