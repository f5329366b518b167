"""Run folders: made once, resumed with the same configuration, never half written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from cudagym.errors import UsageError
from cudagym.runs import RunFolder, versions, write_atomic


def test_a_new_run_says_how_it_was_made(tmp_path: Path) -> None:
    run = RunFolder.open_or_create(tmp_path, "demo", config={"steps": 3}, seeds={"grading": 1})
    assert run.path == tmp_path / "demo"
    assert yaml.safe_load(run.config.read_text()) == {"steps": 3}
    assert json.loads(run.seeds.read_text()) == {"grading": 1}
    assert json.loads(run.versions.read_text())["python"]


def test_the_same_run_opens_again_and_another_one_does_not(tmp_path: Path) -> None:
    RunFolder.open_or_create(tmp_path, "demo", config={"steps": 3})
    RunFolder.open_or_create(tmp_path, "demo", config={"steps": 3})
    with pytest.raises(UsageError, match="another config"):
        RunFolder.open_or_create(tmp_path, "demo", config={"steps": 4})
    with pytest.raises(UsageError, match="another seeds"):
        RunFolder.open_or_create(tmp_path, "demo", config={"steps": 3}, seeds={"grading": 2})


def test_a_run_without_a_name_gets_a_new_one(tmp_path: Path) -> None:
    run = RunFolder.open_or_create(tmp_path)
    assert run.path.is_dir()
    assert list(tmp_path.iterdir()) == [run.path]


@pytest.mark.parametrize("name", ["", "..", "a/b", ".hidden", "x" * 101])
def test_a_name_stays_inside_the_folder_of_runs(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="cannot be called"):
        RunFolder.open_or_create(tmp_path, name)


def test_replacing_a_file_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "metrics.json"
    write_atomic(path, "one")
    with pytest.raises(UnicodeEncodeError):
        write_atomic(path, "\ud800")
    assert path.read_text() == "one"
    assert list(tmp_path.iterdir()) == [path]


def test_versions_name_what_can_change_a_verdict() -> None:
    assert {"python", "platform", "cudagym", "llvmlite", "torch", "nvidia-cuda-nvcc"} <= set(versions())
