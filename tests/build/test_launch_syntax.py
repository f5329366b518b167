"""Both ways of compiling agree about sources that launch and structure kernels in every way people do.

nvcc is the definition. The stages may hand a source over to it, but what they make themselves has to be the same:
refusals with their messages, PTX, resources, plans. Set CUDAGYM_LONG_TESTS to try every part, alone, and many more
combinations; that takes half an hour.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Sequence

import pytest
from agreement import outcome
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from launch_syntax import Part, Source, packed, parts, sources

from cudagym.build.builder import Build, Builder
from cudagym.errors import BuildFailed
from cudagym.hardware import gpu
from cudagym.specs import get

LONG = bool(os.environ.get("CUDAGYM_LONG_TESTS"))
SPEC, CARD = get("vector_add_fp32"), gpu("h100")
SHAPES = ({"n": 1}, {"n": 1000})
LAUNCHES, NAMES, HEADERS, ALONE = (parts(name) for name in ("launches", "names", "headers", "alone"))
CLASHES, REFUSED = parts("clashes"), parts("refused")
if not LONG:  # every other set of headers takes a second or two to read for the first time
    LAUNCHES, NAMES = LAUNCHES[::2], NAMES[::2]
    HEADERS = [part for part in HEADERS if len(part.includes) <= 2 and not any("/" in line for line in part.includes)]
    CLASHES = [part for part in CLASHES if set(part.includes) <= {"#include <cuda_fp16.h>"} or "binding" in part.title]
    REFUSED = REFUSED[::4]
STAGES, NVCC = Builder(via="stages"), Builder(via="nvcc")


@pytest.fixture(autouse=True, scope="module")
def fresh_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Results of compilers and code of an earlier day would hide a difference."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CUDAGYM_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@dataclasses.dataclass(frozen=True)
class Tried:
    """A source, and what both ways made of it."""

    source: Source
    by_stages: Build | BuildFailed
    by_nvcc: Build | BuildFailed

    @property
    def quick(self) -> bool:
        """Whether the stages made it themselves."""
        return isinstance(self.by_stages, Build) and self.by_stages.compiled.via == "stages"


def built(chosen: Sequence[Source]) -> list[Tried]:
    """These sources, both ways. Halves of one take its place where the stages left it to nvcc, down to the parts
    that they cannot do, so that those do not hide the others."""
    by_stages = STAGES.build_many([(SPEC, source.text) for source in chosen], CARD)
    tried, halves = [], []
    for source, one in zip(chosen, by_stages, strict=True):
        by_stages_in_parts = len(source.parts) > 1 and not any(part.pastes for part in source.parts)
        if isinstance(one, Build) and one.compiled.via == "nvcc" and by_stages_in_parts:
            halves += source.halves()
        else:
            tried.append((source, one))
    by_nvcc = NVCC.build_many([(SPEC, source.text) for source, _ in tried], CARD)
    done = [Tried(source, one, other) for (source, one), other in zip(tried, by_nvcc, strict=True)]
    return done + (built(halves) if halves else [])


def difference(tried: Tried) -> str:
    """Where both ways differ about a source, in words; empty when they agree."""
    ours = outcome(tried.by_stages, STAGES, SPEC, SHAPES, CARD)
    theirs = outcome(tried.by_nvcc, NVCC, SPEC, SHAPES, CARD)
    if ours == theirs:
        return ""
    if ("message" in ours) != ("message" in theirs):
        return f"the stages: {ours.get('message', 'it compiles')}\nnvcc: {theirs.get('message', 'it compiles')}"
    told = []
    for key in ours.keys() | theirs.keys():
        one, other = ours.get(key, "").splitlines(), theirs.get(key, "").splitlines()
        if one != other:
            line = next((i for i, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), -1)
            told.append(f"{key}, line {line + 1}:\n  stages: {one[line:][:1]}\n  nvcc:   {other[line:][:1]}")
    return "\n".join(sorted(told))


def culprits(tried: Tried) -> list[Tried]:
    """The least of a source about which both ways differ: halves of it that still make a difference, and so on."""
    if not difference(tried):
        return []
    halves = tried.source.halves() if len(tried.source.parts) > 1 else []
    return [smaller for half in built(halves) for smaller in culprits(half)] or [tried]


def check(chosen: Sequence[Source]) -> list[Tried]:
    """Builds these sources both ways. Fails with small sources when they differ."""
    tried = built(chosen)
    wrong = [smaller for one in tried for smaller in culprits(one)]
    told = "\n\n".join(f"==== {one.source.title}\n{difference(one)}\n{one.source.text}" for one in wrong)
    assert not wrong, f"{len(wrong)} differ\n\n{told}"
    return tried


def alone(chosen: Sequence[Part]) -> list[Source]:
    """A source of each part. In a long run their headers are shown to the stages once before, since those leave a
    large set of headers to nvcc the first time that they meet it.
    """
    if LONG:
        met = [Source(parts=(), more_includes=lines) for lines in {part.includes for part in chosen}]
        STAGES.build_many([(SPEC, source.text) for source in met], CARD)
    return [Source(parts=(part,)) for part in chosen]


def test_every_way_to_launch_and_to_name_things() -> None:
    chosen = LAUNCHES + NAMES + HEADERS
    tried = check(alone(chosen) if LONG else packed(chosen))
    for one in tried:
        assert isinstance(one.by_nvcc, Build), f"{one.source.title}: {one.by_nvcc}"
        for shape in SHAPES:
            assert NVCC.record(one.by_nvcc, SPEC, shape, CARD).plan.launches
    quick = [part for one in tried if one.quick for part in one.source.parts]
    assert len(quick) > 0.7 * len(chosen), "too few parts went through the stages to say that both ways agree"


@pytest.mark.skipif(not LONG, reason="takes a minute")
def test_includes_in_odd_places_and_other_loners() -> None:
    assert not [one.source.title for one in check(alone(ALONE)) if isinstance(one.by_nvcc, BuildFailed)]


def test_what_clashes_with_headers_or_needs_them_is_refused_in_the_same_words() -> None:
    assert not [one.source.title for one in check(alone(CLASHES)) if isinstance(one.by_nvcc, Build)]


def test_wrong_launches_are_refused_in_the_same_words() -> None:
    assert not [one.source.title for one in check(alone(REFUSED)) if isinstance(one.by_nvcc, Build)]


@settings(
    derandomize=not LONG,
    max_examples=40 if LONG else 3,
    deadline=None,
    phases=[Phase.generate],  # `check` finds a small source sooner than hypothesis would
    suppress_health_check=list(HealthCheck),
    database=None,
)
@given(st.lists(sources(LAUNCHES + NAMES + HEADERS, REFUSED + CLASHES, any_headers=LONG), min_size=6, max_size=6))
def test_whatever_is_combined(chosen: list[Source]) -> None:
    check(chosen)
