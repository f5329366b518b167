"""Kernels that differ in names and numbers are alike, other algorithms are not; behaviour is coarse on purpose."""

from __future__ import annotations

from itertools import combinations

import pytest

from cudagym import specs
from cudagym.agents.scripted import ScriptedTeacher
from cudagym.agents.structure import behaviour, is_near, likeness, normalised, shingles
from cudagym.device import KernelTime, Limiter
from cudagym.verdict import Verdict

SOURCE = """
#include <cuda_fp16.h>
__device__ float half_of(float v) { return 0.5f * expf(v); }  // a comment
__global__ void kernel(const float* x, float* y, int n) {
    __shared__ float tile[32][33];
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = half_of(x[i]);
}
extern "C" void solve(const float* x, float* y, int n) { kernel<<<(n - 1) / 256 + 1, 256>>>(x, y, n); }
"""


def test_names_numbers_and_comments_do_not_count() -> None:
    renamed = SOURCE.replace("half_of", "f").replace("kernel", "run").replace("tile", "t").replace(" i ", " place ")
    renamed = (
        renamed.replace("[i]", "[place]").replace("(i <", "(place <").replace("256", "128").replace("a comment", "")
    )
    assert renamed != SOURCE
    assert normalised(renamed) == normalised(SOURCE)
    for old, new in (("expf", "logf"), ("float", "double"), ("i < n", "i <= n"), ("threadIdx.x", "threadIdx.y")):
        assert normalised(SOURCE.replace(old, new)) != normalised(SOURCE), old


@pytest.mark.parametrize("name", ["relu_fp32", "reduce_sum_fp32", "softmax_fp32", "attention_fp32"])
def test_algorithms_are_less_alike_than_settings_of_one(name: str) -> None:
    found: dict[str, list[frozenset[tuple[str, ...]]]] = {}
    for each in ScriptedTeacher().sources(specs.get(name)):
        found.setdefault(each.algorithm, []).append(shingles(normalised(each.source)))
    assert all(likeness(cuts[0], cut) == 1 for cuts in found.values() for cut in cuts)
    across = [likeness(one[0], other[0]) for one, other in combinations(found.values(), 2)]
    assert 0 < max(across) < 0.95


def test_short_texts_are_compared_too() -> None:
    assert likeness(shingles(["a"]), shingles(["a"])) == 1
    assert likeness(shingles(["a", "b"]), shingles(["a"])) == 0
    assert likeness(shingles([]), shingles([])) == 1


def test_near_is_a_likeness_to_any_of_several() -> None:
    words = [str(number) for number in range(104)]
    cut, most, half = shingles(words), shingles(words[:-10]), shingles(words[:52])
    assert likeness(cut, most) == pytest.approx(0.9, abs=0.02)
    assert is_near(cut, [half, most], 0.85)
    assert not is_near(cut, [half, most], 0.95)
    assert not is_near(cut, [], 0.1)


def verdict(*launches: tuple[float, float, float]) -> Verdict:
    """Of launches with (time, occupancy, waves), in a kernel whose least time is 10 us."""
    return Verdict(
        spec="relu_fp32",
        device="sim:h100",
        source_sha256="",
        status="correct",
        message="",
        time_us=sum(time for time, _, _ in launches),
        time_kind="modelled",
        least_time_us=10.0,
        fraction_of_peak=0.5,
        kernels=tuple(
            KernelTime(
                kernel=f"k{number}",
                time_us=time,
                occupancy=occupancy,
                waves=waves,
                limiters=(Limiter(name="dram", time_us=time, advice=""),),
            )
            for number, (time, occupancy, waves) in enumerate(launches)
        ),
    )


def test_behaviour_tells_launches_occupancy_waves_and_limits_apart() -> None:
    one = behaviour(verdict((20, 1.0, 4)))
    assert one == behaviour(verdict((21, 0.97, 4.2)))
    others = [verdict((20, 1.0, 4), (20, 1.0, 4)), verdict((80, 1.0, 4)), verdict((20, 0.5, 4)), verdict((20, 1.0, 16))]
    assert len({one, *map(behaviour, others)}) == 5
