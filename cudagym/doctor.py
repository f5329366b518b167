"""Doctor: what this machine has for grading and training, and what it lacks.

`examine` never raises for a missing part; it says what is missing and what to install.
"""

from __future__ import annotations

from typing import Any

from cudagym import hardware, runs, sandbox
from cudagym.build.cache import cache_dir
from cudagym.build.toolchain import find_toolchain
from cudagym.errors import GraderError, InfrastructureError
from cudagym.grader import resolve_device


def examine() -> dict[str, Any]:
    """`toolkit`, `devices`, `sandbox`, `versions`, `cache` and `problems`: a list of sentences, empty when all is
    well.
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
        "versions": runs.versions(),
        "cache": str(cache_dir()),
        "problems": problems,
    }


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
