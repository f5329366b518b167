"""What a device is, whatever it is made of: something that runs a Program and says how long it takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol, Self

from pydantic import Field

from cudagym.build.program import Program
from cudagym.hardware import GPU
from cudagym.record import Record

TimeKind = Literal["modelled", "measured"]
FaultKind = Literal[
    "out_of_bounds",
    "misaligned",
    "input_modified",
    "race",
    "uninitialised",
    "barrier_divergence",
    "deadlock",
    "timed_out",
    "trap",
]


class Buffer(Record):
    """Memory shared between the judge and a device, for one slot of the program.

    `fd` is a memfd of at least `size` bytes. A read-only buffer is mapped privately, so the judge's
    copy cannot change, and the first store to it is the fault `input_modified`.
    """

    name: str
    slot: int
    fd: int
    size: int
    read_only: bool
    holds_input: bool
    """Whether its content before the run means anything; that of a pure output is garbage."""


class Probe(Record):
    """A stretch of an output that a device which measures looks at after every repetition."""

    slot: int
    offset: int
    """In bytes."""
    size: int


class Rounds(Record):
    """What a device that repeats a program to time it is given beside the buffers of the first round."""

    others: tuple[tuple[Buffer, ...], ...] = ()
    """Buffers of further rounds, alike but for their inputs. Repetitions take turns with all of them."""
    probes: tuple[Probe, ...] = ()


class Sample(Record):
    """What the probes held, one behind the other, after some repetitions of one round."""

    round: int
    """0: the buffers; n: the n-th of the others."""
    data: bytes
    repetitions: int
    """After how many repetitions they held exactly this."""


class Fault(Record):
    """The first fault of one kind in one launch, located as well as the device can."""

    kind: FaultKind
    kernel: str
    message: str
    """One sentence for whoever must fix the kernel, with what is known of the fields below."""
    line: int | None = None
    """Line in the candidate's source, from 1."""
    block: tuple[int, int, int] | None = None
    thread: tuple[int, int, int] | None = None
    address: int | None = None
    buffer: str | None = None


class Counters(Record):
    """What the observed blocks of one launch did. Per-warp events unless the name says otherwise.

    Instructions are PTX instructions executed by a warp (with at least one active lane).
    """

    blocks: int = 0
    """Thread blocks observed; every other figure is summed over them."""
    warps: int = 0
    instructions: int = 0
    active_lanes: int = 0
    """Lanes active, summed over instructions: 32 * instructions when nothing diverges."""
    fp32: int = 0
    fp64: int = 0
    fp16: int = 0
    tensor_fp64: int = 0
    """Multiplications and additions of matrix instructions on this type, summed; not instructions."""
    tensor_tf32: int = 0
    tensor_fp16: int = 0
    tensor_bf16: int = 0
    tensor_int8: int = 0
    """All types of 8 bits and fewer, fp8 included."""
    integer: int = 0
    special: int = 0
    """Transcendentals, reciprocals and roots."""
    conversions: int = 0
    """To or from a floating-point type; between integers they count as `integer`."""
    control: int = 0
    barriers: int = 0
    shuffles: int = 0
    """Shuffles, votes, matches and redux."""
    global_loads: int = 0
    global_stores: int = 0
    global_load_sectors: int = 0
    """32-byte sectors touched, per warp instruction, summed."""
    global_store_sectors: int = 0
    global_load_lines: int = 0
    """Distinct 128-byte lines touched, per warp instruction, summed: passes through the L1's tag stage."""
    global_store_lines: int = 0
    unique_load_sectors: int = 0
    """Distinct sectors among all loads of a block, summed over blocks."""
    unique_store_sectors: int = 0
    unique_atomic_sectors: int = 0
    """The same for atomics on global memory."""
    shared_loads: int = 0
    shared_stores: int = 0
    shared_wavefronts: int = 0
    """Passes through the 32 banks; loads + stores when no 4-byte access conflicts."""
    local_loads: int = 0
    local_stores: int = 0
    atomics: int = 0
    atomic_sectors: int = 0
    atomic_conflicts: int = 0
    """Lanes that must wait because another lane of the warp updates the same word, summed."""
    load_waits: int = 0
    """Times a warp must wait for memory: first uses of a register that a load of the same basic block fills,
    where one wait covers every load issued before it. All loads but those of parameters and constants count."""
    dependent_steps: int = 0
    """Instructions on the longest path of the slowest warp of each block, summed over blocks."""

    def __add__(self, other: Counters) -> Counters:
        """Those of both samples together."""
        return Counters(**{name: getattr(self, name) + getattr(other, name) for name in Counters.model_fields})

    def __sub__(self, other: Counters) -> Counters:
        """Those of this sample without the `other`, which is part of it."""
        return Counters(**{name: getattr(self, name) - getattr(other, name) for name in Counters.model_fields})


def larger(one: Counters, other: Counters) -> Counters:
    """The larger of each figure, of two samples of equally many blocks."""
    return Counters(**{name: max(getattr(one, name), getattr(other, name)) for name in Counters.model_fields})


