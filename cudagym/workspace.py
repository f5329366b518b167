"""Workspace: the arrays of one call of `solve`, in memory that the judge shares with a device."""

from __future__ import annotations

from contextlib import ExitStack
from types import TracebackType

import torch

from cudagym.device import Buffer
from cudagym.memory import SharedMemory
from cudagym.record import Shape
from cudagym.specs.poison import is_poison, poison
from cudagym.specs.spec import KernelSpec, Parameter, Tensors


class Workspace:
    """Inputs filled in, outputs poisoned, one shared buffer for each array in signature order.

    A device maps inputs privately, so they cannot change here. Raises InfrastructureError when memory is short.
    """

    def __init__(self, spec: KernelSpec, shape: Shape, inputs: Tensors) -> None:
        self.spec, self.shape = spec, shape
        self._stack = ExitStack()
        self._memory: dict[str, SharedMemory] = {}
        with ExitStack() as cleanup:
            for parameter in spec.arrays:
                memory = cleanup.enter_context(SharedMemory(parameter.name, parameter.bytes(shape)))
                self._memory[parameter.name] = memory
                if parameter.role == "out":
                    poison(self.tensor(parameter))
                else:
                    self.tensor(parameter).copy_(inputs[parameter.name])
            self._stack = cleanup.pop_all()

    @property
    def buffers(self) -> tuple[Buffer, ...]:
        """What to hand to a device."""
        return tuple(
            Buffer(
                name=parameter.name,
                slot=slot,
                fd=self._memory[parameter.name].fd,
                size=parameter.bytes(self.shape),
                read_only=parameter.role == "in",
                holds_input=parameter.role != "out",
            )
            for slot, parameter in enumerate(self.spec.arrays)
        )

    def tensor(self, parameter: Parameter) -> torch.Tensor:
        """The array as it is now, in the parameter's dtype and extents. Invalid after the workspace is closed."""
        flat = torch.frombuffer(
            self._memory[parameter.name].bytes, dtype=parameter.dtype.torch, count=parameter.elements(self.shape)
        )
        return flat.view(parameter.extents(self.shape))

    def untouched(self, parameter: Parameter) -> torch.Tensor:
        """Per element (bool, flat), whether an array still holds its poison. False where writes do not show."""
        flat = self.tensor(parameter).flatten()
        if not self.shows_writes(parameter):
            return torch.zeros(flat.shape, dtype=torch.bool)
        return is_poison(flat)

    @staticmethod
    def shows_writes(parameter: Parameter) -> bool:
        """Whether an untouched element can be told: not in an `inout` array, and not where one byte may equal its
        poison by chance."""
        return parameter.role == "out" and parameter.dtype.size > 1

    def __enter__(self) -> Workspace:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()
