"""Machine: runs programs on a simulated GPU, on memory that the caller hands in.

`execute` runs every step of a program's plan. `sample` observes a few blocks of every launch and runs the others only
where that is affordable. What a candidate did wrong comes back as Faults in the Run; a launch that the device would
refuse raises LaunchFailed, an instruction that the machine lacks raises Unsupported before anything has run.
"""

from __future__ import annotations

import contextlib
import ctypes
import random
import time
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cudagym.build.cache import key_of
from cudagym.build.names import kernel_title
from cudagym.build.program import (
    FIRST_ADDRESS,
    SLOT_BYTES,
    Allocate,
    Copy,
    Fill,
    Kernel,
    Launch,
    Program,
    Release,
    Step,
    Upload,
    address_of,
)
from cudagym.device import Counters, Fault, Followed, LaunchRun, Limits, Run, larger
from cudagym.errors import GraderError, InfrastructureError, LaunchFailed, Unsupported
from cudagym.hardware import GPU
from cudagym.simulator import ptx
from cudagym.simulator.calls import FREE, MALLOC, function_addresses
from cudagym.simulator.clock.bounds import occupancy
from cudagym.simulator.clock.model import Modelled
from cudagym.simulator.clock.program import Clock
from cudagym.simulator.emit import GRID_WORKSPACE_SLOT, HEAP_BYTES, HEAP_SLOT, LANES, Context
from cudagym.simulator.faults import NO_MEMORY, Explainer, Place
from cudagym.simulator.flow import Flow, flow_of, operands, results
from cudagym.simulator.isa import lower_instruction
from cudagym.simulator.isa.classes import CLASSES, classify, weight
from cudagym.simulator.isa.memory import STRONG
from cudagym.simulator.lower import lower
from cudagym.simulator.native import TALLY, FaultRecord, NativeKernel, native_kernel, runtime

STATIC_SHARED_LIMIT = 48 << 10
"""Static shared memory per block (CUDA C++ Programming Guide 13.0, "Compute Capabilities")."""
LOCAL_LIMIT = 512 << 10
"""Local memory per thread (the same table)."""
GRID_LIMITS = (2**31 - 1, 65535, 65535)
BLOCK_LIMITS = (1024, 1024, 64)
BASIC_BLOCKS_LIMIT = 4096
"""Of one kernel, calls inlined: compiling as many takes LLVM half a minute."""
_READ_ONLY, _RELEASED, _TRACKED = 1, 2, 4
HOST_BYTES = 16 << 30
"""That a program may fill, copy and allocate in all: a few seconds of one core."""
_POISON = 0xFF
"""Fills memory that has no content yet: as a float it is NaN, so that depending on it shows."""
_OTHER_VALUES = (0x3C, 0x00)
"""That reads of unwritten bytes get instead, to see whether results depend on them: an ordinary small number, and what
fresh memory often holds."""
_EVERYWHERE = (2**32 - 1, 2**32 - 1)
"""All launches and sites, for cg_alter."""
_WATCHED_LIMIT = 64 << 20
"""Bytes of writable memory, in all, that checked runs watch for races; larger buffers go without."""
_POISON_LIMIT = 256 << 20
_DONE, _FAULTED, _STUCK = 0, 1, 2
_KERNELS_KEPT = 256


class Memory(NamedTuple):
    """One slot's memory: writable bytes on the host, and how messages call them."""

    bytes: NDArray[np.uint8]
    name: str
    read_only: bool = False
    has_content: bool = True
    """Whether its bytes before the run mean anything."""


class Loaded(NamedTuple):
    """A kernel, ready to run."""

    flow: Flow
    native: NativeKernel
    classes: NDArray[np.uint64]
    """Per basic block: how much its instructions add to each class of CLASSES."""
    lengths: NDArray[np.uint64]
    """Instructions per basic block."""
    waits: NDArray[np.uint64]
    """Per basic block: how often it must wait for memory. See Counters.load_waits."""
    independent: bool
    """See is_independent."""


@lru_cache(maxsize=64)
def _parsed(text: str) -> ptx.Module:
    return ptx.parse(text)


