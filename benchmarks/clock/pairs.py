"""Pairs of kernels that do the same work, of which one is slower for one cause. pairs.cu has the kernels.

No one has published times for them: they ask whether a prediction sees the cause and knows which kernel is the
slower. Sizes are such that on real cards the cause costs at least a factor 1.3.
"""

from __future__ import annotations

from benchmarks.clock.cases import Address, Array, Call, Case
from cudagym.build.program import Dim3
from cudagym.hardware import GPU
from cudagym.hardware import gpu as gpu_named
from cudagym.record import Record


class Pair(Record):
    """Two cases of equal results."""

    cause: str
    """Why the slow one is slow, in a few words."""
    slow: Case
    fast: Case


class _Side(Record):
    """How one of the two is launched."""

    kernel: str
    blocks: int | tuple[int, int]
    threads: int | tuple[int, int]
    arguments: tuple[int, ...] = ()
    """Those after the arrays."""
    shared: int = 0
    launches: int = 1
    """Over which the arrays' first dimension is spread."""


def _pair(card: GPU, cause: str, arrays: tuple[Array, ...], slow: _Side, fast: _Side, flops: float = 0) -> Pair:
    return Pair(cause=cause, slow=_case(card, arrays, slow, flops), fast=_case(card, arrays, fast, flops))


