"""Caches that hold nothing but cudagym's own programs, and processes that use them."""

from __future__ import annotations

import os
import shutil
import sys
import time
from pathlib import Path

from kernels import unseen

from cudagym.build.cache import Store
from cudagym.grader import Grader
from cudagym.specs.spec import KernelSpec

ALONE = [sys.executable, "-W", "ignore", str(Path(__file__).with_name("alone.py"))]
SECRET = "one for all"


def with_cache(folder: Path, **more: str) -> dict[str, str]:
    """The environment of a process that uses this cache."""
    return {**os.environ, "CUDAGYM_CACHE": str(folder), "CUDAGYM_SECRET": SECRET, **more}


def new_cache(folder: Path, spec: KernelSpec) -> Path:
    """Copies the programs that grading needs, which take long to compile, into a cache that has nothing else."""
    started = time.time()
    with Grader("sim:h100", workers=1, cached=False) as grader:
        grader.grade(spec, unseen())
    for entry in Store("native").folder.glob("*/checksums.json"):
        if entry.stat().st_mtime >= started:  # it has just been used
            shutil.copytree(entry.parent, folder / "native" / entry.parent.name)
    return folder
