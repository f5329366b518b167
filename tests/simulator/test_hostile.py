"""Hostile memory accesses: whatever address a kernel makes up, it reaches its own buffers or a fault."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.mark.parametrize("seed", [1, 2])
def test_thousands_of_random_accesses_do_what_plain_python_says(seed: int) -> None:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(HERE.parents[1]), str(HERE)])}
    environment |= {"MALLOC_CHECK_": "3", "MALLOC_PERTURB_": "165"}
    command = [sys.executable, str(HERE / "hostile.py"), str(seed), "2500"]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert run.returncode == 0, run.stderr[-2000:]
    ends = {kind: int(count) for kind, count in re.findall(r"(\w+): (\d+)", run.stdout)}
    assert sum(ends.values()) == 2500
    assert all(ends[kind] > 40 for kind in ("done", "out_of_bounds", "misaligned", "input_modified")), ends
