"""Grades in a process of its own: `python alone.py COUNT`, one verdict in JSON per line of stdout.

Before each verdict but the first it runs the next shell command of its arguments.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from kernels import KERNEL, unseen

from cudagym.errors import InfrastructureError
from cudagym.grader import Grader
from cudagym.specs import get


def main(commands: list[str]) -> None:
    spec = get("relu_fp32").model_copy(update={"timing_shape": {"n": 1 << 20}})
    for command in ["true", *commands]:
        subprocess.run(command, shell=True, check=True)
        try:
            with Grader("sim:h100", workers=1, cached=False) as grader:
                print(grader.grade(spec, unseen() if commands else KERNEL).model_dump_json(), flush=True)
        except InfrastructureError as error:
            print(f"InfrastructureError: {error}", flush=True)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    main(sys.argv[1:])
