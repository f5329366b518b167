"""A policy small enough to train in a second, and rows to train it on."""

from __future__ import annotations

from pathlib import Path

import pytest

from cudagym import specs
from cudagym.agents import demonstrations, policy
from cudagym.agents.demonstrations import Verified
from cudagym.agents.scripted import ScriptedTeacher
from cudagym.config import PolicyConfig
from cudagym.hardware import gpu

TINY = PolicyConfig(
    vocab_size=800,
    hidden_size=32,
    intermediate_size=64,
    num_hidden_layers=2,
    num_attention_heads=2,
    max_position_embeddings=512,
)


@pytest.fixture(scope="session")
def taught() -> list[Verified]:
    """Four kernels for two specs, as if they had been verified."""
    return [
        Verified(spec=name, algorithm=each.algorithm, source=each.source, fraction=0.1 * rank)
        for name in ("vector_add_fp32", "relu_fp32")
        for rank, each in enumerate(ScriptedTeacher().sources(specs.get(name), limit=2), start=1)
    ]


@pytest.fixture(scope="session")
def rows(taught: list[Verified]) -> list[dict[str, str]]:
    return demonstrations.rows(taught, gpu("h100"))


@pytest.fixture(scope="session")
def base(rows: list[dict[str, str]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkpoint of a policy that has learned nothing."""
    folder = tmp_path_factory.mktemp("policy") / "base"
    policy.create(TINY, rows, seed=0).save(folder)
    return folder
