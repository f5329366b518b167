"""KernelVectorEnv: several episodes at once, each step judged as one batch.

A batch compiles as one graph and duplicates are judged once, so this is the form to use for throughput, and what
`gymnasium.make_vec("cudagym:cudagym/Kernel-v0", num_envs=8)` makes. `vectorization_mode="sync"` and `"async"`
make gymnasium's own vector environments, which judge every action by itself; pass them
`vector_kwargs={"autoreset_mode": AutoresetMode.SAME_STEP}`, because their default spends the step after the end
of an episode on resetting: with one turn per episode, every second action would be thrown away.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from gymnasium.vector.utils import iterate

from cudagym import grader, prompts
from cudagym.envs.kernel_env import KernelEnv, as_text
from cudagym.specs.spec import KernelSpec
from cudagym.verdict import Verdict

Batch = dict[tuple[str, str], Verdict]
"""Verdicts by spec name and source."""


class _Member(KernelEnv):
    """One episode of a batch: its verdicts come from the batch it is part of."""

    def __init__(self, batch: Batch, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._batch = batch

    def judge(self, kernel: KernelSpec, source: str) -> Verdict:
        return self._batch[kernel.name, source]


class KernelVectorEnv(SyncVectorEnv[tuple[str, ...], tuple[str, ...]]):
    """`num_envs` episodes of `KernelEnv(**kwargs)`, reset in the step that ends them.

    Episode i has the seed `seed + i`. As usual with SAME_STEP, the observation returned for an episode that ended
    is the first one of the next, and what ended it lies in `infos["final_obs"]` and `infos["final_info"]`.
    """

    def __init__(self, num_envs: int = 1, **kwargs: Any) -> None:
        self._batch: Batch = {}
        super().__init__([lambda: _Member(self._batch, **kwargs)] * num_envs, autoreset_mode=AutoresetMode.SAME_STEP)

    def step(
        self, actions: tuple[str, ...]
    ) -> tuple[tuple[str, ...], npt.NDArray[np.float64], npt.NDArray[np.bool_], npt.NDArray[np.bool_], dict[str, Any]]:
        """Judge one attempt of every episode, all of them in one call of `cudagym.grade_many`."""
        members = [env for env in self.envs if isinstance(env, _Member)]
        items = [
            (member.kernel, prompts.extract_source(as_text(action)))
            for member, action in zip(members, iterate(self.action_space, actions), strict=True)
            if member.kernel is not None
        ]
        first = members[0]
        verdicts = grader.grade_many(items, device=first.device, seed=first.grading_seed)
        self._batch.clear()
        for (kernel, source), verdict in zip(items, verdicts, strict=True):
            self._batch[kernel.name, source] = verdict
        return super().step(actions)
