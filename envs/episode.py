"""Episode: KernelEnv as TRL's `environment_factory` wants it, for GRPO over several turns.

    GRPOTrainer(..., environment_factory=lambda: Episode(turns=3), reward_funcs=make_reward_functions())

The policy calls the tool `submit` with a source and is told its verdict, up to `turns` times. The data set needs a
column `spec`. Every public method but `reset` becomes a tool of the policy, so there is one.
"""

from __future__ import annotations

from typing import Any

from cudagym import prompts
from cudagym.envs.kernel_env import KernelEnv
from cudagym.rewards.terms import score
from cudagym.verdict import Verdict

FEEDBACK_CHARACTERS = 2000
"""Of a verdict's message that a policy is told: a compiler can say very much about one missing brace."""


class Episode:
    """One conversation about one spec. `sources` and `verdicts` are what was submitted so far, in order."""

    def __init__(self, *, device: str = "auto", seed: int = 0, turns: int = 3) -> None:
        self.device, self.seed, self.turns = device, seed, turns
        self.sources: list[str] = []
        self.verdicts: list[Verdict] = []
        self._told: list[str] = []
        self._env: KernelEnv | None = None

    @property
    def best(self) -> str | None:
        """The source that earned most, of equal ones the first; None when nothing was submitted.

        One on which the grader itself failed counts only when there is no other.
        """
        return self.sources[self._best] if self.sources else None

    @property
    def before_best(self) -> list[dict[str, str]]:
        """The turns before the best source: the sources that did less well, and what was said to them."""
        turns = zip(self.sources, self._told, strict=True)
        pairs = [({"role": "assistant", "content": said}, {"role": "user", "content": told}) for said, told in turns]
        return [message for pair in pairs[: self._best] for message in pair] if pairs else []

    @property
    def _best(self) -> int:
        earned = [-1.0 if (reward := score(verdict)) is None else reward.total for verdict in self.verdicts]
        return earned.index(max(earned))

    def reset(self, spec: str, **columns: Any) -> str:
        """Begin anew, for the spec of a data set's row. Returns what the prompt does not say about turns."""
        self._env = KernelEnv([spec], device=self.device, seed=self.seed, max_turns=self.turns)
        self._env.reset()
        self.sources, self.verdicts, self._told = [], [], []
        return how_to_submit(self.turns)

    def submit(self, source: str) -> str:
        """
        Compile, check and time a CUDA source.

        Args:
            source: The whole source file.

        Returns:
            The verdict: what is wrong and where, or how fast it is and what limits it.
        """
        if self._env is None or len(self.verdicts) >= self.turns:
            return "This was not judged: no attempts are left. The best one so far counts."
        *_, info = self._env.step(source)
        verdict: Verdict = info["verdict"]
        self.sources.append(prompts.extract_source(source))
        self.verdicts.append(verdict)
        told = prompts.feedback(verdict.model_copy(update={"message": verdict.message[:FEEDBACK_CHARACTERS]}))
        left = self.turns - len(self.verdicts)
        self._told.append(f"{told}{left} attempt{'s' * (left != 1)} left. The best one counts.")
        return self._told[-1]


def how_to_submit(turns: int) -> str:
    """What the prompt does not say about `turns` turns."""
    return (
        f"\nHand in your source with the tool submit, at most {turns} times. You are told the verdict on each; the "
        "best one counts.\n"
    )
