"""Specs are found by name, in the package and in people's own files, and keep what other programs rely on."""

from __future__ import annotations

from pathlib import Path

import pytest

from cudagym import prompts, specs
from cudagym.errors import UsageError
from cudagym.hardware import GPUS
from cudagym.roofline import least_time_us, math_mode
from cudagym.specs.inputs import make_inputs
from cudagym.specs.spec import DType

CONTRACT = {
    "vector_add_fp32": "const float* a, const float* b, float* out, int n",
    "gelu_fp32": "const float* x, float* y, int n",
    "reduce_sum_fp32": "const float* x, float* out, int n",
    "softmax_fp32": "const float* x, float* y, int rows, int cols",
    "layernorm_fp32": "const float* x, const float* weight, const float* bias, float* y, int rows, int cols, float eps",
    "transpose_fp32": "const float* x, float* y, int rows, int cols",
    "matmul_fp32": "const float* A, const float* B, float* C, int M, int N, int K",
    "attention_fp32": "const float* q, const float* k, const float* v, float* out, int heads, int seq, int dim",
}
FAMILIES = (
    "elementwise",
    "fused_elementwise",
    "reduction",
    "softmax",
    "norm",
    "permutation",
    "matmul",
    "quantized_matmul",
    "attention",
    "loss",
    "convolution",
    "pooling",
    "stencil",
    "scan",
    "histogram",
    "compaction",
    "sort",
)
L2 = 50 << 20

USER_FILE = """
import torch
from cudagym.specs.distributions import NORMAL, WIDE
from cudagym.specs.spec import DType, KernelSpec, scalar, tensor_in, tensor_out

square = KernelSpec(
    name="square_f64", family="elementwise", split="train", summary="y[i] = x[i] * x[i].",
    parameters=(tensor_in("x", DType.F64, "n"), tensor_out("y", DType.F64, "n"), scalar("n")),
    check_shapes=({"n": 1}, {"n": 33}, {"n": 4099}), timing_shape={"n": 1 << 24},
    reference=lambda t, s: {"y": t["x"] * t["x"]}, flops=lambda s: s["n"], math="fp64",
    independent=("n",), distributions=(NORMAL, WIDE),
)
"""


@pytest.fixture
def user_file(tmp_path: Path) -> Path:
    file = tmp_path / "elsewhere" / "my_specs.py"
    file.parent.mkdir()
    file.write_text(USER_FILE)
    return file


@pytest.mark.parametrize("name", CONTRACT)
def test_contract_signature(name: str) -> None:
    spec = specs.get(name)
    assert spec.signature == f"void solve({CONTRACT[name]})"
    assert spec.split == "train"


def test_matmul_is_timed_at_4096_cubed() -> None:
    assert specs.get("matmul_fp32").timing_shape == {"M": 4096, "N": 4096, "K": 4096}


def test_order_families_and_splits() -> None:
    everything = specs.all_specs()
    assert [s.family for s in everything] == sorted((s.family for s in everything), key=FAMILIES.index)
    assert FAMILIES == specs.FAMILIES
    assert {s.family for s in everything} == set(FAMILIES)
    assert len({s.name for s in everything}) == len(everything) >= 60
    assert {s.name for split in specs.SPLITS for s in specs.split(split)} == {s.name for s in everything}
    assert len(specs.split("train")) >= 10


def test_held_out_splits_are_held_out() -> None:
    trained = specs.split("train")
    families = {s.family for s in trained}
    unseen = {"scan", "quantized_matmul", "histogram", "compaction", "sort"}
    assert {s.family for s in specs.split("unseen_family")} == unseen == set(FAMILIES) - families
    summaries = {s.formula for s in trained}
    assert all(s.formula in summaries for s in specs.split("unseen_shape"))
    assert not any(s.formula in summaries for s in specs.split("unseen_op"))
    known = {(s.formula, s.inputs[0].dtype) for s in trained}
    for spec in specs.split("unseen_dtype"):
        assert spec.formula in summaries
        assert (spec.formula, spec.inputs[0].dtype) not in known


def test_a_card_is_held_out_with_every_train_spec() -> None:
    held_out = [card for card in GPUS.values() if card.held_out]
    assert held_out
    assert {card.arch for card in held_out}.isdisjoint(card.arch for card in GPUS.values() if not card.held_out)
    spec, other = specs.get("gelu_fp32"), specs.get("silu_fp32")
    assert specs.split_on(spec, f"sim:{held_out[0].name}") == "unseen_hardware" != specs.split_on(spec, "sim:h100")
    assert specs.split_on(other, f"sim:{held_out[0].name}") == "unseen_op"


@pytest.mark.parametrize("spec", specs.all_specs(), ids=lambda s: s.name)
def test_a_launch_that_takes_longer_than_the_work_is_stated(spec: specs.KernelSpec) -> None:
    assert spec.ceiling or least_time_us(spec, spec.timing_shape, GPUS["h100"]) > 8


def test_a_card_without_the_pipe_is_asked_for_another_as_exact() -> None:
    spec = specs.get("scaled_matmul_fp8")
    assert [math_mode(spec, GPUS[card]) for card in ("h100", "a100", "p100")] == ["fp8", "fp16", "fp32"]
    assert math_mode(specs.get("matmul_bf16"), GPUS["t4"]) == "fp32"


