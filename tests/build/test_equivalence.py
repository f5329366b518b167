"""Both ways of compiling make the same of every source in the repository: nvcc's stages, and nvcc itself.

Of the teacher's sources every twelfth by default, of the others every second; all with CUDAGYM_LONG_TESTS set.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from pathlib import Path

import pytest
from agreement import neutral, outcome

from cudagym.build.builder import Build, Builder
from cudagym.hardware import gpu

sys.path.append(str(Path(__file__).resolve().parents[2] / "benchmarks"))

from corpus import KINDS, Subject, corpus

CARD = gpu("h100")
QUICK = {"scripted": 1.0, "honest": 0.7, "hostile": 0.85, "failing": 0.0}
"""At least this share of the sources of a kind that compile has to do without nvcc, or agreement would say little. The
rest are those whose large headers (cooperative groups, CUB, barriers) are met for the first time."""


@pytest.fixture(scope="module", params=KINDS)
def built(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> list[tuple[Subject, dict[str, str], dict[str, str], bool]]:
    """Each subject of a kind with what comes of it by stages and by nvcc, and whether it went without nvcc."""
    subjects = [subject for subject in corpus() if subject.kind == request.param]
    if not os.environ.get("CUDAGYM_LONG_TESTS"):
        subjects = subjects[:: 12 if request.param == "scripted" else 2]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CUDAGYM_CACHE", str(tmp_path_factory.mktemp("cache")))
        found = []
        for via in ("stages", "nvcc"):
            builder = Builder(via=via)
            builds = builder.build_many([(subject.spec, subject.source) for subject in subjects], CARD)
            outcomes = [
                outcome(build, builder, subject.spec, subject.shapes, CARD)
                for subject, build in zip(subjects, builds, strict=True)
            ]
            quick = [isinstance(build, Build) and build.compiled.via == "stages" for build in builds]
            found.append((outcomes, quick))
    (ours, quick), (theirs, none) = found
    assert not any(none)
    return list(zip(subjects, ours, theirs, quick, strict=True))


def test_same_ptx_resources_plans_and_refusals(
    built: list[tuple[Subject, dict[str, str], dict[str, str], bool]],
) -> None:
    different = {
        subject.name: [key for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key)]
        for subject, ours, theirs, _ in built
        if ours != theirs
    }
    assert not different


def test_nvcc_is_seldom_needed(built: list[tuple[Subject, dict[str, str], dict[str, str], bool]]) -> None:
    compiled = Counter(quick for _, ours, _, quick in built if "message" not in ours)
    assert compiled[True] >= QUICK[built[0][0].kind] * compiled.total()


def test_neutral_text_hides_the_identity_of_a_module_and_nothing_else() -> None:
    one = ".visible .entry _ZN42_GLOBAL__N__171197c7_12_candidate_cu_solve3addEPf(\n.b8 95,49,0\n"
    other = ".visible .entry _ZN41_GLOBAL__N__00000000_12_candidate_cu_main3addEPf(\n.b8 95,49,0\n"
    assert neutral(one) == neutral(other)
    assert neutral(one) != neutral(one.replace("3add", "3sub"))
    assert neutral(one) != neutral(one.replace("49", "50"))
