"""The scripted teacher: how many algorithms it has, that they differ in structure, that they are right."""

from __future__ import annotations

import os
import re
import subprocess
from collections import Counter
from itertools import combinations

import pytest

import cudagym
from cudagym.agents.scripted import ScriptedTeacher, algorithms
from cudagym.build.toolchain import find_toolchain
from cudagym.errors import UsageError
from cudagym.specs import FAMILIES, all_specs, get
from cudagym.verdict import Verdict

TEACHER = ScriptedTeacher()
EXAMPLES = {
    family: min((s for s in all_specs() if s.family == family), key=lambda s: (s.least_bytes(s.timing_shape), s.name))
    for family in FAMILIES
}
"""Of each family the spec that is timed on the least data."""
STRUCTURES = tuple(
    get(name)
    for names in (
        "gelu_fp32 bias_relu_fp32 reduce_sum_fp32 argmax_fp32 mean_var_fp32 softmax_fp32 layernorm_fp32 groupnorm_fp32",
        "transpose_fp32 hwc_to_chw_u8 split_heads_fp16 matmul_tf32 matmul_i8 attention_fp32 decode_attention_fp16 "
        "rope_fp32",
        "cross_entropy_fp32 mse_fp32 max_pool2d_fp32 cumsum_fp32 exclusive_scan_i32 histogram_u8 compact_positive_fp32",
        "sort_rows_fp32 top8_fp32",
    )
    for name in names.split()
)
"""Together these specs have every algorithm."""
FASTEST = {family: TEACHER.ladder(spec)[-1] for family, spec in EXAMPLES.items()}


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_has_two_algorithms(family: str) -> None:
    assert len({algorithm.name for algorithm in algorithms(family)}) >= 2


@pytest.mark.parametrize("spec", all_specs(), ids=lambda spec: spec.name)
def test_every_spec_has_two_algorithms(spec: cudagym.KernelSpec) -> None:
    ladder = TEACHER.ladder(spec)
    assert len(ladder) >= 2
    for demonstration in ladder:
        assert demonstration.source.startswith(f"// algorithm: {demonstration.algorithm}\n")
        assert demonstration.source.count(f'extern "C" {spec.signature} {{\n') == 1


def test_sources_are_distinct_and_start_with_the_ladder() -> None:
    for spec in EXAMPLES.values():
        found = list(TEACHER.sources(spec))
        assert len({demonstration.source for demonstration in found}) == len(found)
        ladder = TEACHER.ladder(spec)
        assert found[: len(ladder)] == ladder
        assert list(TEACHER.sources(spec, limit=2)) == ladder[:2]


def test_a_seed_reorders_knobs_and_nothing_else() -> None:
    spec = get("reduce_sum_fp32")
    first, again, other = (list(TEACHER.sources(spec, seed=seed)) for seed in (1, 1, 2))
    assert first == again != other
    assert {demonstration.source for demonstration in first} == {demonstration.source for demonstration in other}


def test_an_unknown_operation_is_refused() -> None:
    mine = get("gelu_fp32").model_copy(update={"name": "my_activation_fp32"})
    with pytest.raises(UsageError, match="no algorithm for spec my_activation_fp32"):
        TEACHER.ladder(mine)


@pytest.mark.parametrize("name", ["layernorm_fp32", "matmul_fp32", "attention_fp32", "gelu_fp32", "cumsum_fp32"])
def test_a_familiar_name_with_other_parameters_is_refused(name: str) -> None:
    spec = get(name)
    other = [p.model_copy(update={"axes": (2, *p.axes[::-1], 3)}) if p.role == "in" else p for p in spec.parameters]
    with pytest.raises(UsageError, match="no algorithm"):
        TEACHER.ladder(spec.model_copy(update={"parameters": tuple(other)}))


def test_an_unknown_setting_is_refused() -> None:
    tile = next(algorithm for algorithm in algorithms("matmul") if algorithm.name == "shared_tile")
    with pytest.raises(UsageError, match="no setting tile=7"):
        tile.write(get("matmul_fp32"), {"tile": 7})
    with pytest.raises(UsageError, match="does not fit spec gelu_fp32"):
        tile.write(get("gelu_fp32"))


