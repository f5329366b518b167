"""Run folders: `runs/<id>/` with the configuration, versions and seeds a run was made with.

Everything a run writes lies in its folder, and every file in it is either appended to (see `cudagym.rollouts`)
or replaced whole, so an interrupted run leaves nothing half written. `runs/README.md` lists the files.
"""

from __future__ import annotations

import json
import os
import platform
import re
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import yaml

from cudagym.errors import UsageError
from cudagym.rollouts import RolloutLog

PACKAGES = (
    "cudagym",
    "nvidia-cuda-nvcc",
    "llvmlite",
    "gymnasium",
    "numpy",
    "pydantic",
    "torch",
    "transformers",
    "trl",
    "peft",
    "accelerate",
    "datasets",
    "tokenizers",
    "wandb",
    "anthropic",
)
"""The distributions whose versions can change a verdict, a reward or a trained weight."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def versions() -> dict[str, str]:
    """Python, the platform, and the version of every package in `PACKAGES` that is installed."""
    found = {"python": platform.python_version(), "platform": platform.platform()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def write_atomic(path: Path, text: str) -> None:
    """Replace `path` by a file holding `text`: readers see the old file or the new one, never half of one."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON, atomically."""
    write_atomic(path, json.dumps(value, indent=2) + "\n")


def check_name(kind: str, name: str) -> None:
    """Raises UsageError unless `name`, of a `kind` of thing, can be part of a path and stays inside its folder."""
    if not _NAME.fullmatch(name):
        raise UsageError(f"a {kind} cannot be called {name!r}: use letters, digits, dots, dashes and underscores")


class RunFolder:
    """One run's folder. `name` is the run's id; the paths of what it holds are attributes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = path.name
        self.config = path / "config.yaml"
        self.versions = path / "versions.json"
        self.seeds = path / "seeds.json"
        self.rollouts = path / "rollouts.jsonl"
        self.claude = path / "claude.jsonl"
        self.metrics = path / "metrics.json"
        self.checkpoints = path / "checkpoints"
        self.evaluations = path / "evaluations"

    @classmethod
    def open_or_create(
        cls,
        root: Path,
        name: str | None = None,
        *,
        config: Mapping[str, Any] | None = None,
        seeds: Mapping[str, int] | None = None,
    ) -> RunFolder:
        """The run `name` below `root`, made if it is new; without a name, a new run named after the time.

        Opening an existing run with another `config` or other `seeds` than it was made with raises UsageError:
        resuming would mix two runs in one folder. Versions are written anew at every opening.
        """
        if name is None:
            name = datetime.now(UTC).strftime("%Y%m%d-%H%M%S-") + f"{os.getpid():x}"
        check_name("run", name)
        folder = cls(root / name)
        folder.path.mkdir(parents=True, exist_ok=True)
        folder._keep("config", folder.config, yaml.safe_dump(dict(config or {}), sort_keys=False))
        folder._keep("seeds", folder.seeds, json.dumps(dict(seeds or {}), indent=2) + "\n")
        write_json(folder.versions, versions())
        return folder

    def _keep(self, what: str, path: Path, text: str) -> None:
        """Write `text` to a new file; refuse when the file exists and says something else."""
        if not path.exists():
            write_atomic(path, text)
        elif path.read_text(encoding="utf-8") != text:
            raise UsageError(
                f"{self.path} was made with another {what} ({path.name} differs). "
                "Name another run, or delete that folder to start it over."
            )

    def open_rollouts(self) -> RolloutLog:
        """The run's rollout log, opened for appending."""
        return RolloutLog(self.rollouts)
