"""Matrix products on tensor cores, from the first mma to multi-stage pipelines. tensor_gemm.cu has the rungs."""

from __future__ import annotations

from typing import Any

from benchmarks.clock.cases import Address, Array, Call, Case

Defines = dict[str, str | int]

_BYTES = {"f16": 2, "bf16": 2, "i8": 1, "i32": 4, "f32": 4}
_NAMES = {"f16": "half", "bf16": "bf16", "i8": "int8_t", "i32": "int", "f32": "float"}


def product(
    rung: str,
    size: int,
    *,
    tile: tuple[int, int, int],
    warps: tuple[int, int] = (2, 4),
    types: tuple[Any, Any] = ("f16", "f32"),
    block: tuple[int, int, int] | None = None,
    flat: bool = True,
    static: bool = False,
    defines: Defines | None = None,
    **where: Any,
) -> Case:
    """The product of two matrices of `size` by `size`, a block computing `tile` (m, n, and k at a time) of it.

    `where`: the fields of Case that say which row this is. `flat` grids have one dimension, in rows of tiles.
    """
    operand, result = types
    m, n, k = tile
    options = dict(defines or {})
    rows, columns = size // m, size // n
    pad = 16 if options.get("LAYOUT") == "PADDED" else 0
    slab = (m + n) * (k * _BYTES[operand] + pad)
    return Case(
        source="tensor_gemm.cu",
        defines={
            "RUNG": rung,
            "IN": _NAMES[operand] if operand != "f32" else "half",
            "OPERAND": _NAMES[operand],
            "OUT": _NAMES[result],
            **({"BLOCK_M": m, "BLOCK_N": n, "BLOCK_K": k} if operand != "f32" else {}),
            "WARPS_M": warps[0],
            "WARPS_N": warps[1],
            **options,
        },
        arrays=(
            Array(bytes=size * size * _BYTES[operand], content="random", dtype=operand),
            Array(bytes=size * size * _BYTES[operand], content="random", dtype=operand),
            Array(bytes=size * size * _BYTES[result], dtype=result),
        ),
        calls=(
            Call(
                kernel="gemm",
                grid=(rows * columns, 1, 1) if flat else (columns, rows, 1),
                block=block or (32 * warps[0] * warps[1], 1, 1),
                arguments=(Address(array=0), Address(array=1), Address(array=2), size, size, size),
                shared=0 if static else slab * int(options.get("STAGES", 1)),
            ),
        ),
        flops=2 * size**3,
        least_bytes=size * size * (2 * _BYTES[operand] + _BYTES[result]),
        math={"f16": "fp16", "bf16": "bf16", "i8": "int8", "f32": "fp32"}[operand],
        **where,
    )


def ada(size: int = 4096) -> list[Case]:
    """T27: fp16 to fp32 from fragments gathered by element to a pipeline of three stages."""
    where: dict[str, Any] = dict(table="T27", gpu="rtx4090", warm=False, clock_mhz=2520)  # noqa: C408
    square: dict[str, Any] = dict(block=(16, 16, 1), flat=False, static=True)  # noqa: C408
    swizzled: Defines = {"LAYOUT": "SWIZZLED", "K_INNERMOST": 1, "B_TILES": 1}
    pipeline: Defines = swizzled | {
        "LOADS": "PER_SLAB",
        "COPY": "ASYNC",
        "L2_HINT": '".L2::128B"',
        "STAGES": 3,
        "BARRIERS": 1,
    }
    small, large = (64, 64, 32), (128, 128, 32)
    return [
        product("elements<1>", size, row="T27-02", tile=(32, 32, 16), **square, **where),
        # each warp computes 2 by 2 tiles, so an element read from shared memory is used twice
        product("elements<2>", size, row="T27-03", tile=(64, 64, 16), **square, **where),
        # ldmatrix on swizzled slabs twice as deep, copied 16 bytes at a time
        product("fragments", size, row="T27-04", tile=small, defines=swizzled | {"LOADS": "PER_PRODUCT"}, **where),
        # a warp keeps a row of A in registers
        product("fragments", size, row="T27-05", tile=small, defines=swizzled | {"LOADS": "PER_ROW"}, **where),
        # three slabs by cp.async, all fragments of one in registers
        product("fragments", size, row="T27-06", tile=small, defines=pipeline, **where),
        # four times the tile
        product("fragments", size, row="T27-07", tile=large, defines=pipeline, **where),
    ]


