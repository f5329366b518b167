"""Single-precision products without tensor cores: ladders from one element per thread to warp tiles.

sgemm.cu has the rungs; here are the rows they stand for, with each row's tile sizes and problem.
"""

from __future__ import annotations

from typing import Any

from benchmarks.clock.cases import Address, Array, Call, Case
from cudagym.build.program import Dim3
from cudagym.record import Record

Size = int | tuple[int, int, int]


class Rung(Record):
    """One kernel of a ladder with its tile sizes."""

    kernel: str
    """A function of sgemm.cu with its template arguments."""
    tile: tuple[int, int] = (32, 32)
    """Rows and columns of C that a block makes."""
    block: Dim3 = (1024, 1, 1)
    down: bool = False
    """Whether blockIdx.x counts rows of tiles, not columns."""
    bounds: str = ""
    """What the kernel tells the compiler of its launch."""
    unrolled: str = ""
    """How far the loop over a tile is unrolled, where that is not left to the compiler."""


def product(rung: Rung, size: Size, scale: tuple[float, float] = (0.5, 3.0), **row: Any) -> Case:
    """C = alpha A B + beta C for m, n and k of `size` and alpha and beta of `scale`.

    `row`: the fields of Case that say which row this is.
    """
    m, n, k = (size, size, size) if isinstance(size, int) else size
    rows, columns = -(-m // rung.tile[0]), -(-n // rung.tile[1])
    options = {"BOUNDS": rung.bounds, "UNROLLED": rung.unrolled and f'_Pragma("{rung.unrolled}")'}
    defines = {"RUNG": rung.kernel} | {name: text for name, text in options.items() if text}
    return Case(
        source="sgemm.cu",
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
                arguments=(m, n, k, scale[0], Address(array=0), Address(array=1), scale[1], Address(array=2)),
            ),
        ),
        flops=2.0 * m * n * k,
        least_bytes=4.0 * (m * k + k * n + (2 if scale[1] else 1) * m * n),
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


CASES: tuple[Case, ...] = (*a6000(), *a100())
