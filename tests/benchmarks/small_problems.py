"""Runs a case's program on arrays of the test's."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from cudagym.build.program import Program
from cudagym.device import Buffer
from cudagym.memory import SharedMemory
from cudagym.simulator.gpu import SimulatedGPU


def run(device: SimulatedGPU, program: Program, *arrays: torch.Tensor) -> None:
    """Runs the program, checked, on the arrays in slots 0, 1, ...; the last is the output and changes in place."""
    memories = [SharedMemory(f"array{i}", array.nbytes) for i, array in enumerate(arrays)]
    buffers = []
    for slot, (memory, array) in enumerate(zip(memories, arrays, strict=True)):
        memory.bytes[:] = _bits(array)
        output = slot == len(arrays) - 1
        buffers.append(
            Buffer(
                name=memory.name,
                slot=slot,
                fd=memory.fd,
                size=memory.size,
                read_only=not output,
                holds_input=not output,
            )
        )
    result = device.execute(program, buffers, checked=True)
    assert not result.faults, result.faults[0].message
    _bits(arrays[-1])[:] = memories[-1].bytes
    for memory in memories:
        memory.close()


def _bits(array: torch.Tensor) -> NDArray[np.uint8]:
    return array.contiguous().view(torch.uint8).numpy().reshape(-1)