def geforce(size: int, rows: dict[str, str]) -> list[Case]:
    """T23: bf16, from slabs copied through registers to swizzled slabs in two stages. `rows`: by rung's name."""
    plain: Defines = {"ADDRESSES": "ANEW", "B_TILES": 1}
    swizzled = plain | {"COPY": "ASYNC", "LAYOUT": "SWIZZLED"}
    xored: Defines = {"ADDRESSES": "XORED", "COPY": "ASYNC", "LAYOUT": "SWIZZLED"}
    staged = xored | {"LOADS": "PER_SLAB", "STAGES": 2}
    rungs: dict[str, Defines] = {
        "v1": plain,
        # cp.async past the registers, which leaves room for a third block per SM; asked for all fragments of a slab,
        # the compiler spreads their loads as it does for the row's kernel
        "v2": plain | {"COPY": "ASYNC", "LOADS": "PER_SLAB"},
        # 16 bytes more per row against bank conflicts
        "v3": plain | {"COPY": "ASYNC", "LAYOUT": "PADDED"},
        # swizzled instead
        "v4": swizzled,
        # two tiles of B per ldmatrix, addresses computed once
        "v5": xored,
        # the next slab on its way while this one is multiplied
        "v6": staged,
        # blocks in groups of eight rows of tiles
        "v6b": staged | {"GROUP": 8},
    }
    return [
        product(
            "fragments",
            size,
            row=row,
            tile=(128, 128, 64),
            warps=(2, 2),
            types=("bf16", "bf16"),
            defines=rungs[rung],
            table="T23",
            gpu="rtx5090",
            warm=False,
        )
        for rung, row in rows.items()
    ]


def workstation(size: int, first: int) -> list[Case]:
    """T19: fp32 without tensor cores, wmma, then mma from element-wise copies to a tile of 64 by 64 per warp.

    `first`: number of the row of the first.
    """
    where: dict[str, Any] = dict(table="T19", gpu="rtxpro6000", warm=True)  # noqa: C408
    base: Defines = {"B_BY_K": 1, "ADDRESSES": "ANEW", "COPY": "ELEMENTS", "GUARDED": 1}
    swizzled = base | {"LAYOUT": "SWIZZLED"}
    vector = swizzled | {"COPY": "ASYNC"}
    pipe = vector | {"STAGES": 2, "STAGE_TABLE": 1}
    opaque = pipe | {"LAYOUT": "PLAIN", "STAGES": 3 if size >= 1536 else 2}
    wide = 128 if size >= 1536 else 64
    cuda_cores: dict[str, Any] = dict(types=("f32", "f32"), flat=False, static=True)  # noqa: C408
    tile, warps = (128, 128, 32), (4, 4)
    cases = [
        product("naive", size, tile=(16, 16, 16), block=(16, 16, 1), **cuda_cores, row="", **where),
        # operands from tiles in shared memory
        product("tiled", size, tile=(32, 32, 32), warps=(4, 8), block=(32, 32, 1), **cuda_cores, row="", **where),
        # tensor cores through wmma, with slabs by cp.async
        product("opaque", size, tile=(wide, wide, 32), warps=warps, defines=opaque, row="", **where),
        # mma itself, but slabs copied element by element
        product("fragments", size, tile=tile, warps=warps, defines=base, row="", **where),
        # slabs swizzled against bank conflicts
        product("fragments", size, tile=tile, warps=warps, defines=swizzled, row="", **where),
        # copied by cp.async
        product("fragments", size, tile=tile, warps=warps, defines=vector, row="", **where),
        # the next slab on its way while this one is multiplied
        product("fragments", size, tile=tile, warps=warps, defines=pipe, row="", **where),
        # a quarter of the warps, four times the tile for each
        product("fragments", size, tile=tile, warps=(2, 2), defines=pipe, row="", **where),
    ]
    return [case.model_copy(update={"row": f"T19-{first + i:02}"}) for i, case in enumerate(cases)]


def geforce_wide(size: int, row: str, operand: str) -> Case:
    """T26 v0: two stages as T23's last, tiles of 256 by 128, bf16 or int8."""
    return product(
        "fragments",
        size,
        row=row,
        tile=(256, 128, 64),
        warps=(4, 2),
        types=(operand, "bf16" if operand == "bf16" else "i32"),
        defines={"COPY": "ASYNC", "LAYOUT": "SWIZZLED", "STAGES": 2, "GROUP": 8},
        table="T26",
        gpu="rtx5090",
        warm=False,
    )


CASES: tuple[Case, ...] = (
    *ada(),
    *geforce(
        4096,
        {
            "v1": "T23-03",
            "v2": "T23-04",
            "v3": "T23-05",
            "v4": "T23-06",
            "v5": "T23-07",
            "v6": "T23-08",
            "v6b": "T23-09",
        },
    ),
    *geforce(2048, {"v6": "T23-12", "v6b": "T23-14"}),
    *geforce(8192, {"v6": "T23-13", "v6b": "T23-15"}),
    *(case for i, size in enumerate((512, 1024, 2048, 4096, 8192)) for case in workstation(size, 1 + 11 * i)),
    *(geforce_wide(size, f"T26-{4 + i:02}", "bf16") for i, size in enumerate((2048, 4096, 8192))),
    *(geforce_wide(size, f"T26-{16 + i:02}", "i8") for i, size in enumerate((2048, 4096, 8192))),
)