class Followed(Record):
    """A few of the blocks that a launch's time comes from, drawn by lot, and what they did."""

    code: Counters
    """By their machine code, as far as that and PTX count alike; the rest is 0."""
    share: float
    """Instructions of the average one of them, over those of the average block that the time comes from."""
    run: Counters
    """When they ran."""
    others: Counters
    """What blocks did that were drawn from the whole grid, when those ran."""


class Limiter(Record):
    """One thing that bounds a launch, and the microseconds it would take were it the only one."""

    name: str
    time_us: float
    advice: str


class Traffic(Record):
    """Bytes that a launch moves, whole grid."""

    l1_bytes: float
    """That its loads ask of the L1, in whole 32-byte sectors."""
    l2_bytes: float
    """Between the SMs and the L2, both ways."""
    dram_bytes: float


class LineCost(Record):
    """What one line of the candidate's source costs a launch."""

    line: int
    issued: float
    """Its share of the instructions that warps issue."""
    stalled: float
    """Its share of the time that warps wait before an instruction."""
    reason: str
    """What they wait for there, mostly."""


class KernelTime(Record):
    """Where one launch's time goes."""

    kernel: str
    time_us: float
    occupancy: float
    """Resident warps over the most the SM can hold."""
    waves: float
    limiters: tuple[Limiter, ...] = ()
    """Slowest first; none where the time was measured."""
    stalls: dict[str, float] = Field(default_factory=dict)
    """Shares of the time that warps wait before an instruction, by reason; empty where only counters are known."""
    lines: tuple[LineCost, ...] = ()
    """The costliest source lines first."""
    traffic: Traffic | None = None
    from_counters: str = ""
    """Why the launch's machine code could not be followed, so that its time is the coarse one from counters."""

    def slowed(self, factor: float) -> Self:
        """The same launch, `factor` times as long."""
        limiters = tuple(each.model_copy(update={"time_us": factor * each.time_us}) for each in self.limiters)
        return self.model_copy(update={"time_us": factor * self.time_us, "limiters": limiters})


MOST_WEIGHT = 2.5
"""How much more than the observed blocks the average block of a grid may do for these to stand for it. Grids whose
work is uneven by rows, columns or triangles stay well below."""


class LaunchRun(Record):
    """How one launch of the plan went."""

    kernel: str
    blocks: int
    complete: bool
    """Whether every block ran; otherwise only a sample did."""
    instructions: int
    """Warp instructions of all the blocks that ran, whether observed or not."""
    global_accesses: int
    """Global loads, stores and atomics among them."""
    counters: Counters | None = None
    """Present when blocks were observed."""
    sampled: tuple[int, ...] = ()
    """Linear indices of the observed blocks."""
    time: KernelTime | None = None
    """By the clock, where it was asked and the launch's machine code can be followed."""
    unfollowable: str = ""
    """Why it cannot."""
    followed: Followed | None = None
    """Some of the blocks that `time` comes from."""
    early: Counters | None = None
    """Of observed blocks that ran before all others, where those ran, too."""

    @property
    def weight(self) -> float:
        """What an average block does, over what an average observed one does: of instructions or global accesses,
        whichever is more. 1 unless all ran."""
        return max(self.weights(self.counters)) if self.counters and self.complete else 1.0

    def weights(self, seen: Counters) -> tuple[float, float]:
        """What an average block that ran does, over what an average one of these does: instructions, and accesses to
        global memory."""
        accesses = seen.global_loads + seen.global_stores + seen.atomics
        return (
            self.instructions / self.blocks / (max(seen.instructions, 1) / seen.blocks),
            self.global_accesses / self.blocks / (max(accesses, 1) / seen.blocks),
        )

    @property
    def is_represented(self) -> bool:
        """Whether the observed blocks say something about the others: not when those do far more work."""
        if self.counters is None or self.complete:
            return self.weight <= MOST_WEIGHT
        # The others were thought affordable, and ran over the budget after all.
        return self.instructions <= 1.1 * self.counters.instructions


class Run(Record):
    """What came of running a program once. Output bytes lie in the buffers that were handed in."""

    faults: tuple[Fault, ...] = ()
    launches: tuple[LaunchRun, ...] = ()
    samples: tuple[Sample, ...] = ()
    """Of a measured run: every outcome that its probes saw, or as many as are kept."""
    seconds: float
    """The device took to produce this run, waits for a busy machine left out; not the kernel's time."""

    @property
    def complete(self) -> bool:
        return not self.faults and all(launch.complete for launch in self.launches)


class Limits(Record):
    """What a run may cost before it is cut off, and the order it goes in."""

    warp_instructions: int = 400_000_000
    """Cumulative over all launches."""
    wall_seconds: float = 60.0
    """Waits for a busy machine left out, as far as the device knows them."""
    scratch_bytes: int = 4 << 30
    threads: int = Field(default=1, ge=1)
    """Of this machine, to run blocks on where their order cannot matter. Never changes what comes out."""
    schedule: int = Field(default=0, ge=0, lt=1 << 64)
    """Which of the legal orders of warps and blocks a simulated GPU runs; 0: ascending. One number, one order."""


