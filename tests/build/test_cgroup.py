"""Control groups: what all processes of a box use together is bounded, and no group outlives its use.

Most of it takes a machine that lets this process make control groups, which few containers do.
"""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cudagym.cgroup import group_of_boxes
from cudagym.sandbox import SYSTEM_FILES, BoxLimits, BoxReport, BoxResult, Reach, read_report, run_boxed

LIMITS = BoxLimits(wall_seconds=120, memory_bytes=256 << 20)
REACH = Reach(files=(*SYSTEM_FILES, Path("/proc"), Path(sys.base_prefix)))

needs_groups = pytest.mark.skipif(group_of_boxes() is None, reason="this machine gives this process no control group")


def boxed(script: str, folder: Path) -> BoxResult:
    folder.mkdir(exist_ok=True)
    return run_boxed(["/bin/sh", "-c", script], cwd=folder, limits=LIMITS, reach=REACH)


def groups() -> list[Path]:
    folder = group_of_boxes()
    assert folder is not None
    return [path for path in folder.iterdir() if path.is_dir()]


def test_who_ran_out_of_memory_was_not_killed_by_somebody_else() -> None:
    killed = read_report(b"status=9 cut=0 oom=0 cpu_us=1 peak_kb=1 wall_us=1\n")
    too_large = read_report(b"status=9 cut=0 oom=1 cpu_us=1 peak_kb=1 wall_us=1\n")
    assert isinstance(killed, BoxReport)
    assert (killed.was_killed, killed.out_of_memory) == (True, False)
    assert (too_large.was_killed, too_large.out_of_memory) == (False, True)


@needs_groups
def test_each_box_is_a_group_of_its_own(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda n: boxed("cat /proc/self/cgroup", tmp_path / str(n)), range(40)))
    seen = {result.output for result in results}
    assert len(seen) == 40
    group = group_of_boxes()
    assert group is not None
    assert all(f"/{group.name}/".encode() in text for text in seen)
    assert not groups()


HOLD = f"{sys.executable} -I -S -c 'import time; kept = bytearray(b\"x\") * (100 << 20); print(1); time.sleep(TIME)'"


@needs_groups
def test_memory_counts_over_all_processes(tmp_path: Path) -> None:
    alone = boxed("; ".join([HOLD.replace("TIME", "0")] * 4), tmp_path / "alone")
    assert (alone.exit_code, alone.out_of_memory, alone.output) == (0, False, b"1\n" * 4)
    together = boxed(f"{' & '.join([HOLD.replace('TIME', '60')] * 4)}; wait", tmp_path / "together")
    assert together.out_of_memory
    assert not together.was_killed
    assert together.wall_seconds < 50
    assert not groups()


@needs_groups
def test_files_in_memory_count_too(tmp_path: Path) -> None:
    flood = "import os; f = os.memfd_create(chr(102)); [os.write(f, bytes(1 << 20)) for _ in range(400)]"
    assert boxed(f"{sys.executable} -I -S -c '{flood}'", tmp_path).out_of_memory


@needs_groups
def test_processes_are_counted(tmp_path: Path) -> None:
    result = boxed("i=0; while [ $i -lt 400 ]; do sleep 60 & i=$((i+1)); done; echo all", tmp_path)
    assert b"all" not in result.output
    assert not groups()


MAKER = """
import sys
from pathlib import Path
from cudagym.cgroup import group_of_boxes
group = group_of_boxes()
(group / "left").mkdir()
print(group, flush=True)
sys.stdin.read()
"""


@needs_groups
def test_the_group_ends_with_its_process_or_with_the_next(tmp_path: Path) -> None:
    command = [sys.executable, "-c", MAKER]
    ended, killed, alive = (
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(3)
    )
    with ended, killed, alive:
        paths = [Path(worker.stdout.readline().strip()) for worker in (ended, killed, alive) if worker.stdout]
        ended.communicate()
        killed.kill()
        killed.wait()
        assert [path.is_dir() for path in paths] == [False, True, True]
        subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)
        assert [path.is_dir() for path in paths] == [False, False, True]
