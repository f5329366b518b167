"""The judge: examines one candidate on one device and says what it found, as a Verdict.

It is the only holder of seeds, references and tolerances. The candidate's code is compiled, recorded and run in
other processes; what comes back here is a plan, bytes, faults and counters.

An examination has two halves. *Checks*: every check shape runs whole, over several input distributions, one shape
under every fault check the device has, and every output element is compared with the float64 reference. *Timing*:
the program for a shape near the nominal one, drawn per verdict, is timed, and what it computed there is compared
too, so that a candidate gains nothing by being right only where it is checked.
"""

from __future__ import annotations

import hashlib
import hmac
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import torch

from cudagym.build.builder import Build, Builder
from cudagym.build.names import kernel_title
from cudagym.build.program import Allocate, Fill, Launch, Program, Release, slot_of
from cudagym.device import (
    Buffer,
    Device,
    Evidence,
    Fault,
    KernelTime,
    Limits,
    MeasuredTime,
    Probe,
    Rounds,
    Run,
    Suspicion,
    Time,
    Witness,
)
from cudagym.errors import (
    BuildFailed,
    CandidateError,
    Disturbed,
    GraderError,
    InfrastructureError,
    UsageError,
)
from cudagym.record import Record, Shape, shape_text
from cudagym.roofline import impossible_time_us, least_time_us
from cudagym.specs.compare import compare, reference_at, widened
from cudagym.specs.inputs import make_inputs, timing_shape_near
from cudagym.specs.spec import Distribution, KernelSpec, Parameter, Tensors
from cudagym.verdict import Diagnostic, Mismatch, Owner, Status, Verdict
from cudagym.workspace import Workspace

STAGES = ("build", "record", "execute", "time", "compare")
SAMPLED_BLOCKS, SAMPLED_BLOCKS_UNPROVEN = 8, 32
"""Blocks observed of each timed launch; more of a kernel that no checked shape launched."""
AFFORDABLE, AFFORDABLE_WHOLE = 100_000_000, 300_000_000
"""Warp instructions that a timed run may cost before it stops at the sample: a second or a few of one core. More
where only a whole run can show that the result is right."""
CHECK_SECONDS = 90.0
"""Of the device, for all checks of one candidate; honest ones take a few. A check that exceeds it ends with its own
run."""
COVERAGE = 0.92
"""Sampled blocks must write at least this share of what an even split of the output would give them. Blocks at
the edges write less; a kernel that skips part of its blocks is seen with the sample's odds."""
RESAMPLED, ALIKE = 9, 4
"""Further samples of which one must write its full share, where the first did not; so many that write exactly the same
are enough to know."""
COMPARED_WINDOWS, WINDOW = 64, 4096
"""Of a timed run that is complete, this many stretches of consecutive output elements are compared."""
PROBED_WINDOWS, PROBED = 16, 64
"""The same for what each output held after every repetition of a measured run."""
MAX_ROUNDS, MAX_ROUND_BUFFERS = 8, 48
"""Sets of inputs that a measured run takes turns with, and buffers of all of them, at most."""


_SUSPICIONS: dict[Status, Suspicion] = {"faulted": "fault", "wrong": "wrong", "timed_out": "hang", "correct": "none"}
"""What a witness is to look for, by the status that it shall explain."""


class Judge:
    """Examines builds on one device. One examination at a time; use one judge per thread."""

    def __init__(self, device: Device, builder: Builder, secret: bytes, witness: Witness | None = None) -> None:
        """`witness`: who is asked what the device does not say, once the verdict is found."""
        self.device, self.builder, self.secret, self.witness = device, builder, secret, witness

    def examine(self, spec: KernelSpec, source: str, build: Build | BuildFailed | Disturbed, *, seed: int) -> Verdict:
        """The verdict on `source`, whose build is `build`. Raises UsageError for a broken spec, nothing else."""
        examination = _Examination(self, spec, source, seed)
        verdict = examination.verdict(build, timed=True)
        assert verdict is not None, "who is timed has a verdict"
        return examination.with_evidence(verdict)

    def check(
        self, spec: KernelSpec, source: str, build: Build | BuildFailed | Disturbed, *, seed: int
    ) -> Verdict | None:
        """The verdict on a source that fails a check; None for one that passes all, which is not timed."""
        return _Examination(self, spec, source, seed).verdict(build, timed=False)

    def interrupt(self) -> None:
        """End an examination that another thread waits for, soon and with a worthless verdict."""
        self.device.interrupt()

    def close(self) -> None:
        self.device.close()