@lru_cache(maxsize=_KERNELS_KEPT)
def _loaded(text: str, name: str, addresses: tuple[tuple[str, int], ...], rows: bool) -> Loaded:
    """Compiles a kernel of a module; `rows` as in emit.Context. Raises Unsupported."""
    module = _parsed(text)
    function = module.functions.get(name)
    if function is None or not function.is_entry:
        raise GraderError(f"the PTX has no kernel {name}")
    known = function_addresses(module) | dict(addresses)
    constants = tuple((known[v.name], v.size) for v in module.variables if v.space == "const" and v.name in known)
    context = Context(runtime().layout, known, rows, constants)
    try:
        flow = flow_of(module, function)
        if len(flow.blocks) > BASIC_BLOCKS_LIMIT:
            raise Unsupported(
                f"{kernel_title(name)} has {len(flow.blocks)} basic blocks, more than {BASIC_BLOCKS_LIMIT}"
            )
        key = key_of(_code_text(flow), repr(flow.frame), repr(context[1:]))
        native = native_kernel(key, lambda: lower(flow, context, lower_instruction))
    except (LookupError, ValueError, TypeError, AttributeError, AssertionError) as error:
        raise GraderError(f"the PTX of {kernel_title(name)} is malformed: {type(error).__name__}: {error}") from error
    classes = np.zeros((len(flow.blocks), len(CLASSES)), np.uint64)
    lengths = np.zeros(len(flow.blocks), np.uint64)
    for block in flow.blocks:
        tail = (block.end.instruction,) if block.end.instruction else ()
        for instruction in (*block.instructions, *tail):
            lengths[block.number] += np.uint64(1)
            kind = classify(instruction)
            if kind is not None:
                classes[block.number, CLASSES.index(kind)] += np.uint64(weight(instruction))
    return Loaded(flow, native, classes, lengths, load_waits(flow), is_independent(flow))


def _code_text(flow: Flow) -> str:
    """The kernel's code without its source lines: comments and blank lines in the source change nothing."""
    parts = [
        f"{i.name} {i.operands!r} {i.guard!r}" if i.guard else f"{i.name} {i.operands!r}" for i in flow.instructions
    ]
    shape = [(b.sites, b.end.kind, b.end.targets) for b in flow.blocks]
    return "\n".join([*parts, repr(shape)])


def load_waits(flow: Flow) -> NDArray[np.uint64]:
    """Per basic block, first uses of a register that a load fills; one wait covers every load issued before it."""
    waits = np.zeros(len(flow.blocks), np.uint64)
    pending: set[ptx.Register] = set()
    for block in flow.blocks:
        if not block.waits:  # a block that only waits for lanes goes on where the one before it ended
            pending = set()
        for instruction in (*block.instructions, block.end.instruction):
            if instruction is None:
                continue
            if pending.intersection(operands(instruction)):
                waits[block.number] += np.uint64(1)
                pending = set()
            if classify(instruction) in ("global_loads", "shared_loads", "local_loads", "atomics"):
                pending.update(results(instruction))
    return waits


def is_independent(flow: Flow) -> bool:
    """Whether blocks without races cannot tell in which order they run: nothing but shared memory is used for atomics
    or strong accesses, and no fence, clock or heap."""
    for instruction in flow.instructions:
        modifiers = {modifier.split("::")[0] for modifier in instruction.modifiers}
        speaks = instruction.opcode in ("atom", "red") or not STRONG.isdisjoint(modifiers)
        if instruction.opcode in ("fence", "membar", MALLOC, FREE) or (speaks and "shared" not in modifiers):
            return False
        if any(
            isinstance(o, ptx.Special) and o.name.startswith(("clock", "globaltimer")) for o in instruction.operands
        ):
            return False
    return True


