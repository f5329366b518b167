"""KernelEnv: the observation is a kernel specification, the action is CUDA source, the reward is its verdict's.

    import gymnasium
    env = gymnasium.make("cudagym:cudagym/Kernel-v0", specs="train", device="sim:h100")
    prompt, info = env.reset(seed=0)
    observation, reward, terminated, truncated, info = env.step(source)

Every string is a legal action: what is not a kernel becomes a verdict that says so. An action may be bare source
or a completion that holds it in a fenced block.

`info` always has `spec` and `turn`. After a step it also has

| key       | holds                                                                                           |
|-----------|-------------------------------------------------------------------------------------------------|
| `valid`   | False when the grader itself failed: the episode is truncated, and its reward of 0 means nothing |
| `status`  | the verdict's status, `message` its message                                                     |
| `rewards` | the raw terms `compile`, `numeric`, `throughput` in [0, 1]; zeros when not valid                |
| `verdict` | the whole `Verdict`, without what differs from run to run (wall seconds, whether a cache answered) |
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, get_args

import gymnasium
from gymnasium.core import RenderFrame

from cudagym import grader, prompts, report
from cudagym.devices import gpu_of, resolve_device
from cudagym.envs.text_space import OBSERVATION_CHARACTERS, AnyText
from cudagym.errors import UsageError
from cudagym.rewards.terms import TERMS, Weights, score
from cudagym.specs import select
from cudagym.specs.spec import KernelSpec
from cudagym.verdict import Verdict

Step = tuple[str, float, bool, bool, dict[str, Any]]


class KernelEnv(gymnasium.Env[str, str]):
    """Write one kernel per episode, in up to `max_turns` attempts.

    In an episode of one turn the first step ends it. With more turns every observation after the first ends in
    the last verdict's message, each step earns the reward of its own verdict, and the episode ends with the last
    turn: a correct kernel can still become a faster one.

    specs: names, a split, or a file of specs; None means the split `train`. An episode's spec is drawn from
        these with the seed of `reset`, unless `options={"spec": name}` names one.
    device: where kernels run, as in `cudagym.grade`.
    seed: the grading seed, as in `cudagym.grade`; it decides the inputs a kernel is checked on.
    weights: of the three reward terms; the default is `Weights()`.
    prompt_style: `full`, or `compact` for small models.

    Raises UsageError for a bad argument.
    """

    metadata = {"render_modes": ["ansi"], "render_fps": 1}  # noqa: RUF012  (gymnasium declares it so)

    def __init__(
        self,
        specs: Sequence[str] | str | None = None,
        *,
        device: str = "auto",
        max_turns: int = 1,
        seed: int = 0,
        weights: Weights | Mapping[str, float] | None = None,
        prompt_style: prompts.Style = "full",
        render_mode: str | None = None,
    ) -> None:
        if max_turns < 1:
            raise UsageError(f"an episode needs at least one turn, not max_turns={max_turns}")
        if prompt_style not in get_args(prompts.Style):
            raise UsageError(f"prompt_style must be one of {', '.join(get_args(prompts.Style))}, not {prompt_style!r}")
        if render_mode not in (None, *self.metadata["render_modes"]):
            raise UsageError(f"render_mode must be None or 'ansi', not {render_mode!r}")
        self.kernels = {kernel.name: kernel for kernel in select("train" if specs is None else specs)}
        if not self.kernels:
            raise UsageError("an environment with no specs has nothing to ask for")
        self.device = resolve_device(device)
        self.card = gpu_of(self.device)
        self.prompt_style = prompt_style
        self.max_turns = max_turns
        self.grading_seed = seed
        self.weights = weights if isinstance(weights, Weights) else Weights.parse(weights or {})
        self.render_mode = render_mode
        self.observation_space = AnyText(OBSERVATION_CHARACTERS)
        self.action_space = AnyText()
        self.kernel: KernelSpec | None = None
        self.turn = 0
        self.last: Verdict | None = None
        self._prompt = ""

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
        """Start an episode: the prompt, and `info` with the spec's name.

        Raises UsageError when `options["spec"]` is not among this environment's specs.
        """
        super().reset(seed=seed)
        names = list(self.kernels)
        name = (options or {}).get("spec") or names[int(self.np_random.integers(len(names)))]
        if name not in self.kernels:
            raise UsageError(f"this environment has no spec {name!r}; it has {', '.join(names)}")
        self.kernel = self.kernels[name]
        self.turn = 0
        self.last = None
        weights = self.weights.model_dump()
        self._prompt = prompts.render(self.kernel, self.card, self.prompt_style, weights=weights)
        return self._observation(), {"spec": name, "turn": 0}

    def step(self, action: str) -> Step:
        """Judge one attempt. Raises UsageError before the first `reset` and for an action that is no string."""
        if self.kernel is None:
            raise UsageError("call reset() before step()")
        self.turn += 1
        verdict = self.judge(self.kernel, prompts.extract_source(as_text(action)))
        self.last = verdict = verdict.model_copy(update={"seconds": {}, "cached": False})
        reward = score(verdict, self.weights)
        info: dict[str, Any] = {
            "spec": self.kernel.name,
            "turn": self.turn,
            "valid": reward is not None,
            "status": verdict.status,
            "message": verdict.message,
            "rewards": reward.terms.model_dump() if reward else dict.fromkeys(TERMS, 0.0),
            "verdict": verdict,
        }
        terminated = reward is not None and self.turn >= self.max_turns
        return self._observation(), reward.total if reward else 0.0, terminated, reward is None, info

    def judge(self, kernel: KernelSpec, source: str) -> Verdict:
        """The verdict on one source: `cudagym.grade` with this environment's device and seed."""
        return grader.grade(kernel, source, device=self.device, seed=self.grading_seed)

    def render(self) -> RenderFrame | list[RenderFrame] | None:
        """With `render_mode="ansi"` the spec, the turn and the last verdict as text; else None."""
        if self.render_mode is None:
            return None
        name = self.kernel.name if self.kernel else "no spec yet: call reset()"
        lines = [f"{name}, turn {self.turn} of {self.max_turns}"]
        if self.last is not None:
            lines.append(report.to_text(report.verdict_table(self.last)))
        return "\n".join(lines)

    def _observation(self) -> str:
        text = self._prompt
        if self.last is not None:
            text += f"\n\n{prompts.feedback(self.last)}"
        return text[:OBSERVATION_CHARACTERS]


def as_text(action: object) -> str:
    """The action as a plain `str` (numpy has its own). Raises UsageError when it is no string."""
    if not isinstance(action, str):
        raise UsageError(f"an action is CUDA source as a string, not {type(action).__name__}")
    return str(action)