Suspicion = Literal["fault", "wrong", "hang", "none"]
"""What is known of a program that shall be explained."""


class Evidence(Record):
    """What tools beside a device saw when they watched a program run. It explains a verdict and never changes it."""

    faults: tuple[Fault, ...] = ()
    kernels: tuple[KernelTime, ...] = ()
    """What bounds each launch, by what was counted in it; none where that could not be read."""
    notes: tuple[str, ...] = ()
    """Sentences: what was looked for and not found, and what could not be asked, and why."""

    def __add__(self, other: Evidence) -> Evidence:
        return Evidence(
            faults=self.faults + other.faults,
            kernels=self.kernels + other.kernels,
            notes=tuple(dict.fromkeys(self.notes + other.notes)),
        )


class _Time(Record):
    """How long a program takes. Times of different kinds do not compare."""

    time_us: float
    kernels: tuple[KernelTime, ...] = ()

    @property
    def credited_us(self) -> float:
        """What counts for a reward."""
        return self.time_us

    def __lt__(self, other: Self) -> bool:
        if type(other) is not type(self):
            raise TypeError(f"a {type(self).__name__} and a {type(other).__name__} cannot be compared")
        return self.time_us < other.time_us

    def __add__(self, other: Self) -> Self:
        """One program after the other."""
        if type(other) is not type(self):
            raise TypeError(f"a {type(self).__name__} and a {type(other).__name__} cannot be added")
        return self.model_copy(
            update={"time_us": self.time_us + other.time_us, "kernels": self.kernels + other.kernels}
        )


class ModelledTime(_Time):
    """Predicted by the simulated GPU's clock."""

    kind: Literal["modelled"] = "modelled"


class Measurement(Record):
    """How a time was measured, and what the card was doing meanwhile."""

    interval_us: tuple[float, float]
    """Holds the median in at least 95 of 100 measurements (order statistics)."""
    repetitions: int
    settled: bool
    """Whether the interval came within 1 percent of the median, and first and second half agree, before the budget
    ended."""
    host_excess_us: float
    """The least that the host's clock counted beyond the card's, over repetitions."""
    clocks_agree: bool = True
    """Whether that is as little as bringing the work to the card and noticing its end take, and not below zero."""
    sm_mhz: tuple[int, int] | None = None
    """Lowest and highest clock of the SMs seen between repetitions; None without NVML."""
    memory_mhz: tuple[int, int] | None = None
    celsius: int | None = None
    """The highest temperature seen."""
    throttled: tuple[str, ...] = ()
    """NVML's reasons for lower clocks, as far as they tell of power, heat or a limit that someone set."""


class MeasuredTime(_Time):
    """Taken on a real GPU: the median of repetitions."""

    kind: Literal["measured"] = "measured"
    measurement: Measurement | None = None

    @property
    def credited_us(self) -> float:
        """The median, or where that is not known well enough the upper end of its interval: noise earns nothing."""
        how = self.measurement
        return self.time_us if how is None or how.settled else how.interval_us[1]

    def __add__(self, other: Self) -> Self:
        """One program after the other. How each was measured does not say how both would be."""
        return super().__add__(other).model_copy(update={"measurement": None})


Time = ModelledTime | MeasuredTime


class Witness(Protocol):
    """Who can say more about a program than its device does, by running it once more. Never raises for a tool."""

    def explain(self, program: Program, buffers: Sequence[Buffer], suspicion: Suspicion) -> Evidence:
        """Faults and races, located as well as the tools can."""
        ...

    def profile(self, program: Program, buffers: Sequence[Buffer]) -> Evidence:
        """What bounds each launch."""
        ...


class Device(Protocol):
    """`SimulatedGPU("h100")` and `CudaGPU(0)` answer the same questions."""

    @property
    def name(self) -> str: ...

    @property
    def gpu(self) -> GPU: ...

    @property
    def time_kind(self) -> TimeKind: ...

    def execute(
        self,
        program: Program,
        buffers: Sequence[Buffer],
        *,
        checked: bool = False,
        limits: Limits | None = None,
    ) -> Run:
        """Run the whole program. `checked` turns every fault check on.

        Raises GraderError when the device itself fails, Unsupported when it lacks an instruction.
        """
        ...

    def time(
        self,
        program: Program,
        buffers: Sequence[Buffer],
        *,
        seed: int,
        blocks: int = 8,
        limits: Limits | None = None,
        rounds: Rounds | None = None,
    ) -> tuple[Run, Time | None]:
        """Say how long the program takes. A run with faults has no time.

        A simulated device observes a sample of `blocks` blocks of each launch, chosen by `seed`, and runs the others
        too when that is affordable. A real one runs all of them again and again, over the buffers and those of
        `rounds` in turn; afterwards every round's buffers hold what its last repetition left.
        """
        ...

    def interrupt(self) -> None:
        """End a run that another thread waits for; that run raises Disturbed. The device stays usable."""
        ...

    def close(self) -> None:
        """Ends the processes behind the device. Idempotent."""
        ...
