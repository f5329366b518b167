"""Single-precision products without tensor cores: ladders from one element per thread to warp tiles.

sgemm.cu has the rungs; here are the rows they stand for, with each row's tile sizes and problem.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.clock.cases import Address, Array, Call, Case
from cudagym.build.program import Dim3
from cudagym.record import Record

Size = int | tuple[int, int, int]


class Rung(Record):
    """One kernel of a ladder with its tile sizes."""

    kernel: str
    """A function of the source with its template arguments."""
    tile: tuple[int, int] = (32, 32)
    """Rows and columns of C that a block makes."""
    block: Dim3 = (1024, 1, 1)
    down: bool = False
    """Whether blockIdx.x counts rows of tiles, not columns."""
    bounds: str = ""
    """What the kernel tells the compiler of its launch."""
    unrolled: str = ""
    """How far the loop over the inner dimension is unrolled, where that is not left to the compiler."""
    guarded: bool = False
    """Whether it is of sgemm_guarded.cu, whose kernels take lengths of rows as well."""


def product(rung: Rung, size: Size, scale: tuple[float, float] = (0.5, 3.0), **row: Any) -> Case:
    """C = alpha A B + beta C for m, n and k of `size` and alpha and beta of `scale`.

    `row`: the fields of Case that say which row this is.
    """
    m, n, k = (size, size, size) if isinstance(size, int) else size
    rows, columns = -(-m // rung.tile[0]), -(-n // rung.tile[1])
    options = {"BOUNDS": rung.bounds, "UNROLLED": rung.unrolled and f'_Pragma("{rung.unrolled}")'}
    defines = {"RUNG": rung.kernel} | {name: text for name, text in options.items() if text}
    a, b, c = (Address(array=i) for i in range(3))
    alpha, beta = scale
    if rung.guarded:
        arguments: tuple[Any, ...] = (m, n, k, alpha, a, k, b, n, beta, c, n)
    else:
        arguments = (m, n, k, alpha, a, b, beta, c)
    return Case(
        source="sgemm_guarded.cu" if rung.guarded else "sgemm.cu",
        defines=defines | row.pop("defines", {}),
        arrays=(
            Array(bytes=4 * m * k, content="random"),
            Array(bytes=4 * k * n, content="random"),
            Array(bytes=4 * m * n, content="random"),
        ),
        calls=(
            Call(
                kernel="sgemm",
                grid=(rows, columns, 1) if rung.down else (columns, rows, 1),
                block=rung.block,
                arguments=arguments,
            ),
        ),
        flops=2.0 * m * n * k,
        least_bytes=4.0 * (m * k + k * n + (2 if beta else 1) * m * n),
        **{"warm": True, **row},
    )


NAIVE = Rung(kernel="down_columns", block=(32, 32, 1), down=True)
COALESCED = Rung(kernel="along_rows<32>", down=True)
SHARED = Rung(kernel="in_shared<32, true>", down=True)
STRIPS = Rung(kernel="strips<64, 64, 8, 8>", tile=(64, 64), block=(512, 1, 1))
_LARGE: dict[str, Any] = {"tile": (128, 128), "block": (256, 1, 1)}
SQUARES = Rung(kernel="squares<128, 128, 8, 8, 8>", bounds="__launch_bounds__(256, 1)", **_LARGE)
VECTORS = Rung(kernel="transposed<128, 128, 8, 8, 8>", **_LARGE)
INTERLEAVED = Rung(kernel="transposed<128, 128, 8, 8, 8, Interleaved>", **_LARGE)
PADDED = Rung(kernel="transposed<128, 128, 8, 8, 8, Padded>", **_LARGE)
DEEPER = Rung(kernel="transposed<128, 128, 16, 8, 8>", bounds="__launch_bounds__(256)", **_LARGE)
WARPS = Rung(
    kernel="warp_tiles<128, 128, 16, 64, 64, 4, 8, 4>",
    tile=(128, 128),
    block=(128, 1, 1),
    bounds="__launch_bounds__(128, 3)",
    unrolled="unroll",
)
TURNS = Rung(
    kernel="taking_turns<128, 256, 16, 128, 32, 1, 8, 8>",
    tile=(128, 256),
    block=(256, 1, 1),
    bounds="__launch_bounds__(256)",
)


def a6000(size: Size = 4096) -> list[Case]:
    """T01: the ladder at its last commit, tuned for this card."""
    rungs = (NAIVE, COALESCED, SHARED, STRIPS, SQUARES, INTERLEAVED, PADDED, TURNS, VECTORS, DEEPER, WARPS)
    return [product(rung, size, table="T01", row=f"T01-{i:02}", gpu="a6000") for i, rung in enumerate(rungs, start=1)]


def a100(size: Size = 4096) -> list[Case]:
    """T03: an earlier commit, tuned for the A100: smaller tiles, and barriers before the copies."""
    vectors = VECTORS.model_copy(update={"kernel": "transposed<128, 128, 8, 8, 8, Plain, true>"})
    smaller = Rung(
        kernel="transposed<64, 64, 16, 4, 4, Plain, true>",
        tile=(64, 64),
        block=(256, 1, 1),
        bounds="__launch_bounds__(256)",
        unrolled="unroll 8",
    )
    warps = Rung(kernel="warp_tiles<128, 128, 16, 64, 32, 2, 4, 4>", bounds="__launch_bounds__(256)", **_LARGE)
    rungs = (NAIVE, COALESCED, SHARED, STRIPS, SQUARES, PADDED, INTERLEAVED, vectors, smaller, warps)
    return [product(rung, size, table="T03", row=f"T03-{i:02}", gpu="a100") for i, rung in enumerate(rungs, start=1)]


def rtx3090(size: Size = 4096) -> list[Case]:
    """T08: kernels for any size, by element and 16 bytes at a time."""
    one: dict[str, Any] = {"block": (32, 32, 1), "guarded": True}
    strip: dict[str, Any] = {"tile": (64, 64), "block": (512, 1, 1), "guarded": True}
    square: dict[str, Any] = {"guarded": True, **_LARGE}
    rungs = (
        Rung(kernel="elements<true>", down=True, **one),
        Rung(kernel="elements<false>", **one),
        Rung(kernel="in_shared<32, 32, 32, false>", **one),
        Rung(kernel="in_shared<32, 32, 32, true>", **one),
        Rung(kernel="strips<64, 64, 8, 8, false>", **strip),
        Rung(kernel="strips<64, 64, 8, 8, true>", **strip),
        Rung(kernel="squares<128, 128, 16, 8, 8, false, false, false>", **square),
        Rung(kernel="squares<128, 128, 16, 8, 8, false, false, true>", **square),
        Rung(kernel="squares<128, 128, 16, 8, 8, true, false, false>", **square),
        Rung(kernel="squares<128, 128, 16, 8, 8, true, true, true>", **square),
        Rung(kernel="squares<128, 128, 16, 8, 8, true, false, false, 32>", **square),
        Rung(kernel="squares<128, 128, 16, 8, 8, true, true, true, 32>", **square),
    )
    return [
        product(rung, size, (1.0, 0.0), table="T08", row=f"T08-{i:02}", gpu="rtx3090")
        for i, rung in enumerate(rungs, start=2)
    ]


def p100(sizes: tuple[Size, ...] = (128, 256, 512, 1024, 2048, 4096)) -> list[Case]:
    """T06: the A6000's ladder without the bank conflicts' two, tuned for the P100."""
    shallow = DEEPER.model_copy(update={"kernel": VECTORS.kernel})
    warps = Rung(
        kernel="warp_tiles<64, 64, 16, 32, 32, 2, 4, 4>",
        tile=(64, 64),
        block=(128, 1, 1),
        bounds="__launch_bounds__(128)",
    )
    rungs = (NAIVE, COALESCED, SHARED, STRIPS, SQUARES, VECTORS, shallow, warps)
    return _grid("T06", 7, "p100", rungs, sizes)


def v100(sizes: tuple[Size, ...] = (256, 512, 1024, 2048, 4096, 5120)) -> list[Case]:
    """T07: the ladder that siboehm's began as, with a last rung that reads ahead."""
    unrolled = {"unrolled": "unroll"}
    rungs = (
        Rung(kernel="along_rows_2d<false>", block=(32, 32, 1), bounds="__launch_bounds__(1024)"),
        Rung(kernel="in_shared<32, false>"),
        STRIPS.model_copy(update={"bounds": "__launch_bounds__(512, 2)"} | unrolled),
        *(SQUARES.model_copy(update={"bounds": ""} | unrolled),) * 2,
        VECTORS.model_copy(update=unrolled),
        Rung(kernel="ahead<128, 128, 8, 8, 8>", **_LARGE),
    )
    return _grid("T07", 7, "v100", rungs, sizes, scale=(1.0, 0.0))


