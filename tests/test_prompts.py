"""A prompt says everything a writer must know, and the source is found in whatever comes back."""

from __future__ import annotations

import pytest

from cudagym import prompts, specs
from cudagym.envs.kernel_env import KernelEnv
from cudagym.hardware import GPUS, gpu
from cudagym.rewards.terms import Weights

H100 = gpu("h100")


@pytest.mark.parametrize("spec", specs.all_specs(), ids=lambda s: s.name)
def test_prompt_states_what_a_writer_must_know(spec: specs.KernelSpec) -> None:
    text = prompts.render(spec, H100)
    assert f'extern "C" {spec.signature};' in text
    assert spec.summary in text
    for parameter in spec.arrays:
        assert f"- {parameter.name}: {parameter.dtype.c}[{parameter.axes[0]}]" in text
    for value in spec.timing_shape.values():
        assert f"{value}" in text
    lowered = text.lower()
    for fact in (
        "h100",
        "132 sms",
        "row-major",
        "device pointers",
        "default stream",
        "must not read",
        "guard zones",
    ):
        assert fact in lowered
    for fact in ("garbage", "float64", "0.1", "0.3", "0.6", "```cuda", "cuda_fp16.h", "fraction of peak"):
        assert fact in lowered or (fact == "garbage" and any(p.role == "inout" for p in spec.outputs))
    assert prompts.render(spec, H100) == text
    assert prompts.render(spec, gpu("t4")) != text


def test_prompts_settle_what_could_be_read_two_ways() -> None:
    said = {name: prompts.render(specs.get(name), H100) for name in ("gelu_fp32", "attention_fp32", "argmax_fp32")}
    assert "erf (not the tanh" in said["gelu_fp32"]
    assert "[heads][seq][dim]" in said["attention_fp32"]
    assert "1/sqrt(dim)" in said["attention_fp32"]
    assert "not causal" in said["attention_fp32"]
    assert "lowest index" in said["argmax_fp32"]
    assert "in place" in prompts.render(specs.get("axpy_fp32"), H100)
    assert "must be exact" in prompts.render(specs.get("transpose_fp32"), H100)


def test_prompts_say_what_the_card_cannot_run_and_which_faults_count() -> None:
    text = " ".join(prompts.render(specs.get("matmul_nt_fp16"), H100).split())
    assert "It runs wmma, mma.sync and ldmatrix on its tensor cores, but no wgmma, sparse mma, TMA or thread" in text
    assert "mma.h" in text
    assert "data race in shared memory" in text
    assert "uninitialised shared or scratch memory that changes the result" in text


def test_prompts_tell_the_weights_of_the_environment_that_scores() -> None:
    assert Weights().model_dump() == prompts.WEIGHTS
    usual, _ = KernelEnv("gelu_fp32").reset(seed=0)
    assert usual == prompts.render(specs.get("gelu_fp32"), H100)
    assert "at most 1:\n- 0.1 when the source compiles\n- 0.3 when every check" in usual
    other, _ = KernelEnv("gelu_fp32", weights={"compile": 0, "numeric": 1.5, "throughput": 2}).reset(seed=0)
    assert "at most 3.5:\n- 1.5 when every check passes\n- 2 times the fraction of peak" in other
    assert "when the source compiles" not in other


@pytest.mark.parametrize("card", GPUS)
def test_every_card_can_be_asked_for(card: str) -> None:
    assert GPUS[card].title in prompts.render(specs.get("matmul_nt_fp16"), GPUS[card])


@pytest.mark.parametrize("spec", specs.all_specs(), ids=lambda s: s.name)
def test_compact_prompt_is_four_short_lines(spec: specs.KernelSpec) -> None:
    name, formula, signature, shapes = prompts.render(spec, H100, style="compact").splitlines()
    assert name == f"{spec.name} on h100"
    assert formula == spec.formula
    assert signature == spec.signature
    assert "timed" in shapes


def test_compact_prompts_differ() -> None:
    everything = specs.all_specs()
    assert len({prompts.render(s, H100, style="compact") for s in everything}) == len(everything)


SOURCE = 'extern "C" void solve() {}\n'


@pytest.mark.parametrize(
    "completion",
    [
        SOURCE,
        f"```cuda\n{SOURCE}```",
        f"First try:\n```cpp\nint x;\n```\nBetter:\n```CUDA\n{SOURCE}```\nDone.",
        f"```\n{SOURCE}```",
        f"text\r\n```cuda\r\n{SOURCE}```\r\n",
        f"Cut off:\n```cuda\n{SOURCE}",
        f"```bash\nls\n```\nThe kernel:\n```cuda title=x.cu\n{SOURCE}```\n",
        f"```c++\n{SOURCE}```\nBuild it:\n```bash\nnvcc x.cu\n```\n",
    ],
)
def test_source_is_found(completion: str) -> None:
    assert prompts.extract_source(completion) == SOURCE


@pytest.mark.parametrize("completion", ["", "no code", "```", "\0\ud800", "`" * 100_000, "```" + " " * 1_000_000])
def test_any_text_is_accepted(completion: str) -> None:
    assert prompts.extract_source(completion) == completion
