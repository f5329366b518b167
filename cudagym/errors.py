"""Every error cudagym raises, and whose fault it is.

CudagymError
├── UsageError               the caller's: a bad argument, spec or configuration
├── CandidateError           the candidate's: becomes a verdict, never reaches the user
│   ├── BuildFailed          the compiler refused the source, or ran past its limits
│   ├── Rejected             host code asked for something a recording cannot give
│   ├── Violation            host code broke out of bounds: forbidden system call, device address touched
│   └── LaunchFailed         the device would refuse the launch
├── GraderError              ours: a trusted part failed or lacks something
│   └── Unsupported          the simulated GPU does not know an instruction
└── InfrastructureError      the machine's: no compiler, full disk, missing driver
    └── Disturbed            a process of ours was killed by something else: worth another try

A message says what happened, where, and what to do about it, in a sentence or three.
"""

from __future__ import annotations

from typing import ClassVar


class CudagymError(Exception):
    """The root: catch this to catch everything cudagym raises on purpose."""


class UsageError(CudagymError):
    """A bad argument, spec file or configuration. The command line ends with exit code 2."""


class CandidateError(CudagymError):
    """Something the candidate's source did. The judge turns it into a verdict with `status`."""

    status: ClassVar[str]


class BuildFailed(CandidateError):
    """The message is the compiler's own, with private paths removed."""

    status = "build_failed"


class Rejected(CandidateError):
    """Host code that cannot be recorded: read-back, managed memory, textures, ..."""

    status = "rejected"


class Violation(CandidateError):
    """Host code that tried to leave its box, or a plan that no honest recording contains."""

    status = "violation"


class LaunchFailed(CandidateError):
    """A launch the device would refuse: too many threads, too much shared memory, ..."""

    status = "launch_failed"


class GraderError(CudagymError):
    """A trusted part of the grader failed; the candidate is not to blame."""


class Unsupported(GraderError):
    """An instruction or feature the simulated GPU lacks: `unsupported: <what> at line N; <what to use instead>`."""

    def __init__(self, what: str, line: int | None = None, instead: str | None = None) -> None:
        self.what, self.line = what, line
        where = f" at line {line}" if line else ""
        super().__init__(f"unsupported: {what}{where}" + (f"; {instead}" if instead else ""))


class InfrastructureError(CudagymError):
    """The machine lacks something: a compiler, space, a driver. Says what to install or free."""


class Disturbed(InfrastructureError):
    """A process ended, or stood still, for no reason that lies in the candidate: the kernel's out-of-memory killer, an
    operator, a machine with too much to do. Another try may go well."""