def gtx1060(sizes: tuple[Size, ...] = (128, 256, 512, 1024, 2048, 4096)) -> list[Case]:
    """T31: products without alpha and beta, of pointers that do not alias, in at most 128 registers."""
    large: dict[str, Any] = {"tile": (128, 128), "block": (16, 16, 1), "bounds": "__maxnreg__(128)"}
    rungs = (
        Rung(kernel="along_rows_2d<true>", block=(32, 32, 1), bounds="__maxnreg__(128)", unrolled="unroll 4"),
        Rung(kernel="wide_copies<128, 128, 8, 8, 8>", **large),
        Rung(kernel="quarters<128, 128, 8>", **large),
        Rung(kernel="quarters_ahead<128, 128, 8>", **large),
    )
    defines = {"SCALED": 0, "RESTRICT": "__restrict__"}
    return _grid("T31", 7, "gtx1060", rungs, sizes, scale=(1.0, 0.0), defines=defines)


SEVEN_CARDS: dict[str, tuple[int, ...]] = {
    "rtx4090": (16384, 12288, 9216, 8704, 8448, 8192, 7936, 7680, 7168, 6144, 5120, 4096, 3840, 3584),
    "h100": (12288, 8192, 4096),
    "a100": (12288, 8192, 4096),
    "rtx4070tisuper": (8192, 4096),
    "rtx3090ti": (16384, 12288, 8192, 4096),
    "gtx1080ti": (4096,),
    "t4": (4096,),
}


