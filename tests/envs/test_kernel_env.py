"""The environment's own behaviour; grading is stood in for."""

from __future__ import annotations

from pathlib import Path

import gymnasium
import numpy as np
import pytest
from fake_grading import FakeGrading
from gymnasium.utils.env_checker import check_env
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import cudagym.specs
from cudagym.envs.kernel_env import KernelEnv
from cudagym.errors import UsageError
from cudagym.rewards.terms import Weights

ENV_ID = "cudagym:cudagym/Kernel-v0"
SPECS = ["gelu_fp32", "relu_fp32", "reduce_sum_fp32"]


@pytest.mark.usefixtures("grading")
@pytest.mark.parametrize("max_turns", [1, 3])
def test_gymnasium_accepts_it(max_turns: int) -> None:
    env = gymnasium.make(ENV_ID, specs=SPECS, max_turns=max_turns, render_mode="ansi")
    check_env(env.unwrapped)


@pytest.mark.usefixtures("grading")
def test_one_turn_is_one_episode() -> None:
    env = KernelEnv("gelu_fp32", device="sim:a100")
    prompt, info = env.reset(seed=1)
    assert info == {"spec": "gelu_fp32", "turn": 0}
    assert "solve(const float* x, float* y, int n)" in prompt
    observation, reward, terminated, truncated, info = env.step("fast")
    assert (terminated, truncated) == (True, False)
    assert reward == pytest.approx(0.1 + 0.3 + 0.6 * 0.8)
    assert info["rewards"] == {"compile": 1.0, "numeric": 1.0, "throughput": 0.8}
    assert info["valid"] is True
    assert info["status"] == info["verdict"].status == "correct"
    assert observation.startswith(prompt)
    assert "this is correct" in observation


@pytest.mark.usefixtures("grading")
def test_turns_follow_until_the_last_even_after_a_correct_one() -> None:
    env = KernelEnv(SPECS, max_turns=3)
    prompt, _ = env.reset(seed=0)
    rewards = []
    for turn, action in enumerate(["nonsense", "slow", "fast"], start=1):
        observation, reward, terminated, truncated, info = env.step(action)
        rewards.append(reward)
        assert info["turn"] == turn
        assert terminated == (turn == 3)
        assert not truncated
        assert observation.startswith(prompt)
        assert info["message"] in observation
    assert rewards == pytest.approx([0.0, 0.52, 0.88])
    assert env.reset()[1]["turn"] == 0


@pytest.mark.usefixtures("grading")
def test_an_error_of_the_grader_truncates_and_is_marked_invalid() -> None:
    env = KernelEnv("gelu_fp32", max_turns=5)
    env.reset(seed=0)
    _, reward, terminated, truncated, info = env.step("crash")
    assert (reward, terminated, truncated) == (0.0, False, True)
    assert info["valid"] is False
    assert info["status"] == "grader_error"


def test_grading_gets_the_device_the_seed_and_the_source_of_a_fenced_block(grading: FakeGrading) -> None:
    env = KernelEnv("gelu_fp32", device="sim:a6000", seed=7)
    env.reset(seed=0)
    info = env.step("Here it is:\n```cuda\nfast\n```\nDone.")[4]
    assert grading.batches[0][0][1].strip() == "fast"
    assert info["verdict"].device == "sim:a6000"
    assert "seed 7" in info["message"]


@pytest.mark.usefixtures("grading")
def test_info_says_nothing_that_differs_from_run_to_run() -> None:
    env = KernelEnv("gelu_fp32")
    env.reset(seed=0)
    verdict = env.step("fast")[4]["verdict"]
    assert verdict.seconds == {}
    assert verdict.cached is False


@pytest.mark.usefixtures("grading")
def test_the_seed_decides_which_specs_are_drawn() -> None:
    def drawn(seed: int) -> list[str]:
        env = KernelEnv()
        return [env.reset(seed=seed)[1]["spec"], *(env.reset()[1]["spec"] for _ in range(20))]

    train = {spec.name for spec in cudagym.specs.split("train")}
    assert drawn(3) == drawn(3)
    assert drawn(3) != drawn(4)
    assert len(set(drawn(3))) > 3
    assert set(drawn(3)) <= train


@pytest.mark.usefixtures("grading")
def test_options_name_a_spec() -> None:
    env = KernelEnv(SPECS)
    assert env.reset(options={"spec": "relu_fp32"})[1]["spec"] == "relu_fp32"
    with pytest.raises(UsageError, match="gelu_fp32, relu_fp32"):
        env.reset(options={"spec": "softmax_fp32"})


@pytest.mark.usefixtures("grading")
def test_specs_may_come_from_a_split_or_a_file(tmp_path: Path) -> None:
    mine = tmp_path / "my_specs.py"
    mine.write_text(
        "from cudagym.specs import get\ntwice = get('relu_fp32').model_copy(update={'name': 'twice_fp32'})\n"
    )
    env = gymnasium.make(ENV_ID, specs=str(mine))
    assert env.reset(seed=0)[1]["spec"] == "twice_fp32"
    held_out = KernelEnv("unseen_family")
    assert {spec.split for spec in held_out.kernels.values()} == {"unseen_family"}


@pytest.mark.usefixtures("grading")
def test_weights_may_be_a_mapping() -> None:
    for weights in (
        {"compile": 0.0, "numeric": 2.0, "throughput": 0.0},
        Weights(compile=0, numeric=2, throughput=0),
    ):
        env = KernelEnv("gelu_fp32", weights=weights)
        env.reset(seed=0)
        assert env.step("slow")[1] == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"max_turns": 0}, "at least one turn"),
        ({"specs": "no_such_spec"}, "no_such_spec"),
        ({"specs": []}, "no specs"),
        ({"device": "sim:nope"}, "sim:nope"),
        ({"render_mode": "human"}, "render_mode"),
        ({"prompt_style": "long"}, "prompt_style"),
        ({"weights": {"numeric": -1}}, "numeric"),
        ({"weights": {"speed": 1}}, "speed"),
    ],
)
def test_bad_arguments_are_refused_in_a_sentence(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        KernelEnv(**arguments)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("grading")
def test_misuse_is_refused() -> None:
    env = KernelEnv("gelu_fp32")
    with pytest.raises(UsageError, match="reset"):
        env.step("fast")
    env.reset(seed=0)
    with pytest.raises(UsageError, match="not bytes"):
        env.step(b"fast")  # type: ignore[arg-type]


@pytest.mark.usefixtures("grading")
def test_numpys_strings_are_strings() -> None:
    env = KernelEnv("gelu_fp32")
    env.reset(seed=0)
    assert env.step(np.str_("fast"))[1] > 0.5


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)
@given(st.text(st.characters(codec=None, exclude_categories=())))
def test_any_text_is_judged(grading: FakeGrading, text: str) -> None:
    env = KernelEnv("gelu_fp32", render_mode="ansi")
    env.reset(seed=0)
    observation, _, terminated, truncated, info = env.step(text)
    assert observation in env.observation_space
    assert terminated or truncated
    assert info["status"]
    rendered = env.render()
    assert isinstance(rendered, str)
    rendered.encode()


@pytest.mark.usefixtures("grading")
def test_rendering_shows_the_turn_and_the_verdict() -> None:
    env = KernelEnv("gelu_fp32", render_mode="ansi")
    assert "reset" in str(env.render())
    env.reset(seed=0)
    env.step("slow")
    text = str(env.render())
    assert "gelu_fp32, turn 1 of 1" in text
    assert "this is correct" in text
    assert "20" in text
    assert KernelEnv("gelu_fp32").render() is None