def test_indices_stay_below_their_scalar(user_file: Path) -> None:
    looked_up = """tensor_in("x", DType.F64, "n"), tensor_in("at", DType.I32, "n", below="m"), scalar("m")"""
    user_file.write_text(
        USER_FILE.replace('tensor_in("x", DType.F64, "n")', looked_up).replace('{"n":', '{"m": 5, "n":')
    )
    (spec,) = specs.load(user_file)
    for distribution in spec.distributions:
        drawn = make_inputs(spec, spec.check_shapes[-1], distribution, seed=1)["at"]
        assert set(drawn.tolist()) == {0, 1, 2, 3, 4}
    assert "values from 0 to m - 1" in prompts.render(spec, GPUS["h100"])
    user_file.write_text(user_file.read_text().replace('below="m"', 'below="x"'))
    with pytest.raises(UsageError, match="at is below 'x', no integer scalar"):
        specs.load(user_file)


def test_dtypes_and_roles_are_all_used() -> None:
    parameters = [p for s in specs.all_specs() for p in s.parameters]
    assert {p.dtype for p in parameters} == set(DType) - {DType.F64}
    assert {p.role for p in parameters} == {"in", "out", "inout", "scalar"}


@pytest.mark.parametrize("spec", specs.all_specs(), ids=lambda s: s.name)
def test_shapes_fit_their_purpose(spec: specs.KernelSpec) -> None:
    extents = [e for s in spec.check_shapes for p in spec.arrays for e in p.extents(s)]
    assert any(e % 32 for e in extents)
    assert spec.name.endswith("_odd") or any(e % 64 == 0 for e in extents), (
        "no aligned shape, so vectorised paths are never checked"
    )
    assert sum(spec.flops(s) for s in spec.check_shapes) < 50e6
    assert sum(max(p.elements(s) for p in spec.arrays) for s in spec.check_shapes) < 300_000
    assert all(p.elements(spec.timing_shape) < 1 << 31 for p in spec.arrays), "an int index would overflow"
    intensity = spec.flops(spec.timing_shape) / spec.least_bytes(spec.timing_shape)
    assert spec.ceiling or intensity > 50 or spec.least_bytes(spec.timing_shape) >= 4 * L2


def test_unknown_name_suggests_close_ones() -> None:
    with pytest.raises(UsageError, match=r"did you mean .*gelu_fp32"):
        specs.get("gelu_f32")
    with pytest.raises(UsageError, match="cudagym specs"):
        specs.get("zzz")
    with pytest.raises(UsageError, match="unseen_op"):
        specs.split("test")  # type: ignore[arg-type]


def test_a_users_own_file_works_from_anywhere(user_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert specs.get(f"{user_file}:square_f64").signature == "void solve(const double* x, double* y, int n)"
    monkeypatch.chdir(user_file.parent)
    assert [s.name for s in specs.load("my_specs.py")] == ["square_f64"]
    assert [s.name for s in specs.select(["my_specs.py", "relu_fp32", "unseen_family"])][:2] == [
        "square_f64",
        "relu_fp32",
    ]
    with pytest.raises(UsageError, match="it has square_f64"):
        specs.get("my_specs.py:cube")
    with pytest.raises(UsageError, match=r"whole file of specs: choose my_specs\.py:square_f64"):
        specs.get("my_specs.py")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1 +\n", r"my_specs.py, line 1 failed: SyntaxError"),
        ("\nimport torch\ntorch.nope\n", r"line 3 failed: AttributeError"),
        ("x = 1\n", "defines no KernelSpec"),
        ("SPECS = 3\n", "must be a list"),
        (USER_FILE + "SPECS = [square, square]\n", "more than once"),
        (
            USER_FILE.replace("(NORMAL, WIDE)", "(NORMAL, NORMAL)"),
            "line 6 failed: KernelSpec refuses it: square_f64: .*must be hard",
        ),
        (USER_FILE.replace("y[i] = x[i] * x[i].", "").replace('summary=""', "summary=3"), "refuses `summary`: Input"),
        (USER_FILE.replace('family="elementwise"', 'family="My family!"'), "refuses `family`: String should match"),
        ("\nimport sys\nsys.exit(3)\n", r"line 3 failed: it ends the program, with sys.exit\(3\)"),
        ("raise ValueError('two\\nlines')", "ValueError: two lines"),
    ],
)
def test_a_broken_file_is_explained_on_one_line(user_file: Path, text: str, message: str) -> None:
    user_file.write_text(text)
    with pytest.raises(UsageError, match=message) as caught:
        specs.load(user_file)
    assert "\n" not in str(caught.value)
    assert "pydantic" not in str(caught.value)


def test_a_new_family_is_allowed(user_file: Path) -> None:
    user_file.write_text(USER_FILE.replace('family="elementwise"', 'family="stencil"'))
    assert [s.family for s in specs.load(user_file)] == ["stencil"]


def test_a_missing_file_is_explained(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no spec file"):
        specs.get(f"{tmp_path}/none.py:name")


def test_hash_follows_what_a_verdict_depends_on(user_file: Path) -> None:
    everything = specs.all_specs()
    assert len({specs.spec_hash(s) for s in everything}) == len(everything)
    first = specs.spec_hash(specs.load(user_file)[0])
    assert first == specs.spec_hash(specs.load(user_file)[0])
    changes = [("x[i] * x[i].", "x[i]^2."), ('t["x"] * t["x"]', '2 * t["x"]'), ('"n": 33', '"n": 34')]
    for old, new in changes:
        user_file.write_text(USER_FILE.replace(old, new))
        assert specs.spec_hash(specs.load(user_file)[0]) != first, old


def test_hash_follows_helpers(user_file: Path) -> None:
    helper = "def f(x):\n    return x * FACTOR\n\nFACTOR = 1\n"
    text = helper + USER_FILE.replace('t["x"] * t["x"]', 'f(t["x"])')
    hashes = set()
    for variant in (text, text.replace("x * FACTOR", "x + FACTOR"), text.replace("FACTOR = 1", "FACTOR = 2")):
        user_file.write_text(variant)
        hashes.add(specs.spec_hash(specs.load(user_file)[0]))
    assert len(hashes) == 3
