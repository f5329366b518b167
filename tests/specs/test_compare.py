"""Wrong answers are found and located; the lazy ones are found for every spec, shape and distribution."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product

import pytest
import torch

from cudagym import specs
from cudagym.errors import UsageError
from cudagym.specs.compare import bounds, compare
from cudagym.specs.inputs import make_inputs
from cudagym.specs.poison import poison
from cudagym.specs.spec import KernelSpec, Shape
from cudagym.verdict import Mismatch


def wide(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {k: t.to(torch.float64 if t.is_floating_point() else torch.int64) for k, t in tensors.items()}


def judged(
    spec: KernelSpec, shape: Shape, inputs: Mapping[str, torch.Tensor], got: torch.Tensor, name: str = "any"
) -> Mismatch | None:
    (output,) = spec.outputs
    want = spec.reference(wide(inputs), shape)[output.name]
    return compare(spec, output, shape, got, want, inputs=inputs, distribution=name)


def trials(spec: KernelSpec) -> Iterator[tuple[Shape, dict[str, torch.Tensor], torch.Tensor]]:
    """Every check shape and distribution: the shape, the inputs, and the right answer in the output's dtype."""
    (output,) = spec.outputs
    for shape, distribution in product(spec.check_shapes, spec.distributions):
        inputs = make_inputs(spec, shape, distribution, seed=21)
        want = spec.reference(wide(inputs), shape)[output.name].to(output.dtype.torch).contiguous()
        yield shape, inputs, want


def differs(got: torch.Tensor, want: torch.Tensor) -> bool:
    """Whether an answer is grossly wrong somewhere. One that is right by luck (relu of one negative) is not."""
    got, want = got.double(), want.double()
    return bool(((got - want).abs() > 0.1 * want.abs() + 0.01).any())


