"""A run that is killed leaves no process and no litter behind, and goes on where it was."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from caches import SECRET, new_cache, with_cache
from kernels import told
from victims import Is, busy_executor, descendants, named

from cudagym.agents.scripted import ScriptedTeacher
from cudagym.grader import Grader
from cudagym.rollouts import read
from cudagym.specs.spec import KernelSpec


def wait_until(is_it: Is, run: subprocess.Popen[bytes]) -> None:
    """Until a process below the run is what is waited for."""
    while run.poll() is None:
        for pid in descendants(run.pid):
            with suppress(OSError):
                if is_it(pid):
                    return
        time.sleep(0.0005)


def test_a_killed_run_goes_on_where_it_was(tmp_path: Path, spec: KernelSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "rollouts.jsonl"
    command = [sys.executable, str(Path(__file__).with_name("collecting.py")), str(log)]
    environment = with_cache(new_cache(tmp_path / "cache", spec), TMPDIR=str(tmp_path))
    for moment in (named("cicc"), busy_executor):
        run = subprocess.Popen(command, env=environment)
        wait_until(moment, run)
        below = [os.pidfd_open(pid) for pid in descendants(run.pid)]
        assert below, "the run was over before it could be killed"
        run.kill()
        assert run.wait() == -signal.SIGKILL
        for process in below:
            assert select.select([process], [], [], 20)[0], "a process outlived the run"
            os.close(process)
        for left in tmp_path.glob("cudagym-box-*"):
            os.utime(left, (0, 0))  # as if a minute had gone by
    subprocess.run(command, env=environment, check=True, timeout=120)
    assert list(tmp_path.glob("cudagym-box-*")) == []
    rollouts = list(read(log))
    sources = [each.source for each in ScriptedTeacher().sources(spec, limit=len(ScriptedTeacher().ladder(spec)))]
    assert sorted(rollout.source for rollout in rollouts) == sorted(sources)
    assert {rollout.verdict.status for rollout in rollouts} == {"correct"}
    monkeypatch.setenv("CUDAGYM_SECRET", SECRET)
    with Grader("sim:h100", workers=1, cached=False) as grader:
        verdict = grader.grade(spec, rollouts[0].source)
    assert told(rollouts[0].verdict) == told(verdict)
