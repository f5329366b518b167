"""The rollout log: nothing an agent writes breaks it, and a crash costs at most the line being written."""

from __future__ import annotations

import json
import os
import resource
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cudagym.errors import UsageError
from cudagym.rollouts import Message, Rollout, RolloutLog, read, to_line
from cudagym.verdict import Verdict

ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=()), max_size=100)
VERDICT = Verdict(
    spec="gelu_fp32",
    device="sim:h100",
    source_sha256="0" * 64,
    status="wrong",
    owner="candidate",
    message="y[3] is 0, not 1",
)


def rollout(key: str, completion: str = "text") -> Rollout:
    return Rollout(
        key=key,
        agent="teacher",
        spec="gelu_fp32",
        split="train",
        messages=(Message(role="user", content=completion),),
        completion=completion,
        source=completion,
        verdict=VERDICT,
        reward=0.1,
        rewards={"compile": 1.0, "numeric": 0.0, "throughput": 0.0},
        seeds={"grading": 0},
    )


@given(st.lists(ANY_TEXT, max_size=4))
def test_any_text_comes_back_as_it_was(texts: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rollouts.jsonl"
        written = [rollout(f"k{i}", text) for i, text in enumerate(texts)]
        with RolloutLog(path) as log:
            for each in written:
                log.append(each)
        assert list(read(path)) == written
        assert path.read_bytes().count(b"\n") == len(written)


def test_a_line_is_plain_json_with_a_schema_version() -> None:
    line = json.loads(to_line(rollout("k", "\0\ud800")))
    assert line["schema_version"] == 1
    assert line["verdict"]["status"] == "wrong"
    assert line["created"].endswith("Z")


@pytest.mark.parametrize("cut", [1, 20, 200])
def test_a_torn_last_line_is_dropped_on_opening(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "rollouts.jsonl"
    with RolloutLog(path) as log:
        log.append(rollout("a"))
        log.append(rollout("b", "x" * 100_000))
    os.truncate(path, path.stat().st_size - cut)
    assert [each.key for each in read(path)] == ["a"]
    with RolloutLog(path) as log:
        assert "a" in log
        assert "b" not in log
        log.append(rollout("c"))
    assert [each.key for each in read(path)] == ["a", "c"]


def test_a_log_of_nothing_but_a_torn_line_becomes_empty(tmp_path: Path) -> None:
    path = tmp_path / "rollouts.jsonl"
    path.write_bytes(to_line(rollout("a"))[:50])
    with RolloutLog(path) as log:
        assert len(log) == 0
    assert path.read_bytes() == b""


def test_damage_in_the_middle_is_an_error_that_names_the_line(tmp_path: Path) -> None:
    path = tmp_path / "rollouts.jsonl"
    path.write_bytes(to_line(rollout("a")) + b"not json\n" + to_line(rollout("b")))
    with pytest.raises(UsageError, match="line 2"):
        list(read(path))


def test_a_line_of_another_kind_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "rollouts.jsonl"
    path.write_text('{"hello": 1}\n')
    with pytest.raises(UsageError, match="line 1"):
        list(read(path))


def test_a_missing_log_is_an_error() -> None:
    with pytest.raises(UsageError, match="no rollout log"):
        list(read(Path("/nonexistent/rollouts.jsonl")))


def test_two_processes_append_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "rollouts.jsonl"
    child = os.fork()
    with RolloutLog(path) as log:
        for index in range(50):
            log.append(rollout(f"{'child' if child == 0 else 'parent'}/{index}", "y" * 10_000))
    if child == 0:
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert len({each.key for each in read(path)}) == 100


def test_a_full_disk_leaves_the_log_readable(tmp_path: Path) -> None:
    path = tmp_path / "rollouts.jsonl"
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    with RolloutLog(path) as log:
        log.append(rollout("a"))
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 100, limits[1]))
        try:
            with pytest.raises(OSError, match="only 100 of"):
                log.append(rollout("b"))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert "b" not in log
        log.append(rollout("c"))
    assert [each.key for each in read(path)] == ["a", "c"]
