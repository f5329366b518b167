"""History: what a trainer logged, one line of JSON per log, beside the checkpoint it trained.

    {"step": 25, "loss": 6.03, "mean_token_accuracy": 0.16, ...}

A stage that is interrupted repeats the steps after its last checkpoint: the later line of a step counts.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cudagym.errors import UsageError
from cudagym.lines import LineFile

NAME = "history.jsonl"

Logs = dict[int, dict[str, float]]
"""What was logged, by step and name."""


def recorder(folder: Path) -> Any:
    """A callback of transformers' trainers that keeps what they log in `folder`."""
    from transformers import TrainerCallback

    class Recorder(TrainerCallback):
        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
            if state.is_world_process_zero:
                with_step = {"step": state.global_step, **_numbers(logs or {})}
                file = LineFile(folder / NAME)
                file.write(json.dumps(with_step).encode("ascii") + b"\n")
                file.close()

    return Recorder()


def read(folder: Path) -> Logs:
    """The logs of a stage's folder; those in the trainer's own last checkpoint where it has no history.

    Raises UsageError for a file that cannot be read, or holds something else. A torn last line is skipped.
    """
    states = {int(file.parent.name.rpartition("-")[2]): file for file in _states(folder)}
    file = folder / NAME
    try:
        if file.exists():
            lines = file.read_bytes().splitlines(keepends=True)
            return _by_step([json.loads(line) for line in lines if line.endswith(b"\n")])
        if states:
            return _by_step(json.loads((file := states[max(states)]).read_bytes())["log_history"])
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror}") from None
    except (ValueError, TypeError, KeyError, AttributeError):
        raise UsageError(f"{file} holds no logs of a trainer: delete it to go without.") from None
    return {}


def _states(folder: Path) -> list[Path]:
    found = folder.glob("trainer/checkpoint-*/trainer_state.json")
    return [file for file in found if file.parent.name.rpartition("-")[2].isdecimal()]


def _by_step(logs: Sequence[Mapping[str, Any]]) -> Logs:
    found: Logs = {}
    for log in logs:
        found.setdefault(int(log["step"]), {}).update(_numbers(log))
    return dict(sorted(found.items()))


def _numbers(log: Mapping[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in log.items() if isinstance(value, int | float) and name != "step"}
