"""The environment with nothing stood in for: real nvcc, the simulated GPU, the judge."""

from __future__ import annotations

import gymnasium
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode

ENV_ID = "cudagym:cudagym/Kernel-v0"
ADD = """
__global__ void add(const float* a, const float* b, float* out, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) out[i] = a[i] + b[i];
}
extern "C" void solve(const float* a, const float* b, float* out, int n) {
    add<<<(n + 255) / 256, 256>>>(a, b, out, n);
}
"""


def test_gymnasium_accepts_it() -> None:
    check_env(gymnasium.make(ENV_ID, specs=["vector_add_fp32"], max_turns=2).unwrapped)


def test_a_kernel_is_mended_turn_by_turn() -> None:
    env = gymnasium.make(ENV_ID, specs=["vector_add_fp32"], max_turns=3)
    env.reset(seed=0)
    statuses, rewards = [], []
    for source in (ADD.replace("b[i];", "b[i]"), ADD.replace("a[i] + b[i]", "a[i]"), f"Fixed.\n```cuda\n{ADD}```"):
        observation, reward, terminated, truncated, info = env.step(source)
        assert info["message"] in observation
        assert not truncated
        statuses.append(info["status"])
        rewards.append(float(reward))
    assert terminated
    assert statuses == ["build_failed", "wrong", "correct"], info["message"]
    assert rewards[:2] == pytest.approx([0.0, 0.1])
    assert rewards[2] == pytest.approx(0.4 + 0.6 * info["rewards"]["throughput"])
    assert 0.1 < info["rewards"]["throughput"] <= 1.0


def test_whatever_an_agent_emits_is_judged_in_one_batch() -> None:
    texts = ("", "\0", "\ud800" + ADD, "x" * 1_000_000, "`" * 1000, "#include <nothing.h>")
    envs = gymnasium.make_vec(ENV_ID, num_envs=len(texts), specs=["vector_add_fp32"])
    envs.reset(seed=0)
    _, rewards, terminated, _, infos = envs.step(texts)
    assert terminated.all()
    assert rewards.tolist() == [0.0] * len(texts)
    assert set(infos["final_info"]["status"]) == {"build_failed"}
    assert all("/" not in message.split(":")[0] for message in infos["final_info"]["message"])
    envs.close()


def test_forked_workers_grade_by_themselves() -> None:
    envs = gymnasium.make_vec(
        ENV_ID,
        num_envs=2,
        vectorization_mode="async",
        vector_kwargs={"autoreset_mode": AutoresetMode.SAME_STEP},
        specs=["vector_add_fp32"],
    )
    try:
        envs.reset(seed=0)
        _, rewards, _, _, infos = envs.step((ADD, ADD.replace("+ b[i]", "* b[i]")))
        assert infos["final_info"]["status"].tolist() == ["correct", "wrong"]
        assert rewards[0] > rewards[1] == pytest.approx(0.1)
    finally:
        envs.close()
