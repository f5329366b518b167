"""Attention that stores no scores, with sums in fp32, as a ladder. attention_fp32.cu says what each step changes."""

from __future__ import annotations

from benchmarks.clock.cases import Address, Array, Call, Case

Defines = dict[str, str | int]
HEAD = 128


def steps() -> list[Defines]:
    """The macros of T29's rows, from the first to the last."""
    swizzled: Defines = {"SWIZZLED": 1}
    eager = swizzled | {"EAGER": 1}
    sliced = eager | {"ALL_Q": 0, "ALL_K": 0, "ALL_V": 0}
    double = sliced | {"DOUBLE": 1}
    fused = double | {"FUSED_SCALE": 1}
    tuned = fused | {"ROWS": 128, "KEYS": 32}
    halves = tuned | {"HALVES": 1, "ALL_V": 1}
    paired = halves | {"PAIRED": 1, "ALL_V": 0}
    apart = paired | {"FIRST_APART": 1, "ALL_V": 1, "DOUBLE": 0}
    backwards = paired | {"FIRST_APART": 1, "BACKWARDS": 1}
    all_v = backwards | {"ALL_V": 1}
    return [
        {},
        swizzled,
        eager,
        sliced,
        double,
        fused,
        tuned,
        halves,
        paired,
        apart,
        apart,  # how O goes to shared memory
        apart,  # tidier code
        backwards,
        all_v,  # how O goes to global memory
        backwards,  # where the compiler keeps O
        all_v | {"HEADS": 16},
    ]


def attention(row: str, defines: Defines, batch: int = 16, heads: int = 16, length: int = 4096) -> Case:
    """One row of T29."""
    size = batch * heads * length * HEAD * 2
    rows, keys = int(defines.get("ROWS", 64)), int(defines.get("KEYS", 64))
    return Case(
        table="T29",
        row=row,
        gpu="rtx3090",
        source="attention_fp32.cu",
        defines=defines,
        arrays=(
            *(Array(bytes=size, content="random", dtype="f16") for _ in "qkv"),
            Array(bytes=size, dtype="f16"),
        ),
        calls=(
            Call(
                kernel="attention",
                grid=(length // rows, heads, batch),
                block=(128, 1, 1),
                arguments=(Address(array=0), Address(array=1), Address(array=2), Address(array=3), heads, length),
                shared=(rows + 2 * keys) * HEAD * 2,
            ),
        ),
        flops=4 * batch * heads * length**2 * HEAD,
        least_bytes=4 * size,
        math="fp16",
        warm=False,
        clock_mhz=1680,
    )


CASES: tuple[Case, ...] = tuple(attention(f"T29-{number:02}", step) for number, step in enumerate(steps(), 1))
