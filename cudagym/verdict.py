"""Verdict: what the judge found out about one source, for programs to score and people to act on."""

from __future__ import annotations

from typing import Literal, Self, get_args

from pydantic import Field, model_validator

from cudagym.device import Evidence, Fault, KernelTime, Measurement, TimeKind
from cudagym.record import Record, Shape

SCHEMA_VERSION = 1

Status = Literal[
    "correct",
    "wrong",
    "build_failed",
    "rejected",
    "violation",
    "launch_failed",
    "faulted",
    "timed_out",
    "suspect",
    "grader_error",
]
STATUSES: tuple[Status, ...] = get_args(Status)
Owner = Literal["candidate", "grader", "infrastructure", "provider"]


class Mismatch(Record):
    """The first output element that is wrong."""

    output: str
    index: tuple[int, ...]
    got: float | int | str
    want: float | int
    bound: float
    """The absolute error that would still have been accepted."""
    wrong: int
    """How many elements of this output are wrong."""
    of: int
    shape: Shape
    distribution: str


class Diagnostic(Record):
    """A fact about a correct kernel's time, and what its author can do about it."""

    kernel: str
    text: str


class Verdict(Record):
    """One status, whose fault it is, and the evidence.

    A correct verdict has a time and a fraction; no other status has a fraction. A failed build has its log.
    """

    schema_version: int = SCHEMA_VERSION
    spec: str
    device: str
    source_sha256: str
    status: Status
    owner: Owner | None = None
    """Whose fault it is; None when nothing is wrong."""
    message: str
    """For whoever must fix the kernel: what happened, where, what to do. Ends in no traceback."""
    mismatch: Mismatch | None = None
    faults: tuple[Fault, ...] = ()
    time_us: float | None = None
    time_kind: TimeKind | None = None
    measurement: Measurement | None = None
    """How a measured time was measured."""
    timed_shape: Shape | None = None
    least_time_us: float | None = None
    """The roofline's lower bound for `timed_shape` on this device."""
    fraction_of_peak: float | None = Field(default=None, ge=0.0, le=1.0)
    kernels: tuple[KernelTime, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()
    evidence: Evidence | None = None
    """What NVIDIA's tools saw on the card; None where nobody asked them. It changes nothing else but the diagnostics
    that it adds."""
    build_log: str = ""
    seconds: dict[str, float] = Field(default_factory=dict)
    """Wall seconds by stage: build, record, execute, time, compare. Zero for stages answered from a cache."""
    cached: bool = False

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        correct = self.status == "correct"
        if correct != (self.fraction_of_peak is not None):
            raise ValueError("a verdict has a fraction of peak exactly when it is correct")
        if correct and (self.time_us is None or self.time_kind is None):
            raise ValueError("a correct verdict has a time and says whether it is modelled or measured")
        if self.measurement is not None and self.time_kind != "measured":
            raise ValueError("only a measured time says how it was measured")
        if correct != (self.owner is None):
            raise ValueError("a verdict has an owner exactly when something is wrong")
        if self.status == "build_failed" and not self.message:
            raise ValueError("a failed build says why")
        if self.status == "faulted" and not self.faults:
            raise ValueError("a faulted run names its faults")
        return self

    @property
    def is_valid(self) -> bool:
        """Whether the verdict says anything about the candidate. A grader's own error does not."""
        return self.status != "grader_error"