@pytest.fixture(scope="module")
def opcodes(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Counter[str]]:
    """Per spec and algorithm, how often its PTX has each opcode. All of them go through one compilation."""
    folder = tmp_path_factory.mktemp("structure")
    includes: set[str] = set()
    parts = []
    for spec in STRUCTURES:
        for demonstration in TEACHER.ladder(spec):
            headers = re.findall(r"#include .*\n", demonstration.source)
            includes.update(headers)
            source = re.sub(r'#include .*\n|extern "C" ', "", demonstration.source)
            parts.append(f"namespace in_{spec.name}_by_{demonstration.algorithm} {{\n{source}}}\n")
    (folder / "all.cu").write_text("".join([*sorted(includes), *parts]))
    nvcc = find_toolchain().nvcc
    subprocess.run([nvcc, "-ptx", "-w", "-arch=sm_90a", "all.cu"], cwd=folder, check=True)
    return _opcodes_by_namespace((folder / "all.ptx").read_text())


def _opcodes_by_namespace(ptx: str) -> dict[tuple[str, str], Counter[str]]:
    counts: dict[tuple[str, str], Counter[str]] = {}
    for kernel in re.split(r"^\.visible \.entry ", ptx, flags=re.MULTILINE)[1:]:
        name = re.match(r"_ZN\d+in_([a-z0-9_]+?)_by_([a-z0-9_]+?)\d+[a-z]+[EI]", kernel)
        assert name is not None
        found = re.findall(r"^\s+(?:@!?%p\d+ )?([a-z][a-z0-9_.:]*)", kernel, flags=re.MULTILINE)
        counts.setdefault((name[1], name[2]), Counter()).update(found)
        counts[name[1], name[2]]["launch"] += 1
    return counts


@pytest.mark.parametrize("spec", STRUCTURES, ids=lambda spec: spec.name)
def test_algorithms_differ_in_structure(spec: cudagym.KernelSpec, opcodes: dict[tuple[str, str], Counter[str]]) -> None:
    mine = {algorithm: counts for (of, algorithm), counts in opcodes.items() if of == spec.name}
    assert set(mine) == {demonstration.algorithm for demonstration in TEACHER.ladder(spec)}
    for one, other in combinations(mine, 2):
        common = (mine[one] & mine[other]).total() / (mine[one] | mine[other]).total()
        assert common < 0.9, f"{one} and {other} are the same instructions but for {1 - common:.0%}"


def test_structures_cover_every_algorithm() -> None:
    covered = {each.algorithm for spec in STRUCTURES for each in TEACHER.ladder(spec)}
    assert covered == {each.name for family in FAMILIES for each in algorithms(family)}


def test_knobs_make_no_algorithm() -> None:
    """Other knobs leave every line of a source as it was, but for its numbers."""
    for spec in EXAMPLES.values():
        shapes: dict[str, set[str]] = {}
        for demonstration in TEACHER.sources(spec):
            shapes.setdefault(demonstration.algorithm, set()).add(re.sub(r"\d+", "0", demonstration.source))
        assert all(len(found) == 1 for found in shapes.values())


@pytest.fixture(scope="module")
def verdicts() -> dict[str, Verdict]:
    items = [(EXAMPLES[family], FASTEST[family].source) for family in FAMILIES]
    return dict(zip(FAMILIES, cudagym.grade_many(items, device="sim:h100"), strict=True))


@pytest.mark.parametrize("family", FAMILIES)
def test_the_fastest_algorithm_is_correct(family: str, verdicts: dict[str, Verdict]) -> None:
    assert verdicts[family].status == "correct", verdicts[family].message


@pytest.mark.skipif(not os.environ.get("CUDAGYM_LONG_TESTS"), reason="takes a quarter of an hour")
@pytest.mark.parametrize("spec", all_specs(), ids=lambda spec: spec.name)
def test_every_algorithm_is_correct(spec: cudagym.KernelSpec) -> None:
    ladder = TEACHER.ladder(spec)
    graded = cudagym.grade_many([(spec, demonstration.source) for demonstration in ladder], device="sim:h100")
    assert {d.algorithm: v.message for d, v in zip(ladder, graded, strict=True) if v.status != "correct"} == {}
