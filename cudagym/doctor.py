"""Doctor: what this machine has for grading and training, and what it lacks.

`examine` never raises for a missing part; it says what is missing and what to install.
"""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import Any

from cudagym import hardware, runs, sandbox
from cudagym.build.cache import cache_dir
from cudagym.build.toolchain import find_toolchain
from cudagym.errors import GraderError, InfrastructureError
from cudagym.grader import resolve_device


def examine() -> dict[str, Any]:
    """`toolkit`, `devices`, `sandbox`, `isolation` (what that comes to), `versions`, `claude` (what is there to ask it
    with), `cache` and `problems`: a list of sentences, empty when all is well.
    """
    problems: list[str] = []
    toolkit: dict[str, str] = {}
    boxes: dict[str, bool] = {}
    try:
        found = find_toolchain()
        toolkit = {
            "version": found.version,
            "nvcc": str(found.nvcc),
            "include": str(found.include),
            "cudart": str(found.cudart),
            "cxx": str(found.cxx),
        }
        boxes = sandbox.describe()
    except (InfrastructureError, GraderError) as error:
        problems.append(str(error))
    return {
        "toolkit": toolkit,
        "devices": devices(),
        "sandbox": boxes,
        "isolation": sandbox.level(boxes) if boxes else "none: nothing can be graded",
        "versions": runs.versions(),
        "claude": claude(),
        "cache": str(cache_dir()),
        "problems": problems,
    }


def claude() -> dict[str, bool]:
    """Whether the SDK and a key in the environment are there. Whether the key is right, only the server knows."""
    named = any(os.environ.get(name) for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"))
    return {"sdk": find_spec("anthropic") is not None, "key": named}


def devices() -> list[dict[str, Any]]:
    """Every device kernels can be graded on, the one that `auto` means marked as default."""
    default = resolve_device("auto")
    return [
        {
            "name": f"sim:{gpu.name}",
            "title": gpu.title,
            "arch": gpu.arch,
            "kind": "simulated",
            "sms": gpu.sms,
            "dram_gb_s": gpu.dram_gb_s,
            "peak_tflops": dict(gpu.peak_tflops),
            "default": f"sim:{gpu.name}" == default,
        }
        for gpu in hardware.GPUS.values()
    ]
