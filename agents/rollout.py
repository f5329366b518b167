"""From a graded completion to the rollout that is kept of it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from cudagym import prompts
from cudagym.rewards.terms import Weights, score
from cudagym.rollouts import Message, Rollout
from cudagym.runs import versions
from cudagym.specs import split_on
from cudagym.specs.spec import KernelSpec
from cudagym.verdict import Verdict

_versions = cache(versions)


def make_rollout(
    key: str,
    spec: KernelSpec,
    prompt: str | tuple[Message, ...],
    completion: str,
    verdict: Verdict,
    *,
    weights: Weights | None = None,
    seed: int = 0,
    usage: Mapping[str, float] | None = None,
    model: str | None = None,
) -> Rollout:
    """The rollout of one attempt. `key` is `<agent>/<spec>/<attempt>`, `prompt` the conversation that led to it, or
    its only message; `model` is the agent's, where there are several by its name.
    """
    weights = weights or Weights()
    reward = score(verdict, weights)
    return Rollout(
        key=key,
        agent=key.partition("/")[0],
        spec=spec.name,
        split=split_on(spec, verdict.device),
        messages=(Message(role="user", content=prompt),) if isinstance(prompt, str) else prompt,
        completion=completion,
        source=prompts.extract_source(completion),
        verdict=verdict,
        reward=reward.total if reward else None,
        rewards=reward.terms.model_dump() if reward else {},
        weights=weights.model_dump(),
        seeds={"run": seed},
        versions=_versions() | ({"model": model} if model else {}),
        usage=dict(usage or {}),
    )
