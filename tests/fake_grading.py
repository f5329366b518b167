"""Grading stood in for, where a test's subject is not the verdict. Use it through the fixture `grading`."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from cudagym.devices import resolve_device
from cudagym.specs.spec import KernelSpec
from cudagym.verdict import Verdict


def fake_verdict(spec: KernelSpec | str, source: str, device: str, seed: int) -> Verdict:
    """`fast` and `slow` are correct, `crash` is the grader's own failure, everything else does not build."""
    fraction = {"fast": 0.8, "slow": 0.2}.get(source.strip())
    status = "correct" if fraction else "grader_error" if source.strip() == "crash" else "build_failed"
    owner = {"correct": None, "grader_error": "grader"}.get(status, "candidate")
    timed = {"time_us": 1.0, "time_kind": "modelled", "fraction_of_peak": fraction} if fraction else {}
    return Verdict.model_validate(
        {
            "spec": spec if isinstance(spec, str) else spec.name,
            "device": resolve_device(device),
            "source_sha256": hashlib.sha256(source.encode("utf-8", "surrogatepass")).hexdigest(),
            "status": status,
            "owner": owner,
            "message": f"this is {status} (seed {seed})",
            "seconds": {"build": 1.0},
            **timed,
        }
    )


class FakeGrading:
    """Records what was asked."""

    def __init__(self) -> None:
        self.batches: list[list[tuple[KernelSpec | str, str]]] = []

    def grade(
        self, spec: KernelSpec | str, source: str, *, device: str = "auto", seed: int = 0, evidence: bool = False
    ) -> Verdict:
        return self.grade_many([(spec, source)], device=device, seed=seed)[0]

    def grade_many(
        self, items: Sequence[tuple[KernelSpec | str, str]], *, device: str = "auto", seed: int = 0
    ) -> list[Verdict]:
        self.batches.append(list(items))
        return [fake_verdict(spec, source, device, seed) for spec, source in items]
