"""Attention that stores no scores, on tensor cores. attention.cu says what its macros choose."""

from __future__ import annotations

from typing import Any

from benchmarks.clock.cases import Address, Array, Call, Case

Defines = dict[str, str | int]


def attention(
    heads: int, length: int, head: int, *, warps: int, keys: int, shared: int, defines: Defines, **where: Any
) -> Case:
    """Attention of `heads` heads of `head` columns, `length` rows each. `where`: the fields of Case that name the row.

    `keys`: rows of K and V at a time. `shared`: bytes of shared memory.
    """
    size = heads * length * head * 2
    return Case(
        source="attention.cu",
        defines={"HEAD": head, "WARPS": warps, "KEYS": keys, **defines},
        arrays=(
            *(Array(bytes=size, content="random", dtype="f16") for _ in "qkv"),
            Array(bytes=size, dtype="f16"),
        ),
        calls=(
            Call(
                kernel="attention",
                grid=(length // (64 if defines.get("SPLIT") == "SPREAD" else 16 * warps), heads, 1),
                block=(32 * warps, 1, 1),
                arguments=(Address(array=0), Address(array=1), Address(array=2), Address(array=3), length),
                shared=shared,
            ),
        ),
        flops=4 * heads * length**2 * head,
        least_bytes=4 * size,
        math="fp16",
        warm=True,
        **where,
    )


def narrow(heads: int, length: int = 8192, first: int = 1) -> list[Case]:
    """T50 with 64 columns: whole tiles of K and V in shared memory. `first`: number of the first row."""
    where: dict[str, Any] = dict(table="T50", gpu="rtx3080-laptop")  # noqa: C408
    row = 2 * (64 + 8)
    cases = []
    for stages in (1, 2):
        # warps share rows and keys, and so must exchange what they find
        spread: Defines = {"STAGES": stages, "SPLIT": "SPREAD"}
        cases.append((first + stages, 8, spread, (64 + 64 * stages + 64 + 64) * row))
        # each has its rows; a buffer each for Q, K per stage and V
        own: Defines = {"STAGES": stages}
        cases.append((first + 2 + stages, 4, own, (64 + 64 * stages + 64) * row))
        # fragments of Q in registers, and its buffer for K and V in turn; O between tiles in fp32
        all_shared: Defines = {"STAGES": stages, "BUFFERS": "SHARED", "QUERIES": "KEPT", "SUM_F32": 1}
        cases.append((first + 4 + stages, 8, all_shared, 128 * row))
        # only K and V share
        kv_shared: Defines = {"STAGES": stages, "BUFFERS": "SHARED", "SUM_F32": 1}
        cases.append((first + 6 + stages, 8, kv_shared, (128 + 64 * stages) * row))
    return [
        attention(
            heads, length, 64, warps=warps, keys=64, shared=shared, defines=defines, row=f"T50-{number:02}", **where
        )
        for number, warps, defines, shared in cases
    ]


def wide(heads: int, length: int, first: int, names: tuple[str, ...], gpu: str, head: int = 512) -> list[Case]:
    """T50 with 512 columns: 16 of them at a time, in one stage and two. `first`: number of the first row."""
    kinds: dict[str, Defines] = {
        # slices of Q and K, 16 rows of V at a time
        "qk": {"BUFFERS": "SLICED"},
        # slices of Q swizzled
        "swizzle-q": {"BUFFERS": "SLICED", "SWIZZLE_Q": 1, "SWIZZLE_K": 0},
        # and those of K
        "swizzle-qk": {"BUFFERS": "SLICED", "SWIZZLE_Q": 1, "SWIZZLE_K": 1},
        # slices of V too
        "qkv": {"BUFFERS": "SLICED_V"},
    }
    cases = []
    for name in names:
        for stages in (1, 2):
            kind = kinds[name]
            slices = 128 * 2 * (32 - 8 * int(kind.get("SWIZZLE_Q", 0)) + 16 - 8 * int(kind.get("SWIZZLE_K", 0)))
            values = 2 * (128 * (16 + 8) if name == "qkv" else 16 * (head + 8))
            shared = stages * max(slices, values)
            cases.append(
                attention(
                    heads,
                    length,
                    head,
                    warps=8,
                    keys=128,
                    shared=shared,
                    defines=kind | {"STAGES": stages},
                    table="T50",
                    row=f"T50-{first + len(cases):02}",
                    gpu=gpu,
                )
            )
    return cases


CASES: tuple[Case, ...] = (
    *narrow(8),
    *narrow(48, first=11),
    *wide(8, 8192, 21, ("qk",), "rtx3080-laptop"),
    *wide(48, 16384, 24, ("qk", "swizzle-q", "swizzle-qk", "qkv"), "l20"),
)