def _case(card: GPU, arrays: tuple[Array, ...], side: _Side, flops: float) -> Case:
    def call(turn: int) -> Call:
        addresses = (Address(array=i, offset=turn * a.bytes // side.launches) for i, a in enumerate(arrays))
        return Call(
            kernel=side.kernel,
            grid=_dim3(side.blocks),
            block=_dim3(side.threads),
            arguments=(*addresses, *side.arguments),
            shared=side.shared,
        )

    return Case(
        table="pairs",
        row=side.kernel,
        gpu=card.name,
        source="pairs.cu",
        arrays=arrays,
        calls=tuple(call(turn) for turn in range(side.launches)),
        flops=flops,
        least_bytes=sum(array.bytes for array in arrays),
        warm=True,
    )


def _dim3(size: int | tuple[int, int]) -> Dim3:
    return (size, 1, 1) if isinstance(size, int) else (*size, 1)


def _floats(*numbers: int) -> tuple[Array, ...]:
    return tuple(Array(bytes=4 * number, content="random") for number in numbers)


def _integers(*numbers: int) -> tuple[Array, ...]:
    return tuple(Array(bytes=4 * number, content="random", dtype="i32") for number in numbers)


def pairs(gpu: str = "a100", shrink: int = 1) -> tuple[Pair, ...]:
    """All pairs for a card, their problems smaller by a power of two, for tests."""
    return (*_of_memory(gpu_named(gpu), shrink), *_of_arithmetic(gpu_named(gpu), shrink))


def _of_memory(card: GPU, shrink: int) -> list[Pair]:
    n, few = (1 << 26) // shrink, 1 << 18
    side = max(8192 // shrink, 128)
    square, tile = _floats(side * side, side * side), (side // 32, side // 32)
    small = max(2048 // shrink, 128)
    product = _floats(small * small, small * small, small * small)
    tiles = _Side(kernel="product_from_tiles", blocks=(small // 32,) * 2, threads=(32, 32), arguments=(small,))
    copies, counts = _floats(n, n), (*_integers(n), Array(bytes=1024, dtype="i32"))
    all_sms, turns = card.sms * card.max_warps_per_sm // 8, max(512 // shrink, 8)
    streams = _floats(card.sms * turns * 128, card.sms * 128)
    rows, columns = max(16384 // shrink, 8), 4096
    vectors = _floats(rows * columns, 8 * columns, 8 * rows)

    def ends(slow: str, fast: str, blocks: int, threads: int, *arguments: int) -> tuple[_Side, _Side]:
        one, other = (
            _Side(kernel=kernel, blocks=blocks, threads=threads, arguments=arguments) for kernel in (slow, fast)
        )
        return one, other

    def twice(blocks: int, threads: int, shared: int = 0) -> _Side:
        return _Side(kernel="twice", blocks=blocks, threads=threads, arguments=(n,), shared=shared)

    return [
        _pair(
            card,
            "lanes down a column",
            square,
            _Side(kernel="copy_down_columns", blocks=tile, threads=(32, 32), arguments=(side,)),
            _Side(kernel="copy_along_rows", blocks=tile, threads=(32, 32), arguments=(side,)),
        ),
        _pair(
            card,
            "an array of structures",
            _floats(n, n // 8),
            *ends("field_of_structures", "field_of_arrays", n // 2048, 256),
        ),
        _pair(
            card,
            "bank conflicts",
            _floats(1024, all_sms * 256),
            *ends("conflicting_columns", "padded_columns", all_sms, 256, 2 * turns),
        ),
        _pair(
            card,
            "no tiles in shared memory",
            product,
            tiles.model_copy(update={"kernel": "product_from_memory"}),
            tiles,
            flops=2.0 * small**3,
        ),
        _pair(
            card,
            "no tiles in registers",
            product,
            tiles,
            _Side(kernel="product_in_registers", blocks=(small // 64,) * 2, threads=256, arguments=(small,)),
            flops=2.0 * small**3,
        ),
        _pair(card, "few warps per SM", copies, twice(n // 64, 64, shared=48 << 10), twice(n // 64, 64)),
        _pair(card, "few blocks", copies, twice(16, 256), twice(all_sms, 256)),
        _pair(card, "many launches", _floats(few, few), _launches(few, 256), _launches(few, 1)),
        _pair(card, "no reading ahead", streams, *ends("read_in_turn", "read_ahead", card.sms, 128, turns)),
        _pair(
            card,
            "one byte per thread",
            _floats(n, n),
            _Side(kernel="copy_bytes", blocks=n // 64, threads=256),
            _Side(kernel="copy_sixteen_bytes", blocks=n // 1024, threads=256),
        ),
        _pair(
            card,
            "each thread's atomic on one address",
            (*_floats(n // 4), Array(bytes=4)),
            *ends("sum_by_threads", "sum_by_warps", n // 1024, 256),
        ),
        _pair(
            card,
            "a histogram in global memory",
            counts,
            *ends("bins_in_memory", "bins_in_shared", all_sms, 256, n),
        ),
        _pair(
            card,
            "contended atomics in shared memory",
            counts,
            *ends("bins_of_blocks", "bins_of_lanes", all_sms, 256, n),
        ),
        _pair(
            card,
            "a matrix read for each vector",
            vectors,
            *ends("matrix_for_each_vector", "matrix_once", rows // 8, 256, rows, columns),
            flops=16.0 * rows * columns,
        ),
    ]


def _launches(n: int, count: int) -> _Side:
    return _Side(kernel="twice", blocks=n // count // 256, threads=256, arguments=(n // count,), launches=count)


def _of_arithmetic(card: GPU, shrink: int) -> list[Pair]:
    blocks, turns = max(card.sms * 64 // shrink, 2), max(4096 // shrink, 128)
    n = 1024 * blocks
    each = _floats(n, n)

    def both(slow: str, fast: str, *arguments: int, threads: int = 1024) -> tuple[_Side, _Side]:
        one, other = (
            _Side(kernel=kernel, blocks=n // threads, threads=threads, arguments=arguments) for kernel in (slow, fast)
        )
        return one, other

    chains = _floats(card.sms * 512, card.sms * 512)
    tail = _Side(kernel="one_long_block", blocks=card.sms * 48, threads=128, arguments=(turns // 4, 1), shared=48 << 10)
    tail_arrays = _floats(card.sms * 48 * 128, card.sms * 48 * 128)
    return [
        _pair(card, "lanes of a warp take four ways", each, *both("ways_of_lanes", "ways_of_warps", threads=128)),
        _pair(card, "one long loop in each warp", each, *both("long_lanes", "long_warps")),
        _pair(
            card,
            "spilled registers",
            _floats(4 * turns, n),
            *both("sums_in_32_registers", "sums_in_registers", turns // 8, threads=128),
            flops=12.0 * n * turns,
        ),
        _pair(
            card,
            "dependent instructions",
            chains,
            _Side(kernel="chains_in_turn", blocks=card.sms, threads=128, arguments=(turns,)),
            _Side(kernel="chains_at_once", blocks=card.sms, threads=128, arguments=(turns,)),
        ),
        _pair(
            card,
            "a long block begun last",
            tail_arrays,
            tail,
            tail.model_copy(update={"arguments": (turns // 4, 0)}),
        ),
        _pair(
            card,
            "integer division",
            _integers(n, n),
            _Side(kernel="divide", blocks=blocks, threads=1024, arguments=(8, turns // 16)),
            _Side(kernel="shift", blocks=blocks, threads=1024, arguments=(3, turns // 16)),
        ),
        _pair(card, "double constants", each, *both("double_constants", "float_constants", turns // 8)),
        _pair(card, "exact roots and divisions", each, *both("exact_roots", "quick_roots", turns // 16)),
        _pair(card, "a barrier for each halving", each, *both("centre_by_halving", "centre_by_shuffles", turns // 64)),
        _pair(card, "an array in local memory", each, *both("array_in_memory", "array_in_registers", turns // 64)),
    ]


PAIRS = pairs()
