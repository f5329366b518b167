"""Several episodes at once: our batched form and gymnasium's two."""

from __future__ import annotations

from typing import Any

import gymnasium
import pytest
from fake_grading import FakeGrading
from gymnasium.vector import AutoresetMode

ENV_ID = "cudagym:cudagym/Kernel-v0"
SPECS = ["gelu_fp32", "relu_fp32", "reduce_sum_fp32"]
SAME_STEP = {"autoreset_mode": AutoresetMode.SAME_STEP}


def made(mode: str | None, **kwargs: Any) -> gymnasium.vector.VectorEnv[Any, Any, Any]:
    vector: dict[str, Any] = {} if mode is None else {"vectorization_mode": mode, "vector_kwargs": SAME_STEP}
    return gymnasium.make_vec(ENV_ID, num_envs=3, specs=SPECS, **vector, **kwargs)


@pytest.mark.usefixtures("grading")
@pytest.mark.parametrize("mode", [None, "sync", "async"])
def test_every_form_plays_the_same_episodes(mode: str | None) -> None:
    envs = made(mode)
    single = gymnasium.make(ENV_ID, specs=SPECS)
    try:
        prompts, infos = envs.reset(seed=5)
        assert prompts in envs.observation_space
        assert [prompts[i] for i in range(3)] == [single.reset(seed=5 + i)[0] for i in range(3)]
        following, rewards, terminated, truncated, infos = envs.step(("fast", "no\0nse\ud800nse", "crash"))
        assert rewards.tolist() == pytest.approx([0.88, 0.0, 0.0])
        assert terminated.tolist() == [True, True, False]
        assert truncated.tolist() == [False, False, True]
        final = infos["final_info"]
        assert final["valid"].tolist() == [True, True, False]
        assert [verdict.status for verdict in final["verdict"]] == ["correct", "build_failed", "grader_error"]
        assert final["rewards"]["throughput"].tolist() == pytest.approx([0.8, 0.0, 0.0])
        assert all(infos["final_obs"][i].startswith(prompts[i]) for i in range(3))
        assert infos["turn"].tolist() == [0, 0, 0]
        assert following in envs.observation_space
        assert all("judged" not in each for each in following)
    finally:
        envs.close()


@pytest.mark.usefixtures("grading")
@pytest.mark.parametrize("mode", [None, "sync", "async"])
def test_observations_stay_current_over_turns(mode: str | None) -> None:
    envs = made(mode, max_turns=3)
    try:
        first, _ = envs.reset(seed=0)
        second = envs.step(("slow", "nonsense", "fast"))[0]
        third, rewards, terminated, _, _ = envs.step(("fast", "slow", "nonsense"))
        assert not terminated.any()
        assert rewards.tolist() == pytest.approx([0.88, 0.52, 0.0])
        assert ["correct" in each for each in second] == [True, False, True]
        assert ["correct" in each for each in third] == [True, True, False]
        assert not any("judged" in each for each in first)
    finally:
        envs.close()


def test_a_batch_is_graded_in_one_call(grading: FakeGrading) -> None:
    envs = made(None)
    envs.reset(seed=0)
    envs.step(("fast", "slow", "fast"))
    assert [len(batch) for batch in grading.batches] == [3]
    envs.close()