@pytest.mark.parametrize("spec", specs.all_specs(), ids=lambda s: s.name)
def test_lazy_answers_are_wrong(spec: KernelSpec) -> None:
    (output,) = spec.outputs
    caught = dict.fromkeys(("zeros", "copy", "tail", "untouched"), 0)
    for shape, inputs, right in trials(spec):
        assert judged(spec, shape, inputs, right) is None, "the rounded reference itself must pass"
        lazy = {"zeros": torch.zeros_like(right)}
        for name, array in inputs.items():
            repeats = -(-right.numel() // array.numel())
            copied = array.flatten().repeat(repeats)[: right.numel()].view(right.shape)
            lazy[f"copy {name}"] = copied.to(right.dtype)
        for answer, got in lazy.items():
            if differs(got, right):
                assert judged(spec, shape, inputs, got) is not None, answer
                caught[answer.partition(" ")[0]] += 1
        left = right.clone()
        untouched = torch.empty_like(right)
        poison(untouched)
        if output.role == "inout":
            untouched = inputs[output.name].clone()
        count = max(1, right.numel() // 8)
        left.view(-1)[-count:] = untouched.view(-1)[-count:]
        for answer, got in {"tail": left, "untouched": untouched}.items():
            found = judged(spec, shape, inputs, got)
            assert found is not None, answer
            caught[answer] += 1
            assert found.wrong <= found.of
    least = len(spec.check_shapes) * len(spec.distributions) - len(spec.distributions)
    assert all(count >= least // 2 for count in caught.values()), caught
    assert caught["tail"] > least


SUMS = [
    s
    for s in specs.all_specs()
    if s.family in ("reduction", "softmax", "norm", "matmul", "quantized_matmul", "attention", "loss")
]


@pytest.mark.parametrize("spec", SUMS, ids=lambda s: s.name)
def test_leaving_out_the_last_term_is_wrong(spec: KernelSpec) -> None:
    """What a kernel computes that stops one element short of the end of its inner loop."""
    (output,) = spec.outputs
    ends_loop = next(p.name for p in spec.inputs if p.name in ("v", "A", "d", "x", "logits", "p"))
    neutral = -1e30 if ends_loop == "logits" or spec.family == "softmax" or "max" in spec.name else 0
    seen, caught = set(), set()
    for shape, inputs, right in trials(spec):
        short = wide(inputs)
        term = short[ends_loop][:, -1] if spec.family == "attention" else short[ends_loop][..., -1]
        term.fill_(neutral)
        got = spec.reference(short, shape)[output.name].to(output.dtype.torch)
        if not torch.equal(got, right):
            seen.add(tuple(shape.values()))
            if judged(spec, shape, inputs, got) is not None:
                caught.add(tuple(shape.values()))
    assert caught == seen
    assert len(seen) >= len(spec.check_shapes) - 1


def test_the_first_wrong_element_is_located() -> None:
    spec = specs.get("bias_relu_fp32")
    shape = {"rows": 200, "cols": 999}
    inputs = make_inputs(spec, shape, spec.distributions[0], seed=1)
    want = spec.reference(wide(inputs), shape)["y"]
    got = want.float()
    got[150, 7] += 1e-3
    got[199, 998] = float("inf")
    found = judged(spec, shape, inputs, got, "normal")
    assert found is not None
    assert (found.output, found.index, found.wrong, found.of) == ("y", (150, 7), 2, 200 * 999)
    assert found.got == pytest.approx(found.want + 1e-3)
    assert 0 < found.bound < 1e-5
    assert found.shape == shape
    assert found.distribution == "normal"


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_values_that_are_no_numbers_are_wrong_and_fit_json(value: str) -> None:
    spec = specs.get("softmax_fp32")
    shape = spec.check_shapes[1]
    inputs = make_inputs(spec, shape, spec.distributions[0], seed=1)
    got = spec.reference(wide(inputs), shape)["y"].float()
    got[2, 36] = float(value)
    found = judged(spec, shape, inputs, got)
    assert found is not None
    assert found.got == value
    assert Mismatch.model_validate_json(found.model_dump_json()) == found


def test_nan_and_infinity_are_right_where_they_are_wanted() -> None:
    spec = specs.get("relu_fp32")
    shape = {"n": 4}
    want = torch.tensor([float("nan"), float("inf"), float("-inf"), 1.0], dtype=torch.float64)
    inputs = {"x": want.float()}
    relative = spec.model_copy(update={"tolerance": specs.get("gelu_fp32").tolerance})
    for judge in (spec, relative):
        (output,) = judge.outputs

        def found(got: list[float], judge: KernelSpec = judge, output=output) -> Mismatch | None:  # type: ignore[no-untyped-def]
            return compare(judge, output, shape, torch.tensor(got), want, inputs=inputs, distribution="odd")

        assert found(want.tolist()) is None
        wrong = found([1.0, float("inf"), float("inf"), 1.0])
        assert wrong is not None
        assert (wrong.index, wrong.wrong) == ((0,), 2)


def test_a_sample_of_elements_is_compared_in_place() -> None:
    spec = specs.get("matmul_fp32")
    shape = spec.check_shapes[3]
    inputs = make_inputs(spec, shape, spec.distributions[0], seed=1)
    want = spec.reference(wide(inputs), shape)["C"].flatten()
    elements = torch.arange(5, want.numel(), 7)
    (output,) = spec.outputs
    got = want[elements].float()
    arguments = {"inputs": inputs, "distribution": "normal", "elements": elements}
    assert compare(spec, output, shape, got, want[elements], **arguments) is None
    got[100] = 0
    found = compare(spec, output, shape, got, want[elements], **arguments)
    assert found is not None
    assert found.index == divmod(5 + 7 * 100, shape["N"])
    assert found.of == len(elements)


def test_integers_must_be_exact() -> None:
    spec = specs.get("exclusive_scan_i32")
    shape = {"n": 100}
    inputs = make_inputs(spec, shape, spec.distributions[1], seed=1)
    got = spec.reference(wide(inputs), shape)["y"]
    got[50] += 1
    found = judged(spec, shape, inputs, got)
    assert found is not None
    assert (found.index, found.bound) == ((50,), 0.0)
    assert isinstance(found.got, int)


def test_a_reference_of_the_wrong_type_is_the_specs_fault() -> None:
    spec = specs.get("relu_fp32").model_copy(update={"reference": lambda t, s: {"y": t["x"].float().relu()}})
    inputs = make_inputs(spec, {"n": 9}, spec.distributions[0], seed=1)
    with pytest.raises(UsageError, match=r"reference of relu_fp32 gives 9 elements of torch.float32"):
        judged(spec, {"n": 9}, inputs, torch.zeros(9))


def test_errors_that_are_each_within_their_bound_may_not_all_be_near_it() -> None:
    spec = specs.get("matmul_fp32")
    (output,), shape = spec.outputs, spec.check_shapes[-1]
    inputs = make_inputs(spec, shape, spec.distributions[0], seed=3)
    want = spec.reference(wide(inputs), shape)[output.name].reshape(-1)
    off = want + 0.6 * bounds(spec, output, shape, want, inputs=inputs)
    one = want.clone()
    one[5] = off[5]
    assert judged(spec, shape, inputs, one.float()) is None
    assert judged(spec, shape, inputs, off.float()) is not None
