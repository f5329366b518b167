"""Rounds: a program repeated for its time, each repetition as cold, as fresh and as ignorant as the first.

Before a repetition its inputs come from the next round's pristine copy, outputs and scratch memory are poisoned and
module variables are as they were loaded: nothing that an earlier repetition computed is left to be found. Then the L2
is emptied: what persists there is reset, and a sweep writes twice its size. The program itself is one CUDA graph
("Graph Management") that waits behind the sweep, so that the host's pace is no part of its time.
"""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Sequence
from statistics import median

import numpy as np
from numpy.typing import NDArray

from cudagym.build.program import Allocate, Launch, Release
from cudagym.cuda.memory import Region
from cudagym.cuda.replay import Contents, Replay, first_change
from cudagym.cuda.timing import Lap
from cudagym.device import Fault, Probe, Sample

LAPS_BY_LAUNCH = 5
"""Beyond those that are counted, to see where the time goes."""
MOST_SAMPLES = 64
"""Distinct outcomes that are kept per round. Sums in no fixed order give a new one each time."""


class Rounds:
    """A replay that is repeated. `contents` holds one set of buffers for each round, filled by the host.

    Raises DriverError as the driver does. A fault leaves the context lost.
    """

    def __init__(
        self, replay: Replay, contents: Sequence[Contents], probes: Sequence[Probe], sweep_bytes: int, seed: int
    ) -> None:
        self.replay, self.context, self.driver = replay, replay.context, replay.driver
        self.contents, self.probes = contents, probes
        self._random = random.Random(seed)
        replay.allocate()
        replay.fill(contents[0])
        memory = self.context.memory
        self._pristine: list[list[Region]] = []
        for number, arrays in enumerate(contents):
            copies = []
            for index, (buffer, data) in enumerate(zip(replay.buffers, arrays, strict=True)):
                if number and not buffer.holds_input:
                    copies.append(self._pristine[0][index])  # poison, the same in every round
                    continue
                copies.append(memory.map(buffer.size))
                memory.write(copies[-1].address, data)
            self._pristine.append(copies)
        self._variables = {name: self._snapshot(*place) for name, place in replay.variables.items()}
        self._sweep = memory.map(sweep_bytes)
        self._events = self._new_events(3)
        self._graph = self._captured()
        self._outcomes: list[dict[bytes, Sample]] = [{} for _ in contents]
        self.repetitions = 0

    def lap(self, number: int | None = None, graph: object | None = None) -> Lap:
        """One repetition of the next round, or of round `number`, by `graph` instead of the plain one. Raises Hung,
        DriverError."""
        number = self.repetitions % len(self.contents) if number is None else number
        self.repetitions += 1
        self._restore(number)
        driver, stream = self.driver, self.context.stream
        first, begun, ended = self._events
        start = time.perf_counter()
        driver("cuEventRecord", first, stream)
        # Still sweeping when the program arrives, the card begins with it at once: the host's pace does not show.
        driver("cuMemsetD32Async", self._sweep.address, self.repetitions, self._sweep.size // 4, stream)
        driver("cuEventRecord", begun, stream)
        driver("cuGraphLaunch", graph or self._graph, stream)
        driver("cuEventRecord", ended, stream)
        self.context.wait_for(ended, self.replay.deadline)
        host_us = 1e6 * (time.perf_counter() - start)
        card_us, whole_us = (1e3 * driver("cuEventElapsedTime", event, ended) for event in (begun, first))
        self._sample(number)
        return Lap(card_us, host_us - whole_us)

    def launches(self) -> tuple[float, ...]:
        """Microseconds of each launch: medians of some more laps, by a graph that takes the time between launches."""
        marks = [self._new_events(2) for _ in self.replay.program.plan.launches]
        graph = self._captured(marks)
        times = []
        for _ in range(LAPS_BY_LAUNCH):
            self.lap(graph=graph)
            times.append([1e3 * self.driver("cuEventElapsedTime", *pair) for pair in marks])
        return tuple(map(median, zip(*times, strict=True)))

    def finish(self) -> tuple[Fault, ...]:
        """Repeat every round once more, and hand its outputs to the host. Faults are what should not have changed."""
        for number, arrays in enumerate(self.contents):
            self.lap(number)
            if faults := self.replay.trespasses(arrays):
                return faults
            if number == 0 and (fault := self._tampering()):
                return (fault,)
            for buffer, data in zip(self.replay.buffers, arrays, strict=True):
                if not buffer.read_only:
                    self.context.memory.read(self.replay.arrays[buffer.slot].address, data)
        return ()

    @property
    def samples(self) -> tuple[Sample, ...]:
        """Every distinct outcome of every round, or those that are kept."""
        return tuple(sample for outcomes in self._outcomes for sample in outcomes.values())

    def _restore(self, number: int) -> None:
        driver, stream, replay = self.driver, self.context.stream, self.replay
        for buffer, region in zip(replay.buffers, self._pristine[number], strict=True):
            if buffer.size:
                driver("cuMemcpyDtoDAsync", replay.arrays[buffer.slot].address, region.address, buffer.size, stream)
        for name, region in self._variables.items():
            driver("cuMemcpyDtoDAsync", replay.variables[name][0], region.address, region.size, stream)
        replay.poison()
        self.context.wait(replay.deadline)
        if self.context.persists:
            driver("cuCtxResetPersistingL2Cache")

    def _new_events(self, count: int) -> list[object]:
        return [self.driver("cuEventCreate", 0) for _ in range(count)]

    def _captured(self, marks: Sequence[Sequence[object]] = ()) -> object:
        """The plan as a graph, instantiated and on the card; a pair of events for each launch is recorded around it."""
        driver, stream, api = self.driver, self.context.stream, self.driver.api
        external, pairs = api.CUevent_record_flags.CU_EVENT_RECORD_EXTERNAL, iter(marks)
        driver("cuStreamBeginCapture", stream, api.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL)
        for step in self.replay.steps:
            if isinstance(step, Allocate | Release):
                continue
            around = next(pairs, ()) if isinstance(step, Launch) else ()
            for event in around[:1]:
                driver("cuEventRecordWithFlags", event, stream, external)
            self.replay.enqueue(step)
            for event in around[1:]:
                driver("cuEventRecordWithFlags", event, stream, external)
        graph = driver("cuGraphInstantiate", driver("cuStreamEndCapture", stream), 0)
        driver("cuGraphUpload", graph, stream)
        self.context.wait(self.replay.deadline)
        return graph

    def _snapshot(self, address: int, size: int) -> Region:
        region = self.context.memory.map(size)
        self.driver("cuMemcpyDtoDAsync", region.address, address, size, self.context.stream)
        return region

    def _sample(self, number: int) -> None:
        """Note what the probes hold."""
        if not self.probes:
            return
        found = np.empty(sum(probe.size for probe in self.probes), np.uint8)
        start = 0
        for probe in self.probes:
            part: NDArray[np.uint8] = found[start : start + probe.size]
            self.context.memory.read(self.replay.arrays[probe.slot].address + probe.offset, part)
            start += probe.size
        data = found.tobytes()
        key, outcomes = hashlib.sha256(data).digest(), self._outcomes[number]
        if (known := outcomes.get(key)) is not None:
            outcomes[key] = known.model_copy(update={"repetitions": known.repetitions + 1})
            return
        if len(outcomes) >= MOST_SAMPLES:
            # Any that is kept may go, and this one may not be kept: no repetition is safe from being looked at.
            if self._random.random() * self.repetitions > MOST_SAMPLES:
                return
            del outcomes[self._random.choice(sorted(outcomes))]
        outcomes[key] = Sample(round=number, data=data, repetitions=1)

    def _tampering(self) -> Fault | None:
        """Whether memory that only the grader knows was found and changed, where results could have been kept."""
        regions = [(self.replay.staging.model_copy(update={"size": self.replay.staged.size}), self.replay.staged)]
        for copies, arrays in zip(self._pristine, self.contents, strict=True):
            pairs = zip(self.replay.buffers, copies, arrays, strict=True)
            regions += [(copy, data) for buffer, copy, data in pairs if buffer.read_only]
        if all(first_change(self.context, region, wanted) is None for region, wanted in regions):
            return None
        text = "out of bounds: a kernel wrote to memory of the grader's that lies outside of every buffer"
        return Fault(kind="out_of_bounds", kernel="the program", message=text)