class Machine:
    """Runs programs for one GPU. Not for use by several threads at once."""

    def __init__(self, gpu: GPU) -> None:
        self.gpu = gpu
        self._runtime = runtime()
        self._handle = self._runtime.library.cg_new()
        if not self._handle:
            raise InfrastructureError("no memory for the simulated GPU")

    def execute(self, program: Program, memory: Mapping[int, Memory], *, checked: bool, limits: Limits) -> Run:
        """Runs the whole plan. With `checked`, races and uninitialised reads are faults too.

        Of races it finds those between warps, in shared memory and in the first 64 MiB of writable buffers, against
        the last writer and two readers of each word; two blocks count as in order once the earlier one has passed a
        fence and the later one a fence, an atomic or a strong load, whether or not they met at one flag. Of reads of
        what nothing wrote (shared memory, scratch memory, outputs) it finds those that change a result.

        Raises LaunchFailed, Unsupported (before anything ran), InfrastructureError.
        """
        started = _clocks()
        before = {slot: m.bytes.copy() for slot, m in memory.items() if not m.read_only} if checked else {}
        attempt = _Attempt(self, program, memory, limits, checked)
        attempt.run_all()
        if attempt.suspicions and not attempt.faults:
            found = self._depends_on_unwritten(program, memory, limits, before, attempt.suspicions, started)
            attempt.faults.extend(found)
        return Run(
            faults=tuple(attempt.faults),
            launches=tuple(attempt.launches),
            seconds=_since(started),
        )

    def _depends_on_unwritten(
        self,
        program: Program,
        memory: Mapping[int, Memory],
        limits: Limits,
        before: Mapping[int, NDArray[np.uint8]],
        suspicions: Mapping[tuple[int, int], Fault],
        started: tuple[float, float],
    ) -> tuple[Fault, ...]:
        """The first of these reads that results depend on, proved by runs in which it gives other values. All of them
        together, and what ran since it `started`, have `limits.wall_seconds`: what they take longer is a fault too.
        """

        def matters(place: tuple[int, int], value: int) -> bool:
            copies = {slot: m if m.read_only else m._replace(bytes=before[slot].copy()) for slot, m in memory.items()}
            left = max(0.0, limits.wall_seconds - _since(started))
            again = _Attempt(self, program, copies, limits.model_copy(update={"wall_seconds": left}), True)
            self._runtime.library.cg_alter(self._handle, *place, value)
            again.run_all()
            if not again.faults:
                return any(not np.array_equal(m.bytes, copies[slot].bytes) for slot, m in memory.items())
            fault = again.faults[0]
            if fault.kind == "timed_out" and _since(started) >= limits.wall_seconds:
                raise _OutOfTime(fault)
            return fault.kind != "timed_out"

        try:
            for value in _OTHER_VALUES:
                if matters(_EVERYWHERE, value):
                    # One place may be harmless while another is not; where only several together matter, the first.
                    with contextlib.suppress(_OutOfTime):
                        for place, fault in suspicions.items():
                            if len(suspicions) > 1 and matters(place, value):
                                return (fault,)
                    return (next(iter(suspicions.values())),)
        except _OutOfTime as out:
            return (out.fault,)
        return ()

    def sample(
        self,
        program: Program,
        memory: Mapping[int, Memory],
        *,
        seed: int,
        limits: Limits,
        blocks: int = 8,
        listing: str = "",
    ) -> Run:
        """Observes `blocks` blocks of every launch, chosen by `seed`, and times it if `listing` holds the machine code.

        The other blocks run where their cost, extrapolated from the observed ones, fits what is left of
        `limits.warp_instructions`; else the launch is not complete.
        """
        started = _clocks()
        attempt = _Attempt(self, program, memory, limits, False)
        inputs = sum(m.bytes.size for m in memory.values() if m.has_content)
        attempt.clock = Clock(self.gpu, program, inputs, listing, seed) if listing else None
        attempt.run_sampled(random.Random(seed), max(1, blocks))
        return Run(
            faults=tuple(attempt.faults),
            launches=tuple(attempt.launches),
            seconds=_since(started),
        )


class _OutOfTime(Exception):
    def __init__(self, fault: Fault) -> None:
        super().__init__()
        self.fault = fault


def _clocks() -> tuple[float, float]:
    return time.monotonic(), time.process_time()


def _since(started: tuple[float, float]) -> float:
    """Seconds since then that this process could use: not those that a busy machine kept it waiting."""
    return min(now - before for now, before in zip(_clocks(), started, strict=True))


