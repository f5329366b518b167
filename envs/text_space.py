"""AnyText: the space of every Python string, for observations and actions that are source text.

gymnasium's own `Text` wants a character set and walks over each string, one character at a time. An agent can
emit anything (NULs, lone surrogates, a megabyte of noise), and all of it is a legal action here.

Text observations also pass through the shared memory of `AsyncVectorEnv`, which gymnasium's `Text` reads only
once: the functions at the end of this module register a form that stays current.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence
from types import ModuleType
from typing import Any, overload

import numpy as np
import numpy.typing as npt
from gymnasium.spaces import Text
from gymnasium.vector.utils.shared_memory import (
    create_shared_memory,
    read_from_shared_memory,
    write_to_shared_memory,
)

OBSERVATION_CHARACTERS = 1 << 16
"""The longest observation, in characters: a prompt and a message, with room to spare."""

_HEADER = 8
_BYTES_PER_CHARACTER = 4
_FRAGMENTS = (
    'extern "C" void solve(',
    "__global__ void kernel(",
    "float* y, int n) {",
    "int i = blockIdx.x * blockDim.x + threadIdx.x;",
    "if (i < n) y[i] = x[i];",
    "kernel<<<1, 32>>>(x, y, n);",
    "}",
    "\n",
    "é",
    "\0",
)


class AnyText(Text):
    """Every string of at most `max_length` characters; of any length when that is None.

    Samples are short scraps of CUDA, good for exercising an environment and never a correct kernel.
    """

    def __init__(self, max_length: int | None = None, *, seed: int | np.random.Generator | None = None) -> None:
        self.bounded = max_length is not None
        super().__init__(np.iinfo(np.int64).max if max_length is None else max_length, min_length=0, seed=seed)

    def contains(self, x: Any) -> bool:
        return isinstance(x, str) and len(x) <= self.max_length

    def sample(self, mask: Any = None, probability: Any = None) -> str:
        """A scrap of text. Raises ValueError for a mask: there is no character set to mask."""
        if mask is not None or probability is not None:
            raise ValueError("AnyText has no character set, so it takes neither mask nor probability")
        count = int(self.np_random.integers(0, 12))
        scrap = "".join(_FRAGMENTS[i] for i in self.np_random.integers(0, len(_FRAGMENTS), count))
        return scrap[: self.max_length]

    def __eq__(self, other: object, /) -> bool:
        return isinstance(other, AnyText) and self.max_length == other.max_length

    def __repr__(self) -> str:
        return f"AnyText({self.max_length})" if self.bounded else "AnyText()"


class SharedTexts(Sequence[str]):
    """A live view of the texts in shared memory, as numpy's arrays are for numbers.

    Reading an item decodes what is there now. A deep copy, which `AsyncVectorEnv` takes of every observation
    unless told otherwise, is a plain tuple.
    """

    def __init__(self, memory: Any, slot: int, count: int) -> None:
        self._memory, self._slot, self._count = memory, slot, count

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[str, ...]: ...
    def __getitem__(self, index: int | slice) -> str | tuple[str, ...]:
        if isinstance(index, slice):
            return tuple(self[i] for i in range(*index.indices(self._count)))
        start = range(self._count)[index] * self._slot
        raw = _bytes_of(self._memory)
        size = int.from_bytes(raw[start : start + _HEADER].tobytes(), "little")
        return raw[start + _HEADER : start + _HEADER + size].tobytes().decode("utf-8", "surrogatepass")

    def __deepcopy__(self, memo: dict[int, Any]) -> tuple[str, ...]:
        return tuple(self)


def _bytes_of(memory: Any) -> npt.NDArray[np.uint8]:
    return np.frombuffer(memory.get_obj(), dtype=np.uint8)


def _slot_bytes(space: AnyText) -> int:
    if not space.bounded:
        raise TypeError("an AnyText without a length does not fit shared memory: pass shared_memory=False")
    return _HEADER + _BYTES_PER_CHARACTER * space.max_length


@create_shared_memory.register(AnyText)
def _create(space: AnyText, n: int = 1, ctx: ModuleType = multiprocessing) -> Any:
    return ctx.Array("B", n * _slot_bytes(space))


@read_from_shared_memory.register(AnyText)
def _read(space: AnyText, shared_memory: Any, n: int = 1) -> SharedTexts:
    return SharedTexts(shared_memory, _slot_bytes(space), n)


@write_to_shared_memory.register(AnyText)
def _write(space: AnyText, index: int, value: str, shared_memory: Any) -> None:
    data = value.encode("utf-8", "surrogatepass")
    start = index * _slot_bytes(space)
    framed = np.frombuffer(len(data).to_bytes(_HEADER, "little") + data, dtype=np.uint8)
    _bytes_of(shared_memory)[start : start + len(framed)] = framed