def seven_cards(sizes: Mapping[str, Sequence[Size]] = SEVEN_CARDS) -> list[Case]:
    """T30: one kernel on seven cards. It makes half of the product: else the A100's rows would be beyond its peak."""
    rung = Rung(kernel="half_of_the_rows<16>", tile=(256, 256), block=(32, 16, 1))
    pairs = [(gpu, size) for gpu, own in sizes.items() for size in own]
    cases = [
        product(rung, size, table="T30", row=f"T30-{i:02}", gpu=gpu) for i, (gpu, size) in enumerate(pairs, start=1)
    ]
    return [case.model_copy(update={"flops": case.flops / 2}) for case in cases]


def _grid(table: str, first: int, gpu: str, rungs: tuple[Rung, ...], sizes: tuple[Size, ...], **row: Any) -> list[Case]:
    """A case for each rung and size, in the order of the table's rows from the `first` on."""
    pairs = [(rung, size) for rung in rungs for size in sizes]
    return [
        product(rung, size, table=table, row=f"{table}-{i:02}", gpu=gpu, **row)
        for i, (rung, size) in enumerate(pairs, start=first)
    ]


CASES: tuple[Case, ...] = (
    *a6000(),
    *a100(),
    *p100(),
    *v100(),
    *rtx3090(),
    *seven_cards(),
    *gtx1060(),
)
