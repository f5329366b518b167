"""Runs the kernels of the benchmarks' cases on the simulated GPU."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.clock.cases import Case, compile_cases
from cudagym.build.program import Program
from cudagym.build.toolchain import find_toolchain
from cudagym.device import Buffer
from cudagym.memory import SharedMemory
from cudagym.simulator.gpu import SimulatedGPU

RunCases = Callable[[Sequence[tuple[Case, Sequence[NDArray[Any]]]]], list[list[NDArray[Any]]]]


CARD = "h100"


@pytest.fixture(scope="session")
def device() -> Iterator[SimulatedGPU]:
    device = SimulatedGPU(CARD)
    yield device
    device.close()


@pytest.fixture(scope="session")
def run_cases(device: SimulatedGPU) -> RunCases:
    """Compiles the cases together, for one card, and runs each on its arrays; returns what those hold afterwards."""

    def run_one(case: Case, program: Program, arrays: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
        assert [array.nbytes for array in arrays] == [array.bytes for array in case.arrays]
        with ExitStack() as stack:
            memories = [stack.enter_context(SharedMemory(f"array{i}", a.nbytes)) for i, a in enumerate(arrays)]
            for memory, array in zip(memories, arrays, strict=True):
                memory.bytes[:] = array.reshape(-1).view(np.uint8)
            buffers = [
                Buffer(name=m.name, slot=slot, fd=m.fd, size=m.size, read_only=False, holds_input=True)
                for slot, m in enumerate(memories)
            ]
            run = device.execute(program, buffers, checked=True)
            assert run.complete, run.faults
            return [m.bytes.copy().view(a.dtype).reshape(a.shape) for m, a in zip(memories, arrays, strict=True)]

    def run_all(cases: Sequence[tuple[Case, Sequence[NDArray[Any]]]]) -> list[list[NDArray[Any]]]:
        programs = compile_cases([case.model_copy(update={"gpu": CARD}) for case, _ in cases], find_toolchain())
        return [run_one(case, program, arrays) for (case, arrays), program in zip(cases, programs, strict=True)]

    return run_all
