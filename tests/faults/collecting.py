"""Collects a few of the scripted teacher's kernels: `python collecting.py LOG`, two at a time."""

from __future__ import annotations

import sys
from pathlib import Path

from cudagym.agents import collect
from cudagym.rollouts import RolloutLog
from cudagym.specs import get


def main(path: Path) -> None:
    collect.BATCH = 2
    spec = get("relu_fp32").model_copy(update={"timing_shape": {"n": 1 << 20}})
    with RolloutLog(path) as log:
        collect.collect([spec], log, variants=1, device="sim:h100")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
