"""cudagym: a Gymnasium environment for writing CUDA kernels.

>>> import cudagym
>>> verdict = cudagym.grade("vector_add_fp32", source)          # a Verdict: status, message, time, fraction of peak
>>> env = gymnasium.make("cudagym:cudagym/Kernel-v0", specs="train")

Importing it registers the environment; heavy parts load when first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from cudagym.envs.register import register

if TYPE_CHECKING:
    from cudagym.errors import CudagymError
    from cudagym.grader import Grader, grade, grade_many
    from cudagym.specs.spec import KernelSpec
    from cudagym.verdict import Verdict

__all__ = ["CudagymError", "Grader", "KernelSpec", "Verdict", "__version__", "grade", "grade_many"]
__version__ = "0.1.0"

_HOMES = {
    "CudagymError": "cudagym.errors",
    "Grader": "cudagym.grader",
    "KernelSpec": "cudagym.specs.spec",
    "Verdict": "cudagym.verdict",
    "grade": "cudagym.grader",
    "grade_many": "cudagym.grader",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'cudagym' has no attribute {name!r}")


register()