class _Finding(Record):
    """Why the candidate is not correct."""

    status: Status
    message: str
    mismatch: Mismatch | None = None
    faults: tuple[Fault, ...] = ()


class _Round(Record):
    """One set of inputs for the timed program, and the memory that it runs on."""

    workspace: Workspace
    inputs: Tensors


class _Examination:
    """One candidate under examination."""

    def __init__(self, judge: Judge, spec: KernelSpec, source: str, seed: int) -> None:
        self.device, self.builder, self.secret = judge.device, judge.builder, judge.secret
        self.witness, self.evidence = judge.witness, Evidence()
        self.spec, self.source, self.seed = spec, source, seed
        self.seconds = dict.fromkeys(STAGES, 0.0)
        self.log = ""
        self.checked_kernels: set[str] = set()
        self.checked_seconds = 0.0

    def verdict(self, build: Build | BuildFailed | Disturbed, *, timed: bool) -> Verdict | None:
        try:
            if not isinstance(build, Build):
                raise build
            try:
                return self._examined(build, timed)
            except Disturbed:
                self.seconds, self.checked_seconds = dict.fromkeys(STAGES, 0.0), 0.0
                return self._examined(build, timed)
        except CandidateError as error:
            return self._conclude(error.status, str(error))
        except GraderError as error:
            return self._conclude("grader_error", str(error), owner="grader")
        except (InfrastructureError, OSError) as error:
            return self._conclude("grader_error", str(error), owner="infrastructure")
        except UsageError:
            raise
        except Exception as error:
            # Whatever a candidate breaks in this process, it must not end a run of thousands.
            place = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{Path(place.filename).name}:{place.lineno}"
            message = f"the judge failed in {where}: {type(error).__name__}: {str(error)[:500]}"
            return self._conclude("grader_error", message, owner="grader")

    def _examined(self, build: Build, timed: bool) -> Verdict | None:
        self.log, self.seconds["build"] = build.log, build.seconds
        finding = self._check(build)
        if isinstance(finding, _Finding):
            return self._conclude(finding.status, finding.message, finding.mismatch, finding.faults)
        return self._timed(build) if timed else None

    def with_evidence(self, verdict: Verdict) -> Verdict:
        """The verdict and what the witness said. Advice from what it counted joins the diagnostics."""
        if self.witness is None:
            return verdict
        kernels: tuple[KernelTime, ...] = ()
        if len(self.evidence.kernels) == len(verdict.kernels):
            pairs = zip(verdict.kernels, self.evidence.kernels, strict=True)
            kernels = tuple(timed.model_copy(update={"limiters": seen.limiters}) for timed, seen in pairs)
        advice = verdict.diagnostics + _limits(kernels)
        return verdict.model_copy(update={"evidence": self.evidence, "diagnostics": advice})

    # Checks

    def _check(self, build: Build) -> _Finding | None:
        programs: dict[int, Program] = {}
        for number, distribution, fully in self._trials():
            shape = self.spec.check_shapes[number]
            if number not in programs:
                with self._stage("record"):
                    programs[number] = self.builder.record(build, self.spec, shape, self.device.gpu)
            program = programs[number]
            if not program.plan.launches:
                return _Finding(status="wrong", message=f"solve launched no kernel at {shape_text(shape)}.")
            self.checked_kernels |= {launch.kernel for launch in program.plan.launches}
            self.checked = program, distribution
            if finding := self._check_once(program, distribution, fully):
                self._explain(program, distribution, finding.status)
                return finding
            if self.checked_seconds > CHECK_SECONDS:
                message = f"The checks took longer than {CHECK_SECONDS:.0f} s, the last one at {shape_text(shape)}."
                return _Finding(status="timed_out", message=message)
        return None

    def _trials(self) -> Iterator[tuple[int, Distribution, bool]]:
        """Which shape meets which distribution, and whether under full fault checks.

        Every shape meets one distribution in turn, the largest meets all. The median shape is checked fully, and the
        largest with the last of its distributions: some races need more than a block's worth of blocks.
        """
        spec = self.spec
        sizes = [sum(p.elements(shape) for p in spec.arrays) for shape in spec.check_shapes]
        order = sorted(range(len(sizes)), key=sizes.__getitem__)
        median, largest = order[len(order) // 2], order[-1]
        for turn, number in enumerate(order):
            if number == largest:
                for distribution in spec.distributions:
                    yield number, distribution, distribution is spec.distributions[-1]
            else:
                yield number, spec.distributions[turn % len(spec.distributions)], number == median

    def _explain(self, program: Program, distribution: Distribution, status: Status) -> None:
        """Ask the witness, if there is one, about this very program on these very inputs."""
        suspicion = _SUSPICIONS.get(status)
        if suspicion is not None:
            self._ask(program, distribution, lambda witness, buffers: witness.explain(program, buffers, suspicion))

    def _ask(
        self,
        program: Program,
        distribution: Distribution,
        question: Callable[[Witness, tuple[Buffer, ...]], Evidence],
    ) -> None:
        if self.witness is None:
            return
        try:
            with Workspace(self.spec, program.shape, self._inputs(program.shape, distribution)) as workspace:
                self.evidence += question(self.witness, workspace.buffers)
        except Exception as error:
            # Evidence explains: whatever goes wrong with it leaves the verdict as it is.
            self.evidence += Evidence(notes=(f"no evidence could be gathered: {type(error).__name__}: {error}",))

    def _check_once(self, program: Program, distribution: Distribution, fully: bool) -> _Finding | None:
        shape = program.shape
        inputs = self._inputs(shape, distribution)
        with Workspace(self.spec, shape, inputs) as workspace:
            # Under full checks warps and blocks run in an order of the seed's choice; a right program allows any.
            limits = Limits(schedule=self._derived_seed("schedule", shape)) if fully else None
            with self._stage("execute"):
                run = self.device.execute(program, workspace.buffers, checked=fully, limits=limits)
            self.checked_seconds += run.seconds
            if run.faults:
                return self._faulted(run, shape)
            with self._stage("compare"):
                finding = self._compare_whole(workspace, inputs, distribution)
        if finding and not fully:
            # Perhaps a race or an unwritten value explains the numbers: that is the better message.
            with Workspace(self.spec, shape, inputs) as workspace, self._stage("execute"):
                run = self.device.execute(program, workspace.buffers, checked=True)
            if run.faults and run.faults[0].kind in ("race", "uninitialised"):
                return self._faulted(run, shape)
        return finding

    def _compare_whole(self, workspace: Workspace, inputs: Tensors, distribution: Distribution) -> _Finding | None:
        wanted = self._reference(inputs, workspace.shape)
        for parameter in self.spec.outputs:
            mismatch = compare(
                self.spec,
                parameter,
                workspace.shape,
                workspace.tensor(parameter),
                wanted[parameter.name],
                inputs=inputs,
                distribution=distribution.name,
            )
            if mismatch:
                return self._wrong(workspace, parameter, mismatch, whole=True)
        return None

    def _reference(self, inputs: Tensors, shape: Shape) -> Tensors:
        """What is wanted. Raises UsageError when the spec's reference fails or lacks an output."""
        try:
            wanted = self.spec.reference(widened(inputs), shape)
        except Exception as error:  # A user's function may raise anything, and it is theirs to mend.
            raise UsageError(f"the reference of {self.spec.name} failed: {type(error).__name__}: {error}") from error
        if missing := [output.name for output in self.spec.outputs if output.name not in wanted]:
            raise UsageError(f"the reference of {self.spec.name} does not give {', '.join(missing)}")
        return wanted

    def _faulted(self, run: Run, shape: Shape) -> _Finding:
        first = run.faults[0]
        status: Status = "faulted"
        if first.kind == "timed_out":
            status = "timed_out"
        elif first.kind == "input_modified":
            status = "wrong"
        return _Finding(status=status, message=f"{first.message} (at {shape_text(shape)})", faults=run.faults)

    def _wrong(self, workspace: Workspace, parameter: Parameter, mismatch: Mismatch, *, whole: bool) -> _Finding:
        """`whole` says that every block ran, so that what holds poison was not written."""
        where = f"{mismatch.output}[{', '.join(map(str, mismatch.index))}]"
        at = f"at {shape_text(mismatch.shape)} with {mismatch.distribution} inputs"
        untouched = int(workspace.untouched(parameter).sum()) if whole else 0
        if untouched:
            message = (
                f"{untouched} of {parameter.elements(mismatch.shape)} elements of {mismatch.output} were never"
                f" written {at}; the first"
                f" wrong one is {where}, expected {_number(mismatch.want)}."
            )
        else:
            message = (
                f"{where} is {_number(mismatch.got)}, expected {_number(mismatch.want)} within"
                f" {mismatch.bound:.3g} {at}; {mismatch.wrong} of {mismatch.of} compared elements are wrong."
            )
        return _Finding(status="wrong", message=message, mismatch=mismatch)

    # Timing

    def _timed(self, build: Build) -> Verdict:
        spec, gpu = self.spec, self.device.gpu
        shape = timing_shape_near(spec, self._derived_seed("timing shape", spec.timing_shape))
        with self._stage("record"):
            program = self.builder.record(build, spec, shape, gpu)
        chosen = self._derived_seed("timing distribution", shape) % len(spec.distributions)
        distribution = spec.distributions[chosen]
        with ExitStack() as stack:
            with self._stage("time"):
                rounds = [
                    _Round(workspace=stack.enter_context(Workspace(spec, shape, inputs)), inputs=inputs)
                    for inputs in self._rounds_of_inputs(shape, distribution)
                ]
            first = rounds[0].workspace
            windows = self._probed_windows(first) if self.device.time_kind == "measured" else {}
            proven = {launch.kernel for launch in program.plan.launches} <= self.checked_kernels
            affordable = AFFORDABLE if self._sample_shows_result(program) else AFFORDABLE_WHOLE
            with self._stage("time"):
                run, timed = self.device.time(
                    program,
                    first.buffers,
                    seed=self._derived_seed("sample", shape),
                    blocks=SAMPLED_BLOCKS if proven else SAMPLED_BLOCKS_UNPROVEN,
                    limits=Limits(warp_instructions=affordable),
                    rounds=Rounds(
                        others=tuple(each.workspace.buffers for each in rounds[1:]),
                        probes=_probes(spec, windows),
                    ),
                )
            if run.faults:
                finding = self._faulted(run, shape)
                self._explain(program, distribution, finding.status)
                return self._conclude(finding.status, finding.message, finding.mismatch, finding.faults)
            with self._stage("compare"):
                # One round is compared at length; which one, and where the others are looked at, nobody can know.
                chosen_round = rounds[self._derived_seed("round", shape) % len(rounds)]
                doubt = self._verify_timed(program, run, chosen_round.workspace, chosen_round.inputs, distribution)
                if not isinstance(doubt, _Finding):
                    doubt = self._verify_samples(run, rounds, windows, distribution) or doubt
        if isinstance(doubt, _Finding):
            self._explain(program, distribution, doubt.status)
            return self._conclude(doubt.status, doubt.message, doubt.mismatch)
        assert timed is not None, "a run without faults has a time"
        verdict = self._correct(shape, timed, doubt)
        if verdict.status == "correct":
            self._explain(*self.checked, "correct")
            self._ask(program, distribution, lambda witness, buffers: witness.profile(program, buffers))
        return verdict

    def _rounds_of_inputs(self, shape: Shape, distribution: Distribution) -> Iterator[dict[str, torch.Tensor]]:
        """What the timed run reads: as many sets as together exceed the L2 twice, at least two, where it repeats."""
        yield self._inputs(shape, distribution)
        if self.device.time_kind == "measured":
            arrays = self.spec.arrays
            size = sum(parameter.bytes(shape) for parameter in arrays if parameter.role != "out")
            count = min(max(2, -(-2 * self.device.gpu.l2_bytes // max(size, 1))), MAX_ROUNDS)
            for number in range(1, min(count, MAX_ROUND_BUFFERS // len(arrays))):
                seed = self._derived_seed(f"{distribution.name} of round {number}", shape)
                yield make_inputs(self.spec, shape, distribution, seed)

    def _probed_windows(self, workspace: Workspace) -> dict[str, torch.Tensor]:
        """By output, the flat indices of the elements to look at after every repetition."""
        return {
            output.name: self._windows(output, workspace.shape, PROBED_WINDOWS, PROBED) for output in self.spec.outputs
        }

    def _verify_samples(
        self, run: Run, rounds: list[_Round], windows: dict[str, torch.Tensor], distribution: Distribution
    ) -> _Finding | None:
        """Whether every repetition that was looked at computed what it should."""
        for number, each in enumerate(rounds):
            shape, inputs = each.workspace.shape, each.inputs
            found = [sample.data for sample in run.samples if sample.round == number]
            start = 0
            for parameter in self.spec.outputs:
                elements = windows[parameter.name] if found else torch.empty(0)
                size = len(elements) * parameter.dtype.size
                wanted = reference_at(self.spec, inputs, shape, parameter.name, elements) if found else elements
                for data in found:
                    got = torch.frombuffer(bytearray(data[start : start + size]), dtype=parameter.dtype.torch)
                    mismatch = compare(
                        self.spec,
                        parameter,
                        shape,
                        got,
                        wanted,
                        inputs=inputs,
                        distribution=distribution.name,
                        elements=elements,
                    )
                    if mismatch:
                        finding = self._wrong(each.workspace, parameter, mismatch, whole=False)
                        text = f"In one of the timed repetitions: {finding.message}"
                        return finding.model_copy(update={"message": text})
                start += size
        return None

    def _fills(self, program: Program, run: Run, workspace: Workspace, inputs: Tensors, parameter: Parameter) -> bool:
        """Whether blocks write enough of an output to fill it.

        Those at the edges of honest kernels write less than others, which then write more than an even share: some
        samples fall short, others do not. Where every block leaves out a part of its own, all samples fall short.
        """
        shape, size, shares = workspace.shape, parameter.elements(workspace.shape), []
        with ExitStack() as stack, self._stage("time"):
            for attempt in range(1 + RESAMPLED):
                launch = run.launches[0]
                written = int((~workspace.untouched(parameter)).sum())
                shares.append(size if launch.complete else written / len(launch.sampled) * launch.blocks)
                if sum(shares) < COVERAGE * size * len(shares):
                    return False
                if max(shares) >= size:
                    return True
                if len(shares) >= ALIKE and len(set(shares)) == 1:
                    return False
                stack.close()
                workspace = stack.enter_context(Workspace(self.spec, shape, inputs))
                run, _ = self.device.time(
                    program,
                    workspace.buffers,
                    seed=self._derived_seed(f"sample {attempt}", shape),
                    blocks=SAMPLED_BLOCKS,
                    limits=Limits(warp_instructions=AFFORDABLE),
                )
                if run.faults:
                    return False
        return False

    def _verify_timed(
        self, program: Program, run: Run, workspace: Workspace, inputs: Tensors, distribution: Distribution
    ) -> _Finding | str:
        """Whether the timed run computed what it should: a finding, or why that could not be found out ('' if it
        could)."""
        if not all(launch.is_represented for launch in run.launches):
            return "a few blocks do most of the work, so that the observed ones say nothing about the rest"
        for parameter in self.spec.outputs:
            if run.complete:
                elements = self._windows(parameter, workspace.shape)
            elif not self._sample_shows_result(program):
                return "its launches are too costly to run whole, and a sample of blocks does not show the result"
            else:
                elements = (~workspace.untouched(parameter)).nonzero().flatten()
                if not self._fills(program, run, workspace, inputs, parameter):
                    return _Finding(
                        status="wrong",
                        message=f"the blocks of {kernel_title(run.launches[0].kernel)} write too little of"
                        f" {parameter.name} to fill it at {shape_text(workspace.shape)}.",
                    )
            mismatch = compare(
                self.spec,
                parameter,
                workspace.shape,
                workspace.tensor(parameter).flatten()[elements],
                reference_at(self.spec, inputs, workspace.shape, parameter.name, elements),
                inputs=inputs,
                distribution=distribution.name,
                elements=elements,
            )
            if mismatch:
                return self._wrong(workspace, parameter, mismatch, whole=run.complete)
            if run.complete and (untouched := workspace.untouched(parameter)).any():
                first = int(untouched.nonzero()[0])
                return _Finding(
                    status="wrong",
                    message=f"element {first} of {parameter.name} was never written at {shape_text(workspace.shape)}.",
                )
        return ""

    def _sample_shows_result(self, program: Program) -> bool:
        """Whether what a few blocks write can be found and is final: nothing but one launch stores anything, and
        writes show in every output."""
        outputs = {slot for slot, parameter in enumerate(self.spec.arrays) if parameter.role != "in"}
        others = [step for step in program.plan.steps if not isinstance(step, Launch | Allocate | Release)]
        targets = {slot_of(step.address if isinstance(step, Fill) else step.target) for step in others}
        shown = all(Workspace.shows_writes(parameter) for parameter in self.spec.outputs)
        return shown and len(program.plan.launches) == 1 and not targets & outputs

    def _windows(
        self, parameter: Parameter, shape: Shape, windows: int = COMPARED_WINDOWS, width: int = WINDOW
    ) -> torch.Tensor:
        """Flat indices of the elements of a complete timed run to compare: the ends, secret stretches between."""
        count = parameter.elements(shape)
        if count <= windows * width:
            return torch.arange(count)
        generator = torch.Generator().manual_seed(self._derived_seed(f"windows {parameter.name}", shape))
        stratum = count // windows
        starts = torch.randint(0, stratum - width + 1, (windows,), generator=generator)
        starts += stratum * torch.arange(windows)
        starts = torch.cat([torch.tensor([0]), starts, torch.tensor([count - width])])
        elements: torch.Tensor = torch.unique(starts[:, None] + torch.arange(width))
        return elements

    def _correct(self, shape: Shape, timed: Time, doubt: str) -> Verdict:
        spec, gpu = self.spec, self.device.gpu
        least_us, impossible_us = least_time_us(spec, shape, gpu), impossible_time_us(spec, shape, gpu)
        if timed.time_us < impossible_us:
            return self._conclude(
                "suspect",
                f"{timed.time_us:.2f} us at {shape_text(shape)} is faster than {gpu.title} can move or compute"
                f" what the specification needs ({impossible_us:.2f} us): a flaw of the grader, or a cheat.",
                owner="grader",
            )
        if suspicion := _suspicion(timed):
            return self._conclude("suspect", suspicion, owner="grader")
        fraction = 0.0 if doubt else min(1.0, least_us / timed.credited_us)
        diagnostics = _diagnostics(timed, doubt)
        message = (
            f"Correct. {timed.time_us:.1f} us ({timed.kind}) on {self.device.name} at {shape_text(shape)}:"
            f" {fraction:.1%} of peak (at best {least_us:.1f} us)."
        )
        if diagnostics:
            message += f" {diagnostics[0].text}"
        return self._conclude(
            "correct",
            message,
            time_us=timed.time_us,
            time_kind=timed.kind,
            timed_shape=dict(shape),
            least_time_us=least_us,
            fraction_of_peak=fraction,
            measurement=timed.measurement if isinstance(timed, MeasuredTime) else None,
            kernels=timed.kernels,
            diagnostics=diagnostics,
        )

    # Shared

    def _conclude(
        self,
        status: Status | str,
        message: str,
        mismatch: Mismatch | None = None,
        faults: tuple[Fault, ...] = (),
        *,
        owner: Owner = "candidate",
        **figures: object,
    ) -> Verdict:
        return Verdict.model_validate(
            {
                "spec": self.spec.name,
                "device": self.device.name,
                "source_sha256": hashlib.sha256(self.source.encode("utf-8", "surrogatepass")).hexdigest(),
                "status": status,
                "owner": None if status == "correct" else owner,
                "message": message,
                "mismatch": mismatch,
                "faults": faults,
                "build_log": self.log,
                "seconds": self.seconds,
                **figures,
            }
        )

    def _inputs(self, shape: Shape, distribution: Distribution) -> dict[str, torch.Tensor]:
        return make_inputs(self.spec, shape, distribution, self._derived_seed(distribution.name, shape))

    def _derived_seed(self, purpose: str, shape: Shape) -> int:
        """Reproducible for whoever holds the secret, unknown to candidates."""
        text = f"{self.seed}/{self.spec.name}/{purpose}/{sorted(shape.items())}"
        return int.from_bytes(hmac.digest(self.secret, text.encode(), "sha256")[:8], "little") >> 1

    @contextmanager
    def _stage(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] += time.perf_counter() - start


def _number(value: float | int | str) -> str:
    return f"{value:.7g}" if isinstance(value, float) else str(value)


def _probes(spec: KernelSpec, windows: Mapping[str, torch.Tensor]) -> tuple[Probe, ...]:
    """The stretches of memory that hold these elements, in the outputs' order."""
    found = []
    for slot, parameter in enumerate(spec.arrays):
        if parameter.name in windows:
            elements, size = windows[parameter.name], parameter.dtype.size
            cuts = (torch.diff(elements) != 1).nonzero().flatten() + 1
            for run in torch.tensor_split(elements, cuts):
                found.append(Probe(slot=slot, offset=int(run[0]) * size, size=len(run) * size))
    return tuple(found)


def _suspicion(timed: Time) -> str:
    """Why a measured time cannot be believed; empty where it can."""
    if not isinstance(timed, MeasuredTime) or timed.measurement is None:
        return ""
    if timed.measurement.clocks_agree:
        return ""
    return (
        f"In the best repetition the host's clock counted {timed.measurement.host_excess_us:+.1f} us beyond what the"
        f" card's did (median {timed.time_us:.1f} us): work escaped the measurement, or one of the clocks is wrong."
    )


def _caveats(timed: Time) -> Iterator[str]:
    """What whoever reads a measured time should know of it."""
    if isinstance(timed, MeasuredTime) and (how := timed.measurement):
        low, high = how.interval_us
        text = f"Median of {how.repetitions} repetitions, 95% interval {low:.2f} to {high:.2f} us"
        if how.sm_mhz:
            text += f", SMs at {how.sm_mhz[0]} to {how.sm_mhz[1]} MHz"
        yield f"{text}."
        if not how.settled:
            yield "The times did not settle before the budget ended: the interval's upper end counts, not the median."
        if how.throttled:
            yield f"The card lowered its clocks ({', '.join(how.throttled)}): the time says less about the kernel."


def _diagnostics(timed: Time, doubt: str) -> tuple[Diagnostic, ...]:
    """What limits each kernel, with figures and advice; first what matters most."""
    found = []
    names = ", ".join(kernel_title(kernel.kernel) for kernel in timed.kernels)
    if doubt:
        found.append(Diagnostic(kernel=names, text=f"The time earns nothing: {doubt}."))
    found += [Diagnostic(kernel=names, text=text) for text in _caveats(timed)]
    total_us = sum(kernel.time_us for kernel in timed.kernels)
    for kernel in sorted(timed.kernels, key=lambda kernel: -kernel.time_us):
        if not kernel.limiters and len(timed.kernels) > 1:
            found.append(
                Diagnostic(
                    kernel=kernel.kernel,
                    text=f"{kernel_title(kernel.kernel)} takes {kernel.time_us:.1f} of {total_us:.1f} us"
                    f" (occupancy {kernel.occupancy:.0%}, {kernel.waves:.1f} waves).",
                )
            )
        found += _limits([kernel])
    return tuple(found)


def _limits(kernels: Sequence[KernelTime]) -> tuple[Diagnostic, ...]:
    """What bounds each kernel: the slowest limit, and a second that takes half the time or more."""
    found = []
    for kernel in kernels:
        for limiter in kernel.limiters[:2]:
            share = limiter.time_us / kernel.time_us
            if share < 0.5 and limiter is not kernel.limiters[0]:
                continue
            found.append(
                Diagnostic(
                    kernel=kernel.kernel,
                    text=f"{kernel_title(kernel.kernel)}: {limiter.name} takes {limiter.time_us:.1f} of"
                    f" {kernel.time_us:.1f} us (occupancy {kernel.occupancy:.0%},"
                    f" {kernel.waves:.1f} waves); {limiter.advice}.",
                )
            )
    return tuple(found)