class _Attempt:
    """One run of one program: the slots, the steps, what came of them."""

    def __init__(
        self,
        machine: Machine,
        program: Program,
        memory: Mapping[int, Memory],
        limits: Limits,
        checked: bool,
    ) -> None:
        self.gpu, self.program, self.limits, self.checked = machine.gpu, program, limits, checked
        self.library, self.handle, self.word_bytes = (
            machine._runtime.library,
            machine._handle,
            machine._runtime.word_bytes,
        )
        self.faults: list[Fault] = []
        self.launches: list[LaunchRun] = []
        self.suspicions: dict[tuple[int, int], Fault] = {}
        """By number of launch and site: reads of what nothing wrote."""
        self.host: dict[int, NDArray[np.uint8]] = {}
        self.written: dict[int, NDArray[np.uint8]] = {}
        self.words: dict[int, NDArray[np.uint8]] = {}
        self.places: dict[int, Place] = {}
        self.flags: dict[int, int] = {}
        self.scratch_bytes = self.allocations = self.host_bytes = self.granted = 0
        self.clock: Clock | None = None
        self.watchable = _WATCHED_LIMIT
        self.variables = {variable.slot for variable in program.module.variables}
        self.kernels = self._load()
        budget, seconds = limits.warp_instructions, limits.wall_seconds
        self.library.cg_start(self.handle, budget, seconds, int(checked), _POISON, limits.schedule)
        for slot, given in memory.items():
            if checked and not given.has_content:
                self.written[slot] = np.zeros(given.bytes.size, np.uint8)
            self._set_slot(slot, given.bytes, given.name, _READ_ONLY if given.read_only else 0)
        self._load_variables()
        self._set_slot(GRID_WORKSPACE_SLOT, np.zeros(64, np.uint8), "the grid's barrier", 0)
        if "malloc" in program.module.ptx:
            self._set_slot(HEAP_SLOT, np.full(HEAP_BYTES, _POISON, np.uint8), "the heap", 0)

    # -- preparation --

    def _load(self) -> dict[tuple[str, bool], Loaded]:
        module = self.program.module
        launches = self.program.plan.launches
        for launch in launches:
            check_launch(self.gpu, module.kernel(launch.kernel), launch)
        addresses = tuple((v.name, address_of(v.slot)) for v in module.variables)
        wanted = {(launch.kernel, in_rows(launch)) for launch in launches}
        kernels = {(name, rows): _loaded(module.ptx, name, addresses, rows) for name, rows in wanted}
        for (name, _), kernel in kernels.items():
            frame = kernel.flow.frame
            for what, size, most in (
                ("static shared memory per block", frame.static_shared_bytes, STATIC_SHARED_LIMIT),
                ("local memory per thread", frame.local_bytes, LOCAL_LIMIT),
            ):
                if size > most:
                    raise LaunchFailed(f"{kernel_title(name)} needs {size} bytes of {what}, the limit is {most}")
        return kernels

    def _set_slot(self, slot: int, data: NDArray[np.uint8], name: str, flags: int) -> None:
        if not data.flags.writeable or not data.flags.c_contiguous or data.dtype != np.uint8:
            raise GraderError(f"the memory of {name} is not a writable array of bytes")
        self.host[slot] = data
        self.words.pop(slot, None)
        self.places[slot] = Place(name, data.size, released=False)
        self.flags[slot] = flags
        written = self.written.get(slot)
        if written is not None:
            flags |= _TRACKED
        if self.checked and not flags & _READ_ONLY and data.size <= self.watchable:
            self.watchable -= data.size
            self.words[slot] = np.zeros((data.size + 3) // 4 * self.word_bytes, np.uint8)
        pointers = (None if a is None else a.ctypes.data for a in (data, written, self.words.get(slot)))
        host, written_at, words_at = pointers
        self.library.cg_set_slot(self.handle, slot, host, data.size, written_at, words_at, flags)

    def _load_variables(self) -> None:
        """Module variables start from the image in the PTX, each time."""
        module = _parsed(self.program.module.ptx)
        declared = {v.name: v for v in module.variables}
        addresses = {v.name: address_of(v.slot) for v in self.program.module.variables} | function_addresses(module)
        needed = sum(variable.size for variable in self.program.module.variables)
        if needed > (most := min(self.gpu.dram_bytes, self.limits.scratch_bytes)):
            raise LaunchFailed(f"the module's variables need {needed} bytes, the limit is {most}")
        for variable in self.program.module.variables:
            data = np.zeros(variable.size, np.uint8)
            source = declared.get(variable.name)
            if source is not None and source.image:
                image = np.frombuffer(source.image, np.uint8)[: variable.size]
                data[: image.size] = image
                for relocation in source.relocations:
                    value = addresses.get(relocation.symbol, 0) + relocation.addend >> relocation.shift
                    field = (value & (1 << 8 * relocation.size) - 1).to_bytes(relocation.size, "little")
                    data[relocation.offset : relocation.offset + relocation.size] = np.frombuffer(field, np.uint8)
            self._set_slot(variable.slot, data, variable.name, _READ_ONLY if variable.space == "const" else 0)

    # -- steps --

    def run_all(self) -> None:
        """Every step, every block."""
        for step in self.program.plan.steps:
            if isinstance(step, Launch):
                self._launch(step)
            else:
                self._host_step(step)
            if self.faults:
                return

    def run_sampled(self, chooser: random.Random, blocks: int) -> None:
        """Every step; of launches a sample, and the rest where affordable."""
        for step in self.program.plan.steps:
            if isinstance(step, Launch):
                self._launch_sampled(step, chooser, blocks)
            else:
                self._host_step(step)
            if self.faults:
                return

    def _host_step(self, step: Step) -> None:
        self.host_bytes += _bytes_moved(step)
        if self.host_bytes > HOST_BYTES:
            text = f"timed out: fills, copies and allocations of more than {HOST_BYTES >> 30} GiB"
            self.faults.append(Fault(kind="timed_out", kernel=step.op, message=text))
            return
        match step:
            case Fill(address=address, value=value, width=width, count=count):
                view = self._range(address, width * count, "cudaMemset", write=True)
                if view is not None:
                    pattern = (value & (1 << 8 * width) - 1).to_bytes(width, "little")
                    view.reshape(count, width)[:] = np.frombuffer(pattern, np.uint8)
            case Copy(target=target, source=source, size=size):
                view = self._range(target, size, "cudaMemcpy", write=True)
                data = self._range(source, size, "cudaMemcpy", write=False)
                if view is not None and data is not None:
                    view[:] = data.copy()
            case Upload(target=target, data=content):
                view = self._range(target, len(content), "cudaMemcpy", write=True, upload=True)
                if view is not None:
                    view[:] = np.frombuffer(content, np.uint8)
            case Allocate(slot=slot, size=size):
                self._allocate(slot, size)
            case Release(slot=slot):
                self._release(slot)

    def _allocate(self, slot: int, size: int) -> None:
        self.allocations += 1
        self.scratch_bytes += size
        if self.scratch_bytes > self.limits.scratch_bytes:
            raise LaunchFailed(
                f"cudaMalloc of {size} bytes: together with what is allocated already that exceeds the "
                f"{self.limits.scratch_bytes >> 20} MiB of scratch memory allowed"
            )
        data = np.zeros(size, np.uint8)
        data[:_POISON_LIMIT] = _POISON
        if self.checked:
            self.written[slot] = np.zeros(size, np.uint8)
        self._set_slot(slot, data, f"scratch{self.allocations}", 0)

    def _release(self, slot: int) -> None:
        if slot in self.host:
            self.scratch_bytes -= self.host[slot].size
            place = self.places[slot]
            self.places[slot] = place._replace(released=True)
            self.library.cg_set_slot(self.handle, slot, None, 0, None, None, _RELEASED)
            del self.host[slot]
            self.written.pop(slot, None)
            self.words.pop(slot, None)

    def _range(
        self, address: int, size: int, what: str, *, write: bool, upload: bool = False
    ) -> NDArray[np.uint8] | None:
        """The host bytes of a copy or fill; None after noting a fault."""
        slot, offset = divmod(address - FIRST_ADDRESS, SLOT_BYTES)
        data = self.host.get(slot)
        name = self.places[slot].name if slot in self.places else f"address {address:#x}"
        if data is None or offset + size > data.size:
            has = "is not allocated" if data is None else f"has {data.size} bytes"
            text = f"out of bounds: {what} of {size} bytes at byte {offset} of {name}, which {has}"
            self.faults.append(Fault(kind="out_of_bounds", kernel=what, message=text, address=address, buffer=name))
            return None
        if write and self.flags[slot] & _READ_ONLY and not (upload and slot in self.variables):
            text = f"input modified: {what} writes {name}, which is read-only"
            self.faults.append(Fault(kind="input_modified", kernel=what, message=text, address=address, buffer=name))
            return None
        if write and slot in self.written:
            self.written[slot][offset : offset + size] = 1
        return data[offset : offset + size]

    # -- launches --

    def _launch(self, launch: Launch) -> None:
        with _Grid(self, launch) as grid:
            if grid.run_whole() == _FAULTED:
                self.faults.append(grid.fault())
                return
            self._note(grid, grid.counters() if self.checked else None, complete=True)
            for record in grid.unwritten():
                if (place := (record.other_site, record.site)) not in self.suspicions:
                    self.suspicions[place] = grid.explainer.explain(record)

    def _note(
        self,
        grid: _Grid,
        counters: Counters | None,
        *,
        complete: bool,
        sampled: tuple[int, ...] = (),
        timed: Modelled | str | None = None,
        followed: Followed | None = None,
        early: Counters | None = None,
    ) -> None:
        instructions, accesses = grid.totals()
        run = LaunchRun(
            kernel=grid.launch.kernel,
            blocks=grid.launch.blocks,
            complete=complete,
            instructions=instructions,
            global_accesses=accesses,
            counters=counters,
            sampled=sampled,
            time=timed.time if isinstance(timed, Modelled) else None,
            unfollowable=timed if isinstance(timed, str) else "",
            followed=followed,
            early=early,
        )
        self.launches.append(run)

    def _launch_sampled(self, launch: Launch, chooser: random.Random, blocks: int) -> None:
        timed = self.clock.launch(launch, self.host) if self.clock else None
        sample = timed.sample if isinstance(timed, Modelled) else None
        first = sample.blocks if sample else ()
        second = choose_blocks(launch, chooser, blocks, without=first)
        chosen = tuple(sorted(first + second))
        rest = launch.blocks - len(chosen)
        ran = followed = early = None
        with _Grid(self, launch) as grid:
            before = self.library.cg_steps(self.handle)
            outcome = _DONE
            if sample and first:
                self._grant(2 * sample.work.instructions)
                outcome = grid.run(first, watched=True, more=len(first) < launch.blocks)
                ran = grid.counters() if outcome == _DONE else None
            if second and outcome != _FAULTED:
                outcome = grid.run(second, watched=True, more=rest > 0)
            fault = grid.fault() if outcome == _FAULTED else None
            cost = self.library.cg_steps(self.handle) - before
            complete = rest == 0
            counters = grid.counters()
            unlike = counters - ran if ran else None
            if outcome == _STUCK or (outcome == _DONE and rest and self._affordable(launch, chosen, cost)):
                # These blocks came first, which a kernel can tell by counting arrivals: others are observed too, each
                # at its place in the order, and the worse of both counts.
                others = choose_blocks(launch, chooser, len(chosen), without=chosen)
                complete = grid.run(None, skip=chosen, watch=others, watched=False) == _DONE
                fault = None if complete else grid.fault()
                if complete:
                    early, late = grid.counters(), grid.counters(late=True)
                    whole, unlike = len(chosen) + len(others) == launch.blocks, late
                    counters = early + late if whole else larger(early, late)
                    chosen = (*chosen, *others)
                if fault and outcome == _DONE and fault.kind == "timed_out":
                    fault = None  # the estimate was too low: the observed blocks still stand
            if fault and all(earlier.complete for earlier in self.launches):
                self.faults.append(fault)
                return
            if sample and ran and unlike:
                followed = Followed(code=sample.work, share=sample.share, run=ran, others=unlike)
            # After an incomplete launch a kernel may have stumbled over what its predecessor did not write.
            self._note(
                grid,
                counters,
                complete=complete and fault is None,
                sampled=chosen,
                timed=timed,
                followed=followed,
                early=early,
            )

    def _affordable(self, launch: Launch, chosen: Sequence[int], cost: int) -> bool:
        """Whether the rest of this launch, at the cost of the chosen blocks, fits what is left of the budget."""
        rest = cost / len(chosen) * (launch.blocks - len(chosen))
        return bool(self.library.cg_steps(self.handle) + rest <= self.limits.warp_instructions + self.granted)

    def _grant(self, steps: int) -> None:
        """Lets the run cost more: what the clock is checked with leaves a plan of many launches its budget."""
        self.granted += steps
        self.library.cg_grant(self.handle, steps)


class _Grid:
    """One launch in progress. A context: leaving it frees what the runtime took."""

    def __init__(self, attempt: _Attempt, launch: Launch) -> None:
        self.attempt, self.launch = attempt, launch
        self.kernel = attempt.kernels[launch.kernel, in_rows(launch)]
        frame = self.kernel.flow.frame
        self.shared_bytes = frame.static_shared_bytes + launch.dynamic_shared_bytes
        if frame.reserved_shared_bytes:
            self.shared_bytes = -(-self.shared_bytes // 128) * 128 + frame.reserved_shared_bytes
        self.explainer = Explainer(self.kernel.flow, launch, attempt.places, self.shared_bytes)
        gpu, warps = attempt.gpu, -(-launch.threads // LANES)
        resident = gpu.sms * occupancy(gpu, attempt.program.module.kernel(launch.kernel), launch)
        self.shape = np.array(
            [*launch.block, *launch.grid, launch.dynamic_shared_bytes, self.shared_bytes, gpu.sms, warps, resident],
            np.uint32,
        )
        self.arguments = np.frombuffer(launch.arguments + bytes(8), np.uint8).copy()
        self.counts, self.late_counts, self.ignored = np.zeros((3, len(self.kernel.flow.blocks), 2), np.uint64)

    def __enter__(self) -> _Grid:
        frame = self.kernel.flow.frame
        ready = self.attempt.library.cg_begin(
            self.attempt.handle,
            self.kernel.native.address,
            self.arguments.ctypes.data,
            len(self.launch.arguments),
            frame.local_bytes,
            self.kernel.native.register_bytes,
            self.shape.ctypes.data,
            self.counts.ctypes.data,
            self.late_counts.ctypes.data,
            self.ignored.ctypes.data,
        )
        if not ready:
            raise InfrastructureError("no memory for a block of threads")
        return self

    def __exit__(self, *_: object) -> None:
        self.attempt.library.cg_end(self.attempt.handle)

    def run(
        self,
        ids: Sequence[int] | None,
        *,
        watched: bool,
        skip: Sequence[int] = (),
        watch: Sequence[int] = (),
        more: bool = False,
    ) -> int:
        """Runs the blocks `ids`, or all without the ascending `skip`; with `watched` observes them, else the ascending
        `watch`. See cg_run."""
        lists = [np.array(blocks, np.uint32) for blocks in (ids or (), skip, watch)]
        (run, _), *others = [(None if blocks.size == 0 else blocks.ctypes.data, blocks.size) for blocks in lists]
        outcome: int = self.attempt.library.cg_run(
            self.attempt.handle,
            run,
            self.launch.blocks if ids is None else len(ids),
            *(value for pair in others for value in pair),
            int(watched),
            int(more),
        )
        return self._with_memory(outcome)

    def run_whole(self) -> int:
        """Runs every block; on several threads where nothing could show it."""
        attempt, blocks = self.attempt, self.launch.blocks
        threads = min(attempt.limits.threads, blocks // 2)
        if attempt.checked or attempt.limits.schedule or threads < 2 or not self.kernel.independent:
            return self.run(None, watched=attempt.checked)
        outcome: int = attempt.library.cg_run_parallel(attempt.handle, blocks, threads, self.ignored.size)
        return self._with_memory(outcome)

    def _with_memory(self, outcome: int) -> int:
        if outcome == _FAULTED and self._record().kind == NO_MEMORY:
            raise InfrastructureError("no memory for a block of threads")
        return outcome

    def _record(self) -> ctypes.Structure:
        return self.attempt.library.cg_fault(self.attempt.handle).contents  # type: ignore[no-any-return]

    def unwritten(self) -> list[FaultRecord]:
        """Reads of what nothing wrote, of this launch and those before it."""
        first = ctypes.POINTER(FaultRecord)()
        count = self.attempt.library.cg_unwritten(self.attempt.handle, ctypes.byref(first))
        return first[:count]

    def fault(self) -> Fault:
        """What stopped the launch."""
        return self.explainer.explain(self._record())  # type: ignore[arg-type]

    def totals(self) -> tuple[int, int]:
        """Warp instructions, and global loads, stores and atomics among them, of all blocks that ran."""
        executed = self.counts[:, 0] + self.late_counts[:, 0] + self.ignored[:, 0]
        by_class = dict(zip(CLASSES, executed @ self.kernel.classes, strict=True))
        accesses = by_class["global_loads"] + by_class["global_stores"] + by_class["atomics"]
        return int(executed @ self.kernel.lengths), int(accesses)

    def counters(self, *, late: bool = False) -> Counters:
        """What the blocks did that were watched, or those met in passing."""
        tally = self.attempt.library.cg_tally(self.attempt.handle, late).contents
        executed, lanes = (self.late_counts if late else self.counts).T
        by_class = executed @ self.kernel.classes
        return Counters(
            instructions=int(executed @ self.kernel.lengths),
            active_lanes=int(lanes @ self.kernel.lengths),
            load_waits=int(executed @ self.kernel.waits),
            **{name: int(by_class[k]) for k, name in enumerate(CLASSES)},
            **{name: int(getattr(tally, name)) for name in TALLY},
        )


def _bytes_moved(step: Step) -> int:
    """What a step other than a launch costs the executor."""
    match step:
        case Fill(width=width, count=count):
            return width * count
        case Copy(size=size):
            return size
        case Upload(data=content):
            return len(content)
        case Allocate(size=size):
            return min(size, _POISON_LIMIT)
        case _:
            return 0


def choose_blocks(launch: Launch, chooser: random.Random, blocks: int, without: Sequence[int] = ()) -> tuple[int, ...]:
    """Linear indices of the blocks to observe, ascending: one at random from each of `blocks` equal parts of the grid,
    but none of `without`, which is an earlier choice.

    Every block is as likely as any other, so that their average is that of the grid.
    """
    left = launch.blocks - len(without)
    bounds = [left * part // blocks for part in range(blocks + 1)]
    chosen = []
    for low, high in pairwise(bounds if left > blocks else range(left + 1)):
        block = chooser.randrange(low, high)
        for taken in sorted(without):
            block += block >= taken
        chosen.append(block)
    return tuple(chosen)


def in_rows(launch: Launch) -> bool:
    """Whether the threads of each warp are neighbours along x. See emit.Context."""
    width, *others = launch.block
    return width % LANES == 0 or others == [1, 1]


def check_launch(gpu: GPU, kernel: Kernel, launch: Launch) -> None:
    """Raises LaunchFailed where the device would refuse the launch, with the limit that it breaks."""
    name = kernel_title(launch.kernel)

    def refuse(what: str) -> LaunchFailed:
        return LaunchFailed(f"the launch of {name} would fail on the {gpu.title}: {what}")

    if launch.dynamic_shared_bytes < 0:
        raise refuse(f"{launch.dynamic_shared_bytes} bytes of dynamic shared memory")
    if min(*launch.grid, *launch.block) < 1:
        raise refuse(f"grid {launch.grid} and block {launch.block} must be at least 1 in every dimension")
    for axis, given, most in zip("xyz", launch.grid, GRID_LIMITS, strict=True):
        if given > most:
            raise refuse(f"grid.{axis} is {given}, the limit is {most}")
    for axis, given, most in zip("xyz", launch.block, BLOCK_LIMITS, strict=True):
        if given > most:
            raise refuse(f"block.{axis} is {given}, the limit is {most}")
    if launch.threads > gpu.max_threads_per_block:
        raise refuse(f"{launch.threads} threads per block, the limit is {gpu.max_threads_per_block}")
    if launch.threads > kernel.max_threads:
        raise refuse(f"{launch.threads} threads per block, but __launch_bounds__ allows {kernel.max_threads}")
    if launch.blocks >= 1 << 32:
        raise refuse(f"{launch.blocks} blocks are more than the simulated GPU numbers")
    if kernel.static_shared_bytes > STATIC_SHARED_LIMIT:
        raise refuse(f"{kernel.static_shared_bytes} bytes of static shared memory, the limit is {STATIC_SHARED_LIMIT}")
    shared = kernel.static_shared_bytes + launch.dynamic_shared_bytes
    if shared > gpu.shared_bytes_per_block:
        raise refuse(f"{shared} bytes of shared memory per block, the limit is {gpu.shared_bytes_per_block}")
    if launch.cooperative and launch.blocks > gpu.sms * occupancy(gpu, kernel, launch):
        raise refuse(
            f"a cooperative launch of {launch.blocks} blocks, but only {gpu.sms * occupancy(gpu, kernel, launch)} "
            "can be resident at a time"
        )
    warps = -(-launch.threads // LANES)
    registers = -(-kernel.registers // 8) * 8 * LANES * warps
    if registers > gpu.registers_per_sm:
        raise refuse(
            f"{kernel.registers} registers x {launch.threads} threads exceed the {gpu.registers_per_sm} registers "
            "of an SM; use fewer threads per block or __launch_bounds__"
        )
