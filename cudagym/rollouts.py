"""Rollouts: one attempt at one spec per line of JSON, in a file that survives crashes.

A crash can tear only the last line (see `cudagym.lines`), which is dropped when the log is next opened. A damaged
line anywhere else is an error, because it means that something other than this module wrote the file.

Any text an agent emits survives the round trip: JSON's escapes carry NULs and lone surrogates.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import Field

from cudagym.errors import UsageError
from cudagym.lines import LineFile
from cudagym.record import Record, complaint
from cudagym.verdict import Verdict

SCHEMA_VERSION = 1

Role = Literal["system", "user", "assistant"]


class Message(Record):
    """One message of the conversation that led to the completion."""

    role: Role
    content: str


class Rollout(Record):
    """One attempt: what was asked, what was answered, what it was worth, and with which versions and seeds.

    `key` names the attempt within its run (`teacher/gelu_fp32/3`): a run that resumes skips the keys it has.
    """

    schema_version: int = SCHEMA_VERSION
    key: str
    agent: str
    spec: str
    split: str
    messages: tuple[Message, ...]
    completion: str
    """What the agent wrote, untouched."""
    source: str
    """The CUDA source taken from the completion, which is what was graded."""
    verdict: Verdict
    reward: float | None
    """The weighted sum of the terms; None exactly when the grader itself failed."""
    rewards: dict[str, float] = Field(default_factory=dict)
    """The raw terms in [0, 1] by name; empty when the grader failed."""
    weights: dict[str, float] = Field(default_factory=dict)
    seeds: dict[str, int] = Field(default_factory=dict)
    versions: dict[str, str] = Field(default_factory=dict)
    usage: dict[str, float] = Field(default_factory=dict)
    """Tokens and money the completion cost, by name: `input_tokens`, `cache_write_tokens`, `cache_read_tokens`,
    `output_tokens`, `usd`. Empty for an agent that costs nothing."""
    created: datetime = Field(default_factory=lambda: datetime.now(UTC))


def to_line(rollout: Rollout) -> bytes:
    """The rollout as one line of ASCII JSON, newline included."""
    return json.dumps(rollout.model_dump(mode="json"), separators=(",", ":")).encode("ascii") + b"\n"


class RolloutLog(LineFile):
    """An append-only file of rollouts. Use as a context manager, or call `close`.

    Opening drops a torn last line. Any number of processes may append; each sees the keys that were there when
    it opened the log, and its own.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._keys = {rollout.key for rollout in read(path)}

    def __contains__(self, key: str) -> bool:
        """Whether an attempt with this key is already in the log."""
        return key in self._keys

    def __len__(self) -> int:
        return len(self._keys)

    def append(self, rollout: Rollout) -> None:
        """Write one rollout. Raises OSError when it cannot be written whole; the log stays readable then."""
        self.write(to_line(rollout))
        self._keys.add(rollout.key)


def read(path: Path) -> Iterator[Rollout]:
    """The rollouts of a log, oldest first. A torn last line is skipped.

    Raises UsageError for a missing file and for a damaged line, naming it.
    """
    try:
        stream = path.open("rb")
    except FileNotFoundError:
        raise UsageError(f"there is no rollout log at {path}") from None
    with stream:
        for number, line in enumerate(stream, start=1):
            if not line.endswith(b"\n"):
                return
            try:
                rollout = Rollout.model_validate(json.loads(line))
            except ValueError as error:
                raise UsageError(f"{path}, line {number}, is no rollout: {complaint(error)}") from None
            yield rollout
